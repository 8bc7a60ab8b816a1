"""Encoded texts and the batches cut from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seodang.core.learner import BatchSource
from seodang.data.sampling import bucketed_batches, shuffled_batches
from seodang.families.text.settings import TextSettings
from seodang.families.text.tokens import UNKNOWN


class TextBatch(NamedTuple):
    """Texts of one step."""

    tokens: Tensor
    """(batch, length), int64, 0 behind each text's end."""
    lengths: Tensor
    """(batch,), int64."""
    labels: Tensor
    """(batch,), int64, number of the class; or (batch, classes), float32, the probability of each."""


class EncodedTexts:
    """Texts as numbers of a vocabulary, all in one array, so that 100,000 reviews are one object and not millions.

    Args:
        numbers: The numbers of all texts, one text behind another, (tokens,), int32.
        lengths: Tokens of each text, (texts,), int64.
    """

    def __init__(self, numbers: NDArray[np.int32], lengths: NDArray[np.int64]) -> None:
        self.numbers, self.lengths = numbers, lengths
        self.starts = np.cumsum(lengths) - lengths

    @classmethod
    def join(cls, texts: Iterable[NDArray[np.int32]]) -> EncodedTexts:
        """From one array of numbers a text."""
        pieces = list(texts)
        lengths = np.fromiter((len(piece) for piece in pieces), np.int64, len(pieces))
        return cls(np.concatenate(pieces) if pieces else np.zeros(0, np.int32), lengths)

    def __len__(self) -> int:
        return len(self.lengths)

    def cut(self, max_length: int) -> EncodedTexts:
        """The first `max_length` tokens of each text."""
        places = np.arange(len(self.numbers)) - np.repeat(self.starts, self.lengths)
        return EncodedTexts(self.numbers[places < max_length], np.minimum(self.lengths, max_length))

    def filled(self) -> EncodedTexts:
        """A text without tokens becomes one unknown token, so that every text has something to read."""
        empty = np.flatnonzero(self.lengths == 0)
        if len(empty) == 0:
            return self
        return EncodedTexts(np.insert(self.numbers, self.starts[empty], UNKNOWN), np.maximum(self.lengths, 1))

    def padded(self, rows: NDArray[np.int64], width: int) -> NDArray[np.int64]:
        """The texts of some rows, (len(rows), width), int64, zeros behind each text's end."""
        places = np.arange(width)
        inside = places < self.lengths[rows, None]
        index = np.where(inside, self.starts[rows, None] + places, 0)
        return np.where(inside, self.numbers[index], 0).astype(np.int64)


class Padding:
    """How far a batch is padded: to the full length, or no further than changes nothing."""

    def __init__(self, settings: TextSettings) -> None:
        model = settings.model
        self.max_length = settings.tokens.max_length
        self.fixed = model.model != "best" and (model.read_padding or model.pooling == "flatten")
        # A convolution reads the padding: behind `kernel_size` zeros every further window sees only zeros, like the last one.
        self.extra = model.kernel_size if model.model == "cnn" else 0

    def width(self, longest: int) -> int:
        """Columns of a batch whose longest text has so many tokens."""
        return self.max_length if self.fixed else min(self.max_length, longest + self.extra)


class TextSource(BatchSource):
    """Batches of labelled texts: of near-equal length together, or in any order when all are padded to one length."""

    def __init__(
        self, texts: EncodedTexts, labels: NDArray[Any], padding: Padding, batch_size: int, device: torch.device
    ) -> None:
        self.texts, self.labels, self.padding = texts, labels, padding
        self.batch_size, self.device = batch_size, device

    def plan(self, seed: int, epoch: int) -> Sequence[NDArray[np.int64]]:
        """Row numbers of each batch; every row once."""
        if self.padding.fixed:
            return shuffled_batches(len(self.texts), self.batch_size, seed, epoch)
        return bucketed_batches(self.texts.lengths, self.batch_size, seed, epoch)

    def batch(self, work: NDArray[np.int64]) -> TextBatch:
        """The texts and labels of some rows."""
        return text_batch(self.texts, work, self.labels[work], self.padding, self.device)

    def rows(self, work: NDArray[np.int64]) -> int:
        """Texts in a batch."""
        return len(work)


def text_batch(
    texts: EncodedTexts, rows: NDArray[np.int64], labels: NDArray[Any], padding: Padding, device: torch.device
) -> TextBatch:
    """Some rows as tensors on a device."""
    lengths = texts.lengths[rows]
    tokens = texts.padded(rows, padding.width(int(lengths.max())))
    return TextBatch(
        torch.from_numpy(tokens).to(device), torch.from_numpy(lengths).to(device), torch.from_numpy(labels).to(device)
    )


def reading_order(texts: EncodedTexts, batch_size: int) -> list[NDArray[np.int64]]:
    """Rows cut into batches of near-equal length, for scoring; every row once."""
    order = np.argsort(texts.lengths, kind="stable")
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
