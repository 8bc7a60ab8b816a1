"""What every section of the report draws on: the page as it grows, the run, and its held-out text scored by its model."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from seodang.draw.run_page import RunPage
from seodang.families.language.data import LanguageData
from seodang.families.language.predictor import LanguagePredictor
from seodang.families.language.scoring import Nats, Tokens
from seodang.families.language.settings import LanguageSettings

SIGNS = {"\n": "⏎", " ": "␣", "\t": "⇥"}


@dataclass(frozen=True)
class Page(RunPage[LanguageSettings, LanguagePredictor, LanguageData]):
    """A report on its way to a folder, and what several sections need."""

    @cached_property
    def tokens(self) -> Tokens:
        """Numbers of the held-out text, (tokens,); none when the data are gone."""
        return self.predictor.vocabulary.encode("" if self.data is None else self.data.parts["test"])

    @cached_property
    def nats(self) -> Nats:
        """Surprise at each of them, (tokens,)."""
        if self.data is None:
            return np.zeros(0)
        return self.predictor.nats(self.data.parts["test"], self.data.parts["train"] + self.data.parts["validation"])


def visible(token: str) -> str:
    """A token as a reader can see it: signs for white space, else itself."""
    return "".join(SIGNS.get(letter, letter) for letter in token)
