"""Word vectors as a table to ask: which words are near, which stands apart, what is to king as woman is to man."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from seodang.core.errors import DataError

Vector = NDArray[np.float32]
SPELLINGS = 3  # near spellings offered for an unknown word
SEARCHED = 50_000  # most frequent words that spellings are looked for among


@dataclass(frozen=True)
class WordVectors:
    """Words and their vectors, with the questions of gensim's `KeyedVectors`.

    Args:
        words: By falling frequency.
        vectors: (words, dimensions), float32.
        compose: The vector of a word that is not in the table, made from its pieces; None where it cannot be made.
    """

    words: tuple[str, ...]
    vectors: Vector
    compose: Callable[[str], Vector | None] = lambda word: None

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self.numbers

    def __getitem__(self, word: str) -> Vector:
        """A word's vector, (dimensions,). Raises: DataError: It has none; near spellings are offered."""
        number = self.numbers.get(word)
        found = self.compose(word) if number is None else np.asarray(self.vectors[number], np.float32)
        if found is None:
            raise self.unknown(word)
        return found

    @property
    def dimensions(self) -> int:
        """Numbers of a vector."""
        return int(self.vectors.shape[1])

    @cached_property
    def numbers(self) -> dict[str, int]:
        """The row of each word."""
        return {word: number for number, word in enumerate(self.words)}

    @cached_property
    def directions(self) -> Vector:
        """Vectors of length 1, (words, dimensions)."""
        return unit(self.vectors)

    def direction(self, word: str) -> Vector:
        """A word's vector at length 1. Raises: DataError: The word has none."""
        return np.asarray(unit(self[word][None])[0], np.float32)

    def similarity(self, first: str, second: str) -> float:
        """Cosine of the angle between two words, -1 to 1. Raises: DataError: A word has no vector."""
        return float(self.direction(first) @ self.direction(second))

    def most_similar(
        self, positive: str | Sequence[str], negative: str | Sequence[str] = (), topn: int = 10
    ) -> list[tuple[str, float]]:
        """The words nearest to the mean of some words less others, themselves left out.

        Raises: DataError: A word has no vector.
        """
        plus = [positive] if isinstance(positive, str) else list(positive)
        minus = [negative] if isinstance(negative, str) else list(negative)
        wanted = sum((self.direction(word) for word in plus), np.zeros(self.dimensions, np.float32))
        wanted = wanted - sum((self.direction(word) for word in minus), np.zeros(self.dimensions, np.float32))
        scores = self.directions @ unit(wanted[None].astype(np.float32))[0]
        asked = {self.numbers[word] for word in (*plus, *minus) if word in self.numbers}
        count = min(topn + len(asked), len(self.words))
        # Equal scores stand in the order of the words, so that every machine answers the same.
        best = sorted(np.argpartition(-scores, count - 1)[:count].tolist(), key=lambda row: (-scores[row], row))
        return [(self.words[row], float(scores[row])) for row in best if row not in asked][:topn]

    def doesnt_match(self, words: Sequence[str]) -> str:
        """The word farthest from the mean of all. Raises: DataError: A word has no vector, or there are fewer than two."""
        return min(self.fits(words), key=lambda item: item[1])[0]

    def fits(self, words: Sequence[str]) -> list[tuple[str, float]]:
        """How near each word is to the mean of all."""
        if len(words) < 2:
            raise DataError(f"Expected two words or more to compare, got {len(words)}.")
        directions = np.stack([self.direction(word) for word in words])
        return list(zip(words, (directions @ unit(directions.mean(0)[None])[0]).tolist(), strict=True))

    def unknown(self, word: str) -> DataError:
        """The error for a word without a vector, with near spellings."""
        frequent = self.words[:SEARCHED]
        near = difflib.get_close_matches(word, frequent, n=SPELLINGS, cutoff=0.6)
        if not near:
            near = difflib.get_close_matches(word.lower(), frequent, n=SPELLINGS, cutoff=0.6)
        hint = f"did you mean {' or '.join(near)}?" if near else "no word is spelled like it."
        return DataError(f"The word {word!r} has no vector; {hint}")


def unit(vectors: Vector) -> Vector:
    """Rows at length 1; zeros stay zeros."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), np.float32)
