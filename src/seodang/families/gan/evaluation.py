"""How good made images are: against real ones, beside as many other real ones, and beside a yardstick."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seodang.core.errors import DataError
from seodang.core.family import Evaluation, Measure
from seodang.core.values import Table
from seodang.data.records import counted
from seodang.families.gan.comparing import Distances, Reference, pixel_rows, shifted
from seodang.families.gan.data import GanData, Part
from seodang.families.gan.judging import described
from seodang.families.gan.making import latents_of
from seodang.families.gan.predictor import GanPredictor
from seodang.families.gan.training import chosen
from seodang.families.gan.yardstick import PixelMixture
from seodang.metrics.distributions import nearest
from seodang.nn.judge import ROTATIONS, JudgeSource, JudgeValidation

YARDSTICK = "a mixture of Gaussians over pixels"
DRAWS = 4  # sets of images that are made, for an interval
T95 = 3.182446  # 97.5 % of Student's distribution with a degree of freedom less than there are draws lies below
SEED_OF_DRAWS = 1 << 20  # apart from the seeds that were watched while training
COPIES_LOOKED_AT = 1000
COPY_SHARE = 0.01
"""Of real test images that are so near to a training image: what is nearer counts as a copy."""
ALARMING_COPIES = 0.1
LEAST_LEARNED = 0.2  # of the way from chance to everything, that a judge must have come
SAME = 0.1  # apart, pixel by pixel: images that are equal but for rounding
FEWEST = 20  # of each half


class Made(NamedTuple):
    """Images of one draw, and the classes that were asked for."""

    images: Tensor
    classes: Tensor | None


@dataclass(frozen=True)
class Copies:
    """How near made images are to training images, pixel by pixel, beside how near real test images are."""

    share: float
    near: float
    made: NDArray[np.float32]
    real: NDArray[np.float32]
    numbers: NDArray[np.int64]
    """The nearest training image of each made one."""


def evaluate(predictor: GanPredictor, data: GanData) -> Evaluation:
    """Everything, against the training images; those held out tell what is near by chance."""
    found = against(predictor, data.train, f"the training images of {data.source}")
    copies = find_copies(predictor, data)
    table = Table(
        ("images", "nearest training image, median", f"nearer than {COPY_SHARE:.0%} of test images"),
        (
            ("made", float(np.median(copies.made)), copies.share),
            ("real, of the test part", float(np.median(copies.real)), COPY_SHARE),
        ),
    )
    notes = [*found.notes, *_of_the_judge(predictor, data.test)]
    if copies.share > ALARMING_COPIES:
        notes.append(
            f"alarm: {copies.share:.0%} of the images made are nearer to a training image than {COPY_SHARE:.0%} of real test "
            "images are; the generator may know training images by heart."
        )
    measures = {**found.measures, "copies": Measure(copies.share)}
    tables = {**found.tables, "memory": table}
    return Evaluation(
        found.source, found.rows, measures, found.yardstick_name, found.yardstick, tables, tuple(notes), unit="images made"
    )


def _of_the_judge(predictor: GanPredictor, held_out: Part) -> list[str]:
    """How much the judge that reports has learned itself: one that guesses tells nothing."""
    assert predictor.networks is not None
    judge, names = predictor.networks.judges.reporting, predictor.preprocessing["class_names"]
    classes = held_out.classes if names else None
    source = JudgeSource(held_out.images, classes, predictor.preprocessing["size"], 1, predictor.device.torch)
    right = JudgeValidation(judge, source, predictor.device).measure()["accuracy"]
    chance = float(np.bincount(held_out.classes).max() / len(held_out.classes)) if names else 1 / ROTATIONS
    if right >= chance + LEAST_LEARNED * (1 - chance):
        return [f"The judge gets {right:.1%} of the test images right; by chance it would be {chance:.1%}."]
    return [
        f"alarm: the judge gets {right:.1%} of the test images right, and by chance it would be {chance:.1%}: it has learned "
        "too little for its distances to mean anything. More images or more judge steps help."
    ]


def against(predictor: GanPredictor, real: Part, source: str) -> Evaluation:
    """Distances to real images, with the reporting judge.

    Raises: DataError: There are too few real images.
    """
    networks = predictor.networks
    if networks is None:
        raise DataError("the judges come with PyTorch's own model alone; load the run without an engine to measure it")
    count = min(predictor.settings.measuring.samples, len(real.images) // 2)
    if count < FEWEST:
        raise DataError(f"{source}: expected {2 * FEWEST} images at least to compare with, got {len(real.images)}.")
    halves = chosen(real.images, 2 * count, "halves")
    reference = Reference(networks.judges.reporting, halves[:count], predictor.device)
    draws = [make(predictor, count, number) for number in range(DRAWS)]
    seen = [reference.see(draw.images) for draw in draws]
    found = reference.distances(seen[0].features)
    fids = np.array([found.fid, *(reference.fid(one.features) for one in seen[1:])])
    half = T95 * float(fids.std(ddof=1)) / DRAWS**0.5
    found = replace(found, fid=float(fids.mean()))
    mixture = reference.see(PixelMixture(real.images).draw(count))
    rows = {
        "made by the model": found,
        "real: the other half (the floor)": reference.distances(reference.see(halves[count:]).features),
        "real, moved by one pixel": reference.distances(reference.see(shifted(halves[count:])).features),
        YARDSTICK: reference.distances(mixture.features),
    }
    measures = {
        "fid": Measure(found.fid, max(0.0, found.fid - half), found.fid + half),
        "precision": Measure(found.precision),
        "recall": Measure(found.recall),
        "variety": Measure(found.variety),
    }
    yardstick = {name: Measure(value) for name, value in asdict(rows[YARDSTICK]).items()}
    tables = {"distances": distance_table(rows)}
    names = predictor.preprocessing["class_names"]
    if names:
        shares = np.bincount(seen[0].classes, minlength=len(names)) / count
        real_shares = np.bincount(reference.seen.classes, minlength=len(names)) / count
        right = asked_and_right(draws[0].classes, seen[0].classes, len(names))
        tables["classes"] = class_table(names, real_shares, shares, right)
        there = real_shares > 0
        measures["coverage"] = Measure(float((shares > real_shares / 10)[there].mean()))
        measures["imbalance"] = Measure(float(np.abs(shares - real_shares).sum() / 2))
        if draws[0].classes is not None:
            measures["as_asked"] = Measure(float((draws[0].classes.numpy() == seen[0].classes).mean()))
    notes = (
        f"{counted(count, 'image')} made and as many real ones; figures of other counts cannot be compared. The judges are "
        f"{described(predictor.preprocessing, predictor.settings.measuring.judge or 'own')}: one chose the weights, another "
        "measures here.",
    )
    return Evaluation(source, count, measures, YARDSTICK, yardstick, tables, notes, unit="images made")


def make(predictor: GanPredictor, count: int, draw: int) -> Made:
    """A set of images that no other draw has."""
    seeds = range(SEED_OF_DRAWS + draw * count, SEED_OF_DRAWS + (draw + 1) * count)
    latents = latents_of(seeds, predictor.settings.model.latent_dim)
    classes = predictor.classes(seeds)
    return Made(predictor.make(latents, classes), classes)


def find_copies(predictor: GanPredictor, data: GanData) -> Copies:
    """Whether made images are nearer to training images than real images of the test part are.

    Test images that stand among the training images too say nothing of what is near by chance.
    """
    learned = pixel_rows(data.train.images)
    if predictor.settings.training.mirror:
        learned = np.concatenate([learned, pixel_rows(data.train.images.flip(3))])
    made = pixel_rows(make(predictor, COPIES_LOOKED_AT, DRAWS).images)
    real = pixel_rows(chosen(data.test.images, COPIES_LOOKED_AT, "copies"))
    numbers, distances = nearest(made, learned)
    real_distances = nearest(real, learned)[1]
    others = real_distances[real_distances > SAME]
    near = float(np.quantile(others, COPY_SHARE)) if len(others) else SAME
    return Copies(float((distances < near).mean()), near, distances, real_distances, numbers % len(data.train.images))


def asked_and_right(asked: Tensor | None, seen: NDArray[np.int64], classes: int) -> list[float | None]:
    """Of the images of each class that was asked for, the part that the judge takes for it."""
    if asked is None:
        return [None] * classes
    wanted = asked.numpy()
    return [float((seen[wanted == number] == number).mean()) if (wanted == number).any() else None for number in range(classes)]


def distance_table(rows: dict[str, Distances]) -> Table:
    """Each kind of images beside the others."""
    cells = tuple((name, one.fid, one.precision, one.recall, one.variety) for name, one in rows.items())
    return Table(("images", "FID", "precision", "recall", "variety"), cells)


def class_table(names: list[str], real: NDArray[np.float64], made: NDArray[np.float64], right: list[float | None]) -> Table:
    """How often each class is made, beside how often it is real."""
    headers = ("class", "part of the real images", "part of the made images", "made as asked")
    rows = tuple((name, float(real[number]), float(made[number]), right[number]) for number, name in enumerate(names))
    if all(one is None for one in right):
        return Table(headers[:3], tuple(row[:3] for row in rows))
    return Table(headers, rows)


def as_part(data: GanData) -> Part:
    """All images of a source, whatever part they are of."""
    both = (data.train, data.test)
    return Part(torch.cat([part.images for part in both]), torch.cat([part.classes for part in both]))
