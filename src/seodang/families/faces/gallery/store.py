"""What a gallery asks of the place where it lies: a folder, or a server. Everything about people passes through here sealed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seodang.families.faces.gallery.records import Embeddings, LogRow


class SealedPerson(NamedTuple):
    """A row of people."""

    id: str
    key: bytes
    """The person's key, sealed with the master key."""
    card: bytes
    """Name, consent and days, sealed with the person's key."""
    faces: int


class SealedFace(NamedTuple):
    """A row of faces, each part sealed with the key of its person."""

    id: str
    person: str
    embedding: bytes
    source: bytes


class Store(ABC):
    """Rows and crops of a gallery, and the promise that a change happens whole or not at all.

    Every method is called inside of `reading`, `changing` or `erasing`.
    """

    place: str
    """As messages name it."""
    searches: bool
    """Whether `nearest` answers, over embeddings that are turned by a secret matrix; else the gallery searches in memory."""

    report_folder: Path | None = None
    """Where a report may be written; it is removed before anything is erased."""

    @abstractmethod
    def reading(self) -> AbstractContextManager[None]:
        """While it lasts, all that is read is of one moment.

        Raises:
            MachineError: The place cannot be reached or read.
            DataError: It is damaged.
        """

    @abstractmethod
    def changing(self) -> AbstractContextManager[None]:
        """While it lasts, nobody else changes anything; at its end all changes are there, and after an exception none.

        Raises:
            MachineError: Somebody else is changing the gallery and does not end, or the disk is full or read-only.
            DataError: It is damaged.
        """

    @abstractmethod
    def erasing(self) -> AbstractContextManager[None]:
        """Like `changing`, and at its end nothing is left of what was deleted or overwritten.

        A kill in between is made good by the next opening.
        """

    @abstractmethod
    def changed_elsewhere(self) -> bool:
        """Whether another process changed anything since this was asked before."""

    @abstractmethod
    def about(self) -> dict[str, bytes]:
        """What is known of the gallery itself; empty before `begin`."""

    @abstractmethod
    def begin(self, about: dict[str, bytes]) -> None:
        """Write down what is known of a new gallery."""

    @abstractmethod
    def people(self) -> list[SealedPerson]:
        """Everybody."""

    @abstractmethod
    def write_person(self, person: str, key: bytes, card: bytes) -> None:
        """Add a person, or replace the card of one who is there."""

    @abstractmethod
    def delete_person(self, person: str) -> None:
        """Remove a person and all faces and crops of that person."""

    @abstractmethod
    def faces(self, person: str | None) -> list[SealedFace]:
        """All faces, those of a person together, in the order in which they came; or those of one person."""

    @abstractmethod
    def add_faces(self, faces: Sequence[SealedFace], crops: Sequence[bytes], turned: Embeddings | None) -> None:
        """Add faces with their sealed crops; `turned` are the turned embeddings where the store searches."""

    @abstractmethod
    def crop(self, face: str) -> bytes:
        """The sealed crop of a face.

        Raises:
            DataError: It is not there.
        """

    @abstractmethod
    def nearest(self, turned: NDArray[np.float32], count: int) -> list[tuple[str, float]]:
        """People and scores, nearest first, of one turned probe, (dimensions,)."""

    @abstractmethod
    def note(self, day: str, action: str, person: str) -> None:
        """Add a line to the log."""

    @abstractmethod
    def log(self) -> list[LogRow]:
        """All lines of the log, the oldest first."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the place."""
