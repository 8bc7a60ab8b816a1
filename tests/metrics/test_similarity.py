"""Measures of two images: worked out by hand, held against the formula, and told apart by what they should notice."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from seodang.metrics.similarity import l1_distance, peak_signal_to_noise, structural_similarity


def images(count: int = 2, channels: int = 3, side: int = 24, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, channels, side, side, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_l1_by_hand() -> None:
    one = torch.tensor([[[[0.0, 1.0]]], [[[0.5, 0.5]]]])
    other = torch.tensor([[[[0.5, 1.0]]], [[[0.5, 0.5]]]])
    assert l1_distance(one, other).tolist() == [0.25, 0.0]


def test_decibels_by_hand() -> None:
    one = torch.zeros(3, 1, 2, 2, dtype=torch.float64)
    other = torch.stack([one[0], one[0] + 0.1, one[0] + 1.0])
    assert peak_signal_to_noise(one, other).tolist() == pytest.approx([100.0, 20.0, 0.0])


def slow_similarity(one: np.ndarray, other: np.ndarray) -> float:
    """Equation 13 of the paper, window by window, in one channel."""
    places = np.arange(11) - 5
    weights = np.exp(-(places[:, None] ** 2 + places[None, :] ** 2) / (2 * 1.5**2))
    weights /= weights.sum()
    found = []
    for row in range(one.shape[0] - 10):
        for column in range(one.shape[1] - 10):
            x, y = (image[row : row + 11, column : column + 11] for image in (one, other))
            mean_x, mean_y = (weights * x).sum(), (weights * y).sum()
            var_x, var_y = (weights * (x - mean_x) ** 2).sum(), (weights * (y - mean_y) ** 2).sum()
            both = (weights * (x - mean_x) * (y - mean_y)).sum()
            light = (2 * mean_x * mean_y + 0.0001) / (mean_x**2 + mean_y**2 + 0.0001)
            found.append(light * (2 * both + 0.0009) / (var_x + var_y + 0.0009))
    return float(np.mean(found))


def test_similarity_equals_the_formula_window_by_window() -> None:
    one, other = images(1, 2, 16), (images(1, 2, 16) + images(1, 2, 16, seed=1)) / 2
    expected = np.mean([slow_similarity(one[0, c].numpy(), other[0, c].numpy()) for c in range(2)])
    assert structural_similarity(one, other).item() == pytest.approx(expected, abs=1e-12)


def test_similarity_of_equal_images_is_one_and_of_flat_ones_their_light() -> None:
    assert structural_similarity(images(), images()).tolist() == pytest.approx([1.0, 1.0])
    dark, bright = (torch.full((1, 1, 16, 16), light, dtype=torch.float64) for light in (0.2, 0.8))
    assert structural_similarity(dark, bright).item() == pytest.approx((2 * 0.16 + 1e-4) / (0.04 + 0.64 + 1e-4))


def test_similarity_falls_with_noise_and_is_negative_for_a_negative() -> None:
    image = images()
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = [structural_similarity(image, image + scale * noise).mean().item() for scale in (0.0, 0.05, 0.2, 1.0)]
    assert found == sorted(found, reverse=True)
    assert structural_similarity(image, 1 - image).max().item() < 0


def test_similarity_stays_finite_in_single_precision_on_flat_images() -> None:
    flat = torch.full((1, 3, 16, 16), 1.0)
    assert math.isclose(structural_similarity(flat, flat).item(), 1.0, abs_tol=1e-5)
