"""How well whole images are segmented, as measures and tables; what `evaluate` prints and the report shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, label

from seodang.core.family import Evaluation, Measure
from seodang.core.values import Table
from seodang.data.images import Pixels
from seodang.families.segmentation.data import Labelled
from seodang.families.segmentation.masks import IGNORED, Classes
from seodang.families.segmentation.measures import OUTLINE_TOLERANCE, Confusion, foreground, outline_f
from seodang.metrics.intervals import mean_interval

Segment = Callable[[Pixels], Classes]
OBJECT_SIZES = 4  # slices of the table of sizes, equally many objects each
FOUND = 0.5  # of an object's pixels must be predicted for it to count as found


@dataclass(frozen=True)
class ImageScore:
    """How well one image was segmented."""

    name: str
    confusion: Confusion
    outline: NDArray[np.float64]
    """Boundary F, (classes,)."""
    objects: NDArray[np.float64]
    """Pixels, the part of them found and Dice, of each connected object of any class but the background, (objects, 3).

    A predicted pixel belongs to the object nearest to it.
    """

    @property
    def dice(self) -> float:
        """Mean over the classes but the background."""
        return foreground(self.confusion.dice)


def score_images(images: Iterable[Labelled], segment: Segment, num_classes: int) -> list[ImageScore]:
    """Segment and measure one image after another."""
    scores = []
    for name, image, classes in images:
        predicted = segment(image)
        tolerance = max(1.0, OUTLINE_TOLERANCE * float(np.hypot(*classes.shape)))
        outline = outline_f(predicted, classes, num_classes, tolerance)
        scores.append(
            ImageScore(name, Confusion.of(predicted, classes, num_classes), outline, _objects(predicted, classes, num_classes))
        )
    return scores


def evaluate_scores(
    source: str, scores: Sequence[ImageScore], class_names: Sequence[str], yardstick_name: str, yardstick: Sequence[ImageScore]
) -> Evaluation:
    """Measures with 95 % intervals over images, beside the yardstick's, and tables that say where the model fails."""
    return Evaluation(
        source=source,
        rows=len(scores),
        unit="images",
        measures=measures(scores),
        yardstick_name=yardstick_name,
        yardstick=measures(yardstick) if yardstick else {},
        tables={"classes": class_table(scores, class_names), "sizes": size_table(scores), "images": image_table(scores)},
    )


def measures(scores: Sequence[ImageScore]) -> dict[str, Measure]:
    """Dice, intersection over union, boundary F and pixel accuracy: of each image, then averaged."""
    columns = {
        "dice": [one.dice for one in scores],
        "iou": [foreground(one.confusion.iou) for one in scores],
        "boundary_f": [foreground(one.outline) for one in scores],
        "pixel_accuracy": [one.confusion.accuracy for one in scores],
    }
    return {name: Measure(float(np.nanmean(values)), *mean_interval(np.array(values))) for name, values in columns.items()}


def class_table(scores: Sequence[ImageScore], class_names: Sequence[str]) -> Table:
    """Each class: averaged over the images that have it, and over all pixels together."""
    together = Confusion(np.sum([one.confusion.counts for one in scores], axis=0))
    rows = []
    for number, name in enumerate(class_names):
        dice = np.array([one.confusion.dice[number] for one in scores])
        iou = np.array([one.confusion.iou[number] for one in scores])
        outline = np.array([one.outline[number] for one in scores])
        pixels = int(together.counts[number].sum())
        mean = (float(np.nanmean(values)) if not np.isnan(values).all() else None for values in (dice, iou, outline))
        rows.append((name, *mean, float(together.dice[number]), int((~np.isnan(dice)).sum()), pixels))
    return Table(("class", "Dice", "IoU", "boundary F", "Dice of all pixels", "images", "pixels"), tuple(rows))


def size_table(scores: Sequence[ImageScore]) -> Table:
    """How much of objects is found, by their size: a quarter of all objects in each row."""
    objects = np.concatenate([one.objects for one in scores])
    objects = objects[np.argsort(objects[:, 0], kind="stable")]
    rows = []
    for some in np.array_split(objects, OBJECT_SIZES):
        if len(some):
            found = float((some[:, 1] >= FOUND).mean())
            size = f"{int(some[0, 0]):,} to {int(some[-1, 0]):,}"
            rows.append((size, len(some), float(some[:, 2].mean()), float(some[:, 1].mean()), found))
    return Table(("pixels", "objects", "Dice", "part of them found", "objects found by half"), tuple(rows))


def image_table(scores: Sequence[ImageScore]) -> Table:
    """Every image, the worst first."""
    order = sorted(scores, key=lambda one: (one.dice, one.name))
    rows = tuple(
        (one.name, one.dice, foreground(one.confusion.iou), foreground(one.outline), one.confusion.accuracy) for one in order
    )
    return Table(("image", "Dice", "IoU", "boundary F", "pixel accuracy"), rows)


def _objects(predicted: Classes, true: Classes, num_classes: int) -> NDArray[np.float64]:
    found = [np.empty((0, 3))]
    known = true != IGNORED
    for number in range(1, num_classes):
        objects, count = label(true == number)
        if count:
            sizes = np.bincount(objects.ravel(), minlength=count + 1)[1:]
            chosen = (predicted == number) & known
            hits = np.bincount(objects[chosen], minlength=count + 1)[1:]
            rows, columns = distance_transform_edt(objects == 0, return_distances=False, return_indices=True)
            near = np.bincount(objects[rows[chosen], columns[chosen]], minlength=count + 1)[1:]
            found.append(np.stack([sizes, hits / sizes, 2 * hits / (sizes + near)], 1))
    return np.concatenate(found)
