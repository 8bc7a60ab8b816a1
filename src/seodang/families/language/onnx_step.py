"""One step of a language network in plain products and activations, which every exporter and runtime knows."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from seodang.families.language.cells import Gru, Lstm, MinLstm, Recurrent, Rnn
from seodang.families.language.model import LanguageNetwork


class OnnxStep(nn.Module):
    """A network that reads one token of each stream.

    Args: network: On the CPU in f32, in evaluation mode.
    """

    def __init__(self, network: LanguageNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, tokens: Tensor, state: Tensor, known: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Score the next token.

        Args:
            tokens: (streams,), int64.
            state: (num_layers * num_states, streams, hidden_size).
            known: Log-probabilities of n-grams after the token, (streams, num_tokens), if the network builds on them.

        Returns: Logits and probabilities, (streams, num_tokens), and the state after, in the shape of the one before.
        """
        network = self.network
        hidden: Tensor = network.embedding(tokens)
        after: list[Tensor] = []
        for layer, norm in zip(network.layers, network.norms, strict=True):
            assert isinstance(layer, Recurrent)
            own = list(state[len(after) : len(after) + network.num_states].unbind(0))
            after += RULES[type(layer)](layer, hidden, own)
            hidden = norm(after[-network.num_states])
        logits: Tensor = network.output(hidden)
        if network.trust is not None and known is not None:
            logits = logits + network.trust(hidden) * known
        return logits, torch.softmax(logits, 1), torch.stack(after)


def _products(layer: nn.RNNBase, inputs: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
    """The weighted inputs and the weighted state, each (streams, gates * hidden_size), with their biases."""
    weight_in, weight, bias_in, bias = (
        layer.get_parameter(name) for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    )
    return functional.linear(inputs, weight_in, bias_in), functional.linear(hidden, weight, bias)


def _rnn(cell: Rnn, inputs: Tensor, state: list[Tensor]) -> list[Tensor]:
    entering, kept = _products(cell.layer, inputs, state[0])
    return [torch.tanh(entering + kept)]


def _lstm(cell: Lstm, inputs: Tensor, state: list[Tensor]) -> list[Tensor]:
    entering, kept = _products(cell.layer, inputs, state[0])
    enter, forget, candidate, out = (entering + kept).chunk(4, 1)
    memory = torch.sigmoid(forget) * state[1] + torch.sigmoid(enter) * torch.tanh(candidate)
    return [torch.sigmoid(out) * torch.tanh(memory), memory]


def _gru(cell: Gru, inputs: Tensor, state: list[Tensor]) -> list[Tensor]:
    entering, kept = (part.chunk(3, 1) for part in _products(cell.layer, inputs, state[0]))
    reset, keep = (torch.sigmoid(entering[gate] + kept[gate]) for gate in (0, 1))
    candidate = torch.tanh(entering[2] + reset * kept[2])
    return [(1 - keep) * candidate + keep * state[0]]


def _minlstm(cell: MinLstm, inputs: Tensor, state: list[Tensor]) -> list[Tensor]:
    forget, enter, candidate = cell.gates(inputs).chunk(3, 1)
    kept = torch.sigmoid(functional.softplus(-enter) - functional.softplus(-forget))
    positive = torch.where(candidate >= 0, candidate + 0.5, torch.sigmoid(candidate))
    return [kept * state[0] + (1 - kept) * positive]


RULES: dict[type[Recurrent], Callable[..., list[Tensor]]] = {Rnn: _rnn, Lstm: _lstm, Gru: _gru, MinLstm: _minlstm}
