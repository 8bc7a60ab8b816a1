"""What every section of the report draws on: the page as it grows, the run, and its held-out text scored by its model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from seodang.core.family import Trained
from seodang.draw.report import Report
from seodang.draw.style import Picture
from seodang.draw.table import Table
from seodang.families.language.data import LanguageData
from seodang.families.language.predictor import LanguagePredictor
from seodang.families.language.scoring import Nats, Tokens
from seodang.families.language.settings import LanguageSettings

SIGNS = {"\n": "⏎", " ": "␣", "\t": "⇥"}


@dataclass(frozen=True)
class Page:
    """A report on its way to a folder."""

    report: Report
    folder: Path
    trained: Trained[LanguageSettings]
    predictor: LanguagePredictor
    data: LanguageData | None
    evaluation: Mapping[str, Any]

    @property
    def run(self) -> str:
        """The run's path, as commands take it."""
        return str(self.trained.run.path)

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

    def picture(self, name: str, picture: Picture, caption: str = "", table: Table | None = None) -> None:
        """Add a picture, and save it beside the page as `<name>.png`."""
        picture.save(self.folder / f"{name}.png")
        self.report.picture(picture, caption, table=table)

    def measured_table(self, name: str, caption: str = "") -> Table:
        """A table of the evaluation."""
        found = self.evaluation["tables"][name]
        return Table(found["headers"], found["rows"], caption)


def visible(token: str) -> str:
    """A token as a reader can see it: signs for white space, else itself."""
    return "".join(SIGNS.get(letter, letter) for letter in token)
