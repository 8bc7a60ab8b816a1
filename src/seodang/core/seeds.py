"""Seeds: where every random choice starts, a function of what it is for and never of what came before."""

from __future__ import annotations

import hashlib


def mix(*parts: int | str) -> int:
    """One number of 63 bits from several: a seed for (seed, epoch, purpose). Other parts give unrelated numbers."""
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        # The length and kind keep ("ab", "c") apart from ("a", "bc") and 1 from "1".
        text = f"{type(part).__name__}:{part}".encode()
        digest.update(len(text).to_bytes(8, "little") + text)
    return int.from_bytes(digest.digest(), "little") >> 1
