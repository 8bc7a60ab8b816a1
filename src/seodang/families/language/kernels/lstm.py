"""The steps of an LSTM layer in C: PyTorch's numbers up to rounding, and the same bytes at any number of threads."""

from __future__ import annotations

import ctypes
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from seodang.families.language.kernels import LstmCall, instructions, library
from seodang.nn.kernels import threads
from seodang.nn.kernels.room import Room


def kernel_serves(entering: Tensor) -> bool:
    """Whether `kernel_steps` can be called: on a CPU, not exporting, with a library at hand that multiplies such numbers."""
    kernels = library()
    return (
        kernels is not None
        and entering.device.type == "cpu"
        and (entering.dtype is torch.float32 or (entering.dtype is torch.bfloat16 and bool(kernels.multiplies_bfloat16())))
        and not torch.compiler.is_compiling()  # exporting is compiling too
    )


def kernel_steps(
    entering: Tensor, weight: Tensor, hidden: Tensor, cell: Tensor, tokens: Tensor | None
) -> tuple[Tensor, Tensor]:
    """All steps of one LSTM layer; arguments and results as those of `lstm_steps`."""
    size = hidden.shape[1]
    missing = -size % _constant("lstm_units")
    if missing:  # units that nothing enters and that stay zero
        entering = functional.pad(entering.reshape(*entering.shape[:-1], 4, size), (0, missing)).flatten(-2)
        weight = functional.pad(weight.reshape(4, size, size), (0, missing, 0, missing)).flatten(0, 1)
        hidden, cell = functional.pad(hidden, (0, missing)), functional.pad(cell, (0, missing))
    keep = torch.is_grad_enabled()
    states, last = _KernelSteps.apply(entering, weight, hidden, cell, tokens, keep)  # type: ignore[no-untyped-call]
    return states[..., :size], last[:, :size]


class _KernelSteps(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, entering: Tensor, weight: Tensor, hidden: Tensor, cell: Tensor, tokens: Tensor | None, keep: bool
    ) -> tuple[Tensor, Tensor]:
        length, batch = (entering if tokens is None else tokens).shape[:2]
        size, dtype = hidden.shape[1], entering.dtype
        states = torch.empty(length + 1, batch, size, dtype=dtype)
        states[0] = hidden
        rounded, tokens = weight.to(dtype).contiguous(), None if tokens is None else tokens.contiguous()
        parts = _parts(length, batch, size, dtype, keep, tokens is not None)
        room = Room(sum(parts.values()))
        call = LstmCall(length, batch, size)
        given = _cut(room, parts)
        cells = given["cells"].view(length + 1, -1, batch, _constant("lstm_block"))
        cells[0] = cell.reshape(batch, -1, cells.shape[3]).transpose(0, 1)
        _run("run_forward", call, dtype, given, entering=entering.contiguous(), tokens=tokens, weight=rounded, states=states)
        last = cells[-1].transpose(0, 1).flatten(1).clone()
        ctx.mark_non_differentiable(last)
        if keep:
            ctx.save_for_backward(rounded, states, tokens)
            ctx.room, ctx.parts, ctx.rows = room, parts, len(entering)
        return states[1:], last

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradients: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        rounded, states, tokens = ctx.saved_tensors
        length, batch, size = gradients.shape
        if gradients.stride(2) != 1:
            gradients = gradients.contiguous()
        given = _cut(ctx.room, ctx.parts)
        given["carried"].zero_()
        given["by_weight"] = by_weight = torch.empty(4 * size, size)
        if tokens is None:
            given["by_gates"] = by_entering = rounded.new_empty(length, batch, 4 * size + _gap(rounded.dtype))
        else:
            given["by_rows"] = by_entering = torch.zeros(ctx.rows, 4 * size)
        call = LstmCall(length, batch, size, step_stride=gradients.stride(0), row_stride=gradients.stride(1))
        _run("run_backward", call, rounded.dtype, given, tokens=tokens, weight=rounded, states=states, gradients=gradients)
        return by_entering[..., : 4 * size], by_weight, None, None, None, None


def _parts(length: int, batch: int, size: int, dtype: torch.dtype, keep: bool, by_token: bool) -> dict[str, int]:
    """Floats of each part of a layer's room, by the field of the call that points to it.

    `by_gates` is one of them where the gradient goes on by token; else it is handed on itself.
    """
    places, numbers = length * batch, 4 // dtype.itemsize  # numbers: in the room of a float
    parts = {"cells": (places + batch) * size, "packed": 4 * size * size // numbers}
    if keep:
        packed_places = min(places + places % 2, _constant("lstm_places"))
        parts |= {"gates": places * 4 * size // numbers, "carried": batch * size}
        parts |= {"packed_gates": packed_places * 4 * size // numbers, "packed_states": packed_places * size // numbers}
    if keep and by_token:
        parts["by_gates"] = places * (4 * size + _gap(dtype)) // numbers
    return parts


def _cut(room: Room, parts: dict[str, int]) -> dict[str, Tensor]:
    """The parts of a room, flat, f32."""
    sizes = list(parts.values())
    return dict(zip(parts, torch.split(room.floats[: sum(sizes)], sizes), strict=True))


def _run(function: str, call: LstmCall, dtype: torch.dtype, given: dict[str, Tensor], **more: Tensor | None) -> None:
    """Point to what a call reads and writes, and run it."""
    for name, tensor in {**given, **more}.items():
        setattr(call, name, None if tensor is None else tensor.data_ptr())
    call.instructions, call.threads = instructions(dtype), threads()
    getattr(library(), function)(ctypes.byref(call))


def _gap(dtype: torch.dtype) -> int:
    """Numbers between two rows of `by_gates`."""
    return _constant("lstm_gap") // dtype.itemsize


def _constant(name: str) -> int:
    """A number that lstm.h has fixed."""
    return ctypes.c_long.in_dll(library(), name).value  # type: ignore[arg-type]
