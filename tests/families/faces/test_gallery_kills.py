"""Kill -9 at random moments of enrolments and forgettings: after each the gallery is whole.

The worker of these tests is this file, run as a program: `python test_gallery_kills.py begin|enroll|forget FOLDER FIRST LAST`.
"""

from __future__ import annotations

import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from seodang.families.faces.gallery import sqlite
from seodang.families.faces.gallery.gallery import Gallery, open_gallery
from seodang.families.faces.gallery.records import KnownFace, Person
from seodang.families.faces.gallery.sealing import Key

KEY = Key(bytes(range(32)))
KILLS, KILLS_OF_BEGINNINGS = 25, 10
FACES = 3
PEOPLE = 12  # that a worker forgets, if nobody stops it
LONGEST_SECONDS = 0.02  # to make a gallery and enroll one person
MOST_ACTIONS = 7  # of a worker before it is killed


def opened(folder: Path) -> Gallery:
    return open_gallery(str(folder), lambda salt, *, create: KEY, "sface", create=True)


def faces(number: int) -> list[KnownFace]:
    """The faces of person `number`, the same in every process."""
    chance = np.random.default_rng(number)
    embeddings = chance.standard_normal((FACES, 128)).astype(np.float32)
    return [
        KnownFace(row, b"\x89PNG" + chance.bytes(3000), f"photo-{number}-{index}.jpg") for index, row in enumerate(embeddings)
    ]


def work(action: str, folder: Path, numbers: range) -> None:
    """Enroll or forget one person after the other, telling each when it is done."""
    if action == "begin":
        print("ready", flush=True)
    with opened(folder) as gallery:
        if action != "begin":
            print("ready", flush=True)
        for number in numbers:
            if action != "forget":
                gallery.enroll(f"person {number}", faces(number), "yes", None)
            else:
                gallery.forget(gallery.find(f"person {number}").id)
            print(number, flush=True)


def killed(action: str, folder: Path, numbers: range, chance: random.Random) -> list[int]:
    """Let a worker work, and kill it at a random moment of a random one of its actions; returns the numbers that it told of."""
    words = [sys.executable, __file__, action, str(folder), str(numbers.start), str(numbers.stop)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        lines = [process.stdout.readline()]
        started = time.monotonic()
        lines += [process.stdout.readline() for _ in range(chance.randrange(1, MOST_ACTIONS))]
        seconds = (time.monotonic() - started) / (len(lines) - 1)  # an action's, on this machine as busy as it is
        time.sleep(chance.uniform(0, 2 * seconds))
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.read().split()
    assert lines[0] == "ready\n"
    return [int(line) for line in lines[1:]]


def killed_at_the_beginning(folder: Path, seconds: float) -> list[int]:
    """Kill a worker while it makes the gallery."""
    process = subprocess.Popen([sys.executable, __file__, "begin", str(folder), "0", "1"], stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        return [int(line) for line in process.stdout.read().split()]


def check(gallery: Gallery, folder: Path) -> dict[int, Person]:
    """Everybody is whole, and no file is without its row. Returns the people by number."""
    people = {int(person.name.removeprefix("person ")): person for person in gallery.people()}
    owners, embeddings = gallery.faces()
    for number, person in people.items():
        told = faces(number)
        assert person.faces == FACES
        assert gallery.crops(person.id) == [face.crop for face in told]
        assert gallery.sources(person.id) == [face.source for face in told]
        mine = embeddings[[owner == person.id for owner in owners]]
        np.testing.assert_array_equal(mine, np.stack([face.embedding for face in told]))
    assert len(owners) == FACES * len(people)
    assert len(list((folder / "crops").iterdir())) == FACES * len(people)
    return people


def traces(folder: Path) -> dict[str, list[bytes]]:
    """All that the gallery keeps of each person, by id."""
    database = sqlite3.connect(folder / sqlite.DATABASE)
    found = {person: [person.encode(), key, card] for person, key, card in database.execute("SELECT id, key, card FROM people")}
    for face, person, embedding, source in database.execute("SELECT id, person, embedding, source FROM faces"):
        found[person] += [face.encode(), embedding, source, (folder / "crops" / f"{face}.sealed").read_bytes()]
    database.close()
    return found


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
def test_kills_while_people_are_enrolled(tmp_path: Path) -> None:
    chance, folder = random.Random(1), tmp_path / "family"
    opened(folder).close()
    known: set[int] = set()
    for kill in range(KILLS):
        numbers = range(1000 * kill, 1000 * (kill + 1))
        told = killed("enroll", folder, numbers, chance)
        with opened(folder) as gallery:
            people = check(gallery, folder)
            assert known | set(told) <= people.keys(), "what was told stays"
            assert len(people.keys() - known - set(told)) <= 1, "one more may be whole that was not told"
            known = set(people)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
def test_kills_while_a_gallery_is_made(tmp_path: Path) -> None:
    chance = random.Random(3)
    for kill in range(KILLS_OF_BEGINNINGS):
        folder = tmp_path / str(kill)
        told = killed_at_the_beginning(folder, chance.uniform(0, LONGEST_SECONDS))
        with opened(folder) as gallery:
            assert set(told) <= check(gallery, folder).keys() <= {0}
            gallery.enroll("person 99", faces(99), "yes", None)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
def test_kills_while_people_are_forgotten(tmp_path: Path) -> None:
    chance, full, numbers = random.Random(2), tmp_path / "full", range(PEOPLE)
    with opened(full) as gallery:
        ids = {number: gallery.enroll(f"person {number}", faces(number), "yes", None).person.id for number in numbers}
    before = traces(full)
    for kill in range(KILLS):
        folder = tmp_path / str(kill)
        shutil.copytree(full, folder)
        told = killed("forget", folder, numbers, chance)
        with opened(folder) as gallery:
            people = check(gallery, folder)
            assert not people.keys() & set(told), "who was told to be forgotten is"
            content = b"\0".join(path.name.encode() + path.read_bytes() for path in folder.rglob("*") if path.is_file())
            gone = [before[ids[number]] for number in numbers if number not in people]
            assert len(told) <= len(gone) <= len(told) + 1
            assert not [trace for kept in gone for trace in kept if trace in content]


if __name__ == "__main__":
    work(sys.argv[1], Path(sys.argv[2]), range(int(sys.argv[3]), int(sys.argv[4])))
