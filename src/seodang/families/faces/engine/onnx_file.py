"""Weights out of an ONNX file."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from seodang.core.errors import MissingExtraError


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All weights of an ONNX file by their names.

    Raises: MissingExtraError: The package onnx is not installed.
    """
    try:
        import onnx
        from onnx import numpy_helper
    except ImportError as error:
        raise MissingExtraError("Faces need onnx, which is not installed: pip install 'seodang[faces]'.") from error
    model = onnx.load(path, load_external_data=False)
    return {one.name: torch.from_numpy(numpy_helper.to_array(one).copy()) for one in model.graph.initializer}
