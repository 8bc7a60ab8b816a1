"""The trained network one step at a time, for generation: NumPy alone, since at one token a step calls cost more than sums.

PyTorch spends most of such a step on dispatch. Here the first layer's product with each token's embedding, biases included, is
made once and looked up; gates take one tanh, for sigmoid(x) = (1 + tanh(x / 2)) / 2 and the half is put into the weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from seodang.families.language.cells import Gru, Lstm, MinLstm, Recurrent, Rnn
from seodang.families.language.model import LanguageNetwork
from seodang.families.language.ngram_rows import NgramSteps

Floats = NDArray[np.float32]
TABLE_SIZE = 1 << 26  # most numbers in the table of the first layer's products, 256 MiB


@dataclass(frozen=True)
class StepLayer:
    """A recurrent layer: what enters it, and the rule of its cell."""

    weight_in: Floats
    """(gates * hidden_size, input_size)."""
    bias_in: Floats
    """(gates * hidden_size,)."""
    rule: Callable[[Floats, list[Floats]], list[Floats]]
    """From the weighted input (streams, gates * hidden_size) and the state before to the state after; its first part is handed
    on."""
    num_states: int
    scale: Floats | None
    """Of layer normalisation, (hidden_size,); None without."""
    shift: Floats | None

    def normalised(self, hidden: Floats) -> Floats:
        """What the layer hands on."""
        if self.scale is None or self.shift is None:
            return hidden
        centred = hidden - hidden.mean(1, keepdims=True)
        scaled: Floats = centred / np.sqrt((centred**2).mean(1, keepdims=True) + LAYER_NORM_EPSILON) * self.scale + self.shift
        return scaled


LAYER_NORM_EPSILON = 1e-5  # of torch.nn.LayerNorm


class Steps(Protocol):
    """A language model that reads one token of each stream and scores the next."""

    @property
    def num_tokens(self) -> int:
        """Tokens of the vocabulary."""

    def start(self, streams: int) -> list[Floats]:
        """The state before anything is read, arrays of (streams, any)."""

    def step(self, tokens: NDArray[np.int64], state: list[Floats]) -> tuple[Floats, list[Floats]]:
        """Read one token of each stream.

        Args:
            tokens: (streams,).
            state: As `start` gives it, or as the step before left it; not changed.

        Returns: Logits of the next token, (streams, num_tokens), and the state after.
        """


def read_prompt(steps: Steps, tokens: NDArray[np.int64]) -> tuple[Floats, list[Floats]]:
    """Logits and state after a whole prompt, (length,), in one stream; with an empty one every token is as likely."""
    logits, state = np.zeros((1, steps.num_tokens), np.float32), steps.start(1)
    for token in tokens:
        logits, state = steps.step(np.array([token]), state)
    return logits, state


class StepNetwork:
    """The steps of a network in NumPy.

    Args: network: In evaluation mode; its weights are copied.
    """

    def __init__(self, network: LanguageNetwork) -> None:
        layers = zip(network.layers, network.norms, strict=True)
        self.layers = [_layer(layer, norm) for layer, norm in layers]
        self.embedding = _array(network.embedding.weight)
        self.output, self.bias = _array(network.output.weight), _array(network.output.bias)
        self.hidden_size = network.hidden_size
        first = self.layers[0]
        self.ngrams = None if network.ngrams is None else NgramSteps.of(network.ngrams)
        if network.trust is not None:
            self.trust, self.trust_bias = _array(network.trust.weight), _array(network.trust.bias)
        small = len(self.embedding) * len(first.weight_in) <= TABLE_SIZE
        self.table = self.embedding @ first.weight_in.T + first.bias_in if small else None

    @property
    def num_tokens(self) -> int:
        """Tokens of the vocabulary."""
        return len(self.bias)

    def start(self, streams: int) -> list[Floats]:
        """The state before anything is read."""
        count = sum(layer.num_states for layer in self.layers)
        state = [np.zeros((streams, self.hidden_size), np.float32) for _ in range(count)]
        return state if self.ngrams is None else [*state, self.ngrams.start(streams)]

    def step(self, tokens: NDArray[np.int64], state: list[Floats]) -> tuple[Floats, list[Floats]]:
        """Read one token of each stream; see `Steps`."""
        after: list[Floats] = []
        hidden = self.embedding[tokens] if self.table is None else None
        for layer in self.layers:
            if hidden is None:
                assert self.table is not None
                entering = self.table[tokens]
            else:
                entering = times(hidden, layer.weight_in) + layer.bias_in
            own = layer.rule(entering, state[len(after) : len(after) + layer.num_states])
            after += own
            hidden = layer.normalised(own[0])
        assert hidden is not None
        logits = times(hidden, self.output) + self.bias
        if self.ngrams is None:
            return logits, after
        known, last = self.ngrams.step(tokens, state[-1])
        return logits + (times(hidden, self.trust) + self.trust_bias) * known, [*after, last]


def times(rows: Floats, weight: Floats) -> Floats:
    """rows @ weight.T; for one row as a matrix times a vector, which reads the weights in their order."""
    product: Floats = (weight @ rows[0])[None] if len(rows) == 1 else rows @ weight.T
    return product


def _array(tensor: Tensor) -> Floats:
    copied: Floats = np.array(tensor.detach().cpu().float().numpy(), order="C")
    return copied


def _named(layer: Rnn | Lstm | Gru, name: str) -> Floats:
    return _array(layer.layer.get_parameter(name))


def _layer(layer: nn.Module, norm: nn.Module) -> StepLayer:
    assert isinstance(layer, Recurrent)
    weight_in, bias_in, rule = RULES[type(layer)](layer)
    scale, shift = (_array(norm.weight), _array(norm.bias)) if isinstance(norm, nn.LayerNorm) else (None, None)
    return StepLayer(weight_in, bias_in, rule, layer.num_states, scale, shift)


Rule = Callable[[Floats, list[Floats]], list[Floats]]


def _rnn(layer: Rnn) -> tuple[Floats, Floats, Rule]:
    weight, recurrent = _named(layer, "weight_ih_l0"), _named(layer, "weight_hh_l0")
    bias = _named(layer, "bias_ih_l0") + _named(layer, "bias_hh_l0")

    def rule(entering: Floats, state: list[Floats]) -> list[Floats]:
        return [np.tanh(entering + times(state[0], recurrent))]

    return weight, bias, rule


def _lstm(layer: Lstm) -> tuple[Floats, Floats, Rule]:
    size = layer.hidden_size
    halves = np.ones((4 * size, 1), np.float32)
    halves[: 2 * size] = halves[3 * size :] = 0.5  # the gates i, f and o; g is a tanh by itself
    weight, recurrent = _named(layer, "weight_ih_l0") * halves, _named(layer, "weight_hh_l0") * halves
    bias = (_named(layer, "bias_ih_l0") + _named(layer, "bias_hh_l0")) * halves[:, 0]

    def rule(entering: Floats, state: list[Floats]) -> list[Floats]:
        hidden, cell = state
        gates = np.tanh(entering + times(hidden, recurrent))
        enter, forget, candidate, out = (
            gates[:, :size],
            gates[:, size : 2 * size],
            gates[:, 2 * size : 3 * size],
            gates[:, 3 * size :],
        )
        cell = np.float32(0.5) * ((forget + 1) * cell + (enter + 1) * candidate)
        return [np.float32(0.5) * (out + 1) * np.tanh(cell), cell]

    return weight, bias, rule


def _gru(layer: Gru) -> tuple[Floats, Floats, Rule]:
    size = layer.hidden_size
    halves = np.ones((3 * size, 1), np.float32)
    halves[: 2 * size] = 0.5  # the gates r and z
    weight, recurrent = _named(layer, "weight_ih_l0") * halves, _named(layer, "weight_hh_l0") * halves
    bias, recurrent_bias = (_named(layer, name) * halves[:, 0] for name in ("bias_ih_l0", "bias_hh_l0"))

    def rule(entering: Floats, state: list[Floats]) -> list[Floats]:
        product = times(state[0], recurrent) + recurrent_bias
        gates = np.float32(0.5) * (1 + np.tanh(entering[:, : 2 * size] + product[:, : 2 * size]))
        reset, keep = gates[:, :size], gates[:, size:]
        candidate = np.tanh(entering[:, 2 * size :] + reset * product[:, 2 * size :])
        return [candidate + keep * (state[0] - candidate)]

    return weight, bias, rule


def _minlstm(layer: MinLstm) -> tuple[Floats, Floats, Rule]:
    size = layer.hidden_size

    def rule(entering: Floats, state: list[Floats]) -> list[Floats]:
        forget, enter, candidate = entering[:, :size], entering[:, size : 2 * size], entering[:, 2 * size :]
        kept = _sigmoid(np.logaddexp(0, -enter) - np.logaddexp(0, -forget))
        positive = np.where(candidate >= 0, candidate + np.float32(0.5), _sigmoid(candidate))
        return [kept * state[0] + (1 - kept) * positive]

    return _array(layer.gates.weight), _array(layer.gates.bias), rule


def _sigmoid(x: Floats) -> Floats:
    half = np.float32(0.5)
    answer: Floats = half * (1 + np.tanh(half * x))
    return answer


RULES: dict[type[Recurrent], Callable[..., tuple[Floats, Floats, Rule]]] = {
    Rnn: _rnn,
    Lstm: _lstm,
    Gru: _gru,
    MinLstm: _minlstm,
}
