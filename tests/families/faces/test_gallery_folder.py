"""A gallery in a folder: what its files hold, and what becomes of it when the machine does not play along."""

from __future__ import annotations

import errno
import multiprocessing
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seodang.core import files
from seodang.core.errors import DataError, MachineError
from seodang.families.faces.gallery import sqlite
from seodang.families.faces.gallery.gallery import Gallery, open_gallery
from seodang.families.faces.gallery.records import KnownFace
from seodang.families.faces.gallery.sealing import Key

KEY = Key(bytes(range(32)))
PNG = b"\x89PNG\r\n\x1a\n"
STEPS, TURNS = 200, 6
NOBODY = 65534  # the user id of nobody, on Linux


def master(salt: bytes, *, create: bool) -> Key:
    return KEY


def faces(seed: int, count: int = 2) -> list[KnownFace]:
    """Faces that differ from those of every other seed."""
    chance = np.random.default_rng(seed)
    numbers = chance.standard_normal((count, 128)).astype(np.float32)
    return [KnownFace(row, PNG + chance.bytes(300), f"holiday-{seed}-{index}.jpg") for index, row in enumerate(numbers)]


def opened(folder: Path, *, create: bool = True) -> Gallery:
    return open_gallery(str(folder), master, "sface", create=create)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "family"


def everything(folder: Path) -> bytes:
    """The bytes of all files, and their names."""
    paths = sorted(folder.rglob("*"))
    return b"\0".join(path.name.encode() + b"\0" + (path.read_bytes() if path.is_file() else b"") for path in paths)


def plain(name: str, told: list[KnownFace]) -> list[bytes]:
    """What is secret of a person before it is sealed."""
    units = [face.embedding / np.linalg.norm(face.embedding) for face in told]
    numbers = [face.embedding.tobytes() for face in told] + [unit.astype(np.float32).tobytes() for unit in units]
    halves = [number[:16] for number in numbers]  # a part would tell too
    return [name.encode(), *numbers, *halves, *(face.crop for face in told), *(face.source.encode() for face in told)]


def sealed(folder: Path, person: str) -> list[bytes]:
    """Every byte string that the gallery keeps of a person."""
    with sqlite3.connect(f"file:{folder / sqlite.DATABASE}?mode=ro", uri=True) as database:
        people = database.execute("SELECT id, key, card FROM people WHERE id = ?", (person,)).fetchall()
        rows = database.execute("SELECT id, embedding, source FROM faces WHERE person = ?", (person,)).fetchall()
    database.close()
    kept = [part.encode() if isinstance(part, str) else part for row in [*people, *rows] for part in row]
    return kept + [(folder / "crops" / f"{row[0]}.sealed").read_bytes() for row in rows]


def one_line(error: pytest.ExceptionInfo[BaseException]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


def test_nothing_readable_of_a_person_is_in_any_file(folder: Path) -> None:
    told = faces(1, 5)
    with opened(folder) as gallery:
        gallery.enroll("Ada Lovelace", told, "in writing, to the office", None)
        gallery.nearest(told[0].embedding[None], 1)
        secrets = [*plain("Lovelace", told), PNG, b"in writing, to", KEY.secret]
        open_files = everything(folder)
    for content in (open_files, everything(folder)):
        assert not [secret for secret in secrets if secret in content]


def test_nothing_of_a_forgotten_photo_is_left_in_any_file(folder: Path) -> None:
    wrong = replace(faces(2, 1)[0], source="a wrong photo.jpg")
    with opened(folder) as gallery:
        ada = gallery.enroll("Ada Lovelace", [*faces(1, 4), wrong], "herself", None).person
        crops = {path: path.read_bytes() for path in (folder / sqlite.CROPS).iterdir()}
        gallery.forget_photo(ada.id, wrong.source)
    after = everything(folder)
    assert not [content for content in (*crops.values(), wrong.crop, wrong.embedding.tobytes()) if content in after]


@pytest.mark.parametrize("count", [1, 40])
def test_nothing_of_the_forgotten_is_left_in_any_file(folder: Path, count: int) -> None:
    """Not even what was sealed; the person's word in the log belongs to nobody then."""
    told = faces(1, count)
    with opened(folder) as gallery:
        for seed in range(10, 30):
            gallery.enroll(f"person {seed}", faces(seed, 3), "yes", None)
        ada = gallery.enroll("Ada Lovelace", told[: count // 2 + 1], "herself", None).person
        gallery.enroll("Ada Lovelace", told[count // 2 + 1 :] or told, "her guardian", None)
        gallery.rename(ada.id, "Countess")
        for seed in range(30, 40):
            gallery.enroll(f"person {seed}", faces(seed, 3), "yes", None)
        assert gallery.report_folder is not None
        gallery.report_folder.mkdir()
        (gallery.report_folder / "most-alike.png").write_bytes(told[0].crop)
        traces = [*sealed(folder, ada.id), *plain("Lovelace", told), b"Countess"]
        before = everything(folder)
        assert all(trace in before for trace in sealed(folder, ada.id)), "else this test would prove nothing"
        gallery.forget(ada.id)
        while_open = everything(folder)
        others = gallery.people()
    for content in (while_open, everything(folder)):
        assert not [trace for trace in traces if trace in content]
    assert ada.log_id.encode() in while_open
    database = sqlite3.connect(folder / sqlite.DATABASE)
    for table in ("about", "people", "faces", "erasing"):
        assert not [row for row in database.execute(f"SELECT * FROM {table}") if ada.log_id in map(str, row)]
    database.close()
    with opened(folder, create=False) as gallery:
        assert gallery.people() == others
        assert all(len(gallery.crops(person.id)) == 3 for person in others)


def test_nothing_is_left_in_the_gaps_of_pages_either(folder: Path) -> None:
    """SQLite moves rows about among its pages; a copy that stays behind in a gap is not overwritten by secure_delete."""
    chance = random.Random(0)
    with opened(folder) as gallery:
        ids: list[str] = []
        for step in range(STEPS):
            if not ids or chance.random() < 0.7:
                consent = "yes " + "y" * chance.randrange(1500)
                ids.append(gallery.enroll(f"person {step}", faces(step, chance.choice([1, 2, 9])), consent, None).person.id)
            elif chance.random() < 0.5:
                gallery.rename(chance.choice(ids), f"{step} " + "z" * chance.randrange(2500))
            else:
                person = ids.pop(chance.randrange(len(ids)))
                traces = [trace[at:][:40] for trace in sealed(folder, person) for at in (0, len(trace) // 2, -40)]
                gallery.forget(person)
                content = everything(folder)
                assert not [trace for trace in traces if trace in content]


def test_nothing_of_who_was_merged_or_renamed_is_left(folder: Path) -> None:
    with opened(folder) as gallery:
        ada = gallery.enroll("Ada", faces(1), "herself", None).person
        twin = gallery.enroll("A.", faces(2), "somebody", None).person
        old_card = sealed(folder, ada.id)[2]
        traces = sealed(folder, twin.id)
        gallery.rename(ada.id, "Countess")
        assert old_card not in everything(folder)
        gallery.merge(twin.id, ada.id)
        assert not [trace for trace in traces if trace in everything(folder)]
        assert len(list((folder / "crops").iterdir())) == 4


def test_the_folder_holds_these_files_alone(folder: Path) -> None:
    with opened(folder) as gallery:
        gallery.enroll("Ada", faces(1, 1), "herself", None)
    assert {path.name for path in folder.iterdir()} == {"gallery.sqlite", "crops", "lock"}
    if os.name == "posix":
        assert folder.stat().st_mode & 0o077 == 0, "others have no business in it"


def test_the_settings_of_the_database(folder: Path) -> None:
    """A write-ahead log, flushed at every commit; zeros over what is deleted; no temporary files in other folders."""
    expected = {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1, "foreign_keys": 1, "temp_store": 2}
    with opened(folder) as gallery:
        for name, value in expected.items():
            assert gallery._store._one(f"PRAGMA {name}") == value, name


def test_files_of_the_user_stay_and_left_over_crops_go(folder: Path) -> None:
    with opened(folder) as gallery:
        gallery.enroll("Ada", faces(1), "herself", None)
    crops = folder / "crops"
    mine = [crops / "photo.png", crops / ("a" * 32 + ".png"), folder / "photo.jpg"]
    left_over = [crops / ("a" * 32 + ".sealed"), crops / f".{'a' * 32}.sealed.0123abcd.part"]
    for path in mine + left_over:
        path.write_bytes(b"x")
    opened(folder, create=False).close()
    assert all(path.exists() for path in mine)
    assert not any(path.exists() for path in left_over)


def test_a_crop_that_another_process_is_writing_is_not_left_over(folder: Path) -> None:
    with opened(folder) as gallery:
        gallery.enroll("Ada", faces(1), "herself", None)
        new = folder / "crops" / ("a" * 32 + ".sealed")
        with gallery._store.changing():
            new.write_bytes(b"x")
            opened(folder, create=False).close()
            assert new.exists()
    opened(folder, create=False).close()
    assert not new.exists()


@pytest.mark.parametrize("at", ["_sweep", "_finish"])
def test_a_forgetting_that_was_cut_off_is_finished_by_the_next_opening(
    folder: Path, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery = opened(folder)
    ada = gallery.enroll("Ada", faces(1), "herself", None).person
    gallery.enroll("Bob", faces(2), "himself", None)
    traces = sealed(folder, ada.id)
    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="cut off"):
        patch.setattr(gallery._store, at, cut_off)
        gallery.forget(ada.id)
    assert [trace for trace in traces if trace in everything(folder)]
    assert pages_to_write_anew(folder)
    with opened(folder, create=False) as again:
        assert [person.name for person in again.people()] == ["Bob"]
        assert not [trace for trace in traces if trace in everything(folder)]
        assert not pages_to_write_anew(folder)
    assert [person.name for person in gallery.people()] == ["Bob"], "the process that failed knows it too"
    gallery.close()


def pages_to_write_anew(folder: Path) -> bool:
    database = sqlite3.connect(folder / sqlite.DATABASE)
    (found,) = database.execute("SELECT count(*) FROM erasing").fetchone()
    database.close()
    return bool(found)


def cut_off(*_: object) -> None:
    raise RuntimeError("cut off")


def test_a_reader_who_keeps_old_bytes_alive_is_told_of(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.1)
    with opened(folder) as gallery:
        ada = gallery.enroll("Ada", faces(1), "herself", None).person
        traces = sealed(folder, ada.id)
        reader = sqlite3.connect(folder / sqlite.DATABASE, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM people").fetchall()
        with pytest.raises(
            MachineError, match="deleted, but old bytes stay in its files until it is opened again: another process"
        ) as error:
            gallery.forget(ada.id)
        one_line(error)
        assert gallery.people() == []
        reader.close()
    opened(folder, create=False).close()
    assert not [trace for trace in traces if trace in everything(folder)]


def test_a_disk_that_is_full_while_somebody_is_forgotten(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(folder) as gallery:
        ada = gallery.enroll("Ada", faces(1), "herself", None).person
        traces = sealed(folder, ada.id)
        with (
            monkeypatch.context() as patch,
            pytest.raises(MachineError, match=r"deleted, but old bytes stay .* no space") as error,
        ):
            patch.setattr(gallery._store, "_finish", no_space)
            gallery.forget(ada.id)
        one_line(error)
        assert gallery.people() == []
    opened(folder, create=False).close()
    assert not [trace for trace in traces if trace in everything(folder)]


def no_space() -> bool:
    raise MachineError("no space")


def enroll_some(folder: Path, first: int) -> None:
    with opened(folder) as gallery:
        for number in range(first, first + TURNS):
            gallery.enroll(f"person {number}", faces(number), "yes", None)
            gallery.enroll("everybody", faces(1000 + number), "yes", None)
            if number % 2:
                gallery.forget(gallery.find(f"person {number}").id)


def test_three_processes_at_once(folder: Path) -> None:
    """They make the gallery, enroll and forget, and each waits for the others; nobody is lost or twice there."""
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=enroll_some, args=(folder, 100 * number)) for number in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    with opened(folder, create=False) as gallery:
        left = [f"person {100 * number + turn}" for number in range(3) for turn in range(0, TURNS, 2)]
        assert sorted(person.name for person in gallery.people()) == sorted(["everybody", *left])
        assert gallery.find("everybody").faces == 3 * TURNS * 2
        assert sum(len(gallery.crops(person.id)) for person in gallery.people()) == len(list((folder / "crops").iterdir()))


@pytest.fixture(params=["lock", "database"])
def held(request: pytest.FixtureRequest, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A gallery with Ada that another process holds, ours or a stranger."""
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.1)
    with opened(folder) as gallery:
        gallery.enroll("Ada", faces(1), "herself", None)
        gallery.close()
    statement = (
        "import sqlite3, sys; held = sqlite3.connect(sys.argv[1], isolation_level=None); held.execute('BEGIN EXCLUSIVE')"
    )
    if request.param == "lock":
        statement = "import filelock, sys; held = filelock.FileLock(sys.argv[1]); held.acquire()"
    path = folder / ("lock" if request.param == "lock" else sqlite.DATABASE)
    script = f"{statement}\nprint('held', flush=True)\nsys.stdin.read()"
    process = subprocess.Popen([sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield
        process.communicate()


def test_a_gallery_that_another_process_holds(folder: Path, held: None) -> None:
    before = sorted((folder / "crops").iterdir())
    started = time.monotonic()
    with pytest.raises(MachineError) as error, opened(folder) as gallery:
        gallery.enroll("Bob", faces(2), "himself", None)
    assert time.monotonic() - started < 5
    assert one_line(error) == f"{folder}: another process is changing this gallery; wait until it is done, then try again."
    assert error.value.exit_code == 3
    assert sorted((folder / "crops").iterdir()) == before, "nothing half-written"


def damaged(content: bytes) -> bytes:
    return b"\x5a" * len(content)


def cut_short(content: bytes) -> bytes:
    return content[: len(content) // 2]


def altered(content: bytes) -> bytes:
    return content[:8192] + b"\x5a" * 20_000 + content[28_192:]


@pytest.mark.parametrize("harm", [damaged, cut_short, altered])
def test_a_damaged_database(folder: Path, harm: Callable[[bytes], bytes]) -> None:
    with opened(folder) as gallery:
        for seed in range(10):
            gallery.enroll(f"person {seed}", faces(seed), "yes", None)
    path = folder / sqlite.DATABASE
    path.write_bytes(harm(path.read_bytes()))
    before = everything(folder)
    with pytest.raises(DataError) as error, opened(folder) as gallery:
        gallery.faces()
    assert one_line(error).startswith(f"{folder}: gallery.sqlite is damaged or no gallery; bring back a copy")
    assert error.value.exit_code == 2
    assert everything(folder) == before, "what may still be saved is not touched"


def test_the_database_of_another_program(folder: Path) -> None:
    folder.mkdir()
    other = sqlite3.connect(folder / sqlite.DATABASE)
    other.execute("CREATE TABLE songs (name TEXT)")
    other.close()
    with pytest.raises(DataError, match=r"gallery\.sqlite is the database of another program; choose another folder") as error:
        opened(folder)
    one_line(error)


def test_a_crop_that_is_missing_or_changed(folder: Path) -> None:
    with opened(folder) as gallery:
        ada = gallery.enroll("Ada", faces(1), "herself", None).person
        one, other = sorted((folder / "crops").iterdir())
        shutil.copy(one, other)  # a crop is sealed as the crop of that face
        with pytest.raises(DataError, match="damaged: a sealed crop was changed; bring back a copy"):
            gallery.crops(ada.id)
        one.unlink()
        other.unlink()
        with pytest.raises(DataError, match=r"the crop .*\.sealed is missing; bring back a copy") as error:
            gallery.crops(ada.id)
        one_line(error)
        assert len(gallery.faces()[0]) == 2, "who is who can be told without crops"


def test_a_folder_that_may_not_be_written() -> None:
    if not hasattr(os, "geteuid"):
        pytest.skip("needs the permissions of POSIX")
    place = Path(tempfile.mkdtemp())
    folder = place / "family"
    with opened(folder) as gallery:
        gallery.enroll("Ada", faces(1), "herself", None)
    for path in (place, *place.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    root = os.geteuid() == 0
    try:
        if root:
            os.seteuid(NOBODY)  # root may write everywhere
        for create in (False, True):
            with pytest.raises(MachineError) as error, opened(folder, create=create) as gallery:
                gallery.enroll("Bob", faces(2), "himself", None)
            assert one_line(error).startswith(str(folder))
            assert error.value.exit_code == 3
        with pytest.raises(MachineError):
            opened(place / "another")
    finally:
        if root:
            os.seteuid(0)
        for path in (place, folder, folder / "crops"):
            path.chmod(0o755)
        shutil.rmtree(place)


@pytest.mark.parametrize("failing", [1, 2, 3])
def test_a_disk_that_is_full_while_crops_are_written(folder: Path, failing: int, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0

    def write(path: Path, data: bytes) -> None:
        nonlocal calls
        calls += 1
        if calls == failing:
            raise MachineError(f"{path}: {files.REASONS[errno.ENOSPC]}.")
        files.write_bytes(path, data)

    with opened(folder) as gallery:
        ada = gallery.enroll("Ada", faces(1), "herself", None).person
        with monkeypatch.context() as patch, pytest.raises(MachineError, match="the disk is full; free some space") as error:
            patch.setattr(sqlite, "write_bytes", write)
            gallery.enroll("Bob", faces(2, 3), "himself", None)
        one_line(error)
        assert gallery.people() == [ada]
        assert len(list((folder / "crops").iterdir())) == 2
        assert gallery.enroll("Bob", faces(2, 3), "himself", None).added == 3


def fill(folder: Path, limit: int, answer: multiprocessing.queues.Queue[str]) -> None:
    """Enroll until no file may grow any more; tells the error."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        with opened(folder) as gallery:
            for seed in range(1000):
                gallery.enroll(f"person {seed}", faces(seed, 8), "yes", None)
    except MachineError as error:
        answer.put(str(error))
    except BaseException as error:
        answer.put(repr(error))


@pytest.mark.parametrize("limit", [40_000, 100_000, 250_000])
def test_a_database_that_cannot_grow(folder: Path, limit: int) -> None:
    """The system's own limit on the size of a file stands for a disk that is full."""
    pytest.importorskip("resource", reason="needs the limits of POSIX")
    context = multiprocessing.get_context("spawn")
    answer: multiprocessing.queues.Queue[str] = context.Queue()
    process = context.Process(target=fill, args=(folder, limit, answer))
    process.start()
    line = answer.get(timeout=60)
    process.join()
    assert "\n" not in line
    assert line.startswith(f"{folder}: ")
    with opened(folder) as gallery:
        people = gallery.people()
        names = {f"person {seed}" for seed in range(len(people))}
        assert {person.name for person in people} == names, "each enrolment before the last one is whole"
        assert all(len(gallery.crops(person.id)) == 8 for person in people)
        assert len(list((folder / "crops").iterdir())) == 8 * len(people)
        gallery.enroll("Bob", faces(2000), "himself", None)


def test_an_opening_costs_no_torch() -> None:
    script = "import sys; from seodang.families.faces.gallery import gallery, sqlite, postgres; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "False\n"
