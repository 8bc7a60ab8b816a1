"""A data set by its name, or the user's own file: fetched, read, and held against the content that the name stands for."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from seodang.core.errors import DataError
from seodang.data.download import Progress
from seodang.data.image_pairs import ImagePairs, pairs_hash, read_drawn_cells, read_dsb2018_zip, read_image_folder
from seodang.data.image_stacks import ImageStack, read_digits_csv, read_idx_images, stack_hash
from seodang.data.image_strips import ImageStrips, read_facades, strips_hash
from seodang.data.named_readers import (
    TextPart,
    content_hash,
    read_imdb_jsonl,
    read_imdb_tar,
    read_nsmc,
    read_orange_tab,
    read_plain_text,
    read_rotten_tomatoes,
)
from seodang.data.named_sets import NamedSet, named_sets
from seodang.data.sources import Fetched, Reader, Source, locate
from seodang.data.tables import READERS as TABLE_SUFFIXES
from seodang.data.tables import LabelledTexts, PlainTexts, Table, check_exists, read_parts

Part = TextPart | ImagePairs | ImageStack | ImageStrips
_READERS: dict[Reader, Callable[[Fetched], Mapping[str, Part]]] = {
    "imdb-jsonl": read_imdb_jsonl,
    "imdb-tar": read_imdb_tar,
    "nsmc-tsv": read_nsmc,
    "rotten-tomatoes-csv": read_rotten_tomatoes,
    "orange-tab": read_orange_tab,
    "plain-text": read_plain_text,
    "image-folder": read_image_folder,
    "dsb2018-zip": read_dsb2018_zip,
    "drawn-cells": read_drawn_cells,
    "idx-images": read_idx_images,
    "digits-csv": read_digits_csv,
    "facades": read_facades,
}


@dataclass(frozen=True)
class NamedData:
    """A named set, read: its parts ("train", "test", "unlabelled", or "all" when it has no split of its own)."""

    name: str
    parts: Mapping[str, Part]
    checksum: str
    source: Source
    licence: str
    notes: tuple[str, ...]

    def labelled(self, part: str) -> LabelledTexts:
        """A part that has labels."""
        found = self.parts.get(part)
        if not isinstance(found, LabelledTexts):
            raise DataError(f"data set {self.name} has no labelled part {part!r}; it has {', '.join(self.parts)}")
        return found

    @property
    def unlabelled(self) -> PlainTexts | None:
        """The texts without labels, where the set has some."""
        found = self.parts.get("unlabelled")
        return found if isinstance(found, PlainTexts) else None


@dataclass(frozen=True)
class TableParts:
    """A user's own file or folder, read: {"all": table} or its parts."""

    path: Path
    parts: Mapping[str, Table]
    notes: tuple[str, ...]


def names(task: str | None = None) -> tuple[str, ...]:
    """The names of all sets, sorted; or of those for one task."""
    return tuple(sorted(entry.name for entry in named_sets() if task in (None, entry.task)))


def describe(name: str) -> NamedSet:
    """The registry's entry of one set.

    Raises:
        DataError: There is no set of this name; says which is meant.
    """
    for entry in named_sets():
        if entry.name == name:
            return entry
    close = difflib.get_close_matches(name.lower(), names(), n=1)
    meant = f"Did you mean {close[0]}?" if close else f"There are {', '.join(names())}."
    raise DataError(f"{name}: no such file, and no data set has this name. {meant}")


def load_named(name: str, progress: Progress | None = None, parts: Collection[str] | None = None) -> NamedData:
    """Fetch a set by its name and read it.

    Args:
        name: One of `names()`.
        parts: Read only these (the unlabelled texts of imdb take as long as all the rest); None reads all.
        progress: Called with bytes done and total while a file is downloaded.

    Raises:
        DataError: No such name, or the content is not what the name stands for.
        MachineError: It cannot be fetched.
    """
    entry = describe(name)
    fetched = locate(entry.name, entry.sources, progress)
    wanted = {part: path for part, path in fetched.paths.items() if parts is None or part in parts or part == "all"}
    read = _READERS[fetched.source.reader](replace(fetched, paths=wanted))
    read = {part: content for part, content in read.items() if parts is None or part in parts}
    if parts is not None and set(parts) - set(read):
        raise DataError(f"data set {name} has no part {sorted(set(parts) - set(read))[0]!r}")
    hashes = {part: _content_hash(content) for part, content in read.items()}
    own_name, notes = _name_of_content(entry, fetched.source, hashes)
    for content in read.values():
        notes += content.notes
    return NamedData(own_name, read, _joined(hashes), fetched.source, entry.licence, fetched.notes + notes)


def _content_hash(part: Part) -> str:
    if isinstance(part, ImageStack):
        return stack_hash(part)
    if isinstance(part, ImagePairs):
        return pairs_hash(part)
    return strips_hash(part) if isinstance(part, ImageStrips) else content_hash(part)


def _joined(hashes: Mapping[str, str]) -> str:
    return hashlib.sha256("".join(f"{part} {hashes[part]}\n" for part in sorted(hashes)).encode()).hexdigest()


def _name_of_content(entry: NamedSet, source: Source, hashes: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """The name that belongs to what was read: another content under the same name would make figures incomparable."""
    checksum = _joined(hashes)
    if source.kind == "drawn":  # another processor may round a pixel otherwise
        return entry.name, ()
    if entry.content_hashes is None:
        return entry.name, (
            f"content {checksum[:12]}: no copy was at hand to compare it with, so figures stand for themselves",
        )
    different = [part for part, found in hashes.items() if found != entry.content_hashes.get(part)]
    if not different:
        return entry.name, ()
    if source.tried:
        raise DataError(f"data set {entry.name}: the content of part {different[0]} is not the one expected; fetch it again")
    own_name = f"{entry.name}-{checksum[:8]}"
    return own_name, (f"the content differs from the one known as {entry.name}, so it is named {own_name}; figures may differ",)


def open_source(source: str, skip_bad_rows: bool = False, progress: Progress | None = None) -> NamedData | TableParts:
    """Read what the user named: a file or folder when it exists, else a named set.

    Raises:
        DataError: Neither exists; a source with a suffix or a separator is taken for a file.
    """
    path = Path(source)
    if path.exists():
        parts = read_parts(path, skip_bad_rows)
        both = (f"{source} is also the name of a data set; the file or folder here was taken",) if source in names() else ()
        return TableParts(path, parts, both + tuple(note for table in parts.values() for note in table.notes))
    if looks_like_path(source):
        check_exists(path)
    return load_named(source, progress)


def looks_like_path(source: str) -> bool:
    """Whether a source that is not there was meant as a file."""
    return "/" in source or "\\" in source or any(suffix in TABLE_SUFFIXES for suffix in Path(source.lower()).suffixes)
