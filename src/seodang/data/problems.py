"""Everything that is wrong, or may be, with a table of labelled texts: all of it at once, each with its place and its cure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from seodang.core.errors import DataError
from seodang.core.values import Finding
from seodang.data.duplicates import exact_duplicates
from seodang.data.records import counted, listed
from seodang.data.tables import LABEL_COLUMNS, TEXT_COLUMNS, Table, bad_cells, check_classes, find_column, read_parts

SEVERITIES = ("error", "warning", "note")  # in the order in which they are told
_ROWS_NAMED = 5
_FEW_ROWS = 10
_IMBALANCE = 10
_SHORT_LETTERS = 2
_LETTER = re.compile(r"\w")
_HTML = re.compile(r"<(?:br|p|div|span|a|b|i|em|strong|li|ul|h[1-6])\b[^<>]*/?>|&(?:amp|lt|gt|quot|nbsp|#\d+);", re.IGNORECASE)


def check_source(
    path: str | Path, text_column: str | None = None, label_column: str | None = None, group_by: str | None = None
) -> list[Finding]:
    """Read a file or folder and list all that is wrong with it; a file that cannot be read at all is one finding."""
    try:
        parts = read_parts(path, skip_bad_rows=True)
    except DataError as error:
        return [Finding("error", str(path), str(error), "the rest is checked once the file can be read")]
    return [found for table in parts.values() for found in find_problems(table, text_column, label_column, group_by)]


def find_problems(
    table: Table, text_column: str | None = None, label_column: str | None = None, group_by: str | None = None
) -> list[Finding]:
    """All findings of one table (read with `skip_bad_rows=True`, which lists its broken rows), errors first, notes last."""
    findings = list(_broken_rows(table))
    roles: dict[str, str] = {}
    wanted: list[tuple[str, str | None, Sequence[str], str]] = [
        ("text-column", text_column, TEXT_COLUMNS, "text"),
        ("label-column", label_column, LABEL_COLUMNS, "label"),
    ]
    if group_by is not None:
        wanted.append(("group-by", group_by, (), "group"))
    for flag, given, usual, role in wanted:
        try:
            roles.setdefault(find_column(table, flag, given, usual), role)
        except DataError as error:
            findings.append(Finding("error", table.path.name, str(error), f"pass --{flag}"))
    by_role = {role: column for column, role in roles.items()}
    if "text" in by_role and "label" in by_role:
        findings += _empty_cells(table, roles)
        findings += _content(table, by_role["text"], by_role["label"], {row for row, _ in bad_cells(table, roles)})
    return sorted(findings, key=lambda found: SEVERITIES.index(found.severity))


def _broken_rows(table: Table) -> Iterator[Finding]:
    for fix in dict.fromkeys(bad.fix for bad in table.skipped):
        bad = [row for row in table.skipped if row.fix == fix]
        where = f"{table.path.name}, {_rows([row.row for row in bad])}"
        more = f" (and {len(bad) - 1:,} more)" if len(bad) > 1 else ""
        yield Finding("error", where, f"{bad[0].what}{more}", f"{fix.rstrip(',')} or pass --skip-bad-rows")


def _empty_cells(table: Table, roles: dict[str, str]) -> Iterator[Finding]:
    bad = bad_cells(table, roles)
    for what in dict.fromkeys(what for _, what in bad):
        rows = [row for row, reason in bad if reason == what]
        number = counted(len(rows), "row")
        yield Finding("error", _where(table, rows), f"{what} ({number})", "remove the rows or pass --skip-bad-rows")


def _content(table: Table, text_column: str, label_column: str, refused: set[int]) -> Iterator[Finding]:
    rows = [row for row in range(len(table)) if row not in refused]
    if not rows:
        yield Finding("error", table.path.name, "no row can be used", "give every row a text and a label")
        return
    texts = [table.column(text_column)[row] for row in rows]
    labels = [table.column(label_column)[row].strip() for row in rows]
    raw = [table.column(label_column)[row] for row in rows]
    yield from _classes(table, label_column, labels, raw)
    yield from _duplicates(table, rows, texts, labels)
    yield from _texts(table, rows, texts)


def _classes(table: Table, column: str, labels: list[str], raw: list[str]) -> Iterator[Finding]:
    where = f"{table.path.name}, column {column}"
    try:
        check_classes(table.path.name, column, labels)
    except DataError as error:
        yield Finding("error", where, str(error), "add rows of another class, or pass --label-column")
    spellings: dict[str, set[str]] = {}
    for label in raw:
        spellings.setdefault(label.strip().casefold(), set()).add(label)
    for variants in spellings.values():
        if len(variants) > 1:
            quoted = listed([repr(name) for name in sorted(variants)])
            yield Finding("warning", where, f"one label in several spellings: {quoted}", "spell it one way")
    counts = Counter(labels)
    if len(counts) > _FEW_ROWS and len(counts) > len(labels) / 2:
        yield Finding("warning", where, f"{len(counts):,} classes in {len(labels):,} rows", "is this the label column?")
    elif len(counts) > 1:
        yield from _balance(where, counts)


def _balance(where: str, counts: Counter[str]) -> Iterator[Finding]:
    rare = sorted(name for name, count in counts.items() if count < _FEW_ROWS)
    if rare:
        what = f"classes with fewer than {_FEW_ROWS} rows: {listed(rare)}"
        yield Finding("warning", where, what, "add rows of these classes, or join them with others")
    (most, largest), (least, smallest) = counts.most_common(1)[0], counts.most_common()[-1]
    if largest > _IMBALANCE * smallest:
        what = f"{most!r} has {largest:,} rows, {least!r} {smallest:,}"
        yield Finding("warning", where, f"classes are unbalanced: {what}", "read macro F1 rather than accuracy")


def _duplicates(table: Table, rows: list[int], texts: list[str], labels: list[str]) -> Iterator[Finding]:
    groups = exact_duplicates(texts)
    conflicts = [group for group in groups if len({labels[place] for place in group}) > 1]
    repeated = sum(len(group) - 1 for group in groups)
    if conflicts:
        first = [rows[place] for place in conflicts[0]]
        what = f"equal texts with different labels ({counted(len(conflicts), 'text')}): {_quote(texts[conflicts[0][0]])}"
        yield Finding("warning", _where(table, first), what, "decide on one label for each")
    if repeated:
        first = [rows[place] for place in groups[0]]
        what = f"texts that repeat an earlier one ({counted(repeated, 'row')}): {_quote(texts[groups[0][0]])}"
        yield Finding("warning", _where(table, first), what, "remove the copies; the split keeps them together")


def _texts(table: Table, rows: list[int], texts: list[str]) -> Iterator[Finding]:
    short = [row for row, text in zip(rows, texts, strict=True) if len(_LETTER.findall(text)) < _SHORT_LETTERS]
    if short:
        what = f"fewer than {_SHORT_LETTERS} letters ({counted(len(short), 'text')})"
        yield Finding("warning", _where(table, short), what, "remove them if they say nothing")
    html = [row for row, text in zip(rows, texts, strict=True) if _HTML.search(text)]
    if html:
        what = f"HTML left in the text ({counted(len(html), 'text')})"
        yield Finding("note", _where(table, html), what, "tags are left out and entities read as their signs; nothing to do")


def _where(table: Table, rows: Sequence[int]) -> str:
    if table.files:
        return listed([table.files[row] for row in rows], limit=2, width=120)
    return f"{table.path.name}, {_rows([table.row_numbers[row] for row in rows])}"


def _rows(numbers: Sequence[int]) -> str:
    return f"{'row' if len(numbers) == 1 else 'rows'} {listed([str(number) for number in numbers], limit=_ROWS_NAMED)}"


def _quote(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")
