"""Real images in an order that is drawn anew for every epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from seodang.core.learner import BatchSource
from seodang.core.seeds import mix
from seodang.data.sampling import permutation
from seodang.families.gan.data import Part
from seodang.families.gan.learner import ImageBatch
from seodang.nn.judge import as_network_reads


class Chosen(NamedTuple):
    """The images of one step, and which of them are mirrored."""

    rows: NDArray[np.int64]
    mirrored: NDArray[np.bool_]


class ImageSource(BatchSource):
    """Every image once an epoch; the last batch is filled up from the beginning, so that all are full.

    Args:
        part: The images.
        batch_size: Of each step.
        mirror: Show half of them mirrored, left to right.
        device: Where they are learned from.
    """

    def __init__(self, part: Part, batch_size: int, mirror: bool, device: torch.device) -> None:
        self.part, self.batch_size, self.mirror, self.device = part, batch_size, mirror, device

    def plan(self, seed: int, epoch: int) -> Sequence[Chosen]:
        """The batches of an epoch."""
        order = permutation(len(self.part.images), seed, epoch)
        order = np.resize(order, -(-len(order) // self.batch_size) * self.batch_size)
        random = np.random.Generator(np.random.Philox(key=mix("mirror", seed, epoch)))
        mirrored = (random.random(len(order)) < 0.5) & self.mirror
        count = len(order) // self.batch_size
        return [Chosen(*both) for both in zip(np.split(order, count), np.split(mirrored, count), strict=True)]

    def batch(self, work: Chosen) -> ImageBatch:
        """The images of one step."""
        rows = torch.from_numpy(work.rows)
        images = as_network_reads(self.part.images[rows].to(self.device))
        if work.mirrored.any():
            turned = torch.from_numpy(work.mirrored).to(self.device)[:, None, None, None]
            images = torch.where(turned, images.flip(3), images)
        return ImageBatch(images, self.part.classes[rows].to(self.device))

    def rows(self, work: Chosen) -> int:
        """Images learned from."""
        return len(work.rows)
