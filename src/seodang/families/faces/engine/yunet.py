"""The first stage: where the faces are. YuNet finds them, with five landmarks each, at three resolutions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seodang.core.errors import MissingExtraError
from seodang.families.faces.engine.boxes import Faces, without_repeats

STRIDES = (8, 16, 32)
MULTIPLE = 32  # of heights and widths
OVERLAP = 0.3  # as its authors set it: what counts for the same face
SECOND_LOOK = 4  # times smaller, at what is large: for faces that fill the photo

Compute = Callable[[NDArray[np.float32]], Mapping[str, NDArray[np.float32]]]
"""An image, (1, 3, height, width), blue, green and red from 0 to 255, to the raw answers by their names."""


def find_faces(pixels: NDArray[np.uint8], compute: Compute, score: float, longest: int) -> Faces:
    """Every face in an image, the likeliest first.

    Wu, Peng & Yu 2023, "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence Research 20. Large images are
    looked at twice, the second time much smaller.

    Args:
        pixels: (height, width, 3), red, green and blue.
        compute: The network.
        score: The least that counts, from 0 to 1.
        longest: Pixels of the longest side that the network sees; it finds faces from about 16 to 500 pixels.
    """
    side = max(pixels.shape[:2])
    sides = [min(side, longest)]
    if sides[0] > longest // 2:
        sides.append(longest // SECOND_LOOK)
    looks = [_look(pixels, compute, score, wanted / side) for wanted in sides]
    found = looks[0] if len(looks) == 1 else Faces(*(np.concatenate(parts) for parts in zip(*looks, strict=True)))
    return without_repeats(found, OVERLAP)


def _look(pixels: NDArray[np.uint8], compute: Compute, score: float, scale: float) -> Faces:
    """The faces that are seen at one scale, in pixels of the image; several of them may be the same face."""
    height, width = pixels.shape[:2]
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        pixels = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0))
    padded = _padded(pixels)
    answers = compute(padded)
    parts = [_decoded(answers, stride, padded.shape[3] // stride, score) for stride in STRIDES]
    boxes, landmarks, scores = (np.concatenate(some) for some in zip(*parts, strict=True))
    back = np.array([width / pixels.shape[1], height / pixels.shape[0]], np.float32)
    return Faces(boxes * np.tile(back, 2), landmarks * back, scores)


def _padded(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """As the network wants it: blue, green, red, and black up to the next multiple at the right and below."""
    height, width = pixels.shape[:2]
    padded = np.zeros((1, 3, -(-height // MULTIPLE) * MULTIPLE, -(-width // MULTIPLE) * MULTIPLE), np.float32)
    padded[0, :, :height, :width] = pixels[:, :, ::-1].transpose(2, 0, 1)
    return padded


def _decoded(answers: Mapping[str, NDArray[np.float32]], stride: int, columns: int, score: float) -> Faces:
    """The faces of one resolution: each cell tells how likely it sees one, and where its box and landmarks lie around it."""
    likely, there = (np.clip(answers[f"{name}_{stride}"].reshape(-1), 0, 1) for name in ("cls", "obj"))
    scores = np.sqrt(likely * there)
    (kept,) = np.nonzero(scores >= score)
    corners = np.stack([kept % columns, kept // columns], 1).astype(np.float32)
    boxes = answers[f"bbox_{stride}"].reshape(-1, 4)[kept]
    centres, sizes = (corners + boxes[:, :2]) * stride, np.exp(boxes[:, 2:]) * stride
    points = answers[f"kps_{stride}"].reshape(-1, 5, 2)[kept]
    return Faces(
        np.concatenate([centres - sizes / 2, centres + sizes / 2], 1), (points + corners[:, None]) * stride, scores[kept]
    )


def for_any_size(path: Path) -> bytes:
    """The network for images of any size: its file says 640 x 640, and nothing in it but that demands so.

    Raises: MissingExtraError: The package onnx is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise MissingExtraError("Faces need onnx, which is not installed: pip install 'seodang[faces]'.") from error
    model = onnx.load(path, load_external_data=False)
    sides = model.graph.input[0].type.tensor_type.shape.dim
    sides[2].dim_param, sides[3].dim_param = "height", "width"
    for output in model.graph.output:
        output.type.tensor_type.shape.dim[1].dim_param = f"cells_{output.name}"
    del model.graph.value_info[:]  # sizes in between, which hold for 640 x 640 alone
    found: bytes = model.SerializeToString()
    return found


OUTPUTS = tuple(f"{name}_{stride}" for name in ("cls", "obj", "bbox", "kps") for stride in STRIDES)
"""In the order of the file."""
