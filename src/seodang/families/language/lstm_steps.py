"""The steps of an LSTM on a CPU, forwards and backwards: in C, or else as few and large operations of PyTorch.

PyTorch's own layer also multiplies every step's input by the input weights; here that has happened before, and a network over
few tokens does it once for each token of its table. In bf16 the products are bf16, and what is remembered stays f32.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from seodang.core.errors import ShapeError
from seodang.families.language.kernels.lstm import kernel_serves, kernel_steps


def lstm_steps(
    entering: Tensor, weight: Tensor, hidden: Tensor, cell: Tensor, tokens: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """All steps of one LSTM layer.

    Args:
        entering: (length, batch, 4 * hidden_size), f32 or bf16, weighted inputs with biases, gates in the order i, f, g, o.
            With `tokens` instead those of every token, (num_tokens, 4 * hidden_size).
        weight: (4 * hidden_size, hidden_size), f32, of the state; rounded to the dtype of `entering`.
        hidden, cell: (batch, hidden_size), the state before.
        tokens: (length, batch), int64, or None.

    Returns: The hidden states of all steps, (length, batch, hidden_size), in the dtype of `entering`; and the last cell,
        (batch, hidden_size), f32, from which no gradient flows back.
    Raises:
        ShapeError: The shapes do not belong together, or a token has no row.
        TypeError: A dtype is none of these.
    """
    _check(entering, weight, hidden, cell, tokens)
    if kernel_serves(entering):
        return kernel_steps(entering, weight, hidden, cell, tokens)
    if tokens is not None:
        entering = rows_of(entering, tokens)
    states, last = _LstmSteps.apply(entering, weight.to(entering.dtype), hidden, cell)  # type: ignore[no-untyped-call]
    return states, last


def rows_of(table: Tensor, tokens: Tensor) -> Tensor:
    """The row of each token, as a product, whose gradient adds up in f32 however often a token stands in the chunk.

    Args:    table: (num_tokens, columns), floating point. tokens: (..., ...), int64.
    Returns: (..., ..., columns), in the dtype of `table`.
    """
    return functional.one_hot(tokens, len(table)).to(table.dtype) @ table


def _check(entering: Tensor, weight: Tensor, hidden: Tensor, cell: Tensor, tokens: Tensor | None) -> None:
    """Refuse what a kernel would read beyond the end of."""
    size = weight.shape[-1]
    length, batch = (entering if tokens is None else tokens).shape[:2]
    expected = {
        "entering": (entering, (length, batch, 4 * size) if tokens is None else (len(entering), 4 * size)),
        "weight": (weight, (4 * size, size)),
        "hidden": (hidden, (batch, size)),
        "cell": (cell, (batch, size)),
    }
    for name, (tensor, shape) in expected.items():
        if tensor.shape != shape:
            raise ShapeError(f"{name} must be of the shape {shape}, got {tuple(tensor.shape)}.")
    if entering.dtype not in (torch.float32, torch.bfloat16) or weight.dtype is not torch.float32:
        raise TypeError(f"entering must be float32 or bfloat16 and weight float32, got {entering.dtype} and {weight.dtype}.")
    if tokens is None:
        return
    if tokens.dtype is not torch.int64:
        raise TypeError(f"tokens must be int64, got {tokens.dtype}.")
    least, most = tokens.aminmax()
    if not 0 <= int(least) <= int(most) < len(entering):
        raise ShapeError(f"tokens must be at least 0 and below {len(entering)}, got {int(least)} to {int(most)}.")


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
