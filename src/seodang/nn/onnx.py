"""What every export to ONNX needs: the packages of the extra, a session of ONNX Runtime, and an exporter that keeps quiet."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from io import StringIO
from typing import Any

from seodang.core.errors import MissingExtraError

PACKAGES = ("onnx", "onnxscript", "onnxruntime")


def need_packages() -> None:
    """Import what ONNX needs.

    Raises: MissingExtraError: One of the packages is not installed.
    """
    # Some builds of onnxruntime report to their maker; the variable is read when it is imported. Nothing phones home here.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    for name in PACKAGES:
        try:
            import_module(name)
        except ImportError:
            raise MissingExtraError(f"ONNX needs {name}, which is not installed: pip install 'seodang[onnx]'.") from None


def open_session(model: bytes, threads: int) -> Any:
    """An `onnxruntime.InferenceSession` of a model, on the CPU with so many threads.

    Raises: MissingExtraError: ONNX Runtime is not installed.
    """
    need_packages()
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # errors alone
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


@contextmanager
def quiet_exporter() -> Iterator[None]:
    """Keep the exporter's progress, warnings and log lines from the user."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
