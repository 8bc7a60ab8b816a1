"""How good a classifier's probabilities are: accuracy, F1, area under the ROC curve, calibration, and who is taken for whom.

Everywhere `labels` is (rows,), int64, the true class of each row from 0, and `probabilities` is (rows, classes), each row
summing to 1; the predicted class is the likeliest, of equally likely ones the first. A measure that rows cannot tell is None.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]
Floats = NDArray[np.float64]
Probabilities = NDArray[np.floating[Any]]

CALIBRATION_BINS = 15  # as in Guo et al. 2017


@dataclass(frozen=True)
class ClassScores:
    """Precision, recall and F1 of each class, each (classes,), float64; 0 where nothing was predicted or nothing was there."""

    precision: Floats
    recall: Floats
    f1: Floats
    support: Labels
    """Rows that are truly of the class."""


@dataclass(frozen=True)
class ReliabilityBins:
    """Rows grouped by how sure the prediction was, each (bins,)."""

    edges: Floats
    """Bounds of the bins, (bins + 1,)."""
    counts: Labels
    confidence: Floats
    """Mean probability of the predicted class; nan in an empty bin."""
    accuracy: Floats
    """Share of right predictions; nan in an empty bin."""

    def error(self) -> float:
        """Expected calibration error: the gap between confidence and accuracy, averaged over rows."""
        filled = self.counts > 0
        gaps = np.abs(self.confidence[filled] - self.accuracy[filled])
        return float(np.average(gaps, weights=self.counts[filled]))


def check_predictions(labels: Labels, probabilities: Probabilities) -> None:
    """Refuse labels and probabilities that do not belong together.

    Raises: ValueError: There are no rows, shapes differ, a label is no class, or a row is not a distribution.
    """
    if probabilities.ndim != 2 or labels.shape != (len(probabilities),) or len(labels) == 0:
        raise ValueError(
            f"expected labels (rows,) and probabilities (rows, classes), got {labels.shape} and {probabilities.shape}"
        )
    if labels.min() < 0 or labels.max() >= probabilities.shape[1]:
        raise ValueError(f"labels must lie between 0 and {probabilities.shape[1] - 1}, got {labels.min()} to {labels.max()}")
    if not (np.isfinite(probabilities).all() and probabilities.min() >= 0 and np.allclose(probabilities.sum(1), 1, atol=1e-3)):
        raise ValueError("each row of probabilities must be finite, not negative, and sum to 1")


def accuracy(labels: Labels, predicted: Labels) -> float:
    """Share of rows whose predicted class is the true one."""
    return float(np.mean(labels == predicted))


def confusion_matrix(labels: Labels, predicted: Labels, num_classes: int) -> Labels:
    """Rows of each true class (first axis) that were taken for each class (second axis), (classes, classes), int64."""
    counts = np.bincount(labels * num_classes + predicted, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)


def class_scores(confusion: Labels) -> ClassScores:
    """Precision, recall, F1 and support of each class, from a confusion matrix."""
    right, support, taken = np.diagonal(confusion), confusion.sum(1), confusion.sum(0)
    return ClassScores(_share(right, taken), _share(right, support), _share(2 * right, support + taken), support)


def macro_f1(confusion: Labels | Floats) -> Floats:
    """Mean F1 of the classes that occur as truth or as prediction.

    Args: confusion: (..., classes, classes), counts; any number of matrices at once.
    Returns: (...,), float64.
    """
    right = np.diagonal(confusion, axis1=-2, axis2=-1)
    both = confusion.sum(-1) + confusion.sum(-2)
    return np.asarray(_share(2 * right, both).sum(-1) / np.maximum((both > 0).sum(-1), 1))


def roc_auc(labels: Labels, probabilities: Probabilities) -> float | None:
    """Area under the ROC curve: the chance that a row of a class scores higher for it than a row of another; ties count half.

    Of two classes, the second against the first. Of more, each against all others, averaged (Fawcett 2006, "An introduction to
    ROC analysis", section 10, without weights). None where a class has no row.
    """
    once = np.ones((1, len(labels)))
    areas = [roc_areas(labels == k, probabilities[:, k], once) for k in positive_classes(probabilities.shape[1])]
    area = float(np.mean(areas))
    return None if math.isnan(area) else area


def reliability_bins(labels: Labels, probabilities: Probabilities, bins: int = CALIBRATION_BINS) -> ReliabilityBins:
    """Rows grouped by the probability of the predicted class, into bins of equal width between 0 and 1, open on the left."""
    confidence = probabilities.max(1).astype(np.float64)
    right = probabilities.argmax(1) == labels
    places = bin_numbers(confidence, bins)
    counts = np.bincount(places, minlength=bins)
    with np.errstate(invalid="ignore"):
        mean = np.bincount(places, confidence, bins) / counts
        share = np.bincount(places, right, bins) / counts
    return ReliabilityBins(np.linspace(0, 1, bins + 1), counts, mean, share)


def calibration_error(labels: Labels, probabilities: Probabilities, bins: int = CALIBRATION_BINS) -> float:
    """Expected calibration error over bins of equal width, 0 to 1.

    Guo, Pleiss, Sun & Weinberger 2017, "On calibration of modern neural networks", ICML, arXiv:1706.04599, equation 3.
    """
    return reliability_bins(labels, probabilities, bins).error()


def positive_classes(num_classes: int) -> range:
    """The classes whose curves are drawn: of two, one says it all."""
    return range(1, 2) if num_classes == 2 else range(num_classes)


def bin_numbers(confidence: Floats, bins: int) -> Labels:
    """The bin of each probability; bins are of equal width between 0 and 1 and hold their upper bound."""
    return np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)


def roc_areas(positive: NDArray[np.bool_], scores: Probabilities, weights: Floats) -> Floats:
    """Areas under the ROC curve, one for each weighting of the rows.

    Args:
        positive: (rows,), whether a row is of the class.
        scores: (rows,), the higher the likelier.
        weights: (resamples, rows), how often each row counts.

    Returns: (resamples,), nan where either side is empty.
    """
    order = np.argsort(scores, kind="stable")
    ranked, hit, counted = scores[order], positive[order], weights[:, order]
    starts = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))  # of runs of equal scores
    inside = np.add.reduceat(counted * hit, starts, axis=1)
    outside = np.add.reduceat(counted, starts, axis=1) - inside
    below = np.cumsum(outside, 1) - outside / 2  # lower ones, and half of the equal ones
    pairs = inside.sum(1) * outside.sum(1)
    areas: Floats = np.divide((inside * below).sum(1), pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)
    return areas


def _share(part: Any, whole: Any) -> Floats:
    """part / whole, and 0 where whole is 0."""
    part, whole = np.asarray(part, np.float64), np.asarray(whole)
    share: Floats = np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
    return share
