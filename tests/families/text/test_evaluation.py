"""Evaluation of texts: every table by hand."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest

from seodang.core.family import Evaluation
from seodang.families.text.evaluation import evaluate_texts, length_table, repeats
from seodang.metrics.intervals import wilson_interval

NAMES = ("bad", "good")
SECOND = np.array([0.1, 0.3, 0.8, 0.9, 0.6, 0.4, 0.2, 0.95], np.float32)
LABELS = np.array([0, 0, 0, 1, 1, 1, 0, 1])  # wrong: rows 2 and 5
TEXTS = [f"text {number}" for number in range(8)]


def evaluation(**changes: object) -> Evaluation:
    probabilities = np.stack([1 - SECOND, SECOND], 1)
    given = {
        "source": "reviews.csv",
        "texts": TEXTS,
        "labels": LABELS,
        "label_names": NAMES,
        "probabilities": probabilities,
        "lengths": np.array([1, 2, 3, 4, 5, 6, 7, 8]),
        "yardstick_probabilities": 1 - probabilities,
    }
    return evaluate_texts(**{**given, **changes})


def test_measures_beside_the_yardstick() -> None:
    result = evaluation()
    accuracy = result.measures["accuracy"]
    assert (accuracy.value, accuracy.low, accuracy.high) == (0.75, *wilson_interval(6, 8))
    assert result.measures["macro_f1"].value == pytest.approx(0.75)
    assert result.measures["roc_auc"].value == pytest.approx(14 / 16)  # only the pairs of row 2 with rows 4 and 5 are wrong
    assert result.yardstick["accuracy"].value == 0.25
    assert result.yardstick["roc_auc"].value == pytest.approx(2 / 16)
    assert list(result.measures) == list(result.yardstick) == ["accuracy", "macro_f1", "roc_auc", "calibration_error"]
    for measure in (*result.measures.values(), *result.yardstick.values()):
        assert measure.value is not None
        assert measure.low is not None
        assert measure.high is not None
        assert measure.low <= measure.value <= measure.high


def test_confusion_table_has_a_row_for_each_true_class() -> None:
    table = evaluation().tables["confusion"]
    assert table.headers == ("true class", "bad", "good")
    assert table.rows == (("bad", 3, 1), ("good", 1, 3))


def test_class_table() -> None:
    assert evaluation().tables["classes"].rows == (("bad", 0.75, 0.75, 0.75, 4), ("good", 0.75, 0.75, 0.75, 4))


def test_lengths_are_cut_into_quarters() -> None:
    table = evaluation().tables["lengths"]
    assert [row[:3] for row in table.rows] == [("1-2", 2, 1.0), ("3-4", 2, 0.5), ("5-6", 2, 0.5), ("7-8", 2, 1.0)]
    assert table.rows[0][3:] == wilson_interval(2, 2)


def test_equal_lengths_stay_together() -> None:
    table = length_table(np.array([3, 3, 3, 3, 3, 9]), np.array([True] * 5 + [False]))
    assert [row[:3] for row in table.rows] == [("3-3", 5, 1.0), ("9-9", 1, 0.0)]


def test_reliability_table_counts_every_text_once() -> None:
    table = evaluation().tables["reliability"]
    assert sum(row[2] for row in table.rows) == 8
    assert all(row[0] < row[3] <= row[1] for row in table.rows)


def test_rows_that_repeat_a_training_text_are_told_apart() -> None:
    result = evaluation(training_texts=["TEXT  0", "text 2", "another"])
    table = result.tables["repeats"]
    assert table.headers == ("texts that", "texts", "accuracy", "low", "high", "yardstick")
    assert [(*row[:3], row[5]) for row in table.rows] == [("repeat a training text", 2, 0.5, 0.5), ("do not", 6, 5 / 6, 1 / 6)]
    assert any("2 of 8 texts repeat a training text" in note for note in result.notes)


def test_without_repeats_or_yardstick_nothing_is_said_of_them() -> None:
    result = evaluation(training_texts=["another"], yardstick_probabilities=None)
    assert "repeats" not in result.tables
    assert result.notes == ()
    assert (result.yardstick_name, dict(result.yardstick)) == ("", {})


def test_a_class_absent_from_the_test_texts_is_said() -> None:
    result = evaluation(labels=np.zeros(8, np.int64))
    assert result.measures["roc_auc"].value is None
    assert result.notes == (
        "No text here is of good, so there is no area under the ROC curve.",
        "All texts here are of bad: accuracy is the share of them that is found, and tells nothing of others.",
    )


def test_two_of_three_classes_are_not_called_all_of_one() -> None:
    probabilities = np.full((8, 3), 1 / 3, np.float32)
    result = evaluation(probabilities=probabilities, label_names=(*NAMES, "mixed"), yardstick_probabilities=None)
    assert result.notes == ("No text here is of mixed, so there is no area under the ROC curve.",)


def test_an_evaluation_is_json() -> None:
    result = evaluation(training_texts=TEXTS[:3])
    assert json.loads(json.dumps(asdict(result), allow_nan=False))["tables"]["confusion"]["rows"] == [
        ["bad", 3, 1],
        ["good", 1, 3],
    ]


def test_probabilities_of_other_texts_are_refused() -> None:
    with pytest.raises(ValueError, match=r"got \(3,\) and \(8, 2\)"):
        evaluation(labels=np.zeros(3, np.int64))


def test_repeats_fold_case_and_white_space() -> None:
    assert repeats(["A  b\n", "a c"], ["a b"]).tolist() == [True, False]
    assert repeats(["a"], []).tolist() == [False]
