"""A table of texts from the user's own file, and the two columns of it that matter: text and label."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from seodang.core.errors import DataError, MachineError
from seodang.core.files import sha256
from seodang.data.decoding import COMPRESSIONS, split_suffix
from seodang.data.delimited import read_csv, read_tsv
from seodang.data.folders import ClassFolder, part_folders, read_class_folder
from seodang.data.json_records import read_json, read_json_lines
from seodang.data.parquet import read_parquet
from seodang.data.records import BadRow, Records, counted, listed

TEXT_COLUMNS = ("text", "review", "document", "sentence")
LABEL_COLUMNS = ("label", "category", "class", "sentiment")
READERS: dict[str, Callable[[Path, bool], Records]] = {
    ".csv": read_csv,
    ".tsv": read_tsv,
    ".tab": read_tsv,
    ".txt": read_tsv,
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
    ".json": read_json,
    ".parquet": read_parquet,
}
_ROWS_NAMED = 5


@dataclass(frozen=True)
class Table:
    """A table as it stands in a file: every cell is text, and every row knows its number in the file.

    `rows` is column-wise: `rows[k][i]` is column k of row i. `files` names each row's own file when the table is a folder.
    """

    path: Path
    columns: tuple[str, ...]
    rows: tuple[list[str], ...]
    row_numbers: list[int]
    checksum: str
    blank_lines: int = 0
    skipped: tuple[BadRow, ...] = ()
    notes: tuple[str, ...] = ()
    missing: Mapping[str, set[int]] = field(default_factory=dict)
    files: list[str] | None = None

    def __len__(self) -> int:
        return len(self.row_numbers)

    def column(self, name: str) -> list[str]:
        """The cells of one column."""
        return self.rows[self.columns.index(name)]

    def where(self, index: int) -> str:
        """Where row `index` stands, as the user finds it: "reviews.csv, row 812" or "aclImdb/train/pos/0_9.txt"."""
        return self.files[index] if self.files else f"{self.path.name}, row {self.row_numbers[index]}"


@dataclass(frozen=True)
class PlainTexts:
    """Texts without labels, and where each stands."""

    texts: list[str]
    row_numbers: list[int]
    source: str
    checksum: str = ""
    skipped: int = 0
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True)
class LabelledTexts:
    """Texts with a label each, perhaps with a group each (rows of a group must stay on one side of a split).

    `extra` holds the table's other columns, row for row; `skipped` counts the rows left out because they were bad.
    """

    texts: list[str]
    labels: list[str]
    groups: list[str] | None
    row_numbers: list[int]
    source: str
    checksum: str = ""
    skipped: int = 0
    extra: Mapping[str, list[str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    text_column: str = "text"
    label_column: str = "label"
    files: list[str] | None = None

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels that occur, sorted."""
        return tuple(sorted(set(self.labels)))

    def where(self, index: int) -> str:
        """Where row `index` stands: "reviews.csv, row 812", or the row's own file when the source is a folder."""
        return self.files[index] if self.files else f"{self.source}, row {self.row_numbers[index]}"


def read_table(path: str | Path, skip_bad_rows: bool = False) -> Table:
    """Read a CSV, TSV, JSON lines, JSON or Parquet file, each also .gz, .xz or .bz2, or a folder with a sub-folder a class.

    Args:
        path: The file or folder. A .txt file is read as TSV (NSMC is kept so).
        skip_bad_rows: Leave out rows that cannot be read and list them in `Table.skipped`, instead of stopping at the first.

    Raises:
        DataError: The file is missing, empty, damaged, not UTF-8, or a row in it is broken; names file and row.
        MachineError: The file cannot be opened.
        MissingExtraError: A Parquet file, and pyarrow is not installed.
    """
    path = Path(path)
    check_exists(path)
    try:
        if path.is_dir():
            return _read_folder(path)
        return _read_file(path, skip_bad_rows)
    except PermissionError as error:
        raise MachineError(f"{path} cannot be read: permission denied; change its rights or copy it") from error


def read_parts(path: str | Path, skip_bad_rows: bool = False) -> dict[str, Table]:
    """Read a source that may come in parts: {"all": table}, or {"train": ..., "test": ...} for a folder such as aclImdb."""
    path = Path(path)
    check_exists(path)
    parts = part_folders(path) if path.is_dir() else {}
    return {name: read_table(folder) for name, folder in parts.items()} or {"all": read_table(path, skip_bad_rows)}


def check_exists(path: Path) -> None:
    """Refuse a missing file, with a name beside it that is nearly the same where there is one."""
    if path.exists():
        return
    beside = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
    close = difflib.get_close_matches(path.name, beside, n=1)
    hint = f"Did you mean {str(path.parent / close[0])!r}?" if close else f"Looked in {path.parent.resolve()}."
    raise DataError(f"{path}: no such file or folder. {hint}")


def _read_file(path: Path, skip_bad_rows: bool) -> Table:
    reader = READERS.get(split_suffix(path)[0])
    if reader is None:
        raise DataError(
            f"{path.name}: expected a file named {listed(list(READERS), limit=20)} (each also {', '.join(COMPRESSIONS)}) "
            "or a folder with one sub-folder a class; give the file the suffix of what it holds"
        )
    records = reader(path, skip_bad_rows)
    if not records.row_numbers and not records.bad_rows:
        raise DataError(f"{path.name} holds no rows: expected a header and at least one row, got {_only(records)}")
    return Table(
        path,
        records.columns,
        tuple(records.cells),
        records.row_numbers,
        sha256(path),
        records.blank_lines,
        tuple(records.bad_rows),
        tuple(records.notes),
        records.missing,
    )


def _only(records: Records) -> str:
    return f"only the header ({listed(records.columns)})" if records.columns else "nothing"


def _read_folder(path: Path) -> Table:
    parts = part_folders(path)
    if parts:
        raise DataError(f"{path} holds the parts {listed(list(parts))}; name one of them, for example {parts['train']}")
    content: ClassFolder = read_class_folder(path)
    return Table(
        path,
        ("text", "label", "file"),
        (content.texts, content.labels, content.names),
        list(range(1, len(content.texts) + 1)),
        content.checksum,
        notes=content.notes,
        files=content.files,
    )


def find_column(table: Table, flag: str, wanted: str | None, usual: Sequence[str]) -> str:
    """The column that a flag names, or the only one with a usual name.

    Args:
        table: Where to look.
        flag: The flag that names the column, without dashes ("text-column"); stands in the error.
        wanted: What the user gave, or None.
        usual: Names that are taken without being asked for, in any case of letters.

    Raises:
        DataError: No such column, or more than one with a usual name; lists the columns.
    """
    if wanted is not None:
        return _named_column(table, flag, wanted)
    found = [name for name in table.columns if name.casefold() in usual]
    if len(found) == 1:
        return found[0]
    if found:
        raise DataError(
            f"{table.path.name}: columns {listed(found)} could each be the {_kind(flag)}; choose one with --{flag} {found[0]}"
        )
    raise DataError(
        f"{table.path.name}: no column is named {_either(usual)}; name the {_kind(flag)} column with --{flag}. "
        f"Columns: {listed(table.columns)}{_header_hint(table)}"
    )


def _named_column(table: Table, flag: str, wanted: str) -> str:
    if wanted in table.columns:
        return wanted
    same = [name for name in table.columns if name.casefold() == wanted.casefold()]
    if len(same) == 1:
        return same[0]
    raise DataError(
        f"{table.path.name}: --{flag} {wanted}: no such column. Columns: {listed(table.columns)}{_header_hint(table)}"
    )


def _kind(flag: str) -> str:
    return flag.removesuffix("-column").removesuffix("-by")


def _either(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"


def _header_hint(table: Table) -> str:
    if len(table.columns) == 1 and any(mark in table.columns[0] for mark in ",;|"):
        return " (is the file separated by something else than its suffix says?)"
    if any(len(name) > 40 or name.count(" ") > 3 for name in table.columns):
        return " (does the file lack a header row with column names?)"
    return ""


def labelled_texts(
    table: Table,
    text_column: str | None = None,
    label_column: str | None = None,
    group_by: str | None = None,
    skip_bad_rows: bool = False,
) -> LabelledTexts:
    """Texts and labels of a table.

    Args:
        table: What `read_table` gave.
        text_column: Column of the texts; None takes text, review, document or sentence.
        label_column: Column of the labels; None takes label, category, class or sentiment.
        group_by: Column whose equal values must stay on one side of a split, or None.
        skip_bad_rows: Leave out and count rows with an empty text, label or group instead of refusing them.

    Raises:
        DataError: A column is not found, or a row is empty.
    """
    text_name = find_column(table, "text-column", text_column, TEXT_COLUMNS)
    label_name = find_column(table, "label-column", label_column, LABEL_COLUMNS)
    if text_name == label_name:
        raise DataError(f"{table.path.name}: --text-column and --label-column both name {text_name}; they must differ")
    roles = {text_name: "text", label_name: "label"}
    group_name = None if group_by is None else find_column(table, "group-by", group_by, ())
    if group_name is not None:
        roles.setdefault(group_name, "group")
    kept = _usable_rows(table, roles, skip_bad_rows)
    raw = _take(table.column(label_name), kept)
    labels = [value.strip() for value in raw]
    extra = {name: _take(table.column(name), kept) for name in table.columns if name not in (text_name, label_name)}
    return LabelledTexts(
        texts=_take(table.column(text_name), kept),
        labels=labels,
        groups=None if group_name is None else _take(table.column(group_name), kept),
        row_numbers=[table.row_numbers[row] for row in kept],
        source=table.path.name,
        checksum=table.checksum,
        skipped=len(table) - len(kept) + len(table.skipped),
        extra=extra,
        notes=table.notes + _label_notes(table.path.name, raw, labels),
        text_column=text_name,
        label_column=label_name,
        files=None if table.files is None else _take(table.files, kept),
    )


def _label_notes(source: str, raw: Sequence[str], labels: Sequence[str]) -> tuple[str, ...]:
    """What was done to labels, and what looks like one class spelled in several ways."""
    trimmed = sum(before != after for before, after in zip(raw, labels, strict=True))
    notes = [f"{source}: blanks around {counted(trimmed, 'label')} left off"] if trimmed else []
    spellings: dict[str, set[str]] = {}
    for label in labels:
        spellings.setdefault(label.casefold(), set()).add(label)
    several = [" and ".join(sorted(ways)) for ways in spellings.values() if len(ways) > 1]
    return (*notes, *(f"{source}: {ways} are taken for different classes" for ways in several))


def plain_texts(table: Table, text_column: str | None = None, skip_bad_rows: bool = False) -> PlainTexts:
    """The texts of a table whose labels are absent or not wanted (to predict, or to learn from without labels).

    A table with a single column needs no column name.
    """
    if text_column is None and len(table.columns) == 1:
        text_column = table.columns[0]
    name = find_column(table, "text-column", text_column, TEXT_COLUMNS)
    kept = _usable_rows(table, {name: "text"}, skip_bad_rows)
    numbers = [table.row_numbers[row] for row in kept]
    skipped = len(table) - len(kept) + len(table.skipped)
    return PlainTexts(_take(table.column(name), kept), numbers, table.path.name, table.checksum, skipped, table.notes)


def bad_cells(table: Table, roles: Mapping[str, str]) -> list[tuple[int, str]]:
    """Rows (from 0) whose cell in one of the given columns is empty or missing, with the reason, one reason a row."""
    found: dict[int, str] = {}
    for column, role in roles.items():
        missing = table.missing.get(column, set())
        for row, cell in enumerate(table.column(column)):
            if row not in found and not cell.strip():
                found[row] = f"key {column!r} is missing" if row in missing else f"{role} is empty"
    return sorted(found.items())


def _usable_rows(table: Table, roles: Mapping[str, str], skip_bad_rows: bool) -> list[int]:
    bad = bad_cells(table, roles)
    if bad and not skip_bad_rows:
        row, what = bad[0]
        raise DataError(f"{table.where(row)}: {what}; remove the row or pass --skip-bad-rows{_how_many(table, bad)}")
    refused = {row for row, _ in bad}
    kept = [row for row in range(len(table)) if row not in refused]
    if not kept:
        raise DataError(f"{table.path.name}: none of its {counted(len(table) + len(table.skipped), 'row')} can be used")
    return kept


def _how_many(table: Table, bad: list[tuple[int, str]]) -> str:
    if len(bad) == 1:
        return " (the only such row)"
    if table.files:
        return f" ({len(bad):,} such files)"
    numbers = [str(table.row_numbers[row]) for row, _ in bad]
    return f" ({len(bad):,} such rows: {listed(numbers, limit=_ROWS_NAMED)})"


def check_classes(source: str, column: str, labels: Sequence[str]) -> None:
    """Refuse labels that are all the same: there is nothing to learn from them."""
    classes = set(labels)
    if len(classes) == 1:
        raise DataError(
            f"{source}: every label in column {column} is {labels[0]!r}; expected at least two classes. "
            "Add rows of another class, or name another column with --label-column"
        )


def _take(column: list[str], rows: list[int]) -> list[str]:
    return column[:] if len(rows) == len(column) else [column[row] for row in rows]
