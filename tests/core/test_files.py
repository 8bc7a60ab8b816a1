"""A file is whole or absent, and the machine's refusals are one clear line."""

from __future__ import annotations

import errno
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from seodang.core.errors import MachineError
from seodang.core.files import machine_errors, sha256, write_bytes, write_json


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB, where the machine lets a test mount one."""
    mount = tmp_path / "tiny"
    mount.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(mount)]
    try:
        done = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        done = False
    if not done:
        pytest.skip("this machine does not let a test mount a file system")
    yield mount
    subprocess.run(["umount", str(mount)], check=True)


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tiny_disk: Path) -> None:
    path = tiny_disk / "weights.bin"
    write_bytes(path, b"good")
    with pytest.raises(MachineError, match=r"weights\.bin: the disk is full; free some space\.") as caught:
        write_bytes(path, bytes(100_000))
    assert caught.value.exit_code == 3
    assert {p.name: p.read_bytes() for p in tiny_disk.iterdir()} == {"weights.bin": b"good"}


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "the disk is full"), (errno.EACCES, "permission denied"), (errno.EROFS, "the file system is read-only")],
)
def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    number: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"old": 1})

    def refuse(handle: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(MachineError, match=rf"a\.json: {words}"):
        write_json(path, {"new": 2})
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]
    assert json.loads(path.read_text()) == {"old": 1}


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    write_bytes(path, b"old")

    def interrupt(handle: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_bytes(path, b"new")
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"a": b"old"}


def test_file_and_folder_reach_the_disk_in_this_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[bool] = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(Path(f"/proc/self/fd/{handle}").is_dir()))
    if not Path("/proc/self/fd").exists():
        pytest.skip("open files are looked up in /proc")
    write_bytes(tmp_path / "a", b"x")
    assert synced == [False, True]


def test_json_keeps_letters_and_refuses_nan(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"감정": 1.5})
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == '{\n  "감정": 1.5\n}\n'
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "b.json", float("nan"))
    assert not (tmp_path / "b.json").exists()


def test_the_file_has_the_rights_that_the_user_asked_for(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_bytes(tmp_path / "a", b"")
    finally:
        os.umask(before)
    if os.name != "nt":
        assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_other_errors_pass_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="too long"):
        write_bytes(tmp_path / ("a" * 300), b"")
    with pytest.raises(MachineError, match="there is no such folder"):
        write_bytes(tmp_path / "missing" / "a", b"")
    with pytest.raises(MachineError, match="once"), machine_errors(tmp_path):
        raise MachineError("once")


def test_sha256_of_the_standard_example(tmp_path: Path) -> None:
    """FIPS 180-4's example message."""
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
