"""`seodang faces identify` and `verify`: whose faces are these, and are two faces one person's?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

from seodang.core.errors import DataError, SettingsError
from seodang.core.values import Box, Boxes, Table, Unread
from seodang.data.tables import check_exists
from seodang.families.faces.actions.detecting import value_of
from seodang.families.faces.actions.galleries import calibration, opened
from seodang.families.faces.engine.boxes import Floats
from seodang.families.faces.engine.engine import Engine, open_engine
from seodang.families.faces.first_stage import main_face
from seodang.families.faces.gallery.gallery import Gallery
from seodang.families.faces.options import IdentifyOptions, VerifyOptions
from seodang.families.faces.photos import find_photos
from seodang.families.faces.scores.calibration import Calibration, shipped_calibration
from seodang.families.faces.two_stages import as_boxes, look_at

UNKNOWN = "unknown"
LIKELIER = 0.5  # a name is given when it is likelier right than wrong


def identify(options: IdentifyOptions) -> Iterator[Boxes | Unread]:
    """The faces of each photo with the name of the person of the gallery, or unknown; an `Unread` for what cannot be read.

    A face is named when its likeness to the nearest person is above the threshold at which so many strangers as
    `false_match_rate` says would be named in a gallery of this size, and the name is likelier right than wrong. Beside a name
    stands the chance that it is right, beside unknown the chance that it is not the nearest person, if half of the faces that
    are asked about were of enrolled people. Nobody is named after the last day.

    Raises:
        SettingsError: No photo or no gallery is named.
        DataError: There is no such photo; the gallery is empty or refuses.
    """
    if not options.photos:
        raise SettingsError("PHOTO is missing: name photos, or folders of photos.", settings=("photos",))
    photos = find_photos(options.photos)
    gallery = opened(options.known, options.computing.engine)
    return _identified(photos, gallery, options)


def _identified(photos: Sequence[Path], gallery: Gallery, options: IdentifyOptions) -> Iterator[Boxes | Unread]:
    with gallery:
        names = {person.id: person.name for person in gallery.people()}
        if not names:
            raise DataError(f"{gallery.place}: nobody is enrolled in this gallery; `seodang faces enroll` adds people.")
        past = {person.id for person in gallery.expired(date.today())}
        judge = Judge(gallery, names, past, calibration(gallery), options.false_match_rate)
        engine = open_engine(options.computing)
        note: str | None = None
        for seen in look_at(photos, engine.find, engine.cut, engine.embed, engine.threads):
            if seen.error:
                yield Unread(seen.error, str(seen.photo))
                continue
            boxes = judge.named(as_boxes(seen.faces), seen.answers)
            said, note = note, gallery.note
            yield replace(value_of(seen, boxes, UNKNOWN), note=note if note != said else None)


class Judge:
    """Decides who somebody is.

    Args:
        gallery: Who is known.
        names: Of the people, by id.
        past: Ids of those whose last day is past, who are not named any more.
        measured: What scores mean.
        false_match_rate: Part of strangers that may be named.
    """

    def __init__(
        self, gallery: Gallery, names: dict[str, str], past: set[str], measured: Calibration, false_match_rate: float
    ) -> None:
        self.gallery, self.names, self.past, self.measured = gallery, names, past, measured
        self.faces = sum(person.faces for person in gallery.people())
        self.threshold = measured.threshold(false_match_rate, self.faces, len(names))

    def named(self, boxes: tuple[Box, ...], embeddings: Floats) -> tuple[Box, ...]:
        """Boxes with the names of their faces, and how likely these are right."""
        if not boxes:
            return boxes
        people, scores = self.gallery.nearest(embeddings, 1)
        return tuple(
            self._named(box, person[0], float(score[0])) for box, person, score in zip(boxes, people, scores, strict=True)
        )

    def _named(self, box: Box, person: str, score: float) -> Box:
        chance = self.measured.probability(score, self.faces, len(self.names))
        if person in self.past:
            return replace(box, label=UNKNOWN, note="like somebody whose last day is past: `seodang faces expire` forgets them")
        if score >= self.threshold and chance >= LIKELIER:
            return replace(box, label=self.names[person], probability=round(chance, 4))
        return replace(box, label=UNKNOWN, probability=round(1 - chance, 4))


def verify(options: VerifyOptions) -> Table:
    """Whether the faces that two photos are of are one person's.

    Returns: The verdict, how alike they are, the threshold, and the chance that they are one person's, if half of the pairs
        that are asked about were.
    Raises: SettingsError: There are not two photos. DataError: One cannot be read, or no face is clearly meant.
    """
    if len(options.photos) != 2:
        raise SettingsError(f"Two photos are compared, got {len(options.photos)}.", settings=("photos",))
    engine = open_engine(options.computing)
    one, other = (_embedding(photo, engine) for photo in map(Path, options.photos))
    likeness = float(one @ other)
    measured = shipped_calibration(engine.name)
    threshold = measured.threshold(options.false_match_rate)
    verdict = "same person" if likeness >= threshold else "two people"
    row = (verdict, round(likeness, 4), round(threshold, 4), round(measured.probability(likeness), 4))
    return Table(("verdict", "likeness", "threshold", "probability of one person"), (row,))


def _embedding(photo: Path, engine: Engine) -> Floats:
    """That of the face that the photo is of. Raises: DataError: It cannot be read, or no face is clearly meant."""
    check_exists(photo)
    if photo.is_dir():
        raise DataError(f"{photo} is a folder; name the photo in it")
    (seen,) = look_at([photo], engine.find, engine.cut, engine.embed, 1)
    main = None if seen.error else main_face(seen.faces, seen.size)
    if main is None:
        several = f"{len(seen.faces.boxes)} faces, and it is not clear whose is meant; cut the photo to the one"
        raise DataError(seen.error or f"{photo.name}: {several if len(seen.faces.boxes) else 'no face was found'}")
    found: Floats = seen.answers[main]
    return found
