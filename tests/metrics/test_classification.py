"""Measures of classifiers: numbers worked out by hand, and equality with scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics as reference

from seodang.metrics.classification import (
    accuracy,
    calibration_error,
    check_predictions,
    class_scores,
    confusion_matrix,
    macro_f1,
    reliability_bins,
    roc_auc,
)


def of_second(scores: list[float]) -> NDArray[np.float64]:
    """Probabilities of two classes from those of the second."""
    second = np.array(scores)
    return np.stack([1 - second, second], 1)


def random_predictions(seed: int, rows: int, classes: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Labels, and probabilities that know something of them; coarse, so that there are ties."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, rows)
    weights = random.integers(1, 6, (rows, classes)).astype(float)
    weights[np.arange(rows), labels] += random.integers(0, 4, rows)
    return labels, weights / weights.sum(1, keepdims=True)


def test_confusion_matrix_counts_true_classes_in_rows() -> None:
    matrix = confusion_matrix(np.array([0, 0, 1, 2, 2, 2]), np.array([0, 1, 1, 2, 2, 0]), 3)
    assert matrix.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 2]]


def test_class_scores_by_hand() -> None:
    scores = class_scores(np.array([[1, 1, 0], [0, 1, 0], [1, 0, 2]]))
    np.testing.assert_allclose(scores.precision, [1 / 2, 1 / 2, 1])
    np.testing.assert_allclose(scores.recall, [1 / 2, 1, 2 / 3])
    np.testing.assert_allclose(scores.f1, [1 / 2, 2 / 3, 4 / 5])
    assert scores.support.tolist() == [2, 1, 3]


def test_a_class_never_predicted_scores_nothing() -> None:
    scores = class_scores(np.array([[3, 0], [2, 0]]))
    assert (scores.precision[1], scores.recall[1], scores.f1[1]) == (0, 0, 0)


def test_macro_f1_leaves_out_classes_that_neither_occur_nor_are_predicted() -> None:
    with_empty_class = np.array([[3, 1, 0], [1, 3, 0], [0, 0, 0]])
    assert macro_f1(with_empty_class) == pytest.approx(0.75)


def test_macro_f1_of_many_matrices_at_once() -> None:
    matrices = np.array([[[2, 0], [0, 2]], [[0, 2], [2, 0]]])
    assert macro_f1(matrices).tolist() == [1, 0]


def test_roc_auc_counts_a_tie_as_half() -> None:
    # Pairs (positive, negative): 0.5 > 0.2, 0.5 = 0.5, 0.9 > 0.2, 0.9 > 0.5.
    assert roc_auc(np.array([0, 0, 1, 1]), of_second([0.2, 0.5, 0.5, 0.9])) == pytest.approx(3.5 / 4)


def test_roc_auc_of_equal_scores_is_a_half() -> None:
    assert roc_auc(np.array([0, 1, 1]), of_second([0.3, 0.3, 0.3])) == pytest.approx(0.5)


@pytest.mark.parametrize("classes", [2, 3])
def test_roc_auc_is_none_where_a_class_is_absent(classes: int) -> None:
    assert roc_auc(np.array([1, 1]), np.full((2, classes), 1 / classes)) is None


def test_reliability_bins_by_hand() -> None:
    # Confidences 0.6, 0.6, 0.9, 1.0: two in (0.5, 0.75], one of them right; two in (0.75, 1], both right.
    labels, probabilities = np.array([1, 0, 1, 0]), of_second([0.6, 0.6, 0.9, 0.0])
    bins = reliability_bins(labels, probabilities, bins=4)
    assert bins.counts.tolist() == [0, 0, 2, 2]
    np.testing.assert_allclose(bins.confidence, [np.nan, np.nan, 0.6, 0.95])
    np.testing.assert_allclose(bins.accuracy, [np.nan, np.nan, 0.5, 1])
    assert calibration_error(labels, probabilities, bins=4) == pytest.approx(0.5 * 0.1 + 0.5 * 0.05)


def test_a_confident_wrong_model_has_the_largest_calibration_error() -> None:
    assert calibration_error(np.array([0, 0]), of_second([1, 1])) == 1


@pytest.mark.parametrize("classes", [2, 5])
def test_equal_to_scikit_learn(classes: int) -> None:
    labels, probabilities = random_predictions(0, 2000, classes)
    predicted = probabilities.argmax(1)
    confusion = confusion_matrix(labels, predicted, classes)
    np.testing.assert_array_equal(confusion, reference.confusion_matrix(labels, predicted))
    assert accuracy(labels, predicted) == pytest.approx(reference.accuracy_score(labels, predicted))
    assert macro_f1(confusion) == pytest.approx(reference.f1_score(labels, predicted, average="macro"))
    ours = class_scores(confusion)
    theirs = reference.precision_recall_fscore_support(labels, predicted)
    for mine, other in zip((ours.precision, ours.recall, ours.f1, ours.support), theirs, strict=True):
        np.testing.assert_allclose(mine, other)
    scores = probabilities[:, 1] if classes == 2 else probabilities
    expected = reference.roc_auc_score(labels, scores, multi_class="ovr", average="macro")
    assert roc_auc(labels, probabilities) == pytest.approx(expected)


def test_reliability_equals_scikit_learns_curve() -> None:
    labels, probabilities = random_predictions(1, 3000, 2)
    bins = reliability_bins(labels, probabilities)
    right = (probabilities.argmax(1) == labels).astype(int)
    accuracy_of_bin, confidence = reference_curve(right, probabilities.max(1))
    filled = bins.counts > 0
    np.testing.assert_allclose(bins.accuracy[filled], accuracy_of_bin)
    np.testing.assert_allclose(bins.confidence[filled], confidence)


def reference_curve(right: NDArray[np.int64], confidence: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """scikit-learn's calibration curve over 15 bins."""
    from sklearn.calibration import calibration_curve

    curve: tuple[NDArray[np.float64], ...] = calibration_curve(right, confidence, n_bins=15)
    return curve


@pytest.mark.parametrize(
    ("labels", "probabilities", "message"),
    [
        ([], np.zeros((0, 2)), r"expected labels \(rows,\)"),
        ([0], np.ones((2, 2)) / 2, r"got \(1,\) and \(2, 2\)"),
        ([0, 2], np.ones((2, 2)) / 2, "labels must lie between 0 and 1, got 0 to 2"),
        ([0, 1], np.ones((2, 2)), "sum to 1"),
        ([0, 1], np.array([[0.5, 0.5], [np.nan, 1]]), "finite"),
    ],
)
def test_predictions_that_do_not_fit_are_refused(labels: list[int], probabilities: NDArray[np.float64], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_predictions(np.array(labels, np.int64), probabilities)
