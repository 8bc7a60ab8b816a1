"""Kneser-Ney n-grams: equality with the paper's formulas in plain Python, a hand-worked text, and texts of odd sizes."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from seodang.core.errors import DataError, SettingsError
from seodang.families.language.kneser_ney import KneserNey, choose_order, discounts

NUM_TOKENS = 13
Ngram = tuple[int, ...]


def tokens(*numbers: int) -> NDArray[np.int32]:
    return np.array(numbers, np.int32)


def random_text(seed: int, length: int) -> NDArray[np.int32]:
    """Tokens 0 to 11, frequent and rare, each leaning on the one before it; token 12 stands nowhere."""
    draws = np.random.default_rng(seed).geometric(0.3, length).clip(1, 12) - 1
    draws[1:] = np.where(draws[1:] == 0, (draws[:-1] * 5 + 1) % 12, draws[1:])
    return draws.astype(np.int32)


class SlowKneserNey:
    """The formulas of Chen & Goodman, word for word, with dictionaries and recursion."""

    def __init__(self, text: list[int], num_tokens: int, order: int) -> None:
        self.num_tokens = num_tokens
        self.counts = [self.count(text, n, n == order) for n in range(1, order + 1)]
        self.discounts = [self.discount(Counter(counts.values())) for counts in self.counts]

    def count(self, text: list[int], n: int, highest: bool) -> dict[Ngram, int]:
        starts = range(len(text) - n + 1)
        if highest:
            return Counter(tuple(text[i : i + n]) for i in starts)
        before: dict[Ngram, set[int]] = {}
        for i in starts:
            before.setdefault(tuple(text[i : i + n]), set()).add(text[i - 1] if i else -1)
        return {ngram: len(tokens) for ngram, tokens in before.items()}

    def discount(self, n: Counter[int]) -> dict[int, float]:
        found = {1: 0.5, 2: 1.0, 3: 1.5}
        for k in found:
            if n[1] and n[2] and n[k] and n[k + 1]:
                y = Fraction(n[1], n[1] + 2 * n[2])
                value = k - (k + 1) * y * Fraction(n[k + 1], n[k])
                if value > 0:
                    found[k] = float(value)
        return found

    def probability(self, token: int, history: Ngram) -> float:
        counts, taken = self.counts[len(history)], self.discounts[len(history)]
        lower = self.probability(token, history[1:]) if history else 1 / self.num_tokens
        following = [counts.get((*history, other), 0) for other in range(self.num_tokens)]
        if not sum(following):
            return lower
        weight = sum(taken[min(count, 3)] for count in following if count) / sum(following)
        count = following[token]
        own = (count - taken[min(count, 3)]) / sum(following) if count else 0.0
        return own + weight * lower

    def nats(self, text: list[int]) -> list[float]:
        longest = len(self.counts) - 1
        return [-math.log(self.probability(token, tuple(text[max(0, i - longest) : i]))) for i, token in enumerate(text)]


def probabilities(model: KneserNey, history: NDArray[np.int32]) -> NDArray[np.float64]:
    """The probability of every token after one history."""
    one_by_one = [model.nats(tokens(token), history) for token in range(model.num_tokens)]
    return np.exp(-np.concatenate(one_by_one))


@pytest.mark.parametrize("order", range(1, 9))
@pytest.mark.parametrize("length", [1, 2, 3, 7, 60, 2000])
def test_equal_to_the_formulas_in_plain_python(length: int, order: int) -> None:
    training, other = random_text(0, length), np.append(random_text(1, 150), tokens(12, 12, 3)).astype(np.int32)
    expected = SlowKneserNey(training.tolist(), NUM_TOKENS, order)
    model = KneserNey.fit(training, NUM_TOKENS, order)
    for text in (other, training[:200]):
        np.testing.assert_allclose(model.nats(text), expected.nats(text.tolist()), rtol=0, atol=1e-12)


def test_the_comparison_reaches_the_papers_discounts() -> None:
    """Of the text above most orders have all counts of counts, so that not only the fallback is compared."""
    taken = SlowKneserNey(random_text(0, 2000).tolist(), NUM_TOKENS, 4).discounts
    regular = [level for level in taken if not {0.5, 1.0, 1.5} & set(level.values())]
    assert len(regular) >= 2


def test_a_text_worked_by_hand() -> None:
    """Text 0 1 0 1 0 of the vocabulary 0 1 2, order 2.

    Single tokens: the beginning and 1 stand before 0, only 0 before 1. Counts 2 and 1, so n_1 = n_2 = 1: D_1 = 1/3; D_2 = 1,
    as n_3 = 0. weight = (1/3 + 1) / 3 = 4/9, so p(0) = 1/3 + 4/27, p(1) = 2/9 + 4/27, p(2) = 4/27.
    Pairs: 0 1 twice, 1 0 twice, so D_2 = 1; p(1 | 0) = (2 - 1) / 2 + 1/2 p(1), and so on; nothing follows 2.
    """
    model = KneserNey.fit(tokens(0, 1, 0, 1, 0), 3, 2)
    alone = np.array([13, 10, 4]) / 27
    expected = {(): alone, (0,): alone / 2 + [0, 0.5, 0], (1,): alone / 2 + [0.5, 0, 0], (2,): alone}
    for history, probability in expected.items():
        np.testing.assert_allclose(probabilities(model, tokens(*history)), probability, rtol=0, atol=1e-15)
    np.testing.assert_allclose(model.nats(tokens(1, 0, 2)), -np.log([10 / 27, 40 / 54, 2 / 27]), rtol=0, atol=1e-15)


@pytest.mark.parametrize("order", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("length", [0, 1, 4, 300])
def test_probabilities_sum_to_one(length: int, order: int) -> None:
    training = random_text(2, length)
    model = KneserNey.fit(training, NUM_TOKENS, order)
    seen = [training[i : i + n] for i in range(0, length, 37) for n in range(9)]
    ending = [training[length - n :] for n in range(min(length, 8))]  # the last n-gram, which perhaps nothing follows
    unseen = [tokens(), tokens(12), tokens(12, 12, 12, 12, 12, 12, 12), tokens(12, 0, 1), tokens(0, 12), random_text(3, 7)]
    for history in seen + ending + unseen:
        values = probabilities(model, history)
        assert values.min() > 0
        assert values.sum() == pytest.approx(1, abs=1e-12)


def test_an_unseen_history_counts_for_nothing() -> None:
    model = KneserNey.fit(random_text(4, 500), NUM_TOKENS, 4)
    np.testing.assert_array_equal(probabilities(model, tokens(3, 12)), probabilities(model, tokens()))
    np.testing.assert_array_equal(probabilities(model, tokens(12, 3)), probabilities(model, tokens(3)))


def test_lower_orders_count_the_different_tokens_before_and_not_how_often() -> None:
    """Chen & Goodman's "Francisco": a token that is frequent, but after one other token only, is rare elsewhere."""
    san, francisco, glasses = 0, 1, 2
    text = tokens(*[san, francisco] * 6, 3, glasses, 4, glasses, 5, glasses, 6, glasses)
    after_unseen = probabilities(KneserNey.fit(text, 8, 2), tokens(7))
    assert after_unseen[glasses] > 2 * after_unseen[francisco]
    alone = probabilities(KneserNey.fit(text, 8, 1), tokens(7))
    assert alone[francisco] > alone[glasses]  # as the highest order counts how often


@pytest.mark.parametrize("order", [1, 2, 4])
def test_history_is_the_text_before(order: int) -> None:
    model, text = KneserNey.fit(random_text(5, 400), NUM_TOKENS, order), random_text(6, 50)
    whole = model.nats(text)
    for cut in (0, 1, 2, 30, 50):
        np.testing.assert_array_equal(model.nats(text[cut:], text[:cut]), whole[cut:])


@pytest.mark.parametrize("order", [1, 3, 8])
def test_empty_texts(order: int) -> None:
    empty = KneserNey.fit(tokens(), 5, order)
    np.testing.assert_allclose(empty.nats(tokens(0, 4, 4)), math.log(5), rtol=1e-15)
    for model in (empty, KneserNey.fit(random_text(7, 50), NUM_TOKENS, order)):
        for history in (None, tokens(), tokens(1, 2)):
            nats = model.nats(tokens(), history)
            assert (nats.shape, nats.dtype) == ((0,), np.float64)


@pytest.mark.parametrize("order", [1, 2, 8])
@pytest.mark.parametrize("length", [0, 1, 5, 100])
def test_the_only_token_of_a_vocabulary_is_no_surprise(length: int, order: int) -> None:
    model = KneserNey.fit(np.zeros(length, np.int32), 1, order)
    np.testing.assert_allclose(model.nats(np.zeros(20, np.int32)), 0, atol=1e-14)


def test_repeats_are_equal_and_leave_the_texts_as_they_were() -> None:
    training, other = random_text(8, 3000), random_text(9, 500)
    copies = training.copy(), other.copy()
    first, second = (KneserNey.fit(training, NUM_TOKENS, 5).nats(other) for _ in range(2))
    assert first.tobytes() == second.tobytes()
    np.testing.assert_array_equal(training, copies[0])
    np.testing.assert_array_equal(other, copies[1])


def test_large_token_numbers_do_not_run_over() -> None:
    """Keys are products of places and the vocabulary's size, more than int32 holds."""
    num_tokens = 2_000_000
    training = np.random.default_rng(10).integers(num_tokens - 3000, num_tokens, 20_000).astype(np.int32)
    shifted = training - np.int32(num_tokens - 3000)
    large, small = KneserNey.fit(training, num_tokens, 3), KneserNey.fit(shifted, 3000, 3)
    for a, b in zip(large.levels, small.levels, strict=True):
        np.testing.assert_array_equal(a.shares, b.shares)
        np.testing.assert_array_equal(a.weights, b.weights)


def test_discounts_of_the_paper() -> None:
    """n_1 to n_4 = 10, 5, 3, 2: Y = 1/2, D_1 = 1 - 2 Y 5/10, D_2 = 2 - 3 Y 3/5, D_3 = 3 - 4 Y 2/3."""
    counts = np.repeat([1, 2, 3, 4, 5, 900], [10, 5, 3, 2, 7, 1])
    np.testing.assert_allclose(discounts(counts), [0.5, 1.1, 5 / 3], rtol=1e-15)


@pytest.mark.parametrize(
    ("counted", "expected"),
    [
        ([0, 0, 0, 0], [0.5, 1, 1.5]),  # nothing counted up to four times
        ([0, 5, 3, 2], [0.5, 1, 1.5]),  # n_1 = 0
        ([9, 0, 3, 2], [0.5, 1, 1.5]),  # n_2 = 0
        ([10, 5, 0, 2], [0.5, 1, 1.5]),  # n_3 = 0, so D_2 and D_3 are undefined; D_1 is 1/2 by the formula
        ([6, 1, 0, 0], [0.75, 1, 1.5]),
        ([10, 5, 3, 0], [0.5, 1.1, 1.5]),  # n_4 = 0
        ([3, 1, 2, 1], [0.6, 1, 1.8]),  # D_2 = 2 - 3 * 3/5 * 2 is negative
        ([1, 1, 2, 2], [1 / 3, 1, 5 / 3]),  # D_2 = 2 - 3 * 1/3 * 2 is exactly 0
    ],
)
def test_discounts_that_the_formula_does_not_give(counted: list[int], expected: list[float]) -> None:
    np.testing.assert_allclose(discounts(np.repeat([1, 2, 3, 4], counted)), expected, rtol=1e-15)


def test_the_best_order_is_chosen() -> None:
    """Each token follows from the two before it, but every fourth is chance: one or two tokens in a row are too few."""
    draws = np.random.default_rng(11).integers(0, 4, 4000).tolist()
    text = [0, 1]
    for i, draw in enumerate(draws):
        text.append(draw if i % 4 == 0 else (2 * text[-1] + text[-2]) % 4)
    train, held_out = tokens(*text[:3000]), tokens(*text[3000:])
    nats = {order: float(KneserNey.fit(train, 4, order).nats(held_out).mean()) for order in (1, 2, 3, 4, 8)}
    order, best = choose_order(train, held_out, 4, [8, 4, 3, 1, 2])
    assert best == nats[order] == min(nats.values())
    assert order not in (1, 2)
    assert choose_order(train, held_out, 4, (2, 1)) == (2, nats[2])


def test_of_equal_orders_the_lowest_is_chosen() -> None:
    assert choose_order(tokens(), tokens(1, 1), 4, [3, 2, 5]) == (2, pytest.approx(math.log(4)))


@pytest.mark.parametrize("order", [-1, 0, 9])
def test_an_order_out_of_bounds_is_refused(order: int) -> None:
    with pytest.raises(SettingsError, match=f"^order must be between 1 and 8, got {order}\\.$"):
        KneserNey.fit(tokens(0, 1), 2, order)


def test_a_choice_needs_orders_and_a_held_out_text() -> None:
    with pytest.raises(SettingsError, match=r"^orders must name at least one order to try, got none\.$"):
        choose_order(tokens(0, 1), tokens(0), 2, [])
    with pytest.raises(DataError, match=r"^The held-out text must have at least 1 token to choose an order by, got 0\.$"):
        choose_order(tokens(0, 1), tokens(), 2, [2])


@pytest.mark.parametrize("token", [-1, 3])
def test_a_token_outside_the_vocabulary_is_refused(token: int) -> None:
    model = KneserNey.fit(tokens(0, 1), 3, 2)
    message = "^Token 2 of the {} must be a number between 0 and 2, got " + str(token) + "; encode it with the vocabulary"
    with pytest.raises(DataError, match=message.format("training text")):
        KneserNey.fit(tokens(0, token), 3, 2)
    with pytest.raises(DataError, match=message.format("text")):
        model.nats(tokens(1, token, 1))
    with pytest.raises(DataError, match=message.format("history").replace("Token 2", "Token 1")):
        model.nats(tokens(1), tokens(token))


def test_an_empty_vocabulary_is_refused() -> None:
    with pytest.raises(DataError, match=r"^The vocabulary must have at least 1 token, got 0\.$"):
        KneserNey.fit(tokens(), 0, 2)
