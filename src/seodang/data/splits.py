"""Which row goes to training, validation and test: decided by a hash of its text or group, so that equals never part."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from seodang.core.errors import DataError
from seodang.data.records import counted

T = TypeVar("T")

EIGHTY_TEN_TEN: Mapping[str, float] = {"train": 0.8, "validation": 0.1, "test": 0.1}
PARTS = tuple(EIGHTY_TEN_TEN)
_NINE_TO_ONE: Mapping[str, float] = {"train": 0.9, "validation": 0.1}
_OWN_PARTS = "within own parts"  # a hash that parted train from test already would tell of no train image that it is another
_HASH_RANGE = 2**64


def fold(text: str) -> str:
    """The text as it is compared: composed (NFC), case folded, every run of white space one blank."""
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
    return " ".join(folded.split())


def assign(keys: Sequence[str], fractions: Mapping[str, float] = EIGHTY_TEN_TEN, salt: str = "") -> NDArray[np.str_]:
    """The part of every key, from a hash of the key alone.

    Equal keys (after `fold`) go to one part, and adding or removing other rows never moves a key.

    Args:
        keys: Text or group of every row.
        fractions: Share of each part, in order; they sum to 1.
        salt: Another salt gives another split.

    Returns: Part names, (len(keys),).
    """
    shares = np.array(list(fractions.values()), dtype=np.float64)
    if not np.isclose(shares.sum(), 1.0) or (shares <= 0).any():
        raise ValueError(f"fractions must be above 0 and sum to 1, got {dict(fractions)}")
    places = np.array([_place(key, salt) for key in keys], dtype=np.float64)
    parts = np.searchsorted(np.cumsum(shares)[:-1], places, side="right")
    return np.array(list(fractions))[parts]


def _place(key: str, salt: str) -> float:
    """Where a key falls between 0 and 1."""
    digest = hashlib.blake2b(f"{salt}\0{fold(key)}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") / _HASH_RANGE


def split(
    keys: Sequence[str],
    labels: Sequence[str],
    fractions: Mapping[str, float] = EIGHTY_TEN_TEN,
    salt: str = "",
    source: str = "the data",
    every_class_in: Sequence[str] | None = None,
) -> dict[str, NDArray[np.intp]]:
    """Row numbers (from 0, ascending) of each part.

    Args:
        keys: Text of every row, or its group when whole groups stay together.
        labels: Label of every row.
        fractions: Share of each part.
        salt: Another salt gives another split.
        source: Name of the data, for the error.
        every_class_in: Parts that must hold every class; None means all.

    Raises:
        DataError: A part gets no row, or lacks a class.
    """
    parts = assign(keys, fractions, salt)
    rows = {name: np.flatnonzero(parts == name) for name in fractions}
    distinct = len({fold(key) for key in keys})
    for name, chosen in rows.items():
        if len(chosen) == 0:
            raise DataError(
                f"{source}: the {name} part gets no row: {counted(len(keys), 'row')} with {distinct:,} different texts or "
                "groups are too few to split; add rows"
            )
    classes = sorted(set(labels))
    for name in fractions if every_class_in is None else every_class_in:
        _check_classes(source, name, classes, labels, rows[name])
    return rows


def split_train_validation(
    keys: Sequence[str],
    labels: Sequence[str],
    validation: float = 0.1,
    salt: str = "",
    source: str = "the data",
    every_class_in: Sequence[str] | None = None,
) -> dict[str, NDArray[np.intp]]:
    """Row numbers for "train" and "validation", for data whose test part is given apart. Raises as `split` does."""
    return split(keys, labels, {"train": 1.0 - validation, "validation": validation}, salt, source, every_class_in)


def complete_parts(
    given: Mapping[str, Sequence[T]], name: Callable[[T], str], content: Callable[[T], str]
) -> dict[str, tuple[T, ...]]:
    """Training, validation and test, by a hash of the name; parts that the source has stay as they are.

    What is alike to the last pixel goes where the first of it goes, so that equals never part.

    Args:
        given: By part, "all" when the source has no split of its own.
        name: What one is called.
        content: Equal for equals.

    Returns: A part is empty only where there are fewer different ones than parts.
    """
    parts: dict[str, list[T]] = {part: list(given.get(part, ())) for part in PARTS}
    rest, fractions, salt = list(given.get("all", ())), EIGHTY_TEN_TEN, ""
    if not rest and not parts["validation"]:
        rest, fractions, parts["train"] = parts["train"], _NINE_TO_ONE, []
    elif not rest and not parts["test"]:
        rest, fractions, parts["train"] = parts["train"], {"train": 0.9, "test": 0.1}, []
    if "all" not in given:
        salt = _OWN_PARTS
    if rest:
        first: dict[str, str] = {}
        for one in rest:
            first.setdefault(content(one), name(one))
        chosen = assign([first[content(one)] for one in rest], fractions, salt)
        for one, part in zip(rest, chosen, strict=True):
            parts[str(part)].append(one)
        _fill(parts, fractions, content)
    return {part: tuple(some) for part, some in parts.items()}


def _fill(parts: dict[str, list[T]], fractions: Mapping[str, float], content: Callable[[T], str]) -> None:
    """Give a part that a hash left empty, as happens to few rows, one of the largest part's; equals stay together."""
    for part in fractions:
        largest = max(fractions, key=lambda name: len(parts[name]))
        if not parts[part] and len({content(one) for one in parts[largest]}) > 1:
            chosen = min(map(content, parts[largest]))
            parts[part] = [one for one in parts[largest] if content(one) == chosen]
            parts[largest] = [one for one in parts[largest] if content(one) != chosen]


def _check_classes(source: str, part: str, classes: list[str], labels: Sequence[str], rows: NDArray[np.intp]) -> None:
    present = {labels[row] for row in rows}
    absent = [name for name in classes if name not in present]
    if absent:
        total = sum(label == absent[0] for label in labels)
        more = f" (and {len(absent) - 1} more classes)" if len(absent) > 1 else ""
        raise DataError(
            f"{source}: the {part} part gets no row of class {absent[0]!r}, which has {counted(total, 'row')}{more}; "
            "add rows of this class, join it with another, or remove it"
        )
