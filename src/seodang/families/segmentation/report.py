"""The report of a segmentation model: how well it does, where it fails, what it looks at, and how it was trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seodang.core.family import Trained
from seodang.draw.charts import bars, training_curves
from seodang.draw.network import network_picture, trace
from seodang.draw.panels import panels
from seodang.draw.report import Report
from seodang.draw.run_page import RunPage
from seodang.draw.table import Cell, Table
from seodang.families.segmentation.data import Seen, SegmentationData
from seodang.families.segmentation.masks import IGNORED, Classes
from seodang.families.segmentation.predictor import SegmentationPredictor, class_colours, confidence_picture, shown
from seodang.families.segmentation.settings import SegmentationSettings
from seodang.families.segmentation.unet import UNet

MEASURES = {"dice": "Dice", "iou": "IoU", "boundary_f": "boundary F", "pixel_accuracy": "pixel accuracy"}
WRONG_COLOURS = {"right": (120, 120, 120), "missed": (0, 114, 178), "false": (213, 94, 0), "confused": (204, 121, 167)}
"""Of the error map, told apart by all eyes; a wrong class where something was found is confused."""
FILTERS, ACTIVATIONS = 24, 8  # of the first layer, and channels of each skip, that are shown
LARGEST_SHOWN = 512  # side of the image whose activations are shown


@dataclass(frozen=True)
class Page(RunPage[SegmentationSettings, SegmentationPredictor, SegmentationData]):
    """A report on its way to a folder, and what several sections need."""

    @cached_property
    def by_dice(self) -> list[Seen]:
        """The test images, best first, as evaluation found them."""
        if self.data is None:
            return []
        by_name = {one.pair.name: one for one in self.data.parts["test"]}
        names = [str(row[0]) for row in reversed(self.evaluation["tables"]["images"]["rows"])]
        return [by_name[name] for name in names if name in by_name]


def write_report(
    trained: Trained[SegmentationSettings], predictor: SegmentationPredictor, data: SegmentationData | None, folder: Path
) -> Path:
    """Write index.html, which needs nothing else, and each of its pictures as PNG beside it.

    Args:
        trained: The finished run.
        predictor: Its model.
        data: The images it was trained on; None when they are gone, and the page then says what it lacks.
        folder: An existing folder.

    Returns: The path of the page.
    """
    record = trained.run.settings()
    learned = Path(record["source"]).name
    report = Report(f"{trained.run.path.name}: segmentation", f"{trained.settings.model.model}, trained on {learned}")
    page = Page(report, folder, trained, predictor, data, trained.run.read_json("evaluation.json"))
    _write_result(page, record)
    _write_examples(page)
    _write_sizes(page)
    _write_training(page)
    _write_network(page)
    _write_data(page)
    page.settings()
    page.environment()
    _write_next(page)
    return page.save()


def error_map(predicted: Classes, true: Classes) -> NDArray[np.uint8]:
    """Each pixel by what became of it, (height, width, 3): right, missed, false or confused; white is background in both."""
    picture = np.full((*true.shape, 3), 255, np.uint8)
    known = true != IGNORED
    picture[known & (true > 0) & (predicted == true)] = WRONG_COLOURS["right"]
    picture[known & (true > 0) & (predicted == 0)] = WRONG_COLOURS["missed"]
    picture[known & (true == 0) & (predicted > 0)] = WRONG_COLOURS["false"]
    picture[known & (true > 0) & (predicted > 0) & (predicted != true)] = WRONG_COLOURS["confused"]
    return picture


def _write_result(page: Page, record: Mapping[str, Any]) -> None:
    report, evaluation = page.report, page.evaluation
    model, yardstick = evaluation["measures"], evaluation["yardstick"]
    report.heading("Result")
    dice = model["dice"]
    says = f"On {evaluation['rows']:,} images that it never saw, the model reaches a mean Dice of {dice['value']:.4f}"
    if yardstick:
        better = "ahead of" if dice["value"] > yardstick["dice"]["value"] else "behind"
        says += f", {better} the yardstick ({evaluation['yardstick_name']}), which has {yardstick['dice']['value']:.4f}"
    report.paragraph(says + ".")
    report.table(page.measures_table(MEASURES, "Of each image, then averaged; the interval is over images"))
    report.table(page.measured_table("classes", "Each class"))
    if page.data is None:
        report.note(
            f"The images are no longer at {record['source']}, or have changed. So this page lacks examples and activations; "
            f"bring them back and run `seodang explain {page.run}` again."
        )


def _write_examples(page: Page) -> None:
    if not page.by_dice or page.data is None:
        return
    page.report.heading("Best, median and worst")
    count = len(page.by_dice)
    places = {"best": 0, "median": count // 2, "worst": count - 1} if count > 2 else {"best": 0, "worst": 1}
    chosen = {name: page.by_dice[place] for name, place in places.items() if place < count}
    colours = class_colours(page.predictor.code)
    rows = []
    for one in chosen.values():
        image, classes = page.data.picture(one)
        found = page.predictor.segmenter.mask(image)
        truth = colours[np.where(classes == IGNORED, 0, classes)]
        rows.append(
            [
                (Path(one.pair.name).name, shown(image)),
                ("truth", truth),
                ("prediction", colours[found.classes]),
                ("errors", error_map(found.classes, classes)),
                ("confidence", confidence_picture(found.confidence)),
            ]
        )
    alt = "Image, true mask, predicted mask, error map and confidence of the best, the median and the worst test image."
    caption = "Errors: grey is right, blue missed, orange false, purple another class. Confidence: white is certain."
    page.picture("examples", panels(rows, title="Test images by Dice", alt=alt, names=list(chosen)), caption)
    page.report.table(page.measured_table("images", "Every test image, the worst first"))


def _write_sizes(page: Page) -> None:
    table = page.evaluation["tables"]["sizes"]
    if not table["rows"]:
        return
    page.report.heading("By size of object")
    shares = {f"{row[0]} pixels": float(row[2]) for row in table["rows"]}
    counts = {f"{row[0]} pixels": int(row[1]) for row in table["rows"]}
    picture = bars(shares, title="Dice by size of object", value_label="Dice", counts=counts)
    caption = (
        "Connected objects of the true masks, a quarter of them in each bar; a predicted pixel belongs to the nearest object."
    )
    page.picture("sizes", picture, caption)
    page.report.table(page.measured_table("sizes"))


def _write_training(page: Page) -> None:
    page.report.heading("Training")
    rows, timings = page.trained.run.rows("metrics.jsonl"), page.trained.run.rows("timings.jsonl")
    losses: dict[str, tuple[list[float], list[float]]] = {"training loss": ([], [])}
    measures: dict[str, tuple[list[float], list[float]]] = {"validation Dice": ([], [])}
    for row in rows:
        if row["kind"] == "step":
            losses["training loss"][0].append(row["epoch"])
            losses["training loss"][1].append(row["loss"])
        elif row["kind"] == "evaluation":
            measures["validation Dice"][0].append(row["epoch"])
            measures["validation Dice"][1].append(row["dice"])
    kept = [row["epoch"] for row in rows if row.get("is_best")]
    picture = training_curves(losses, measures, measure_label="Dice", best=kept[-1] if kept else None)
    page.picture("training", picture, "Cross-entropy and Dice loss together on pieces; below, Dice on whole validation images.")
    seconds = sum(row.get("seconds", 0.0) for row in timings)
    pieces = sum(row.get("rows", 0) for row in timings)
    page.report.facts(
        {
            "steps": max((row["step"] for row in rows), default=0),
            "epoch kept": kept[-1] if kept else None,
            "pieces learned from": pieces,
            "seconds of updates": round(seconds, 1),
            "pieces a second": round(pieces / seconds, 1) if seconds else None,
        }
    )


def _write_network(page: Page) -> None:
    network = page.predictor.network
    if network is None:
        return
    report, patch = page.report, page.trained.settings.training.patch_size
    report.heading("The network")
    assert patch is not None, "resolved"
    images = torch.zeros(2, network.first.in_channels, patch, patch, device=network.score.weight.device)
    drawn = trace(network, (images,))
    report.paragraph(
        f"A pixel's class depends on the image up to {network.receptive_radius} pixels away; tiles of large images "
        "overlap by as much."
    )
    page.picture("network", network_picture(drawn, "The U-Net"), table=drawn.table())
    _write_filters(page, network)
    if page.by_dice and page.data is not None:
        _write_activations(page, network, page.data.picture(page.by_dice[len(page.by_dice) // 2])[0])


def _write_filters(page: Page, network: UNet) -> None:
    weights = network.first.weight.detach().float().cpu().numpy()[:FILTERS]
    if weights.shape[1] not in (1, 3):
        return
    most = np.abs(weights).max()
    small = [((one.transpose(1, 2, 0) / most + 1) * 127.5).astype(np.uint8) for one in weights]
    tiles = [(str(number), one[:, :, 0] if one.shape[2] == 1 else one) for number, one in enumerate(small, 1)]
    rows = [tiles[start : start + 8] for start in range(0, len(tiles), 8)]
    alt = f"The first {len(tiles)} filters of the first convolution, 3 x 3 pixels each."
    page.picture("filters", panels(rows, title="Filters of the first convolution", alt=alt), "Grey is 0.")


def _write_activations(page: Page, network: UNet, image: NDArray[Any]) -> None:
    side = min(LARGEST_SHOWN, *image.shape[:2])
    side = max(side // network.stride, 1) * network.stride
    piece = page.predictor.segmenter.scaling.apply(image)[:side, :side]
    if piece.shape[0] < network.stride or piece.shape[1] < network.stride:
        return
    seen: list[Tensor] = []
    hooks = [encoder.register_forward_hook(lambda _, __, output: seen.append(output[0])) for encoder in network.encoders]
    try:
        with torch.inference_mode():
            network.eval()(torch.from_numpy(piece.transpose(2, 0, 1).copy())[None].to(network.score.weight.device))
    finally:
        for hook in hooks:
            hook.remove()
    rows = []
    for features in seen:
        strongest = features.float().std((1, 2)).argsort(descending=True)[:ACTIVATIONS].tolist()
        rows.append([(f"channel {number}", features[number].float().cpu().numpy()) for number in strongest])
    names = [f"level {number}" for number in range(1, len(rows) + 1)]
    alt = "What the skips of each level carry for the median test image, the most varied channels."
    caption = "Each level hands these across to the decoder: edges and grain at the top, whole objects below."
    page.picture("activations", panels(rows, title="Activations of the skips", alt=alt, names=names), caption)


def _write_data(page: Page) -> None:
    report = page.report
    report.heading("Data")
    facts = page.trained.run.read_json("environment.json")["data"]
    report.facts({f"images, {name}": count for name, count in facts["images"].items()})
    shares = page.predictor.preprocessing["shares"]
    names = page.predictor.code.names
    rows: list[list[Cell]] = [[name, round(share, 4)] for name, share in zip(names, shares, strict=True)]
    report.table(Table(["class", "part of the training pixels"], rows))
    page.data_notes(facts)


def _write_next(page: Page) -> None:
    report, run = page.report, page.run
    report.heading("Use it")
    report.code(
        f"seodang predict {run} photo.jpg --out mask.png --overlay overlay.png\n"
        f"seodang predict {run} folder/ --out masks/\n"
        f"seodang evaluate {run} more-images/\n"
        f"seodang export {run}"
    )
    report.paragraph("The same in Python:")
    report.code(
        f'import seodang\n\nrun = seodang.load("{run}")\n'
        'mask = run.predict("photo.jpg")\nprint(mask.shares, mask.classes.shape)'
    )
