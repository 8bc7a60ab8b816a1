"""Batches of embeddings as they are, and of faces that stray a little from their photos."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seodang.core.learner import BatchSource
from seodang.core.seeds import mix
from seodang.data.augmentation import Augmentation, Warp, recoloured
from seodang.data.sampling import permutation
from seodang.families.faces.cnn import MIDDLE, SPREAD
from seodang.families.faces.engine.alignment import Chips
from seodang.families.faces.learner import FaceBatch
from seodang.families.faces.settings import AugmentationSettings


class Chosen(NamedTuple):
    """The faces of one step."""

    rows: NDArray[np.int64]
    seed: int
    epoch: int


def batches_of(count: int, batch_size: int, seed: int, epoch: int) -> list[Chosen]:
    """Every row once an epoch; the last batch is filled up from the beginning, so that all are full."""
    order = permutation(count, seed, epoch)
    order = np.resize(order, -(-count // batch_size) * batch_size)
    return [Chosen(rows, seed, epoch) for rows in np.split(order, len(order) // batch_size)]


class EmbeddingSource(BatchSource):
    """Embeddings with their people.

    Args:
        embeddings: (faces, dimensions), float32.
        labels: (faces,), int64.
        batch_size: Of each step.
        device: Where they are learned from.
    """

    def __init__(self, embeddings: Tensor, labels: Tensor, batch_size: int, device: torch.device) -> None:
        self.embeddings, self.labels = embeddings.to(device), labels.to(device)
        self.batch_size = batch_size

    def plan(self, seed: int, epoch: int) -> Sequence[Chosen]:
        """The batches of an epoch."""
        return batches_of(len(self.labels), self.batch_size, seed, epoch)

    def batch(self, work: Chosen) -> FaceBatch:
        """The embeddings of one step."""
        rows = torch.from_numpy(work.rows).to(self.labels.device)
        return FaceBatch(self.embeddings[rows], self.labels[rows])

    def rows(self, work: Chosen) -> int:
        """Faces learned from."""
        return len(work.rows)


class ChipSource(BatchSource):
    """Faces with their people, each moved, turned, mirrored and lit a little differently in every epoch.

    Args:
        chips: (faces, side, side, 3), uint8.
        labels: (faces,), int64.
        batch_size: Of each step.
        straying: How far.
        device: Where they are learned from.
    """

    def __init__(
        self, chips: Chips, labels: NDArray[np.int64], batch_size: int, straying: AugmentationSettings, device: torch.device
    ) -> None:
        self.chips, self.labels, self.batch_size, self.device = chips, labels, batch_size, device
        self.mirror, self.shift = straying.mirror, straying.shift
        self.how = Augmentation(rotation=straying.turn, scale=straying.zoom, brightness=straying.light, contrast=straying.light)

    def plan(self, seed: int, epoch: int) -> Sequence[Chosen]:
        """The batches of an epoch."""
        return batches_of(len(self.labels), self.batch_size, seed, epoch)

    def batch(self, work: Chosen) -> FaceBatch:
        """The faces of one step."""
        pieces = np.stack([self._piece(int(row), work) for row in work.rows])
        inputs = torch.from_numpy(pieces).permute(0, 3, 1, 2).to(self.device)  # channels last in memory
        return FaceBatch(inputs, torch.from_numpy(self.labels[work.rows]).to(self.device))

    def rows(self, work: Chosen) -> int:
        """Faces learned from."""
        return len(work.rows)

    def _piece(self, row: int, work: Chosen) -> NDArray[np.float32]:
        """One face, (side, side, 3), a function of seed, epoch and row alone."""
        random = np.random.Generator(np.random.Philox(key=mix("face", work.seed, work.epoch, row)))
        chip = self.chips[row]
        side = len(chip)
        if self.mirror and random.random() < 0.5:
            chip = chip[:, ::-1]
        down, across = (side - 1) / 2 + self.shift * side * random.uniform(-1, 1, 2)
        piece = Warp.draw(random, (side, side), (down, across), self.how).smooth(np.ascontiguousarray(chip))
        lit = recoloured((piece - MIDDLE) / SPREAD, random, self.how)
        return (lit * SPREAD + MIDDLE).astype(np.float32)
