"""Hangul syllables taken apart into jamo and put together again, by arithmetic on whole arrays.

A syllable is an initial, a medial and perhaps a final jamo (The Unicode Standard, section 3.12). They are written as conjoining
jamo (U+1100 to U+11FF), where initials and finals have codes of their own, so that a row of jamo is composed in one way only.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

FIRST_SYLLABLE, SYLLABLES = 0xAC00, 11172
FIRST_INITIAL, INITIALS = 0x1100, 19
FIRST_MEDIAL, MEDIALS = 0x1161, 21
FIRST_FINAL, FINALS = 0x11A8, 27
WITH_FINAL = FINALS + 1  # a syllable has one of the finals or none
WITH_MEDIAL = MEDIALS * WITH_FINAL
NO_JAMO = 0x110000  # one past the last code point

UNFINISHED = re.compile("[\u1100-\u1112][\u1161-\u1175]?\\Z")  # an initial may get a medial, and then a final


def decompose(codes: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Every syllable as its two or three jamo, anything else as it is.

    Args:    codes: Code points, (length,), uint32.
    Returns: Code points, (at least length,), uint32.
    """
    is_syllable = _within(codes, FIRST_SYLLABLE, SYLLABLES)
    if not is_syllable.any():
        return codes
    index = codes[is_syllable] - FIRST_SYLLABLE
    final = index % WITH_FINAL
    slots = np.full((len(codes), 3), NO_JAMO, np.uint32)
    slots[:, 0] = codes
    slots[is_syllable, 0] = FIRST_INITIAL + index // WITH_MEDIAL
    slots[is_syllable, 1] = FIRST_MEDIAL + index % WITH_MEDIAL // WITH_FINAL
    slots[is_syllable, 2] = np.where(final > 0, FIRST_FINAL - 1 + final, NO_JAMO)
    taken_apart: NDArray[np.uint32] = slots[slots != NO_JAMO]
    return taken_apart


def compose(codes: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Every initial and medial, and the final that may follow, as one syllable; jamo that make no syllable stay as they are.

    Args:    codes: Code points, (length,), uint32.
    Returns: Code points, (at most length,), uint32.
    """
    padded = np.concatenate([codes, np.zeros(2, np.uint32)])
    first, second, third = padded[:-2], padded[1:-1], padded[2:]
    joined = _within(first, FIRST_INITIAL, INITIALS) & _within(second, FIRST_MEDIAL, MEDIALS)
    closed = joined & _within(third, FIRST_FINAL, FINALS)
    syllables = FIRST_SYLLABLE + (first - FIRST_INITIAL) * WITH_MEDIAL + (second - FIRST_MEDIAL) * WITH_FINAL
    syllables += np.where(closed, third - (FIRST_FINAL - 1), 0).astype(np.uint32)
    swallowed = np.zeros(len(padded), np.bool_)
    swallowed[1:-1] |= joined
    swallowed[2:] |= closed
    return np.where(joined, syllables, first)[~swallowed[:-2]]


def unfinished(text: str) -> int:
    """Where the jamo at the end of a text begin that a next jamo could change; its length when there are none."""
    match = UNFINISHED.search(text)
    return match.start() if match else len(text)


def _within(codes: NDArray[np.uint32], first: int, count: int) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = codes - first < count  # without a sign, what is below `first` wraps to something large
    return inside
