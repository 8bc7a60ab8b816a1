"""The yardstick: a linear model that every network must beat to have earned its time."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from seodang.data.tokens import clean, split_words
from seodang.families.text.batches import EncodedTexts
from seodang.families.text.linear import LinearModel
from seodang.families.text.ngrams import NONE, NgramFeatures
from seodang.families.text.tokenised import TokenisedTexts
from seodang.families.text.tokens import SPACE, TokenKind

NAME = "naive-Bayes-weighted n-grams with logistic regression"

WORD_ORDER, CHARACTER_ORDER = 3, 4
MIN_COUNT = 2
MAX_FEATURES = 800_000


class Yardstick:
    """Naive-Bayes-weighted n-grams with logistic regression (see `linear`), fitted in seconds.

    Words are taken up to three in a row; where tokens are Korean syllables or morphemes, characters up to four in a row.

    Args:
        kind: What a token of the network is.
    """

    def __init__(self, kind: TokenKind) -> None:
        self.of_words = kind == "words"

    def fit(self, texts: Sequence[str], labels: NDArray[np.int64], num_classes: int) -> Yardstick:
        """Learn from training texts; the same texts in the same order give the same model.

        Args:
            texts: Texts of at least two classes.
            labels: (texts,), int64, the class of each text, 0 to num_classes - 1.
            num_classes: Classes, those that no text here has among them.
        """
        if self.of_words:
            tokenised = TokenisedTexts(texts, "words")
            self.numbers = {word: number for number, word in enumerate(tokenised.tokens)}
            encoded, order = tokenised.texts, WORD_ORDER
        else:
            encoded, order = self._encode(texts), CHARACTER_ORDER
        self.features, present = NgramFeatures.fit(encoded, order, MIN_COUNT, MAX_FEATURES)
        self.model = LinearModel.fit(present, np.eye(num_classes)[labels])
        return self

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The probability of each class for each text, (texts, classes), float32."""
        positive = expit(self.model.scores(self.features.transform(self._encode(texts))))
        if positive.shape[1] == 1:
            return np.hstack([1 - positive, positive]).astype(np.float32)
        probabilities: NDArray[np.float32] = (positive / positive.sum(1, keepdims=True)).astype(np.float32)
        return probabilities

    def _encode(self, texts: Sequence[str]) -> EncodedTexts:
        return EncodedTexts.join(self._words(text) if self.of_words else _characters(text) for text in texts)

    def _words(self, text: str) -> NDArray[np.int32]:
        """The number of each word, NONE where training did not have it."""
        words = split_words(text)
        return np.fromiter(map(self.numbers.get, words, repeat(NONE)), np.int32, len(words))


def _characters(text: str) -> NDArray[np.int32]:
    """The code points of a text, white space folded to one mark, (characters,), int32."""
    return np.frombuffer(SPACE.join(clean(text).split()).encode("utf-32-le", "surrogatepass"), np.int32)
