"""The generator of pairs: a U-Net that sees the whole image and keeps every edge of it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from seodang.core.errors import ShapeError
from seodang.families.translation.layers import Doubled, DrawnDoubled, InstanceNorm, MatrixConvolution, draw_weights

SLOPE = 0.2  # of what is below 0, on the way down
SMALL_LEVELS = 2  # whose answers have 8 pixels or fewer each way, as settings are derived
DROPPING_LEVELS = 3  # from the bottom up, as in pix2pix
MOST_CHANNELS = 8  # times those of the first level


class TranslationUNet(nn.Module):
    """Down to a few pixels by strided convolutions and up again, joined at every resolution, that of the image itself too.

    The generator of Isola, Zhu, Zhou & Efros 2017, "Image-to-Image Translation with Conditional Adversarial Networks",
    arXiv:1611.07004. Unlike theirs it doubles by `Doubled`, shows the last convolution the image itself, so that edges need
    not come through half the resolution, and drops nothing when it predicts, so that an image has one answer.

    Args:
        in_channels: Of the sources.
        out_channels: Of the targets.
        channels: Of each level from the top down.
        dropout: Part of the channels of the lowest levels that is left out while training.
    """

    def __init__(self, in_channels: int, out_channels: int, channels: Sequence[int], dropout: float = 0.0) -> None:
        super().__init__()
        self.channels, self.dropout, self.in_channels = tuple(channels), dropout, in_channels
        last = len(self.channels) - 1
        self.down = nn.ModuleList(
            _downward(before, after, bias=level in (0, last), small=0 < level > last - SMALL_LEVELS)
            for level, (before, after) in enumerate(zip((in_channels, *channels), channels, strict=False))
        )
        # Each way up but the first reads what comes from below and the skip of its level, of equally many channels.
        self.up = nn.ModuleList(
            Doubled(channels[level] * (1 if level == last else 2), channels[level - 1], bias=False, small=level == last)
            for level in range(last, 0, -1)
        )
        self.normalise = InstanceNorm()
        self.draw = DrawnDoubled(channels[0] * (1 if last == 0 else 2), out_channels)
        self.trace = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
        draw_weights(self)

    @property
    def stride(self) -> int:
        """Pixels of the image for each of the bottom; heights and widths are multiples of it."""
        return int(2 ** len(self.channels))

    def forward(self, sources: Tensor) -> Tensor:
        """Translate.

        Args:    sources: (batch, in_channels, height, width), from -1 to 1.
        Returns: (batch, out_channels, height, width), from -1 to 1.
        Raises:  ShapeError: Height or width is not divisible by `stride`.
        """
        height, width = sources.shape[-2:]
        if height % self.stride or width % self.stride:
            raise ShapeError(f"height and width must be divisible by {self.stride}, got {height} x {width}")
        skips: list[Tensor] = []
        features = sources
        for level, down in enumerate(self.down):
            features = down(functional.leaky_relu(features, SLOPE) if level else features)
            if 0 < level < len(self.down) - 1:  # the bottom may be a single pixel, of which normalising would leave nothing
                features = self.normalise(features)
            skips.append(features)
        features = skips.pop()
        for number, up in enumerate(self.up):
            features = self.normalise(up(functional.relu(features)))
            if features.requires_grad and self.training:
                features.register_hook(in_one_piece)
            if number < DROPPING_LEVELS:
                features = functional.dropout2d(features, self.dropout, self.training)
            features = torch.cat([features, skips.pop()], 1)
        # Together the one convolution of all features, doubled, and the image itself.
        return torch.tanh((self.draw(functional.relu(features)) + self.trace(sources)).float())


def _downward(before: int, after: int, *, bias: bool, small: bool) -> nn.Module:
    """A step down, of a map of few pixels perhaps."""
    if small:
        return MatrixConvolution(before, after, 4, stride=2, padding=1, bias=bias)
    return nn.Conv2d(before, after, 4, stride=2, padding=1, bias=bias)


def in_one_piece(gradient: Tensor) -> Tensor:
    """A gradient that is a part of that of joined channels, by itself: normalising reads it several times as fast."""
    return gradient.contiguous(memory_format=torch.channels_last)


def level_channels(base: int, depth: int) -> tuple[int, ...]:
    """Channels of each level: doubled from one to the next, up to eight times those of the first."""
    return tuple(base * min(2**level, MOST_CHANNELS) for level in range(depth))
