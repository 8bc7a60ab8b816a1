"""How far made things are from real ones, as two clouds of points in the features of a network that knows the real ones.

Every measure depends on how many points there are: compare figures of equal counts alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.float32]
"""(points, dimensions)."""
NEIGHBOURS = 3  # as in Kynkäänniemi et al. 2019
_AT_ONCE = 1000  # rows of a table of distances


@dataclass(frozen=True)
class Gaussian:
    """Mean and covariance of a cloud of points."""

    mean: NDArray[np.float64]
    """(dimensions,)."""
    covariance: NDArray[np.float64]
    """(dimensions, dimensions)."""

    @classmethod
    def of(cls, features: Features) -> Gaussian:
        """Of some points, two at least."""
        wide = features.astype(np.float64)
        return cls(wide.mean(0), np.atleast_2d(np.cov(wide, rowvar=False)))


def frechet_distance(one: Gaussian, other: Gaussian) -> float:
    """The Fréchet distance of two clouds, each taken for a Gaussian: |m - n|² + tr(C + D - 2 (C D)^½).

    Heusel et al. 2017, "GANs Trained by a Two Time-Scale Update Rule", arXiv:1706.08500, where the features are Inception's
    and the distance is called FID. With fewer points than dimensions it says little.
    """
    root = _root(one.covariance)
    between = np.linalg.eigvalsh(root @ other.covariance @ root)
    apart = float(((one.mean - other.mean) ** 2).sum())
    spread = float(np.trace(one.covariance) + np.trace(other.covariance) - 2 * np.sqrt(np.maximum(between, 0)).sum())
    return max(0.0, apart + spread)  # equal clouds may miss 0 by their rounding


def kernel_distance(one: Features, other: Features) -> float:
    """The squared maximum mean discrepancy under the kernel (x·y / dimensions + 1)³, unbiased, so that it may be below 0.

    Bińkowski et al. 2018, "Demystifying MMD GANs", arXiv:1801.01401 (KID), over all points at once instead of blocks of them:
    unlike the Fréchet distance it means something for a hundred points.

    Args: one, other: Two points at least in each.
    """
    first, second = one.astype(np.float64), other.astype(np.float64)
    n, m = len(first), len(second)
    within = (_kernel(first, first).sum() - _kernel_of_self(first).sum()) / (n * (n - 1))
    within += (_kernel(second, second).sum() - _kernel_of_self(second).sum()) / (m * (m - 1))
    return float(within - 2 * _kernel(first, second).mean())


@dataclass(frozen=True)
class PrecisionRecall:
    """How much of what was made lies among the real, and how much of the real lies among what was made."""

    precision: float
    recall: float


def precision_recall(real: Features, made: Features, neighbours: int = NEIGHBOURS) -> PrecisionRecall:
    """Part of the points of each cloud that lie in the other, which is taken for a ball around each of its points.

    The ball reaches to the point's third neighbour in its own cloud. Kynkäänniemi et al. 2019, "Improved Precision and Recall
    Metric for Assessing Generative Models", arXiv:1904.06991.

    Args: real, made: More than `neighbours` points in each.
    """
    return PrecisionRecall(_inside(made, real, neighbours), _inside(real, made, neighbours))


def nearest(points: Features, among: Features) -> tuple[NDArray[np.int64], Features]:
    """The nearest of some points to each of others.

    Returns: Its number, (points,), and its Euclidean distance, (points,).
    """
    numbers, distances = [], []
    for squares in _squares(points, among):
        chosen = squares.argmin(1)
        numbers.append(chosen.astype(np.int64))
        distances.append(np.sqrt(squares[np.arange(len(squares)), chosen]))
    return np.concatenate(numbers), np.concatenate(distances)


def _inside(points: Features, cloud: Features, neighbours: int) -> float:
    reaches = np.concatenate([np.partition(rows, neighbours, 1)[:, neighbours] for rows in _squares(cloud, cloud)])
    return float(np.mean(np.concatenate([(rows <= reaches).any(1) for rows in _squares(points, cloud)])))


def _squares(points: Features, among: Features) -> Iterator[Features]:
    """Squared distances of some points to all others, (at most `_AT_ONCE`, len(among)) at a time."""
    lengths = (among.astype(np.float64) ** 2).sum(1)
    for start in range(0, len(points), _AT_ONCE):
        some = points[start : start + _AT_ONCE]
        own = (some.astype(np.float64) ** 2).sum(1)
        yield np.maximum(own[:, None] + lengths - 2 * (some @ among.T), 0).astype(np.float32)


def _kernel(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    values: NDArray[np.float64] = (one @ other.T / one.shape[1] + 1) ** 3
    return values


def _kernel_of_self(points: NDArray[np.float64]) -> NDArray[np.float64]:
    values: NDArray[np.float64] = ((points**2).sum(1) / points.shape[1] + 1) ** 3
    return values


def _root(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """The symmetric square root of a covariance."""
    values, vectors = np.linalg.eigh(covariance)
    root: NDArray[np.float64] = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    return root
