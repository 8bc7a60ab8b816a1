"""The C library of this folder, where the package was installed with a C compiler at hand."""

from __future__ import annotations

import ctypes
from functools import cache

import torch
from torch import Tensor

from seodang.families.words.tables import Block, StepSettings, Tables
from seodang.nn.kernels import AVX512, Threads, open_library, threads


class StepCall(ctypes.Structure):
    """`struct step` of step.h, field by field."""

    _fields_ = (
        *((name, ctypes.c_long) for name in ("words", "width", "window", "shared", "cbow")),
        *((name, ctypes.c_void_p) for name in ("numbers", "begins", "ends", "negatives", "offsets", "parts")),
        *((name, ctypes.c_void_p) for name in ("inputs", "outputs", "scratch", "losses", "input_masses", "output_masses")),
        *((name, ctypes.c_double) for name in ("rate", "weight")),
        ("instructions", ctypes.c_long),
        ("threads", Threads),
        ("own", ctypes.c_void_p * 7),
    )


@cache
def library() -> ctypes.CDLL | None:
    """The compiled kernels, or None where the package was installed without a C compiler.

    Raises: MachineError: They were compiled from another version of the package.
    """
    kernels = open_library(__name__, {"step_bytes": StepCall})
    if kernels is not None:
        kernels.step_scratch.restype = ctypes.c_long
    return kernels


def instructions() -> int:
    """The best instruction set that the kernels may use."""
    return AVX512


def compiled_step(kernels: ctypes.CDLL, tables: Tables, block: Block, settings: StepSettings, rate: float) -> Tensor:
    """Learn from a block, in place; the same numbers as `torch_step` up to rounding, and the same bytes at any thread count.

    Returns: The sum of the loss over all pairs, 0-d, float64.
    """
    losses = torch.empty(len(block.negatives), dtype=torch.float64)
    masses = torch.zeros(len(tables.inputs)), torch.zeros(len(tables.outputs))
    call = StepCall(len(block.numbers), tables.inputs.shape[1], settings.window, block.negatives.shape[1], settings.cbow)
    for name, tensor in block._asdict().items():
        setattr(call, name, tensor.data_ptr())
    if tables.offsets is not None and tables.parts is not None:
        call.offsets, call.parts = tables.offsets.data_ptr(), tables.parts.data_ptr()
    call.inputs, call.outputs = tables.inputs.data_ptr(), tables.outputs.data_ptr()
    call.input_masses, call.output_masses = masses[0].data_ptr(), masses[1].data_ptr()
    call.losses, call.rate, call.weight = losses.data_ptr(), rate, settings.negatives / block.negatives.shape[1]
    call.instructions, call.threads = instructions(), threads()
    scratch = torch.empty(kernels.step_scratch(ctypes.byref(call)))
    call.scratch = scratch.data_ptr()
    kernels.run_step(ctypes.byref(call))
    return losses.sum()
