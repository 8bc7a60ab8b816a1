"""Words to numbers and back: tokenizer and vocabulary."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from seodang.core.errors import MissingExtraError, RunError
from seodang.data.tokens import clean, hangul_share, split_words

TokenKind = Literal["words", "syllables", "morphemes"]

PADDING, UNKNOWN = 0, 1
SPECIAL = ("<padding>", "<unknown>")
SPACE = "\u2581"  # stands for white space where every character is a token


HANGUL_SHARE = 0.3  # from this share of letters on, texts are taken for Korean
SAMPLE_TEXTS = 1000


def split_syllables(text: str) -> list[str]:
    """The characters of a text, white space folded to one mark; in Korean a character is a syllable."""
    return list(SPACE.join(clean(text).split()))


def split_morphemes(text: str) -> list[str]:
    """The morphemes of a Korean text, each with its part of speech, by kiwipiepy.

    Raises: MissingExtraError: kiwipiepy is not installed.
    """
    return [f"{token.form}/{token.tag}" for token in _kiwi().tokenize(clean(text))]


SPLITTERS: Mapping[str, Callable[[str], list[str]]] = {
    "words": split_words,
    "syllables": split_syllables,
    "morphemes": split_morphemes,
}


def choose_tokens(texts: Sequence[str]) -> tuple[TokenKind, str]:
    """The kind of token for these texts, and why."""
    sample = " ".join(texts[:: max(1, len(texts) // SAMPLE_TEXTS)])
    share = hangul_share(sample)
    if share >= HANGUL_SHARE:
        return "syllables", f"{share:.0%} of the letters are Hangul, whose spaces do not separate words"
    return "words", "words are separated by spaces" if share == 0 else f"only {share:.0%} of the letters are Hangul"


class Vocabulary:
    """Tokens and their numbers: 0 is padding, 1 is any token that is not known, then tokens by falling frequency.

    Args:
        tokens: Every entry in the order of its number, the two special ones first.
        kind: What a token is.
    """

    def __init__(self, tokens: Sequence[str], kind: TokenKind) -> None:
        self.tokens = tuple(tokens)
        self.kind = kind
        self.split = SPLITTERS[kind]
        self.numbers = {token: number for number, token in enumerate(self.tokens)}

    def __len__(self) -> int:
        return len(self.tokens)

    @classmethod
    def fit(cls, tokens: Sequence[str], counts: NDArray[np.int64], size: int, kind: TokenKind) -> Vocabulary:
        """The most frequent tokens, `size` entries with the special ones; ties stand in alphabetical order."""
        ranked = sorted(zip(tokens, counts.tolist(), strict=True), key=lambda item: (-item[1], item[0]))
        return cls([*SPECIAL, *(token for token, _ in ranked[: size - len(SPECIAL)])], kind)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Vocabulary:
        """The vocabulary that `to_json` gave.

        Raises: RunError: The value is something else.
        """
        try:
            tokens, kind = value["tokens"], value["kind"]
            known = tuple(tokens[:2]) == SPECIAL and kind in SPLITTERS
        except (KeyError, TypeError):
            known = False
        if not known:
            raise RunError("preprocessing.json: not a vocabulary of this version of Seodang; bring the original file back.")
        return cls(tokens, kind)

    def to_json(self) -> dict[str, Any]:
        """Readable JSON: a token's number is its place in the list."""
        return {"kind": self.kind, "tokens": list(self.tokens)}

    def encode(self, tokens: Sequence[str]) -> NDArray[np.int32]:
        """Numbers of tokens, (length,), int32; unknown tokens become 1."""
        get = self.numbers.get
        return np.fromiter((get(token, UNKNOWN) for token in tokens), np.int32, len(tokens))

    def encode_text(self, text: str, max_length: int) -> NDArray[np.int32]:
        """Numbers of a text's first `max_length` tokens, (length,), int32; a text without tokens is one unknown."""
        numbers = self.encode(self.split(text)[:max_length])
        return numbers if len(numbers) else np.array([UNKNOWN], np.int32)

    def decode(self, numbers: Iterable[int]) -> list[str]:
        """Tokens of numbers."""
        return [self.tokens[number] for number in numbers]


@cache
def _kiwi() -> Any:
    try:
        from kiwipiepy import Kiwi
    except ImportError:
        raise MissingExtraError("Morphemes need kiwipiepy: pip install 'seodang[korean]', or choose syllables.") from None
    return Kiwi(num_workers=1)
