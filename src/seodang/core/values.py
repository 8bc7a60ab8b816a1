"""What goes into a model and what comes out, typed, so that a front door can offer any family without knowing it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from seodang.core.errors import DataError


@dataclass(frozen=True)
class Text:
    """A text, as a person wrote it."""

    text: str

    def __post_init__(self) -> None:
        if not isinstance(self.text, str):
            raise DataError(f"A text is expected, got {type(self.text).__name__}: {self.text!r}.")


@dataclass(frozen=True)
class Scores:
    """One label out of several, with the probability of each."""

    label: str
    probabilities: Mapping[str, float]
    note: str | None = None
    """What the reader should know before trusting it, e.g. that no word of the text is known."""


@dataclass(frozen=True)
class Table:
    """Named columns, rows of texts and numbers, and what the reader should know of them."""

    headers: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Refused:
    """An input that gets no answer, and why: "text is empty"."""

    error: str


@dataclass(frozen=True)
class Finding:
    """One thing noticed about the user's data: an "error" stops training, a "warning" does not, a "note" asks for nothing."""

    severity: Literal["error", "warning", "note"]
    where: str
    what: str
    fix: str = ""
