"""The C library of this folder, where the package was installed with a C compiler at hand."""

from __future__ import annotations

import ctypes
from functools import cache

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


@cache
def library() -> ctypes.CDLL | None:
    """The compiled kernels, or None where the package was installed without a C compiler or the CPU lacks AVX512-BF16.

    Raises: MachineError: They were compiled from another version of the package.
    """
    kernels = open_library(__name__, {"winograd_bytes": WinogradCall})
    if kernels is None or not kernels.runs_here():
        return None
    kernels.winograd_scratch.restype = kernels.weight_gradient_scratch.restype = ctypes.c_long
    return kernels
