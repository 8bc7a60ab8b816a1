"""From the bytes of a file to lines of text: decompression, UTF-8, and a plain reason when either fails."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from seodang.core.errors import DataError, MachineError, SeodangError

COMPRESSIONS = {".gz": "gzip", ".xz": "xz", ".bz2": "bzip2"}
_BROKEN_STREAM = (OSError, EOFError, zlib.error, lzma.LZMAError)
_SAMPLE_BYTES = 65_536
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_ALONE = re.compile(rb"(?<![\x80-\xff])[\x80-\xff](?![\x80-\xff])")
MOST_CONTROL = 0.02  # part of the bytes

# First bytes of files that are often given the wrong suffix, what they are, and what to do.
_SIGNATURES: tuple[tuple[bytes, str, str], ...] = (
    (b"\x1f\x8b", "gzip data", "rename it to {name}.gz"),
    (b"\xfd7zXZ\x00", "xz data", "rename it to {name}.xz"),
    (b"BZh", "bzip2 data", "rename it to {name}.bz2"),
    (b"PK\x03\x04", "a zip archive or an Excel workbook", "unpack it, or save the sheet as CSV UTF-8"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "save the sheet as CSV UTF-8"),
    (b"PAR1", "Parquet data", "give it the suffix .parquet"),
    (b"%PDF", "a PDF document", "export its text as CSV"),
    (b"\x89PNG", "a PNG picture", "name the table of texts"),
    (b"\xff\xd8\xff", "a JPEG picture", "name the table of texts"),
    (b"SQLite format 3", "an SQLite database", "export the table as CSV"),
)


def split_suffix(path: Path) -> tuple[str, str]:
    """The format and compression suffixes in lower case: reviews.CSV.gz -> (".csv", ".gz"); no compression is ""."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in COMPRESSIONS:
        return (suffixes[-2] if len(suffixes) > 1 else "", suffixes[-1])
    return (suffixes[-1] if suffixes else "", "")


@contextmanager
def open_bytes(path: Path) -> Iterator[IO[bytes]]:
    """The file's decompressed bytes as a stream.

    Raises:
        DataError: The file is empty, damaged, or not what its suffix says.
        MachineError: The file cannot be opened or the disk fails.
    """
    if path.stat().st_size == 0:
        raise DataError(f"{path.name} is empty: expected text, got 0 bytes")
    try:
        with path.open("rb") as raw, _decompressed(path, raw) as stream:
            _check_signature(path, stream)
            yield stream
    except SeodangError:
        raise
    except _BROKEN_STREAM as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise MachineError(f"{path} cannot be read: {error.strerror}") from error
        raise _damaged(path, error) from error


def _decompressed(path: Path, raw: IO[bytes]) -> io.BufferedReader:
    suffix = split_suffix(path)[1]
    opened: object = raw
    if suffix == ".gz":
        opened = gzip.GzipFile(fileobj=raw)
    elif suffix == ".xz":
        opened = lzma.LZMAFile(raw)  # noqa: SIM115 - closed with the reader around it
    elif suffix == ".bz2":
        opened = bz2.BZ2File(raw)
    return io.BufferedReader(cast(io.RawIOBase, opened), buffer_size=1 << 18)


def _damaged(path: Path, error: Exception) -> DataError:
    kind = COMPRESSIONS.get(split_suffix(path)[1])
    if kind is None:
        return DataError(f"{path.name} cannot be read: {error}")
    with path.open("rb") as file:
        start = file.read(16)
    magic = {"gzip": b"\x1f\x8b", "xz": b"\xfd7zXZ\x00", "bzip2": b"BZh"}[kind]
    if not start.startswith(magic):
        return DataError(f"{path.name} is not {kind} data although its name ends in {path.suffix}; rename it")
    return DataError(f"{path.name} is damaged or cut short: its {kind} data ends too early; copy or download it again")


def _check_signature(path: Path, stream: io.BufferedReader) -> None:
    start = stream.peek(_SAMPLE_BYTES)[:512]
    if not start:
        raise DataError(f"{path.name} is empty: expected text, got 0 bytes after decompression")
    for magic, what, fix in _SIGNATURES:
        if start.startswith(magic) and not (magic == b"PAR1" and split_suffix(path)[0] == ".parquet"):
            raise DataError(f"{path.name} is {what}, not a table of text; {fix.format(name=path.name)}")
    if re.match(rb"\s*(<!doctype html|<html)", start, re.IGNORECASE):
        raise DataError(f"{path.name} is a web page, not a table of text; download the file itself, not the page that shows it")


@contextmanager
def open_lines(path: Path) -> Iterator[Iterator[str]]:
    """The file's lines, decoded from UTF-8 (a byte order mark is accepted), with their line ends.

    Raises:
        DataError: The bytes are not UTF-8 or hold a NUL byte; names row and byte.
    """
    with open_bytes(path) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
        try:
            yield _without_nul(path, text)
        except UnicodeDecodeError as error:
            raise _not_utf8(path) from error


def read_text(path: Path) -> str:
    """A file's text, line ends as one character each.

    Raises: DataError: It is empty, damaged, binary or not UTF-8; names the line.
    """
    with open_lines(path) as lines:
        text = "".join(lines)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _without_nul(path: Path, lines: Iterator[str]) -> Iterator[str]:
    for row, line in enumerate(lines, 1):
        if "\0" in line:
            raise _has_nul(path, row, line)
        yield line


def _has_nul(path: Path, row: int, line: str) -> DataError:
    if line.count("\0") * 3 > len(line):
        return DataError(f"{path.name}, row {row}: full of NUL bytes, so it looks like UTF-16; {_convert(path, 'UTF-16LE')}")
    place = line.index("\0") + 1
    return DataError(f"{path.name}, row {row}: holds a NUL byte at character {place}; remove it or export the file again")


def _not_utf8(path: Path) -> DataError:
    """Where the first byte stands that is not UTF-8, and which encoding the file looks like. Reads the file again."""
    with open_bytes(path) as stream:
        offset = 0
        for row, line in enumerate(stream, 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                place = offset + error.start
                sample = line + stream.read(_SAMPLE_BYTES)
                if looks_binary(sample):
                    return DataError(
                        f"{path.name} is not text: byte {place:,} and others around it spell nothing; give a text file in UTF-8"
                    )
                encoding = "UTF-16" if row == 1 and line[:2] in (b"\xff\xfe", b"\xfe\xff") else guess_encoding(sample)
                return DataError(
                    f"{path.name}, row {row}: byte 0x{line[error.start]:02x} at position {place:,} is not UTF-8; "
                    f"the file looks like {encoding}; {_convert(path, encoding)}"
                )
            offset += len(line)
    return DataError(f"{path.name} is not UTF-8")


def _convert(path: Path, encoding: str) -> str:
    stem = path.name.split(".")[0]
    plain = path.name if not split_suffix(path)[1] else path.name.removesuffix(path.suffix)
    return f"convert it: iconv -f {encoding} -t UTF-8 {plain} > {stem}-utf8{split_suffix(path)[0]}"


def looks_binary(sample: bytes) -> bool:
    """Whether bytes hold more control characters than text of any encoding does; UTF-16 has a mark of its own."""
    if sample[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return False
    return len(_CONTROL.findall(sample)) > MOST_CONTROL * len(sample)


def guess_encoding(sample: bytes) -> str:
    """The likeliest encoding of bytes that are not UTF-8, by the letters they would spell; CP1252 when nothing else fits."""
    expected = {"CP949": ("\uac00", "\ud7a3"), "SHIFT_JIS": ("\u3040", "\u30ff"), "GB18030": ("\u4e00", "\u9fff")}
    # Letters of CP949 and GB18030 are mostly pairs of high bytes; accents of Western texts mostly stand alone.
    alone = 2 * len(_ALONE.findall(sample)) >= sum(byte > 127 for byte in sample)
    for encoding, (first, last) in expected.items():
        if alone and encoding != "SHIFT_JIS":
            continue
        text = sample.decode(encoding, errors="ignore")
        foreign = [letter for letter in text if ord(letter) > 127]
        lost = len(sample) - len(text.encode(encoding, errors="ignore"))
        # A cut multi-byte character at the sample's end may lose a few bytes; a wrong guess loses many.
        if foreign and lost <= 4 and sum(first <= letter <= last for letter in foreign) > 0.5 * len(foreign):
            return encoding
    return "CP1252"
