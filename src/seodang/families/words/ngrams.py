"""Pieces of words: character n-grams that words share, so that a word is known by its parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

BEGIN, END = "<", ">"
SHARED_BY = 2  # words that must have a piece; one that a single word has says nothing that the word's own row does not


class Pieces:
    """The input rows of each word: its own, then one for each piece that other words have too.

    Bojanowski et al. 2017, "Enriching word vectors with subword information", arXiv:1607.04606. Unlike there, pieces are not
    hashed into buckets: each has a row of its own, and pieces of one word alone have none.
    """

    def __init__(self, words: Sequence[str], shortest: int, longest: int) -> None:
        self.words, self.shortest, self.longest = words, shortest, longest

    @cached_property
    def rows(self) -> dict[str, int]:
        """The input row of each piece; rows before the first are the words' own."""
        counts = Counter(piece for word in self.words for piece in set(self.split(word)))
        shared = sorted(piece for piece, count in counts.items() if count >= SHARED_BY)
        return {piece: len(self.words) + number for number, piece in enumerate(shared)}

    def split(self, word: str) -> list[str]:
        """The pieces of a word between marks of its beginning and end, the whole word not among them."""
        marked = BEGIN + word + END
        lengths = range(self.shortest, min(self.longest, len(marked) - 1) + 1)
        return [marked[start : start + n] for n in lengths for start in range(len(marked) - n + 1)]

    def known(self, word: str) -> list[int]:
        """Rows of a word's pieces that training had; of any word."""
        return [self.rows[piece] for piece in self.split(word) if piece in self.rows]

    def table(self) -> tuple[Tensor, Tensor]:
        """Offsets, (words + 1,), int64, and rows, int32, as `Tables` takes them."""
        parts = [[number, *self.known(word)] for number, word in enumerate(self.words)]
        offsets = torch.from_numpy(np.cumsum([0, *map(len, parts)], dtype=np.int64))
        return offsets, torch.tensor([row for one in parts for row in one], dtype=torch.int32)
