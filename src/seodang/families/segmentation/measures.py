"""How well predicted masks fit the true ones: overlap, outlines, pixels; by image and by class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion
from scipy.spatial import KDTree

from seodang.families.segmentation.masks import IGNORED, Classes

OUTLINE_TOLERANCE = 0.0075  # of the image's diagonal: 2.7 pixels at 256 x 256 (Csurka et al. 2013)


@dataclass(frozen=True)
class Confusion:
    """Pixels of one image by true and predicted class."""

    counts: NDArray[np.int64]
    """(true classes, predicted classes)."""

    @classmethod
    def of(cls, predicted: Classes, true: Classes, num_classes: int) -> Confusion:
        """Count; pixels of which nothing is known do not count."""
        known = true != IGNORED
        pairs = true[known].astype(np.int64) * num_classes + predicted[known]
        return cls(np.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes))

    @property
    def dice(self) -> NDArray[np.float64]:
        """Twice the overlap by both areas together, (classes,); not a number where neither has a pixel."""
        hit = np.diag(self.counts)
        return _share(2 * hit, self.counts.sum(0) + self.counts.sum(1))

    @property
    def iou(self) -> NDArray[np.float64]:
        """The overlap by what either covers, (classes,)."""
        hit = np.diag(self.counts)
        return _share(hit, self.counts.sum(0) + self.counts.sum(1) - hit)

    @property
    def accuracy(self) -> float:
        """Part of the pixels that are right."""
        return float(_share(np.trace(self.counts), self.counts.sum()))


def _share(part: NDArray[np.int64] | np.int64, whole: NDArray[np.int64] | np.int64) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore", divide="ignore"):
        shares: NDArray[np.float64] = np.divide(part, whole)
    return shares


def foreground(values: NDArray[np.float64]) -> float:
    """The mean over the classes but the background that are in either mask; 1 where none is, which is then right."""
    some = values[1:][~np.isnan(values[1:])]
    return float(some.mean()) if len(some) else 1.0


def mean_dice(confusions: Sequence[Confusion]) -> float:
    """Dice of each image, averaged."""
    return float(np.mean([foreground(one.dice) for one in confusions]))


def outline_f(predicted: Classes, true: Classes, num_classes: int, tolerance: float) -> NDArray[np.float64]:
    """Boundary F: how much of each outline lies near the other's, harmonic mean of both ways, (classes,).

    Csurka, Larlus & Perronnin 2013, "What is a good evaluation measure for semantic segmentation?".

    Args: tolerance: How near, in pixels.
    """
    found = np.full(num_classes, np.nan)
    known = true != IGNORED
    for number in range(num_classes):
        ours, theirs = _outline(predicted == number) & known, _outline(true == number) & known
        if not ours.any() and not theirs.any():
            continue
        if not ours.any() or not theirs.any():
            found[number] = 0.0
            continue
        precision, recall = _near(ours, theirs, tolerance), _near(theirs, ours, tolerance)
        found[number] = 2 * precision * recall / max(precision + recall, 1e-12)
    return found


def _near(some: NDArray[np.bool_], others: NDArray[np.bool_], tolerance: float) -> float:
    """The part of some pixels that have another one within a distance.

    Counted from 1: the tree parts points at the number next to a coordinate, next to 0 that is denormal, and training flushes
    denormal numbers to zero. It would never end, as scipy 1.17 does not.
    """
    within = 1.001 * tolerance + 1e-6  # the tree looks no further
    distances, _ = KDTree(np.argwhere(others) + 1).query(np.argwhere(some) + 1, distance_upper_bound=within)
    return float((distances <= tolerance).mean())


def _outline(area: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels of an area that touch another one; the edge of the image is no outline."""
    outline: NDArray[np.bool_] = area & ~binary_erosion(area, border_value=1)
    return outline
