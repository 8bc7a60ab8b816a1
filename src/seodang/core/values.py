"""What goes into a model and what comes out, typed, so that a front door can offer any family without knowing it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from seodang.core.errors import DataError

if TYPE_CHECKING:  # `seodang --help` must not wait for NumPy
    import numpy as np
    from numpy.typing import NDArray


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
class Unread(Refused):
    """A file that gets no answer, and why."""

    file: str


@dataclass(frozen=True)
class Finding:
    """One thing noticed about the user's data: an "error" stops training, a "warning" does not, a "note" asks for nothing."""

    severity: Literal["error", "warning", "note"]
    where: str
    what: str
    fix: str = ""


@dataclass(frozen=True)
class Image:
    """An image: a file, or pixels, (height, width) or (height, width, channels), of 8 or 16 bits."""

    source: str | Path | NDArray[Any]

    def __post_init__(self) -> None:
        if not isinstance(self.source, str | Path) and not hasattr(self.source, "ndim"):
            raise DataError(f"An image is expected, a path or an array, got {type(self.source).__name__}: {self.source!r}.")
        if not isinstance(self.source, str | Path) and self.source.ndim not in (2, 3):
            raise DataError(f"An image has height, width and perhaps channels, got an array of shape {self.source.shape}.")

    @property
    def where(self) -> str:
        """The file, for messages and for names of what is made of it; "" for pixels."""
        return str(self.source) if isinstance(self.source, str | Path) else ""

    @property
    def pictures(self) -> Mapping[str, Callable[[], NDArray[Any]]]:
        """What can be drawn of it, by the name of the flag that asks for it: the pixels, where a model made them."""
        pixels = self.source
        return {} if isinstance(pixels, str | Path) else {"out": lambda: pixels}


@dataclass(frozen=True)
class Seed:
    """What something is made from by chance: a number, and perhaps which class it is to be, written "3" or "3:cat"."""

    given: int | str

    def __post_init__(self) -> None:
        number = self.given if type(self.given) is int else str(self.given).partition(":")[0].strip()
        if not (type(number) is int or str(number).isdecimal()) or not 0 <= int(number) < 1 << 31:
            raise DataError(
                f"A seed is expected, a whole number from 0 to {(1 << 31) - 1}, perhaps with :CLASS; got {self.given!r}."
            )

    @property
    def number(self) -> int:
        """Where chance begins."""
        return self.given if isinstance(self.given, int) else int(self.given.partition(":")[0])

    @property
    def label(self) -> str | None:
        """The class that is asked for, if any."""
        return None if isinstance(self.given, int) else self.given.partition(":")[2].strip() or None

    @property
    def where(self) -> str:
        """For messages and for names of what is made of it."""
        return f"seed {self.number}" + (f" of {self.label}" if self.label else "")


@dataclass(frozen=True)
class Observation:
    """What an agent sees: numbers, an image or a dictionary of such, as its environment gives them; or the same as JSON."""

    given: Any
    where: str = ""
    """The file and line it was read from, for messages."""

    @property
    def text(self) -> str:
        """As a person may read it."""
        return str(self.given)

    def content(self) -> Any:
        """Numbers, lists and dictionaries. Raises: DataError: It is a text and not JSON."""
        if not isinstance(self.given, str):
            return self.given
        try:
            return json.loads(self.given)
        except ValueError as error:
            raise DataError(f"an observation is expected as JSON, such as [0.1, -0.2], got {self.given[:60]!r}") from error


@dataclass(frozen=True)
class Action:
    """What an agent does, and what it thinks of it."""

    action: Any
    """As the environment takes it: a number, or a list of numbers."""
    chances: tuple[tuple[float, ...], ...] | None = None
    """How likely each action of each choice is when it acts by chance; None for numbers."""
    worths: tuple[float, ...] | None = None
    """What each action is worth, where it knows."""
    value: float | None = None
    """What it expects to be paid from here on, in the rewards that it learned from; None: it does not say."""


@dataclass(frozen=True)
class Video:
    """Images one after another."""

    frames: tuple[NDArray[np.uint8], ...] = field(repr=False)
    """(height, width) in grey or (height, width, 3), all of one size."""
    seconds_a_frame: float


@dataclass(frozen=True)
class Mask:
    """Which class each pixel of an image belongs to."""

    shares: Mapping[str, float]
    """The part of the pixels that each class has."""
    confidence: float
    """The chance of the chosen class, mean over all pixels."""
    classes: NDArray[np.uint8] = field(repr=False)
    """(height, width), the number of each pixel's class."""
    confidences: NDArray[np.float32] = field(repr=False)
    """(height, width), the chance of the chosen class."""
    pictures: Mapping[str, Callable[[], NDArray[Any]]] = field(default_factory=dict, repr=False)
    """What can be drawn of it, by the name of the flag that asks for it, e.g. `out` and `overlay`."""


@dataclass(frozen=True)
class Box:
    """One thing in an image: where it is, and perhaps what."""

    box: tuple[float, float, float, float]
    """x0, y0, x1, y1 in pixels."""
    score: float
    """How sure it is that something is there, from 0 to 1."""
    landmarks: tuple[tuple[float, float], ...] = ()
    """x, y of known points of it."""
    label: str | None = None
    """What it is."""
    probability: float | None = None
    """The chance that the label is right."""
    note: str | None = None
    """What the reader should know of the label."""


@dataclass(frozen=True)
class Boxes:
    """What is in an image, and where."""

    file: str
    """The image; "" for pixels."""
    width: int
    height: int
    found: tuple[Box, ...]
    note: str | None = None
    """What the reader should know of it."""
    pictures: Mapping[str, Callable[[], NDArray[Any]]] = field(default_factory=dict, repr=False, compare=False)
    """What can be drawn of it, by the name of the flag that asks for it."""
