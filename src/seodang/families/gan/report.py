"""The report of a GAN: what it makes, how near that is to real images, and how its two networks learned from each other."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from seodang.core.family import Trained
from seodang.draw.animation import gif
from seodang.draw.charts import bars, lines
from seodang.draw.grids import grid
from seodang.draw.network import network_picture, trace
from seodang.draw.panels import panels
from seodang.draw.report import Report
from seodang.draw.run_page import RunPage, measured_cells
from seodang.draw.table import Cell, Table
from seodang.families.gan.data import GanData
from seodang.families.gan.evaluation import DRAWS, find_copies, make
from seodang.families.gan.generation import SECONDS_A_FRAME, walk
from seodang.families.gan.making import as_bytes, latents_of, shown
from seodang.families.gan.predictor import GanPredictor, Networks
from seodang.families.gan.settings import GanSettings
from seodang.families.gan.training import chosen

MEASURES = {
    "fid": "Fréchet distance (FID)",
    "precision": "precision",
    "recall": "recall",
    "variety": "variety",
    "coverage": "classes made",
    "imbalance": "imbalance of classes",
    "as_asked": "made as asked",
    "copies": "copies",
}
SHOWN, COLUMNS = 64, 8
NEIGHBOURS_SHOWN = 8
WALK_POINTS, WALK_STEPS = 5, 10
MOST_FRAMES = 60  # of the animation through the epochs
SECONDS_AN_EPOCH = 0.4
ENLARGED = 448  # pixels that small images are enlarged to, at most, in animations


Page = RunPage[GanSettings, GanPredictor, GanData]


def write_report(trained: Trained[GanSettings], predictor: GanPredictor, data: GanData | None, folder: Path) -> Path:
    """Write index.html, which needs nothing else, and each of its pictures as PNG beside it.

    Args:
        trained: The finished run.
        predictor: Its model.
        data: The images it was trained on; None when they are gone, and the page then says what it lacks.
        folder: An existing folder.

    Returns: The path of the page.
    """
    record = trained.run.settings()
    report = Report(
        f"{trained.run.path.name}: GAN", f"{trained.settings.model.model}, trained on {Path(record['source']).name}"
    )
    page = Page(report, folder, trained, predictor, data, trained.run.read_json("evaluation.json"))
    _write_result(page, record)
    _write_samples(page)
    _write_epochs(page)
    _write_walk(page)
    _write_neighbours(page)
    _write_classes(page)
    _write_training(page)
    _write_networks(page)
    _write_data(page)
    page.settings()
    page.environment()
    _write_next(page)
    return page.save()


def _write_result(page: Page, record: Mapping[str, Any]) -> None:
    report, evaluation = page.report, page.evaluation
    model, yardstick = evaluation["measures"], evaluation["yardstick"]
    report.heading("Result")
    rows = {row[0]: row[1] for row in evaluation["tables"]["distances"]["rows"]}
    _, floor, moved, bar = rows.values()
    report.paragraph(
        f"{evaluation['rows']:,} images were made and held against as many real ones. Their Fréchet distance is "
        f"{model['fid']['value']:.3g}. Two halves of the real images are {floor:.3g} apart, and what is nearer than that knows "
        f"them by heart; real images moved by one pixel are {moved:.3g} from others; {evaluation['yardstick_name']} reaches "
        f"{bar:.3g}."
    )
    cells: list[list[Cell]] = []
    for name, words in MEASURES.items():
        if name in model:
            beside = yardstick.get(name, {}).get("value")
            cells.append([words, *measured_cells(model[name], 3), None if beside is None else round(beside, 4)])
    report.table(
        Table(["measure", "model", "95 % interval", "yardstick"], cells, "Of noise that was never looked at while training")
    )
    report.table(page.measured_table("distances", "What the distance means"))
    for note in evaluation["notes"]:
        (report.note if note.startswith("alarm") else report.paragraph)(note)
    if page.data is None:
        report.note(
            f"The images are no longer at {record['source']}, or have changed. So this page lacks real images and neighbours; "
            f"bring them back and run `seodang explain {page.run}` again."
        )


def _write_samples(page: Page) -> None:
    page.report.heading("What it makes")
    made = make(page.predictor, SHOWN, 0).images
    beside = [("made", _grid(made))]
    if page.data is not None:
        beside.append(("real", _grid(chosen(page.data.train.images, SHOWN, "shown"))))
    alt = f"{SHOWN} images made from noise, unselected" + (", beside as many real ones." if len(beside) > 1 else ".")
    page.picture("samples", panels([beside], title="Made and real", alt=alt), "None is chosen: the first noise there is.")


def _grid(images: Tensor) -> NDArray[np.uint8]:
    return grid(shown(images), COLUMNS)


def _write_epochs(page: Page) -> None:
    pictures = page.trained.run.progress("samples")
    if not pictures:
        return
    step = -(-len(pictures) // MOST_FRAMES)
    kept = [*pictures[:-1:step], pictures[-1]]
    frames = [enlarged(np.asarray(Image.open(path))) for _, path in kept]
    page.report.heading("The same noise through the epochs")
    page.report.animation(
        gif(frames, SECONDS_AN_EPOCH),
        f"A grid of images made from the same noise after epochs {kept[0][0]} to {kept[-1][0]}.",
        f"After epoch {kept[0][0]} to {kept[-1][0]}, always from the same noise; the last one stands longest.",
    )


def enlarged(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A small picture with every pixel several times as large, so that an animation of it can be seen."""
    times = max(1, ENLARGED // max(image.shape[:2]))
    whole: NDArray[np.uint8] = image.repeat(times, 0).repeat(times, 1)
    return whole


def _write_walk(page: Page) -> None:
    page.report.heading("A walk through noise")
    found = walk(page.predictor, WALK_POINTS, WALK_STEPS, seed=0)
    page.report.animation(
        gif([enlarged(frame) for frame in found.frames], SECONDS_A_FRAME),
        "Images that change into each other as their noise changes.",
        "Each cell walks through five points of noise and back to the first. Where all images on the way are good ones, the "
        "generator has learned more than a list of images.",
    )


def _write_neighbours(page: Page) -> None:
    if page.data is None:
        return
    page.report.heading("Does it know images by heart?")
    copies = find_copies(page.predictor, page.data)
    order = np.argsort(copies.made)
    places = np.unique(np.linspace(0, len(order) - 1, NEIGHBOURS_SHOWN).astype(np.int64))
    made = make(page.predictor, len(order), DRAWS).images
    rows = []
    for name, images in (
        ("made", made[order[places]]),
        ("nearest real", page.data.train.images[copies.numbers[order[places]]]),
    ):
        distances = copies.made[order[places]]
        words = [f"{distance:.2f}" if name == "made" else "" for distance in distances]
        rows.append(list(zip(words, shown(images), strict=True)))
    alt = (
        "Some images made, from the nearest to the furthest from any training image, above the training image nearest to each."
    )
    caption = (
        f"Above, images made, with their distance to the nearest training image, which stands below. {copies.share:.1%} of "
        f"images made are nearer than {copies.near:.2f}, as 1 % of real test images are: more would mean copies."
    )
    page.picture("neighbours", panels(rows, title="Nearest training images", alt=alt, names=["made", "nearest real"]), caption)
    page.report.table(page.measured_table("memory", "Nearness to training images, pixel by pixel"))


def _write_classes(page: Page) -> None:
    if "classes" not in page.evaluation["tables"]:
        return
    page.report.heading("Classes")
    table = page.measured_table("classes", "As the judge sees them")
    shares = {str(row[0]): float(row[2] or 0) for row in table.rows}
    page.picture("classes", bars(shares, title="Classes of the images made", value_label="part of the images made"))
    page.report.table(table)
    if not page.predictor.class_names:
        return
    names = page.predictor.class_names[: COLUMNS + 2]
    rows = [list(zip([""] * COLUMNS, shown(page.predictor.images(range(COLUMNS), [name])), strict=True)) for name in names]
    alt = "Images made of each class that was asked for, a row a class, from the same noise in every row."
    page.picture("asked", panels(rows, title="Asked for by class", alt=alt, names=list(names)), "The same noise in every row.")


def _write_training(page: Page) -> None:
    report = page.report
    report.heading("How the two learned")
    rows = [row for row in page.trained.run.rows("metrics.jsonl") if row["stage"] == "train"]
    steps = [row for row in rows if row["kind"] == "step"]
    scores = [row for row in rows if row["kind"] == "evaluation"]
    epochs = [row["epoch"] for row in steps]
    relativistic = page.trained.settings.model.model == "r3gan"
    losses = {
        "generator": (epochs, [row["generator_loss"] for row in steps]),
        "discriminator": (epochs, [row["discriminator_loss"] for row in steps]),
    }
    page.picture("losses", lines(losses, title="Losses", x_label="epoch", y_label="loss"), _loss_words(relativistic))
    if steps and "told_apart" in steps[0]:
        told = {"right": (epochs, [row["told_apart"] for row in steps])}
        picture = lines(
            told, title="Pairs of a real and a made image told apart", x_label="epoch", y_label="part that is right"
        )
        page.picture("told_apart", picture, "0.5 is guessing, as a perfect generator would have it; 1 teaches it nothing.")
    measured = {
        name: ([row["epoch"] for row in scores], [row[name] for row in scores]) for name in ("precision", "recall", "variety")
    }
    fid = {"choosing judge": ([row["epoch"] for row in scores], [row["fid"] for row in scores])}
    page.picture("fid", lines(fid, title="Fréchet distance", x_label="epoch", y_label="FID", log_y=True), _chosen_words(scores))
    page.picture("quality", lines(measured, title="Precision, recall, variety", x_label="epoch", y_label="1: like real images"))
    alarms: list[list[Cell]] = [[row["epoch"], alarm] for row in scores for alarm in row.get("alarms", ())]
    if alarms:
        report.table(Table(["epoch", "alarm"], alarms, "What went wrong on the way"))
    else:
        report.paragraph("No collapse and no divergence was noticed after any epoch.")
    frozen = page.trained.settings.training.freeze_discriminator
    if frozen is not None:
        report.note(_frozen_words(frozen, steps, scores))
        _write_last(page)


def _frozen_words(frozen: str, steps: list[dict[str, Any]], scores: list[dict[str, Any]]) -> str:
    """Why a discriminator must learn, and what came of it here."""
    end = scores[-1]
    return (
        f"The discriminator is that of {frozen} and never changed. A generator then looks for whatever this one network scores "
        "highest, real or not, and nobody tells it that the trick is old: its images become more alike and less real while its "
        f"loss falls. Here it went from {steps[0]['generator_loss']:.2f} to {steps[-1]['generator_loss']:.2f}; in the end "
        f"images are {end['variety']:.0%} as varied as real ones, cover {end['recall']:.0%} of them and are {end['fid']:.1f} "
        "away from them. In a GAN the discriminator must keep learning, because the images that fool it are what it has to "
        "learn next."
    )


def _write_last(page: Page) -> None:
    """The end of a training whose best epoch, shown above, may lie far before it."""
    pictures = page.trained.run.progress("samples")
    if pictures:
        epoch, path = pictures[-1]
        last = panels([[("", np.asarray(Image.open(path)))]], title=f"After epoch {epoch}", alt=f"Samples after epoch {epoch}.")
        page.picture("last", last, "What the last epoch made; the weights kept, and the samples above, are those of the best.")


def _loss_words(relativistic: bool) -> str:
    guessing = "0.69 each, when the discriminator can only guess"
    if not relativistic:
        guessing = "1.39 for the discriminator and 0.69 for the generator, when the discriminator can only guess"
    return (
        f"Not how good images are, but who is ahead: {guessing}. A discriminator near 0 tells everything apart, and the "
        "generator stops learning. Neither needs to fall while images become better; the distances below say whether they do."
    )


def _chosen_words(scores: list[dict[str, Any]]) -> str:
    kept = [row["epoch"] for row in scores if row["is_best"]]
    return f"The weights kept are those after epoch {kept[-1]}." if kept else ""


def _write_networks(page: Page) -> None:
    networks = page.predictor.networks
    if networks is None:
        return
    report = page.report
    report.heading("The two networks")
    report.paragraph(
        "Generator and discriminator stand in a chain: noise, generator, image, discriminator, score. In one step the "
        "discriminator learns from real and made images, and the generator stands still. In the next the score is followed "
        "back through a discriminator that does not change, into the generator, which learns which pixels would have scored "
        "higher."
    )
    device = next(networks.generator.parameters()).device
    latents = torch.zeros(2, page.predictor.settings.model.latent_dim, device=device)
    told = (torch.zeros(2, dtype=torch.int64, device=device),) if page.predictor.class_names else ()
    _write_wishes(page, networks)
    size, channels = (page.predictor.preprocessing[name] for name in ("size", "channels"))
    images = torch.zeros(2, channels, size, size, device=device)
    for name, network, given in (("generator", networks.generator, latents), ("discriminator", networks.discriminator, images)):
        drawn = trace(network, (given, *told))
        page.picture(name, network_picture(drawn, f"The {name}"), table=drawn.table())


def _write_wishes(page: Page, networks: Networks) -> None:
    """The chain at work: noise, what is made of it, and which pixels would have scored higher."""
    seeds = range(COLUMNS)
    latents, classes = latents_of(seeds, page.predictor.settings.model.latent_dim), page.predictor.classes(seeds)
    device = next(networks.generator.parameters()).device
    told = None if classes is None else classes.to(device)
    with torch.no_grad():
        made = networks.generator(latents.to(device), told)
    made = made.clamp(-1, 1).requires_grad_(True)
    scores = networks.discriminator(made, told)
    (slopes,) = torch.autograd.grad(scores.sum(), made)
    wishes = slopes.cpu() / slopes.abs().amax((1, 2, 3), keepdim=True).cpu().clamp(min=1e-12)
    rows = [
        [("", noise) for noise in _as_squares(latents)],
        [
            (f"score {score:+.1f}", one)
            for score, one in zip(scores.tolist(), shown(as_bytes(made.detach().cpu())), strict=True)
        ],
        [("", one) for one in shown(as_bytes(wishes))],
    ]
    alt = "Noise, the image made of each, and for every pixel whether a lighter or a darker one would have scored higher."
    caption = (
        "Noise as dots, what the generator makes of it with the score of the discriminator, and what the discriminator asks "
        "for: a light dot where a lighter pixel would score higher, a dark one where a darker pixel would. The last row, "
        "followed back through the generator, is all that it learns from: it never sees a real image."
    )
    page.picture("chain", panels(rows, title="The chain", alt=alt, names=["noise", "made", "asked for"]), caption)


def _as_squares(latents: Tensor) -> list[NDArray[np.uint8]]:
    """Each noise as a square of dots, black at -2, white at 2."""
    side = math.ceil(latents.shape[1] ** 0.5)
    padded = torch.nn.functional.pad(latents, (0, side * side - latents.shape[1]))
    return shown(as_bytes(padded.reshape(-1, 1, side, side) / 2))


def _write_data(page: Page) -> None:
    report = page.report
    report.heading("Data")
    facts = page.trained.run.read_json("environment.json")["data"]
    report.facts({**{f"images, {name}": count for name, count in facts["images"].items()}, "pixels": facts["pixels"]})
    page.data_notes(facts)


def _write_next(page: Page) -> None:
    report, run = page.report, page.run
    report.heading("Use it")
    label = f" --labels {page.predictor.class_names[-1]}" if page.predictor.class_names else ""
    report.code(
        f"seodang generate {run} --count 64 --seed 3{label} --out grid.png\n"
        f"seodang generate {run} --walk 10 --out walk.gif\n"
        f"seodang predict {run} 3 --out image.png\n"
        f"seodang export {run}"
    )
    report.paragraph("The same in Python:")
    report.code(f'import seodang\n\nrun = seodang.load("{run}")\npixels = run.predict(3).source\nprint(pixels.shape)')
