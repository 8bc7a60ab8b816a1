"""Downloads that end with the right bytes or not at all: https, resumed, checked by size and sha256."""

from __future__ import annotations

import http.client
import os
import shutil
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from filelock import FileLock

from seodang.core.errors import MachineError
from seodang.core.files import machine_errors, sha256, sync_folder

Progress = Callable[[int, int | None], None]
"""Called with the bytes on disk so far and the total, or None where the total is not known."""

BLOCK_BYTES = 1 << 18
_HERE = {"127.0.0.1", "localhost", "::1"}
_PARTIAL_CONTENT = 206
_RANGE_NOT_SATISFIABLE = 416


def download(
    address: str,
    destination: Path,
    *,
    checksum: str | None = None,
    size: int | None = None,
    progress: Progress | None = None,
    timeout_seconds: float = 30,
    attempts: int = 5,
) -> Path:
    """Fetch a file over https. What was interrupted goes on where it stopped, in this call or in a later one.

    Args:
        address: Where the file is; https, or http on this machine.
        destination: Where it goes; its folder exists. Until it is whole and checked, its bytes stand in `<name>.part`.
        checksum: Its sha256, or None when it is not known; then a later call starts over.
        size: Its bytes, or None.
        progress: Called as bytes arrive.
        timeout_seconds: How long the server may be silent.
        attempts: How often in a row to connect without one new byte before giving up.

    Raises:
        MachineError: No network, no such file, disk full, or another file than expected; nothing is left at `destination`.
    """
    _check_address(address)
    partial = destination.with_name(destination.name + ".part")
    with machine_errors(destination), FileLock(partial.with_name(partial.name + ".lock")):
        if destination.exists() and (checksum is None or sha256(destination) == checksum):
            return destination  # another process fetched it while this one waited for the lock
        if checksum is None:
            partial.unlink(missing_ok=True)
        _check_room(destination, partial, size)
        _fetch(address, partial, size, progress, timeout_seconds, attempts)
        _verify(address, partial, checksum, size)
        partial.replace(destination)
        sync_folder(destination.parent)
    return destination


def _check_address(address: str) -> None:
    parts = urllib.parse.urlsplit(address)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _HERE):
        raise MachineError(f"{address}: expected an https address; data is not fetched without encryption")


def _check_room(destination: Path, partial: Path, size: int | None) -> None:
    if size is None:
        return
    needed = size - (partial.stat().st_size if partial.exists() else 0)
    free = shutil.disk_usage(destination.parent).free
    if needed > free:
        raise MachineError(
            f"{destination.name} needs {needed / 1e6:,.0f} MB, and {destination.parent} has {free / 1e6:,.0f} MB free; "
            "free some space or point SEODANG_HOME at another disk"
        )


def _fetch(
    address: str, partial: Path, size: int | None, progress: Progress | None, timeout_seconds: float, attempts: int
) -> None:
    """Ask for the rest of the file until it is there, counting only the attempts that bring nothing."""
    failures = 0
    validator: str | None = None
    while True:
        before = partial.stat().st_size if partial.exists() else 0
        try:
            with _open(address, before, validator, timeout_seconds) as response:
                validator = response.headers.get("ETag") or response.headers.get("Last-Modified")
                _append(response, partial, before, size, progress)
            return
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == _RANGE_NOT_SATISFIABLE and before:
                if before == size:
                    return
                partial.unlink()  # more bytes here than the server has: another file
            elif error.code < 500:  # the server understood the question and refuses
                reason = f"the server answers {error.code} ({error.reason})"
                raise MachineError(f"{address}: {reason}; the file may have moved") from error
            failures += 1
            reason = f"the server answers {error.code}"
        except (http.client.HTTPException, urllib.error.URLError, TimeoutError, ConnectionError, ssl.SSLError) as error:
            grown = partial.exists() and partial.stat().st_size > before
            failures = 0 if grown else failures + 1
            reason = _reason(error)
        if failures >= attempts:
            raise MachineError(f"{address} cannot be fetched: {reason}; check the network and try again")


def _reason(error: Exception) -> str:
    inner = error.reason if isinstance(error, urllib.error.URLError) else error
    return str(inner) or type(inner).__name__


def _open(address: str, start: int, validator: str | None, timeout_seconds: float) -> Any:
    headers = {"User-Agent": "seodang", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
        # A weak validator must not be sent here (RFC 9110, 13.1.5).
        if validator and not validator.startswith("W/"):
            headers["If-Range"] = validator
    opener = urllib.request.build_opener(_HttpsRedirects())
    return opener.open(urllib.request.Request(address, headers=headers), timeout=timeout_seconds)


class _HttpsRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        _check_address(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _append(response: Any, partial: Path, start: int, size: int | None, progress: Progress | None) -> None:
    """Write the answer after the bytes already here, or from the beginning when the server sends the whole file."""
    goes_on = response.status == _PARTIAL_CONTENT and _range_start(response) == start
    if response.status == _PARTIAL_CONTENT and not goes_on:
        raise http.client.HTTPException("the server sent another range than was asked for")
    done = start if goes_on else 0
    length = response.headers.get("Content-Length")
    total = done + int(length) if length is not None else size
    with partial.open("ab" if goes_on else "wb") as file:
        while block := response.read(BLOCK_BYTES):
            file.write(block)
            done += len(block)
            if progress is not None:
                progress(done, total)
        _flush(file)
    if total is not None and done < total:
        raise http.client.HTTPException(f"the connection broke after {done:,} of {total:,} bytes")


def _flush(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _range_start(response: Any) -> int | None:
    """The first byte of the range sent: "bytes 500-999/1000" -> 500."""
    start = str(response.headers.get("Content-Range", "")).removeprefix("bytes ").partition("-")[0]
    return int(start) if start.isdigit() else None


def _verify(address: str, partial: Path, checksum: str | None, size: int | None) -> None:
    arrived = partial.stat().st_size
    if size is not None and arrived != size:
        partial.unlink()
        raise MachineError(f"{address}: expected {size:,} bytes, got {arrived:,}; the file there has changed, nothing was kept")
    if checksum is None:
        return
    found = sha256(partial)
    if found != checksum:
        partial.unlink()
        raise MachineError(f"{address}: expected sha256 {checksum}, got {found}; the file there has changed, nothing was kept")
