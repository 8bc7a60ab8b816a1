"""The long short-term memory network: a cell that carries what the gates let in over hundreds of words."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from seodang.families.text.recurrence import RecurrentNetwork


class LongShortTermMemoryNetwork(RecurrentNetwork):
    """Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000, in both directions."""

    def layer(self, input_size: int, hidden_size: int) -> nn.LSTM:
        """Input, forget and output gates."""
        return nn.LSTM(input_size, hidden_size, batch_first=True)

    def start(self, layer: nn.RNNBase) -> None:
        """Remember by default: forget gates begin open (Jozefowicz et al. 2015, "An empirical exploration", section 4)."""
        super().start(layer)
        bias = cast(Tensor, layer.bias_ih_l0)
        bias.data[layer.hidden_size : 2 * layer.hidden_size] = 1.0
