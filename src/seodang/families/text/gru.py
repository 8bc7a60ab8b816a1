"""The gated recurrent network: two gates decide what the state keeps."""

from __future__ import annotations

from torch import nn

from seodang.families.text.recurrence import RecurrentNetwork


class GatedRecurrentNetwork(RecurrentNetwork):
    """Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder", arXiv:1406.1078, in both directions."""

    def layer(self, input_size: int, hidden_size: int) -> nn.GRU:
        """Update and reset gates; the reset gate is applied after the product with the state, as cuDNN does."""
        return nn.GRU(input_size, hidden_size, batch_first=True)
