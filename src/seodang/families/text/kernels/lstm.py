"""A bidirectional LSTM with pooled states as one function.

`nn.LSTM` stays the definition, the owner of the weights and the way everywhere else (GPUs, export, drawing, double precision);
this gives the same numbers up to rounding, several times faster at the sizes of text classifiers.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any, TypeGuard, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from seodang.families.text.kernels import LstmCall, computes_here, instructions, library
from seodang.nn.kernels import threads
from seodang.nn.kernels.room import Room

WIDEST_STATE, WIDEST_INPUT = 256, 512  # beyond these the weights leave the cache, and a library's matrix product is faster
NAMES = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")


def lstm_serves(layers: Sequence[nn.RNNBase], embedded: Tensor) -> TypeGuard[Sequence[nn.LSTM]]:
    """Whether `pooled_states` can stand for two layers, one a direction."""
    return (
        all(isinstance(layer, nn.LSTM) for layer in layers)
        and layers[0].hidden_size <= WIDEST_STATE
        and layers[0].input_size <= WIDEST_INPUT
        and computes_here(embedded, *layers)
        and library() is not None
    )


def pooled_states(layers: Sequence[nn.LSTM], embedded: Tensor, lengths: Tensor, last: bool) -> Tensor:
    """Read texts in both directions, the second from each text's own end, and pool the states.

    Args:
        layers: The forward and the backward direction, each of one layer with biases; see `lstm_serves`.
        embedded: (batch, length, input_size), float32, on the CPU.
        lengths: Words to read of each text, (batch,), int64, 1 to length.
        last: Take the last state of each direction, not the largest of each unit (of equal ones, the first).

    Returns: (batch, 2 * hidden_size), float32.
    """
    weights = [getattr(layer, name) for layer in layers for name in NAMES]
    keep = torch.is_grad_enabled()
    states = _PooledStates.apply(embedded, lengths, last, instructions(), keep, *weights)  # type: ignore[no-untyped-call]
    return cast(Tensor, states)


class _PooledStates(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, embedded: Tensor, lengths: Tensor, last: bool, best: int, keep: bool, *weights: Tensor) -> Tensor:
        embedded, lengths, weights = embedded.contiguous(), lengths.contiguous(), tuple(one.contiguous() for one in weights)
        order = lengths.argsort(stable=True)
        if not 1 <= int(lengths[order[0]]) <= int(lengths[order[-1]]) <= embedded.shape[1]:
            raise ValueError(f"lengths must be between 1 and {embedded.shape[1]}, got {lengths.tolist()}")
        features = torch.empty(len(embedded), 2 * weights[1].shape[1])
        places = torch.empty_like(features, dtype=torch.int32)
        call = LstmCall(pool_last=last, instructions=best, keep=keep)
        room = _run(call, embedded, lengths, order, weights, features, places)
        if keep:
            ctx.save_for_backward(embedded, lengths, order, places, *weights)
            ctx.last, ctx.best, ctx.room = last, best, room
        return features

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradients: Tensor) -> tuple[Tensor | None, ...]:
        embedded, lengths, order, places, *weights = ctx.saved_tensors
        call = LstmCall(pool_last=ctx.last, instructions=ctx.best, keep=True, backwards=True)
        by_input = embedded.new_empty(2, *embedded.shape) if ctx.needs_input_grad[0] else None
        call.input_gradients = None if by_input is None else by_input.data_ptr()
        by_weight = [[torch.empty_like(weight) for weight in weights[start : start + 3]] for start in (0, 4)]
        call.weight_gradients[:] = [weight.data_ptr() for direction in by_weight for weight in direction]
        _run(call, embedded, lengths, order, weights, gradients.float().contiguous(), places, ctx.room)
        biased = (weight for input_side, state_side, bias in by_weight for weight in (input_side, state_side, bias, bias))
        return (None if by_input is None else by_input[0].add_(by_input[1]), None, None, None, None, *biased)


def _run(
    call: LstmCall,
    embedded: Tensor,
    lengths: Tensor,
    order: Tensor,
    weights: Sequence[Tensor],
    features: Tensor,
    places: Tensor,
    room: Room | None = None,
) -> Room:
    """Fill in what both passes have and run the kernel; returns where the states stand that the backward pass reads."""
    kernels = library()
    assert kernels is not None, "lstm_serves was asked before"
    call.batch, call.length, call.inputs = embedded.shape
    call.hidden = weights[1].shape[1]
    call.vectors, call.lengths, call.order = embedded.data_ptr(), lengths.data_ptr(), order.data_ptr()
    call.weights[:] = [weight.data_ptr() for weight in weights]
    call.features, call.places = features.data_ptr(), places.data_ptr()
    call.threads = threads()
    pointer = ctypes.byref(call)
    scratch = torch.empty(kernels.lstm_scratch(pointer))
    room = room or Room(kernels.lstm_saved(pointer))
    call.saved, call.scratch = room.floats.data_ptr(), scratch.data_ptr()
    kernels.run_lstm(pointer)
    return room
