"""The words that get a vector, by falling frequency, and what follows from how often they appear."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seodang.core.errors import DataError, RunError
from seodang.families.words.data import LINE_END, EncodedText
from seodang.families.words.phrases import find_phrases, join_phrases
from seodang.families.words.settings import WordsSettings

Phrases = tuple[tuple[tuple[str, str], ...], ...]
"""The pairs that each pass of joining takes."""


@dataclass(frozen=True)
class WordVocabulary:
    """Words by their number, and how often each appears."""

    words: tuple[str, ...]
    counts: NDArray[np.int64]
    phrases: Phrases = ()

    @cached_property
    def numbers(self) -> dict[str, int]:
        """The number of each word."""
        return {word: number for number, word in enumerate(self.words)}

    @classmethod
    def fit(cls, text: EncodedText, settings: WordsSettings, source: str) -> WordVocabulary:
        """Join phrases, count, prune.

        Raises: DataError: Fewer than two words are frequent enough.
        """
        chosen = settings.data
        phrases = []
        for _ in range(chosen.phrases):
            phrases.append(tuple(find_phrases(text, chosen.min_count, chosen.phrase_threshold)))
            text = join_phrases(text, phrases[-1])
        counts = text.counts()
        frequent = np.flatnonzero(counts >= chosen.min_count)
        if len(frequent) < 2:
            most = int(counts.argmax())
            raise DataError(
                f"{source}: {'no word appears' if not len(frequent) else 'one word alone appears'} {chosen.min_count} times "
                f"or more; the most frequent, {text.words[most]!r}, appears {counts[most]:,} times. Lower {{min_count}} or "
                "give more text.",
                settings=("min_count",),
            )
        ranked = sorted(frequent.tolist(), key=lambda number: (-counts[number], text.words[number]))[: chosen.max_vocabulary]
        return cls(tuple(text.words[number] for number in ranked), counts[ranked], tuple(phrases))

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> WordVocabulary:
        """The vocabulary that `to_json` gave.

        Raises: RunError: The value is something else.
        """
        try:
            phrases = tuple(tuple((a, b) for a, b in one) for one in value["phrases"])
            words, counts = tuple(value["words"]), np.array(value["counts"], np.int64)
        except (KeyError, TypeError, ValueError):
            words, counts, phrases = (), np.empty(0, np.int64), ()
        if not words or len(words) != len(counts):
            raise RunError("preprocessing.json: not a vocabulary of this version of Seodang; bring the original file back.")
        return cls(words, counts, phrases)

    def to_json(self) -> dict[str, Any]:
        """Readable JSON: a word's number is its place in the list."""
        return {
            "words": list(self.words),
            "counts": self.counts.tolist(),
            "phrases": [list(map(list, p)) for p in self.phrases],
        }

    def encode(self, text: EncodedText) -> NDArray[np.int32]:
        """A text as numbers of this vocabulary; words without one are left out, so that windows close over them."""
        for one in self.phrases:
            text = join_phrases(text, one)
        table = np.fromiter((self.numbers.get(word, -2) for word in text.words), np.int32, len(text.words))
        table = np.append(table, np.array([-2, LINE_END], np.int32))  # where numbers -2 and -1 find themselves
        found: NDArray[np.int32] = table[text.numbers]
        return np.asarray(found[found != -2], np.int32)

    def keep_chances(self, sample: float) -> NDArray[np.float32]:
        """The chance of each word to be left in, (words,): sqrt(t / f) + t / f, f its share of the text, at most 1.

        As in word2vec's code, which gensim follows; the paper (arXiv:1310.4546, equation 5) has sqrt(t / f) alone.
        """
        if sample == 0:
            return np.ones(len(self.words), np.float32)
        ratio = sample / (self.counts / self.counts.sum())
        return np.asarray(np.minimum(1.0, np.sqrt(ratio) + ratio), np.float32)

    def noise(self, power: float) -> NDArray[np.float64]:
        """The chance of each word to be drawn as a negative, (words,): its count to a power, normalised."""
        raised = self.counts.astype(np.float64) ** power
        return np.asarray(raised / raised.sum(), np.float64)


def alias_table(chances: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Walker's alias method: a draw is a place k, uniform, and then k itself with chance `keeps[k]`, else `others[k]`."""
    scaled = chances * len(chances)
    keeps, others = np.ones(len(chances)), np.arange(len(chances), dtype=np.int32)
    values = scaled.tolist()
    small = [k for k, value in enumerate(values) if value < 1]
    large = [k for k, value in enumerate(values) if value >= 1]
    while small and large:
        low, high = small.pop(), large[-1]
        keeps[low], others[low] = values[low], high
        values[high] -= 1 - values[low]
        if values[high] < 1:
            small.append(large.pop())
    return keeps.astype(np.float32), others
