"""A text as parallel streams: each row of a batch goes on reading where it stopped in the batch before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seodang.core.learner import BatchSource
from seodang.core.seeds import mix


class Chunk(NamedTuple):
    """The next piece of every stream."""

    tokens: Tensor
    """(streams, length), int64."""
    targets: Tensor
    """(streams, length), int64: the token after each."""
    first: bool
    """Whether the streams begin here, with nothing to remember."""
    known: Tensor | None = None
    """What n-grams that never saw the targets expect, (streams, length, num_tokens), float32 log-probabilities."""


class Piece(NamedTuple):
    """Where a chunk lies."""

    offset: int
    """How far into the text the first stream of this epoch begins."""
    start: int
    """How far into its stream."""
    length: int


class StreamSource(BatchSource):
    """One text cut into streams of equal length, read side by side and in order, chunk by chunk.

    Every epoch begins a little elsewhere, so that neither the streams nor the chunks are cut at the same places again; what
    does not fill a stream is left out in that epoch: less than one token a stream, and the offset, which is less than a chunk.

    Args:
        numbers: Token numbers, (tokens,), integers; at least two a stream.
        streams: How many are read at once.
        chunk_length: Most steps of a chunk.
        device: Where batches are wanted.
        known: What n-grams expect after each token, (tokens - 1, num_tokens), if batches are to tell.
    """

    def __init__(
        self,
        numbers: NDArray[np.int32],
        streams: int,
        chunk_length: int,
        device: torch.device,
        known: Tensor | None = None,
    ) -> None:
        self.numbers, self.known = torch.from_numpy(numbers.astype(np.int64)), known
        self.streams, self.chunk_length, self.device = streams, chunk_length, device

    def plan(self, seed: int, epoch: int) -> Sequence[Piece]:
        """The chunks in their order; a pure function of seed and epoch."""
        spare = min(self.chunk_length, len(self.numbers) - 2 * self.streams)
        offset = int(np.random.default_rng(mix(seed, "offset", epoch)).integers(spare)) if epoch and spare > 0 else 0
        steps = self._steps(offset)
        starts = range(0, steps, self.chunk_length)
        return [Piece(offset, start, min(self.chunk_length, steps - start)) for start in starts]

    def batch(self, work: Piece) -> Chunk:
        """Tokens and the ones after them."""
        steps = self._steps(work.offset)
        begins = work.offset + torch.arange(self.streams).unsqueeze(1) * steps + work.start
        places = begins + torch.arange(work.length + 1)
        tokens = self.numbers[places].to(self.device)
        known = None if self.known is None else self.known[places[:, :-1]].to(self.device).float()
        return Chunk(tokens[:, :-1], tokens[:, 1:], work.start == 0, known)

    def rows(self, work: Piece) -> int:
        """Tokens learned from."""
        return self.streams * work.length

    def _steps(self, offset: int) -> int:
        """Steps of each stream; the target of a stream's last step may be the first token of the next stream."""
        return (len(self.numbers) - offset - 1) // self.streams
