"""`seodang faces enroll`: photos of people who agreed, one face a photo, checked before any of them is kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from seodang.core.errors import DataError, SettingsError
from seodang.core.files import sha256
from seodang.core.values import Table
from seodang.data.images import is_image, png_bytes
from seodang.data.records import listed
from seodang.data.tables import check_exists
from seodang.families.faces.actions.galleries import check, opened
from seodang.families.faces.actions.identifying import UNKNOWN
from seodang.families.faces.actions.quality import complaint
from seodang.families.faces.engine.engine import Engine, open_engine
from seodang.families.faces.first_stage import main_face
from seodang.families.faces.gallery.gallery import Gallery, one_line
from seodang.families.faces.gallery.records import KnownFace, Person
from seodang.families.faces.options import EnrollOptions
from seodang.families.faces.photos import find_photos, read_photo
from seodang.families.faces.scores.calibration import shipped_calibration
from seodang.families.faces.two_stages import Seen, look_at

FOREVER = "never"
SAME_RATE = 1e-4  # of pairs of two people that would be taken for one, where a face is told to look like somebody else


@dataclass(frozen=True)
class Applicant:
    """A person to be enrolled."""

    name: str
    photos: tuple[Path, ...]


def enroll(options: EnrollOptions) -> Table:
    """Enroll people, all of those that are named or none.

    Returns: A row a person.
    Raises:
        SettingsError: Consent or the last day is missing, or the day is past.
        DataError: A photo shows no face, several, or a poor one; or the gallery refuses.
        MachineError: The gallery cannot be written.
    """
    consent, until = one_line(_consent(options.consent), "consent"), _last_day(options.retain_until)
    check(options.known, options.computing.engine)
    applicants, left_out = _applicants(options)
    engine = open_engine(options.computing)
    looked = {one.name: _faces(one, engine) for one in applicants}  # all are looked at before one is kept
    left_out += [reason for _, reasons in looked.values() for reason in reasons]
    left_out += [f"{name}: no photo is left" for name, (faces, _) in looked.items() if not faces]
    if left_out and not options.skip_bad_photos:
        raise DataError(_all_reasons(left_out), settings=("skip_bad_photos",))
    if not any(faces for faces, _ in looked.values()):
        raise DataError(f"{left_out[0]}. No photo is left, and nobody was enrolled.")
    with opened(options.known, engine.name, create=True) as gallery:
        done = [(gallery.enroll(name, faces, consent, until), faces) for name, (faces, _) in looked.items() if faces]
        alike = [note for one, faces in done for note in _alike(gallery, one.person, faces)]
    rows = tuple((one.person.name, one.added, one.person.faces, one.person.retain_until or FOREVER) for one, _ in done)
    notes = (f"gallery: {gallery.place}", *(f"left out: {reason}" for reason in left_out), *alike)
    return Table(("person", "added", "faces", "kept until"), rows, notes)


def _all_reasons(reasons: Sequence[str]) -> str:
    """The first reason in full, and where the others are."""
    if len(reasons) == 1:
        return f"{reasons[0]}. Nobody was enrolled; {{skip_bad_photos}} leaves it out."
    others = [reason.partition(":")[0] for reason in reasons[1:]]
    return (
        f"{reasons[0]}; and {len(others):,} more ({listed(others)}). Nobody was enrolled; {{skip_bad_photos}} leaves them out."
    )


def _alike(gallery: Gallery, person: Person, faces: Sequence[KnownFace]) -> Iterator[str]:
    """What may be filed under a wrong name: a face that is as much like somebody else as two photos of one person."""
    threshold = shipped_calibration(gallery.engine).threshold(SAME_RATE)
    names = {one.id: one.name for one in gallery.people()}
    people, scores = gallery.nearest(np.stack([face.embedding for face in faces]), 2)
    for face, near, score in zip(faces, people, scores, strict=True):
        for other, likeness in zip(near, score, strict=True):
            if other != person.id and likeness >= threshold:
                yield f"{person.name}, {face.source} looks like {names[other]} ({likeness:.2f}); is it in the right folder?"


def _consent(given: str | None) -> str:
    if given is None or not given.strip():
        raise SettingsError(
            "{consent} is missing: say who agreed to be recognised, and how, such as --consent 'Ada, in writing, 2026-11-29'.",
            settings=("consent",),
        )
    return given


def _last_day(given: str | None) -> date | None:
    """The day, or None for `never`."""
    if given == FOREVER:
        return None
    expected = "a day as 2027-12-31, or never"
    if given is None:
        message = f"{{retain_until}} is missing: say until when the faces may be kept, {expected}."
        raise SettingsError(message, settings=("retain_until",))
    try:
        day = date.fromisoformat(given)
    except ValueError:
        raise SettingsError(f"{{retain_until}} must be {expected}, got {given!r}.", settings=("retain_until",)) from None
    if day < date.today():
        raise SettingsError(f"{{retain_until}} must be a day to come, got {given}.", settings=("retain_until",))
    return day


def _applicants(options: EnrollOptions) -> tuple[list[Applicant], list[str]]:
    """One person by --name, or each folder of one folder; and what is left aside.

    Raises: SettingsError: It is not said whose photos these are. DataError: There is nobody, or one file is two people's.
    """
    if not options.people:
        message = "FOLDER is missing: name a folder with a folder a person, or one person's photos and {name}."
        raise SettingsError(message, settings=("name",))
    if options.name is not None:
        return [Applicant(_name(options.name), tuple(find_photos(options.people)))], []
    if len(options.people) != 1 or not Path(options.people[0]).is_dir():
        check_exists(Path(options.people[0]))
        message = "{name} is missing: say whose photos these are, or give a folder with a folder a person."
        raise SettingsError(message, settings=("name",))
    folder = Path(options.people[0])
    inside = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not inside:
        raise DataError(f"{folder}: expected a folder a person in it, found none; for one person's photos give --name NAME.")
    aside = [f"{path.name}: in no folder of a person" for path in sorted(folder.iterdir()) if path.is_file() and is_image(path)]
    found = []
    for path in inside:
        photos = sorted(one for one in path.rglob("*") if one.is_file() and is_image(one))
        if photos:
            found.append(Applicant(_name(path.name), tuple(photos)))
        else:
            aside.append(f"{path.name}: there is no photo in this folder")
    if not found:
        raise DataError(f"{folder}: there is no photo in any of its folders.")
    _refuse_shared(found)
    return found, aside


def _name(given: str) -> str:
    """A name as it is kept. Raises: DataError: It cannot be shown in a line, or would be taken for a stranger's."""
    name = one_line(given, "name")
    if name.casefold() == UNKNOWN:
        raise DataError(f"nobody can be called {name!r}: strangers are. Give another name.")
    return name


def _refuse_shared(applicants: Sequence[Applicant]) -> None:
    """Raises: DataError: The same file lies in the folders of two people."""
    owners: dict[str, tuple[str, Path]] = {}
    for one in applicants:
        for photo in one.photos:
            name, other = owners.setdefault(sha256(photo), (one.name, photo))
            if name != one.name:
                raise DataError(
                    f"{one.name}, {photo.name}: is the same file as {name}, {other.name}; remove it from one of both."
                )


def _faces(applicant: Applicant, engine: Engine) -> tuple[list[KnownFace], list[str]]:
    """A face of each photo, and why some photos were refused."""
    faces, refused = [], []
    for seen in look_at(applicant.photos, engine.find, engine.cut, engine.embed, engine.threads):
        main, wrong = (0, seen.error) if seen.error else _main(seen, engine.name)
        if wrong:
            reason = wrong.removeprefix(seen.photo.name).lstrip(": ")
            refused.append(f"{applicant.name}, {seen.photo.name}: {reason}")
            continue
        faces.append(KnownFace(seen.answers[main], png_bytes(seen.chips[main]), seen.photo.name))
    return faces, refused


def _main(seen: Seen, engine: str) -> tuple[int, str]:
    """The face that a photo is of, and why it cannot be enrolled; nothing when it can."""
    if not len(seen.faces.boxes):
        return 0, "no face was found; take one from the front, in good light"
    main = main_face(seen.faces, seen.size)
    if main is None:
        return 0, f"{len(seen.faces.boxes)} faces, and it is not clear whose is meant; cut the photo to the one"
    return main, complaint(read_photo(seen.photo), seen.faces.chosen(np.array([main])), engine)
