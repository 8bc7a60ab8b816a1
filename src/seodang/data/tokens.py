"""Words of a text, cut out the same way wherever a family learns from words."""

from __future__ import annotations

import html
import re
import unicodedata


def mark_ranges() -> str:
    """The combining marks of Unicode's first plane, as ranges for a regular expression."""
    marks = [unicodedata.category(chr(code)).startswith("M") for code in range(0x10000)]
    firsts = [code for code in range(1, 0x10000) if marks[code] and not marks[code - 1]]
    return "".join(rf"\u{first:04x}-\u{marks.index(False, first) - 1:04x}" for first in firsts)


TAG = re.compile(r"</?[a-zA-Z!][^<>]{0,200}>")  # not the signs of "5 < 6 and 7 > 6"
# `\w` leaves out vowel signs and accents that stand as characters of their own; without them words of India fall to pieces.
WORD = re.compile(rf"\w+(?:['’]\w+|[{mark_ranges()}]+\w*)*")
HANGUL = re.compile(r"[\uac00-\ud7a3\u1100-\u11ff\u3130-\u318f]")
LETTER = re.compile(r"[^\W\d_]")


def clean(text: str) -> str:
    """A text without HTML tags and entities, case folded, letters and their accents composed (NFC)."""
    if "<" in text:
        text = TAG.sub(" ", text)
    if "&" in text:
        text = html.unescape(text)
    text = text.casefold()
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def split_words(text: str) -> list[str]:
    """The words of a text: runs of Unicode letters, marks, digits and underscores, with apostrophes inside."""
    return WORD.findall(clean(text))


def hangul_share(text: str) -> float:
    """Part of a text's letters that are Hangul, 0 to 1."""
    return len(HANGUL.findall(text)) / max(len(LETTER.findall(text)), 1)
