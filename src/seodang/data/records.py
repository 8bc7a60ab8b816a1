"""What every reader of a file returns, and how it refuses a row."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import NamedTuple

from seodang.core.errors import DataError


class BadRow(NamedTuple):
    """A row that cannot be read: its number in the file, what is wrong, and how to mend it."""

    row: int
    what: str
    fix: str


@dataclass
class Records:
    """The content of one file, column by column, as text.

    `row_numbers` holds, for each row, the number that an editor shows (line of the row's start) or, for formats without
    lines, the record's number from 1. `missing` names, for each column, the rows (from 0) that do not have it at all.
    """

    columns: tuple[str, ...]
    cells: list[list[str]]
    row_numbers: list[int]
    blank_lines: int = 0
    bad_rows: list[BadRow] = field(default_factory=list)
    missing: dict[str, set[int]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass
class Refusal:
    """Raises at the first bad row, or collects them all when bad rows are to be skipped."""

    name: str
    skip: bool
    bad_rows: list[BadRow] = field(default_factory=list)

    def __call__(self, row: int, what: str, fix: str) -> None:
        if not self.skip:
            raise DataError(f"{self.name}, row {row}: {what}; {fix} or pass --skip-bad-rows")
        self.bad_rows.append(BadRow(row, what, fix))


def as_text(value: object) -> str:
    """A JSON or Parquet value as the text a user would write: 1 and 1.0 are "1", null and not-a-number are "" (empty)."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _number_text(value)
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def _number_text(value: float) -> str:
    if math.isnan(value):
        return ""
    return str(int(value)) if value.is_integer() else repr(value)


def counted(number: int, noun: str) -> str:
    """ "1 row", "2,500 rows"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def listed(items: list[str] | tuple[str, ...], limit: int = 12, width: int = 40) -> str:
    """Names as a readable list, shortened where there are many or they are long."""
    shown = [item if len(item) <= width else item[: width - 3] + "..." for item in items[:limit]]
    rest = len(items) - len(shown)
    return ", ".join(shown) + (f" and {rest:,} more" if rest else "")
