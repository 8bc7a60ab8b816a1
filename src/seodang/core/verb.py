"""Verb: what one kind of model can do beside what all can, declared so that front doors offer it without knowing it."""

from __future__ import annotations

from dataclasses import dataclass

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

    @property
    def method(self) -> str:
        """Its name in Python."""
        return self.name.replace("-", "_")
