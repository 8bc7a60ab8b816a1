"""The networks that turn chips into embeddings: weights, the chips they want, how they become ONNX."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seodang.families.faces.engine import weights
from seodang.families.faces.engine.boxes import Floats
from seodang.families.faces.engine.weights import Weights

if TYPE_CHECKING:
    from torch import nn

EMBEDDING_DIM = 128


@dataclass(frozen=True)
class Embedder:
    """One of the networks."""

    weights: Weights
    side: int
    """Of a chip, in pixels."""
    places: Floats
    """(5, 2): where both eyes, the tip of the nose and both corners of the mouth belong in a chip."""
    module: Callable[[Path], nn.Module]
    """The network in PyTorch, with the weights of a file."""

    def onnx(self, path: Path) -> bytes:
        """The network as ONNX, for any number of chips."""
        import torch

        from seodang.nn.onnx import exported

        example = torch.zeros(2, 3, self.side, self.side)
        return exported(self.module(path), [example], {"chips": {0: torch.export.Dim("batch")}}, ["embeddings"])


def _sface(path: Path) -> nn.Module:
    from seodang.families.faces.engine.onnx_file import read_tensors
    from seodang.families.faces.engine.sface import carried_over

    return carried_over(read_tensors(path))


def _resnet(path: Path) -> nn.Module:
    from seodang.families.faces.engine.dlib_file import read_layers
    from seodang.families.faces.engine.resnet import carried_over

    return carried_over(read_layers(path))


def _places(*points: tuple[float, float]) -> Floats:
    return np.array(points, np.float32)


EMBEDDERS = {
    # Places after Deng et al. 2019, "ArcFace", arXiv:1801.07698, as SFace was trained with.
    "sface": Embedder(
        weights.SFACE,
        112,
        _places((38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)),
        _sface,
    ),
    # Where YuNet's landmarks lie in dlib's own chips: means over 298 LFW photos, made the same left and right.
    "resnet": Embedder(
        weights.RESNET, 150, _places((47.0, 45.3), (103.0, 45.3), (75.0, 77.5), (51.0, 101.9), (99.0, 101.9)), _resnet
    ),
}
