"""Running text as numbers of words: read block by block, split into words once, numbered by first appearance."""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seodang.core.errors import DataError
from seodang.core.files import machine_errors, sha256
from seodang.data.cache import home_folder
from seodang.data.corpus import corpus_files, folder_notes, read_corpus
from seodang.data.decoding import open_bytes, read_text
from seodang.data.tokens import clean, split_words
from seodang.families.words.settings import WordsSettings

BLOCK_CHARACTERS = 1 << 22
IN_MEMORY_BYTES = 1 << 30  # numbers beyond this go to a file that the system maps
MOST_WORDS = 20_000_000  # different words that are told apart; later ones are rare, and counted as left out
LINE_END, LEFT_OUT = -1, -2
CUTS = " \n"  # where a block may end without cutting a word


@dataclass
class WordsData:
    """A text and what it is made of."""

    source: str
    licence: str
    notes: tuple[str, ...]
    checksum: str
    paths: tuple[Path, ...]
    text: str
    """The whole text of a named set; that of files is read block by block."""
    settings: WordsSettings

    def blocks(self) -> Iterator[str]:
        """The text in pieces that end between words, line ends as one character."""
        if not self.paths:
            yield from _cut(io.StringIO(self.text))
        for path in self.paths:
            yield from _file_blocks(path)
            yield "\n"

    @cached_property
    def encoded(self) -> EncodedText:
        """The text as numbers.

        Raises: DataError: It holds no words.
        """
        encoded = encode(self.blocks(), self.settings)
        if not encoded.words:
            raise DataError(f"{self.source}: no words in it; expected running text, with words between spaces.")
        return encoded

    def sample(self) -> str:
        """The first block, to judge the language by."""
        return next(self.blocks())

    def facts(self) -> dict[str, Any]:
        """Size, licence and notes, for people."""
        facts: dict[str, Any] = {"words": int((self.encoded.numbers >= 0).sum()), "different words": len(self.encoded.words)}
        if self.licence:
            facts["licence"] = self.licence
        left_out = int((self.encoded.numbers == LEFT_OUT).sum())
        more = (f"{left_out:,} words were first seen after {MOST_WORDS:,} others and are left out",) if left_out else ()
        return {**facts, "notes": [*self.notes, *more]}


@dataclass(frozen=True)
class EncodedText:
    """A text as numbers of words by first appearance; `LINE_END` and `LEFT_OUT` stand for themselves."""

    words: tuple[str, ...]
    numbers: NDArray[np.int32]

    def counts(self) -> NDArray[np.int64]:
        """How often each word appears, (words,)."""
        return np.bincount(self.numbers[self.numbers >= 0], minlength=len(self.words))


def read_data(source: str, settings: WordsSettings) -> WordsData:
    """Find a text and hash it; words are cut out of it when they are asked for.

    Raises: DataError: There is none, or it is empty or no text.
    """
    path = Path(source)
    if not path.exists():
        corpus = read_corpus(source)
        return WordsData(corpus.source, corpus.licence, corpus.notes, corpus.checksum, (), corpus.text, settings)
    paths = tuple(corpus_files(path)) if path.is_dir() else (path,)
    for one in paths:
        next(_file_blocks(one), None)  # empty, binary and misnamed files are refused here
    notes = folder_notes(path, list(paths)) if path.is_dir() else ()
    digest = hashlib.sha256("".join(map(sha256, paths)).encode()).hexdigest()
    return WordsData(path.name, "", notes, digest, paths, "", settings)


def encode(blocks: Iterator[str], settings: WordsSettings) -> EncodedText:
    """Number the words of a text, in memory or, where that would be too much, in a file that is gone when the process ends."""
    known: dict[str, int] = {}
    pieces: list[NDArray[np.int32]] = []
    spilled = None
    held = 0
    for block in blocks:
        pieces.append(_numbered(block, known, settings))
        held += pieces[-1].nbytes
        if held > IN_MEMORY_BYTES:
            spilled = spilled or _spill_file()
            with machine_errors(home_folder()):
                spilled.write(np.concatenate(pieces).tobytes())
            pieces, held = [], 0
    numbers = np.concatenate(pieces) if pieces else np.empty(0, np.int32)
    if spilled is not None:
        with machine_errors(home_folder()):
            spilled.write(numbers.tobytes())
            spilled.flush()
        numbers = np.memmap(spilled, np.int32, mode="r")
        spilled.close()  # the map keeps the file
    return EncodedText(tuple(known), numbers)


def split(text: str, tokens: str) -> list[str]:
    """The words of a text as a setting says."""
    return split_words(text) if tokens == "words" else text.split()


def folded(word: str, tokens: str) -> str:
    """A word as the vocabulary would have it."""
    return clean(word.strip()) if tokens == "words" else word.strip()


def _numbered(block: str, known: dict[str, int], settings: WordsSettings) -> NDArray[np.int32]:
    chosen = settings.data
    numbers: list[int] = []
    for line in block.split("\n") if chosen.line_ends else [block]:
        words = split(line, chosen.tokens)
        if len(known) < MOST_WORDS:
            numbers += [known.setdefault(word, len(known)) for word in words]
        else:
            numbers += [known.get(word, LEFT_OUT) for word in words]
        numbers.append(LINE_END)
    # The last line goes on in the next block; a text that ends there loses nothing by it.
    return np.array(numbers[:-1], np.int32)


def _spill_file() -> Any:
    with machine_errors(home_folder()):
        home_folder().mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryFile(dir=home_folder())


def _file_blocks(path: Path) -> Iterator[str]:
    """A file's text block by block.

    Raises: DataError: It is empty, damaged, binary or not UTF-8; names the line.
    """
    with open_bytes(path) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8-sig")
        try:
            for block in _cut(text):
                if "\0" in block:
                    read_text(path)  # says in which line
                yield block
        except UnicodeDecodeError:
            read_text(path)
            raise


def _cut(stream: io.TextIOBase) -> Iterator[str]:
    rest = ""
    while block := stream.read(BLOCK_CHARACTERS):
        block = rest + block
        end = max(block.rfind(cut) for cut in CUTS) + 1
        rest = block[end:]
        if end:
            yield block[:end]
    if rest:
        yield rest
