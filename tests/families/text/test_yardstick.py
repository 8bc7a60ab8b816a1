"""The yardstick: the paper's weights by hand, and what it learns."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from seodang.families.text.linear import log_count_ratio
from seodang.families.text.yardstick import Yardstick

TOPICS = (("ball", "goal", "team"), ("bread", "soup", "salt"), ("star", "moon", "sky"))


def topic_texts(seed: int, count: int, classes: int) -> tuple[list[str], np.ndarray]:
    """Texts in which one word of the topic stands among words that tell nothing."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, count)
    filler = [" ".join(random.choice(["the", "a", "of", "and", "we"], 6)) for _ in range(count)]
    return [f"{words} {random.choice(TOPICS[label])}" for words, label in zip(filler, labels, strict=True)], labels


def test_log_count_ratio_by_hand() -> None:
    # Counts plus 1: inside (2, 3), outside (2, 1); r = log of (2/5, 3/5) over (2/3, 1/3).
    present = csr_matrix(np.array([[1, 1], [0, 1], [1, 0]], np.float32))
    ratio = log_count_ratio(present, np.array([1.0, 1.0, 0.0]))
    np.testing.assert_allclose(ratio, np.log([(2 / 5) / (2 / 3), (3 / 5) / (1 / 3)]))


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("kind", ["words", "syllables"])
def test_it_learns_topics(kind: str, classes: int) -> None:
    yardstick = Yardstick(kind).fit(*topic_texts(0, 300, classes), classes)
    texts, labels = topic_texts(1, 100, classes)
    probabilities = yardstick.probabilities(texts)
    assert probabilities.shape == (100, classes)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-6)
    assert (probabilities.argmax(1) == labels).mean() > 0.98


def test_word_order_matters() -> None:
    texts, labels = ["not good but bad", "not bad but good"] * 20, np.array([0, 1] * 20)
    probabilities = Yardstick("words").fit(texts, labels, 2).probabilities(["not good but bad", "not bad but good"])
    assert probabilities.argmax(1).tolist() == [0, 1]


def test_the_same_texts_give_the_same_numbers() -> None:
    first, again = (Yardstick("words").fit(*topic_texts(0, 100, 3), 3).probabilities(["we ball", "soup"]) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_a_text_of_unknown_words_gets_an_answer() -> None:
    probabilities = Yardstick("words").fit(*topic_texts(0, 100, 2), 2).probabilities(["zebra", ""])
    assert np.isfinite(probabilities).all()
    np.testing.assert_array_equal(probabilities[0], probabilities[1])


def test_texts_that_share_no_word_fall_back_on_the_classes_shares() -> None:
    probabilities = Yardstick("words").fit(["one", "two", "three"], np.array([0, 0, 1]), 2).probabilities(["four"])
    np.testing.assert_allclose(probabilities, [[0.6, 0.4]], rtol=1e-6)  # (2 + 1) / (3 + 2)


def test_a_class_without_training_texts_is_never_the_likeliest() -> None:
    texts, labels = topic_texts(0, 100, 2)
    assert set(Yardstick("words").fit(texts, labels, 3).probabilities(texts).argmax(1)) == {0, 1}


def test_korean_characters_are_read_across_words() -> None:
    texts, labels = ["정말 재미있다", "너무 재미없다"] * 10, np.array([1, 0] * 10)
    probabilities = Yardstick("morphemes").fit(texts, labels, 2).probabilities(["재미있어요", "재미없어요"])
    assert probabilities.argmax(1).tolist() == [1, 0]
