"""Verbs and tools: what one kind of model can do beside what all can, declared so that front doors offer it unknowingly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from seodang.core.settings import Settings


@dataclass(frozen=True)
class Verb:
    """A verb of a run: `seodang generate RUN --length 500`, in Python `run.generate(length=500)`.

    What does it is `Family.actions[name]`; here stands only what `--help` needs, which must not import torch.
    """

    name: str
    """As it is typed, e.g. "odd-one-out"; in Python with underscores."""
    summary: str
    options: type[Settings]
    """Its options, each a flag."""
    words: str = ""
    """The option, a tuple of texts, that the words after RUN fill; none where it takes no words."""
    out: str = ""
    """What the flag `--out` names, of a verb that makes pictures; none where it makes none."""
    suffixes: tuple[str, ...] = ()
    """Which that name may have, where it can be told before anything is made."""

    @property
    def method(self) -> str:
        """Its name in Python."""
        return self.name.replace("-", "_")


@dataclass(frozen=True)
class Tool:
    """What a family does without a run: `seodang faces detect a.jpg`, in Python `seodang.use("faces", "detect", "a.jpg")`."""

    name: str
    """As it is typed."""
    summary: str
    options: type[Settings]
    """Its options, each a flag; one with a `question` is asked for at a terminal where it is not given."""
    action: Callable[[Any], Any]
    """What does it: options of its own type -> a value, a list or an iterator of values. It imports when it is called."""
    words: str = ""
    """The option, a tuple of texts, that the words behind the tool's name fill; none where it takes no words."""
    metavar: str = "WORD"
    """What those words are, for `--help`."""
    out: str = ""
    """What the flag `--out` names, of a tool whose values have pictures; none where they have none."""
