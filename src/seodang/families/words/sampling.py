"""What chance decides about a stretch of text: which frequent words are left out, how far each looks, which are negatives."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

from seodang.families.words.settings import WordsSettings
from seodang.families.words.tables import TILE_WORDS, Block
from seodang.families.words.vocabulary import WordVocabulary, alias_table

SHARED_STEP, SHARED_PER_NEGATIVE, MOST_SHARED = 8, 0.6, 64


def shared_negatives(negatives: int) -> int:
    """How many negatives eight positions share: with 5 a pair, 24, fewer than the 240 that they would draw alone.

    On 3.4 million words of Wikipedia 24 score as gensim does; with 16, analogies lose a point.
    """
    return min(MOST_SHARED, SHARED_STEP * math.ceil(SHARED_PER_NEGATIVE * negatives))


class Sampler:
    """Draws blocks; the same random state gives the same block."""

    def __init__(self, vocabulary: WordVocabulary, settings: WordsSettings) -> None:
        self.window = settings.model.window
        self.shared = shared_negatives(settings.model.negatives)
        self.keep = np.append(vocabulary.keep_chances(settings.model.sample), np.float32(1))  # line ends stay
        self.keeps, self.others = alias_table(vocabulary.noise(settings.model.noise_power))

    def block(self, numbers: NDArray[np.int32], random: np.random.Generator) -> Block:
        """The block of a stretch of text, `LINE_END` where windows stop."""
        kept = numbers[random.random(len(numbers), np.float32) < self.keep[numbers]]
        reach = random.integers(1, self.window + 1, len(kept), np.int32)
        ends = kept < 0
        words = kept[~ends]
        begins, stops = _windows(reach[~ends], np.cumsum(ends, dtype=np.int64)[~ends])
        negatives = self.negatives(math.ceil(len(words) / TILE_WORDS), random)
        return Block(*map(torch.from_numpy, (words, begins, stops, negatives)))

    def negatives(self, tiles: int, random: np.random.Generator) -> NDArray[np.int32]:
        """Words by the noise distribution, (tiles, shared)."""
        places = random.integers(0, len(self.keeps), (tiles, self.shared), np.int32)
        stay = random.random(places.shape, np.float32) < self.keeps[places]
        return np.where(stay, places, self.others[places])


def _windows(reach: NDArray[np.int32], lines: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Where each word's window begins and ends, inside its line."""
    places = np.arange(len(reach), dtype=np.int32)
    firsts = np.searchsorted(lines, lines, side="left").astype(np.int32) if len(lines) and lines[-1] else np.int32(0)
    lasts = np.searchsorted(lines, lines, side="right").astype(np.int32) if len(lines) and lines[-1] else np.int32(len(reach))
    return np.maximum(places - reach, firsts), np.minimum(places + reach + 1, lasts)
