"""A text as a stream of token numbers, and back again, at once or as it is generated.

| kind | a token is | not restored by `decode` |
|---|---|---|
| characters | a code point, newlines too | characters unseen in training |
| bytes | a byte of UTF-8 | nothing |
| jamo | a jamo of a Hangul syllable, any other code point | unseen ones; text of conjoining jamo comes back in syllables |
| words | a word, number, mark or newline | see below |

Words keep their case. A number keeps its points and commas ("1,000.5") and a word its apostrophes ("don't"), but the ending of
"film's" is a token of its own. A mark's token is written with the spaces it had (" (", ", ", "-", " - "), so that "well-known
(or not)" comes back as it was. These do not: white space other than a newline becomes one space, and none at the ends of lines;
a word that is not in the vocabulary; a mark spaced as it never was in training takes its most frequent spacing. Languages that
put no spaces between words are better read as characters.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache
from itertools import islice, repeat
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from seodang.core.errors import DataError, RunError
from seodang.families.language.jamo import compose, decompose, unfinished

TokenKind = Literal["characters", "bytes", "words", "jamo"]
Codes = NDArray[np.uint32]

UNKNOWN = 0  # of every kind but bytes
UNKNOWN_TOKEN = "\ufffd"  # a text that holds this character itself says as much: something unreadable stood here
BYTES = tuple(chr(number) if number < 128 else f"<{number:02x}>" for number in range(256))  # as they are shown
NUM_CODES = 0x110000
CHUNK = 1 << 20  # characters turned at once, so that memory is needed for the numbers alone
SPACE = re.compile(r"\s")
SURROGATE = re.compile("[\ud800-\udfff]")
# Stand for a mark's own space and for a newline while white space separates tokens; no text holds half of a surrogate pair.
OWN_SPACE, NEWLINE = "\ud800", "\ud801"


@dataclass(frozen=True)
class Vocabulary:
    """Tokens and their numbers: 0 is any unknown token, then tokens by falling frequency; a byte's number is its value.

    Args:
        kind: What a token is.
        tokens: Every token in the order of its number; bytes as they are shown, marks among words with their spaces.
    """

    kind: TokenKind
    tokens: tuple[str, ...] = field(repr=False)

    @classmethod
    def fit(cls, text: str, kind: TokenKind, max_size: int | None) -> Vocabulary:
        """The tokens of a training text; ties stand in the order of their characters.

        Args:
            text: May be empty.
            kind: What a token is; bytes need no text.
            max_size: The most frequent tokens that are kept, the unknown one not counted, or None for all; not read by bytes.

        Raises: DataError: The text holds half of a surrogate pair.
        """
        utf8(text)
        if kind == "bytes":
            return cls(kind, BYTES)
        counts = _count_words(text) if kind == "words" else _count_codes(text, kind)
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        kept = (token for token, _ in ranked if token.strip(" ") != UNKNOWN_TOKEN)
        return cls(kind, (UNKNOWN_TOKEN, *islice(kept, max_size)))

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Vocabulary:
        """The vocabulary that `to_json` gave.

        Raises: RunError: A key is missing, or the value is something else.
        """
        if not isinstance(value, Mapping):
            raise _damaged(f"must be an object with kind and tokens, got {type(value).__name__}")
        for key in ("kind", "tokens"):
            if key not in value:
                raise _damaged(f"has no {key!r}")
        kind, tokens = value["kind"], value["tokens"]
        if kind not in get_args(TokenKind):
            raise _damaged(f"must have one of {', '.join(get_args(TokenKind))} for its kind, got {kind!r}")
        if fault := _fault(kind, tokens):
            raise _damaged(fault)
        return cls(kind, tuple(tokens))

    def to_json(self) -> dict[str, Any]:
        """Readable JSON: a token's number is its place in the list."""
        return {"kind": self.kind, "tokens": list(self.tokens)}

    @property
    def size(self) -> int:
        """How many numbers there are, that of the unknown token among them."""
        return len(self.tokens)

    def encode(self, text: str) -> NDArray[np.int32]:
        """Numbers of a text's tokens, (length,), int32; unknown tokens become 0.

        Raises: DataError: The text holds half of a surrogate pair.
        """
        encoded = utf8(text)
        if self.kind == "bytes":
            return np.frombuffer(encoded, np.uint8).astype(np.int32)
        return np.concatenate([np.empty(0, np.int32), *self._encoded(text)])

    def decode(self, numbers: Sequence[int] | NDArray[np.integer[Any]]) -> str:
        """The text of token numbers, the unknown token written as U+FFFD, and so are bytes that are not UTF-8.

        Raises: IndexError: A number is none of this vocabulary.
        """
        checked = self._checked(numbers)
        if self.kind == "bytes":
            return checked.astype(np.uint8).tobytes().decode(errors="replace")
        if self.kind == "words":
            decoder = StreamDecoder(self)
            return "".join(map(decoder.push, checked.tolist()))
        codes = np.array([ord(token) for token in self.tokens], np.uint32)[checked]
        return _text(compose(codes) if self.kind == "jamo" else codes)

    def unknown(self, text: str) -> tuple[str, ...]:
        """The tokens of a text that have no number, each once, in the order in which they come up.

        Raises: DataError: The text holds half of a surrogate pair.
        """
        utf8(text)
        if self.kind == "bytes":
            return ()
        found: dict[str, None] = {}
        if self.kind == "words":
            for words in _split(text):
                found.update(dict.fromkeys(_written(word) for word in words if word not in self._numbers))
        else:
            for codes in _codes(text, self.kind):
                found.update(dict.fromkeys(map(chr, codes[self._number_of_code[codes] == UNKNOWN].tolist())))
        return tuple(token for token in found if token != UNKNOWN_TOKEN)

    def _encoded(self, text: str) -> Iterator[NDArray[np.int32]]:
        if self.kind == "words":
            get = self._numbers.get
            for words in _split(text):
                yield np.fromiter(map(get, words, repeat(UNKNOWN)), np.int32, len(words))
        else:
            for codes in _codes(text, self.kind):
                yield self._number_of_code[codes]

    @cached_property
    def _numbers(self) -> dict[str, int]:
        """Numbers of words and marks as `_split` writes them; a mark's unseen spacings have the number of its first."""
        numbers = {token.replace(" ", OWN_SPACE).replace("\n", NEWLINE): number for number, token in enumerate(self.tokens)}
        for number, token in enumerate(self.tokens):
            mark = token.strip(" ")
            if len(mark) == 1 and not mark.isspace() and not in_word(mark):
                for before in ("", OWN_SPACE):
                    for after in ("", OWN_SPACE):
                        numbers.setdefault(before + mark + after, number)
        return numbers

    @cached_property
    def _number_of_code(self) -> NDArray[np.int32]:
        """Number of every code point, (NUM_CODES,), int32."""
        numbers = np.full(NUM_CODES, UNKNOWN, np.int32)
        numbers[[ord(token) for token in self.tokens]] = np.arange(self.size, dtype=np.int32)
        return numbers

    def _checked(self, numbers: Sequence[int] | NDArray[np.integer[Any]]) -> NDArray[np.int64]:
        checked = np.asarray(numbers, np.int64)
        if checked.size and (checked.min() < 0 or checked.max() >= self.size):
            wrong = checked[(checked < 0) | (checked >= self.size)][0]
            raise IndexError(f"Token numbers of this vocabulary are 0 to {self.size - 1}, got {wrong}.")
        return checked


class StreamDecoder:
    """Text of token numbers as they come, held back as long as the next one could change it.

    All pushes and the flush together are what `Vocabulary.decode` gives. To go on from a prompt of words, push the prompt's
    numbers first: whether a space stands before the first word depends on them.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self._utf8 = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._jamo = ""  # of a syllable that may not be complete
        self._wants_space = False  # what stands last lets a space follow it

    def push(self, number: int) -> str:
        """The text that is certain now; it may be empty.

        Raises: IndexError: The number is none of the vocabulary.
        """
        if not 0 <= number < self.vocabulary.size:
            raise IndexError(f"Token numbers of this vocabulary are 0 to {self.vocabulary.size - 1}, got {number}.")
        if self.vocabulary.kind == "bytes":
            return self._utf8.decode(bytes([number]))
        token = self.vocabulary.tokens[number]
        if self.vocabulary.kind == "words":
            return self._spaced(token, number == UNKNOWN)
        return self._composed(token) if self.vocabulary.kind == "jamo" else token

    def flush(self) -> str:
        """What was held back; after it the decoder is as new."""
        rest = self._utf8.decode(b"", final=True) + _composed(self._jamo)
        self._jamo, self._wants_space = "", False
        return rest

    def _composed(self, token: str) -> str:
        jamo = self._jamo + token
        end = unfinished(jamo)
        self._jamo = jamo[end:]
        return _composed(jamo[:end])

    def _spaced(self, token: str, is_unknown: bool) -> str:
        """A word wants a space on either side, a mark where one is written, a newline none; it takes two to have one."""
        before = is_unknown or token[0] == " " or in_word(token[0])
        space = " " if before and self._wants_space else ""
        self._wants_space = is_unknown or token[-1] == " " or in_word(token[-1])
        return space + token.strip(" ")


def utf8(text: str) -> bytes:
    """A text in UTF-8.

    Raises: DataError: It holds half of a surrogate pair, which is no character; the message says where.
    """
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        line = text.count("\n", 0, error.start) + 1
        column = error.start - text.rfind("\n", 0, error.start)
        raise DataError(
            f"Line {line} of the text, character {column}: U+{ord(text[error.start]):04X} is half of a surrogate pair and no "
            "character; read the text as UTF-8, or remove it."
        ) from None


def split_words(text: str) -> list[str]:
    """The words, numbers, marks and newlines of a text, marks with the spaces around them."""
    return [_written(word) for words in _split(text) for word in words]


def in_word(char: str) -> bool:
    """Whether a character belongs to words: letters, digits, the underscore, combining marks, joiners of letters."""
    return char.isalnum() or char in "_\u200c\u200d" or unicodedata.category(char)[0] == "M"


def _split(text: str) -> Iterator[list[str]]:
    """Words of a text in pieces, a mark's own spaces and newlines written as halves of surrogate pairs."""
    start, marks = 0, _marks()
    while start < len(text):
        space = SPACE.search(
            text, start + CHUNK
        )  # a piece ends in white space, so that its last mark is spaced as it is in the text
        end = space.end() if space else len(text)
        piece = text[start:end].replace("\n", f" {NEWLINE} ")
        yield marks.sub(_separate, piece).split()
        start = end


@cache
def _marks() -> re.Pattern[str]:
    """Runs of characters that are neither white space nor, as `in_word` says, of words."""
    combining = np.array([unicodedata.category(chr(code))[0] == "M" for code in range(NUM_CODES)])
    edges = np.flatnonzero(np.diff(combining, prepend=False, append=False)).reshape(-1, 2)  # first of a range, first after it
    ranges = "".join(f"{chr(first)}-{chr(end - 1)}" for first, end in edges.tolist())  # four times as fast as single characters
    return re.compile(rf"[^\w\s\u200c\u200d{OWN_SPACE}{NEWLINE}{ranges}]+")


def _separate(match: re.Match[str]) -> str:
    """A run of marks as tokens with spaces around them; or as it is where it joins the parts of a word.

    At the very end of a text a mark after a space is taken to open something (`said, "`) and any other to close it (`said,`).
    """
    text, run, start, end = match.string, match[0], match.start(), match.end()
    before, after = text[start - 1 : start], text[end : end + 1]
    leads = not before or before.isspace()
    trails = not leads if not after else after.isspace()
    if not leads and not trails and len(run) == 1:
        if run in ".," and before.isdecimal() and after.isdecimal():
            return run
        if run in "'’":
            ending = after in "sS" and not in_word(text[end + 1 : end + 2] or " ")
            return f" {run}" if ending else run
    return _spaced_marks(run, leads, trails)


@lru_cache(maxsize=4096)  # the runs of a text are few
def _spaced_marks(run: str, leads: bool, trails: bool) -> str:
    """The marks of a run with their own spaces; between two of them one leans away, or `decode` would part them.

    After a space all lean forward (` ("`), after a word back (`."`): opening and closing marks have tokens of their own.
    """
    before = OWN_SPACE if leads else ""
    between = "" if leads else OWN_SPACE
    return f" {' '.join(f'{before}{mark}{between}' for mark in run[:-1])} {before}{run[-1]}{OWN_SPACE if trails else ''} "


def _written(word: str) -> str:
    return word.replace(OWN_SPACE, " ").replace(NEWLINE, "\n")


def _count_words(text: str) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for words in _split(text):
        counts.update(words)
    return {_written(word): count for word, count in counts.items()}


def _count_codes(text: str, kind: TokenKind) -> dict[str, int]:
    counts = np.zeros(NUM_CODES, np.int64)
    for codes in _codes(text, kind):
        counts += np.bincount(codes, minlength=NUM_CODES)
    found = np.flatnonzero(counts)
    return dict(zip(map(chr, found.tolist()), counts[found].tolist(), strict=True))


def _codes(text: str, kind: TokenKind) -> Iterator[Codes]:
    """Code points of a text in pieces, syllables taken apart where a token is a jamo."""
    for start in range(0, len(text), CHUNK):
        codes = np.frombuffer(text[start : start + CHUNK].encode("utf-32-le"), "<u4").astype(np.uint32, copy=False)
        yield decompose(codes) if kind == "jamo" else codes


def _text(codes: Codes) -> str:
    return codes.astype("<u4").tobytes().decode("utf-32-le")


def _composed(jamo: str) -> str:
    return _text(compose(np.array([ord(char) for char in jamo], np.uint32)))


def _fault(kind: TokenKind, tokens: object) -> str | None:
    """What is wrong with the tokens of a stored vocabulary."""
    if not isinstance(tokens, list) or not all(isinstance(token, str) and token for token in tokens):
        return "must have a list of texts for its tokens"
    if SURROGATE.search("".join(tokens)):
        return "has half of a surrogate pair for a token"
    if len(set(tokens)) < len(tokens):
        return f"has the token {Counter(tokens).most_common(1)[0][0]!r} twice"
    if kind == "bytes":
        return None if tuple(tokens) == BYTES else "must have the 256 bytes for its tokens"
    if tokens[:1] != [UNKNOWN_TOKEN]:
        return "must begin with the unknown token, U+FFFD"
    long = "" if kind == "words" else next((token for token in tokens if len(token) > 1), "")
    return f"of {kind} has a token of several characters, {long!r}" if long else None


def _damaged(fault: str) -> RunError:
    return RunError(f"preprocessing.json: the vocabulary {fault}; bring the original file back.")
