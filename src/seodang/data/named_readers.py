"""Readers of the named text sets: from the files of a source to parts of texts and labels."""

from __future__ import annotations

import gzip
import hashlib
import re
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO

from seodang.core.errors import DataError
from seodang.data.decoding import open_lines, read_text
from seodang.data.records import counted
from seodang.data.sources import Fetched
from seodang.data.tables import LabelledTexts, PlainTexts, Table, labelled_texts, plain_texts, read_table

TextPart = LabelledTexts | PlainTexts
# By (part, label) and number: text and rating.
_Numbered = dict[tuple[str, str], dict[int, tuple[str, str]]]
_SENTIMENT = {"0": "negative", "1": "positive", "neg": "negative", "pos": "positive"}
_TAR_MEMBER = re.compile(r"aclImdb/(train|test)/(pos|neg|unsup)/(\d+)_(\d+)\.txt")
_TAR_FILMS = re.compile(r"aclImdb/(train|test)/urls_(pos|neg|unsup)\.txt")
_FILM = re.compile(r"/title/(tt\d+)")


def read_imdb_jsonl(fetched: Fetched) -> dict[str, TextPart]:
    """The three parts of the mirror: JSON lines with id, label, rating, title and text."""
    parts: dict[str, TextPart] = {}
    for part, path in fetched.paths.items():
        table = read_table(path)
        if part == "unlabelled":
            parts[part] = plain_texts(table, "text")
        else:
            parts[part] = _relabel(labelled_texts(table, "text", "label", "title"), _SENTIMENT)
    return parts


def read_imdb_tar(fetched: Fetched) -> dict[str, TextPart]:
    """The original archive: the label is the folder, the film stands in line k of urls_<label>.txt for text k."""
    path = fetched.paths["all"]
    texts: _Numbered = {}
    films: dict[tuple[str, str], list[str]] = {}
    for name, content in _tar_members(path):
        if text := _TAR_MEMBER.fullmatch(name):
            part, label, number, rating = text.groups()
            texts.setdefault((part, label), {})[int(number)] = (_decode(path, name, content), rating)
        elif urls := _TAR_FILMS.fullmatch(name):
            lines = _decode(path, name, content).splitlines()
            films[urls[1], urls[2]] = [_film(path, name, row, line) for row, line in enumerate(lines, 1)]
    wanted = [("train", "pos"), ("train", "neg"), ("test", "pos"), ("test", "neg"), ("train", "unsup")]
    for key in wanted:
        if key not in texts or len(films.get(key, [])) <= max(texts[key]):
            raise DataError(f"{path.name}: aclImdb/{'/'.join(key)} and its urls file do not fit; expected aclImdb_v1.tar.gz")
    unlabelled = [text for _, (text, _) in sorted(texts["train", "unsup"].items())]
    return {
        "train": _imdb_part(path, "train", texts, films),
        "test": _imdb_part(path, "test", texts, films),
        "unlabelled": PlainTexts(unlabelled, list(range(1, len(unlabelled) + 1)), f"{path.name}, unsup"),
    }


def _imdb_part(path: Path, part: str, texts: _Numbered, films: Mapping[tuple[str, str], list[str]]) -> LabelledTexts:
    rows = [(label, number) for label in ("pos", "neg") for number in sorted(texts[part, label])]
    found = [texts[part, label][number] for label, number in rows]
    return LabelledTexts(
        texts=[text for text, _ in found],
        labels=[_SENTIMENT[label] for label, _ in rows],
        groups=[films[part, label][number] for label, number in rows],
        row_numbers=list(range(1, len(rows) + 1)),
        source=f"{path.name}, {part}",
        extra={"rating": [rating for _, rating in found]},
        files=[
            f"aclImdb/{part}/{label}/{number}_{rating}.txt" for (label, number), (_, rating) in zip(rows, found, strict=True)
        ],
    )


def _tar_members(path: Path) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the archive's files, in order; nothing is written to the disk."""
    try:
        # tarfile's own gzip stream takes a cut file for a short one; the gzip module raises.
        with gzip.open(path) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                file: IO[bytes] | None = archive.extractfile(member) if member.isfile() else None
                if file is not None and member.name.endswith(".txt"):
                    yield member.name, file.read()
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise DataError(f"{path.name} is damaged or not a tar.gz archive ({error}); remove it and fetch it again") from error


def _decode(path: Path, name: str, content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{path.name}, {name}: not UTF-8 at position {error.start}") from error


def _film(path: Path, name: str, row: int, line: str) -> str:
    match = _FILM.search(line)
    if match is None:
        raise DataError(f"{path.name}, {name}, row {row}: expected an address with /title/tt..., got {line[:60]!r}")
    return match[1]


def read_nsmc(fetched: Fetched) -> dict[str, TextPart]:
    """Korean reviews as id, document, label; rows without a document are left out and counted."""
    parts: dict[str, TextPart] = {}
    for part, path in fetched.paths.items():
        read = labelled_texts(read_table(path), "document", "label", skip_bad_rows=True)
        if read.skipped:
            read = _with_notes(read, (*read.notes, f"{part}: {counted(read.skipped, 'row')} without a document left out"))
        parts[part] = _relabel(read, _SENTIMENT)
    return parts


def read_rotten_tomatoes(fetched: Fetched) -> dict[str, TextPart]:
    """Critics' snippets, fresh or rotten; rows of category `plot` retell the film, so they are left out and counted."""
    table = read_table(fetched.paths["all"])
    categories = table.column("category")
    plots = categories.count("plot")
    reviews = _rows_where(table, [category != "plot" for category in categories])
    read = labelled_texts(reviews, "text", "category", "movie_name")
    return {"all": _with_notes(read, (*read.notes, f"{plots:,} plot rows dropped: they retell the film and judge nothing"))}


def read_orange_tab(fetched: Fetched) -> dict[str, TextPart]:
    """Orange's .tab files: three header lines (names, types, roles), then category and text."""
    return {part: _orange_part(path) for part, path in fetched.paths.items()}


def _orange_part(path: Path) -> LabelledTexts:
    with open_lines(path) as lines:
        rows = [line.rstrip("\r\n").split("\t") for line in lines]
    if rows[1:3] != [["d", "string"], ["class", ""]] or len(rows[0]) != 2:
        raise DataError(f"{path.name}: expected Orange's three header lines (Category and Text), got {rows[:3]!r:.100}")
    whole = [(number, row) for number, row in enumerate(rows[3:], 4) if len(row) == 2 and row[0] and row[1].strip()]
    empty = sum(row != [""] for row in rows[3:]) - len(whole)
    notes = (f"{path.name}: {counted(empty, 'row')} without category or text left out",) if empty else ()
    return LabelledTexts(
        texts=[row[1] for _, row in whole],
        labels=[row[0] for _, row in whole],
        groups=None,
        row_numbers=[number for number, _ in whole],
        source=path.name,
        skipped=empty,
        notes=notes,
        text_column="Text",
        label_column="Category",
    )


def read_plain_text(fetched: Fetched) -> dict[str, TextPart]:
    """Running text, each file one text."""
    return {part: PlainTexts([read_text(path)], [1], path.name) for part, path in fetched.paths.items()}


def content_hash(part: TextPart) -> str:
    """sha256 of what was read, row by row: label, group and text. Equal content from two sources has equal hashes."""
    digest = hashlib.sha256()
    labels = part.labels if isinstance(part, LabelledTexts) else [""] * len(part)
    groups = (part.groups if isinstance(part, LabelledTexts) else None) or [""] * len(part)
    for label, group, text in zip(labels, groups, part.texts, strict=True):
        digest.update(f"{len(label)} {len(group)} {len(text)} {label}{group}{text}".encode())
    return digest.hexdigest()


def _relabel(read: LabelledTexts, names: Mapping[str, str]) -> LabelledTexts:
    unknown = sorted(set(read.labels) - set(names))
    if unknown:
        raise DataError(f"{read.source}: expected the labels {', '.join(names)}, got {unknown[0]!r}")
    return replace(read, labels=[names[label] for label in read.labels])


def _with_notes(read: LabelledTexts, notes: tuple[str, ...]) -> LabelledTexts:
    return replace(read, notes=notes)


def _rows_where(table: Table, keep: list[bool]) -> Table:
    columns = tuple([cell for cell, kept in zip(column, keep, strict=True) if kept] for column in table.rows)
    numbers = [number for number, kept in zip(table.row_numbers, keep, strict=True) if kept]
    return replace(table, rows=columns, row_numbers=numbers)
