"""Where and how exactly to compute: device, precision, threads and random seeds, each chosen with a stated reason."""

from __future__ import annotations

import ctypes
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import torch
from threadpoolctl import ThreadpoolController

from seodang.core.errors import SettingsError
from seodang.core.processors import usable_threads

Precision = Literal["f32", "bf16"]
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # numbers of `mallopt`, from glibc's malloc.h
LARGEST_KEPT = 32 << 20  # bytes of one tensor: more glibc does not allow
MOST_KEPT = 512 << 20  # bytes of all
VECTOR_FUNCTIONS = (
    *("acos", "asin", "atan", "cos", "sin", "tan", "tanh", "sigmoid", "erf", "erfc", "erfinv", "lgamma"),
    *("exp", "expm1", "log", "log10", "log1p", "log2", "sqrt", "rsqrt"),
)


@dataclass(frozen=True)
class Device:
    """A place to compute, and why it was chosen."""

    type: Literal["cpu", "cuda", "mps"]
    precision: Precision
    threads: int
    reason: str

    @property
    def torch(self) -> torch.device:
        """The same in PyTorch's words."""
        return torch.device(self.type)

    @contextmanager
    def autocast(self) -> Iterator[None]:
        """Compute what gains from it in bf16; weights and sums stay in f32."""
        torch.set_flush_denormal(True)  # a flag of each thread: this one may not be the one that chose the device
        with torch.autocast(self.type, dtype=torch.bfloat16, enabled=self.precision == "bf16"):
            yield

    def exact(self) -> Device:
        """The same place in f32, for answers that must not depend on how training was sped up."""
        return replace(self, precision="f32")

    def __str__(self) -> str:
        threads = f", {self.threads} thread{'s' if self.threads != 1 else ''}" if self.type == "cpu" else ""
        return f"{self.type}, {self.precision}{threads} ({self.reason})"


def choose_device(device: str = "auto", precision: str = "auto", threads: int | None = None) -> Device:
    """Pick a device and make this process compute on it: threads set, denormal numbers flushed to zero.

    Args:
        device: "auto", "cpu", "cuda" or "mps".
        precision: "auto", "f32" or "bf16".
        threads: CPU threads; None takes what the process may use.

    Raises:
        SettingsError: The device is not there, or cannot compute in that precision.
    """
    if threads is not None and threads < 1:
        raise SettingsError(
            f"{{threads}} must be at least 1, got {threads}.", settings=("threads",), bound="at least 1", value=threads
        )
    chosen, why = _device_type(device)
    exact, why_exact = _precision(chosen, precision)
    count = threads or usable_threads()
    torch.set_flush_denormal(True)  # worker threads take it over at the next parallel operation
    torch.set_num_threads(count)
    _keep_freed_memory()
    _settle_vector_functions()
    return Device(chosen, exact, count, f"{why}; {why_exact}")


@contextmanager
def one_thread() -> Iterator[None]:
    """PyTorch and NumPy on one thread: in many small steps a second one is waited for longer than it helps."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with _linear_algebra().limit(limits=1, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(before)


@cache
def _linear_algebra() -> ThreadpoolController:
    """The libraries that NumPy multiplies matrices with; to look for them takes as long as hundreds of small steps."""
    return ThreadpoolController()


def _settle_vector_functions() -> None:
    """Call each of MKL's vector functions once on one thread, before two can make the first call together.

    They find the code for this CPU at their first call. When two threads make it at once, one of them now and then computes its
    share to five digits instead of seven, so that two equal trainings end with different bytes.
    """
    one = torch.full((1,), 0.5)
    for function in VECTOR_FUNCTIONS:
        getattr(torch, function)(one)


def _keep_freed_memory() -> None:
    """Let glibc keep what a training step frees for the next one.

    By itself it gives most of it back to the system; to fault it in again took a language model a tenth of each step.
    """
    set_option = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if set_option is not None:
        set_option(TRIM_THRESHOLD, MOST_KEPT)
        set_option(MMAP_THRESHOLD, LARGEST_KEPT)


@cache
def cpu_features() -> tuple[str, ...]:
    """The vector units of this CPU that decide speed and rounding, e.g. ("avx2", "avx512_bf16")."""
    wanted = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "bf16", "asimd", "sve")
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return ()
    flags = next((line.split(":")[1].split() for line in text.splitlines() if line.startswith(("flags", "Features"))), [])
    return tuple(flag for flag in wanted if flag in flags)


def environment(device: Device) -> dict[str, Any]:
    """What must be equal for a run to repeat byte for byte."""
    packages = ("seodang", "torch", "numpy", "scikit-learn", "safetensors")
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "packages": {name: _version(name) for name in packages},
        "device": device.type,
        "device_name": torch.cuda.get_device_name() if device.type == "cuda" else platform.processor() or platform.machine(),
        "precision": device.precision,
        "threads": device.threads,
        "cpu_features": list(cpu_features()),
        "byte_order": sys.byteorder,
        "device_reason": device.reason,
    }


def _version(package: str) -> str:
    """The installed version, read off its metadata: nothing is imported for it."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _device_type(wanted: str) -> tuple[Literal["cpu", "cuda", "mps"], str]:
    present: dict[str, bool] = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        if present["cuda"]:
            return "cuda", f"{torch.cuda.get_device_name()} found"
        return ("mps", "Apple GPU found") if present["mps"] else ("cpu", "no GPU found")
    if wanted not in present:
        raise SettingsError(f"{{device}} must be auto, cpu, cuda or mps, got {wanted!r}.", settings=("device",), value=wanted)
    if not present[wanted]:
        raise SettingsError(
            f"{{device}} {wanted} is not there: PyTorch sees no such device on this machine.", settings=("device",)
        )
    return wanted, "as asked"  # type: ignore[return-value]


def _precision(device: str, wanted: str) -> tuple[Precision, str]:
    if wanted not in ("auto", "f32", "bf16"):
        raise SettingsError(f"{{precision}} must be auto, f32 or bf16, got {wanted!r}.", settings=("precision",), value=wanted)
    if device == "cuda" and wanted == "bf16" and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise SettingsError(
            f"{{precision}} bf16 is not there: {torch.cuda.get_device_name()} lacks it.", settings=("precision",)
        )
    if wanted != "auto":
        return wanted, f"{wanted} as asked"  # type: ignore[return-value]
    if device == "cpu":
        fast = [flag for flag in cpu_features() if flag in ("amx_bf16", "avx512_bf16")]
        return ("bf16", f"the CPU has {fast[-1]}") if fast else ("f32", "the CPU has no fast bf16")
    if device == "cuda":
        has_bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
        return ("bf16", "the GPU has bf16") if has_bf16 else ("f32", "the GPU has no bf16")
    return "f32", "bf16 is not chosen by itself on MPS"
