"""What the tests of faces share: weights where they can be had, and a real photo."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
import pytest

from seodang.core.errors import MachineError
from seodang.families.faces.engine import weights
from seodang.families.faces.photos import RGB, read_photo


@pytest.fixture(scope="session")
def face_weights() -> None:
    """The weights of the detector and of the default embedder, or a skip."""
    pytest.importorskip("onnx")
    try:
        for one in (weights.YUNET, weights.SFACE):
            weights.fetch(one)
    except MachineError as error:
        pytest.skip(f"weights cannot be fetched: {error}")


@pytest.fixture(scope="session")
def portrait() -> RGB:
    """Rear Admiral Grace Hopper, in the public domain, as matplotlib ships her, in a quarter of the pixels."""
    photo = read_photo(Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg")
    return np.ascontiguousarray(photo[::2, ::2])
