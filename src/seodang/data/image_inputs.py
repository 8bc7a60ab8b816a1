"""Images to be predicted: found in files and folders, and read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seodang.core.errors import DataError
from seodang.core.values import Image
from seodang.data.images import Pixels, is_image, read_image
from seodang.data.tables import check_exists


def image_inputs(source: Path) -> list[Image]:
    """One image, or all images of a folder and of the folders in it. Raises: DataError: There is no such file or folder."""
    check_exists(source)
    if source.is_file():
        return [Image(source)]
    return [Image(path) for path in sorted(source.rglob("*")) if path.is_file() and is_image(path)]


def image_pixels(image: Image) -> Pixels:
    """The pixels of an input, (height, width, channels). Raises: DataError: The file cannot be read."""
    if isinstance(image.source, np.ndarray):
        return image.source[:, :, None] if image.source.ndim == 2 else image.source
    path = Path(image.source)
    if path.is_dir():
        raise DataError(f"{path} is a folder; name the images in it")
    if not path.is_file():
        raise DataError(f"there is no file {path}")
    return read_image(path)
