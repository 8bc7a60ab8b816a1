"""The C library of this folder, where the package was installed with a C compiler at hand."""

from __future__ import annotations

import ctypes
from functools import cache

import torch
from torch import Tensor, nn

from seodang.nn.kernels import AVX512, BFLOAT16, Threads, open_library


class LstmCall(ctypes.Structure):
    """`struct lstm` of lstm.h, field by field."""

    _fields_ = (
        *((name, ctypes.c_long) for name in ("batch", "length", "inputs", "hidden")),
        *((name, ctypes.c_void_p) for name in ("vectors", "lengths", "order")),
        ("weights", ctypes.c_void_p * 8),
        *((name, ctypes.c_void_p) for name in ("features", "places", "saved", "scratch", "input_gradients")),
        ("weight_gradients", ctypes.c_void_p * 6),
        *((name, ctypes.c_long) for name in ("pool_last", "keep", "backwards", "instructions")),
        ("threads", Threads),
        ("own", ctypes.c_void_p * 15),
    )


class ConvolutionCall(ctypes.Structure):
    """`struct convolution` of convolution.h, field by field."""

    _fields_ = (
        *((name, ctypes.c_long) for name in ("batch", "length", "channels", "width", "filters")),
        *((name, ctypes.c_void_p) for name in ("vectors", "weights", "bias", "maxima", "places", "scratch")),
        ("instructions", ctypes.c_long),
        ("threads", Threads),
    )


class ViewsCall(ctypes.Structure):
    """`struct views` of views.h, field by field."""

    _fields_ = (
        *((name, ctypes.c_long) for name in ("regions", "width", "around", "others", "size", "vocabulary")),
        *((name, ctypes.c_void_p) for name in ("words", "neighbours", "drawn", "inputs", "outputs", "bias", "losses")),
        ("rate", ctypes.c_float),
        ("instructions", ctypes.c_long),
        ("threads", Threads),
    )


@cache
def library() -> ctypes.CDLL | None:
    """The compiled kernels, or None where the package was installed without a C compiler.

    Raises: MachineError: They were compiled from another version of the package.
    """
    kernels = open_library(__name__, {"lstm_bytes": LstmCall, "convolution_bytes": ConvolutionCall, "views_bytes": ViewsCall})
    if kernels is not None:
        kernels.lstm_saved.restype = kernels.lstm_scratch.restype = kernels.convolution_scratch.restype = ctypes.c_long
    return kernels


def instructions() -> int:
    """The best instruction set that the kernels may use: bfloat16 only where autocast asks for it."""
    bfloat16 = torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") is torch.bfloat16
    return BFLOAT16 if bfloat16 else AVX512


def computes_here(embedded: Tensor, *layers: nn.Module) -> bool:
    """Whether a function of ours may stand for the layers: on a CPU, in f32, unwatched and not being exported.

    Somebody watches a layer who draws the network or looks for the first layer that is not finite.
    """
    return (
        embedded.device.type == "cpu"
        and embedded.dtype is torch.float32
        and embedded.numel() > 0
        and all(weight.dtype is torch.float32 for layer in layers for weight in layer.parameters())
        and not any(layer._forward_hooks or layer._forward_pre_hooks for layer in layers)
        and not torch.compiler.is_compiling()  # exporting is compiling too
        and not torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
    )
