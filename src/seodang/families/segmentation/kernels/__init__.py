"""The C library of this folder, where the package was installed with a C compiler at hand."""

from __future__ import annotations

import ctypes
from functools import cache

import torch

from seodang.nn.kernels import Threads, open_library


class WinogradCall(ctypes.Structure):
    """`struct winograd` of winograd.h, field by field."""

    _fields_ = (
        *((name, ctypes.c_long) for name in ("batch", "height", "width", "inputs", "outputs")),
        *((name, ctypes.c_void_p) for name in ("images", "answers", "weights")),
        *((name, ctypes.c_long) for name in ("by_output", "by_input", "by_row", "by_column")),
        ("scratch", ctypes.c_void_p),
        ("threads", Threads),
        ("own", ctypes.c_long * 2),
    )


class NormalisationCall(ctypes.Structure):
    """`struct normalisation` of normalisation.h, field by field."""

    _fields_ = (
        *((name, ctypes.c_long) for name in ("pixels", "channels")),
        *((name, ctypes.c_void_p) for name in ("images", "gradients", "answers", "weight", "bias", "mean", "inverse")),
        *((name, ctypes.c_void_p) for name in ("running_mean", "running_variance", "weight_gradient", "bias_gradient")),
        *((name, ctypes.c_float) for name in ("momentum", "epsilon")),
        ("scratch", ctypes.c_void_p),
        ("threads", Threads),
    )


def computing_in_bfloat16() -> bool:
    """Whether autocast asks a CPU for bfloat16, and operations are carried out, not recorded to be exported."""
    recorded = torch.compiler.is_compiling() or torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
    return torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") is torch.bfloat16 and not recorded


@cache
def library() -> ctypes.CDLL | None:
    """The compiled kernels, or None where the package was installed without a C compiler or the CPU lacks AVX512-BF16.

    Raises: MachineError: They were compiled from another version of the package.
    """
    kernels = open_library(__name__, {"winograd_bytes": WinogradCall, "normalisation_bytes": NormalisationCall})
    if kernels is None or not kernels.runs_here():
        return None
    for size in (kernels.winograd_scratch, kernels.weight_gradient_scratch, kernels.normalisation_scratch):
        size.restype = ctypes.c_long
    return kernels
