"""Pairs of words that stand together more often than chance would have it, joined to one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seodang.families.words.data import EncodedText

JOINT = "_"
BLOCK_WORDS = 1 << 22


def find_phrases(text: EncodedText, min_count: int, threshold: float) -> list[tuple[str, str]]:
    """The pairs that score above a threshold, in the order of their words' numbers.

    Mikolov et al. 2013, arXiv:1310.4546, equation 6: (count(a b) - delta) / (count(a) count(b)), times the words of the text as
    in their word2phrase; delta, which keeps rare words from being joined, is `min_count`.
    """
    counts = text.counts()
    keys, together = _count_pairs(text, counts >= min_count)
    first, second = keys // len(counts), keys % len(counts)
    scores = (together - min_count) / (counts[first] * counts[second].astype(np.float64)) * counts.sum()
    chosen = np.flatnonzero(scores > threshold)
    return [(text.words[first[k]], text.words[second[k]]) for k in chosen.tolist()]


def join_phrases(text: EncodedText, phrases: Sequence[tuple[str, str]]) -> EncodedText:
    """The text with each pair as one word; of overlapping pairs the first, as one reads."""
    places = {word: number for number, word in enumerate(text.words)}
    words = list(text.words)
    joined: dict[int, int] = {}
    for first, second in phrases:
        if first not in places or second not in places:
            continue
        name = first + JOINT + second
        if name not in places:
            places[name] = len(words)
            words.append(name)
        joined[places[first] * len(text.words) + places[second]] = places[name]
    if not joined:
        return text
    keys = np.array(sorted(joined), np.int64)
    values = np.array([joined[key] for key in keys.tolist()], np.int32)
    return EncodedText(tuple(words), _joined(np.asarray(text.numbers), len(text.words), keys, values))


def _count_pairs(text: EncodedText, frequent: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Neighbouring pairs of frequent words, as first * words + second, and how often each stands."""
    keys, counts = np.empty(0, np.int64), np.empty(0, np.int64)
    for start in range(0, len(text.numbers), BLOCK_WORDS):
        block = np.asarray(text.numbers[start : start + BLOCK_WORDS + 1]).astype(np.int64)
        here = (block >= 0) & frequent[block]
        both = here[:-1] & here[1:]
        found, times = np.unique(block[:-1][both] * len(frequent) + block[1:][both], return_counts=True)
        merged, places = np.unique(np.concatenate([keys, found]), return_inverse=True)
        counts = np.bincount(places, np.concatenate([counts, times]), len(merged)).astype(np.int64)
        keys = merged
    return keys, counts


def _joined(numbers: NDArray[np.int32], size: int, keys: NDArray[np.int64], values: NDArray[np.int32]) -> NDArray[np.int32]:
    pairs = numbers[:-1].astype(np.int64) * size + numbers[1:]
    places = np.searchsorted(keys, pairs).clip(max=len(keys) - 1)
    hits = (keys[places] == pairs) & (numbers[:-1] >= 0) & (numbers[1:] >= 0)
    # In a run of overlapping pairs every second one is taken, from its first on.
    starts = hits & ~np.concatenate([[False], hits[:-1]])
    since = np.arange(len(hits)) - np.maximum.accumulate(np.where(starts, np.arange(len(hits)), 0))
    taken = hits & (since % 2 == 0)
    result = numbers.copy()
    result[:-1][taken] = values[places[taken]]
    keep = np.ones(len(numbers), bool)
    keep[1:][taken] = False
    return result[keep]
