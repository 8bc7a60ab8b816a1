"""The yardstick of language models: smoothed n-grams, counted in seconds, that a network must beat to have earned its time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
NOWHERE = range(0)
ORDERS: Mapping[str, tuple[int, ...]] = {
    "characters": (4, 5, 6, 7),
    "bytes": (4, 5, 6, 7),
    "jamo": (5, 6, 7, 8),
    "words": (2, 3, 4),
}
"""Worth trying, by what a token is."""


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
        """Learn from a training text; see `Counts.of`."""
        return Counts.of(numbers, num_tokens, order).model(order)

    @property
    def order(self) -> int:
        """Tokens of the longest n-gram, the predicted one among them."""
        return len(self.levels)

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
class Counts:
    """Which n-grams of a text stand where: counted once, for models of several orders and of parts of the text."""

    num_tokens: int
    orders: tuple[Occurrences, ...]
    """Of n-grams of 1 token, of 2, and so on."""

    @classmethod
    def of(cls, numbers: Tokens, num_tokens: int, order: int) -> Counts:
        """Count a training text.

        Args:
            numbers: (tokens,), int32, 0 to num_tokens - 1; the text may be empty, or shorter than the order.
            num_tokens: Tokens of the vocabulary, those that the text lacks among them; at least 1.
            order: Tokens of the longest n-gram, the predicted one among them; 1 to 8.

        Raises:
            SettingsError: The order is out of bounds.
            DataError: A token number is, or the vocabulary is empty.
        """
        _check_order(order, MAX_ORDER)
        if num_tokens < 1:
            raise DataError(f"The vocabulary must have at least 1 token, got {num_tokens}.")
        text = _checked(numbers, num_tokens, "training text")
        keys, places = np.unique(text, return_inverse=True)
        found = [Occurrences(keys, places, np.empty(0, np.int64))]
        for n in range(1, order):
            keys, longer = np.unique(places[:-1] * num_tokens + text[n:], return_inverse=True)
            endings = np.empty(len(keys), np.int64)
            endings[longer] = places[1:]
            found.append(Occurrences(keys, longer, endings))
            places = longer
        return cls(num_tokens, tuple(found))

    def model(self, order: int, left_out: range = NOWHERE) -> KneserNey:
        """The n-grams of the text, as if a piece of it had never been seen.

        Args:
            order: Tokens of the longest n-gram, at most that of the counts.
            left_out: Places of the piece; an n-gram that reaches into it is not counted there.

        Raises:
            SettingsError: The order is out of bounds.
        """
        _check_order(order, len(self.orders))
        levels: list[Level] = []
        counts = [one.kept(n, left_out) for n, one in enumerate(self.orders[:order], 1)]
        for n, one in enumerate(self.orders[:order]):
            if n + 1 < order:
                # The beginning of the text stands before its first n-gram, if the text has one and the piece does not.
                own = np.bincount(self.orders[n + 1].endings[counts[n + 1] > 0], minlength=len(one.keys))
                own[one.places[:1]] += not left_out or left_out.start > n
            else:
                own = counts[n]
            histories = len(levels[-1].keys) if levels else 1  # a single token's only history is the empty one
            levels.append(Level.of(one.keys, own, one.keys // self.num_tokens, histories))
        return KneserNey(self.num_tokens, tuple(levels))


@dataclass(frozen=True)
class Occurrences:
    """The n-grams of one order."""

    keys: Numbers
    """(n-grams,), rising; see `Level`."""
    places: Numbers
    """(tokens - n + 1,), which of them begins at each token."""
    endings: Numbers
    """(n-grams,), each without its first token, as its place among the n-grams one order lower; none for single tokens."""

    def kept(self, n: int, left_out: range) -> Numbers:
        """How often each stands in the text, (n-grams,), those of n tokens that reach into a piece not counted."""
        outside = np.concatenate([self.places[: max(left_out.start - n + 1, 0)], self.places[left_out.stop :]])
        return np.bincount(outside, minlength=len(self.keys))


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
            counts: (n-grams,); an n-gram that is counted 0 times is as good as none.
            histories: (n-grams,), the place of each n-gram's history, 0 to num_histories - 1.
            num_histories: N-grams one order lower; the text's last one may be no n-gram's history.
        """
        taken = np.append(0.0, discounts(counts[counts > 0]))[np.minimum(counts, DISCOUNTS)]
        totals = np.bincount(histories, counts, num_histories)
        weights = np.ones(num_histories + 1)
        np.divide(np.bincount(histories, taken, num_histories), totals, out=weights[:-1], where=totals > 0)
        return cls(keys, np.append((counts - taken) / np.maximum(totals, 1)[histories], 0.0), weights)


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
    return best_order(Counts.of(train, num_tokens, candidates[-1]), held_out, candidates)


def best_order(counts: Counts, held_out: Tokens, candidates: Sequence[int]) -> tuple[int, float]:
    """The same of a text that is counted already; rising candidates, and a text of one token at least."""
    nats = [float(counts.model(order).nats(held_out).mean()) for order in candidates]
    best = int(np.argmin(nats))
    return candidates[best], nats[best]


def _check_order(order: int, most: int) -> None:
    """Raises: SettingsError: The order is out of bounds."""
    if not 1 <= order <= most:
        bound = f"between 1 and {most}"
        raise SettingsError(f"{{order}} must be {bound}, got {order}.", settings=("order",), bound=bound, value=order)


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
