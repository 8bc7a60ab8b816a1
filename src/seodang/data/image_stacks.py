"""Readers of the named sets of small images of one size: from the files of a source to one array, with classes."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seodang.core.errors import DataError
from seodang.data.sources import Fetched

_UNSIGNED_BYTES = 8  # the third byte of an idx file names its type
_DIGIT_SIDE = 28


@dataclass(frozen=True)
class ImageStack:
    """Images of one size, one upon another."""

    pixels: NDArray[np.uint8]
    """(images, height, width, channels)."""
    labels: tuple[str, ...] | None
    """The class of each, where there are classes."""
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.pixels)


def read_idx_images(fetched: Fetched) -> dict[str, ImageStack]:
    """MNIST as it was published: images and labels of each part in files of their own."""
    parts = {}
    for part in ("train", "test"):
        images, labels = (fetched.paths[f"{part}-{kind}"] for kind in ("images", "labels"))
        pixels, numbers = _idx(images, 3), _idx(labels, 1)
        if len(pixels) != len(numbers):
            raise DataError(f"{images.name} holds {len(pixels):,} images, but {labels.name} {len(numbers):,} labels")
        parts[part] = ImageStack(pixels[:, :, :, None], tuple(map(str, numbers.tolist())))
    return parts


def read_digits_csv(fetched: Fetched) -> dict[str, ImageStack]:
    """A digit a row: 784 grey values and its class."""
    path = fetched.paths["all"]
    try:
        with gzip.open(path, "rt", encoding="ascii") as file:
            rows = np.loadtxt(file, dtype=np.int64, delimiter=",", ndmin=2)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise DataError(f"{path.name}: damaged ({error}); delete {path} and fetch it again") from error
    if rows.shape[1] != _DIGIT_SIDE**2 + 1 or rows.min() < 0 or rows.max() > np.iinfo(np.uint8).max:
        raise DataError(f"{path.name}: expected {_DIGIT_SIDE**2} grey values and a class a row, got {rows.shape[1]} columns")
    pixels = rows[:, :-1].astype(np.uint8).reshape(-1, _DIGIT_SIDE, _DIGIT_SIDE, 1)
    return {"all": ImageStack(pixels, tuple(map(str, rows[:, -1].tolist())))}


def stack_hash(stack: ImageStack) -> str:
    """sha256 of pixels and labels: equal for equal content, however it is packed."""
    digest = hashlib.sha256(f"{stack.pixels.shape}".encode())
    digest.update(np.ascontiguousarray(stack.pixels).tobytes())
    digest.update("\0".join(stack.labels or ()).encode())
    return digest.hexdigest()


def _idx(path: Path, dimensions: int) -> NDArray[Any]:
    """An array of bytes, as LeCun's files hold it: two zeros, type, dimensions, the length of each, the bytes."""
    try:
        with gzip.open(path) as file:
            data = file.read()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path.name}: damaged ({error}); delete {path} and fetch it again") from error
    head = 4 + 4 * dimensions
    shape = tuple(np.frombuffer(data[4:head], ">u4").tolist())
    if data[:4] != bytes((0, 0, _UNSIGNED_BYTES, dimensions)) or len(data) - head != int(np.prod(shape)):
        raise DataError(f"{path.name}: not an idx file of bytes in {dimensions} dimensions, or cut short; fetch it again")
    return np.frombuffer(data[head:], np.uint8).reshape(shape)
