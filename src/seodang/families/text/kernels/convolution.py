"""A convolution over words and the maximum over the text as one function."""

from __future__ import annotations

import ctypes
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from seodang.families.text.kernels import ConvolutionCall, instructions, library
from seodang.nn.kernels import threads

PANEL = 32  # filters that the kernel computes at once


def strongest_answers(embedded: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The largest answer of each filter anywhere in a text; of equal ones, the first.

    A filter's gradient reaches one window of each text only, so the backward pass looks at those windows and leaves out the
    two convolutions over all of them, two thirds of the arithmetic.

    Args:
        embedded: (batch, length, channels), floating point, on the CPU; length at least `width`.
        weight: (filters, channels, width).
        bias: (filters,).

    Returns: (batch, filters), of the type of `embedded`.
    """
    answers = _StrongestAnswers.apply(embedded, weight, bias, torch.is_grad_enabled())  # type: ignore[no-untyped-call]
    return cast(Tensor, answers)


class _StrongestAnswers(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, embedded: Tensor, weight: Tensor, bias: Tensor, keep: bool) -> Tensor:
        fast = embedded.dtype is torch.float32 and library() is not None
        maxima, places = (_in_c if fast else _in_torch)(embedded.contiguous(), weight, bias)
        if keep:
            ctx.save_for_backward(embedded, weight, places)
        return maxima

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradients: Tensor) -> tuple[Tensor | None, ...]:
        embedded, weight, places = ctx.saved_tensors
        (batch, length, channels), (filters, _, width) = embedded.shape, weight.shape
        by_filter = gradients.T.contiguous()  # (filters, batch)
        firsts = places.T + torch.arange(0, batch * length, length)  # of each winning window, among the words of all texts
        words = (firsts.unsqueeze(2) + torch.arange(width)).flatten()  # (filters * batch * width)
        windows = embedded.reshape(-1, channels).index_select(0, words).view(filters, batch, width * channels)
        by_weight = torch.bmm(by_filter.unsqueeze(1), windows).view(filters, width, channels).transpose(1, 2)
        by_embedded = None
        if ctx.needs_input_grad[0]:
            rows = weight.transpose(1, 2).contiguous()  # (filters, width, channels)
            parts = by_filter[:, :, None, None] * rows.unsqueeze(1)  # (filters, batch, width, channels)
            by_embedded = embedded.new_zeros(batch * length, channels).index_add_(0, words, parts.reshape(-1, channels))
            by_embedded = by_embedded.view_as(embedded)
        return by_embedded, by_weight, gradients.sum(0), None


def _in_torch(embedded: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    maxima, places = functional.conv1d(embedded.transpose(1, 2), weight, bias).max(2)
    return maxima.to(embedded.dtype), places


def _in_c(embedded: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    kernels = library()
    assert kernels is not None
    filters, channels, width = weight.shape
    more = -filters % PANEL
    rows = functional.pad(weight.transpose(1, 2), (0, 0, 0, 0, 0, more)).contiguous()  # (filters + more, width, channels)
    biases = functional.pad(bias, (0, more))
    maxima = embedded.new_empty(len(embedded), filters + more)
    places = torch.empty_like(maxima, dtype=torch.int32)
    call = ConvolutionCall(len(embedded), embedded.shape[1], channels, width, filters + more)
    call.vectors, call.weights, call.bias = embedded.data_ptr(), rows.data_ptr(), biases.data_ptr()
    call.maxima, call.places = maxima.data_ptr(), places.data_ptr()
    call.instructions, call.threads = instructions(), threads()
    scratch = torch.empty(kernels.convolution_scratch(ctypes.byref(call)))
    call.scratch = scratch.data_ptr()
    kernels.run_convolution(ctypes.byref(call))
    return maxima[:, :filters], places[:, :filters]
