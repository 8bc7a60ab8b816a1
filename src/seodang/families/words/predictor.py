"""Trained word vectors, ready to be asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seodang.core.errors import RunError
from seodang.data.word_vectors import WordVectors
from seodang.families.words.data import folded
from seodang.families.words.ngrams import Pieces
from seodang.families.words.settings import WordsSettings
from seodang.families.words.tables import Tables, row_width
from seodang.families.words.vocabulary import WordVocabulary


@dataclass(frozen=True)
class WordsPredictor:
    """Words, their vectors, and the tables that these come from."""

    settings: WordsSettings
    vocabulary: WordVocabulary
    tables: Tables
    vectors: WordVectors

    def known(self, word: str) -> str:
        """A word as the vocabulary has it. Raises: DataError: It has no vector; near spellings are offered."""
        found = word if word in self.vectors else folded(word, self.settings.data.tokens)
        _ = self.vectors[found]
        return found


def make_pieces(vocabulary: WordVocabulary, settings: WordsSettings) -> Pieces | None:
    """The pieces of words, where the settings want them."""
    model = settings.model
    if not model.ngrams:
        return None
    assert model.min_ngram is not None and model.max_ngram is not None
    return Pieces(vocabulary.words, model.min_ngram, model.max_ngram)


def make_tables(vocabulary: WordVocabulary, settings: WordsSettings, device: torch.device) -> Tables:
    """Tables before training: inputs uniform in +-0.5 / dimensions as in word2vec, outputs zero."""
    pieces, dimensions = make_pieces(vocabulary, settings), settings.model.dimensions
    rows = len(vocabulary.words) + (0 if pieces is None else len(pieces.rows))
    inputs = torch.zeros(rows, row_width(dimensions))
    inputs[:, :dimensions] = (torch.rand(rows, dimensions) - 0.5) / dimensions
    outputs = torch.zeros(len(vocabulary.words), row_width(dimensions))
    offsets, parts = (None, None) if pieces is None else pieces.table()
    place = [None if one is None else one.to(device) for one in (offsets, parts)]
    return Tables(inputs.to(device), outputs.to(device), *place)


def make_predictor(vocabulary: WordVocabulary, settings: WordsSettings, weights: Mapping[str, Tensor]) -> WordsPredictor:
    """The vectors of a finished training.

    Raises: RunError: The checkpoint is of another vocabulary.
    """
    pieces = make_pieces(vocabulary, settings)
    inputs, outputs = weights["learner/inputs"], weights["learner/outputs"]
    rows = len(vocabulary.words) + (0 if pieces is None else len(pieces.rows))
    if inputs.shape != (rows, row_width(settings.model.dimensions)):
        raise RunError(f"the checkpoint has a table of {tuple(inputs.shape)}, the vocabulary needs {rows:,} rows.")
    offsets, parts = (None, None) if pieces is None else pieces.table()
    tables = Tables(inputs, outputs, offsets, parts)
    dimensions = settings.model.dimensions
    found = tables.vectors(torch.arange(len(vocabulary.words)))[:, :dimensions].numpy()

    def compose(word: str) -> NDArray[np.float32] | None:
        rows = pieces.known(word) if pieces is not None else []
        if not rows:
            return None
        vector: NDArray[np.float32] = (inputs[rows, :dimensions].sum(0) * len(rows) ** -0.5).numpy()
        return vector

    return WordsPredictor(settings, vocabulary, tables, WordVectors(vocabulary.words, found, compose))
