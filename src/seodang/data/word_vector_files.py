"""Word vectors in files: the text and the binary format of word2vec, which gensim reads and writes too."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from seodang.core.errors import DataError
from seodang.core.files import write_bytes
from seodang.data.decoding import open_bytes
from seodang.data.word_vectors import WordVectors

FLOAT_BYTES = 4
HEADER = "expected how many words and how many numbers each, such as '3000 100'"
MOST_WORD_BYTES = 10_000
SAMPLE_BYTES = 4096
BINARY_SUFFIX = ".bin"


def write_word_vectors(path: Path, vectors: WordVectors, binary: bool | None = None) -> None:
    """Write vectors in word2vec's format: binary when asked, or when the name ends in .bin.

    Raises:
        DataError: A word holds white space, which the format cannot say.
        MachineError: The file cannot be written.
    """
    for number, word in enumerate(vectors.words, 1):
        if not word or any(letter.isspace() for letter in word):
            raise DataError(f"word {number}, {word!r}: word2vec's format has no word that is empty or holds white space")
    out = io.BytesIO()
    out.write(f"{len(vectors)} {vectors.dimensions}\n".encode())
    for word, vector in zip(vectors.words, vectors.vectors.astype("<f4"), strict=True):
        if path.suffix == BINARY_SUFFIX if binary is None else binary:
            out.write(word.encode() + b" " + vector.tobytes())
        else:
            out.write(f"{word} {' '.join(map(repr, vector.tolist()))}\n".encode())
    write_bytes(path, out.getvalue())


def read_word_vectors(path: Path) -> WordVectors:
    """Read word2vec's text or binary format, also compressed; which of the two it is shows in the first entry.

    Raises: DataError: The file is empty, cut short or malformed; says in which line or at which word.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    with open_bytes(path) as stream:
        count, size = _header(path, stream.readline(SAMPLE_BYTES))
        start = stream.read(MOST_WORD_BYTES)
        rest = _Rest(start, stream)
        entries = _text_entries if _is_text(start, size) else _binary_entries
        words: dict[str, None] = {}
        vectors = np.empty((count, size), np.float32)
        for number, (where, word, values) in enumerate(entries(path, rest, count, size)):
            if word in words:
                raise DataError(f"{path.name}, {where}: {word!r} stands there a second time; remove one of them")
            if not np.isfinite(values).all():
                raise DataError(f"{path.name}, {where}: a number of {word!r} is not finite; write the file again")
            words[word] = None
            vectors[number] = values
    return WordVectors(tuple(words), vectors)


class _Rest:
    """A stream some of whose bytes were already taken."""

    def __init__(self, start: bytes, stream: IO[bytes]) -> None:
        self.start, self.stream = start, stream

    def read(self, count: int) -> bytes:
        """Up to so many bytes."""
        taken, self.start = self.start[:count], self.start[count:]
        return taken if len(taken) == count else taken + self.stream.read(count - len(taken))

    def lines(self) -> Iterator[bytes]:
        """All lines that are left, with their ends."""
        first, *others = self.start.splitlines(keepends=True) or [b""]
        lines = [first, *others]
        last = lines.pop()
        yield from lines
        if not last.endswith(b"\n"):
            last += self.stream.readline()
        if last:
            yield last
        yield from self.stream


def _header(path: Path, line: bytes) -> tuple[int, int]:
    try:
        count, size = map(int, line.decode().split())
    except ValueError:
        raise DataError(f"{path.name}, line 1: {HEADER}, got {line[:60]!r}; is it a file of word vectors?") from None
    if count < 1 or size < 1 or count * size > path.stat().st_size * 100:
        raise DataError(f"{path.name}, line 1: {HEADER}, got {count} and {size}, which the file's size cannot hold")
    return count, size


def _is_text(start: bytes, size: int) -> bool:
    line = start.split(b"\n", 1)[0]
    try:
        [float(number) for number in line.decode().split()[1 : size + 1]]
    except ValueError:
        return False
    return True


def _text_entries(path: Path, rest: _Rest, count: int, size: int) -> Iterator[tuple[str, str, np.ndarray]]:
    number = 0
    for number, line in enumerate(rest.lines(), 1):
        where = f"line {number + 1}"
        if number > count:
            if not line.strip():
                return
            raise DataError(f"{path.name}, {where}: more words than the {count:,} that line 1 promises; correct line 1")
        try:
            word, *numbers = line.decode().rstrip().split(" ")
            values = np.array(numbers, np.float32)
        except ValueError:
            raise DataError(f"{path.name}, {where}: expected a word and {size} numbers in UTF-8, got {line[:60]!r}") from None
        if len(values) != size:
            raise DataError(f"{path.name}, {where}: expected a word and {size} numbers, got {len(values)} of them")
        yield where, word, values
    if number < count:
        raise DataError(f"{path.name}: ends after {number:,} of {count:,} words; copy or download it again")


def _binary_entries(path: Path, rest: _Rest, count: int, size: int) -> Iterator[tuple[str, str, np.ndarray]]:
    for number in range(1, count + 1):
        letters = bytearray()
        while (letter := rest.read(1)) not in (b" ", b""):
            letters += letter
            if len(letters) > MOST_WORD_BYTES:
                raise DataError(f"{path.name}, word {number}: no end of the word found; is it a file of word vectors?")
        data = rest.read(size * FLOAT_BYTES)
        if len(data) < size * FLOAT_BYTES:
            raise DataError(f"{path.name}: ends at word {number:,} of {count:,}; copy or download it again")
        try:
            word = bytes(letters).lstrip(b"\n").decode()  # word2vec ends each entry with a line end, gensim does not
        except UnicodeDecodeError:
            raise DataError(f"{path.name}, word {number}: the word is not UTF-8; write the file again") from None
        yield f"word {number}", word, np.frombuffer(data, "<f4")
