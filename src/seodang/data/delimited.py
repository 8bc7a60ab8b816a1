"""CSV and TSV files: strict, so that a broken row is named and never swallowed."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seodang.core.errors import DataError
from seodang.data.decoding import open_lines
from seodang.data.records import Records, Refusal, listed

# csv stops at fields of 131,072 characters unless told otherwise; a C long on Windows has 31 bits.
_FIELD_LIMIT = 2**31 - 1
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}


def read_csv(path: Path, skip_bad_rows: bool) -> Records:
    """A CSV file (RFC 4180: quotes doubled inside quotes) with a header row.

    Another separator than the comma (semicolon, tab, bar) is recognised from the header and noted, not guessed from the rows.
    """
    with open_lines(path) as lines, _large_fields():
        first = next(lines, "")
        _check_not_json(path, first)
        delimiter = _delimiter_of(first)
        reader = csv.reader(_with_first(first, lines), delimiter=delimiter, strict=True)
        numbered = _numbered(path, reader)
        _, header = next(numbered, (1, []))
        records = _collect(path, header, numbered, Refusal(path.name, skip_bad_rows), delimiter)
    if delimiter != ",":
        records.notes.append(f"{path.name} is separated by {_NAMES[delimiter]}")
    return records


def read_tsv(path: Path, skip_bad_rows: bool) -> Records:
    """A TSV file with a header row: fields hold no tab and no line break, and a quote is a letter like any other.

    Some writers quote a field that holds a quote. When every field that starts with a quote is quoted throughout, the file was
    written so: the quotes are taken off and that is noted.
    """
    with open_lines(path) as lines:
        numbered = ((row, line.rstrip("\r\n").split("\t")) for row, line in enumerate(lines, 1))
        numbered = ((row, cells if cells != [""] else []) for row, cells in numbered)
        _, header = next(numbered, (1, []))
        _check_not_json(path, header[0] if header else "")
        records = _collect(path, header, numbered, Refusal(path.name, skip_bad_rows), "\t")
    _unquote(path, records)
    return records


def _unquote(path: Path, records: Records) -> None:
    suspects = [cell for column in records.cells for cell in column if cell.startswith('"')]
    if not suspects or not all(_QUOTED.fullmatch(cell) for cell in suspects):
        return
    for column in records.cells:
        for row, cell in enumerate(column):
            if cell.startswith('"'):
                column[row] = cell[1:-1].replace('""', '"')
    records.notes.append(f"{path.name}: quotes around {len(suspects):,} fields taken off")


def _collect(
    path: Path, header: list[str], numbered: Iterator[tuple[int, list[str]]], refuse: Refusal, delimiter: str
) -> Records:
    columns = _columns(path, header)
    rows: list[list[str]] = []
    row_numbers: list[int] = []
    blank_lines = 0
    for number, cells in numbered:
        if not cells:
            blank_lines += 1
        elif len(cells) != len(columns):
            refuse(number, _ragged(columns, cells, delimiter), _ragged_fix(delimiter))
        else:
            rows.append(cells)
            row_numbers.append(number)
    by_column = [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in columns]
    return Records(columns, by_column, row_numbers, blank_lines, refuse.bad_rows)


def _columns(path: Path, header: list[str]) -> tuple[str, ...]:
    columns = tuple(name.strip() for name in header)
    if not any(columns):
        raise DataError(f"{path.name}, row 1: expected a header with column names, got an empty line")
    repeated = [name for name, count in Counter(columns).items() if count > 1]
    if repeated:
        raise DataError(f"{path.name}, row 1: {len(columns)} columns, and two or more are named {repeated[0]!r}; rename one")
    return columns


def _ragged(columns: tuple[str, ...], cells: list[str], delimiter: str) -> str:
    expected = "1 column" if len(columns) == 1 else f"{len(columns)} columns"
    return f"expected {expected} ({listed(columns)}), got {len(cells)}"


def _ragged_fix(delimiter: str) -> str:
    if delimiter == "\t":
        return "remove tabs and line breaks inside texts (or save the table as .csv with quotes)"
    return f"put double quotes around texts that hold {_NAMES[delimiter]} or line breaks"


def _numbered(path: Path, reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """Each record with the line it starts on; csv counts the lines it has read, so that is one after the last record's end."""
    while True:
        start = reader.line_num + 1  # type: ignore[attr-defined]
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(f"{path.name}, row {start}: {_csv_reason(str(error))}") from error
        yield start, cells


def _csv_reason(reason: str) -> str:
    if "unexpected end of data" in reason:
        return "a double quote opens here and never closes; close it, or write quotes inside a text twice"
    if "expected after" in reason:
        return "a quoted text goes on after its closing quote; write quotes inside a text twice, or close this one"
    return f"cannot be read as CSV ({reason})"


def _delimiter_of(header: str) -> str:
    outside_quotes = _QUOTED.sub("", header)
    present = [delimiter for delimiter in (",", ";", "\t", "|") if delimiter in outside_quotes]
    return present[0] if present else ","


def _check_not_json(path: Path, first: str) -> None:
    start = first.lstrip("\ufeff \t")
    if start.startswith(('{"', "[{")) or start.rstrip() in ("[", "{"):
        raise DataError(f"{path.name} looks like JSON, not a table with a header; name it .jsonl or .json")


def _with_first(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


@contextmanager
def _large_fields() -> Iterator[None]:
    before = csv.field_size_limit(_FIELD_LIMIT)
    try:
        yield
    finally:
        csv.field_size_limit(before)
