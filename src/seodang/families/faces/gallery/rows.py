"""People and faces of a store: sealed when they are written, opened when they are read."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seodang.core.errors import DataError
from seodang.families.faces.gallery.records import Embeddings, KnownFace, NoGalleryError, Person
from seodang.families.faces.gallery.sealing import SALT_BYTES, Key, MasterKey, turning
from seodang.families.faces.gallery.search import normalised
from seodang.families.faces.gallery.store import SealedFace, Store

FORMAT = b"1"
ID_BYTES = 16
PROOF = b"seodang gallery"  # sealed with the master key, it tells a wrong key from a damaged gallery


class Known(NamedTuple):
    """A person and the key that opens what is kept of that person."""

    key: Key
    person: Person


def drawn_id() -> str:
    """A random word that says nothing."""
    return secrets.token_hex(ID_BYTES)


def unlocked(store: Store, master: MasterKey, engine: str | None, *, create: bool) -> tuple[Key, str]:
    """The master key, proven by bytes that it sealed when the gallery was made; or the gallery is made now.

    Returns: The key, and the name of the engine whose embeddings are kept.

    Raises:
        DataError: There is no gallery and none shall be made; it is of another engine or format, or the key is another one.
    """
    with store.reading():
        about = store.about()
    if not about:
        if not create:
            raise NoGalleryError(f"{store.place}: no such gallery; `seodang faces enroll` makes one.")
        assert engine, "a new gallery is of some engine"
        salt = secrets.token_bytes(SALT_BYTES)
        key = master(salt, create=True)
        with store.changing():
            about = store.about()
            if not about:  # else another process made it meanwhile
                store.begin({"format": FORMAT, "engine": engine.encode(), "salt": salt, "proof": key.seal(PROOF, "proof")})
                return key, engine
    if about["format"] != FORMAT:
        raise DataError(f"{store.place}: expected a gallery of format {FORMAT.decode()}, got {about['format'].decode()}.")
    its_own = about["engine"].decode()
    if engine not in (None, its_own):
        raise DataError(
            f"{store.place}: its embeddings are by the engine {its_own}, and those of {engine} cannot be "
            "compared with them; use that engine, or enroll the photos into another gallery."
        )
    key = master(about["salt"], create=False)
    try:
        key.open(about["proof"], "proof")
    except DataError as error:
        raise DataError(f"{store.place}: the passphrase or key is not the one that this gallery was made with.") from error
    return key, its_own


class Rows:
    """Reads and writes a store with the master key, inside of its `reading`, `changing` or `erasing`.

    Every sealed part is bound to what it is and to the id of its row, so that none can be put into another's place.
    """

    def __init__(self, store: Store, master: Key) -> None:
        self._store, self._master = store, master
        self._turning: NDArray[np.float32] | None = None

    def people(self) -> dict[str, Known]:
        """Everybody by id."""
        found = {}
        for row in self._store.people():
            key = Key(self._opened(self._master, row.key, f"key {row.id}"))
            card = json.loads(self._opened(key, row.card, f"card {row.id}"))
            found[row.id] = Known(key, Person(id=row.id, faces=row.faces, **card))
        return found

    def write(self, known: Known) -> None:
        """Add a person, or write the card of one anew."""
        card = {name: value for name, value in vars(known.person).items() if name not in ("id", "faces")}
        sealed = known.key.seal(json.dumps(card).encode(), f"card {known.person.id}")
        self._store.write_person(known.person.id, self._master.seal(known.key.secret, f"key {known.person.id}"), sealed)

    def embeddings(self, known: Known) -> list[NDArray[np.float32]]:
        """Of the faces of a person, each (dimensions,)."""
        return [self._embedding(known.key, row) for row in self._store.faces(known.person.id)]

    def all_embeddings(self, people: Mapping[str, Known]) -> tuple[list[str], Embeddings]:
        """The person of each face, and all embeddings."""
        rows = self._store.faces(None)
        found = [self._embedding(people[row.person].key, row) for row in rows]
        return [row.person for row in rows], np.stack(found) if found else np.zeros((0, 0), np.float32)

    def crops(self, known: Known) -> list[bytes]:
        """Of the faces of a person."""
        return [self._crop(known.key, row) for row in self._store.faces(known.person.id)]

    def sources(self, known: Known) -> list[str]:
        """Of the faces of a person."""
        return [self._source(known.key, row) for row in self._store.faces(known.person.id)]

    def faces(self, known: Known) -> list[KnownFace]:
        """All of a person, as they were enrolled."""
        key, rows = known.key, self._store.faces(known.person.id)
        return [KnownFace(self._embedding(key, row), self._crop(key, row), self._source(key, row)) for row in rows]

    def add(self, known: Known, faces: Iterable[KnownFace]) -> int:
        """Add the faces whose embeddings this person does not have yet; returns how many."""
        there = {embedding.tobytes() for embedding in self.embeddings(known)}
        new: list[KnownFace] = []
        for face in faces:
            content = _floats(face.embedding).tobytes()
            if content not in there:
                there.add(content)
                new.append(face)
        if not new:
            return 0
        named = [(drawn_id(), face) for face in new]
        rows = [_sealed(known, name, face) for name, face in named]
        crops = [known.key.seal(face.crop, f"crop {name}") for name, face in named]
        embeddings = np.stack([_floats(face.embedding) for face in new])
        self._store.add_faces(rows, crops, self.turned(embeddings, "the faces") if self._store.searches else None)
        return len(new)

    def turned(self, embeddings: Embeddings, what: str) -> Embeddings:
        """Embeddings as a server may know them, of length 1; `what` names them in an error."""
        if self._turning is None or len(self._turning) != embeddings.shape[1]:
            self._turning = turning(self._master, embeddings.shape[1])
        return normalised(embeddings, what) @ self._turning

    def _embedding(self, key: Key, row: SealedFace) -> NDArray[np.float32]:
        return np.frombuffer(self._opened(key, row.embedding, f"embedding {row.id}"), "<f4")

    def _source(self, key: Key, row: SealedFace) -> str:
        return self._opened(key, row.source, f"source {row.id}").decode()

    def _crop(self, key: Key, row: SealedFace) -> bytes:
        return self._opened(key, self._store.crop(row.id), f"crop {row.id}")

    def _opened(self, key: Key, sealed: bytes, about: str) -> bytes:
        try:
            return key.open(sealed, about)
        except DataError as error:
            what = about.partition(" ")[0]
            raise DataError(
                f"{self._store.place}: damaged: a sealed {what} was changed; bring back a copy of the gallery."
            ) from error


def _sealed(known: Known, name: str, face: KnownFace) -> SealedFace:
    embedding = known.key.seal(_floats(face.embedding).tobytes(), f"embedding {name}")
    return SealedFace(name, known.person.id, embedding, known.key.seal(face.source.encode(), f"source {name}"))


def _floats(embedding: NDArray[np.float32]) -> NDArray[np.float32]:
    """As it is kept: the same bytes on every machine."""
    return np.ascontiguousarray(embedding, "<f4")
