"""Texts split into tokens once, numbered by first appearance; a vocabulary of any size is cut from that."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seodang.families.text.batches import EncodedTexts
from seodang.families.text.tokens import SPLITTERS, UNKNOWN, TokenKind, Vocabulary


class TokenisedTexts:
    """Texts as numbers of the tokens that appear in them.

    Args:
        texts: Texts as people wrote them.
        kind: What a token is.
    """

    def __init__(self, texts: Sequence[str], kind: TokenKind) -> None:
        split = SPLITTERS[kind]
        numbers: dict[str, int] = {}
        pieces: list[NDArray[np.int32]] = []
        for text in texts:
            tokens = split(text)
            pieces.append(np.fromiter((numbers.setdefault(token, len(numbers)) for token in tokens), np.int32, len(tokens)))
        self.kind = kind
        self.tokens = tuple(numbers)
        self.texts = EncodedTexts.join(pieces)

    def counts(self) -> NDArray[np.int64]:
        """How often each token appears, (tokens,), int64."""
        return np.bincount(self.texts.numbers, minlength=len(self.tokens))

    def vocabulary(self, size: int) -> Vocabulary:
        """The vocabulary of the most frequent tokens."""
        return Vocabulary.fit(self.tokens, self.counts(), size, self.kind)

    def encode(self, vocabulary: Vocabulary, max_length: int) -> EncodedTexts:
        """The texts as numbers of a vocabulary, cut to a length; equal to `Vocabulary.encode_text` of each."""
        return self.number(vocabulary).cut(max_length).filled()

    def number(self, vocabulary: Vocabulary) -> EncodedTexts:
        """The texts as numbers of a vocabulary, uncut; a text without tokens stays empty."""
        get = vocabulary.numbers.get
        table = np.fromiter((get(token, UNKNOWN) for token in self.tokens), np.int32, len(self.tokens))
        return EncodedTexts(table[self.texts.numbers], self.texts.lengths)
