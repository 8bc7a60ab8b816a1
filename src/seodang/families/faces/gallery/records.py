"""What a gallery keeps and answers, in the user's words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seodang.core.errors import DataError

Embeddings = NDArray[np.float32]
"""(faces, dimensions)."""


class NoGalleryError(DataError):
    """There is no gallery at a place, or one whose making was cut off before anything was in it."""


@dataclass(frozen=True)
class Person:
    """Somebody in a gallery."""

    id: str
    """Random; in no log."""
    name: str
    consent: str
    """Who agreed, and how, in words."""
    enrolled: str
    """The day of the first enrolment, as 2026-11-29."""
    retain_until: str | None
    """The last day on which the person may be kept, as 2027-11-29; None: no such day."""
    faces: int
    log_id: str
    """Random too; the only word of this person in the log. It is sealed with the rest, so what a forgotten person leaves in the
    log belongs to nobody any more."""


@dataclass(frozen=True)
class KnownFace:
    """A face to be enrolled.

    Args:
        embedding: (dimensions,), float32, as the engine gave it.
        crop: The face as the bytes of a PNG file.
        source: Name of the photo, as the user told it.
    """

    embedding: NDArray[np.float32]
    crop: bytes
    source: str


class Enrolled(NamedTuple):
    """What an enrolment did."""

    person: Person
    added: int
    """Faces that were not there before; an embedding that is there already is not added twice."""


class LogRow(NamedTuple):
    """A line of the audit log."""

    day: str
    action: str
    """enroll, rename, merge or forget."""
    person: str
    """A `Person.log_id`."""


class Nearest(NamedTuple):
    """Who looks most like each probe."""

    people: list[list[str]]
    """For each probe the ids of people, nearest first."""
    scores: NDArray[np.float32]
    """(probes, people): cosine similarity of the probe and the best face of that person, in [-1, 1]."""
