"""Which files hold the sources and which the targets: strips, two folders, parts of either, or a named data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from seodang.core.errors import DataError
from seodang.core.values import Finding
from seodang.data.image_strips import ImageStrips
from seodang.data.named import load_named, looks_like_path, names
from seodang.data.partners import PART_FOLDERS, few_names, folder_called, images_by_name
from seodang.data.records import counted
from seodang.data.tables import check_exists
from seodang.families.translation.settings import DataSettings

A_FOLDERS = ("a", "source", "sources", "input", "inputs")
B_FOLDERS = ("b", "target", "targets", "output", "outputs")
LAYOUTS = "strips with two images side by side, or the folders a/ and b/"
Half = Literal["left", "right", "whole"]


class View(NamedTuple):
    """An image: a file, or one half of a strip."""

    name: str
    file: Path
    half: Half

    @property
    def where(self) -> str:
        """For messages: the file in its folder, and which half of it."""
        return f"{self.file.parent.name}/{self.file.name}" + ("" if self.half == "whole" else f", {self.half} half")


class Piles(NamedTuple):
    """The images of one part; with pairs, equally many of both in the same order."""

    sources: tuple[View, ...]
    targets: tuple[View, ...]


@dataclass(frozen=True)
class Found:
    """All images by part, "all" when the source has no split of its own, and what does not fit."""

    parts: Mapping[str, Piles]
    findings: tuple[Finding, ...]
    name: str = ""
    """Of the data set, where it has one."""
    licence: str = ""


def find_piles(named: str, settings: DataSettings) -> Found:
    """Look for sources and targets.

    Args:
        named: A folder of strips; one with a/ and b/; one with train/, test/ that each hold strips or a/ and b/; one with
            trainA/ and trainB/; a folder of sources, where the settings name that of the targets; or a named data set.
        settings: Whether they are pairs, and what is translated into what.

    Raises:
        DataError: There is no such folder or data set, or none of these in it.
        MachineError: The data set cannot be fetched.
    """
    source = Path(named)
    if not source.exists() and not looks_like_path(named):
        found = _from_named(named, settings)
    else:
        check_exists(source)
        if source.is_file():
            raise DataError(f"{named} is a file; expected a folder with {LAYOUTS}")
        found = _in_folders(source, settings)
    if settings.direction == "a-to-b":
        return found
    turned = {part: Piles(piles.targets, piles.sources) for part, piles in found.parts.items()}
    return Found(turned, found.findings, found.name, found.licence)


def _from_named(name: str, settings: DataSettings) -> Found:
    if settings.targets is not None:
        raise DataError(f"{{targets}}: the data set {name} has targets of its own; leave it out", settings=("targets",))
    read = load_named(name)
    parts, sides = {}, ("", "")
    for part, some in read.parts.items():
        if not isinstance(some, ImageStrips):
            raise DataError(f"data set {name} has no pairs of images; such are {', '.join(names(task='translation'))}")
        parts[part], sides = _cut(dict(some.strips)), some.sides
    from_side, to_side = sides if settings.direction == "a-to-b" else sides[::-1]
    notes = (*read.notes, f"{from_side} are translated into {to_side}; the other direction turns it round")
    return Found(parts, tuple(Finding("note", name, note) for note in notes), read.name, read.licence)


def _in_folders(source: Path, settings: DataSettings) -> Found:
    if settings.targets is not None:
        if settings.direction != "a-to-b":
            raise DataError(
                "{targets} names the answers already; leave out {direction}, or swap the folders",
                settings=("targets", "direction"),
            )
        check_exists(Path(settings.targets))
        return _one_part("all", source, Path(settings.targets), settings.unpaired)
    own = {part: _part_folders(source, names) for part, names in PART_FOLDERS.items()}
    given = {part: sides for part, sides in own.items() if sides is not None}
    if len(given) > 1 and "train" in given:
        found = [_one_part(part, *sides, settings.unpaired) for part, sides in given.items()]
        parts = {part: piles for one in found for part, piles in one.parts.items()}
        return Found(parts, tuple(finding for one in found for finding in one.findings))
    a, b = _sides(source) or (source, None)
    return _one_part("all", a, b, settings.unpaired)


def _part_folders(source: Path, names: tuple[str, ...]) -> tuple[Path, Path | None] | None:
    """The folders of a part: train/ with a/ and b/ or with strips, or trainA/ and trainB/."""
    a, b = (folder_called(source, [f"{name}{side}" for name in names]) for side in "ab")
    if a is not None and b is not None:
        return a, b
    folder = folder_called(source, names)
    return None if folder is None else _sides(folder) or (folder, None)


def _sides(folder: Path) -> tuple[Path, Path] | None:
    a, b = folder_called(folder, A_FOLDERS), folder_called(folder, B_FOLDERS)
    return None if a is None or b is None else (a, b)


def _one_part(part: str, a: Path, b: Path | None, unpaired: bool) -> Found:
    """One part of two folders, or of strips in one."""
    first = images_by_name(a, b)
    if not first.files:
        inside = ", ".join(sorted(path.name for path in a.iterdir())[:6]) or "nothing"
        raise DataError(f"{a}: there is no image in this folder, but {inside}; expected {LAYOUTS}")
    if b is None:
        return Found({part: _cut(first.files)}, first.findings)
    second = images_by_name(b)
    if not second.files:
        raise DataError(f"{b}: there is no image in this folder")
    findings = (*first.findings, *second.findings)
    if unpaired:
        piles = Piles(_whole(first.files), _whole(second.files))
        return Found({part: piles}, findings)
    return _paired(part, a, b, first.files, second.files, findings)


def _paired(
    part: str, a: Path, b: Path, first: Mapping[str, Path], second: Mapping[str, Path], findings: tuple[Finding, ...]
) -> Found:
    alone = [path for name, path in first.items() if name not in second]
    extra = [path for name, path in second.items() if name not in first]
    shared = sorted(first.keys() & second.keys())
    if not shared:
        raise DataError(
            f"{a}: no image has a partner of the same name in {b}; here they are called {few_names(alone)}, there "
            f"{few_names(extra)}. Without pairs, give {{unpaired}}",
            settings=("unpaired",),
        )
    for paths, other in ((alone, b), (extra, a)):
        if paths:
            what = f"{counted(len(paths), 'image')} without a partner of the same name in {other.name}/"
            findings = (*findings, Finding("error", few_names(paths), what, "add the partners or remove the images"))
    piles = Piles(_whole({name: first[name] for name in shared}), _whole({name: second[name] for name in shared}))
    return Found({part: piles}, findings)


def _whole(files: Mapping[str, Path]) -> tuple[View, ...]:
    return tuple(View(name, file, "whole") for name, file in files.items())


def _cut(files: Mapping[str, Path]) -> Piles:
    left = tuple(View(name, file, "left") for name, file in files.items())
    return Piles(left, tuple(view._replace(half="right") for view in left))
