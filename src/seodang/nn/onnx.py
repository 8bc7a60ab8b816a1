"""What every export to ONNX needs: an exporter that keeps quiet, a proof, files that belong together.

An export folder holds model.onnx, proof.json and a description in JSON that the family writes.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from importlib import metadata
from io import StringIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from seodang.core.errors import ExportError, RunError
from seodang.core.files import write_bytes, write_json
from seodang.nn.onnx_runtime import PACKAGES
from seodang.nn.onnx_runtime import need_packages as need_packages
from seodang.nn.onnx_runtime import open_session as open_session

OPSET = 18
MODEL, PROOF = "model.onnx", "proof.json"


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


def answers(session: Any, outputs: Sequence[str], inputs: Mapping[str, Any], what: str) -> list[Any]:
    """Outputs of a model for some inputs.

    Args: what: The inputs in words.
    Raises: ExportError: ONNX Runtime refuses them.
    """
    try:
        found: list[Any] = session.run(list(outputs), dict(inputs))
    except Exception as error:  # ONNX Runtime's own classes, all derived from nothing but Exception
        raise ExportError(f"ONNX Runtime refuses {what}: {str(error).strip().splitlines()[0][:200]}") from error
    return found


def proof(worst: float, allowed: float, compared: str, on: Mapping[str, Any], *, within: str = "") -> dict[str, Any]:
    """What proof.json says.

    Args:
        worst: Largest difference from PyTorch; not a number if any answer was none.
        allowed: The most that it may be.
        compared: What was compared, in words.
        on: Of which inputs.
        within: Of which inputs, in words for the message.

    Raises: ExportError: The difference is larger.
    """
    if not worst <= allowed:
        raise ExportError(
            f"ONNX Runtime differs from the trained network by {worst:.2g}{within}, at most {allowed:g} is allowed; "
            "nothing was exported."
        )
    return {
        **on,
        "largest_difference": worst,
        "allowed_difference": allowed,
        "compared": compared,
        "versions": {name: metadata.version(name) for name in ("seodang", "torch", *PACKAGES)},
    }


@contextmanager
def leaving_nothing(folder: Path) -> Iterator[None]:
    """Take an empty export folder away again when the export fails."""
    try:
        yield
    except ExportError:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
        raise


def write_export(folder: Path, model: bytes, proof: Mapping[str, Any], **told: Mapping[str, Any]) -> Path:
    """Write all files of an export, the model last, so that it never stands without what belongs to it.

    Args: told: Descriptions by the name of their file, less its ending.
    Returns: The path of the model.
    """
    for name, content in told.items():
        write_json(folder / f"{name}.json", dict(content))
    write_json(folder / PROOF, dict(proof))
    write_bytes(folder / MODEL, model)
    return folder / MODEL


def exported_model(folder: Path) -> Path:
    """The model in a run's export folder. Raises: RunError: Nothing was exported."""
    path = folder / MODEL
    if not path.is_file():
        raise RunError(f"{folder}: no exported model; write one with `seodang export {folder.parent}`.")
    return path


def told(path: Path) -> dict[str, Any]:
    """A description that was exported. Raises: RunError: It is missing or damaged."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: not readable ({error}); export the run again.") from error


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
