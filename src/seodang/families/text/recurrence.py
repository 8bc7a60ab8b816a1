"""Reading a text in both directions, word by word; shared by the plain, gated and long short-term memory networks."""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal

import torch
from torch import Tensor, nn

from seodang.families.text.head import TextNetwork, word_mask
from seodang.families.text.kernels.lstm import lstm_serves, pooled_states


class RecurrentNetwork(TextNetwork):
    """Embedding, a recurrent layer in each direction, maximum over the states or the last ones, dense layers.

    Only words are read: the backward direction starts at each text's own last word. With `read_padding` both directions read
    the padding too, as Keras does without a mask. The maximum over all states (Conneau et al. 2017, arXiv:1705.02364) gives
    every word a short path to the loss; the last states are the textbook's choice.
    """

    def __init__(
        self,
        vocabulary_size: int,
        embedding_dim: int,
        hidden_size: int,
        pooling: Literal["max", "last"],
        dense_size: int,
        num_outputs: int,
        dropout: float,
        read_padding: bool,
        word_dropout: float = 0.0,
    ) -> None:
        super().__init__(vocabulary_size, embedding_dim, 2 * hidden_size, dense_size, num_outputs, dropout, word_dropout)
        self.pooling = pooling
        self.read_padding = read_padding
        self.forwards = self.layer(embedding_dim, hidden_size)
        self.backwards = self.layer(embedding_dim, hidden_size)
        for layer in (self.forwards, self.backwards):
            self.start(layer)

    @abstractmethod
    def layer(self, input_size: int, hidden_size: int) -> nn.RNNBase:
        """One direction's recurrent layer, batch first."""

    def start(self, layer: nn.RNNBase) -> None:
        """Starting weights, gate by gate: Glorot for inputs, orthogonal for states; no bias.

        Saxe et al. 2014, "Exact solutions to the nonlinear dynamics of learning", arXiv:1312.6120.
        """
        for name, weight in layer.named_parameters():
            if name.startswith("bias"):
                nn.init.zeros_(weight)
                continue
            for gate in torch.split(weight.data, layer.hidden_size):
                nn.init.xavier_uniform_(gate) if name.startswith("weight_ih") else nn.init.orthogonal_(gate)

    def features(self, embedded: Tensor, lengths: Tensor) -> Tensor:
        """Join the states of both directions, (batch, 2 * hidden_size)."""
        length = embedded.shape[1]
        read = torch.full_like(lengths, length) if self.read_padding else lengths
        layers = (self.forwards, self.backwards)
        if lstm_serves(layers, embedded):
            return pooled_states(layers, embedded, read, last=self.pooling == "last")
        forwards, _ = self.forwards(embedded)
        backwards, _ = self.backwards(reverse(embedded, read))
        if self.pooling == "last":
            last = (read - 1).view(-1, 1, 1).expand(-1, 1, forwards.shape[2])
            return torch.cat([forwards.gather(1, last), backwards.gather(1, last)], 2).squeeze(1)
        states = torch.cat([forwards, backwards], 2)  # which word a backward state stands at does not matter to the maximum
        if self.read_padding:
            return states.amax(1)
        lowest = torch.finfo(states.dtype).min
        return states.masked_fill(~word_mask(lengths, length).unsqueeze(2), lowest).amax(1)


def reverse(embedded: Tensor, lengths: Tensor) -> Tensor:
    """Each text's first `length` vectors in reverse order, the rest where it was; (batch, length, embedding_dim)."""
    positions = torch.arange(embedded.shape[1], device=embedded.device)
    mirrored = lengths.unsqueeze(1) - 1 - positions
    order = torch.where(mirrored >= 0, mirrored, positions)
    return embedded.gather(1, order.unsqueeze(2).expand_as(embedded))
