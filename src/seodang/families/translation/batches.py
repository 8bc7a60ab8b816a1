"""Batches of sources and targets, mirrored and cut out of images that were made a little larger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from seodang.core.learner import BatchSource
from seodang.core.seeds import mix
from seodang.data.sampling import Rows, shuffled_batches
from seodang.families.translation.data import Part
from seodang.families.translation.pixels import as_numbers, scaled


class ImageBatch(NamedTuple):
    """Images to learn from; with pairs, row for row."""

    sources: Tensor
    """(batch, channels, height, width), from -1 to 1, with channels last in memory."""
    targets: Tensor


@dataclass(frozen=True)
class Straying:
    """How far what is learned from strays from the images."""

    mirrored: bool
    enlarged: float


class Turn(NamedTuple):
    """The images of one step: its key, and the rows of sources and targets."""

    key: int
    sources: Rows
    targets: Rows


class TranslationSource(BatchSource):
    """All sources in every epoch, in any order, each with its own target or, without pairs, with any.

    What an image is like depends on (seed, epoch, step, its place) alone.

    Args:
        part: The images.
        paired: Whether a source has a target of its own.
        batch_size: Images of a step.
        straying: How they are changed.
        device: Where they are learned from.
    """

    def __init__(self, part: Part, paired: bool, batch_size: int, straying: Straying, device: torch.device) -> None:
        self.part, self.paired, self.batch_size, self.straying, self.device = part, paired, batch_size, straying, device

    def plan(self, seed: int, epoch: int) -> Sequence[Turn]:
        """Rows and key of each step."""
        sources = shuffled_batches(len(self.part.sources), self.batch_size, seed, epoch)
        keys = [mix("straying", seed, epoch, step) for step in range(len(sources))]
        if self.paired:
            return [Turn(key, rows, rows) for key, rows in zip(keys, sources, strict=True)]
        # Another order than the sources', and over again where there are fewer targets.
        order = np.concatenate(shuffled_batches(len(self.part.targets), self.batch_size, mix("targets", seed), epoch))
        order = np.resize(order, len(self.part.sources))
        targets = np.split(order, np.cumsum([len(rows) for rows in sources])[:-1])
        return [Turn(*turn) for turn in zip(keys, sources, targets, strict=True)]

    def batch(self, work: Turn) -> ImageBatch:
        """The images of one step."""
        sources, targets = [], []
        for place, (source, target) in enumerate(zip(work.sources.tolist(), work.targets.tolist(), strict=True)):
            images = as_numbers(self.part.sources[source][None]), as_numbers(self.part.targets[target][None])
            if self.paired:
                together = self._changed(torch.cat(images, 1), mix(work.key, place))
                images = together[:, : images[0].shape[1]], together[:, images[0].shape[1] :]
            else:
                images = self._changed(images[0], mix(work.key, place, 0)), self._changed(images[1], mix(work.key, place, 1))
            sources.append(images[0])
            targets.append(images[1])
        both = (torch.cat(some).contiguous(memory_format=torch.channels_last) for some in (sources, targets))
        return ImageBatch(*(one.to(self.device) for one in both))

    def rows(self, work: Turn) -> int:
        """Sources learned from."""
        return len(work.sources)

    def _changed(self, image: Tensor, key: int) -> Tensor:
        """An image, (1, channels, height, width), enlarged, cut to its size again, and perhaps mirrored."""
        random = np.random.Generator(np.random.Philox(key=key))
        height, width = image.shape[-2:]
        tall, wide = (round(side * self.straying.enlarged) for side in (height, width))
        top, left = random.integers(tall - height + 1), random.integers(wide - width + 1)
        turned = self.straying.mirrored and random.random() < 0.5
        piece = scaled(image, tall, wide)[:, :, top : top + height, left : left + width]
        return piece.flip(3) if turned else piece
