"""A text classifier as an ONNX graph that takes batches of any size and length and pads, cuts and masks by itself."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from seodang.families.text.batches import Padding
from seodang.families.text.head import TextNetwork, word_mask
from seodang.families.text.learner import class_probabilities
from seodang.families.text.recurrence import RecurrentNetwork
from seodang.nn.onnx import OPSET, exported

# The order in which ONNX wants the gates, as places in PyTorch's order: i f g o -> i o f c, and r z n -> z r h.
GATES = {"LSTM": (0, 3, 1, 2), "GRU": (1, 0, 2), "RNN": (0,)}


def onnx_model(module: nn.Module, length: int) -> bytes:
    """An `ExportedNetwork` or `ExportedBest` as a serialized ONNX model.

    Its inputs are `tokens` (batch, length), int64, and `lengths` (batch,), int64, at least 1 and at most `length`; what stands
    behind a text's end does not matter. Its outputs are `probabilities` (batch, classes) and `logits` (batch, outputs).

    Args:
        module: On the CPU in f32.
        length: Of the texts that it is traced with; any other will do afterwards.

    Raises: ExportError: The exporter refuses the network.
    """
    tokens = torch.ones(2, length, dtype=torch.int64)
    lengths = torch.tensor([length, 2])
    sizes = {"tokens": {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}, "lengths": {0: torch.export.Dim.DYNAMIC}}
    return exported(module, [tokens, lengths], sizes, ["probabilities", "logits"])


class ExportedNetwork(nn.Module):
    """The network with its padding inside, and with recurrent layers that the exporter takes."""

    def __init__(self, network: TextNetwork, padding: Padding) -> None:
        super().__init__()
        self.network = copy.deepcopy(network)
        self.max_length = padding.max_length
        self.added = padding.max_length if padding.fixed else padding.extra
        if isinstance(self.network, RecurrentNetwork):
            self.network.forwards = _OnnxRecurrence(self.network.forwards)  # type: ignore[assignment]
            self.network.backwards = _OnnxRecurrence(self.network.backwards)  # type: ignore[assignment]

    def forward(self, tokens: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Probabilities and logits."""
        lengths = lengths.clamp(1, self.max_length)
        tokens = tokens * word_mask(lengths, tokens.shape[1])
        tokens = functional.pad(tokens, (0, self.added))[:, : self.max_length]
        logits = self.network(tokens, lengths)
        return class_probabilities(logits), logits


class _OnnxRecurrence(nn.Module):
    """A recurrent layer as ONNX's own operator: the exporter's translation of PyTorch's freezes the length of the text."""

    def __init__(self, layer: nn.RNNBase) -> None:
        super().__init__()
        self.operator = {"RNN_TANH": "RNN"}.get(layer.mode, layer.mode)
        self.hidden_size = layer.hidden_size
        gates = GATES[self.operator]

        def reordered(name: str) -> Tensor:
            pieces = torch.chunk(layer.get_parameter(name).detach(), len(gates))
            return torch.cat([pieces[gate] for gate in gates])

        biases = [reordered("bias_ih_l0"), reordered("bias_hh_l0")]
        self.inputs: Tensor
        self.states: Tensor
        self.biases: Tensor
        self.register_buffer("inputs", reordered("weight_ih_l0").unsqueeze(0))
        self.register_buffer("states", reordered("weight_hh_l0").unsqueeze(0))
        self.register_buffer("biases", torch.cat(biases).unsqueeze(0))

    def forward(self, embedded: Tensor) -> tuple[Tensor, None]:
        """All states, (batch, length, hidden_size); where PyTorch returns the last one too, nothing."""
        batch, length, _ = embedded.shape
        attributes: dict[str, Any] = {"hidden_size": self.hidden_size}
        if self.operator == "GRU":
            attributes["linear_before_reset"] = 1  # the reset gate after the product with the state, as in PyTorch
        states = torch.onnx.ops.symbolic(
            self.operator,
            (embedded.transpose(0, 1), self.inputs, self.states, self.biases),
            attributes,
            dtype=torch.float32,
            shape=(length, 1, batch, self.hidden_size),
            version=OPSET,
        )
        return states.squeeze(1).transpose(0, 1), None
