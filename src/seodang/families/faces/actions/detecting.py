"""`seodang faces detect`: the first stage alone, for photos and folders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from seodang.core.errors import SettingsError
from seodang.core.values import Box, Boxes, Unread
from seodang.families.faces.drawing import draw_boxes
from seodang.families.faces.engine.dlib_engine import open_landmarks68
from seodang.families.faces.engine.engine import open_finder
from seodang.families.faces.engine.weights import SIXTY_EIGHT_POINTS
from seodang.families.faces.options import DetectOptions
from seodang.families.faces.photos import find_photos, read_photo
from seodang.families.faces.two_stages import Seen, as_boxes, look_at


def detect(options: DetectOptions) -> Iterator[Boxes | Unread]:
    """The faces of each photo; an `Unread` in place of one that cannot be read.

    Raises: DataError: There is no such file or folder, or no photo in it. SettingsError: No photo is named.
    """
    if not options.photos:
        raise SettingsError("PHOTO is missing: name photos, or folders of photos.", settings=("photos",))
    photos = find_photos(options.photos)
    return _detected(photos, options)


def _detected(photos: Sequence[Path], options: DetectOptions) -> Iterator[Boxes | Unread]:
    find, threads = open_finder(options.computing)
    points = open_landmarks68() if options.points68 else None
    note = f"the 68 landmarks are {SIXTY_EIGHT_POINTS.licence}" if options.points68 else None
    for one in look_at(photos, find, None, None, threads):
        if one.error:
            yield Unread(one.error, str(one.photo))
            continue
        faces = one.faces
        if points is not None:
            faces = faces._replace(landmarks=points(read_photo(one.photo), faces.boxes))
        yield replace(value_of(one, as_boxes(faces)), note=note)
        note = None  # it is said once


def value_of(seen: Seen, boxes: tuple[Box, ...], unknown: str = "") -> Boxes:
    """What was found in a photo, with the picture of it."""
    height, width = seen.size
    pictures = {"out": lambda: draw_boxes(read_photo(seen.photo), boxes, unknown)}
    return Boxes(str(seen.photo), width, height, boxes, pictures=pictures)
