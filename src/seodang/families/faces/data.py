"""Photos of people, a folder a person: found, looked at, the face of each cut out, and split."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from seodang.core.errors import DataError
from seodang.core.values import Finding
from seodang.data.folders import part_folders
from seodang.data.images import is_image
from seodang.data.records import counted, listed
from seodang.data.splits import PARTS, complete_parts, fold
from seodang.data.tables import check_exists
from seodang.families.faces.engine.alignment import Chips
from seodang.families.faces.engine.boxes import Floats
from seodang.families.faces.first_stage import FirstStage, main_face, open_first_stage
from seodang.families.faces.settings import FacesSettings
from seodang.families.faces.two_stages import Seen, look_at

FEWEST = 3  # different photos of a person: to learn from, to validate and to test
FEWEST_TESTED = 20  # photos that tell something about others
ANOTHER = "take another photo, or pass {skip_bad_photos}"
SPELLED = ("skip_bad_photos",)  # settings that findings speak of
SKIPPED = "it is left out, as {skip_bad_photos} asks"
NAMED = 3  # of the photos that are skipped, in notes


@dataclass(frozen=True)
class Portrait:
    """One photo of a person, and the face in it."""

    path: Path
    name: str
    """Folder and file, for messages."""
    person: str
    digest: str
    """Of the file."""
    box: tuple[float, float, float, float]
    """x0, y0, x1, y1 in the photo."""
    chip: NDArray[np.uint8] = field(repr=False)
    """(side, side, 3)."""


@dataclass(frozen=True)
class Part:
    """Faces to learn from or to measure on."""

    portraits: tuple[Portrait, ...]
    labels: NDArray[np.int64]
    """(faces,), places among the people."""
    kept: dict[str, Floats] = field(default_factory=dict, compare=False, repr=False)
    """Embeddings by the name of what made them; computed once."""

    @property
    def chips(self) -> Chips:
        """(faces, side, side, 3)."""
        return np.stack([one.chip for one in self.portraits])


@dataclass(frozen=True)
class FacesData:
    """Faces of each part, and whose they are."""

    source: str
    people: tuple[str, ...]
    parts: Mapping[str, Part]
    notes: tuple[str, ...]

    def checksum(self) -> str:
        """A hash of every file and every face cut out, by person and part."""
        whole = hashlib.blake2b(digest_size=16)
        for part in PARTS:
            for one in self.parts[part].portraits:
                whole.update(f"{part}\0{one.person}\0{one.digest}\n".encode())
                whole.update(one.chip.tobytes())
        return whole.hexdigest()


@dataclass(frozen=True)
class Looked:
    """Every face that could be taken, by part, and everything noticed."""

    portraits: Mapping[str, tuple[Portrait, ...]]
    findings: tuple[Finding, ...]


def read_data(source: str, settings: FacesSettings) -> FacesData:
    """Find, check and split all faces.

    Raises: DataError: The first thing that is wrong; `check` tells all.
    """
    looked = look(source, settings)
    _refuse(looked.findings, f"seodang check faces {source}")
    parts = split_portraits(looked.portraits)
    people = tuple(sorted({one.person for one in parts["train"]}))
    return FacesData(
        Path(source).name, people, {part: labelled(some, people) for part, some in parts.items()}, notes_of(looked.findings)
    )


def read_others(source: str, settings: FacesSettings, people: Sequence[str]) -> tuple[Part, tuple[str, ...]]:
    """Faces of other photos of the same people, of all parts together, and what was noticed.

    Raises: DataError: Something is wrong with them, or a person was not learned.
    """
    photos, findings = find_people(source)
    taken, bad = take_faces([one for some in photos.values() for one in some], open_first_stage(settings), settings)
    _refuse((*findings, *bad), f"seodang check faces {source}")
    strangers = sorted({one.person for one in taken} - set(people))
    if strangers:
        raise DataError(f"{source}: {listed(strangers)} was not learned; the model knows {listed(list(people))}")
    if not taken:
        raise DataError(f"{source}: no face is left to measure on")
    return labelled(taken, people), notes_of((*findings, *bad))


def notes_of(findings: Sequence[Finding]) -> tuple[str, ...]:
    """Findings as notes of a run; photos that are skipped are counted, and named in one line."""
    skipped = [one for one in findings if one.fix == SKIPPED]
    notes = [f"{one.where}: {one.what}" for one in findings if one.fix != SKIPPED]
    if skipped:
        named = listed([f"{one.where} ({one.what})" for one in skipped], limit=NAMED, width=120)
        notes.insert(0, f"{counted(len(skipped), 'photo')} skipped: {named}")
    return tuple(notes)


def labelled(portraits: Sequence[Portrait], people: Sequence[str]) -> Part:
    """Faces with the places of their people."""
    places = {person: place for place, person in enumerate(people)}
    return Part(tuple(portraits), np.array([places[one.person] for one in portraits], np.int64))


def look(source: str, settings: FacesSettings) -> Looked:
    """Look at every photo.

    Raises: DataError: There is no such folder, or nobody in it.
    """
    photos, findings = find_people(source)
    first = open_first_stage(settings)
    taken: dict[str, tuple[Portrait, ...]] = {}
    for part, some in photos.items():
        portraits, bad = take_faces(some, first, settings)
        taken[part] = tuple(portraits)
        findings += bad
    findings += [*_alike(taken), *_few(source, taken), *_sizes(source, taken)]
    order = ("error", "warning", "note")
    return Looked(taken, tuple(sorted(findings, key=lambda one: order.index(one.severity))))


@dataclass(frozen=True)
class Photo:
    """A file, and whose photo it is."""

    path: Path
    person: str
    name: str
    """Folder and file, for messages."""


def find_people(source: str) -> tuple[dict[str, list[Photo]], list[Finding]]:
    """The photos in the folders of people, by part, "all" where there are no parts.

    Raises: DataError: It is no folder, or has no folder with photos.
    """
    folder = Path(source)
    check_exists(folder)
    if not folder.is_dir():
        raise DataError(f"{source}: expected a folder with a folder a person, got a file")
    parts = part_folders(folder) or {"all": folder}
    findings: list[Finding] = []
    found = {part: _photos(place, findings) for part, place in parts.items()}
    if not any(found.values()):
        raise DataError(f"{source}: there is no folder with photos in it; make one for each person (people/Ada/1.jpg)")
    return found, findings


def _photos(folder: Path, findings: list[Finding]) -> list[Photo]:
    """The photos of each person, and what is wrong with names."""
    found: list[Photo] = []
    stray = [path.name for path in sorted(folder.iterdir()) if path.is_file() and is_image(path)]
    if stray:
        what = f"{counted(len(stray), 'photo')} in no folder of a person left out ({listed(stray)})"
        findings.append(Finding("warning", str(folder), what, "move them into folders"))
    for place in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith((".", "__"))):
        files = sorted(path for path in place.rglob("*") if path.is_file() and not path.name.startswith("."))
        photos = [Photo(path, place.name, path.relative_to(folder).as_posix()) for path in files if is_image(path)]
        if not place.name.isprintable():
            findings.append(Finding("error", repr(place.name), "has a control character in its name", "rename the folder"))
        if len(photos) < len(files):
            others = [path.name for path in files if not is_image(path)]
            what = f"{counted(len(others), 'file')} left out, no image by the name ({listed(others)})"
            findings.append(Finding("note", f"{place.name}/", what))
        if not photos:
            findings.append(Finding("warning", f"{place.name}/", "holds no photo, left out", "add photos or remove it"))
        found += photos
    folded: dict[str, str] = {}
    for person in dict.fromkeys(photo.person for photo in found):
        other = folded.setdefault(fold(person), person)
        if other != person:
            what = f"is spelled like {other}/ but for case or accents, and would be another person"
            findings.append(Finding("error", f"{person}/", what, "join the two folders, or rename one"))
    return found


def take_faces(photos: Sequence[Photo], first: FirstStage, settings: FacesSettings) -> tuple[list[Portrait], list[Finding]]:
    """The face that each photo is of.

    Returns: Faces, and a finding for each photo without one that is clearly meant: a warning where such are skipped.
    """
    severity: Literal["warning", "error"] = "warning" if settings.data.skip_bad_photos else "error"
    taken: list[Portrait] = []
    bad: list[Finding] = []
    seen = look_at([photo.path for photo in photos], first.find, first.cut, None, first.threads)
    for photo, one in zip(photos, seen, strict=True):
        number = None if one.error else main_face(one.faces, one.size)
        if number is None:
            what, fix = _why_none(photo, one)
            bad.append(Finding(severity, photo.name, what, SKIPPED if severity == "warning" else fix))
            continue
        x0, y0, x1, y1 = (float(edge) for edge in one.faces.boxes[number])
        digest = hashlib.blake2b(photo.path.read_bytes(), digest_size=16).hexdigest()
        taken.append(Portrait(photo.path, photo.name, photo.person, digest, (x0, y0, x1, y1), one.chips[number]))
    return taken, bad


def _why_none(photo: Photo, seen: Seen) -> tuple[str, str]:
    """Why a photo has no face to learn from, and what to do."""
    if seen.error:
        return seen.error.removeprefix(photo.path.name).removeprefix(":").strip(), "or pass {skip_bad_photos}"
    if not len(seen.faces.boxes):
        return "no face is found in it", ANOTHER
    return f"{len(seen.faces.boxes)} faces are found in it, and none is clearly the one that is meant", ANOTHER


def split_portraits(portraits: Mapping[str, Sequence[Portrait]]) -> dict[str, tuple[Portrait, ...]]:
    """Training, validation and test: for each person by a hash of the file's name, so that each has some of all.

    Files that are equal go together, and parts that the source has stay as they are.
    """
    if set(portraits) == {"train"}:
        portraits = {"all": portraits["train"]}
    if all(part in portraits for part in PARTS):
        return {part: tuple(portraits[part]) for part in PARTS}
    by_person: defaultdict[str, dict[str, list[Portrait]]] = defaultdict(lambda: {part: [] for part in portraits})
    for part, some in portraits.items():
        for one in some:
            by_person[one.person][part].append(one)
    parts: dict[str, tuple[Portrait, ...]] = dict.fromkeys(PARTS, ())
    for _, given in sorted(by_person.items()):
        for part, some in complete_parts(given, lambda one: one.name, lambda one: one.digest).items():
            parts[part] += some
    return parts


def _alike(portraits: Mapping[str, Sequence[Portrait]]) -> Iterator[Finding]:
    """Equal files of two people, and of two parts."""
    first: dict[str, tuple[str, Portrait]] = {}
    repeats = 0
    for part, some in portraits.items():
        for one in some:
            there, other = first.setdefault(one.digest, (part, one))
            repeats += other is not one
            if other.person != one.person:
                yield Finding("error", one.name, f"is the same file as {other.name}", "remove it from one of the two people")
            elif there != part:
                what = f"is in the {part} part and, the same file, in the {there} part"
                yield Finding("error", one.name, what, "remove one of the two")
    if repeats:
        yield Finding("note", "photos", f"{counted(repeats, 'file')} repeat another; equal files stay in one part")


def _few(source: str, portraits: Mapping[str, Sequence[Portrait]]) -> Iterator[Finding]:
    """People too few, or photos of a person too few."""
    learned = {part: some for part, some in portraits.items() if part in ("all", "train")}
    photos: defaultdict[str, set[str]] = defaultdict(set)
    for some in learned.values():
        for one in some:
            photos[one.person].add(one.digest)
    if len(photos) < 2:
        what = f"{'nobody' if not photos else 'only ' + next(iter(photos))} has a photo with a face"
        yield Finding("error", source, what, "two people at least are needed; make a folder for each")
    needed = FEWEST if "all" in portraits else 1 + sum(part not in portraits for part in PARTS)
    for person, files in sorted(photos.items()):
        if len(files) < needed:
            what = f"{counted(len(files), 'photo')} with a face, {needed} different ones at least are needed"
            yield Finding("error", f"{person}/", what, "add some, or remove the folder")
    for part in (part for part in portraits if part not in learned):
        strangers = sorted({one.person for one in portraits[part]} - set(photos))
        if strangers:
            what = f"{listed(strangers)} is in the {part} part, but not in the training part"
            yield Finding("error", source, what, "add photos to learn from, or remove the folder")


def _sizes(source: str, portraits: Mapping[str, Sequence[Portrait]]) -> Iterator[Finding]:
    """How much there is, and whether the test part tells much."""
    everything = [one for some in portraits.values() for one in some]
    people = {one.person for one in everything}
    what = f"{counted(len(everything), 'face')} of {len(people):,} {'person' if len(people) == 1 else 'people'}"
    yield Finding("note", source, what)
    if len(people) > 1 and all(part in portraits or "all" in portraits for part in PARTS):
        tested = len(split_portraits(portraits)["test"])
        if tested < FEWEST_TESTED:
            what = f"the test part has {counted(tested, 'face')}, which will tell little about others"
            yield Finding("warning", source, what, "add photos, or test on others: seodang evaluate")


def _refuse(findings: Sequence[Finding], command: str) -> None:
    """Raises: DataError: The first error, if there is one."""
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        first = errors[0]
        more = f" ({len(errors) - 1:,} more: {command})" if len(errors) > 1 else ""
        raise DataError(f"{first.where}: {first.what}" + (f"; {first.fix}" if first.fix else "") + more, settings=SPELLED)
