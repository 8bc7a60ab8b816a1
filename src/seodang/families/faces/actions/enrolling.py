"""`seodang faces enroll`: photos of people who agreed, one face a photo, checked before any of them is kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np

from seodang.core.errors import DataError, SettingsError
from seodang.core.values import Table
from seodang.data.images import png_bytes
from seodang.data.records import counted
from seodang.data.tables import check_exists
from seodang.families.faces.actions.galleries import check, opened
from seodang.families.faces.actions.quality import complaint
from seodang.families.faces.engine.engine import Engine, open_engine
from seodang.families.faces.first_stage import main_face
from seodang.families.faces.gallery.gallery import one_line
from seodang.families.faces.gallery.records import KnownFace
from seodang.families.faces.options import EnrollOptions
from seodang.families.faces.photos import find_photos, read_photo
from seodang.families.faces.two_stages import Seen, look_at

FOREVER = "never"


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
    applicants = [replace(one, name=one_line(one.name, "name")) for one in _applicants(options)]
    check(options.known, options.computing.engine)
    engine = open_engine(options.computing)
    looked = {one.name: _faces(one, engine) for one in applicants}  # all are looked at before one is kept
    refused = [reason for _, reasons in looked.values() for reason in reasons]
    if refused and not options.skip_bad_photos:
        more = f" ({counted(len(refused), 'photo')} refused in all; {{skip_bad_photos}} leaves them out)" if refused[1:] else ""
        raise DataError(f"{refused[0]}{more}. Nobody was enrolled.", settings=("skip_bad_photos",))
    nobody = next((name for name, (faces, _) in looked.items() if not faces), None)
    if nobody is not None:
        raise DataError(f"{nobody}: no photo is left; {looked[nobody][1][0]}. Nobody was enrolled.")
    rows = []
    with opened(options.known, engine.name, create=True) as gallery:
        for name, (faces, _) in looked.items():
            done = gallery.enroll(name, faces, consent, until)
            rows.append((done.person.name, done.added, done.person.faces, done.person.retain_until or FOREVER))
    notes = (f"gallery: {gallery.place}", *(f"left out: {reason}" for reason in refused))
    return Table(("person", "added", "faces", "kept until"), tuple(rows), notes)


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


def _applicants(options: EnrollOptions) -> list[Applicant]:
    """One person by --name, or each folder of one folder."""
    if not options.people:
        message = "FOLDER is missing: name a folder with a folder a person, or one person's photos and {name}."
        raise SettingsError(message, settings=("name",))
    if options.name is not None:
        return [Applicant(options.name, tuple(find_photos(options.people)))]
    if len(options.people) != 1 or not Path(options.people[0]).is_dir():
        check_exists(Path(options.people[0]))
        message = "{name} is missing: say whose photos these are, or give a folder with a folder a person."
        raise SettingsError(message, settings=("name",))
    folder = Path(options.people[0])
    inside = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not inside:
        raise DataError(f"{folder}: expected a folder a person in it, found none; for one person's photos give --name NAME.")
    return [Applicant(path.name, tuple(find_photos([str(path)]))) for path in inside]


def _faces(applicant: Applicant, engine: Engine) -> tuple[list[KnownFace], list[str]]:
    """A face of each photo, and why some photos were refused."""
    faces, refused = [], []
    for seen in look_at(applicant.photos, engine.find, engine.cut, engine.embed, engine.threads):
        main, wrong = (0, seen.error) if seen.error else _main(seen, engine.name)
        if wrong:
            refused.append(f"{applicant.name}, {seen.photo.name}: {wrong}")
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
