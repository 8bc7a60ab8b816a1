"""An embedding that starts from word vectors learned elsewhere, on more text than a classifier has."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import nn

from seodang.core.errors import SettingsError
from seodang.data.word_vector_runs import open_word_vectors
from seodang.data.word_vectors import WordVectors
from seodang.families.text.settings import TextSettings
from seodang.families.text.tokens import Vocabulary


@lru_cache(maxsize=1)
def starting_vectors(source: str) -> WordVectors:
    """The vectors of a run or a file; read once though asked for by the settings and by the network.

    Raises: DataError, RunError: They cannot be read.
    """
    return open_word_vectors(source)


def check_size(settings: TextSettings, vectors: WordVectors) -> None:
    """Refuse another size of the embedding than that of its vectors. Raises: SettingsError."""
    asked = settings.model.embedding_dim
    if asked not in (None, vectors.dimensions):
        raise SettingsError(
            f"{{embedding_dim}} is {asked}, but the vectors of {{embedding}} have {vectors.dimensions} numbers; leave "
            "{embedding_dim} out.",
            settings=("embedding_dim", "embedding"),
            value=asked,
        )


def count_found(vocabulary: Vocabulary, vectors: WordVectors) -> str:
    """How many words of a vocabulary have a starting vector, in words."""
    found = sum(token in vectors for token in vocabulary.tokens)
    return f"as the vectors have; {found:,} of the {len(vocabulary):,} tokens start from one, the others as usual"


def fill_embedding(embedding: nn.Embedding, vocabulary: Vocabulary, vectors: WordVectors) -> None:
    """Put the vectors of known words into an embedding; other rows stay as they are."""
    with torch.no_grad():
        for number, token in enumerate(vocabulary.tokens):
            if token in vectors:
                embedding.weight[number] = torch.from_numpy(vectors[token].copy())
