"""How much of a generated text is copied: the longest piece that also stands in the training text."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so that its powers can be divided by; sums run modulo 2 ** 64


def longest_copy(text: str, source: str) -> str:
    """The longest piece of a text that stands in another letter by letter; of equal ones, the first.

    A piece of n letters that is copied holds copied pieces of all shorter lengths, so the length is found by halving; pieces of
    one length are compared by rolling hashes (Karp & Rabin 1987), all of a text at once, and the last ones letter by letter.
    """
    ours, theirs = Rolling(text), Rolling(source)
    low, high = 0, min(len(text), len(source))
    while low < high:
        length = (low + high + 1) // 2
        if _common(ours, theirs, length).any():
            low = length
        else:
            high = length - 1
    while low:
        starts = np.flatnonzero(_common(ours, theirs, low)).tolist()
        found = next((text[start : start + low] for start in starts if text[start : start + low] in source), None)
        if found is not None:
            return found
        low -= 1  # hashes met by chance
    return ""


class Rolling:
    """Hashes of all pieces of a text of any one length."""

    def __init__(self, text: str) -> None:
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint64)
        sums = np.cumsum(codes * _powers(len(codes)), dtype=np.uint64)
        self.sums = np.concatenate([np.zeros(1, np.uint64), sums])
        self.size = len(codes)

    def hashes(self, length: int, most: int) -> Hashes:
        """The hash of the piece from each place on, (size - length + 1,), those of equal pieces equal in any text.

        Args:
            length: Letters of a piece, at most `size`.
            most: Size of the largest text that is compared; pieces are brought to the power of its end.
        """
        shifted = _powers(most)[most - self.size + length - 1 : most][::-1]
        hashes: Hashes = (self.sums[length:] - self.sums[: self.size - length + 1]) * shifted
        return hashes


def _powers(count: int) -> Hashes:
    powers: Hashes = np.cumprod(np.full(count, BASE, np.uint64), dtype=np.uint64)
    return powers


def _common(ours: Rolling, theirs: Rolling, length: int) -> NDArray[np.bool_]:
    """Which of our pieces of a length have the hash of one of theirs."""
    most = max(ours.size, theirs.size)
    wanted = ours.hashes(length, most)
    ordered = np.sort(wanted)
    found = theirs.hashes(length, most)
    places = np.minimum(np.searchsorted(ordered, found), len(ordered) - 1)
    met = np.unique(found[ordered[places] == found])
    return np.isin(wanted, met)
