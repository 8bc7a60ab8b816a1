"""Downloads against a server on this machine that breaks off, forgets ranges, moves and lies."""

from __future__ import annotations

import errno
import hashlib
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any

import pytest

from seodang.core.errors import MachineError
from seodang.data import download as module
from seodang.data.download import download

CONTENT = bytes(range(256)) * 8_000
CHECKSUM = hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves CONTENT; `breaks` answers stop half way through what is left."""

    breaks = 0
    ranges = True
    status = 200
    requests: list[str | None]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/file.bin"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.requests.append(wanted)
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "http://example.invalid/file.bin")
            self.end_headers()
            return
        if self.server.status != 200:
            self.send_error(self.server.status)
            return
        start = int(re.findall(r"\d+", wanted)[0]) if wanted and self.server.ranges else 0
        if start >= len(CONTENT):
            self.send_error(416)
            return
        body = CONTENT[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.server.breaks:
            self.server.breaks -= 1
            body = body[: len(body) // 2]
            self.close_connection = True
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as running:
        running.requests = []
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def test_whole_file_with_progress(server: Server, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    path = download(
        server.address,
        tmp_path / "f",
        checksum=CHECKSUM,
        size=len(CONTENT),
        progress=lambda done, total: seen.append((done, total)),
    )
    assert path.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert not (tmp_path / "f.part").exists()


def test_broken_connection_goes_on_where_it_stopped(server: Server, tmp_path: Path) -> None:
    server.breaks = 3
    assert download(server.address, tmp_path / "f", checksum=CHECKSUM).read_bytes() == CONTENT
    half = len(CONTENT) // 2
    assert server.requests == [None, f"bytes={half}-", f"bytes={half + half // 2}-", f"bytes={half + half // 2 + half // 4}-"]


def test_later_call_goes_on_where_an_earlier_one_stopped(server: Server, tmp_path: Path) -> None:
    (tmp_path / "f.part").write_bytes(CONTENT[:1_000])
    assert download(server.address, tmp_path / "f", checksum=CHECKSUM).read_bytes() == CONTENT
    assert server.requests == ["bytes=1000-"]


def test_server_that_knows_no_ranges_sends_all_again(server: Server, tmp_path: Path) -> None:
    server.ranges = False
    (tmp_path / "f.part").write_bytes(b"x" * 1_000)
    assert download(server.address, tmp_path / "f", checksum=CHECKSUM).read_bytes() == CONTENT


def test_without_a_checksum_an_old_piece_is_not_trusted(server: Server, tmp_path: Path) -> None:
    (tmp_path / "f.part").write_bytes(b"x" * 1_000)
    assert download(server.address, tmp_path / "f").read_bytes() == CONTENT
    assert server.requests == [None]


def test_piece_longer_than_the_file_is_dropped(server: Server, tmp_path: Path) -> None:
    (tmp_path / "f.part").write_bytes(CONTENT + b"more")
    assert download(server.address, tmp_path / "f", checksum=CHECKSUM).read_bytes() == CONTENT


def test_piece_that_is_already_whole_is_kept(server: Server, tmp_path: Path) -> None:
    (tmp_path / "f.part").write_bytes(CONTENT)
    assert download(server.address, tmp_path / "f", checksum=CHECKSUM, size=len(CONTENT)).read_bytes() == CONTENT


def test_file_already_here_is_not_fetched(server: Server, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(CONTENT)
    download(server.address, tmp_path / "f", checksum=CHECKSUM)
    assert server.requests == []


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        ({"checksum": "0" * 64}, r"expected sha256 0{64}, got [0-9a-f]{64}; .* nothing was kept"),
        ({"size": 5}, r"expected 5 bytes, got 2,048,000"),
    ],
)
def test_another_file_than_expected_is_refused(server: Server, tmp_path: Path, expected: dict[str, Any], message: str) -> None:
    with pytest.raises(MachineError, match=message) as caught:
        download(server.address, tmp_path / "f", **expected)
    assert caught.value.exit_code == 3
    assert not (tmp_path / "f").exists()
    assert not (tmp_path / "f.part").exists()


@pytest.mark.parametrize(
    ("status", "message"), [(404, r"answers 404 .* may have moved"), (503, r"cannot be fetched: the server answers 503")]
)
def test_server_refuses(server: Server, tmp_path: Path, status: int, message: str) -> None:
    server.status = status
    with pytest.raises(MachineError, match=message):
        download(server.address, tmp_path / "f", attempts=2)
    assert len(server.requests) == (1 if status == 404 else 2)


def test_no_network(tmp_path: Path) -> None:
    with Server(("127.0.0.1", 0), Handler) as closed:
        address = closed.address
    with pytest.raises(MachineError, match=r"cannot be fetched: .*refused.*; check the network and try again"):
        download(address, tmp_path / "f", attempts=1, timeout_seconds=2)


@pytest.mark.parametrize("address", ["http://example.invalid/f", "ftp://example.invalid/f", "file:///etc/hostname"])
def test_only_https(tmp_path: Path, address: str) -> None:
    with pytest.raises(MachineError, match="expected an https address"):
        download(address, tmp_path / "f")


def test_redirect_away_from_https_is_refused(server: Server, tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="expected an https address"):
        download(server.address.replace("file.bin", "moved"), tmp_path / "f")


def test_disk_too_small_is_said_before_the_download(server: Server, tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=r"f needs 1,\d+,000,000,000 MB, .* point SEODANG_HOME at another disk"):
        download(server.address, tmp_path / "f", size=10**18 + 10**17)
    assert server.requests == []


def test_disk_full_on_the_way(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: IO[bytes]) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "_flush", full)
    with pytest.raises(MachineError, match="the disk is full; free some space") as caught:
        download(server.address, tmp_path / "f")
    assert caught.value.exit_code == 3
    assert not (tmp_path / "f").exists()
