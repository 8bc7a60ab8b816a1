"""Images side by side, each with its name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seodang.draw.style import INK, SMALL_SIZE, Picture, font, new_figure, plain, title_above

Pixels = NDArray[Any]
"""(height, width, 3), uint8, in colour, or (height, width), in grey from its least to its greatest value."""
_WIDTH = 9.0  # inches of the page
_TALLEST = 2.6  # inches of a row
_MOST_SIDE = 512  # pixels of an image that are drawn; more cannot be seen


def panels(rows: Sequence[Sequence[tuple[str, Pixels]]], *, title: str, alt: str, names: Sequence[str] = ()) -> Picture:
    """A grid of images.

    Args:
        rows: Images with what stands above each; equally many in every row.
        title: Of the whole.
        alt: What is to be seen, for readers who cannot see it.
        names: Of the rows, to their left.
    """
    columns = max(len(row) for row in rows)
    shapes = [max(image.shape[0] / image.shape[1] for _, image in row) for row in rows]
    heights = [min(_TALLEST, _WIDTH / columns * shape) for shape in shapes]
    figure = new_figure(_WIDTH, sum(heights) + 0.35 * len(rows) + 0.5)
    grid = figure.subplots(len(rows), columns, squeeze=False, height_ratios=heights)
    for number, row in enumerate(rows):
        for place in range(columns):
            axes = grid[number, place]
            axes.set_axis_off()
            if place >= len(row):
                continue
            words, image = row[place]
            small = smaller(image)
            axes.imshow(small, cmap="gray" if small.ndim == 2 else None, interpolation="nearest")
            axes.set_title(plain(words, 40), fontproperties=font(SMALL_SIZE), color=INK, pad=3)
        if number < len(names):
            grid[number, 0].text(
                -0.04, 0.5, plain(names[number], 24), transform=grid[number, 0].transAxes, rotation=90, ha="right", va="center",
                fontproperties=font(SMALL_SIZE), color=INK,
            )  # fmt: skip
    title_above(figure, title)
    return Picture(figure, alt)


def smaller(image: Pixels) -> Pixels:
    """An image with every so many pixels left out, if it is larger than can be seen."""
    step = -(-max(image.shape[:2]) // _MOST_SIDE)
    return np.ascontiguousarray(image[::step, ::step])
