"""The report of a translation model: how near its answers come, how they became so, and how it was trained."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from seodang.core.family import Trained
from seodang.core.files import write_bytes
from seodang.data.images import read_image
from seodang.draw.animation import gif
from seodang.draw.charts import bars, training_curves
from seodang.draw.network import network_picture, trace
from seodang.draw.panels import panels
from seodang.draw.report import Report
from seodang.draw.run_page import RunPage, measured_cells
from seodang.draw.table import Cell, Table
from seodang.families.translation.data import TranslationData
from seodang.families.translation.evaluation import LESS_IS_BETTER
from seodang.families.translation.judges import CHOOSING, REPORTING
from seodang.families.translation.pixels import as_numbers
from seodang.families.translation.predictor import TranslationPredictor
from seodang.families.translation.settings import TranslationSettings
from seodang.families.translation.showing import difference_map, narrowed, shown
from seodang.families.translation.training import TRAINING, Generator
from seodang.families.translation.validation import PROGRESS

MEASURES = {"l1": "L1", "psnr": "PSNR, dB", "ssim": "SSIM", "perceptual": "perceptual distance", "kid": "KID"}
MOST_FRAMES = 40  # of the animation: more of them tell no more
FRAME_WIDTH = 600  # pixels of them at most: 40 of larger ones would make the page tens of megabytes
SECONDS_A_FRAME = 0.4
UNPAIRED_SHOWN = 6
TURNS = 0.25  # of four turns are right by chance


@dataclass(frozen=True)
class Page(RunPage[TranslationSettings, TranslationPredictor, TranslationData]):
    """A report on its way to a folder, and what several sections need."""

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """Of metrics.jsonl."""
        return self.trained.run.rows("metrics.jsonl")


def write_report(
    trained: Trained[TranslationSettings], predictor: TranslationPredictor, data: TranslationData | None, folder: Path
) -> Path:
    """Write index.html, which needs nothing else, and each of its pictures beside it.

    Args:
        trained: The finished run.
        predictor: Its model.
        data: The images it was trained on; None when they are gone, and the page then says what it lacks.
        folder: An existing folder.

    Returns: The path of the page.
    """
    record = trained.run.settings()
    learned = Path(record["source"]).name
    how = "pairs of images" if predictor.paired else "unpaired images"
    report = Report(f"{trained.run.path.name}: translation", f"learned from the {how} of {learned}")
    page = Page(report, folder, trained, predictor, data, trained.run.read_json("evaluation.json"))
    _write_result(page)
    if data is None:
        report.note("The images are gone or have changed since: there are no examples.")
    elif predictor.paired:
        _write_examples(page, data)
    else:
        _write_unpaired_examples(page, data)
    _write_progress(page)
    _write_training(page)
    _write_network(page)
    _write_data(page)
    page.settings()
    page.environment()
    _write_next(page)
    return page.save()


def _write_result(page: Page) -> None:
    report, evaluation = page.report, page.evaluation
    model, yardstick = evaluation["measures"], evaluation["yardstick"]
    report.heading("Result")
    main = next(iter(model))
    ahead = [MEASURES[name] for name in model if _better(name, model[name]["value"], yardstick[name]["value"])]
    behind = [MEASURES[name] for name in model if MEASURES[name] not in ahead]
    says = (
        f"On {evaluation['rows']:,} images that it never saw, {MEASURES[main]} is {model[main]['value']:.4f}; the yardstick, "
        f"{evaluation['yardstick_name']}, has {yardstick[main]['value']:.4f}."
    )
    says += f" The model is ahead in {', '.join(ahead) or 'nothing'}" + (f", behind in {', '.join(behind)}." if behind else ".")
    report.paragraph(says)
    rows: list[list[Cell]] = [
        [MEASURES[name], *measured_cells(model[name]), *measured_cells(yardstick[name])[:1]] for name in model
    ]
    report.table(Table(["measure", "model", "95 % interval", "yardstick"], rows))
    report.table(page.measured_table("yardsticks", "The model and each yardstick by itself"))
    report.paragraph(
        "L1 is the mean difference of pixels from 0 to 1. Perceptual distance and KID are taken in the features of a network "
        "that was trained in this run to tell which way up the training targets are; another one of another width chose the "
        "epoch. In another run, with another seed, size or number of judge steps, the judges see otherwise: its figures are "
        "not exactly comparable with these."
    )
    _write_judges(page)
    for note in evaluation["notes"]:
        report.note(note)


def _write_judges(page: Page) -> None:
    """How well both judges tell turns, without which their measures say little."""
    shares = {}
    for stage in (CHOOSING, REPORTING):
        told = [row["accuracy"] for row in page.rows if row["kind"] == "evaluation" and row["stage"] == stage]
        if told:
            shares["the one that chooses the epoch" if stage == CHOOSING else "the one that reports"] = max(told)
    if shares:
        picture = bars(
            shares,
            title="Turns that the judges tell right",
            value_label="part of validation targets",
            reference=("chance", TURNS),
        )
        page.picture("judges", picture, "A judge near chance has learned little of these images, and its measures say little.")


def _better(name: str, one: float, other: float) -> bool:
    return one < other if LESS_IS_BETTER[name] else one > other


def _write_examples(page: Page, data: TranslationData) -> None:
    page.report.heading("Best, median and worst")
    part = data.parts["test"]
    by_name = {name: row for row, name in enumerate(part.names)}
    order = [by_name[str(row[0])] for row in reversed(page.evaluation["tables"]["images"]["rows"]) if str(row[0]) in by_name]
    places = {"best": 0, "median": len(order) // 2, "worst": len(order) - 1}
    chosen = {name: order[place] for name, place in places.items() if name == "best" or place}
    rows = []
    for row in chosen.values():
        source = as_numbers(part.sources[row][None])
        answer, target = page.predictor.translator.answers(source)[0], as_numbers(part.targets[row][None])[0]
        rows.append(
            [
                (Path(part.names[row]).name, shown(part.sources[row])),
                ("answer", shown(answer)),
                ("target", shown(part.targets[row])),
                ("difference", difference_map(answer, target)),
            ]
        )
    alt = "Source, answer, target and their difference for the best, the median and the worst test image."
    caption = "Differences: black is none, light yellow white against black, as in L1."
    page.picture("examples", panels(rows, title="Test images by perceptual distance", alt=alt, names=list(chosen)), caption)
    page.report.table(page.measured_table("images", "Every test image, the worst first"))


def _write_unpaired_examples(page: Page, data: TranslationData) -> None:
    page.report.heading("Examples")
    part = data.parts["test"]
    rows = []
    for row in range(min(UNPAIRED_SHOWN, len(part))):
        answer = page.predictor.translator.answers(as_numbers(part.sources[row][None]))[0]
        rows.append([(Path(part.names[row]).name, shown(part.sources[row])), ("answer", shown(answer))])
    pairs = [[*rows[start], *rows[start + 1]] if start + 1 < len(rows) else rows[start] for start in range(0, len(rows), 2)]
    alt = f"{len(rows)} test sources with their answers."
    page.picture("examples", panels(pairs, title="Test sources and answers", alt=alt))


def _write_progress(page: Page) -> None:
    files = [path for _, path in page.trained.run.progress(PROGRESS)]
    if not files:
        return
    page.report.heading("Epoch by epoch")
    chosen = np.unique(np.linspace(0, len(files) - 1, min(MOST_FRAMES, len(files))).round().astype(int))
    frames = [narrowed(read_image(files[number]), FRAME_WIDTH) for number in chosen]
    data = gif(frames, SECONDS_A_FRAME)
    write_bytes(page.folder / "progress.gif", data)
    columns = "source, answer, target" if page.predictor.paired else "source, answer"
    caption = f"Validation images ({columns}) after {len(frames)} of {len(files)} epochs; progress.gif lies beside this page."
    page.report.animation(data, "Answers to the same images, epoch by epoch.", caption)


def _write_training(page: Page) -> None:
    page.report.heading("Training")
    losses: dict[str, tuple[list[float], list[float]]] = {}
    measures: dict[str, tuple[list[float], list[float]]] = {}
    own = [row for row in page.rows if row["stage"] == TRAINING]
    of_pairs = page.predictor.paired
    for row in own:
        if row["kind"] == "step":
            for name in ("generator_loss", "discriminator_loss"):
                _add(losses, name.replace("_", " "), row["epoch"], row[name])
        elif row["kind"] == "evaluation":
            for name in ("perceptual", "l1", "kid") if of_pairs else ("kid",):
                if name in row:
                    _add(measures, MEASURES[name], row["epoch"], row[name])
    kept = [row["epoch"] for row in own if row.get("is_best")]
    best = kept[-1] if kept else None
    picture = training_curves(losses, measures, measure_label="validation", best=best)
    chosen_by = "perceptual distance" if of_pairs else "KID"
    caption = (
        f"Losses of the game, which need not fall; below, measures of the averaged generator. Kept: the least {chosen_by}."
    )
    page.picture("training", picture, caption)
    timings = [row for row in page.trained.run.rows("timings.jsonl") if row["stage"] == TRAINING]
    seconds = sum(row.get("seconds", 0.0) for row in timings)
    steps = max((row["step"] for row in own), default=0)
    images = sum(row.get("rows", 0) for row in timings)
    page.report.facts(
        {
            "steps": steps,
            "epoch kept": best,
            "images learned from": images,
            "seconds of updates": round(seconds, 1),
            "steps a second": round(steps / seconds, 2) if seconds else None,
        }
    )
    for alarm in dict.fromkeys(alarm for row in own for alarm in row.get("alarms", ())):
        page.report.note(f"In the course of training: {alarm}.")


def _add(series: dict[str, tuple[list[float], list[float]]], name: str, x: float, y: float) -> None:
    places, values = series.setdefault(name, ([], []))
    places.append(x)
    values.append(y)


def _write_network(page: Page) -> None:
    network = page.predictor.network
    if network is None:
        return
    page.report.heading("The generator")
    generator: Generator = network  # type: ignore[assignment]
    height, width = page.predictor.preprocessing["size"]
    weight = next(network.parameters())
    drawn = trace(network, (torch.zeros(1, generator.in_channels, height, width, device=weight.device),))
    page.picture("network", network_picture(drawn, "The generator"), table=drawn.table())


def _write_data(page: Page) -> None:
    report = page.report
    report.heading("Data")
    facts = page.trained.run.read_json("environment.json")["data"]
    report.facts({f"images, {name}": count for name, count in facts["images"].items()})
    page.data_notes(facts)


def _write_next(page: Page) -> None:
    report, run = page.report, page.run
    report.heading("Use it")
    report.code(
        f"seodang predict {run} sketch.png --out photo.png\n"
        f"seodang predict {run} folder/ --out answers/\n"
        f"seodang evaluate {run} more-images/\n"
        f"seodang export {run}"
    )
    report.paragraph("The same in Python:")
    report.code(f'import seodang\n\nrun = seodang.load("{run}")\nphoto = run.predict("sketch.png").source  # an array')
