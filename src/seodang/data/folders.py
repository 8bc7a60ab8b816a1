"""A folder of texts with one sub-folder a class, such as aclImdb: <part>/<class>/<name>.txt."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from seodang.core.errors import DataError
from seodang.data.decoding import guess_encoding
from seodang.data.records import counted, listed

# What a folder may be called, and the part that it is.
PART_NAMES = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
}
# aclImdb keeps its unlabelled texts in a folder beside the classes.
_UNLABELLED = ("unsup", "unlabelled", "unlabeled")


@dataclass(frozen=True)
class ClassFolder:
    """Texts in the order of class and file name; `files` are paths as the user would type them."""

    texts: list[str]
    labels: list[str]
    names: list[str]
    files: list[str]
    checksum: str
    notes: tuple[str, ...]


def part_folders(path: Path) -> dict[str, Path]:
    """The sub-folders that are parts (train, validation, test), when there is a train folder that holds classes."""
    parts: dict[str, Path] = {}
    for child in _sub_folders(path):
        part = PART_NAMES.get(child.name.lower())
        if part is None:
            continue
        if part in parts:
            raise DataError(f"{path}: {parts[part].name}/ and {child.name}/ are both the {part} part; keep one")
        parts[part] = child
    if "train" not in parts or not _sub_folders(parts["train"]):
        return {}
    return {name: parts[name] for name in ("train", "validation", "test") if name in parts}


def read_class_folder(path: Path) -> ClassFolder:
    """Read <class>/*.txt. Folders of unlabelled texts and files that are not .txt are left out and counted in the notes.

    Raises:
        DataError: No sub-folder holds a .txt file, or a file is not UTF-8.
    """
    classes, notes = _classes(path)
    texts: list[str] = []
    labels: list[str] = []
    names: list[str] = []
    files: list[str] = []
    digest = hashlib.sha256()
    for folder, members in classes.items():
        for member in members:
            content = member.read_bytes()
            name = f"{folder.name}/{member.name}"
            digest.update(f"{name}\0{len(content)}\0".encode())
            digest.update(content)
            texts.append(_decode(member, content))
            labels.append(folder.name)
            names.append(name)
            files.append(str(member))
    return ClassFolder(texts, labels, names, files, digest.hexdigest(), tuple(notes))


def _classes(path: Path) -> tuple[dict[Path, list[Path]], list[str]]:
    folders = _sub_folders(path)
    classes: dict[Path, list[Path]] = {}
    notes = []
    for folder in folders:
        members = sorted(folder.glob("*.txt"), key=natural_key)
        if folder.name.lower() in _UNLABELLED:
            notes.append(f"{folder.name}/: {counted(len(members), 'unlabelled text')} left out")
        elif members:
            classes[folder] = members
        else:
            notes.append(f"{folder.name}/: holds no .txt file, left out")
    if not classes:
        raise DataError(f"{path}: expected one sub-folder a class with .txt files in it, got {_instead(path, folders)}")
    others = sum(child.suffix != ".txt" and not child.name.startswith(".") for folder in classes for child in folder.iterdir())
    if others:
        notes.append(f"{counted(others, 'file')} without the suffix .txt left out")
    return classes, notes


def _instead(path: Path, folders: list[Path]) -> str:
    if folders:
        return f"sub-folders without any ({listed([folder.name for folder in folders])})"
    tables = [child.name for child in sorted(path.iterdir()) if child.is_file() and not child.name.startswith(".")]
    return f"files ({listed(tables)}); name one of them" if tables else "an empty folder"


def _sub_folders(path: Path) -> list[Path]:
    return sorted(child for child in path.iterdir() if child.is_dir() and not child.name.startswith((".", "__")))


def natural_key(path: Path) -> list[tuple[int, str]]:
    """Sorts 2_9.txt before 10_3.txt."""
    return [(int(piece), "") if piece.isdigit() and piece.isascii() else (-1, piece) for piece in _pieces(path.name)]


def _pieces(name: str) -> Iterator[str]:
    return (piece for piece in re.split(r"([0-9]+)", name) if piece)


def _decode(path: Path, content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        encoding = guess_encoding(content)
        raise DataError(
            f"{path}: byte 0x{content[error.start]:02x} at position {error.start:,} is not UTF-8; "
            f"the file looks like {encoding}; convert it: iconv -f {encoding} -t UTF-8"
        ) from error
    if "\0" in text:
        raise DataError(f"{path}: holds a NUL byte; it looks like UTF-16 or not like text; convert it to UTF-8")
    return text
