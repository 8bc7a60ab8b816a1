"""What the C libraries of the families share: how one is opened, its threads, and the instruction sets it may use."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import torch

from seodang.core.errors import MachineError

BASE, AVX2, AVX512, BFLOAT16 = range(4)  # instruction sets, as in foundation.h


class Threads(ctypes.Structure):
    """`struct threads` of threads.h."""

    _fields_ = (("count", ctypes.c_long), ("parallel", ctypes.c_void_p))


def open_library(package: str, sizes: Mapping[str, type[ctypes.Structure]]) -> ctypes.CDLL | None:
    """A family's compiled kernels, or None where the package was installed without a C compiler.

    Args:
        package: The folder that holds them, as a module's name.
        sizes: The structures that calls hand over, by the constant in the library that says how many bytes it expects.

    Raises: MachineError: They were compiled from another version of the package.
    """
    found = find_spec(f"{package}._library")
    if found is None or found.origin is None:
        return None
    kernels = ctypes.CDLL(found.origin)
    for name, call in sizes.items():
        if ctypes.c_long.in_dll(kernels, name).value != ctypes.sizeof(call):
            raise MachineError(f"{found.origin} was compiled from another version of seodang; install the package again.")
    return kernels


def threads() -> Threads:
    """As many threads as PyTorch computes with, out of its own pool where that can be reached."""
    return Threads(torch.get_num_threads(), _openmp())


@cache
def _openmp() -> int | None:
    """Address of GOMP_parallel in the OpenMP that PyTorch runs on."""
    try:
        torch_library = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"))
        return ctypes.cast(torch_library.GOMP_parallel, ctypes.c_void_p).value
    except (OSError, AttributeError):  # another system, or a build without OpenMP
        return None
