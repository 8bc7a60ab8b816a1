"""Photos as the first stage wants them: files and folders, read the right way up, in red, green and blue of 8 bits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seodang.core.errors import DataError
from seodang.data.images import Pixels, is_image, read_image, with_channels
from seodang.data.tables import check_exists

RGB = NDArray[np.uint8]
"""(height, width, 3)."""


def find_photos(sources: Sequence[str]) -> list[Path]:
    """The photos among files and folders, those of a folder with all folders in it, in the order of their names.

    Raises: DataError: A file or folder is not there, or a folder holds no photo.
    """
    found: list[Path] = []
    for source in map(Path, sources):
        check_exists(source)
        inside = (
            [source] if source.is_file() else sorted(path for path in source.rglob("*") if path.is_file() and is_image(path))
        )
        if not inside:
            raise DataError(f"{source}: there is no photo in this folder (PNG, JPEG, TIFF, WebP, BMP, GIF).")
        found += inside
    return found


def _is_photo(path: Path) -> bool:
    return is_image(path) and path.is_file()


def read_photo(path: Path) -> RGB:
    """The pixels of a photo.

    Raises: DataError: It is no image, damaged, too large, or of floating-point numbers. MachineError: It cannot be opened.
    """
    return as_photo(read_image(path), path.name)


def as_photo(pixels: Pixels, name: str) -> RGB:
    """Pixels of any kind as a photo: 16 bits become 8, grey becomes colour, transparency is left out.

    Raises: DataError: They are of floating-point numbers, or of another number of channels.
    """
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if pixels.dtype == np.uint16:
        pixels = (pixels >> 8).astype(np.uint8)
    if pixels.dtype != np.uint8:
        raise DataError(f"{name}: pixels of 8 or 16 bits are expected, got {pixels.dtype}; save it as PNG or JPEG")
    try:
        return np.ascontiguousarray(with_channels(pixels, 3))
    except DataError as error:
        raise DataError(f"{name}: {error}") from error
