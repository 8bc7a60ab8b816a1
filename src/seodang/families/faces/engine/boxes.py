"""Boxes around faces: how much two overlap, which are the same face, and what is cut out for the second stage."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class Faces(NamedTuple):
    """Faces in one image, the likeliest first."""

    boxes: Floats
    """(faces, 4): x0, y0, x1, y1 in pixels."""
    landmarks: Floats
    """(faces, 5, 2): x, y of the left eye in the image, the other eye, the tip of the nose, both corners of the mouth;
    with the engine dlib its own: the corners of both eyes, that to the right first, and the nose."""
    scores: Floats
    """(faces,), from 0 to 1."""

    def chosen(self, rows: NDArray[np.int64]) -> Faces:
        """Some of them."""
        return Faces(*(part[rows] for part in self))


def overlaps(boxes: Floats, others: Floats) -> Floats:
    """What two boxes share of what either covers, (boxes, others)."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=2)
    areas, their_areas = (np.prod(np.maximum(some[:, 2:] - some[:, :2], 0), axis=1) for some in (boxes, others))
    either = areas[:, None] + their_areas[None] - shared
    found: Floats = np.divide(shared, either, out=np.zeros_like(shared), where=either > 0)
    return found


def without_repeats(faces: Faces, overlap: float) -> Faces:
    """Of faces that overlap by more than so much, the likeliest."""
    order = np.argsort(-faces.scores, kind="stable")
    shared = overlaps(faces.boxes[order], faces.boxes[order])
    kept: list[int] = []
    for row in range(len(order)):
        if not kept or shared[row, kept].max() <= overlap:
            kept.append(row)
    return faces.chosen(order[np.array(kept, np.int64)])
