"""Near-duplicate texts between two collections, found by MinHash and proved by their exact Jaccard similarity.

Broder, "On the resemblance and containment of documents", SEQUENCES 1997; banding after Leskovec, Rajaraman & Ullman,
"Mining of Massive Datasets", chapter 3.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seodang.data.splits import fold

Hashes = NDArray[np.uint64]

_SHINGLE = 5
# Texts of at least WORDS_FROM words are compared by runs of 5 words, those under LETTERS_BELOW by runs of 5 letters. The two
# overlap so that a pair whose lengths differ by a fifth is compared at least one way.
_WORDS_FROM = 20
_LETTERS_BELOW = 30
_PERMUTATIONS = 64
# With 4 rows a band, a pair of similarity 0.8 is missed by all 16 bands once in 5,000 times; of 0.7, once in 80.
_BAND_ROWS = 4
# The estimate from 64 minima has a standard deviation of at most 0.063: three of them are allowed before a pair is dropped.
_ESTIMATE_SLACK = 0.19
_LOWEST_THRESHOLD = 0.7
_WORD = re.compile(r"\w+")


class Pair(NamedTuple):
    """Text `i` of the first collection and text `j` of the second, with the share of their shingles that both hold."""

    i: int
    j: int
    similarity: float


class _Shingles(NamedTuple):
    """Hashed runs of tokens of many texts: text k owns hashes[starts[k]:starts[k + 1]]."""

    hashes: Hashes
    starts: NDArray[np.int64]

    def of(self, text: int) -> Hashes:
        return np.unique(self.hashes[self.starts[text] : self.starts[text + 1]])


def near_duplicates(texts_a: Sequence[str], texts_b: Sequence[str], threshold: float = 0.8) -> list[Pair]:
    """For every text of the second collection that nearly stands in the first: its most similar text there.

    Similarity is the Jaccard index of the sets of 5-word runs (5-letter runs for texts under 20 words), case and white space
    folded; equal texts have 1.0. Of equally similar texts the first is named. The result is the same on every machine.

    Args:
        texts_a: Texts to search, for example the training texts.
        texts_b: Texts to look for, for example the test texts.
        threshold: Least similarity, between 0.7 and 1.

    Returns: At most one pair for each text of `texts_b`, by ascending j.
    """
    if not _LOWEST_THRESHOLD <= threshold <= 1:
        raise ValueError(f"threshold must be between {_LOWEST_THRESHOLD} and 1, got {threshold}")
    folded_a, folded_b = [fold(text) for text in texts_a], [fold(text) for text in texts_b]
    first_a, first_b = _first_places(folded_a), _first_places(folded_b)
    # Equal texts are joined directly; what is left is compared once for each different text.
    best = {text: (first_a[text], 1.0) for text in first_b if text and text in first_a}
    rest_a = [text for text in first_a if text]
    rest_b = [text for text in first_b if text and text not in best]
    for place_a, place_b, similarity in _compare(rest_a, rest_b, threshold):
        text, found = rest_b[place_b], (first_a[rest_a[place_a]], similarity)
        if text not in best or (-found[1], found[0]) < (-best[text][1], best[text][0]):
            best[text] = found
    return [Pair(best[text][0], j, best[text][1]) for j, text in enumerate(folded_b) if text in best]


def exact_duplicates(texts: Sequence[str]) -> list[list[int]]:
    """Rows with equal texts (after `fold`), in groups of two and more, each ascending; empty texts are left out."""
    groups: dict[str, list[int]] = {}
    for row, text in enumerate(texts):
        groups.setdefault(fold(text), []).append(row)
    return [rows for text, rows in groups.items() if len(rows) > 1 and text]


def _first_places(texts: list[str]) -> dict[str, int]:
    places: dict[str, int] = {}
    for place, text in enumerate(texts):
        places.setdefault(text, place)
    return places


def _compare(texts_a: list[str], texts_b: list[str], threshold: float) -> Iterator[tuple[int, int, float]]:
    """Near-duplicates among different texts, compared by words where both are long, by letters where both are short."""
    words_a, words_b = [_WORD.findall(text) for text in texts_a], [_WORD.findall(text) for text in texts_b]
    for by_words in (True, False):
        rows_a = [row for row, words in enumerate(words_a) if _belongs(len(words), by_words)]
        rows_b = [row for row, words in enumerate(words_b) if _belongs(len(words), by_words)]
        if not rows_a or not rows_b:
            continue
        if by_words:
            ids: dict[str, int] = {}
            tokens_a = _word_hashes([words_a[row] for row in rows_a], ids)
            tokens_b = _word_hashes([words_b[row] for row in rows_b], ids)
        else:
            tokens_a = _letter_hashes([texts_a[row] for row in rows_a])
            tokens_b = _letter_hashes([texts_b[row] for row in rows_b])
        for a, b, similarity in _join(_shingles(tokens_a), _shingles(tokens_b), threshold):
            yield rows_a[a], rows_b[b], similarity


def _belongs(words: int, by_words: bool) -> bool:
    return words >= _WORDS_FROM if by_words else words < _LETTERS_BELOW


def _word_hashes(texts: list[list[str]], known: dict[str, int]) -> list[Hashes]:
    def hashed(word: str) -> int:
        value = known.get(word)
        if value is None:
            value = known[word] = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")
        return value

    return [np.fromiter(map(hashed, words), dtype=np.uint64, count=len(words)) for words in texts]


def _letter_hashes(texts: list[str]) -> list[Hashes]:
    return [_scramble(np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32).astype(np.uint64)) for text in texts]


def _scramble(values: Hashes) -> Hashes:
    """The finaliser of SplitMix64 (Steele, Lea & Flood 2014): spreads near values over all 64 bits."""
    mixed = values + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _shingles(tokens: list[Hashes]) -> _Shingles:
    """Hashes of every run of 5 tokens; a text with fewer tokens is one run, filled up with zeros."""
    padded = [row if len(row) >= _SHINGLE else np.pad(row, (0, _SHINGLE - len(row))) for row in tokens]
    ends = np.cumsum([len(row) for row in padded])
    flat = np.concatenate(padded)
    runs = len(flat) - _SHINGLE + 1
    combined = np.zeros(runs, dtype=np.uint64)
    for offset in range(_SHINGLE):
        combined = combined * np.uint64(0x100000001B3) + flat[offset : offset + runs]  # wraps modulo 2 ** 64
    inside = np.ones(runs, dtype=bool)
    for back in range(1, _SHINGLE):
        inside[ends[:-1] - back] = False  # a run that starts here would reach into the next text
    counts = np.array([len(row) - _SHINGLE + 1 for row in padded], dtype=np.int64)
    return _Shingles(_scramble(combined[inside]), np.concatenate([[0], np.cumsum(counts)]))


def _signatures(shingles: _Shingles) -> Hashes:
    """The least value of each text's shingles under 64 fixed permutations, (64, texts)."""
    seeds = _scramble(np.arange(1, 2 * _PERMUTATIONS + 1, dtype=np.uint64))
    rows = []
    for flip, factor in zip(seeds[:_PERMUTATIONS], seeds[_PERMUTATIONS:] | np.uint64(1), strict=True):
        rows.append(np.minimum.reduceat((shingles.hashes ^ flip) * factor, shingles.starts[:-1]))
    return np.stack(rows)


def _join(a: _Shingles, b: _Shingles, threshold: float) -> Iterator[tuple[int, int, float]]:
    signatures_a, signatures_b = _signatures(a), _signatures(b)
    texts_b = signatures_b.shape[1]
    found = np.unique(np.concatenate(list(_candidates(signatures_a, signatures_b))))
    for chunk in np.array_split(found, len(found) // 100_000 + 1):
        rows_a, rows_b = chunk // texts_b, chunk % texts_b
        estimates = (signatures_a[:, rows_a] == signatures_b[:, rows_b]).mean(axis=0)
        likely = estimates >= threshold - _ESTIMATE_SLACK
        for row_a, row_b in zip(rows_a[likely].tolist(), rows_b[likely].tolist(), strict=True):
            similarity = _jaccard(a.of(row_a), b.of(row_b))
            if similarity >= threshold:
                yield row_a, row_b, similarity


def _candidates(signatures_a: Hashes, signatures_b: Hashes) -> Iterator[NDArray[np.int64]]:
    """For each band, the pairs that agree in all its rows, as row_a * texts_b + row_b."""
    texts_b = signatures_b.shape[1]
    for start in range(0, _PERMUTATIONS, _BAND_ROWS):
        keys_a = _band_keys(signatures_a[start : start + _BAND_ROWS])
        keys_b = _band_keys(signatures_b[start : start + _BAND_ROWS])
        order = np.argsort(keys_a, kind="stable")
        first = np.searchsorted(keys_a[order], keys_b, side="left")
        counts = np.searchsorted(keys_a[order], keys_b, side="right") - first
        rows_b = np.repeat(np.arange(texts_b), counts)
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        yield order[np.repeat(first, counts) + within] * texts_b + rows_b


def _band_keys(band: Hashes) -> Hashes:
    keys = np.zeros(band.shape[1], dtype=np.uint64)
    for row in band:
        keys = _scramble(keys ^ row)
    return keys


def _jaccard(left: Hashes, right: Hashes) -> float:
    both = len(np.intersect1d(left, right, assume_unique=True))
    return both / (len(left) + len(right) - both)
