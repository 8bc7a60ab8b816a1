"""Grey values to numbers of zero mean and unit variance: of all training images together, or of each image by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seodang.data.images import Pixels, with_channels

Floats = NDArray[np.float32]
LEAST_DEVIATION = 1e-3
LEAST_SHARE = 0.05  # of the training images' deviation: an empty image's noise is not blown up further
PIXELS_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class Moments:
    """Of the values of an image's channels."""

    mean: NDArray[np.float64]
    """(channels,)."""
    square: NDArray[np.float64]
    """Mean of the squares, (channels,)."""

    @classmethod
    def of(cls, image: Pixels) -> Moments:
        """Some pixels at a time, so that a large image needs no copy in float64."""
        flat = image.reshape(-1, image.shape[2])
        sums = np.zeros((2, flat.shape[1]))
        for first in range(0, len(flat), PIXELS_AT_ONCE):
            numbers = flat[first : first + PIXELS_AT_ONCE].astype(np.float64)
            sums += numbers.sum(0), (numbers**2).sum(0)
        mean, square = sums / len(flat)
        return cls(mean, square)

    @classmethod
    def together(cls, some: Sequence[Moments], weights: NDArray[np.float64]) -> Moments:
        """Of several images with equally many channels, each as heavy as its weight."""
        shares = weights / weights.sum()
        return cls(shares @ np.stack([one.mean for one in some]), shares @ np.stack([one.square for one in some]))

    @property
    def deviation(self) -> NDArray[np.float64]:
        """(channels,)."""
        deviation: NDArray[np.float64] = np.sqrt(np.maximum(self.square - self.mean**2, LEAST_DEVIATION**2))
        return deviation

    def with_channels(self, channels: int) -> Moments:
        """As `with_channels` does it to the image; of an average of colours the squares are those of equal colours."""
        have = len(self.mean)
        if have == channels:
            return self
        if have in (2, 4):
            return Moments(self.mean[:-1], self.square[:-1]).with_channels(channels)
        if have == 1:
            return Moments(np.repeat(self.mean, channels), np.repeat(self.square, channels))
        return Moments(self.mean.mean(keepdims=True), self.square.mean(keepdims=True))


@dataclass(frozen=True)
class Scale:
    """What is taken away from each channel, and what the rest is divided by, (channels,) each."""

    mean: Floats
    deviation: Floats

    def __call__(self, pixels: Pixels | Floats) -> Floats:
        """An image of any depth, (height, width, channels)."""
        scaled: Floats = (pixels.astype(np.float32) - self.mean) / self.deviation
        return scaled


@dataclass(frozen=True)
class Scaling:
    """How images are scaled.

    Args:
        whole: The scale of all training images together.
        own: Whether each image is scaled by its own values instead, as nnU-Net does (Isensee et al. 2021, arXiv:1809.10486).
    """

    whole: Scale
    own: bool = False

    @property
    def channels(self) -> int:
        """How many."""
        return len(self.whole.mean)

    def of(self, image: Pixels) -> Scale:
        """The scale of one image, (height, width, channels), which may have other channels than the network."""
        return self.of_moments(Moments.of(image)) if self.own else self.whole

    def of_moments(self, moments: Moments) -> Scale:
        """The scale of the image that has these."""
        if not self.own:
            return self.whole
        found = moments.with_channels(self.channels)
        deviation = np.maximum(found.deviation, LEAST_SHARE * self.whole.deviation)
        return Scale(found.mean.astype(np.float32), deviation.astype(np.float32))

    def apply(self, image: Pixels) -> Floats:
        """A whole image as the network reads it, (height, width, channels)."""
        return self.of(image)(with_channels(image, self.channels))
