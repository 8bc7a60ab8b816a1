"""A gallery on a PostgreSQL server with pgvector, for several machines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seodang.core.errors import DataError, MachineError, MissingExtraError
from seodang.families.faces.gallery.records import Embeddings, LogRow, NoGalleryError
from seodang.families.faces.gallery.store import SealedFace, SealedPerson, Store

BUSY_SECONDS = 5.0  # that a change waits for another one
CONNECT_SECONDS = 10
SCHEMA = "seodang_gallery"
TABLES = (
    f"CREATE SCHEMA {SCHEMA}",
    f"CREATE TABLE {SCHEMA}.about (name text PRIMARY KEY, value bytea NOT NULL)",
    f"CREATE TABLE {SCHEMA}.people (id text PRIMARY KEY, key bytea NOT NULL, card bytea NOT NULL)",
    f"CREATE TABLE {SCHEMA}.faces (number bigserial PRIMARY KEY, id text NOT NULL UNIQUE, person text NOT NULL "
    f"REFERENCES {SCHEMA}.people (id), embedding bytea NOT NULL, source bytea NOT NULL, crop bytea NOT NULL)",
    # apart from the faces, so that a search reads nothing else
    f"CREATE TABLE {SCHEMA}.turned (person text NOT NULL REFERENCES {SCHEMA}.people (id), embedding vector NOT NULL)",
    f"CREATE INDEX turned_of ON {SCHEMA}.turned (person)",
    f"CREATE INDEX faces_of ON {SCHEMA}.faces (person)",
    f"CREATE TABLE {SCHEMA}.log (number bigserial PRIMARY KEY, day text NOT NULL, action text NOT NULL, person text NOT NULL)",
    f"CREATE TABLE {SCHEMA}.erasing (number integer PRIMARY KEY)",  # a row: what was deleted may still lie in old pages
    f"CREATE TABLE {SCHEMA}.changes (number bigint NOT NULL)",  # one row: counts changes; who holds it is changing something
    f"INSERT INTO {SCHEMA}.changes VALUES (0)",
)
WRITTEN_ANEW = ("people", "faces", "turned", "erasing", "changes")  # by VACUUM FULL, after something was deleted


class PostgresStore(Store):
    """A gallery's tables in the schema seodang_gallery of a database; one gallery a database.

    What pgvector searches cannot be sealed. It is the embedding turned by a secret orthogonal matrix, made of the master key:
    angles stay, so the server finds who is nearest, but the numbers are in no engine's terms. That hides them and is no
    encryption: whoever has the server sees which faces are alike, and who knows some embeddings and their rows can work out
    the matrix. The search is exact and reads all rows; an index of neighbours would have to be built anew whenever somebody is
    forgotten.

    To forget is to delete the rows and to write the tables anew (VACUUM FULL), so that no file of a table holds the bytes once
    the server has made its next checkpoint. The server's own write-ahead log, its replicas, archives and backups keep old
    bytes for as long as its administrator set; all is sealed there but the turned embeddings.

    Args:
        url: postgresql://user:password@host/database
        create: Make the tables if they are not there, and the extension if the user may.

    Raises:
        MissingExtraError: The package psycopg is not installed.
        MachineError: The server cannot be reached, or has no pgvector.
        DataError: There is no gallery in the database and none shall be made.
    """

    searches = True

    def __init__(self, url: str, *, create: bool) -> None:
        try:
            import psycopg
        except ImportError as error:
            raise MissingExtraError("A gallery on a server needs a package: pip install 'seodang[postgres]'.") from error
        self._psycopg = psycopg
        self.place = _shown(psycopg.conninfo.conninfo_to_dict, url)
        with self._errors():
            self._connection: Any = psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_SECONDS)
        try:
            self._open(create=create)
        except BaseException:
            self._connection.close()
            raise
        self._seen = -1  # of `changes`, when it was last asked
        self._own = 0  # changes of ours in it that are not finished

    def _open(self, *, create: bool) -> None:
        with self._errors():
            self._connection.execute(f"SET lock_timeout = '{int(1000 * BUSY_SECONDS)}ms'")
            self._connection.execute("SET client_min_messages = warning")
            if not self._is_there():
                if not create:
                    raise NoGalleryError(f"{self.place}: no such gallery; `seodang faces enroll` makes one.")
                self._make()
        with suppress(MachineError):  # another process holds the tables; what is left over there goes with the next opening
            self._finish()

    def _is_there(self) -> bool:
        found = self._connection.execute("SELECT to_regclass(%s)", (f"{SCHEMA}.changes",)).fetchone()
        return found[0] is not None

    def _make(self) -> None:
        errors = self._psycopg.errors
        try:
            with self._connection.transaction():
                self._connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (SCHEMA,))
                if self._is_there():  # another process was faster
                    return
                self._connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
                for statement in TABLES:
                    self._connection.execute(statement)
        except (errors.FeatureNotSupported, errors.UndefinedFile, errors.InsufficientPrivilege) as error:
            raise MachineError(
                f"{self.place}: the gallery cannot be made: {_first_line(error)}; its administrator must install pgvector, run "
                "`CREATE EXTENSION vector` in this database, and let you create a schema."
            ) from error

    @contextmanager
    def reading(self) -> Iterator[None]:
        """See Store."""
        with self._errors(), self._connection.transaction():
            self._connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield

    @contextmanager
    def changing(self) -> Iterator[None]:
        """See Store."""
        with self._errors():
            with self._connection.transaction():
                self._connection.execute(f"UPDATE {SCHEMA}.changes SET number = number + 1")
                self._own = 1
                try:
                    yield
                finally:
                    self._own = 0
            self._seen += 1

    @contextmanager
    def erasing(self) -> Iterator[None]:
        """See Store."""
        with self.changing():
            self._connection.execute(f"INSERT INTO {SCHEMA}.erasing VALUES (1) ON CONFLICT DO NOTHING")
            yield
        try:
            self._finish()
        except MachineError as error:
            raise MachineError(
                f"{self.place}: deleted, but old bytes stay in its tables until it is opened again: {error}"
            ) from error

    def _finish(self) -> None:
        """Write the tables anew if something was deleted, also after a kill."""
        with self._errors():
            if not self._connection.execute(f"SELECT count(*) FROM {SCHEMA}.erasing").fetchone()[0]:
                return
            for table in WRITTEN_ANEW:
                self._connection.execute(f"VACUUM (FULL) {SCHEMA}.{table}")
            self._connection.execute(f"DELETE FROM {SCHEMA}.erasing")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """What the server says, in one line of ours."""
        try:
            yield
        except self._psycopg.errors.LockNotAvailable as error:
            raise MachineError(
                f"{self.place}: another process is changing this gallery; wait until it is done, then try again."
            ) from error
        except (self._psycopg.OperationalError, self._psycopg.InterfaceError) as error:
            raise MachineError(f"{self.place}: the server cannot be used: {_first_line(error)}.") from error
        except self._psycopg.Error as error:
            raise DataError(f"{self.place}: the gallery is not as it should be: {_first_line(error)}.") from error

    def _rows(self, query: str, values: Sequence[object] = ()) -> list[Any]:
        found: list[Any] = self._connection.execute(query, values).fetchall()
        return found

    def changed_elsewhere(self) -> bool:
        """See Store."""
        ((now,),) = self._rows(f"SELECT number FROM {SCHEMA}.changes")
        before, self._seen = self._seen, now - self._own
        return bool(before != self._seen)

    def about(self) -> dict[str, bytes]:
        """See Store."""
        return dict(self._rows(f"SELECT name, value FROM {SCHEMA}.about"))

    def begin(self, about: dict[str, bytes]) -> None:
        """See Store."""
        for name, value in about.items():
            self._connection.execute(f"INSERT INTO {SCHEMA}.about VALUES (%s, %s)", (name, value))

    def people(self) -> list[SealedPerson]:
        """See Store."""
        query = (
            f"SELECT people.id, key, card, count(faces.number) FROM {SCHEMA}.people "
            f"LEFT JOIN {SCHEMA}.faces ON faces.person = people.id GROUP BY people.id ORDER BY people.id"
        )
        return [SealedPerson(*row) for row in self._rows(query)]

    def write_person(self, person: str, key: bytes, card: bytes) -> None:
        """See Store."""
        self._connection.execute(
            f"INSERT INTO {SCHEMA}.people VALUES (%s, %s, %s) ON CONFLICT (id) DO UPDATE SET card = excluded.card",
            (person, key, card),
        )

    def delete_person(self, person: str) -> None:
        """See Store."""
        self._connection.execute(f"DELETE FROM {SCHEMA}.faces WHERE person = %s", (person,))
        self._connection.execute(f"DELETE FROM {SCHEMA}.turned WHERE person = %s", (person,))
        self._connection.execute(f"DELETE FROM {SCHEMA}.people WHERE id = %s", (person,))

    def faces(self, person: str | None) -> list[SealedFace]:
        """See Store."""
        only = "" if person is None else "WHERE person = %s"
        query = f"SELECT id, person, embedding, source FROM {SCHEMA}.faces {only} ORDER BY person, number"
        return [SealedFace(*row) for row in self._rows(query, () if person is None else (person,))]

    def add_faces(self, faces: Sequence[SealedFace], crops: Sequence[bytes], turned: Embeddings | None) -> None:
        """See Store."""
        if turned is None:
            raise ValueError("a store that searches needs turned embeddings")
        rows = [(*face, crop) for face, crop in zip(faces, crops, strict=True)]
        vectors = [(face.person, _vector(row)) for face, row in zip(faces, turned, strict=True)]
        query = f"INSERT INTO {SCHEMA}.faces (id, person, embedding, source, crop) VALUES (%s, %s, %s, %s, %s)"
        with self._connection.cursor() as cursor:
            cursor.executemany(query, rows)
            cursor.executemany(f"INSERT INTO {SCHEMA}.turned VALUES (%s, %s::vector)", vectors)

    def crop(self, face: str) -> bytes:
        """See Store."""
        rows = self._rows(f"SELECT crop FROM {SCHEMA}.faces WHERE id = %s", (face,))
        if not rows:
            raise DataError(f"{self.place}: the crop {face} is missing; bring back a copy of the gallery.")
        return bytes(rows[0][0])

    def nearest(self, turned: NDArray[np.float32], count: int) -> list[tuple[str, float]]:
        """See Store; `<#>` is the negative inner product, of vectors of length 1 here."""
        scores = f"SELECT person, max(-(embedding <#> %s::vector)) AS score FROM {SCHEMA}.turned GROUP BY person"
        query = f"{scores} ORDER BY score DESC, person LIMIT %s"
        return [(person, float(score)) for person, score in self._rows(query, (_vector(turned), count))]

    def note(self, day: str, action: str, person: str) -> None:
        """See Store."""
        self._connection.execute(f"INSERT INTO {SCHEMA}.log (day, action, person) VALUES (%s, %s, %s)", (day, action, person))

    def log(self) -> list[LogRow]:
        """See Store."""
        return [LogRow(*row) for row in self._rows(f"SELECT day, action, person FROM {SCHEMA}.log ORDER BY number")]

    def close(self) -> None:
        """See Store."""
        self._connection.close()


def _vector(numbers: NDArray[np.float32]) -> str:
    """As pgvector reads it; nine digits are a float32 exactly."""
    return "[" + ",".join(f"{number:.9g}" for number in numbers.tolist()) + "]"


def _shown(parse: Any, url: str) -> str:
    """The place without user and password."""
    try:
        parts = parse(url)
    except Exception:
        raise DataError("expected a place like postgresql://user@host/database; this one cannot be read.") from None
    return f"postgresql://{parts.get('host', 'localhost')}/{parts.get('dbname', '')}"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
