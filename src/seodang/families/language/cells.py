"""Recurrent layers: what is remembered of everything read so far, and how it changes with the next token.

Every layer reads (batch, length, input_size) from the state it is given, a tuple of (batch, hidden_size) tensors, and returns
the outputs of all steps with the state after the last. Handing that state to the next chunk is all that memory is.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from seodang.families.language.lstm_steps import lstm_steps, rows_of

State = tuple[Tensor, ...]


class Recurrent(nn.Module):
    """A recurrent layer."""

    num_states: int
    """Tensors in its state."""

    def __init__(self, input_size: int, hidden_size: int, weight_dropout: float = 0.0) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.weight_dropout = input_size, hidden_size, weight_dropout

    @abstractmethod
    def forward(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """Read a chunk.

        Args:
            inputs: (batch, length, input_size), floating point.
            state: `num_states` tensors of (batch, hidden_size).

        Returns: Outputs (batch, length, hidden_size), and the state after the last step.
        """


class Split(Recurrent):
    """A layer whose product with its inputs can be made apart from the steps: for a few tokens once each, not once a place."""

    @abstractmethod
    def enter(self, inputs: Tensor) -> Tensor:
        """The weighted inputs with biases, (..., gates * hidden_size), of inputs (..., input_size)."""

    @abstractmethod
    def follow(self, entering: Tensor, state: State) -> tuple[Tensor, State]:
        """Read a chunk whose weighted inputs are (batch, length, gates * hidden_size)."""

    def follow_tokens(self, rows: Tensor, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """Read a chunk of tokens.

        Args:
            rows: The weighted inputs of every token, (num_tokens, gates * hidden_size).
            tokens: (batch, length), int64.
            state: As in `forward`.
        """
        return self.follow(rows_of(rows, tokens.t()).transpose(0, 1), state)  # time first, as steps go

    def forward(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """Read a chunk."""
        return self.follow(self.enter(inputs), state)


class Rnn(Recurrent):
    """h' = tanh(W x + U h + b): the plain recurrent network (Elman 1990, "Finding structure in time")."""

    num_states = 1

    def __init__(self, input_size: int, hidden_size: int, weight_dropout: float = 0.0) -> None:
        super().__init__(input_size, hidden_size, weight_dropout)
        self.layer = nn.RNN(input_size, hidden_size)
        start_weights(self.layer)

    def forward(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """Read a chunk."""
        return read_chunk(self, self.layer, inputs, state)


class Gru(Recurrent):
    """Gated recurrent unit (Cho et al. 2014, arXiv:1406.1078), with the reset gate on the state's product, as in cuDNN."""

    num_states = 1

    def __init__(self, input_size: int, hidden_size: int, weight_dropout: float = 0.0) -> None:
        super().__init__(input_size, hidden_size, weight_dropout)
        self.layer = nn.GRU(input_size, hidden_size)
        start_weights(self.layer)

    def forward(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """Read a chunk."""
        return read_chunk(self, self.layer, inputs, state)


class Lstm(Split):
    """Long short-term memory (Hochreiter & Schmidhuber 1997) with forget gates (Gers, Schmidhuber & Cummins 2000).

    Forget gates start open (bias 1: Jozefowicz, Zaremba & Sutskever 2015, ICML), so that what is stored stays until the
    network learns to forget. On a CPU the steps are our own, faster than PyTorch's; elsewhere PyTorch's layer computes.
    """

    num_states = 2

    def __init__(self, input_size: int, hidden_size: int, weight_dropout: float = 0.0) -> None:
        super().__init__(input_size, hidden_size, weight_dropout)
        self.layer = nn.LSTM(input_size, hidden_size)
        start_weights(self.layer)
        nn.init.ones_(self.layer.get_parameter("bias_ih_l0").data[hidden_size : 2 * hidden_size])

    def enter(self, inputs: Tensor) -> Tensor:
        """The weighted inputs of the gates i, f, g, o."""
        weight, *biases = map(self.layer.get_parameter, ("weight_ih_l0", "bias_ih_l0", "bias_hh_l0"))
        return functional.linear(inputs, weight, biases[0] + biases[1])

    def follow(self, entering: Tensor, state: State) -> tuple[Tensor, State]:
        """Read a chunk."""
        return self._steps(entering.transpose(0, 1), state, None)

    def follow_tokens(self, rows: Tensor, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """Read a chunk of tokens."""
        return self._steps(rows, state, tokens.t())

    def _steps(self, entering: Tensor, state: State, tokens: Tensor | None) -> tuple[Tensor, State]:
        weight = thinned(self, self.layer.get_parameter("weight_hh_l0"))
        hidden, cell = state
        outputs, last = lstm_steps(entering, weight, hidden, cell, tokens)
        return outputs.transpose(0, 1), (outputs[-1].float(), last)

    def forward(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """Read a chunk."""
        if inputs.device.type == "cpu":
            return super().forward(inputs, state)
        return read_chunk(self, self.layer, inputs, state)


class MinLstm(Split):
    """minLSTM (Feng et al. 2024, "Were RNNs all we needed?", arXiv:2410.01201): gates look at the input alone.

    With f and i from the input only, h' = f' h + i' g is linear in h, so all steps are computed at once by a scan. f' and i'
    add up to 1; the candidate g passes through the paper's positive activation.
    """

    num_states = 1

    def __init__(self, input_size: int, hidden_size: int, weight_dropout: float = 0.0) -> None:
        super().__init__(input_size, hidden_size, weight_dropout)
        self.gates = nn.Linear(input_size, 3 * hidden_size)
        nn.init.xavier_uniform_(self.gates.weight)
        nn.init.zeros_(self.gates.bias)

    def enter(self, inputs: Tensor) -> Tensor:
        """The weighted inputs of f, i and g."""
        weighted: Tensor = self.gates(inputs)
        return weighted

    def follow(self, entering: Tensor, state: State) -> tuple[Tensor, State]:
        """Read a chunk."""
        forget, enter, candidate = entering.float().chunk(3, dim=2)
        kept = torch.sigmoid(functional.softplus(-enter) - functional.softplus(-forget))  # f / (f + i)
        positive = torch.where(candidate >= 0, candidate + 0.5, torch.sigmoid(candidate))
        outputs = linear_scan(kept, (1 - kept) * positive, state[0])
        return outputs.to(entering.dtype), (outputs[:, -1],)


def start_weights(layer: nn.RNNBase) -> None:
    """Starting weights, gate by gate: Glorot for inputs, orthogonal for states (Saxe et al. 2014, arXiv:1312.6120)."""
    for name, weight in layer.named_parameters():
        if name.startswith("bias"):
            nn.init.zeros_(weight)
            continue
        for gate in torch.split(weight.data, layer.hidden_size):
            nn.init.xavier_uniform_(gate) if name.startswith("weight_ih") else nn.init.orthogonal_(gate)


def thinned(cell: Recurrent, weight: Tensor) -> Tensor:
    """The weights of the state, some of them switched off for a whole chunk while training.

    DropConnect as in Merity, Keskar & Socher 2018, "Regularizing and optimizing LSTM language models", arXiv:1708.02182.
    """
    return functional.dropout(weight, cell.weight_dropout, cell.training)


def read_chunk(cell: Recurrent, layer: nn.RNNBase, inputs: Tensor, state: State) -> tuple[Tensor, State]:
    """Let a layer of PyTorch's read a chunk."""
    given = tuple(part.unsqueeze(0).to(inputs.dtype) for part in state)
    arguments = (inputs.transpose(0, 1), given if cell.num_states > 1 else given[0])
    if cell.training and cell.weight_dropout:
        name = "weight_hh_l0"
        outputs, after = functional_call(layer, {name: thinned(cell, layer.get_parameter(name))}, arguments)
    else:
        outputs, after = layer(*arguments)
    after = after if cell.num_states > 1 else (after,)
    return outputs.transpose(0, 1), tuple(part.squeeze(0) for part in after)


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
