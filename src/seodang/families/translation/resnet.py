"""The generator of unpaired images: it keeps the shape of things and repaints them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from seodang.core.errors import ShapeError
from seodang.families.translation.layers import Doubled, InstanceNorm, draw_weights

HALVINGS = 2
SEEN_BLOCKS = (0, 4)  # after which what the blocks see is compared, beside the three steps before them


class ResidualBlock(nn.Module):
    """Two convolutions whose result is added to what came in: He et al. 2016, arXiv:1512.03385."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.normalise = InstanceNorm()

    def forward(self, features: Tensor) -> Tensor:
        """(batch, channels, height, width) to the same shape."""
        changed: Tensor = self.normalise(self.second(functional.relu(self.normalise(self.first(features)))))
        return features + changed


class TranslationResNet(nn.Module):
    """Down twice, residual blocks, and up twice, with no skips that would tempt it to leave everything as it is.

    The generator of Johnson, Alahi & Fei-Fei 2016, arXiv:1603.08155, in the form of Zhu, Park, Isola & Efros 2017 (CycleGAN),
    arXiv:1703.10593; it doubles by `Doubled`, and its edges are padded with 0.

    Args:
        in_channels: Of the sources.
        out_channels: Of the targets.
        channels: Of the first level; four times as many in the blocks.
        num_blocks: Residual blocks.
    """

    def __init__(self, in_channels: int, out_channels: int, channels: int, num_blocks: int) -> None:
        super().__init__()
        counts = [channels * 2**level for level in range(HALVINGS + 1)]
        self.in_channels = in_channels
        self.first = nn.Conv2d(in_channels, channels, 7, padding=3, bias=False)
        self.down = nn.ModuleList(
            nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False) for before, after in itertools.pairwise(counts)
        )
        self.blocks = nn.ModuleList(ResidualBlock(counts[-1]) for _ in range(num_blocks))
        self.up = nn.ModuleList(
            Doubled(before, after, bias=False) for before, after in zip(counts[:0:-1], counts[-2::-1], strict=True)
        )
        self.normalise = InstanceNorm()
        self.draw = nn.Conv2d(channels, out_channels, 7, padding=3)
        draw_weights(self)

    @property
    def stride(self) -> int:
        """Heights and widths are multiples of it."""
        return int(2**HALVINGS)

    @property
    def seen_channels(self) -> tuple[int, ...]:
        """Channels of each of the maps that `encode` gives."""
        ways = [self.in_channels, *(layer.get_parameter("weight").shape[0] for layer in (self.first, *self.down))]
        return (*ways, *(ways[-1] for number in SEEN_BLOCKS if number < len(self.blocks)))

    def encode(self, images: Tensor) -> list[Tensor]:
        """What is seen on the way: the image itself, each step down, and after some of the blocks.

        Args:    images: (batch, channels, height, width), sources, or targets where these have as many channels.
        Returns: (batch, seen_channels[k], rows, columns) each.
        """
        seen, features = [images], images
        for layer in (self.first, *self.down):
            features = layer(features)
            seen.append(features)
            features = functional.relu(self.normalise(features))
        for number, block in enumerate(self.blocks[: _blocks_seen(len(self.blocks))]):
            features = block(features)
            if number in SEEN_BLOCKS:
                seen.append(features)
        return seen

    def forward(self, sources: Tensor) -> Tensor:
        """Translate.

        Args:    sources: (batch, in_channels, height, width), from -1 to 1.
        Returns: (batch, out_channels, height, width), from -1 to 1.
        Raises:  ShapeError: Height or width is not divisible by `stride`.
        """
        return self.translate(sources)[0]

    def translate(self, sources: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The answers, as `forward` gives them, and what `encode` gives of the sources, at the cost of one of the two."""
        height, width = sources.shape[-2:]
        if height % self.stride or width % self.stride:
            raise ShapeError(f"height and width must be divisible by {self.stride}, got {height} x {width}")
        seen = self.encode(sources)
        features = seen[-1]
        for block in self.blocks[_blocks_seen(len(self.blocks)) :]:
            features = block(features)
        for up in self.up:
            features = functional.relu(self.normalise(up(features)))
        return torch.tanh(self.draw(features).float()), seen


def _blocks_seen(num_blocks: int) -> int:
    """How many blocks `encode` goes through up to the last map it gives."""
    seen: Sequence[int] = [number for number in SEEN_BLOCKS if number < num_blocks]
    return seen[-1] + 1
