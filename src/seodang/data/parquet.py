"""Parquet files, through pyarrow, which the extra `seodang[parquet]` brings."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from seodang.core.errors import DataError, MissingExtraError
from seodang.data.decoding import open_bytes
from seodang.data.records import Records, as_text


def read_parquet(path: Path, skip_bad_rows: bool) -> Records:
    """A Parquet file; the row number is the record's, from 1. A Parquet row cannot be ragged, so no row is skipped here."""
    table = _load(path)
    if len(set(table.column_names)) < len(table.column_names):
        raise DataError(f"{path.name}: two columns have the same name; rename one")
    cells = [_texts(path, name, table.column(name)) for name in table.column_names]
    return Records(tuple(table.column_names), cells, list(range(1, table.num_rows + 1)))


def _load(path: Path) -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtraError(f"{path.name} needs pyarrow: pip install 'seodang[parquet]'") from error
    with open_bytes(path) as stream:
        content = stream.read()
    try:
        return pyarrow.parquet.read_table(io.BytesIO(content))
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0][:120]
        raise DataError(f"{path.name} is not a readable Parquet file ({reason}); write it again") from error


def _texts(path: Path, name: str, column: Any) -> list[str]:
    values = column.to_pylist()
    for row, value in enumerate(values, 1):
        if isinstance(value, bytes):
            raise DataError(f"{path.name}, row {row}: column {name!r} holds bytes, not text; store it as a string column")
    return [as_text(value) for value in values]
