"""Which n-grams stand in a text: a sparse row of zeros and ones for a linear model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from seodang.families.text.batches import EncodedTexts

Numbers = NDArray[np.int64]
NONE = -1
GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # multiplicative hashing (Knuth, "The art of computer programming", 6.4)
BUCKET_SHIFT = np.uint64(64 - 23)  # 8 million buckets


@dataclass(frozen=True)
class NgramFeatures:
    """The n-grams that a model knows, from single tokens up to some order, each one column of the matrix.

    An n-gram's key is the place of its first n-1 tokens among the known n-grams one order lower, times the number of known
    tokens, plus the place of its last token. The parts of a frequent n-gram are frequent too, so this loses none.
    """

    keys: tuple[Numbers, ...]
    """For each order the known keys, rising, int64; those of order 1 are the token numbers themselves."""

    @classmethod
    def fit(
        cls, texts: EncodedTexts, order: int, min_count: int = 2, max_features: int = 800_000
    ) -> tuple[NgramFeatures, csr_matrix]:
        """Learn the n-grams of training texts.

        Args:
            texts: Token numbers; negative ones are tokens that belong to no n-gram.
            order: Tokens of the longest n-gram.
            min_count: Texts that an n-gram must stand in.
            max_features: Most columns; n-grams that stand in most texts are kept, of equal ones the shorter.

        Returns: The features, and the matrix of the training texts as `transform` would give it.
        """
        rows = _text_of_each_token(texts)
        keys, counts, found = [], [], []
        queries = np.where(texts.numbers < 0, NONE, texts.numbers).astype(np.int64)
        for n in range(1, order + 1):
            known, frequency, columns = _frequent(queries, rows, min_count)
            keys.append(known)
            counts.append(frequency)
            found.append(columns)
            if n < order:
                queries = _longer(columns, found[0], rows, n, len(keys[0]))
        features = cls(tuple(keys))
        if features.size > max_features:
            features, found = features._most_frequent(counts, found, max_features)
        return features, features._matrix(found, rows, len(texts))

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.int64]]) -> NgramFeatures:
        """The features that `to_arrays` gave."""
        return cls(tuple(arrays[f"order_{n}"] for n in range(1, len(arrays) + 1)))

    def to_arrays(self) -> dict[str, Numbers]:
        """Everything there is to store, by name."""
        return {f"order_{n}": keys for n, keys in enumerate(self.keys, 1)}

    @property
    def size(self) -> int:
        """Columns of the matrix."""
        return sum(len(keys) for keys in self.keys)

    def transform(self, texts: EncodedTexts) -> csr_matrix:
        """Which known n-grams stand in each text, (texts, size), float32, every entry 1."""
        return self._matrix(self._found(texts), _text_of_each_token(texts), len(texts))

    def columns(self, texts: EncodedTexts, order: int) -> Numbers:
        """The column of the known n-gram that begins at each token, (tokens, order), int64; NONE where none does."""
        starts = np.cumsum([0, *(len(keys) for keys in self.keys)])
        found = self._found(texts)[:order]
        return np.stack([np.where(one == NONE, NONE, one + start) for one, start in zip(found, starts, strict=False)], 1)

    def _found(self, texts: EncodedTexts) -> list[Numbers]:
        """For each order, the place among its keys of the n-gram that begins at each token, or NONE."""
        rows = _text_of_each_token(texts)
        found = [_find(self.keys[0], texts.numbers.astype(np.int64))]
        for n, keys in enumerate(self.keys[1:], 1):
            found.append(_find(keys, _longer(found[-1], found[0], rows, n, len(self.keys[0]))))
        return found

    def _most_frequent(
        self, counts: list[Numbers], found: list[Numbers], max_features: int
    ) -> tuple[NgramFeatures, list[Numbers]]:
        """Only the most frequent n-grams, and their places in the texts.

        The parts of an n-gram are at least as frequent and shorter, so they come before it and are kept with it.
        """
        ranked = np.argsort(-np.concatenate(counts), kind="stable")[:max_features]
        kept = np.zeros(self.size, bool)
        kept[ranked] = True
        masks = np.split(kept, np.cumsum([len(keys) for keys in self.keys])[:-1])
        places = [np.append(np.where(mask, np.cumsum(mask) - 1, NONE), NONE) for mask in masks]  # the last one answers to NONE
        keys = [self.keys[0][masks[0]]]
        for n in range(1, len(masks)):
            first, last = np.divmod(self.keys[n][masks[n]], len(self.keys[0]))
            keys.append(places[n - 1][first] * len(keys[0]) + places[0][last])
        return NgramFeatures(tuple(keys)), [places[n][columns] for n, columns in enumerate(found)]

    def _matrix(self, found: list[Numbers], rows: Numbers, texts: int) -> csr_matrix:
        """Ones where an n-gram stands, however often it stands there."""
        starts = np.cumsum([0, *(len(keys) for keys in self.keys)])
        size = max(self.size, 1)
        cells = [(rows * size + columns + start)[columns != NONE] for columns, start in zip(found, starts, strict=False)]
        row, column = np.divmod(_distinct(np.concatenate(cells)), size)
        ends = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=texts))])
        ones = np.ones(len(column), np.float32)
        return csr_matrix((ones, column.astype(np.int32), ends), shape=(texts, self.size))


def _text_of_each_token(texts: EncodedTexts) -> Numbers:
    """The number of the text that each token stands in, (tokens,), int64."""
    return np.repeat(np.arange(len(texts)), texts.lengths)


def _frequent(queries: Numbers, rows: Numbers, min_count: int) -> tuple[Numbers, Numbers, Numbers]:
    """The keys that stand in enough texts, in how many they do, and each query's place among them or NONE."""
    valid = _perhaps_frequent(queries, min_count)
    keys, places = np.unique(queries[valid], return_inverse=True)
    size = max(len(keys), 1)
    frequency = np.bincount(_distinct(rows[valid] * size + places) % size, minlength=len(keys))
    kept = frequency >= min_count
    columns = np.full(len(queries), NONE)
    columns[valid] = np.where(kept, np.cumsum(kept) - 1, NONE)[places]
    return keys[kept], frequency[kept], columns


def _perhaps_frequent(queries: Numbers, min_count: int) -> Numbers:
    """Where queries stand that share a bucket with enough others; the many that stand once need then not be sorted."""
    valid = np.flatnonzero(queries != NONE)
    buckets = ((queries[valid].astype(np.uint64) * GOLDEN) >> BUCKET_SHIFT).astype(np.int64)
    return valid[np.bincount(buckets)[buckets] >= min_count]


def _longer(columns: Numbers, tokens: Numbers, rows: Numbers, n: int, num_tokens: int) -> Numbers:
    """The key of the n-gram one token longer than the one at each place, or NONE where its parts are not known."""
    keys = np.full(len(columns), NONE)
    possible = (columns[:-1] != NONE) & (columns[1:] != NONE) & (rows[:-1] == rows[1:])
    start = np.flatnonzero(possible)
    keys[start] = columns[start] * num_tokens + tokens[start + n]
    return keys


def _find(keys: Numbers, queries: Numbers) -> Numbers:
    """The place of each query in rising keys, or NONE."""
    columns = np.full(len(queries), NONE)
    if len(keys):
        valid = np.flatnonzero(queries >= 0)
        places = np.minimum(np.searchsorted(keys, queries[valid]), len(keys) - 1)
        columns[valid] = np.where(keys[places] == queries[valid], places, NONE)
    return columns


def _distinct(numbers: Numbers) -> Numbers:
    """Each number once, rising; sorts in place."""
    numbers.sort()
    first = np.ones(len(numbers), bool)
    np.not_equal(numbers[1:], numbers[:-1], out=first[1:])
    return numbers[first]
