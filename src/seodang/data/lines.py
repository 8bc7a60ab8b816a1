"""Files with one input a line."""

from __future__ import annotations

from pathlib import Path

from seodang.core.errors import DataError
from seodang.data.tables import check_exists


def read_lines(source: Path, what: str) -> list[tuple[str, str]]:
    """Every line, without the space around it, with its place for messages.

    Args:
        source: The file.
        what: What a line holds, e.g. "seed".

    Returns: Pairs of "file, line 3" and the line.
    Raises:  DataError: The file is not there, is no text, or a line is empty.
    """
    check_exists(source)
    if not source.is_file():
        raise DataError(f"{source}: expected a file with one {what} a line, got a folder.")
    try:
        lines = source.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{source}: expected a text with one {what} a line, got no text.") from error
    found = [(f"{source.name}, line {number}", line.strip()) for number, line in enumerate(lines, start=1)]
    empty = next((where for where, line in found if not line), None)
    if empty is not None:
        raise DataError(f"{empty}: there is no {what} in it; write one, or remove the line.")
    return found
