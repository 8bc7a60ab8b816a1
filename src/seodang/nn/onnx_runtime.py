"""Sessions of ONNX Runtime, without PyTorch: what only computes an exported model starts at once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from seodang.core.errors import MissingExtraError

PACKAGES = ("onnx", "onnxscript", "onnxruntime")


def need_packages(names: Sequence[str] = PACKAGES) -> None:
    """Import what ONNX needs: to write a model all three packages, to compute one the last.

    Raises: MissingExtraError: One of the packages is not installed.
    """
    # Some builds of onnxruntime report to their maker; the variable is read when it is imported. Nothing phones home here.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    for name in names:
        try:
            import_module(name)
        except ImportError:
            raise MissingExtraError(f"ONNX needs {name}, which is not installed: pip install 'seodang[onnx]'.") from None


def open_session(model: bytes, threads: int) -> Any:
    """An `onnxruntime.InferenceSession` of a model, on the CPU with so many threads.

    Raises: MissingExtraError: ONNX Runtime is not installed.
    """
    need_packages(PACKAGES[-1:])
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # errors alone
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
