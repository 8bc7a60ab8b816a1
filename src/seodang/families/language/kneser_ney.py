"""The yardstick of language models: smoothed n-grams, counted in seconds, that a network must beat to have earned its time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seodang.core.errors import DataError, SettingsError

Tokens = NDArray[np.int32]
Numbers = NDArray[np.int64]
Floats = NDArray[np.float64]

NONE = -1
MAX_ORDER = 8
DISCOUNTS = 3  # for counts of 1, of 2, and of 3 or more


@dataclass(frozen=True)
class KneserNey:
    """Interpolated modified Kneser-Ney smoothing of n-grams of token numbers.

    Chen & Goodman, "An Empirical Study of Smoothing Techniques for Language Modeling", Harvard University TR-10-98, 1998
    (Computer Speech & Language 13, 1999), after Kneser & Ney, "Improved backing-off for m-gram language modeling", ICASSP
    1995. With h a history, h' the same without its first token, and c the counts of one order:

        p(w | h) = (c(hw) - D(c(hw))) / c(h) + weight(h) p(w | h')     c(h) = sum of c(hw) over all w
        weight(h) = (sum of D(c(hw)) over all w) / c(h), or 1 where c(h) is 0

    At the highest order c is how often an n-gram stands in the text, at the others how many different tokens stand before it.
    The beginning of the text counts as one more such token, as a sentence mark does in the paper, so every n-gram of the text
    has a count. Single tokens are interpolated with 1 / num_tokens, so no probability is 0.
    """

    num_tokens: int
    levels: tuple[Level, ...]
    """Orders 1, 2 and so on; an n-gram's place in one is its place as a history of the next."""

    @classmethod
    def fit(cls, numbers: Tokens, num_tokens: int, order: int) -> KneserNey:
        """Learn from a training text.

        Args:
            numbers: (tokens,), int32, 0 to num_tokens - 1; the text may be empty, or shorter than the order.
            num_tokens: Tokens of the vocabulary, those that the text lacks among them; at least 1.
            order: Tokens of the longest n-gram, the predicted one among them; 1 to 8.

        Raises:
            SettingsError: The order is out of bounds.
            DataError: A token number is, or the vocabulary is empty.
        """
        if not 1 <= order <= MAX_ORDER:
            bound = f"between 1 and {MAX_ORDER}"
            raise SettingsError(f"{{order}} must be {bound}, got {order}.", settings=("order",), bound=bound, value=order)
        if num_tokens < 1:
            raise DataError(f"The vocabulary must have at least 1 token, got {num_tokens}.")
        levels: list[Level] = []
        for keys, counts in _counted(_checked(numbers, num_tokens, "training text"), num_tokens, order):
            histories = len(levels[-1].keys) if levels else 1  # a single token's only history is the empty one
            levels.append(Level.of(keys, counts, keys // num_tokens, histories))
        return cls(num_tokens, tuple(levels))

    def nats(self, numbers: Tokens, history: Tokens | None = None) -> Floats:
        """How surprising each token of another text is.

        Args:
            numbers: (tokens,), int32, 0 to num_tokens - 1.
            history: (any,), int32, the end of the text before it; without one the first tokens have shorter histories.

        Returns: Minus the natural logarithm of each token's probability given the tokens before it, (tokens,), float64.

        Raises:
            DataError: A token number is out of bounds.
        """
        text = _checked(numbers, self.num_tokens, "text")
        if history is not None:
            seen = history[max(0, len(history) - len(self.levels) + 1) :]
            text = np.concatenate([_checked(seen, self.num_tokens, "history"), text])
        nats: Floats = -np.log(self._probabilities(text)[len(text) - len(numbers) :])
        return nats

    def _probabilities(self, text: Numbers) -> Floats:
        """The probability of each token given those before it, (tokens,)."""
        probabilities = np.full(len(text), 1 / self.num_tokens)
        histories = np.zeros(len(text), np.int64)
        for level in self.levels:
            # NONE, the history that no n-gram of the training text has, gives a negative key, which is never found
            found = _find(level.keys, histories * self.num_tokens + text)
            probabilities = level.shares[found] + level.weights[histories] * probabilities
            histories = np.concatenate([[NONE], found])[:-1]
        return probabilities


@dataclass(frozen=True)
class Level:
    """The n-grams of one order.

    An n-gram's key is the place of its history among the n-grams one order lower, times num_tokens, plus its last token.
    """

    keys: Numbers
    """(n-grams,), rising."""
    shares: Floats
    """(n-grams + 1,), the part of a probability that is an n-gram's own; the last, 0, answers to NONE."""
    weights: Floats
    """(histories + 1,), the weight of the order below after each history; the last, 1, answers to NONE."""

    @classmethod
    def of(cls, keys: Numbers, counts: Numbers, histories: Numbers, num_histories: int) -> Level:
        """Turn counts into parts of probabilities.

        Args:
            keys: (n-grams,), rising.
            counts: (n-grams,), at least 1.
            histories: (n-grams,), the place of each n-gram's history, 0 to num_histories - 1.
            num_histories: N-grams one order lower; the text's last one may be no n-gram's history.
        """
        taken = discounts(counts)[np.minimum(counts, DISCOUNTS) - 1]
        totals = np.bincount(histories, counts, num_histories)
        weights = np.ones(num_histories + 1)
        np.divide(np.bincount(histories, taken, num_histories), totals, out=weights[:-1], where=totals > 0)
        return cls(keys, np.append((counts - taken) / totals[histories], 0.0), weights)


def discounts(counts: Numbers) -> Floats:
    """What is taken off counts of 1, of 2, and of 3 or more, (3,), float64, the k-th above 0 and below k.

    With n_k how many n-grams are counted k times, the paper takes D_k = k - (k + 1) Y n_(k+1) / n_k, Y = n_1 / (n_1 + 2 n_2).
    Texts of few tokens or n-grams lack some of these counts, or more n-grams are counted k + 1 times than k times. Where n_1,
    n_2, n_k or n_(k+1) is 0, or D_k would not be above 0, it is k / 2: near to its usual value, and what KenLM (Heafield et
    al., "Scalable Modified Kneser-Ney Language Model Estimation", ACL 2013) falls back to for an order.

    Args:
        counts: (n-grams,), int64, at least 1.
    """
    n = np.bincount(np.minimum(counts, DISCOUNTS + 2), minlength=DISCOUNTS + 3).tolist()
    found = []
    for k in range(1, DISCOUNTS + 1):
        whole = (n[1] + 2 * n[2]) * n[k]
        kept = k * whole - (k + 1) * n[1] * n[k + 1]  # whole numbers, so that 0 is exact
        found.append(kept / whole if min(n[1], n[2], n[k], n[k + 1], kept) > 0 else k / 2)
    return np.array(found)


def choose_order(train: Tokens, held_out: Tokens, num_tokens: int, orders: Iterable[int]) -> tuple[int, float]:
    """The order that predicts a held-out text best, of equal ones the lowest.

    Args:
        train: (tokens,), int32, 0 to num_tokens - 1, the text to learn from.
        held_out: (tokens,), int32, another text; its first tokens have shorter histories.
        num_tokens: Tokens of the vocabulary.
        orders: The orders to try, each 1 to 8.

    Returns: The order, and its mean nats per held-out token.

    Raises:
        SettingsError: An order is out of bounds, or there is none.
        DataError: The held-out text is empty, or a token number is out of bounds.
    """
    candidates = sorted(set(orders))
    if not candidates:
        raise SettingsError("{orders} must name at least one order to try, got none.", settings=("orders",), value=candidates)
    if not len(held_out):
        raise DataError("The held-out text must have at least 1 token to choose an order by, got 0.")
    nats = [float(KneserNey.fit(train, num_tokens, order).nats(held_out).mean()) for order in candidates]
    best = int(np.argmin(nats))
    return candidates[best], nats[best]


def _counted(text: Numbers, num_tokens: int, order: int) -> Iterator[tuple[Numbers, Numbers]]:
    """For orders 1, 2 and so on the keys of the text's n-grams, rising, and their counts."""
    keys, places, counts = np.unique(text, return_inverse=True, return_counts=True)
    for n in range(1, order):
        queries = places[:-1] * num_tokens + text[n:]
        longer, longer_places, counts = np.unique(queries, return_inverse=True, return_counts=True)
        yield keys, _predecessors(len(keys), places, len(longer), longer_places)
        keys, places = longer, longer_places
    yield keys, counts


def _predecessors(size: int, places: Numbers, longer_size: int, longer_places: Numbers) -> Numbers:
    """How many different tokens stand before each of `size` n-grams, the beginning of the text as one of them.

    Args:
        places: The n-gram that ends at each token, from the text's first n-gram on.
        longer_places: The same for the n-grams one token longer, of which there are `longer_size` different ones.
    """
    endings = np.empty(longer_size, np.int64)
    endings[longer_places] = places[1:]
    counts = np.bincount(endings, minlength=size)
    counts[places[:1]] += 1  # none in a text shorter than the n-gram
    return counts


def _find(keys: Numbers, queries: Numbers) -> Numbers:
    """The place of each query in rising keys, or NONE."""
    if not len(keys):
        return np.full(len(queries), NONE)
    places = np.minimum(np.searchsorted(keys, queries), len(keys) - 1)
    return np.where(keys[places] == queries, places, NONE)


def _checked(numbers: Tokens, num_tokens: int, name: str) -> Numbers:
    """The numbers as int64, wide enough for keys.

    Raises:
        DataError: One of them is no token of the vocabulary.
    """
    if len(numbers) and (numbers.min() < 0 or numbers.max() >= num_tokens):
        place = int(np.flatnonzero((numbers < 0) | (numbers >= num_tokens))[0])
        raise DataError(
            f"Token {place + 1} of the {name} must be a number between 0 and {num_tokens - 1}, got {numbers[place]}; "
            "encode it with the vocabulary of the training text."
        )
    return numbers.astype(np.int64)
