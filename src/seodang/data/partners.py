"""Images that belong together because they are called alike, in two folders or in folders of parts."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seodang.core.values import Finding
from seodang.data.images import is_image
from seodang.data.records import counted

PART_FOLDERS: Mapping[str, tuple[str, ...]] = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val"),
    "test": ("test", "testing"),
}
_NAMED = 3


@dataclass(frozen=True)
class ImagesByName:
    """The images of a folder by what they share with their partners, and what is odd about them."""

    files: Mapping[str, Path]
    findings: tuple[Finding, ...]


def images_by_name(folder: Path, without: Path | None = None, endings: re.Pattern[str] | None = None) -> ImagesByName:
    """All images in a folder and the folders in it; hidden ones are none.

    Args:
        folder: Where to look.
        without: A folder that may lie inside and is left out.
        endings: What may stand at the end of a name and is no part of it, such as _mask.
    """
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and not _hidden(path.relative_to(folder))]
    if without is not None and without.resolve() != folder.resolve():
        inside = without.resolve()
        paths = [path for path in paths if not path.resolve().is_relative_to(inside)]
    files: dict[str, Path] = {}
    findings = []
    for path in filter(is_image, paths):
        relative = path.relative_to(folder)
        # A Mac writes letters and their accents, or syllables and their parts, as several characters.
        name = unicodedata.normalize("NFC", relative.with_suffix("").as_posix())
        name = endings.sub("", name) if endings is not None else name
        if name in files:
            what = f"is called like {files[name].name}"
            findings.append(Finding("error", f"{folder.name}/{relative}", what, "rename one of the two"))
        files.setdefault(name, path)
    others = [path for path in paths if not is_image(path)]
    if others:
        findings.append(Finding("note", f"{folder.name}/", f"{counted(len(others), 'file')} left out, no image by the name"))
    return ImagesByName(files, tuple(findings))


def folder_called(parent: Path, names: Iterable[str]) -> Path | None:
    """The folder in another that has the first of some names, in large or small letters."""
    by_name = {path.name.lower(): path for path in parent.iterdir() if path.is_dir()}
    return next((by_name[name] for name in names if name in by_name), None)


def few_names(paths: Sequence[Path]) -> str:
    """The names of the first few files, and how many more there are."""
    shown = ", ".join(path.name for path in paths[:_NAMED])
    return shown + (f" and {len(paths) - _NAMED:,} more" if len(paths) > _NAMED else "")


def _hidden(relative: Path) -> bool:
    return any(part.startswith(".") for part in relative.parts)
