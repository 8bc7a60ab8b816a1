"""The plain recurrent network: h = tanh(W x + U h + b)."""

from __future__ import annotations

from torch import nn

from seodang.families.text.recurrence import RecurrentNetwork


class PlainRecurrentNetwork(RecurrentNetwork):
    """Elman 1990, "Finding structure in time", Cognitive Science 14(2), in both directions."""

    def layer(self, input_size: int, hidden_size: int) -> nn.RNN:
        """tanh units."""
        return nn.RNN(input_size, hidden_size, batch_first=True)
