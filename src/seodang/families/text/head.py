"""What the networks of this family share: embedding in front, dense layers behind, and the starting weights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import cast

import torch
from torch import Tensor, nn

from seodang.families.text.dropout import WordDropout
from seodang.nn.dropout import Dropout

EMBEDDING_RANGE = 0.05  # starting embeddings are uniform in +-0.05, as in Keras; wider ones learn rare words by heart


class TextNetwork(nn.Module, ABC):
    """Scores a text: embedding, a middle part that is each network's own, dense layer, score.

    Args:
        vocabulary_size: Entries of the vocabulary, padding and unknown among them.
        embedding_dim: Numbers that stand for a token.
        num_features: What the middle part makes of a text.
        dense_size: Units of the dense layer before the last.
        num_outputs: 1 for two classes (the logit of the second), else one a class.
        dropout: Part of the dense layer's units switched off while training, and of the embeddings' numbers if no words are.
        word_dropout: Part of the words left out while training.
    """

    def __init__(
        self,
        vocabulary_size: int,
        embedding_dim: int,
        num_features: int,
        dense_size: int,
        num_outputs: int,
        dropout: float,
        word_dropout: float,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, embedding_dim)
        self.embedding_dropout = WordDropout(word_dropout, embedding_dim) if word_dropout else Dropout(dropout)
        self.dense = nn.Linear(num_features, dense_size)
        self.dense_dropout = Dropout(dropout)
        self.output = nn.Linear(dense_size, num_outputs)
        nn.init.uniform_(self.embedding.weight, -EMBEDDING_RANGE, EMBEDDING_RANGE)
        for layer in (self.dense, self.output):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Score texts.

        Args:
            tokens: (batch, length), int64, numbers of the vocabulary, 0 behind each text's end.
            lengths: (batch,), int64, at least 1.
        Returns: Logits, (batch, num_outputs), float32.
        """
        return self.score(self.embed(tokens), lengths)

    def embed(self, tokens: Tensor) -> Tensor:
        """The vectors of tokens (batch, length), (batch, length, numbers)."""
        return cast(Tensor, self.embedding(tokens))

    def score(self, embedded: Tensor, lengths: Tensor) -> Tensor:
        """Score texts whose tokens are already vectors as `embed` gives them; returns (batch, num_outputs)."""
        features = self.features(self.embedding_dropout(embedded), lengths)
        hidden = torch.relu(self.dense_dropout(self.dense(features)))
        return cast(Tensor, self.output(hidden)).float()

    @abstractmethod
    def features(self, embedded: Tensor, lengths: Tensor) -> Tensor:
        """Join the vectors of a text's words, as `embed` gives them, into (batch, num_features)."""


def word_mask(lengths: Tensor, length: int) -> Tensor:
    """Which places hold words, (batch, length), bool."""
    return torch.arange(length, device=lengths.device) < lengths.unsqueeze(1)
