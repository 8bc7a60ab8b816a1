"""The steps of an LSTM on a CPU, forwards and backwards, as few and large operations of PyTorch.

PyTorch's own layer also multiplies every step's input by the input weights; here that has happened before, and a network over
few tokens does it once for each token of its table. In bf16 the products are bf16, and what is remembered stays f32.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def lstm_steps(entering: Tensor, weight: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """All steps of one LSTM layer.

    Args:
        entering: (length, batch, 4 * hidden_size), f32 or bf16, weighted inputs with biases, gates in the order i, f, g, o.
        weight: (4 * hidden_size, hidden_size), of the state, in the same dtype.
        hidden, cell: (batch, hidden_size), the state before.

    Returns: The hidden states of all steps, (length, batch, hidden_size), in the same dtype; and the last cell,
        (batch, hidden_size), f32, from which no gradient flows back.
    """
    states, last = _LstmSteps.apply(entering, weight, hidden, cell)  # type: ignore[no-untyped-call]
    return states, last


class _LstmSteps(torch.autograd.Function):
    """Gradients by hand (Graves 2012, "Supervised Sequence Labelling with Recurrent Neural Networks", section 4.4)."""

    @staticmethod
    def forward(ctx: Any, entering: Tensor, weight: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
        """The states, and what the way back needs."""
        length, batch, size = entering.shape[0], entering.shape[1], hidden.shape[1]
        gates = torch.empty(length, batch, 4 * size)
        hiddens = torch.empty(length + 1, batch, size, dtype=entering.dtype)
        cells, squashed = torch.empty(length + 1, batch, size), torch.empty(length, batch, size)
        hiddens[0], cells[0] = hidden, cell
        transposed = weight.t()
        for step in range(length):
            now = gates[step].copy_(torch.addmm(entering[step], hiddens[step], transposed))
            enter, forget, candidate, out = torch.split(now, size, 1)
            candidate.mul_(2)
            now.sigmoid_()
            candidate.mul_(2).sub_(1)  # tanh(x) = 2 sigmoid(2x) - 1: a sixth of the time of PyTorch's tanh
            torch.mul(forget, cells[step], out=cells[step + 1]).addcmul_(enter, candidate)
            torch.mul(cells[step + 1], 2, out=squashed[step]).sigmoid_().mul_(2).sub_(1)
            torch.mul(out, squashed[step], out=hiddens[step + 1])
        ctx.save_for_backward(gates, hiddens, cells, squashed, weight)
        last = cells[-1].clone()
        ctx.mark_non_differentiable(last)
        return hiddens[1:], last

    @staticmethod
    def backward(ctx: Any, gradients: Tensor, _: Tensor) -> tuple[Tensor, Tensor, None, None]:
        """Gradients of the weighted inputs and the weight; none of the state before, which ends the chunk."""
        gates, hiddens, cells, squashed, weight = ctx.saved_tensors
        length, batch, size = gradients.shape
        entering = torch.empty(length, batch, 4 * size, dtype=weight.dtype)
        of_cell, of_hidden = torch.zeros(batch, size), torch.zeros(batch, size)
        slopes = torch.empty(batch, 4 * size)
        for step in reversed(range(length)):
            of_hidden += gradients[step]
            enter, forget, candidate, out = torch.split(gates[step], size, 1)
            slope = torch.addcmul(gates[step], gates[step], gates[step], value=-1, out=slopes)  # of a sigmoid: s - s^2
            by_enter, by_forget, by_candidate, by_out = torch.split(slope, size, 1)
            by_out.mul_(squashed[step]).mul_(of_hidden)
            of_hidden.mul_(out)
            of_cell.add_(of_hidden).addcmul_(of_hidden.mul_(squashed[step]), squashed[step], value=-1)
            by_enter.mul_(candidate).mul_(of_cell)
            by_forget.mul_(cells[step]).mul_(of_cell)
            torch.addcmul(enter, enter, candidate * candidate, value=-1, out=by_candidate)  # of a tanh: 1 - g^2, times i
            by_candidate.mul_(of_cell)
            of_cell.mul_(forget)
            entering[step] = slope
            of_hidden = torch.mm(entering[step], weight).float()
        of_weight = entering.flatten(0, 1).t() @ hiddens[:-1].flatten(0, 1)
        return entering, of_weight, None, None
