"""The plain dense network: the words of a text averaged, or laid side by side."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from seodang.families.text.head import TextNetwork, word_mask


class DenseNetwork(TextNetwork):
    """Embedding, mean of the words (Iyyer et al. 2015, "Deep averaging networks", ACL) or all of them flattened, dense layers.

    Args:
        length: Tokens of every text when they are flattened; the mean takes any length.
    """

    def __init__(
        self,
        vocabulary_size: int,
        embedding_dim: int,
        length: int,
        pooling: Literal["mean", "flatten"],
        dense_size: int,
        num_outputs: int,
        dropout: float,
        read_padding: bool,
        word_dropout: float = 0.0,
    ) -> None:
        num_features = embedding_dim * (length if pooling == "flatten" else 1)
        super().__init__(vocabulary_size, embedding_dim, num_features, dense_size, num_outputs, dropout, word_dropout)
        self.pooling = pooling
        self.read_padding = read_padding

    def features(self, embedded: Tensor, lengths: Tensor) -> Tensor:
        """The mean over the words, or every vector side by side."""
        if self.pooling == "flatten":
            return embedded.flatten(1)
        if self.read_padding:
            return embedded.mean(1)
        mask = word_mask(lengths, embedded.shape[1]).unsqueeze(2).to(embedded.dtype)
        return (embedded * mask).sum(1) / lengths.unsqueeze(1).to(embedded.dtype)
