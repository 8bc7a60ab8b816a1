"""Running text: a file, a folder of files, or a named set, read as it stands."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from seodang.core.errors import DataError
from seodang.data.decoding import COMPRESSIONS, read_text, split_suffix
from seodang.data.named import load_named, looks_like_path, names
from seodang.data.records import counted
from seodang.data.tables import PlainTexts, check_exists

SUFFIXES = ("", ".txt", ".text", ".md")
"""Of the files that a folder is searched for, each also compressed; a file that is named is read whatever its suffix."""


@dataclass(frozen=True)
class Corpus:
    """One long text and where it comes from."""

    text: str
    source: str
    licence: str = ""
    notes: tuple[str, ...] = ()

    @property
    def checksum(self) -> str:
        """SHA-256 of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def read_corpus(source: str) -> Corpus:
    """Read what the user named: a file or folder when it exists, else a named set.

    Raises:
        DataError: Neither exists, a file is empty, damaged or not UTF-8 text, a folder holds no text, or the set is no text.
    """
    path = Path(source)
    if path.is_dir():
        return _read_folder(path)
    if path.exists():
        return Corpus(read_text(path), path.name)
    if looks_like_path(source) or split_suffix(path)[0] in (".txt", ".md"):
        check_exists(path)
    return _read_named(source)


def corpus_files(folder: Path) -> list[Path]:
    """The text files below a folder, by their path.

    Raises: DataError: There is none.
    """
    found = sorted(path for path in folder.rglob("*") if path.is_file() and _is_text(path.relative_to(folder)))
    if not found:
        kinds = ", ".join(suffix for suffix in SUFFIXES if suffix)
        raise DataError(f"{folder}: no text files in it; expected {kinds}, or those compressed ({', '.join(COMPRESSIONS)}).")
    return found


def _is_text(path: Path) -> bool:
    return split_suffix(path)[0] in SUFFIXES and not any(part.startswith(".") for part in path.parts)


def _read_folder(folder: Path) -> Corpus:
    files = corpus_files(folder)
    text = "\n".join(read_text(path).rstrip("\n") for path in files) + "\n"
    return Corpus(text, folder.name, notes=folder_notes(folder, files))


def folder_notes(folder: Path, files: list[Path]) -> tuple[str, ...]:
    """How many files of a folder are read, and how many are not."""
    others = sum(path.is_file() for path in folder.rglob("*")) - len(files)
    left = (f"{counted(others, 'other file')} in {folder.name} left out: hidden, or no text by their name",) if others else ()
    return (f"{counted(len(files), 'file')} joined, by name", *left)


def _read_named(name: str) -> Corpus:
    read = load_named(name)
    part = read.parts.get("all")
    if not isinstance(part, PlainTexts):
        corpora = ", ".join(names(task="corpus"))
        raise DataError(f"data set {name} is a table of labelled texts, not running text; running text are {corpora}.")
    return Corpus("\n".join(part.texts), read.name, read.licence, read.notes)
