"""The networks of the default: residual blocks at every level, nothing normalised, made for a regularised relativistic loss."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

from seodang.families.gan.networks import SLOPE, Noise, Score, as_images, as_rows, level_channels

FEATURES = 64  # of an image, before the score
OVERSHOOT = 0.1  # of what lies beyond black and white stays


class Residual(nn.Module):
    """An image and what two convolutions add to it, which is nothing at the start.

    Zhang, Dauphin & Ma 2019, "Fixup Initialization: Residual Learning Without Normalization", arXiv:1901.09321.

    Args:
        channels: Of the image.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.kaiming_normal_(self.first.weight, SLOPE)
        nn.init.zeros_(self.second.weight)
        assert self.second.bias is not None
        nn.init.zeros_(self.second.bias)

    def forward(self, images: Tensor) -> Tensor:
        """(batch, channels, height, width) to the same."""
        added = self.first(functional.leaky_relu(images, SLOPE))
        added = self.second(functional.leaky_relu(added, SLOPE, inplace=True))
        whole: Tensor = added.add_(images)
        return whole


class R3ganGenerator(nn.Module):
    """From the smallest level up: a residual block, then twice as high and wide.

    Huang, Gokaslan, Kuleshov & Tompkin 2024, "The GAN is dead; long live the GAN! A Modern GAN Baseline", arXiv:2501.05441.
    Unlike theirs, blocks have two plain 3 x 3 convolutions and are left out at the full size, where they take longest: each
    pixel of the last level becomes 2 x 2 of the image (Shi et al. 2016, arXiv:1609.05158).

    Args:
        latent_dim: Numbers of noise.
        num_classes: 0 where there are none.
        size, channels: Of the images.
        base: Channels at half the size, doubled at every level below.
    """

    def __init__(self, latent_dim: int, num_classes: int, size: int, channels: int, base: int) -> None:
        super().__init__()
        self.noise = Noise(latent_dim, num_classes)
        levels = level_channels(size, base)[::-1]
        self.first = nn.Linear(self.noise.width, levels[0] * (size >> len(levels)) ** 2)
        self.bottom = levels[0]
        self.blocks = nn.ModuleList(Residual(here) for here in levels)
        self.lifts = nn.ModuleList(nn.Conv2d(here, above, 1) for here, above in pairwise(levels))
        self.last = nn.Conv2d(levels[-1], 4 * channels, 3, padding=1)

    def forward(self, latents: Tensor, classes: Tensor | None = None) -> Tensor:
        """Images, (batch, channels, size, size), from -1 to 1 and softly cut there, of latents, (batch, latent_dim)."""
        features = as_images(self.first(self.noise(latents, classes)), self.bottom)
        for block, lift in zip(self.blocks, self.lifts, strict=False):
            features = functional.interpolate(lift(block(features)), scale_factor=2.0, mode="nearest")
        drawn = self.last(functional.leaky_relu(self.blocks[-1](features), SLOPE, inplace=True))
        return softly_cut(functional.pixel_shuffle(drawn, 2).float())


def softly_cut(images: Tensor) -> Tensor:
    """Pixels cut to what they can be, from -1 to 1, but for a tenth of what lies beyond.

    Black paper is the end of the scale. A generator that must meet it exactly leaves grey noise everywhere, by which the
    discriminator tells it, whatever it draws; one that may overshoot is quiet there. Cut entirely, or bent by a tanh, it
    made all black early on and never found back: there was no slope to climb.
    """
    inside = images.clamp(-1, 1)
    return inside + OVERSHOOT * (images - inside)


class R3ganDiscriminator(nn.Module):
    """From half the size down: a residual block, then half as high and wide.

    Args:
        num_classes: 0 where there are none.
        size, channels: Of the images.
        base: Channels at half the size, doubled at every level below.
    """

    def __init__(self, num_classes: int, size: int, channels: int, base: int) -> None:
        super().__init__()
        levels = level_channels(size, base)
        self.first = nn.Conv2d(channels, levels[0], 4, 2, 1)
        self.blocks = nn.ModuleList(Residual(here) for here in levels)
        self.lowers = nn.ModuleList(nn.Conv2d(here, below, 2, 2) for here, below in pairwise(levels))
        self.whole = nn.Linear(levels[-1] * (size >> len(levels)) ** 2, FEATURES)
        self.score = Score(FEATURES, num_classes)

    def forward(self, images: Tensor, classes: Tensor | None = None) -> Tensor:
        """Scores, (batch,), of images, (batch, channels, size, size), from -1 to 1."""
        features = self.first(images)
        for block, lower in zip(self.blocks, self.lowers, strict=False):
            features = lower(block(features))
        found = self.whole(as_rows(functional.leaky_relu(self.blocks[-1](features), SLOPE, inplace=True)))
        score: Tensor = self.score(functional.leaky_relu(found, SLOPE), classes)
        return score
