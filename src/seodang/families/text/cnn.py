"""The convolutional network: filters that look at a few words at once, and the strongest answer of each."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seodang.families.text.head import TextNetwork
from seodang.families.text.kernels import computes_here
from seodang.families.text.kernels.convolution import strongest_answers


class ConvolutionalNetwork(TextNetwork):
    """Embedding, one convolution over words, maximum over the text, dense layers.

    Kim 2014, "Convolutional neural networks for sentence classification", arXiv:1408.5882, with one filter width.
    Padding is read as a word of its own: a text followed by `kernel_size` or more zeros scores the same whatever their number,
    so batches are padded no further than that.
    """

    def __init__(
        self,
        vocabulary_size: int,
        embedding_dim: int,
        filters: int,
        kernel_size: int,
        dense_size: int,
        num_outputs: int,
        dropout: float,
        word_dropout: float = 0.0,
    ) -> None:
        super().__init__(vocabulary_size, embedding_dim, filters, dense_size, num_outputs, dropout, word_dropout)
        self.convolution = nn.Conv1d(embedding_dim, filters, kernel_size)
        nn.init.xavier_uniform_(self.convolution.weight)
        nn.init.zeros_(self.convolution.bias)  # type: ignore[arg-type]

    def features(self, embedded: Tensor, lengths: Tensor) -> Tensor:
        """The strongest answer of each filter anywhere in the text, (batch, filters)."""
        convolution = self.convolution
        if computes_here(embedded, convolution) and embedded.shape[1] >= convolution.kernel_size[0]:
            assert convolution.bias is not None
            return torch.relu(strongest_answers(embedded, convolution.weight, convolution.bias))
        # The maximum first: it commutes with the ReLU and leaves `length` times fewer numbers to rectify.
        return torch.relu(convolution(embedded.transpose(1, 2)).amax(2))
