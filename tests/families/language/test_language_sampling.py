"""The rules of drawing, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from seodang.families.language.sampling import Sampling

LOGITS = np.log(np.array([0.1, 0.4, 0.2, 0.3], np.float32))


def chosen(sampling: Sampling, logits: np.ndarray = LOGITS, recent: tuple[int, ...] = ()) -> tuple[list[int], list[float]]:
    tokens, chances = sampling.choices(logits, recent)
    return tokens.tolist(), chances.tolist()


def test_untouched_probabilities_stand_likeliest_first() -> None:
    tokens, chances = chosen(Sampling())
    assert tokens == [1, 3, 2, 0] and chances == pytest.approx([0.4, 0.3, 0.2, 0.1])


def test_temperature_is_a_power_of_the_probabilities() -> None:
    squares = np.array([0.16, 0.09, 0.04, 0.01])
    assert chosen(Sampling(temperature=0.5))[1] == pytest.approx((squares / squares.sum()).tolist())
    roots = np.sqrt([0.4, 0.3, 0.2, 0.1])
    assert chosen(Sampling(temperature=2))[1] == pytest.approx((roots / roots.sum()).tolist())
    assert chosen(Sampling(temperature=0)) == ([1], [1.0])


def test_top_k_keeps_the_likeliest() -> None:
    assert chosen(Sampling(top_k=2)) == ([1, 3], pytest.approx([4 / 7, 3 / 7]))
    assert chosen(Sampling(top_k=9))[0] == [1, 3, 2, 0]


@pytest.mark.parametrize(("top_p", "kept"), [(0.3, 1), (0.39, 1), (0.41, 2), (0.69, 2), (0.8, 3), (1.0, 4)])
def test_top_p_keeps_the_fewest_that_make_it_up(top_p: float, kept: int) -> None:
    assert len(chosen(Sampling(top_p=top_p))[0]) == kept


def test_top_p_is_of_what_top_k_left() -> None:
    assert chosen(Sampling(top_k=2, top_p=0.5))[0] == [1]  # 4/7 of those two


def test_the_penalty_divides_positive_logits_and_multiplies_negative_ones_once() -> None:
    logits = np.array([2.0, -1.0, 0.5], np.float32)
    tokens, chances = chosen(Sampling(repetition_penalty=2.0), logits, (0, 1, 1))
    expected = np.exp([1.0, 0.5, -2.0])
    assert tokens == [0, 2, 1] and chances == pytest.approx((expected / expected.sum()).tolist())


def test_equal_logits_stand_in_their_order() -> None:
    assert chosen(Sampling(top_k=2), np.zeros(5, np.float32))[0] == [0, 1]


def test_draws_have_the_chances() -> None:
    random = np.random.default_rng(0)
    counts = np.bincount([Sampling().draw(LOGITS, random) for _ in range(20_000)], minlength=4)
    assert counts / 20_000 == pytest.approx([0.1, 0.4, 0.2, 0.3], abs=0.015)  # four standard errors


def test_every_draw_uses_one_random_number() -> None:
    one, other = np.random.default_rng(5), np.random.default_rng(5)
    Sampling(temperature=0).draw(LOGITS, one)
    Sampling(top_k=3).draw(LOGITS, other)
    assert one.random() == other.random()
