"""Files that are either whole or absent: written beside, flushed to the disk, renamed into place."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seodang.core.errors import MachineError

BLOCK_BYTES = 1 << 20
PART_SUFFIX = ".part"  # of files that are being written; one that is left over was cut off by a kill
REASONS = {
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "the disk quota is used up; free some space",
    errno.EFBIG: "the file system takes no file of that size; choose a folder on another one",
    errno.EIO: "the disk reports an error; choose a folder on another one",
    errno.EACCES: "permission denied; choose a folder that you may write to",
    errno.EPERM: "permission denied; choose a folder that you may write to",
    errno.EROFS: "the file system is read-only; choose another folder",
    errno.ENOENT: "there is no such folder; make it first",
    errno.EEXIST: "a file of that name is in the way; choose another folder",
    errno.ENOTDIR: "a file is in the way of a folder of that name; choose another folder",
}


@contextmanager
def machine_errors(path: Path) -> Iterator[None]:
    """Turn a refusal of the operating system (disk full, no permission) into one clear line about `path`."""
    try:
        yield
    except OSError as error:
        if isinstance(error, MachineError) or error.errno not in REASONS:
            raise
        raise MachineError(f"{path}: {REASONS[error.errno]}.") from error


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        MachineError: The disk is full, or the folder may not be written to; nothing is left behind.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}{PART_SUFFIX}")
    with machine_errors(path):
        try:
            with part.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def write_json(path: Path, value: Any) -> None:
    """Write a value as readable JSON, whole or not at all."""
    write_bytes(path, (json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n").encode())


def sync_folder(folder: Path) -> None:
    """Flush a folder's list of names to the disk, so that a rename survives a power cut."""
    if os.name == "nt":  # Windows has no handle on a folder to flush
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256(path: Path) -> str:
    """The SHA-256 of a file, as 64 hexadecimal digits; of a folder, over names and contents of all files in it."""
    digest = hashlib.sha256()
    if path.is_dir():
        for inner in sorted(inner for inner in path.rglob("*") if inner.is_file()):
            digest.update(f"{inner.relative_to(path).as_posix()} {sha256(inner)}\n".encode())
        return digest.hexdigest()
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
