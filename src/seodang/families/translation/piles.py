"""Which files hold the sources and which the targets: strips, two folders, parts of either, or a named data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from seodang.core.errors import DataError
from seodang.core.values import Finding
from seodang.data.image_strips import ImageStrips
from seodang.data.images import is_image
from seodang.data.named import load_named, looks_like_path, names
from seodang.data.partners import PART_FOLDERS, few_names, folder_called, images_by_name
from seodang.data.records import counted, listed
from seodang.data.tables import check_exists
from seodang.families.translation.settings import DataSettings

A_FOLDERS = ("a", "source", "sources", "input", "inputs")
B_FOLDERS = ("b", "target", "targets", "output", "outputs")
LAYOUTS = "strips with two images side by side, or the folders a/ and b/"
_NAMED = 4  # folders in a message
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
            trainA/ and trainB/, and perhaps testA/ and testB/; a folder of sources, where the settings name that of the
            targets; or a named data set.
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
    chosen = _chosen_folders(source)
    found = [_one_part(part, *sides, settings.unpaired) for part, sides in chosen.items()]
    parts = {part: piles for one in found for part, piles in one.parts.items()}
    findings = [finding for one in found for finding in one.findings]
    return Found(parts, (*findings, *_left_aside(source, [side for sides in chosen.values() for side in sides if side])))


def _chosen_folders(source: Path) -> dict[str, tuple[Path, Path | None]]:
    """Sources and targets of each part that there is; "all" where there is one alone, or none.

    Raises: DataError: Images beside the only part may belong to another.
    """
    parts = {part: _part_folders(source, names) for part, names in PART_FOLDERS.items()}
    given = {part: found for part, found in parts.items() if found is not None}
    sides = _sides(source)
    if len(given) > 1 and ("train" in given or sides is None):
        return given
    if given and sides is None:
        own = sorted(path for path in source.iterdir() if is_image(path))
        if own:
            beside = next(iter(given.values()))[0].name
            raise DataError(f"{source}: {few_names(own)} lie beside {beside}/; put them into train/, or name one folder alone")
        return {"all": next(iter(given.values()))}
    return {"all": sides or (source, None)}


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
        _refuse_unknown_folders(a, list(first.files.values()))
        halved = Finding("note", f"{a.name}/", "each image is cut in the middle: a is its left half, b its right one")
        return Found({part: _cut(first.files)}, (*first.findings, halved))
    second = images_by_name(b)
    if not second.files:
        raise DataError(f"{b}: there is no image in this folder")
    findings = (*first.findings, *second.findings)
    if unpaired:
        piles = Piles(_whole(first.files), _whole(second.files))
        return Found({part: piles}, findings)
    return _paired(part, a, b, first.files, second.files, findings)


def _refuse_unknown_folders(folder: Path, files: Sequence[Path]) -> None:
    """Raises: DataError: There is no strip in a folder itself: what lies in the folders in it may be sources and targets."""
    if any(file.parent == folder for file in files):
        return
    inside = sorted({f"{file.relative_to(folder).parts[0]}/" for file in files})
    remedy = (
        f"name {folder / inside[0]} itself if it holds strips"
        if len(inside) == 1
        else "rename them, or name the folder of the sources and give {targets} that of the answers"
    )
    raise DataError(
        f"{folder}: all images lie in {listed(inside, _NAMED)}, whose names do not say what they are; known are a/ and b/, "
        f"source/ and target/, input/ and output/, trainA/ and trainB/, and train/, validation/ and test/; {remedy}",
        settings=("targets",),
    )


def _left_aside(source: Path, used: Sequence[Path]) -> tuple[Finding, ...]:
    """A note of images beside the folders that are read."""
    if source in used:
        return ()
    read = {folder.relative_to(source).parts[0] for folder in used}
    others = [path for path in sorted(source.iterdir()) if path.name not in read and _holds_images(path)]
    return (Finding("note", f"{source.name}/", f"{few_names(others)} left aside"),) if others else ()


def _holds_images(path: Path) -> bool:
    if path.name.startswith("."):
        return False
    return bool(images_by_name(path).files) if path.is_dir() else is_image(path)


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
    for paths, own, other in ((alone, a, b), (extra, b, a)):
        if paths:
            what = f"{counted(len(paths), 'image')} without a partner of the same name in {other.name}/"
            findings = (
                *findings,
                Finding("error", f"{own.name}/{few_names(paths)}", what, "add the partners or remove the images"),
            )
    piles = Piles(_whole({name: first[name] for name in shared}), _whole({name: second[name] for name in shared}))
    return Found({part: piles}, findings)


def _whole(files: Mapping[str, Path]) -> tuple[View, ...]:
    return tuple(View(name, file, "whole") for name, file in files.items())


def _cut(files: Mapping[str, Path]) -> Piles:
    left = tuple(View(name, file, "left") for name, file in files.items())
    return Piles(left, tuple(view._replace(half="right") for view in left))
