"""The gallery: enroll people, find who is nearest, forget them for good."""

from __future__ import annotations

import difflib
import functools
import threading
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np

from seodang.core.errors import DataError
from seodang.families.faces.gallery.records import Embeddings, Enrolled, KnownFace, LogRow, Nearest, Person
from seodang.families.faces.gallery.rows import Known, Rows, drawn_id, unlocked
from seodang.families.faces.gallery.sealing import Key, MasterKey
from seodang.families.faces.gallery.search import Index, normalised
from seodang.families.faces.gallery.store import Store

SERVERS = ("postgresql://", "postgres://")
P = ParamSpec("P")
R = TypeVar("R")


def open_gallery(place: str, master: MasterKey, engine: str | None, *, create: bool) -> Gallery:
    """A gallery in a folder, or on a PostgreSQL server.

    Args:
        place: Path of the folder, or postgresql://user@host/database.
        master: Where the master key comes from: see `sealing.master_key`.
        engine: Name of what makes the embeddings; those of two engines cannot be compared. None: of those that are there.
        create: Make the gallery if it is not there.

    Raises:
        DataError: There is no gallery and none shall be made; it is damaged, of another engine, or sealed with another key.
        MachineError: It cannot be reached, read or written, or another process is changing it.
        MissingExtraError: A server is asked for and the package psycopg is not installed.
    """
    store = _store(place, create=create)
    try:
        return Gallery(store, master, engine, create=create)
    except BaseException:
        store.close()
        raise


def _store(place: str, *, create: bool) -> Store:
    """Each place costs its own imports alone."""
    if place.startswith(SERVERS):
        from seodang.families.faces.gallery.postgres import PostgresStore

        return PostgresStore(place, create=create)
    from seodang.families.faces.gallery.sqlite import SqliteStore

    return SqliteStore(Path(place), create=create)


def _alone(method: Callable[Concatenate[Gallery, P], R]) -> Callable[Concatenate[Gallery, P], R]:
    """One thread at a time: a server asks from many."""

    @functools.wraps(method)
    def guarded(self: Gallery, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with self._guard:
            return method(self, *args, **kwargs)

    return guarded


class Gallery:
    """Who is known by which faces.

    Names, consent, names of photos, embeddings and crops are sealed with a key of each person's own (AES-256-GCM), and that key
    with the master key. It lies in the person's row alone; so without the row nothing of the person opens any more, wherever a
    copy of the rest is left. Embeddings are opened once and searched in memory. A change by another process is noticed at the
    next call.

    Args:
        store: Where it lies.
        master: Where the master key comes from.
        engine: What makes the embeddings; None: what made those that are there.
        create: Begin a new gallery if there is none.

    Raises:
        DataError: There is none and none shall be made; it is of another engine or format, or the master key is another one.
    """

    def __init__(self, store: Store, master: MasterKey, engine: str | None, *, create: bool) -> None:
        self._store = store
        self._guard = threading.RLock()
        self._people: dict[str, Known] | None = None
        self._size: int | None = None
        self._faces: tuple[list[str], Embeddings] | None = None
        self._index: Index | None = None
        key, self.engine = unlocked(store, master, engine, create=create)
        """Name of what makes the embeddings."""
        self._rows = Rows(store, key)

    def __enter__(self) -> Gallery:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def place(self) -> str:
        """Where it lies, as messages name it; without a password."""
        return self._store.place

    @property
    def note(self) -> str | None:
        """What the user may want to know of the way of searching, or None."""
        return self._index.note if self._index else None

    @property
    def report_folder(self) -> Path | None:
        """Where a report of it may lie, which goes with every face that it may show; None where there is no folder."""
        return self._store.report_folder

    @_alone
    def close(self) -> None:
        """Let go of the folder or the server."""
        self._store.close()

    @_alone
    def people(self) -> list[Person]:
        """Everybody, in the order of their names."""
        with self._store.reading():
            return sorted((known.person for known in self._current().values()), key=lambda person: (person.name, person.id))

    @_alone
    def find(self, name: str) -> Person:
        """The person of a name.

        Raises:
            DataError: Nobody is called so; the message says who is called almost so.
        """
        wanted, people = _tidy(name), self.people()
        found = next((person for person in people if person.name == wanted), None)
        if found is None:
            near = difflib.get_close_matches(wanted, [person.name for person in people], n=1)
            hint = f"Did you mean {near[0]}?" if near else "Nobody has a name like it."
            raise DataError(f"nobody is called {wanted!r} in {self.place}. {hint}")
        return found

    @_alone
    def enroll(self, name: str, faces: Sequence[KnownFace], consent: str, retain_until: date | None) -> Enrolled:
        """Add a person, or more faces of a person who is known by that name; all of it or nothing.

        Of a known person the day of the first enrolment stays; another consent is written after the earlier one; and the
        retention day is replaced by a new one and kept where None is given, so that leaving it out keeps nobody for longer.

        Args:
            name: Of the person.
            faces: At least one.
            consent: Who agreed, and how, in words.
            retain_until: The last day on which the person may be kept; None: no such day.

        Raises:
            DataError: Name or consent is empty, there is no face, an embedding is not like the others, or the day is past.
            MachineError: The disk is full or read-only, or another process is changing the gallery.
        """
        name, consent = one_line(name, "name"), one_line(consent, "consent")
        if retain_until is not None and retain_until < date.today():
            raise DataError(f"expected a retention day that is not past, got {retain_until.isoformat()}.")
        with self._changing():
            known = self._current()
            self._check(faces, known)
            old = next((one for one in known.values() if one.person.name == name), None)
            now = self._admitted(old, name, consent, retain_until)
            self._rows.write(now)
            added = self._rows.add(now, faces)
            now = now._replace(person=_with_faces(now.person, added))
            self._store.note(_today(), "enroll", now.person.log_id)
        known[now.person.id] = now
        self._changed_faces()
        return Enrolled(now.person, added)

    @_alone
    def rename(self, person_id: str, new_name: str) -> Person:
        """Call a person otherwise; nothing is left of the old name.

        Raises:
            DataError: There is no such person, the name is empty, or somebody else has it.
        """
        new_name = one_line(new_name, "name")
        with self._erasing():
            known = self._current()
            old = self._known_by(person_id)
            if any(one.person.name == new_name and one.person.id != person_id for one in known.values()):
                raise DataError(
                    f"somebody is called {new_name!r} in {self.place} already; merge the two if they are one person."
                )
            now = old._replace(person=_changed(old.person, name=new_name))
            self._rows.write(now)
            self._store.note(_today(), "rename", old.person.log_id)
        return now.person

    @_alone
    def merge(self, person_id: str, into_id: str) -> Person:
        """Give all faces of one person to another and forget the one.

        The faces are sealed anew with the other's key. Name and first day are the other's; both consents stand one after the
        other, and the earlier of both last days holds, so that no face is kept for longer than was agreed.

        Raises:
            DataError: There is no such person, or both are the same.
        """
        if person_id == into_id:
            raise DataError(f"expected two people to merge, got the same twice in {self.place}.")
        with self._erasing():
            one, other = self._known_by(person_id), self._known_by(into_id)
            added = self._rows.add(other, self._rows.faces(one))
            now = other._replace(person=_with_faces(_agreed(other.person, one.person), added))
            self._rows.write(now)
            self._store.delete_person(person_id)
            self._store.note(_today(), "merge", other.person.log_id)
            self._store.note(_today(), "forget", one.person.log_id)
        return now.person

    @_alone
    def forget(self, person_id: str) -> None:
        """Remove a person's key, rows and crops; nothing of them is left in any file of the gallery.

        Raises:
            DataError: There is no such person.
            MachineError: Another process is changing the gallery, or reads it for so long that old bytes stay until the next
                opening.
        """
        self._forget([person_id])

    @_alone
    def forget_photo(self, person_id: str, source: str) -> Person:
        """Remove what a person has from a photo of that name; nothing of it is left in any file of the gallery.

        Raises:
            DataError: There is no such person or photo, or it is all that the person has.
            MachineError: As `forget`.
        """
        with self._erasing():
            known = self._known_by(person_id)
            faces = self._rows.faces(known)
            kept = [face for face in faces if face.source != source]
            if len(kept) == len(faces):
                near = difflib.get_close_matches(source, [face.source for face in faces], n=1)
                hint = f"Did you mean {near[0]}?" if near else f"There are {len(faces)} photos."
                raise DataError(f"{known.person.name} has no photo {source!r} in {self.place}. {hint}")
            if not kept:
                raise DataError(f"{source} is all that {self.place} has of {known.person.name}; forget the person instead.")
            self._store.delete_person(person_id)
            bare = known._replace(person=_changed(known.person, faces=0))
            self._rows.write(bare)
            person = _with_faces(bare.person, self._rows.add(bare, kept))
            self._store.note(_today(), "forget photo", person.log_id)
        return person

    @_alone
    def expired(self, today: date) -> list[Person]:
        """The people whose last day is before `today`, in the order of their names."""
        return [one for one in self.people() if one.retain_until is not None and one.retain_until < today.isoformat()]

    @_alone
    def forget_expired(self, today: date) -> list[Person]:
        """Forget the people whose last day is before `today`, all of them at once; returns who they were."""
        gone = self.expired(today)
        if gone:
            self._forget([person.id for person in gone])
        return gone

    @_alone
    def faces(self) -> tuple[list[str], Embeddings]:
        """The person of each face, and all embeddings as the engine gave them, (faces, dimensions), by person."""
        with self._store.reading():
            return self._all_faces()

    @_alone
    def crops(self, person_id: str) -> list[bytes]:
        """The faces of a person as the bytes of PNG files, in the order in which they were enrolled.

        Raises:
            DataError: There is no such person, or a crop is missing or damaged.
        """
        with self._store.reading():
            self._current()
            return self._rows.crops(self._known_by(person_id))

    @_alone
    def sources(self, person_id: str) -> list[str]:
        """The names of the photos from which the faces of a person are, in the order of `crops`."""
        with self._store.reading():
            self._current()
            return self._rows.sources(self._known_by(person_id))

    @_alone
    def nearest(self, probes: Embeddings, count: int) -> Nearest:
        """The people whose best face looks most like each probe.

        Args:
            probes: (probes, dimensions), float32, by the engine of the gallery.
            count: People wanted for each; fewer are given where fewer are known.

        Raises:
            DataError: A probe is not like the gallery's embeddings.
        """
        with self._store.reading():
            known = self._current()
            if self._store.searches:
                return self._asked(probes, min(count, len(known)))
            if self._index is None:
                self._index = Index(*self._all_faces())
        return self._index.nearest(probes, count)

    @_alone
    def log(self) -> list[LogRow]:
        """The audit log, the oldest line first: what was done, to whom by a random word, never by name."""
        with self._store.reading():
            return self._store.log()

    def _drop(self) -> None:
        """Keep nothing in memory that may be old."""
        self._people = None
        self._size = None
        self._changed_faces()

    def _changed_faces(self) -> None:
        self._faces = None
        self._index = None

    def _current(self) -> dict[str, Known]:
        """Everybody by id, read again where another process changed anything."""
        if self._store.changed_elsewhere():
            self._drop()
        if self._people is None:
            self._people = self._rows.people()
        return self._people

    def _known_by(self, person_id: str) -> Known:
        known = self._current().get(person_id)
        if known is None:
            raise DataError(f"nobody in {self.place} has the id {person_id!r}.")
        return known

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """`Store.changing`; what is remembered may be wrong after an error, so it is read again then."""
        try:
            with self._store.changing():
                yield
        except BaseException:
            self._drop()
            raise

    @contextmanager
    def _erasing(self) -> Iterator[None]:
        """`Store.erasing`, after which nothing is remembered, however it ended."""
        try:
            with self._store.erasing():
                yield
        finally:
            self._drop()

    def _forget(self, ids: Iterable[str]) -> None:
        with self._erasing():
            for person_id in ids:
                known = self._known_by(person_id)
                self._store.delete_person(person_id)
                self._store.note(_today(), "forget", known.person.log_id)

    def _check(self, faces: Sequence[KnownFace], known: dict[str, Known]) -> None:
        """Every face is like the others of the gallery."""
        if not faces:
            raise DataError("expected at least one face to enroll, got none.")
        size = self._dimensions(known) or faces[0].embedding.size
        for face in faces:
            if face.embedding.shape != (size,):
                got = "x".join(map(str, face.embedding.shape))
                raise DataError(f"{face.source}: expected an embedding of {size} numbers, as the others have, got {got}.")
            normalised(face.embedding[None], face.source)

    def _dimensions(self, known: dict[str, Known]) -> int | None:
        """Of the embeddings that are there."""
        someone = next(iter(known.values()), None)
        if self._size is None and someone is not None:
            self._size = self._rows.embeddings(someone)[0].size
        return self._size

    def _admitted(self, old: Known | None, name: str, consent: str, retain_until: date | None) -> Known:
        """The person as of now, without the new faces."""
        last = retain_until.isoformat() if retain_until else None
        if old is None:
            return Known(Key.drawn(), Person(drawn_id(), name, consent, _today(), last, 0, drawn_id()))
        earlier = old.person
        if earlier.consent == consent or earlier.consent.endswith(f": {consent}"):
            consent = earlier.consent
        else:
            consent = f"{earlier.consent}; {_today()}: {consent}"
        return old._replace(person=_changed(earlier, consent=consent, retain_until=last or earlier.retain_until))

    def _asked(self, probes: Embeddings, count: int) -> Nearest:
        """What the server finds."""
        if count < 1 or not len(probes):
            return Nearest([[] for _ in probes], np.zeros((len(probes), 0), np.float32))
        wanted = self._dimensions(self._current())
        if probes.shape[1:] != (wanted,):
            got = "x".join(map(str, probes.shape[1:]))
            raise DataError(f"the probes: expected {wanted} numbers an embedding, as the gallery has, got {got}.")
        answers = [self._store.nearest(probe, count) for probe in self._rows.turned(probes, "the probes")]
        scores = np.array([[score for _, score in answer] for answer in answers], np.float32)
        return Nearest([[person for person, _ in answer] for answer in answers], np.clip(scores, -1, 1))

    def _all_faces(self) -> tuple[list[str], Embeddings]:
        known = self._current()
        if self._faces is None:
            self._faces = self._rows.all_embeddings(known)
        return self._faces


def _changed(person: Person, **changes: Any) -> Person:
    return Person(**{**vars(person), **changes})


def _agreed(person: Person, joined: Person) -> Person:
    """A person with what was agreed for faces that join."""
    days = [day for day in (person.retain_until, joined.retain_until) if day is not None]
    consent = person.consent if joined.consent == person.consent else f"{person.consent}; of joined faces: {joined.consent}"
    return _changed(person, consent=consent, retain_until=min(days, default=None))


def _with_faces(person: Person, added: int) -> Person:
    return _changed(person, faces=person.faces + added)


def _today() -> str:
    return date.today().isoformat()


def _tidy(text: str) -> str:
    """One spelling of a text: an accent is part of its letter, and no blanks stand around it."""
    return unicodedata.normalize("NFC", text).strip()


def one_line(text: str, what: str) -> str:
    """A name or a consent as it is kept: it can be shown in a line.

    Raises:
        DataError: It is empty, or has characters that cannot be shown.
    """
    text = _tidy(text)
    if not text or not text.isprintable():
        raise DataError(f"expected a {what} in one line of printable characters, got {text!r}.")
    return text
