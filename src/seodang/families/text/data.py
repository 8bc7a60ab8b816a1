"""Labelled texts from a file, a folder or a named data set, split so that no text or group stands on two sides."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from seodang.core.errors import DataError
from seodang.core.values import Finding, Text
from seodang.data.decoding import open_lines, split_suffix
from seodang.data.named import NamedData, TableParts, names, open_source
from seodang.data.problems import check_source as check_table
from seodang.data.records import counted, listed
from seodang.data.splits import split
from seodang.data.tables import (
    TEXT_COLUMNS,
    LabelledTexts,
    PlainTexts,
    bad_cells,
    check_classes,
    check_exists,
    find_column,
    labelled_texts,
    plain_texts,
    read_table,
)
from seodang.families.text.batches import EncodedTexts
from seodang.families.text.settings import TextSettings
from seodang.families.text.tokenised import TokenisedTexts
from seodang.families.text.tokens import TokenKind, Vocabulary

THREE_WAY = {"train": 0.8, "validation": 0.1, "test": 0.1}
TWO_WAY = {"train": 0.9, "validation": 0.1}  # when the data bring a test part of their own


@dataclass(frozen=True)
class FoundText(Text):
    """A text of a file, and where it stands: "new.csv, row 12"."""

    where: str = ""


@dataclass
class TextData:
    """Texts of a training: parts "train", "validation" and "test", perhaps texts without labels."""

    parts: dict[str, LabelledTexts]
    unlabelled: tuple[str, ...] = ()
    licence: str = ""
    notes: tuple[str, ...] = ()
    _tokenised: dict[tuple[str, TokenKind], TokenisedTexts] = field(default_factory=dict, repr=False)

    @cached_property
    def checksum(self) -> str:
        """SHA-256 of every text and label in their order."""
        digest = hashlib.sha256()
        for name, part in self.parts.items():
            for column in (part.texts, part.labels):
                digest.update(f"\0{name}\0{len(column)}\0".encode())
                digest.update("\0".join(column).encode())
        digest.update("\0".join(self.unlabelled).encode())
        return digest.hexdigest()

    def tokenised(self, part: str, kind: TokenKind) -> TokenisedTexts:
        """A part's texts split into tokens, remembered; "unlabelled" is a part too."""
        if (part, kind) not in self._tokenised:
            texts = self.unlabelled if part == "unlabelled" else self.parts[part].texts
            self._tokenised[part, kind] = TokenisedTexts(texts, kind)
        return self._tokenised[part, kind]

    def encode(self, part: str, vocabulary: Vocabulary, max_length: int) -> EncodedTexts:
        """A part's texts as numbers of a vocabulary."""
        return self.tokenised(part, vocabulary.kind).encode(vocabulary, max_length)

    def facts(self) -> dict[str, Any]:
        """Rows, classes, licence and notes, for people."""
        counts = Counter(self.parts["train"].labels)
        facts: dict[str, Any] = {"rows": {name: len(part.texts) for name, part in self.parts.items()}}
        if self.unlabelled:
            facts["rows"]["unlabelled"] = len(self.unlabelled)
        facts["classes"] = dict(sorted(counts.items()))
        if self.licence:
            facts["licence"] = self.licence
        facts["notes"] = list(self.notes)
        return facts


def read_data(source: str, settings: TextSettings) -> TextData:
    """Read, check and split.

    Raises: DataError: The source is missing, damaged, without texts or labels, of one class, or too small to split.
    """
    opened = open_source(source, settings.data.skip_bad_rows)
    parts = _labelled_parts(opened, settings)
    unlabelled, more_notes = _unlabelled(settings, opened)
    notes = [*opened.notes, *(note for part in parts.values() for note in (*part.notes, *skipped_note(part))), *more_notes]
    whole = parts.pop("all", None) or parts.pop("train")
    check_classes(whole.source, whole.label_column, whole.labels)
    rows = split(
        whole.groups or whole.texts,
        whole.labels,
        TWO_WAY if parts else THREE_WAY,
        source=whole.source,
        every_class_in=("train",),
    )
    split_parts = {name: take(whole, chosen) for name, chosen in rows.items()}
    for part in parts.values():
        check_labels(part, split_parts["train"].classes)
    licence = opened.licence if isinstance(opened, NamedData) else ""
    return TextData({**split_parts, **parts}, unlabelled, licence, tuple(dict.fromkeys(notes)))


def read_labelled(source: str, settings: TextSettings, known_labels: Sequence[str]) -> LabelledTexts:
    """Labelled texts to evaluate on: a file's rows, or the test part of a source that has one.

    Raises: DataError: They cannot be read, or a label was unseen in training.
    """
    parts = _labelled_parts(open_source(source, settings.data.skip_bad_rows), settings)
    part = parts.get("test") or parts.get("all") or parts["train"]
    check_labels(part, tuple(known_labels))
    return part


def read_inputs(source: Path, settings: TextSettings) -> list[FoundText]:
    """The texts of a table, or the lines of a plain text file; labels do not matter.

    Raises: DataError: They cannot be read, or a text is empty. None is left out, or answers would not stand beside their rows.
    """
    lines = _plain_lines(source)
    if lines is not None:
        return lines
    table = read_table(source)
    wanted = settings.data.text_column or (table.columns[0] if len(table.columns) == 1 else None)
    column = find_column(table, "text-column", wanted, TEXT_COLUMNS)
    for row, what in bad_cells(table, {column: "text"}):
        raise DataError(f"{table.where(row)}: {what}; write a text there or remove the row")
    return [FoundText(text, table.where(row)) for row, text in enumerate(table.column(column))]


def check_source(source: str, settings: TextSettings) -> list[Finding]:
    """Every problem of a source, each error that would stop a training among them."""
    chosen = settings.data
    found = check_table(source, chosen.text_column, chosen.label_column, chosen.group_by) if Path(source).exists() else []
    findings = [_finding(source, one.severity, one.where, one.what, one.fix) for one in found]
    if not any(finding.severity == "error" for finding in findings):
        try:
            read_data(source, settings)
        except DataError as error:
            findings.insert(0, _finding(source, "error", source, str(error), ""))
    return findings


def take(part: LabelledTexts, rows: NDArray[np.intp]) -> LabelledTexts:
    """Some rows of labelled texts."""
    chosen = rows.tolist()
    return replace(
        part,
        texts=[part.texts[row] for row in chosen],
        labels=[part.labels[row] for row in chosen],
        groups=None if part.groups is None else [part.groups[row] for row in chosen],
        row_numbers=[part.row_numbers[row] for row in chosen],
        files=None if part.files is None else [part.files[row] for row in chosen],
        extra={name: [column[row] for row in chosen] for name, column in part.extra.items()},
    )


def check_labels(part: LabelledTexts, known: tuple[str, ...]) -> None:
    """Refuse labels that training did not see.

    Raises: DataError: Names the first such row, and all such labels.
    """
    unseen = set(part.labels) - set(known)
    rows = [row for row, label in enumerate(part.labels) if label in unseen]
    if rows:
        raise DataError(
            f"{part.where(rows[0])}: label {part.labels[rows[0]]!r} was not in the training data, which has {listed(known)}; "
            f"correct or remove it ({counted(len(rows), 'row')} here with an unseen label: {listed(sorted(unseen))})"
        )


def skipped_note(part: LabelledTexts | PlainTexts) -> tuple[str, ...]:
    """How many bad rows were left out, when some were."""
    return (f"{part.source}: {counted(part.skipped, 'bad row')} left out, as asked",) if part.skipped else ()


def class_numbers(labels: Sequence[str], names: Sequence[str]) -> NDArray[np.int64]:
    """Numbers of labels, (rows,), int64."""
    numbers = {name: number for number, name in enumerate(names)}
    return np.fromiter((numbers[label] for label in labels), np.int64, len(labels))


def _labelled_parts(opened: NamedData | TableParts, settings: TextSettings) -> dict[str, LabelledTexts]:
    chosen = settings.data
    if isinstance(opened, NamedData):
        labelled = {name: part for name, part in opened.parts.items() if isinstance(part, LabelledTexts)}
        if not labelled:
            raise DataError(f"data set {opened.name} is running text without labels; labelled are {', '.join(names('text'))}.")
        return labelled
    return {
        name: labelled_texts(table, chosen.text_column, chosen.label_column, chosen.group_by, chosen.skip_bad_rows)
        for name, table in opened.parts.items()
    }


def _unlabelled(settings: TextSettings, opened: NamedData | TableParts) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The texts without labels that were asked for, and notes."""
    wanted, skip = settings.data.unlabelled, settings.data.skip_bad_rows
    if wanted is None:
        return (), ()
    if wanted != "own":
        lines = _plain_lines(Path(wanted))
        if lines is not None:
            return tuple(one.text for one in lines), ()
        found = plain_texts(read_table(wanted, skip), settings.data.text_column, skip)
        return tuple(found.texts), (*found.notes, *skipped_note(found))
    own = opened.unlabelled if isinstance(opened, NamedData) else None
    if own is None:
        raise DataError("--unlabelled own: this data set brings no texts without labels; name a file of them.")
    return tuple(own.texts), ()


def _plain_lines(source: Path) -> list[FoundText] | None:
    """The lines of a plain text file, blank ones left out; None for anything else. A .txt with tabs is a table (NSMC's are)."""
    check_exists(source)
    if split_suffix(source)[0] != ".txt" or source.is_dir():
        return None
    with open_lines(source) as opened:
        lines = [line.strip() for line in opened]
    if "\t" in lines[0]:
        return None
    if not any(lines):
        raise DataError(f"{source.name} holds no text: every line is blank; write one text a line")
    return [FoundText(line, f"{source.name}, line {number}") for number, line in enumerate(lines, 1) if line]


def _finding(source: str, severity: Literal["error", "warning", "note"], where: str, what: str, fix: str) -> Finding:
    """A finding in whole sentences, its place said once."""
    said = re.match(rf"({re.escape(Path(source).name)}(?:, row \d+)?): ", what)
    if said:
        where, what = said[1], what[said.end() :]
    return Finding(severity, where, _ended(what), _ended(fix[:1].upper() + fix[1:]))


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith((".", "?")) or not sentence else f"{sentence}."
