"""A gallery in a folder: one SQLite database, and a sealed file a crop.

A crop is written before its row, and removed after it; so a kill leaves at most files without a row, and the next opening
removes those. Whoever changes anything holds the lock of the folder meanwhile, so that nobody takes another's new files for
left-over ones.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from seodang.core.errors import DataError, MachineError
from seodang.core.files import machine_errors, sync_folder, write_bytes
from seodang.families.faces.gallery.records import Embeddings, LogRow, NoGalleryError
from seodang.families.faces.gallery.store import SealedFace, SealedPerson, Store

DATABASE, LOCK, CROPS, REPORT = "gallery.sqlite", "lock", "crops", "report"
OWN_FILES = (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", LOCK, CROPS, REPORT)
BUSY_SECONDS = 5.0  # that a change waits for another one
SEALED_FILE = re.compile(
    r"([0-9a-f]{32})\.sealed|\.[0-9a-f]{32}\.sealed\.[0-9a-f]{8}\.part"
)  # no other file in crops/ is ours to remove
APPLICATION = 0x53454F47  # "SEOG", in the header of the database: SQLite's application_id
SETTINGS = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "secure_delete = ON",  # what is deleted is overwritten with zeros
    "foreign_keys = ON",
    "temp_store = MEMORY",  # VACUUM copies everything; not into a folder for temporary files
)
TABLES = (
    f"PRAGMA application_id = {APPLICATION}",
    "CREATE TABLE about (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE people (id TEXT PRIMARY KEY, key BLOB NOT NULL, card BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE faces (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, person TEXT NOT NULL REFERENCES people (id), "
    "embedding BLOB NOT NULL, source BLOB NOT NULL)",
    "CREATE INDEX faces_of ON faces (person)",
    "CREATE TABLE log (number INTEGER PRIMARY KEY, day TEXT NOT NULL, action TEXT NOT NULL, person TEXT NOT NULL)",
    "CREATE TABLE erasing (number INTEGER PRIMARY KEY)",  # a row: what was deleted may still lie in old pages
)
DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class SqliteStore(Store):
    """A gallery's folder, with `gallery.sqlite` (and its write-ahead log), `crops/` and `lock`.

    To forget is to delete rows and crops, to write the whole database anew (VACUUM), and to empty the write-ahead log. No file
    of the folder holds the bytes then. Blocks that the file system itself set free, its snapshots and your backups are not
    ours to reach; what lies there is sealed.

    Args:
        folder: Where it lies.
        create: Make it if it is not there.

    Raises:
        DataError: There is no gallery and none shall be made, or the database is damaged or of something else.
        MachineError: The folder cannot be written, or another process holds the database.
    """

    searches = False

    def __init__(self, folder: Path, *, create: bool) -> None:
        self.place, self._folder, self.report_folder = str(folder), folder, folder / REPORT
        path = folder / DATABASE
        if not create and not (path.is_file() and path.stat().st_size):
            raise NoGalleryError(f"{folder}: no such gallery; `seodang faces enroll` makes one.")
        if not path.is_file() and folder.is_dir() and any(entry.name not in OWN_FILES for entry in folder.iterdir()):
            raise DataError(f"{folder}: holds other files and no gallery; name a folder of its own.")
        with machine_errors(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            (folder / CROPS).mkdir(mode=0o700, exist_ok=True)
        self._lock = FileLock(folder / LOCK, thread_local=False)
        with self._errors():
            self._database = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            self._open()
        except BaseException:
            self._database.close()
            raise
        self._version = -1

    def _open(self) -> None:
        with self._errors():
            for setting in SETTINGS:
                self._database.execute(f"PRAGMA {setting}")
        if not self._one("SELECT count(*) FROM sqlite_master"):
            with self._changing():
                if not self._one("SELECT count(*) FROM sqlite_master"):  # another process may have been faster
                    for statement in TABLES:
                        self._database.execute(statement)
        elif self._one("PRAGMA application_id") != APPLICATION:
            raise DataError(f"{self.place}: {DATABASE} is the database of another program; choose another folder.")
        elif self._one("PRAGMA quick_check(1)") != "ok":
            raise _damaged(self.place)
        try:
            with self._locked(0):
                self._finish()
        except Timeout:
            pass  # whoever is changing the gallery is alive, and ends its work itself

    @contextmanager
    def reading(self) -> Iterator[None]:
        """See Store."""
        with self._errors():
            self._database.execute("BEGIN")
            try:
                yield
            finally:
                self._database.execute("ROLLBACK")

    @contextmanager
    def changing(self) -> Iterator[None]:
        """See Store."""
        with self._changing():
            yield

    @contextmanager
    def erasing(self) -> Iterator[None]:
        """See Store."""
        with self._waited():
            with self._changing():
                self._database.execute("INSERT OR IGNORE INTO erasing VALUES (1)")
                yield
            try:
                reason = "another process is reading it" if self._finish() else None
            except MachineError as error:
                reason = str(error)
            if reason is not None:
                raise MachineError(f"{self.place}: deleted, but old bytes stay in its files until it is opened again: {reason}")

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with self._waited(), self._errors():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                self._sweep()
                raise

    @contextmanager
    def _waited(self) -> Iterator[None]:
        """The lock, after a short wait for another's change."""
        try:
            with self._locked(BUSY_SECONDS):
                yield
        except Timeout as error:
            raise _busy(self.place) from error

    @contextmanager
    def _locked(self, timeout_seconds: float) -> Iterator[None]:
        with machine_errors(self._folder):
            self._lock.acquire(timeout=timeout_seconds)
        try:
            yield
        finally:
            self._lock.release()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """What SQLite says, in one line of ours."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise _told(self.place, error) from error

    def _one(self, query: str) -> object:
        """The first value of the first row."""
        with self._errors():
            return self._database.execute(query).fetchone()[0]

    def _finish(self) -> bool:
        """Remove files without a row and old pages, also after a kill; the lock is held.

        Returns: Whether somebody who reads kept old pages alive.
        """
        with self._errors(), machine_errors(self._folder):
            self._sweep()
            if self._database.execute("SELECT count(*) FROM erasing").fetchone()[0]:
                if (self._folder / REPORT).exists():
                    shutil.rmtree(self._folder / REPORT)  # it shows faces
                self._database.execute("VACUUM")
                self._database.execute("DELETE FROM erasing")
            busy, _, _ = self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return bool(busy)

    def _sweep(self) -> None:
        """Remove the crops that no row names, of killed enrolments and forgotten people."""
        known = {face for (face,) in self._database.execute("SELECT id FROM faces")}
        folder = self._folder / CROPS
        strays = [path for path in folder.iterdir() if (match := SEALED_FILE.fullmatch(path.name)) and match[1] not in known]
        for path in strays:
            path.unlink(missing_ok=True)
        if strays:
            sync_folder(folder)

    def changed_elsewhere(self) -> bool:
        """See Store."""
        before, self._version = self._version, int(self._database.execute("PRAGMA data_version").fetchone()[0])
        return before != self._version

    def about(self) -> dict[str, bytes]:
        """See Store."""
        return dict(self._database.execute("SELECT name, value FROM about"))

    def begin(self, about: dict[str, bytes]) -> None:
        """See Store."""
        self._database.executemany("INSERT INTO about VALUES (?, ?)", about.items())

    def people(self) -> list[SealedPerson]:
        """See Store."""
        joined = "people LEFT JOIN faces ON faces.person = people.id"
        query = f"SELECT people.id, key, card, count(faces.number) FROM {joined} GROUP BY people.id"
        return [SealedPerson(*row) for row in self._database.execute(query)]

    def write_person(self, person: str, key: bytes, card: bytes) -> None:
        """See Store."""
        self._database.execute(
            "INSERT INTO people VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET card = excluded.card", (person, key, card)
        )

    def delete_person(self, person: str) -> None:
        """See Store; `erasing` removes the crops, which have no row then."""
        self._database.execute("DELETE FROM faces WHERE person = ?", (person,))
        self._database.execute("DELETE FROM people WHERE id = ?", (person,))

    def faces(self, person: str | None) -> list[SealedFace]:
        """See Store."""
        only = "" if person is None else "WHERE person = ?"
        query = f"SELECT id, person, embedding, source FROM faces {only} ORDER BY person, number"
        return [SealedFace(*row) for row in self._database.execute(query, () if person is None else (person,))]

    def add_faces(self, faces: Sequence[SealedFace], crops: Sequence[bytes], turned: Embeddings | None) -> None:
        """See Store."""
        for face, crop in zip(faces, crops, strict=True):
            write_bytes(self._crop(face.id), crop)
        self._database.executemany("INSERT INTO faces (id, person, embedding, source) VALUES (?, ?, ?, ?)", faces)

    def crop(self, face: str) -> bytes:
        """See Store."""
        try:
            with machine_errors(self._crop(face)):
                return self._crop(face).read_bytes()
        except MachineError as error:
            raise DataError(
                f"{self.place}: the crop {self._crop(face).name} is missing; bring back a copy of the gallery."
            ) from error

    def _crop(self, face: str) -> Path:
        return self._folder / CROPS / f"{face}.sealed"

    def nearest(self, turned: NDArray[np.float32], count: int) -> list[tuple[str, float]]:
        """Never asked: `searches` is False."""
        raise NotImplementedError

    def note(self, day: str, action: str, person: str) -> None:
        """See Store."""
        self._database.execute("INSERT INTO log (day, action, person) VALUES (?, ?, ?)", (day, action, person))

    def log(self) -> list[LogRow]:
        """See Store."""
        return [LogRow(*row) for row in self._database.execute("SELECT day, action, person FROM log ORDER BY number")]

    def close(self) -> None:
        """See Store; the last process to close empties and removes the write-ahead log."""
        self._database.close()


def _busy(place: str) -> MachineError:
    return MachineError(f"{place}: another process is changing this gallery; wait until it is done, then try again.")


def _damaged(place: str) -> DataError:
    return DataError(f"{place}: {DATABASE} is damaged or no gallery; bring back a copy of it, or choose another folder.")


def _told(place: str, error: sqlite3.DatabaseError) -> DataError | MachineError:
    """What SQLite says, in one line of ours."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # the primary code; the rest tells kinds of it apart
    if code in DAMAGED:
        return _damaged(place)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return _busy(place)
    if code == sqlite3.SQLITE_FULL:
        return MachineError(f"{place}: the disk is full; free some space.")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return MachineError(f"{place}: {DATABASE} cannot be written: {error}; choose a folder that you may write to.")
    if code == sqlite3.SQLITE_IOERR:
        return MachineError(
            f"{place}: {DATABASE} cannot be read or written: {error}; look whether the disk is full or at fault."
        )
    return DataError(f"{place}: {DATABASE} is not as a gallery's should be: {error}.")
