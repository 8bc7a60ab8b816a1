"""Made images against real ones, as one judge sees them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from seodang.core.device import Device
from seodang.metrics.distributions import Features, Gaussian, frechet_distance, nearest, precision_recall
from seodang.nn.judge import JudgeNetwork, Seen, look

PIXEL_SIDE = 32  # images are compared pixel by pixel at most so large
AT_ONCE = 1000  # images that become numbers of four bytes


@dataclass(frozen=True)
class Distances:
    """How far some images are from the reference."""

    fid: float
    precision: float
    recall: float
    variety: float
    """How far images are from their likest other, as a part of what it is among as many real ones: 1 is as varied as real."""


class Reference:
    """Real images that others are held against.

    Args:
        judge: Whose features count.
        images: (images, channels, height, width), uint8.
        device: Where to compute.
    """

    def __init__(self, judge: JudgeNetwork, images: Tensor, device: Device) -> None:
        self.judge, self.device = judge, device
        self.seen = look(judge, images, device)

    @cached_property
    def gaussian(self) -> Gaussian:
        """Of the features."""
        return Gaussian.of(self.seen.features)

    @cached_property
    def apartness(self) -> float:
        """How far a real image is from its likest other, on average."""
        return apart(self.seen.features)

    def see(self, images: Tensor) -> Seen:
        """Other images as the judge sees them."""
        return look(self.judge, images, self.device)

    def fid(self, features: Features) -> float:
        """Fréchet distance."""
        return frechet_distance(Gaussian.of(features), self.gaussian)

    def distances(self, features: Features) -> Distances:
        """Of as many images as the reference has."""
        found = precision_recall(self.seen.features, features)
        return Distances(self.fid(features), found.precision, found.recall, apart(features) / max(self.apartness, 1e-12))


def apart(features: Features) -> float:
    """Mean distance of each point to the nearest other."""
    half = len(features) // 2  # of two halves, so that no point is its own nearest
    return float(nearest(features[:half], features[half:])[1].mean())


def pixel_rows(images: Tensor) -> Features:
    """Images as rows of numbers from 0 to 1, made smaller where they are large: (images, pixels)."""
    return np.concatenate([_pixel_rows(some) for some in torch.split(images, AT_ONCE)])


def _pixel_rows(images: Tensor) -> Features:
    numbers = images.float() / 255
    if images.shape[2] > PIXEL_SIDE:
        numbers = functional.adaptive_avg_pool2d(numbers, PIXEL_SIDE)
    rows: NDArray[np.float32] = numbers.flatten(1).numpy()
    return rows


def shifted(images: Tensor) -> Tensor:
    """Images moved by one pixel to the right and down; the edges stay as they are."""
    padded = functional.pad(images.float(), (1, 0, 1, 0), mode="replicate").to(torch.uint8)
    return padded[:, :, :-1, :-1]
