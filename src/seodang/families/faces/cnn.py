"""The network that is trained from nothing, on the faces of the people alone."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

Normalisation = Literal["batch", "group"]
HALVINGS = 3  # of the side, after the first convolution has halved it
MOST_CHANNELS = 512
GROUP_CHANNELS = 8  # of each group of a group normalisation, or fewer
MIDDLE, SPREAD = 127.5, 64.0  # about mean and deviation of pixels of photos


def normaliser(kind: Normalisation, channels: int) -> nn.Module:
    """Normalisation of so many channels."""
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    groups = next(count for count in range(max(1, channels // GROUP_CHANNELS), 0, -1) if channels % count == 0)
    return nn.GroupNorm(groups, channels)


class Block(nn.Module):
    """Two convolutions of 3 x 3 beside a short cut.

    Args:
        before, channels: Of what comes in and goes out.
        stride: 2 halves height and width.
        kind: Of normalisation.
    """

    def __init__(self, before: int, channels: int, stride: int, kind: Normalisation) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, channels, 3, stride=stride, padding=1, bias=False)
        self.first_norm = normaliser(kind, channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.second_norm = normaliser(kind, channels)
        self.short = nn.Conv2d(before, channels, 1, stride=stride, bias=False) if stride > 1 or before != channels else None

    def forward(self, maps: Tensor) -> Tensor:
        """(batch, before, height, width) to (batch, channels, height / stride, width / stride)."""
        found = functional.relu(self.first_norm(self.first(maps)))
        found = self.second_norm(self.second(found))
        return functional.relu(found + (maps if self.short is None else self.short(maps)))


class FaceCnn(nn.Module):
    """Residual blocks, a mean over all places, one dense layer.

    He, Zhang, Ren & Sun, "Deep Residual Learning for Image Recognition", CVPR 2016, arXiv:1512.03385. Unlike theirs, there is
    one block at each size, which suits a few thousand faces; and dropout before the last layer.

    Args:
        people: To tell apart.
        base_channels: After the first convolution; doubled at every halving, up to 512.
        kind: Of normalisation.
        dropout: Part of the features left out in training.
    """

    def __init__(self, people: int, base_channels: int, kind: Normalisation, dropout: float) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, base_channels, 3, stride=2, padding=1, bias=False)
        self.stem_norm = normaliser(kind, base_channels)
        channels = [min(base_channels * 2**level, MOST_CHANNELS) for level in range(HALVINGS + 1)]
        blocks = [Block(base_channels, base_channels, 1, kind)]
        blocks += [Block(before, after, 2, kind) for before, after in pairwise(channels)]
        self.blocks = nn.Sequential(*blocks)
        self.dropout = nn.Dropout(dropout)
        self.score = nn.Linear(channels[-1], people)

    def forward(self, chips: Tensor) -> Tensor:
        """Score every person.

        Args:    chips: (batch, 3, side, side), float32, red, green and blue from 0 to 255.
        Returns: Logits, (batch, people).
        """
        maps = functional.relu(self.stem_norm(self.stem((chips - MIDDLE) / SPREAD)))
        logits: Tensor = self.score(self.dropout(self.blocks(maps).mean((2, 3))))
        return logits
