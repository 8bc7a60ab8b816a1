"""Strips: two images side by side in one file, as collections of image pairs are often kept."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seodang.core.errors import DataError
from seodang.data.images import Pixels, is_image, read_image
from seodang.data.sources import Fetched

FACADES_TO_TRAIN = 400  # the first in the order of their names, the others to test
_READING_THREADS = 4


@dataclass(frozen=True)
class ImageStrips:
    """Files that each hold two images, left and right; what the two sides are, in words."""

    strips: tuple[tuple[str, Path], ...]
    sides: tuple[str, str]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.strips)


def read_facades(fetched: Fetched) -> dict[str, ImageStrips]:
    """A folder with pairs/: photos of house fronts, and what is window, door or wall in them."""
    folder = fetched.paths["all"]
    files = sorted(path for path in (folder / "pairs").glob("*") if is_image(path))
    if len(files) <= FACADES_TO_TRAIN:
        raise DataError(f"{folder}: expected more than {FACADES_TO_TRAIN} strips in pairs/, got {len(files)}; copy it again")
    parts = {"train": files[:FACADES_TO_TRAIN], "test": files[FACADES_TO_TRAIN:]}
    sides = ("photos", "label maps")
    return {part: ImageStrips(tuple((file.stem, file) for file in some), sides) for part, some in parts.items()}


def halves(strip: Pixels, name: str) -> tuple[Pixels, Pixels]:
    """The left and the right image of a strip.

    Args:
        strip: (height, 2 * width, channels).
        name: Of its file, for the message.

    Raises: DataError: The halves would not be of one width.
    """
    height, width = strip.shape[:2]
    if width % 2:
        raise DataError(
            f"{name}: {width} x {height} pixels; expected two images of one size side by side, so an even width; its halves "
            f"would be {width // 2} and {width - width // 2} wide. Cut it anew"
        )
    left, right = np.split(strip, 2, 1)
    return np.ascontiguousarray(left), np.ascontiguousarray(right)


def strips_hash(part: ImageStrips) -> str:
    """sha256 of names and pixels: equal for equal content, however it is packed."""
    with ThreadPoolExecutor(_READING_THREADS) as pool:
        return hashlib.sha256("".join(pool.map(_strip_hash, part.strips)).encode()).hexdigest()


def _strip_hash(strip: tuple[str, Path]) -> str:
    name, file = strip
    pixels = read_image(file)
    digest = hashlib.sha256(f"{name} {pixels.shape} {pixels.dtype}".encode())
    digest.update(pixels.tobytes())
    return digest.hexdigest()
