"""Intervals: known values, and whether they cover the truth as often as they claim."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from seodang.metrics.classification import calibration_error, confusion_matrix, roc_auc
from seodang.metrics.intervals import (
    calibration_interval,
    macro_f1_interval,
    mean_interval,
    resampled,
    roc_auc_interval,
    wilson_interval,
)


def normal_scores(seed: int, rows: int, shift: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Two classes whose scores are normal and `shift` apart, half of the rows each; the probabilities are calibrated."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, rows)
    logits = shift * (random.normal(size=rows) + shift * (labels - 0.5))
    second = 1 / (1 + np.exp(-logits))
    return labels, np.stack([1 - second, second], 1)


def test_wilson_interval_of_a_textbook_case() -> None:
    # 8 of 10: (0.8 + 0.19207 +- 1.96 sqrt(0.016 + 0.009604)) / 1.38415, worked out by hand.
    assert wilson_interval(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)


def test_wilson_interval_of_all_right_has_a_width_and_ends_at_one() -> None:
    low, high = wilson_interval(20, 20)
    assert high == 1
    assert low == pytest.approx(0.8389, abs=1e-4)


def test_resamples_draw_as_many_rows_as_there_are_and_repeat_with_the_seed() -> None:
    first, again = (np.concatenate(list(resampled(50, 30, seed=4))) for _ in range(2))
    assert first.shape == (30, 50)
    assert (first.sum(1) == 50).all()
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, np.concatenate(list(resampled(50, 30, seed=5))))


def test_macro_f1_interval_equals_drawing_rows_one_by_one() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 400)
    predicted = np.where(random.random(400) < 0.7, labels, random.integers(0, 3, 400))
    low, high = macro_f1_interval(confusion_matrix(labels, predicted, 3), resamples=4000)
    from sklearn.metrics import f1_score

    draws = [random.integers(0, 400, 400) for _ in range(500)]
    slow = np.quantile([f1_score(labels[rows], predicted[rows], average="macro") for rows in draws], [0.025, 0.975])
    assert (low, high) == pytest.approx(tuple(slow), abs=0.01)  # 500 draws place a bound to about 0.005


def test_roc_auc_interval_covers_the_true_area() -> None:
    from scipy.stats import norm

    truth, covered = norm.cdf(1 / np.sqrt(2)), 0
    for seed in range(200):
        interval = roc_auc_interval(*normal_scores(seed, 200, 1.0), resamples=200)
        assert interval is not None
        covered += interval[0] <= truth <= interval[1]
    assert covered >= 180  # 190 expected; fewer than 180 would come by chance once in 1,000 times


def test_intervals_hold_the_value_itself() -> None:
    for seed in range(20):
        labels, probabilities = normal_scores(seed, 300, 1.5)
        area, interval = roc_auc(labels, probabilities), roc_auc_interval(labels, probabilities)
        assert area is not None
        assert interval is not None
        assert interval[0] < area < interval[1]
        low, high = calibration_interval(labels, probabilities)
        assert 0 <= low < calibration_error(labels, probabilities) < high


def test_roc_auc_interval_is_none_where_the_area_is() -> None:
    assert roc_auc_interval(np.array([1, 1, 1]), np.full((3, 2), 0.5)) is None


def test_resamples_that_lack_a_class_are_left_out() -> None:
    # With one positive row of four, a third of the resamples have no area.
    interval = roc_auc_interval(np.array([0, 0, 0, 1]), np.stack([1 - np.arange(4) / 4, np.arange(4) / 4], 1))
    assert interval == (1, 1)


def test_a_mean_of_numbers_beyond_1_keeps_its_interval() -> None:
    decibels = np.random.default_rng(0).normal(20.0, 2.0, 50)
    low, high = mean_interval(decibels, within=(0.0, 100.0))
    assert low is not None and high is not None
    assert low < decibels.mean() < high and high - low == pytest.approx(4 * 2.0 / np.sqrt(50), rel=0.3)
    assert mean_interval(decibels, within=(0.0, 20.0))[1] == 20.0
