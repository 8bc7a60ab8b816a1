"""N-grams that foresee for a network: the log-probability of every token at once, for many histories or for one more token."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seodang.families.language.kneser_ney import NONE, Counts, KneserNey, Tokens

Floats = NDArray[np.float32]
FOLDS = 10  # the n-grams that foresee a tenth of the training text have not seen it
ROWS_AT_ONCE = 1 << 14
MOST_KNOWN = 1 << 28  # numbers of `cross_fitted`, 512 MiB
MOST_REMEMBERED = 1 << 24  # numbers of the rows that `NgramSteps` keeps, 64 MiB


class NgramRows(nn.Module):
    """Kneser-Ney n-grams as tensors, which go into checkpoints beside the network's and are never trained.

    Args: sizes: N-grams of each order, as `sizes_of` tells them.
    """

    def __init__(self, num_tokens: int, sizes: Sequence[int]) -> None:
        super().__init__()
        self.num_tokens, self.order = num_tokens, len(sizes)
        for n, (histories, ngrams) in enumerate(zip([1, *sizes], sizes, strict=False), 1):
            self.register_buffer(f"keys_{n}", torch.arange(ngrams))
            self.register_buffer(f"shares_{n}", torch.zeros(ngrams + 1))
            self.register_buffer(f"weights_{n}", torch.ones(histories + 1))

    @classmethod
    def of(cls, ngrams: KneserNey) -> NgramRows:
        """N-grams as they were fitted; see `kneser_ney.Level` for the tensors."""
        rows = cls(ngrams.num_tokens, sizes_of(ngrams))
        for n, level in enumerate(ngrams.levels, 1):
            for name, numbers in (("keys", level.keys), ("shares", level.shares), ("weights", level.weights)):
                rows.get_buffer(f"{name}_{n}").copy_(torch.from_numpy(numbers))
        return rows

    def level(self, n: int) -> tuple[Tensor, Tensor, Tensor]:
        """Keys, shares and weights of the n-grams of n tokens."""
        return self.get_buffer(f"keys_{n}"), self.get_buffer(f"shares_{n}"), self.get_buffer(f"weights_{n}")

    def forward(self, tokens: Tensor, length: int) -> Tensor:
        """What is expected after each of the last tokens.

        Args:
            tokens: (batch, any), int64, NONE where nothing was read; order - 1 tokens are looked at, those before the first of
                the last ones among them.
            length: How many are the last ones.

        Returns: Log-probabilities of the token that comes next, (batch, length, num_tokens), float32.
        """
        batch = len(tokens)
        chances = tokens.new_full((batch * length, self.num_tokens), 1 / self.num_tokens, dtype=torch.float32)
        histories = torch.zeros_like(tokens)  # the place of the n-gram that ends at each token, from the empty one on
        for n in range(1, self.order + 1):
            keys, shares, weights = self.level(n)
            ending = histories[:, tokens.shape[1] - length :].flatten()
            chances *= weights[ending].unsqueeze(1)
            begins, ends = torch.searchsorted(keys, torch.stack([ending, ending + 1]) * self.num_tokens)
            counts = ends - begins
            rows = torch.repeat_interleave(counts)
            places = torch.arange(len(rows), device=rows.device) + (begins - counts.cumsum(0) + counts)[rows]
            chances[rows, keys[places] % self.num_tokens] += shares[places]  # each token of a row at most once
            before = torch.full_like(histories, NONE if n > 1 else 0)
            before[:, 1:] = histories[:, :-1]
            histories = _find(keys, torch.where(tokens >= 0, before * self.num_tokens + tokens, NONE))
        return chances.log_().view(batch, length, self.num_tokens)


class NgramSteps:
    """The same one token at a time, in NumPy: rows are made of the shorter history's row, and remembered.

    Args: levels: Keys, shares and weights of each order.
    """

    def __init__(self, num_tokens: int, levels: Sequence[tuple[NDArray[np.int64], Floats, Floats]]) -> None:
        self.num_tokens, self.levels = num_tokens, levels
        self.remembered: dict[tuple[int, ...], tuple[int, Floats]] = {}

    @classmethod
    def of(cls, rows: NgramRows) -> NgramSteps:
        """The n-grams of a network."""
        levels = [tuple(part.cpu().numpy() for part in rows.level(n)) for n in range(1, rows.order + 1)]
        return cls(rows.num_tokens, levels)  # type: ignore[arg-type]

    def start(self, streams: int) -> Floats:
        """The last tokens before anything is read, (streams, order - 1)."""
        return np.zeros((streams, len(self.levels) - 1), np.float32)

    def step(self, tokens: NDArray[np.int64], last: Floats) -> tuple[Floats, Floats]:
        """Read one token of each stream.

        Args:
            tokens: (streams,).
            last: 1 + the number of each of the last tokens, 0 where none was read, (streams, order - 1).

        Returns: Log-probabilities of the next token, (streams, num_tokens), and the last tokens now.
        """
        last = np.concatenate([last, tokens[:, None] + 1], 1, dtype=np.float32)[:, 1:]
        return np.stack([self.row(tuple(int(one) - 1 for one in row if one)) for row in last.tolist()]), last

    def row(self, history: tuple[int, ...]) -> Floats:
        """Log-probabilities of the token that comes next, (num_tokens,).

        Args: history: The last tokens, fewer than the order, oldest first.
        """
        if len(self.remembered) * self.num_tokens > MOST_REMEMBERED:
            self.remembered.clear()
        return np.log(self._looked_up(history)[1])

    def _looked_up(self, history: tuple[int, ...]) -> tuple[int, Floats]:
        """The place of a history among n-grams, or NONE, and the probabilities after it."""
        found = self.remembered.get(history)
        if found is None:
            found = self.remembered[history] = self._made(history)
        return found

    def _made(self, history: tuple[int, ...]) -> tuple[int, Floats]:
        keys, shares, weights = self.levels[len(history)]
        if history:
            lower = self._looked_up(history[1:])[1]
            place = self._place(history)
        else:
            lower, place = np.full(self.num_tokens, 1 / self.num_tokens, np.float32), 0
        if place == NONE:
            return NONE, lower
        begin, end = np.searchsorted(keys, (place * self.num_tokens, (place + 1) * self.num_tokens))
        chances = weights[place] * lower
        chances[keys[begin:end] % self.num_tokens] += shares[begin:end]
        return place, chances

    def _place(self, history: tuple[int, ...]) -> int:
        keys = self.levels[len(history) - 1][0]
        before = self._looked_up(history[:-1])[0]
        key = before * self.num_tokens + history[-1]
        place = int(np.searchsorted(keys, key))
        return place if before != NONE and place < len(keys) and keys[place] == key else NONE


def sizes_of(ngrams: KneserNey) -> list[int]:
    """N-grams of each order."""
    return [len(level.keys) for level in ngrams.levels]


def cross_fitted(counts: Counts, order: int, numbers: Tokens) -> Tensor:
    """What n-grams expect after each token of the very text they are counted in, honestly.

    The text is cut into folds, and what comes in a fold is foreseen by the n-grams of the others (stacking: Wolpert 1992,
    "Stacked generalization"). N-grams that had seen it would know it by heart, and a network would learn to trust them blindly.

    Args:
        counts: Of the text.
        order: Tokens of the longest n-gram.
        numbers: (tokens,), the text, one token at least.

    Returns: Log-probabilities of the token that comes after each but the last, (tokens - 1, num_tokens), float16.
    """
    width = order - 1
    text = torch.from_numpy(np.concatenate([np.full(width, NONE), numbers]))
    known = torch.empty(len(numbers) - 1, counts.num_tokens, dtype=torch.float16)
    edges = np.linspace(0, len(numbers), FOLDS + 1).astype(int).tolist()
    for begin, end in pairwise(edges):
        rows = NgramRows.of(counts.model(order, range(begin, end)))
        for start in range(max(begin - 1, 0), end - 1, ROWS_AT_ONCE):
            stop = min(start + ROWS_AT_ONCE, end - 1)
            known[start:stop] = rows(text[start : stop + width].unsqueeze(0), stop - start)[0]
    return known


def _find(keys: Tensor, queries: Tensor) -> Tensor:
    """The place of each query in rising keys, or NONE."""
    if not len(keys):
        return torch.full_like(queries, NONE)
    places = torch.searchsorted(keys, queries.contiguous()).clamp_(max=len(keys) - 1)
    return torch.where(keys[places] == queries, places, NONE)
