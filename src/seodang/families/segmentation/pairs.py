"""Which image goes with which mask: two folders with equal names, a table of pairs, or parts that each have both."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from seodang.core.errors import DataError
from seodang.core.values import Finding
from seodang.data.image_pairs import ImagePairs
from seodang.data.named import load_named, looks_like_path, names
from seodang.data.partners import PART_FOLDERS, few_names, folder_called, images_by_name
from seodang.data.records import counted
from seodang.data.tables import check_exists, read_table

IMAGE_FOLDERS = ("images", "image", "imgs", "img")
MASK_FOLDERS = ("masks", "mask", "labels", "label", "annotations")
IMAGE_COLUMNS, MASK_COLUMNS = ("image", "images", "image_path"), ("mask", "masks", "mask_path")
TABLES = (".csv", ".tsv")
_ENDINGS = re.compile(r"[_-](mask|masks|label|labels|seg|segmentation|gt|manual1|img|image)$", re.IGNORECASE)


@dataclass(frozen=True)
class Pair:
    """An image and its mask."""

    name: str
    """What both are called, without folders and suffixes."""
    image: Path
    mask: Path


@dataclass(frozen=True)
class Pairs:
    """All pairs of a source by part, "all" when it has no split of its own, and what does not fit."""

    parts: Mapping[str, tuple[Pair, ...]]
    findings: tuple[Finding, ...]
    name: str = ""
    """Of the data set, where it has one."""
    licence: str = ""


def find_pairs(named: str, masks: Path | None) -> Pairs:
    """Look for images and their masks.

    Args:
        named: A folder with `images/` and `masks/`, or with `train/`, `test/` that each have both; a folder of images, when
            `masks` is given; a table with a column of images and one of masks; or a named data set.
        masks: The folder of masks, where it does not stand beside the images.

    Raises:
        DataError: There is no such file, folder or data set, or none of these in it.
        MachineError: The data set cannot be fetched.
    """
    source = Path(named)
    if not source.exists() and not looks_like_path(named):
        return _from_named(named, masks)
    check_exists(source)
    if masks is not None:
        check_exists(masks)
        if source.is_file():
            raise DataError(f"{{masks}}: {named} is a file that names its masks itself; leave it out", settings=("masks",))
        return _one_part(folder_called(source, IMAGE_FOLDERS) or source, masks)
    if source.is_file():
        return _from_table(source)
    given = {part: found for part, names in PART_FOLDERS.items() if (found := folder_called(source, names)) is not None}
    if len(given) > 1 and "train" in given:
        own = {part: _in_folder(folder) for part, folder in given.items()}
        parts = {part: pairs.parts["all"] for part, pairs in own.items()}
        return Pairs(parts, tuple(finding for pairs in own.values() for finding in pairs.findings))
    return _in_folder(source)


def _from_named(name: str, masks: Path | None) -> Pairs:
    if masks is not None:
        raise DataError(f"{{masks}}: the data set {name} has masks of its own; leave it out", settings=("masks",))
    read = load_named(name)
    parts = {}
    for part, some in read.parts.items():
        if not isinstance(some, ImagePairs):
            fitting = ", ".join(names(task="segmentation"))
            raise DataError(f"data set {name} has no images with masks; such are {fitting}")
        parts[part] = tuple(Pair(*pair) for pair in some.pairs)
    notes = tuple(Finding("note", name, note) for note in read.notes)
    return Pairs(parts, notes, read.name, read.licence)


def _in_folder(folder: Path) -> Pairs:
    images, masks = folder_called(folder, IMAGE_FOLDERS), folder_called(folder, MASK_FOLDERS)
    if images is None or masks is None:
        inside = ", ".join(sorted(path.name for path in folder.iterdir())[:6]) or "nothing"
        raise DataError(
            f"{folder}: expected images/ and masks/ in it, got {inside}; name the folder of masks by {{masks}}, or give a "
            "table with the columns image and mask",
            settings=("masks",),
        )
    found = _one_part(images, masks)
    others = [name for name in MASK_FOLDERS if (other := folder_called(folder, (name,))) is not None and other != masks]
    if not others:
        return found
    what = f"masks are read from {masks.name}/; {', '.join(others)} is left aside"
    return replace(found, findings=(*found.findings, Finding("note", f"{folder}", what)))


def _one_part(images: Path, masks: Path) -> Pairs:
    """Pairs by name. Images may be called like their masks, or either may end in _mask, _gt and the like."""
    pictures, drawn = images_by_name(images, masks, _ENDINGS), images_by_name(masks, endings=_ENDINGS)
    findings = [*pictures.findings, *drawn.findings]
    alone = [path for name, path in pictures.files.items() if name not in drawn.files]
    extra = [path for name, path in drawn.files.items() if name not in pictures.files]
    if alone:
        what = f"{counted(len(alone), 'image')} without a mask of the same name in {masks.name}/"
        findings.append(
            Finding("error", few_names(alone), what, "add the masks, empty ones where there is nothing, or remove the images")
        )
    if extra:
        what = f"{counted(len(extra), 'mask')} without an image of the same name in {images.name}/"
        findings.append(Finding("error", few_names(extra), what, "add the images or remove the masks"))
    shared = sorted(pictures.files.keys() & drawn.files.keys())
    for folder, files in ((images, pictures.files), (masks, drawn.files)):
        if not files:
            raise DataError(f"{folder}: there is no image in this folder")
    if not shared:
        raise DataError(
            f"{images}: no image has a mask of the same name in {masks}; images are called {few_names(alone)}, masks "
            f"{few_names(extra)}"
        )
    return Pairs({"all": tuple(Pair(name, pictures.files[name], drawn.files[name]) for name in shared)}, tuple(findings))


def _from_table(path: Path) -> Pairs:
    if path.suffix.lower() not in TABLES:
        raise DataError(f"{path}: expected a folder with images/ and masks/, or a CSV with the columns image and mask")
    table = read_table(path)
    image, mask = (_column(table.columns, names, path) for names in (IMAGE_COLUMNS, MASK_COLUMNS))
    pairs, findings = [], []
    seen: set[Path] = set()
    called: set[str] = set()
    for number, row in enumerate(zip(table.column(image), table.column(mask), strict=True)):
        where = table.where(number)
        empty = [column for column, value in zip((image, mask), row, strict=True) if not value.strip()]
        if empty:
            findings.append(Finding("error", where, f"the column {empty[0]} is empty", "name a file, or remove the row"))
            continue
        one, other = (_beside(path, value.strip()) for value in row)
        missing = [file for file in (one, other) if not file.is_file()]
        if missing:
            findings.append(
                Finding("error", where, f"there is no file {missing[0]}", "paths count from the folder of the table")
            )
            continue
        if one in seen:
            findings.append(Finding("error", where, f"{one.name} is there a second time", "remove one of the rows"))
            continue
        seen.add(one)
        name = one.relative_to(path.parent).with_suffix("").as_posix() if one.is_relative_to(path.parent) else one.stem
        name = one.as_posix() if name in called else name
        called.add(name)
        pairs.append(Pair(name, one, other))
    if not pairs:
        first = findings[0]
        raise DataError(f"{first.where}: {first.what}; {first.fix}; no other row names an image and a mask that are there")
    return Pairs({"all": tuple(pairs)}, tuple(findings))


def _beside(table: Path, value: str) -> Path:
    """A file as a table names it; one that Windows wrote may part folders by backslashes."""
    found = table.parent / value
    return found if found.is_file() or "\\" not in value else table.parent / value.replace("\\", "/")


def _column(columns: Sequence[str], wanted: Sequence[str], path: Path) -> str:
    for name in columns:
        if name.strip().lower() in wanted:
            return name
    raise DataError(f"{path.name}: no column {wanted[0]}; it has {', '.join(columns)}")
