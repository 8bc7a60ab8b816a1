"""Recurrent layers: what is remembered of everything read so far, and how it changes with the next token.

Every layer reads (batch, length, in_channels) from the state it is given, a tuple of (batch, hidden_size) tensors, and returns
the outputs of all steps with the state after the last. Handing that state to the next chunk is all that memory is.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional

State = tuple[Tensor, ...]


class Recurrent(nn.Module):
    """A recurrent layer."""

    num_states: int
    """Tensors in its state."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size

    @abstractmethod
    def forward(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """Read a chunk.

        Args:
            inputs: (batch, length, input_size), floating point.
            state: `num_states` tensors of (batch, hidden_size).

        Returns: Outputs (batch, length, hidden_size), and the state after the last step.
        """


class TorchLayer(Recurrent):
    """A layer of PyTorch's own: on a CPU its LSTM runs in oneDNN."""

    layer: nn.RNNBase

    def forward(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """Read a chunk."""
        given = tuple(part.unsqueeze(0).to(inputs.dtype) for part in state)
        outputs, after = self.layer(inputs.transpose(0, 1), given if self.num_states > 1 else given[0])
        after = after if self.num_states > 1 else (after,)
        return outputs.transpose(0, 1), tuple(part.squeeze(0) for part in after)

    def start(self) -> None:
        """Starting weights, gate by gate: Glorot for inputs, orthogonal for states (Saxe et al. 2014, arXiv:1312.6120)."""
        for name, weight in self.layer.named_parameters():
            if name.startswith("bias"):
                nn.init.zeros_(weight)
                continue
            for gate in torch.split(weight.data, self.hidden_size):
                nn.init.xavier_uniform_(gate) if name.startswith("weight_ih") else nn.init.orthogonal_(gate)


class Rnn(TorchLayer):
    """h' = tanh(W x + U h + b): the plain recurrent network (Elman 1990, "Finding structure in time")."""

    num_states = 1

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.layer = nn.RNN(input_size, hidden_size)
        self.start()


class Lstm(TorchLayer):
    """Long short-term memory (Hochreiter & Schmidhuber 1997) with forget gates (Gers, Schmidhuber & Cummins 2000).

    Forget gates start open (bias 1: Jozefowicz, Zaremba & Sutskever 2015, ICML), so that what is stored stays until the network
    learns to forget.
    """

    num_states = 2

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.layer = nn.LSTM(input_size, hidden_size)
        self.start()
        nn.init.ones_(self.layer.bias_ih_l0.data[hidden_size : 2 * hidden_size])


class Gru(TorchLayer):
    """Gated recurrent unit (Cho et al. 2014, arXiv:1406.1078), with the reset gate on the state's product, as in cuDNN."""

    num_states = 1

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.layer = nn.GRU(input_size, hidden_size)
        self.start()


class MinLstm(Recurrent):
    """minLSTM (Feng et al. 2024, "Were RNNs all we needed?", arXiv:2410.01201): gates look at the input alone.

    With f and i from the input only, h' = f' h + i' g is linear in h, so all steps are computed at once by a scan. f' and i' add up
    to 1; the candidate g passes through the paper's positive activation.
    """

    num_states = 1

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.gates = nn.Linear(input_size, 3 * hidden_size)
        nn.init.xavier_uniform_(self.gates.weight)
        nn.init.zeros_(self.gates.bias)

    def forward(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """Read a chunk."""
        forget, enter, candidate = self.gates(inputs).float().chunk(3, dim=2)
        kept = torch.sigmoid(functional.softplus(-enter) - functional.softplus(-forget))  # f / (f + i)
        positive = torch.where(candidate >= 0, candidate + 0.5, torch.sigmoid(candidate))
        outputs = linear_scan(kept, (1 - kept) * positive, state[0])
        return outputs.to(inputs.dtype), (outputs[:, -1],)


def linear_scan(kept: Tensor, added: Tensor, start: Tensor) -> Tensor:
    """All states of h[t] = kept[t] * h[t - 1] + added[t], in log2(length) passes over the whole chunk.

    Hillis & Steele 1986, "Data parallel algorithms": after a pass of stride s each step holds the effect of 2s steps.

    Args:
        kept, added: (batch, length, hidden_size).
        start: h[-1], (batch, hidden_size).
    Returns: (batch, length, hidden_size).
    """
    states = torch.cat([(added[:, 0] + kept[:, 0] * start).unsqueeze(1), added[:, 1:]], 1)
    stride = 1
    while stride < states.shape[1]:
        states = torch.cat([states[:, :stride], states[:, stride:] + kept[:, stride:] * states[:, :-stride]], 1)
        kept = torch.cat([kept[:, :stride], kept[:, stride:] * kept[:, :-stride]], 1)
        stride *= 2
    return states


CELLS: dict[str, type[Recurrent]] = {"rnn": Rnn, "lstm": Lstm, "gru": Gru, "minlstm": MinLstm}
