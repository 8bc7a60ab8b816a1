"""Recognition in two stages: where is something, and then, each piece cut out and set upright, what is it?

The second stage may be any classifier of pieces: an embedding that is looked up in a gallery, or a network trained on pieces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seodang.core.errors import DataError
from seodang.core.values import Box
from seodang.families.faces.engine.alignment import Chips
from seodang.families.faces.engine.boxes import Faces
from seodang.families.faces.photos import RGB, read_photo

WINDOW = 16  # photos a thread that are looked at before their pieces are classified together
BATCH = 16  # pieces that one thread classifies at a time

NO_CHIPS: Chips = np.zeros((0, 1, 1, 3), np.uint8)

Find = Callable[[RGB], Faces]
Cut = Callable[[RGB, Faces], Chips]
Classify = Callable[[Chips], NDArray[Any]]
"""Pieces, (pieces, side, side, 3), to one answer each, (pieces, ...); called by several threads at once."""


@dataclass(frozen=True)
class Seen:
    """What was seen in one photo."""

    photo: Path
    size: tuple[int, int]
    """Height and width."""
    faces: Faces
    chips: Chips
    answers: NDArray[Any]
    """(faces, ...)."""
    error: str = ""
    """Why the photo could not be read; nothing is seen then."""


def look_at(photos: Sequence[Path], find: Find, cut: Cut | None, classify: Classify | None, threads: int) -> Iterator[Seen]:
    """Both stages over many photos, in their order.

    Args:
        photos: Files.
        find: The first stage, an image to boxes and landmarks.
        cut: What turns each box into a piece; None: nothing is cut out.
        classify: The second stage, pieces to answers; None: nothing is classified.
        threads: That work at once.
    """
    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(photos), WINDOW * threads):
            window = photos[start : start + WINDOW * threads]
            seen = list(pool.map(lambda photo: _first_stage(photo, find, cut), window))
            yield from seen if classify is None else _second_stage(seen, classify, pool)


def _first_stage(photo: Path, find: Find, cut: Cut | None) -> Seen:
    try:
        pixels = read_photo(photo)
    except DataError as error:
        nobody = Faces(np.zeros((0, 4), np.float32), np.zeros((0, 5, 2), np.float32), np.zeros(0, np.float32))
        return Seen(photo, (0, 0), nobody, NO_CHIPS, np.zeros(0), str(error))
    faces = find(pixels)
    return Seen(photo, pixels.shape[:2], faces, NO_CHIPS if cut is None else cut(pixels, faces), np.zeros(0))


def _second_stage(seen: Sequence[Seen], classify: Classify, pool: ThreadPoolExecutor) -> Iterator[Seen]:
    """The pieces of several photos classified together, so that each batch is a full one."""
    full = [one.chips for one in seen if len(one.chips)]
    if not full:
        yield from seen
        return
    chips = np.concatenate(full)
    pieces = [chips[start : start + BATCH] for start in range(0, len(chips), BATCH)]
    answers = np.concatenate(list(pool.map(classify, pieces)))
    start = 0
    for one in seen:
        yield Seen(one.photo, one.size, one.faces, one.chips, answers[start : start + len(one.chips)], one.error)
        start += len(one.chips)


def as_boxes(faces: Faces) -> tuple[Box, ...]:
    """Faces as values: plain numbers, to a tenth of a pixel."""
    found = []
    for box, landmarks, score in zip(*faces, strict=True):
        x0, y0, x1, y1 = (round(float(edge), 1) for edge in box)
        points = tuple((round(float(x), 1), round(float(y), 1)) for x, y in landmarks)
        found.append(Box((x0, y0, x1, y1), round(float(score), 4), points))
    return tuple(found)
