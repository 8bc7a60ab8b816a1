"""N-gram features: equality with scikit-learn's vectoriser, and round trips."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import CountVectorizer

from seodang.families.text.batches import EncodedTexts
from seodang.families.text.ngrams import NgramFeatures


def encoded(*texts: list[int]) -> EncodedTexts:
    return EncodedTexts.join(np.array(text, np.int32) for text in texts)


def random_texts(seed: int, count: int) -> list[list[int]]:
    """Texts of 0 to 30 tokens out of 12, frequent and rare ones."""
    random = np.random.default_rng(seed)
    return [random.geometric(0.25, random.integers(0, 31)).clip(1, 12).tolist() for _ in range(count)]


def columns(matrix: csr_matrix) -> list[bytes]:
    """The columns of a matrix in an order that does not depend on their numbering."""
    dense: NDArray[np.bool_] = matrix.toarray() > 0
    return sorted(column.tobytes() for column in dense.T)


def reference(training: list[list[int]], others: list[list[int]], order: int, min_count: int) -> tuple[csr_matrix, csr_matrix]:
    """The same features by scikit-learn."""
    vectoriser = CountVectorizer(analyzer="word", token_pattern=r"\S+", ngram_range=(1, order), min_df=min_count, binary=True)
    joined = [" ".join(map(str, text)) for text in training]
    return vectoriser.fit_transform(joined), vectoriser.transform([" ".join(map(str, text)) for text in others])


@pytest.mark.parametrize(("order", "min_count"), [(1, 1), (2, 2), (3, 2), (4, 5)])
def test_equal_to_scikit_learn(order: int, min_count: int) -> None:
    training, others = random_texts(0, 80), random_texts(1, 40)
    features, matrix = NgramFeatures.fit(encoded(*training), order, min_count)
    expected_training, expected_others = reference(training, others, order, min_count)
    assert columns(matrix) == columns(expected_training)
    both = np.vstack([matrix.toarray(), features.transform(encoded(*others)).toarray()])
    expected = np.vstack([expected_training.toarray(), expected_others.toarray()])
    assert sorted(column.tobytes() for column in both.T) == sorted(c.tobytes() for c in expected.T.astype(np.float32))


def test_training_texts_transform_to_the_matrix_that_fit_returned() -> None:
    texts = encoded(*random_texts(2, 60))
    features, matrix = NgramFeatures.fit(texts, 3, max_features=50)
    again = features.transform(texts)
    assert matrix.dtype == again.dtype == np.float32
    assert matrix.shape == again.shape == (60, 50)
    assert (matrix != again).nnz == 0


def test_the_features_that_stand_in_most_texts_are_kept() -> None:
    texts = encoded(*random_texts(3, 60))
    _, whole = NgramFeatures.fit(texts, 3)
    _, cut = NgramFeatures.fit(texts, 3, max_features=40)
    most = np.sort(np.asarray(whole.sum(0)).ravel())[::-1][:40]
    np.testing.assert_array_equal(np.sort(np.asarray(cut.sum(0)).ravel())[::-1], most)


def test_an_ngram_never_reaches_into_the_next_text() -> None:
    _, matrix = NgramFeatures.fit(encoded([1, 2], [3, 4], [1, 2], [3, 4]), 3)
    assert matrix.toarray().tolist() == [[1, 1, 0, 0, 1, 0], [0, 0, 1, 1, 0, 1]] * 2  # 1, 2, 3, 4, (1 2), (3 4)


def test_negative_tokens_belong_to_no_ngram() -> None:
    _, matrix = NgramFeatures.fit(encoded([1, -1, 2], [1, -1, 2]), 3)
    assert matrix.toarray().tolist() == [[1, 1], [1, 1]]


def test_unseen_tokens_and_empty_texts_give_empty_rows() -> None:
    features, _ = NgramFeatures.fit(encoded([1, 2], [1, 2]), 2)
    assert features.transform(encoded([7, 9], [], [2, 1])).toarray().tolist() == [[0, 0, 0], [0, 0, 0], [1, 1, 0]]


def test_no_features_at_all() -> None:
    features, matrix = NgramFeatures.fit(encoded([1], [2]), 2)
    assert matrix.shape == (2, 0)
    assert features.transform(encoded([1])).shape == (1, 0)
    assert features.size == 0
    assert NgramFeatures.fit(encoded([], []), 3)[1].shape == (2, 0)


def test_features_survive_as_plain_arrays() -> None:
    texts = encoded(*random_texts(4, 50))
    features, matrix = NgramFeatures.fit(texts, 4)
    arrays = features.to_arrays()
    assert all(array.dtype == np.int64 and array.ndim == 1 for array in arrays.values())
    assert (NgramFeatures.from_arrays(arrays).transform(texts) != matrix).nnz == 0
