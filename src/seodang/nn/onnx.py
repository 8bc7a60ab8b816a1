"""What every export to ONNX needs: the packages of the extra, a session of ONNX Runtime, and an exporter that keeps quiet."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from io import StringIO
from typing import Any

import torch
from torch import Tensor, nn

from seodang.core.errors import ExportError, MissingExtraError

PACKAGES = ("onnx", "onnxscript", "onnxruntime")
OPSET = 18


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


def exported(
    module: nn.Module, examples: Sequence[Tensor], shapes: Mapping[str, Mapping[int, Any]], outputs: Sequence[str]
) -> bytes:
    """A serialized ONNX model.

    Args:
        module: What is exported, in evaluation mode.
        examples: Its inputs, in order.
        shapes: By the name of each input, in the same order, which of its axes may have other lengths (`torch.export.Dim`).
        outputs: Their names.

    Raises: ExportError: The exporter refuses the module.
    """
    with _quiet_exporter():
        try:
            program = torch.onnx.export(
                module.eval(),
                tuple(examples),
                dynamo=True,
                dynamic_shapes={name: dict(axes) for name, axes in shapes.items()},
                input_names=list(shapes),
                output_names=list(outputs),
                opset_version=OPSET,
                verbose=False,
            )
        except Exception as error:  # the exporter raises what it likes
            reason = str(error).strip().splitlines()[0][:200]
            raise ExportError(f"This network cannot be written as ONNX: {type(error).__name__}: {reason}") from error
        assert program is not None
        model: bytes = program.model_proto.SerializeToString()
        return model


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
def _quiet_exporter() -> Iterator[None]:
    """Keep the exporter's progress, warnings and log lines from the user."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
