"""How like one image is to another, pixel by pixel and piece by piece."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

WINDOW, DEVIATION = 11, 1.5  # pixels of SSIM's Gaussian window
STEADY = (0.01**2, 0.03**2)  # added to what is divided by, for light and for contrast
MOST_DECIBELS = 100.0  # of equal images, whose ratio has no bound


def l1_distance(one: Tensor, other: Tensor) -> Tensor:
    """Mean difference of all pixels and channels.

    Args:    one, other: (images, channels, height, width), from 0 to 1.
    Returns: (images,).
    """
    return (one - other).abs().mean((1, 2, 3))


def peak_signal_to_noise(one: Tensor, other: Tensor) -> Tensor:
    """How far the brightest light stands above the difference, in decibels: -10 log10 of the mean squared error, 100 at most.

    Args:    one, other: (images, channels, height, width), from 0 to 1.
    Returns: (images,).
    """
    error = (one - other).square().mean((1, 2, 3))
    return (-10 * error.log10()).clamp(max=MOST_DECIBELS)


def structural_similarity(one: Tensor, other: Tensor) -> Tensor:
    """SSIM: how far light, contrast and structure agree within a small window, mean over all places; 1 for equal images.

    Wang, Bovik, Sheikh & Simoncelli 2004, "Image Quality Assessment: From Error Visibility to Structural Similarity", IEEE
    Transactions on Image Processing 13, equation 13: a Gaussian window of 11 x 11 with deviation 1.5, where it fits whole;
    each channel by itself.

    Args:    one, other: (images, channels, height, width), from 0 to 1, of 11 pixels at least each way.
    Returns: (images,).
    """
    mean, other_mean = _blurred(one), _blurred(other)
    variance = _blurred(one * one) - mean * mean
    other_variance = _blurred(other * other) - other_mean * other_mean
    covariance = _blurred(one * other) - mean * other_mean
    light = (2 * mean * other_mean + STEADY[0]) / (mean * mean + other_mean * other_mean + STEADY[0])
    structure = (2 * covariance + STEADY[1]) / (variance + other_variance + STEADY[1])
    return (light * structure).mean((1, 2, 3))


def _blurred(images: Tensor) -> Tensor:
    """The weighted mean around every place where the window fits, (images, channels, height - 10, width - 10)."""
    places = torch.arange(WINDOW, device=images.device, dtype=images.dtype) - WINDOW // 2
    weights = torch.exp(-places.square() / (2 * DEVIATION**2))
    weights = (weights / weights.sum()).expand(images.shape[1], 1, 1, -1)
    down = functional.conv2d(images, weights.transpose(2, 3), groups=images.shape[1])
    return functional.conv2d(down, weights, groups=images.shape[1])
