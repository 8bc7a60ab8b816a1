"""What tests of faces share: weights, which come through pip, and photos of real faces, which lie in SEODANG_MIRROR."""

from __future__ import annotations

import os
from pathlib import Path

import matplotlib
import numpy as np
import pytest

from seodang.core.errors import MachineError, MissingExtraError
from seodang.families.faces.engine import weights
from seodang.families.faces.engine.embedders import EMBEDDERS
from seodang.families.faces.engine.runtimes import as_onnx
from seodang.families.faces.engine.yunet import for_any_size
from seodang.families.faces.photos import RGB, read_photo


@pytest.fixture(scope="session")
def face_weights() -> None:
    """The weights of the default engine and of dlib's ResNet, here and as ONNX."""
    try:
        as_onnx(weights.YUNET, for_any_size)
        for embedder in EMBEDDERS.values():
            as_onnx(embedder.weights, embedder.onnx)
    except (MachineError, MissingExtraError) as error:
        pytest.skip(f"weights of faces: {error}")


@pytest.fixture(scope="session")
def portrait() -> RGB:
    """Rear Admiral Grace Hopper, in the public domain, as matplotlib ships her, in a quarter of the pixels."""
    photo = read_photo(Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg")
    return np.ascontiguousarray(photo[::2, ::2])


@pytest.fixture(scope="session")
def lfw() -> Path:
    """A folder a person, photos of 250 x 250."""
    return _mirrored("lfw/images")


@pytest.fixture(scope="session")
def group_photos() -> Path:
    """Photos of several people each, with annotated boxes."""
    return _mirrored("faces/dlib-faces")


def _mirrored(name: str) -> Path:
    folder = Path(os.environ.get("SEODANG_MIRROR", ""), name)
    if "SEODANG_MIRROR" not in os.environ or not folder.is_dir():
        pytest.skip(f"{name} is not in SEODANG_MIRROR")
    return folder
