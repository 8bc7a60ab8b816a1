"""95 % intervals of classification measures: what other test rows of the same kind might have said.

The bootstrap (Efron 1979, "Bootstrap methods: another look at the jackknife", Annals of Statistics 7) draws the rows anew, with
replacement, many times. Instead of copying rows, each resample says how often each row counts. See `classification` for the
shapes of `labels` and `probabilities`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from seodang.metrics.classification import (
    CALIBRATION_BINS,
    Floats,
    Labels,
    Probabilities,
    bin_numbers,
    calibration_error,
    macro_f1,
    positive_classes,
    roc_areas,
    roc_auc,
)

Interval = tuple[float, float]

Z95 = 1.959963984540054  # 97.5 % of a normal distribution lies below
RESAMPLES = 500
CELLS_AT_ONCE = 4_000_000  # resamples times rows in memory, 8 bytes each


def wilson_interval(right: int, rows: int) -> Interval:
    """Interval of a share of rows.

    Wilson 1927, "Probable inference, the law of succession, and statistical inference", JASA 22: unlike the textbook's normal
    interval it stays between 0 and 1 and has a width when every row is right.
    """
    share, factor = right / rows, Z95**2 / rows
    centre = (share + factor / 2) / (1 + factor)
    half = Z95 / (1 + factor) * math.sqrt(share * (1 - share) / rows + factor / (4 * rows))
    return max(0.0, centre - half), min(1.0, centre + half)


def macro_f1_interval(confusion: Labels, seed: int = 0, resamples: int = RESAMPLES) -> Interval:
    """Interval of macro F1, from a confusion matrix: drawing rows anew draws the cells of the matrix anew."""
    rows = int(confusion.sum())
    cells = np.random.default_rng(seed).multinomial(rows, confusion.ravel() / rows, resamples)
    return _around(float(macro_f1(confusion)), macro_f1(cells.reshape(resamples, *confusion.shape)))


def roc_auc_interval(
    labels: Labels, probabilities: Probabilities, seed: int = 0, resamples: int = RESAMPLES
) -> Interval | None:
    """Interval of the area under the ROC curve; None where the area is None."""
    area = roc_auc(labels, probabilities)
    if area is None:
        return None
    draws = []
    for weights in resampled(len(labels), resamples, seed):
        areas = [roc_areas(labels == k, probabilities[:, k], weights) for k in positive_classes(probabilities.shape[1])]
        draws.append(np.mean(areas, 0))
    return _around(area, np.concatenate(draws))


def calibration_interval(
    labels: Labels, probabilities: Probabilities, seed: int = 0, resamples: int = RESAMPLES, bins: int = CALIBRATION_BINS
) -> Interval:
    """Interval of the expected calibration error."""
    rows = len(labels)
    confidence = probabilities.max(1).astype(np.float64)
    gaps = np.zeros((rows, bins))
    gaps[np.arange(rows), bin_numbers(confidence, bins)] = confidence - (probabilities.argmax(1) == labels)
    draws = [np.abs(weights @ gaps).sum(1) / rows for weights in resampled(rows, resamples, seed)]
    return _around(calibration_error(labels, probabilities, bins), np.concatenate(draws))


def mean_interval(
    values: Floats, seed: int = 0, resamples: int = RESAMPLES, within: Interval = (0.0, 1.0)
) -> tuple[float, float] | tuple[None, None]:
    """Interval of the mean of a number that each row has; None twice for less than two rows.

    Args:
        values: (rows,), finite.
        within: Least and largest value that a row may have.
    """
    if len(values) < 2:
        return None, None
    means = np.concatenate([weights @ values for weights in resampled(len(values), resamples, seed)]) / len(values)
    return _around(float(values.mean()), means, within)


def resampled(rows: int, resamples: int, seed: int) -> Iterator[Floats]:
    """How often each row counts in each resample, in blocks of (resamples, rows), float64; each resample sums to `rows`."""
    random = np.random.default_rng(seed)
    block = max(1, CELLS_AT_ONCE // rows)
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        drawn = random.integers(0, rows, (size, rows)) + rows * np.arange(size)[:, None]
        yield np.bincount(drawn.ravel(), minlength=size * rows).reshape(size, rows).astype(np.float64)


def _around(value: float, draws: NDArray[np.float64], within: Interval = (0.0, 1.0)) -> Interval:
    """The middle 95 % of the draws, moved so that their mean is the value, cut to what it can be.

    Drawing anew adds noise, which the calibration error and, in small data, macro F1 take for a change for the worse; without
    the move the interval could leave out the value itself. Draws that lack a class are nan and left out.
    """
    low, high = np.nanquantile(draws, [0.025, 0.975]) - np.nanmean(draws) + value
    return max(within[0], float(low)), min(within[1], float(high))
