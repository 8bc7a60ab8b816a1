"""Measures between clouds of points, against values worked out by hand and against a second way of computing them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import sqrtm

from seodang.metrics.distributions import Gaussian, frechet_distance, kernel_distance, nearest, precision_recall

RANDOM = np.random.default_rng(3)


def cloud(count: int, dimensions: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return (random.standard_normal((count, dimensions)) @ random.standard_normal((dimensions, dimensions))).astype(np.float32)


def test_frechet_distance_of_two_lines_of_points() -> None:
    # Means 1 and 4, variances 1 and 4: (4 - 1)² + 1 + 4 - 2 √(1 · 4) = 10.
    one, other = Gaussian(np.array([1.0]), np.array([[1.0]])), Gaussian(np.array([4.0]), np.array([[4.0]]))
    assert frechet_distance(one, other) == pytest.approx(10.0)
    assert frechet_distance(other, one) == pytest.approx(10.0)


def test_frechet_distance_equals_the_formula_with_a_matrix_root() -> None:
    one, other = Gaussian.of(cloud(400, 6, 1)), Gaussian.of(cloud(300, 6, 2))
    root = sqrtm(one.covariance @ other.covariance).real
    expected = ((one.mean - other.mean) ** 2).sum() + np.trace(one.covariance + other.covariance - 2 * root)
    assert frechet_distance(one, other) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(one, one) == pytest.approx(0.0, abs=1e-9)


def test_frechet_distance_bears_a_feature_that_never_changes() -> None:
    points = cloud(50, 3, 4)
    points[:, 1] = 0
    assert np.isfinite(frechet_distance(Gaussian.of(points), Gaussian.of(points + 1)))


def test_kernel_distance_worked_out_by_hand() -> None:
    # One dimension, points 0 and 1 against 1 and 2; k(x, y) = (xy + 1)³.
    # Within: k(0,1) = 1, k(1,2) = 27, each pair alone. Between: k(0,1) = 1, k(0,2) = 1, k(1,1) = 8, k(1,2) = 27; mean 37/4.
    one, other = np.array([[0], [1]], np.float32), np.array([[1], [2]], np.float32)
    assert kernel_distance(one, other) == pytest.approx(1 + 27 - 2 * 37 / 4)


def test_kernel_distance_is_unbiased_at_a_hundred_points() -> None:
    random = np.random.default_rng(0)
    found = [
        kernel_distance(
            random.standard_normal((100, 8)).astype(np.float32), random.standard_normal((100, 8)).astype(np.float32)
        )
        for _ in range(300)
    ]
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(len(found))


def test_precision_and_recall_of_a_half_that_is_copied() -> None:
    # Two heaps far apart; what was made is in one of them: all of it is real, half of the real is reached.
    heaps = np.concatenate([RANDOM.standard_normal((200, 2)), 100 + RANDOM.standard_normal((200, 2))]).astype(np.float32)
    made = heaps[:200] + np.float32(1e-4)
    found = precision_recall(heaps, made)
    assert found.precision == 1.0 and found.recall == pytest.approx(0.5, abs=0.005)


def test_precision_and_recall_worked_out_by_hand() -> None:
    # Real 0, 1, 2, 3 on a line: the ball of one neighbour reaches 1 each way. Made 0.5, 10, 11, 12: only the first is inside;
    # its own nearest neighbour is 9.5 away, so it reaches all of the real points.
    real = np.array([[0], [1], [2], [3]], np.float32)
    made = np.array([[0.5], [10], [11], [12]], np.float32)
    found = precision_recall(real, made, neighbours=1)
    assert (found.precision, found.recall) == (0.25, 1.0)


def test_nearest_agrees_with_all_distances() -> None:
    points, among = cloud(1203, 5, 7), cloud(700, 5, 8)
    numbers, distances = nearest(points, among)
    every = np.sqrt(((points[:, None] - among[None]) ** 2).sum(2))
    assert (numbers == every.argmin(1)).mean() > 0.999
    assert np.allclose(distances, every.min(1), atol=1e-3)
