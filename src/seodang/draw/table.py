"""A table of cells: what a report shows, and the numbers behind a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from seodang.core.errors import ShapeError

Cell = str | int | float | None


@dataclass(frozen=True)
class Table:
    """Headers, rows of as many cells, and a caption.

    Raises:
        ShapeError: A row has more or fewer cells than there are headers.
    """

    headers: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""

    def __post_init__(self) -> None:
        for number, row in enumerate(self.rows, start=1):
            if len(row) != len(self.headers):
                expected = f"{len(self.headers)} cells expected, one for each header"
                raise ShapeError(f"Table {self.caption!r}, row {number}: {expected}, got {len(row)}.")


def format_cell(cell: Cell) -> str:
    """A cell as readers write it: 12,345 for whole numbers, four significant digits for others, a dash for nothing."""
    if cell is None:
        return "–"
    if isinstance(cell, (str, bool)):
        return str(cell)
    if isinstance(cell, int):
        return f"{cell:,}"
    if math.isnan(cell):
        return "–"
    return f"{cell:,.0f}" if 10_000 <= abs(cell) < math.inf else f"{cell:.4g}"
