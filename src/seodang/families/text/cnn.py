"""The convolutional network: filters that look at a few words at once, and the strongest answer of each."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seodang.families.text.head import TextNetwork
from seodang.families.text.kernels import computes_here
from seodang.families.text.kernels.convolution import strongest_answers
from seodang.families.text.views import RegionViews


class ConvolutionalNetwork(TextNetwork):
    """Embedding, one convolution over words, maximum over the text, dense layers.

    Kim 2014, "Convolutional neural networks for sentence classification", arXiv:1408.5882, with one filter width.
    Padding is read as a word of its own: a text followed by `kernel_size` or more zeros scores the same whatever their number,
    so batches are padded no further than that. With `views` the filters see beside each word's vector what is known of the
    region around it (Johnson & Zhang 2015, arXiv:1504.01255).
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
        views: RegionViews | None = None,
    ) -> None:
        super().__init__(vocabulary_size, embedding_dim, filters, dense_size, num_outputs, dropout, word_dropout)
        self.views = views
        self.convolution = nn.Conv1d(embedding_dim + (views.channels if views else 0), filters, kernel_size)
        nn.init.xavier_uniform_(self.convolution.weight)
        nn.init.zeros_(self.convolution.bias)  # type: ignore[arg-type]

    def embed(self, tokens: Tensor) -> Tensor:
        """The vectors of tokens, and behind them the views of their regions."""
        words = super().embed(tokens)
        return words if self.views is None else torch.cat([words, self.views(tokens)], 2)

    def features(self, embedded: Tensor, lengths: Tensor) -> Tensor:
        """The strongest answer of each filter anywhere in the text, (batch, filters)."""
        convolution = self.convolution
        if computes_here(embedded, convolution) and embedded.shape[1] >= convolution.kernel_size[0]:
            assert convolution.bias is not None
            return torch.relu(strongest_answers(embedded, convolution.weight, convolution.bias))
        # The maximum first: it commutes with the ReLU and leaves `length` times fewer numbers to rectify.
        return torch.relu(convolution(embedded.transpose(1, 2)).amax(2))
