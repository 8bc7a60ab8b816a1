"""What all generators and discriminators share: noise with a class, a score with a class, sizes that are halved."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn

CLASS_DIM = 32  # numbers that stand for a class beside the noise
MOST_CHANNELS = 512
SMALLEST = 7  # sides are halved until they are no longer than this
SLOPE = 0.2  # of leaky rectifiers below 0, as in Radford et al. 2016


class Generator(Protocol):
    """Noise to images."""

    def __call__(self, latents: Tensor, classes: Tensor | None = None) -> Tensor:
        """Make images.

        Args:
            latents: (batch, latent_dim), standard normal.
            classes: (batch,), int64, of a conditional generator; None of any other.

        Returns: (batch, channels, size, size), from -1 to 1.
        """


class Discriminator(Protocol):
    """Images to scores."""

    def __call__(self, images: Tensor, classes: Tensor | None = None) -> Tensor:
        """Score how real images look.

        Args:
            images: (batch, channels, size, size), from -1 to 1.
            classes: (batch,), int64, of a conditional discriminator; None of any other.

        Returns: (batch,), the higher the more real.
        """


class Noise(nn.Module):
    """Latents as a generator reads them: alone, or with a learned vector of their class beside them.

    Args:
        latent_dim: Numbers of noise.
        num_classes: 0 where there are none.
    """

    def __init__(self, latent_dim: int, num_classes: int) -> None:
        super().__init__()
        self.classes = nn.Embedding(num_classes, CLASS_DIM) if num_classes else None
        self.width = latent_dim + (CLASS_DIM if num_classes else 0)

    def forward(self, latents: Tensor, classes: Tensor | None) -> Tensor:
        """(batch, latent_dim) and (batch,) to (batch, width)."""
        if self.classes is None:
            return latents
        assert classes is not None, "a conditional generator is asked for a class"
        return torch.cat([latents, self.classes(classes)], 1)


class Score(nn.Module):
    """Features to a score; with classes, how well the features fit the class counts too.

    Miyato & Koyama 2018, "cGANs with Projection Discriminator", arXiv:1802.05637.

    Args:
        features: How many.
        num_classes: 0 where there are none.
    """

    def __init__(self, features: int, num_classes: int) -> None:
        super().__init__()
        self.real = nn.Linear(features, 1)
        self.classes = nn.Embedding(num_classes, features) if num_classes else None
        if self.classes is not None:
            nn.init.normal_(self.classes.weight, std=features**-0.5)

    def forward(self, features: Tensor, classes: Tensor | None) -> Tensor:
        """(batch, features) and (batch,) to (batch,)."""
        score: Tensor = self.real(features).squeeze(1)
        if self.classes is None:
            return score
        assert classes is not None, "a conditional discriminator is told the class"
        fitting: Tensor = (self.classes(classes) * features).sum(1)
        return score + fitting


def as_images(features: Tensor, channels: int) -> Tensor:
    """Rows of numbers as square images of so many channels, with channels last in memory: no convolution waits for a copy."""
    side = int((features.shape[1] // channels) ** 0.5)
    return features.reshape(-1, side, side, channels).permute(0, 3, 1, 2)


def as_rows(images: Tensor) -> Tensor:
    """(batch, channels, height, width), with channels last in memory, to rows of numbers, without a copy."""
    return images.permute(0, 2, 3, 1).flatten(1)


def level_channels(size: int, base: int) -> list[int]:
    """Channels of each level from half the full size down to the smallest: doubled from one to the next, up to 512.

    Sides are halved while they are even, and no further than to `SMALLEST` pixels.
    """
    channels: list[int] = []
    while size > SMALLEST and size % 2 == 0:
        size //= 2
        channels.append(min(base << len(channels), MOST_CHANNELS))
    return channels
