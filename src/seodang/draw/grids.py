"""Many small images in one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seodang.core.errors import DataError, ShapeError

WHITE = 255


def grid(images: Sequence[NDArray[np.uint8]], columns: int, gap: int = 2) -> NDArray[np.uint8]:
    """Images of equal size in rows and columns, white between them and where the last row ends early.

    Args:
        images: One at least, all of one shape: (height, width) in grey or (height, width, channels).
        columns: Images of a row; a last row may have fewer, and the grid is no wider than its images.
        gap: Pixels between two images.

    Returns: (height, width) or (height, width, channels), as the images.
    Raises:
        DataError: There is no image.
        ShapeError: The images are of different shapes.
    """
    if not images:
        raise DataError("A grid needs one image at least, got none.")
    shape = images[0].shape
    other = next((image.shape for image in images if image.shape != shape), None)
    if other is not None:
        raise ShapeError(f"All images of a grid have one shape, got {shape} and {other}.")
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    height, width = shape[0] + gap, shape[1] + gap
    whole = np.full((rows * height - gap, columns * width - gap, *shape[2:]), WHITE, np.uint8)
    for number, image in enumerate(images):
        row, column = divmod(number, columns)
        whole[row * height : row * height + shape[0], column * width : column * width + shape[1]] = image
    return whole
