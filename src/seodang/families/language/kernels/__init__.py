"""The C library of this folder, where the package was installed with a C compiler at hand."""

from __future__ import annotations

import ctypes
from functools import cache

import torch

from seodang.nn.kernels import AVX512, BFLOAT16, Threads, open_library


class LstmCall(ctypes.Structure):
    """`struct lstm` of lstm.h, field by field."""

    _fields_ = (
        *((name, ctypes.c_long) for name in ("length", "batch", "hidden")),
        *(
            (name, ctypes.c_void_p)
            for name in ("entering", "tokens", "weight", "packed", "states", "cells", "gates", "gradients")
        ),
        *((name, ctypes.c_long) for name in ("step_stride", "row_stride")),
        *((name, ctypes.c_void_p) for name in ("carried", "by_gates", "by_rows", "by_weight", "packed_gates", "packed_states")),
        ("instructions", ctypes.c_long),
        ("threads", Threads),
        ("own", ctypes.c_long * 3),
    )


@cache
def library() -> ctypes.CDLL | None:
    """The compiled kernels, or None where the package was installed without a C compiler.

    Raises: MachineError: They were compiled from another version of the package.
    """
    kernels = open_library(__name__, {"lstm_bytes": LstmCall})
    if kernels is not None:
        kernels.multiplies_bfloat16.restype = ctypes.c_long
    return kernels


def instructions(dtype: torch.dtype) -> int:
    """The best instruction set that the kernels may use for numbers of a type."""
    return BFLOAT16 if dtype is torch.bfloat16 else AVX512
