"""JSON lines, and JSON files that hold a list of objects."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from seodang.core.errors import DataError
from seodang.data.decoding import open_lines
from seodang.data.records import Records, Refusal, as_text

_KINDS = {list: "a list", str: "a string", bool: "true or false", int: "a number", float: "a number", type(None): "null"}


def read_json_lines(path: Path, skip_bad_rows: bool) -> Records:
    """A file with one JSON object a line; the row number is the line's."""
    refuse = Refusal(path.name, skip_bad_rows)
    blank_lines = 0

    def objects(lines: Iterator[str]) -> Iterator[tuple[int, object]]:
        nonlocal blank_lines
        for row, line in enumerate(lines, 1):
            if line.isspace():
                blank_lines += 1
                continue
            try:
                value = json.loads(line)
            except (json.JSONDecodeError, RecursionError) as error:
                refuse(row, f"not valid JSON ({_reason(error)})", "write one object a line,")
                continue
            # Only an escape can bring in half a surrogate pair or a NUL, so few lines are looked at twice.
            if "\\u" in line and (fault := _unusable(value)):
                refuse(row, fault, "remove it")
                continue
            yield row, value

    with open_lines(path) as lines:
        records = _collect(objects(lines), refuse)
    records.blank_lines = blank_lines
    return records


def read_json(path: Path, skip_bad_rows: bool) -> Records:
    """A file with one JSON list of objects; the row number is the object's place in the list, from 1.

    A file that holds an object a line in spite of its suffix is read as JSON lines, and that is noted.
    """
    with open_lines(path) as lines:
        text = "".join(lines)
    try:
        value = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        if _is_json_lines(text):
            records = read_json_lines(path, skip_bad_rows)
            records.notes.append(f"{path.name} holds an object a line and was read as JSON lines")
            return records
        row = getattr(error, "lineno", 1)
        raise DataError(f"{path.name}, row {row}: not valid JSON ({_reason(error)}); expected a list of objects") from error
    if not isinstance(value, list):
        kind = "one object" if isinstance(value, dict) else _KINDS.get(type(value), "something else")
        raise DataError(f"{path.name}: expected a list of objects, got {kind}; write [{{...}}, {{...}}] or JSON lines")
    refuse = Refusal(path.name, skip_bad_rows)
    return _collect(_usable(enumerate(value, 1), refuse), refuse)


def _usable(numbered: Iterable[tuple[int, object]], refuse: Refusal) -> Iterator[tuple[int, object]]:
    for row, value in numbered:
        if fault := _unusable(value):
            refuse(row, fault, "remove it")
        else:
            yield row, value


def _collect(numbered: Iterable[tuple[int, object]], refuse: Refusal) -> Records:
    cells: dict[str, list[str]] = {}
    missing: dict[str, set[int]] = {}
    row_numbers: list[int] = []
    for row, value in numbered:
        if not isinstance(value, dict):
            refuse(row, f"expected a JSON object, got {_KINDS.get(type(value), 'something else')}", "write one object a row,")
            continue
        count = len(row_numbers)
        for key in [key for key in value if key not in cells]:
            cells[key] = [""] * count
            missing[key] = set(range(count))
        for key, column in cells.items():
            if key in value:
                column.append(as_text(value[key]))
            else:
                column.append("")
                missing[key].add(count)
        row_numbers.append(row)
    kept = {key: rows for key, rows in missing.items() if rows}
    return Records(tuple(cells), list(cells.values()), row_numbers, bad_rows=refuse.bad_rows, missing=kept)


def _is_json_lines(text: str) -> bool:
    first = next((line for line in text.splitlines() if line.strip()), "")
    try:
        return isinstance(json.loads(first), dict)
    except (json.JSONDecodeError, RecursionError):
        return False


def _unusable(value: object) -> str | None:
    """Why the strings in a JSON value cannot be text: half a surrogate pair, or a NUL; None when they can."""
    text = json.dumps(value, ensure_ascii=False)
    if "\\u0000" in text:
        return "holds a NUL character (\\u0000)"
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return "holds half a surrogate pair (\\ud800 to \\udfff), which is no character"
    return None


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at column {error.colno}"
    return "nested too deeply"
