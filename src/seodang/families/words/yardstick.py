"""What word2vec must beat to earn its time: counts of neighbours, weighed and pressed into few dimensions by linear algebra."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix
from sklearn.utils.extmath import randomized_svd

from seodang.data.word_vectors import WordVectors
from seodang.families.words.data import WordsData
from seodang.families.words.settings import WordsSettings
from seodang.families.words.vocabulary import WordVocabulary

YARDSTICK_WORDS, YARDSTICK_VOCABULARY = 3_000_000, 20_000  # to stay quick
SMOOTHING = 0.75  # of the contexts' frequencies, as Levy, Goldberg & Dagan 2015 advise
BLOCK_WORDS = 1_000_000


def ppmi_vectors(vocabulary: WordVocabulary, data: WordsData, settings: WordsSettings) -> WordVectors | None:
    """Positive pointwise mutual information of words and neighbours, and its singular vectors; None for a tiny vocabulary.

    Levy & Goldberg 2014, "Neural word embedding as implicit matrix factorization". Neighbours count less with distance, as
    the dynamic window does on average; vectors are U sqrt(S).
    """
    size = min(len(vocabulary.words), YARDSTICK_VOCABULARY)
    dimensions = min(settings.model.dimensions, size - 1)
    if dimensions < 1:
        return None
    numbers = vocabulary.encode(data.encoded)[:YARDSTICK_WORDS]
    counts = count_neighbours(numbers, size, settings.model.window)
    left, values, _ = randomized_svd(ppmi(counts), dimensions, n_iter=2, random_state=0)
    return WordVectors(vocabulary.words[:size], np.asarray(left * np.sqrt(values), np.float32))


def count_neighbours(numbers: NDArray[np.int32], size: int, window: int) -> csr_matrix:
    """How often words stand near each other, (size, size), symmetric; at distance d one counts (window - d + 1) / window."""
    total = csr_matrix((size, size), dtype=np.float32)
    for start in range(0, len(numbers), BLOCK_WORDS):
        block = numbers[start : start + BLOCK_WORDS + window]
        for distance in range(1, window + 1):
            first, second = block[:-distance][:BLOCK_WORDS], block[distance:][:BLOCK_WORDS]
            inside = (first >= 0) & (first < size) & (second >= 0) & (second < size)
            weights = np.full(int(inside.sum()), (window - distance + 1) / window, np.float32)
            total = total + coo_matrix((weights, (first[inside], second[inside])), (size, size)).tocsr()
    return total + total.T


def ppmi(counts: csr_matrix) -> csr_matrix:
    """max(0, log(P(word, context) / (P(word) P(context)^0.75 normalised)))."""
    table = counts.tocoo()
    words = np.asarray(counts.sum(1)).ravel()
    contexts = np.asarray(counts.sum(0)).ravel() ** SMOOTHING
    total = contexts.sum()
    values = np.log(np.maximum(table.data * total / (words[table.row] * contexts[table.col]), 1.0))
    kept = values > 0
    return coo_matrix((values[kept].astype(np.float32), (table.row[kept], table.col[kept])), counts.shape).tocsr()
