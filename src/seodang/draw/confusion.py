"""The confusion matrix, readable from two classes to about fifty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from numpy.typing import ArrayLike, NDArray

from seodang.core.errors import ShapeError
from seodang.draw.style import BLUE, INK, LINE, Picture, font, new_figure, plain, style_axes, title_above, width_in_columns
from seodang.draw.table import Cell, Table

_BLUES = LinearSegmentedColormap.from_list("seodang-blues", ["#FFFFFF", "#CFE3F1", "#6FADD6", BLUE, "#003F66"])
_FEW_CLASSES = 12  # up to here every cell of a confusion matrix is written, and names lean instead of standing upright


def confusion_matrix(counts: ArrayLike, labels: Sequence[str], *, title: str = "Confusion matrix") -> Picture:
    """How often each true class was taken for each class: the count, and its share of the row by number and shade.

    Args:
        counts: (true classes, predicted classes), whole numbers.
        labels: The name of each class.
        title: What was classified.

    Raises:
        ShapeError: `counts` is not square, or there are more or fewer labels than rows.
    """
    matrix = np.asarray(counts)
    size = len(labels)
    if matrix.shape != (size, size):
        raise ShapeError(f"{title}: counts of shape ({size}, {size}) expected for {size} labels, got {matrix.shape}.")
    totals = matrix.sum(axis=1, keepdims=True)
    shares = np.divide(matrix, totals, out=np.zeros(matrix.shape), where=totals > 0)
    cell = float(np.interp(size, [2, 6, 12, 50], [1.15, 0.8, 0.56, 0.4]))
    names = [plain(label, 26) for label in labels]
    margin = 1.2 + 0.075 * max(map(width_in_columns, names))
    figure = new_figure(max(cell * size + margin, 4.8), cell * size + margin)
    axes = figure.subplots()
    title_above(figure, title)
    style_axes(axes, x_label="predicted", y_label="true", grid="none")
    axes.imshow(shares, cmap=_BLUES, vmin=0, vmax=1, aspect="equal", interpolation="nearest")
    _draw_cell_lines(axes, size)
    _draw_cells(axes, matrix, shares, cell)
    steep = max(map(width_in_columns, names)) * 0.075 > cell * 0.95
    if steep and size <= _FEW_CLASSES:
        axes.set_xticks(range(size), names, rotation=40, horizontalalignment="right", rotation_mode="anchor")
    else:
        axes.set_xticks(range(size), names, rotation=90 if steep else 0)
    axes.set_yticks(range(size), names)
    right = float(np.trace(matrix)) / max(float(matrix.sum()), 1.0)
    alt = f"{title}: {size} classes, {right:.1%} of {int(matrix.sum()):,} on the diagonal."
    rows: list[list[Cell]] = [[str(label), *(int(count) for count in row)] for label, row in zip(labels, matrix, strict=True)]
    return Picture(figure, alt, Table(["true \\ predicted", *map(str, labels)], rows, title))


def _draw_cell_lines(axes: Axes, size: int) -> None:
    edges = np.arange(size + 1) - 0.5
    axes.vlines(edges, -0.5, size - 0.5, color=LINE, linewidth=0.6)
    axes.hlines(edges, -0.5, size - 0.5, color=LINE, linewidth=0.6)
    axes.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5))


def _draw_cells(axes: Axes, matrix: NDArray[np.int64], shares: NDArray[np.float64], cell: float) -> None:
    """Count above, share of the row below; with many classes nothing in empty cells, so that the full ones stand out."""
    letters, below = font(min(11.0, 15.5 * cell)), font(min(8.5, 12.5 * cell))
    gap = 0.12 if cell > 0.7 else 0.16
    # Cells lie within the axes; asking all of them for their size made the layout of 50 classes take most of a minute.
    shared: dict[str, Any] = {"ha": "center", "va": "center", "in_layout": False}
    if len(matrix) <= _FEW_CLASSES:
        for row, column in zip(*np.nonzero(matrix == 0), strict=True):
            axes.text(column, row, "0", fontproperties=letters, color="#9AA4B0", **shared)
    for row, column in zip(*np.nonzero(matrix), strict=True):
        share = float(shares[row, column])
        colour = "white" if share > 0.55 else INK
        count = f"{matrix[row, column]:,}" if cell > 0.7 else _short_count(int(matrix[row, column]))
        axes.text(column, row - gap, count, fontproperties=letters, color=colour, **shared)
        axes.text(column, row + 1.4 * gap, _per_cent(share), fontproperties=below, color=colour, alpha=0.85, **shared)


def _per_cent(share: float) -> str:
    """A share without the lie that 99.7 % is all, or that 0.3 % is nothing."""
    if 0 < share < 0.005:
        return "<1%"
    return ">99%" if 0.995 <= share < 1 else f"{share:.0%}"


def _short_count(count: int) -> str:
    if count < 10_000:
        return str(count)
    return f"{count / 1000:.0f}k" if count < 1_000_000 else f"{count / 1e6:.1f}M"
