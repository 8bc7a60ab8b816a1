"""What every section of the report draws on: the page as it grows, the run, and the data scored by its model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from seodang.data.tables import LabelledTexts
from seodang.draw.run_page import RunPage
from seodang.families.text.data import TextData, class_numbers
from seodang.families.text.predictor import TextPredictor
from seodang.families.text.settings import TextSettings

EXCERPT = 200  # letters of a text shown in a table


@dataclass(frozen=True)
class Scored:
    """Labelled texts with what the model says of them."""

    part: LabelledTexts
    labels: NDArray[np.int64]
    """(texts,), number of the true class."""
    probabilities: NDArray[np.float32]
    """(texts, classes)."""

    @cached_property
    def predicted(self) -> NDArray[np.int64]:
        """The likeliest class of each text, (texts,)."""
        predicted: NDArray[np.int64] = self.probabilities.argmax(1)
        return predicted

    @cached_property
    def right(self) -> NDArray[np.bool_]:
        """Whether the likeliest class is the true one, (texts,)."""
        right: NDArray[np.bool_] = self.predicted == self.labels
        return right


@dataclass(frozen=True)
class Page(RunPage[TextSettings, TextPredictor, TextData]):
    """A report on its way to a folder, and what several sections need."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes in the order of their numbers."""
        return self.predictor.labels

    @cached_property
    def scored(self) -> Mapping[str, Scored]:
        """The validation and the test texts with the model's probabilities; nothing when the data are gone."""
        if self.data is None:
            return {}
        parts = {name: self.data.parts[name] for name in ("validation", "test")}
        return {
            name: Scored(part, class_numbers(part.labels, self.labels), self.predictor.probabilities(part.texts))
            for name, part in parts.items()
        }


def excerpt(text: str, letters: int = EXCERPT) -> str:
    """The beginning of a text on one line."""
    line = " ".join(text.split())
    return line if len(line) <= letters else line[: letters - 1].rstrip() + "…"


def percent(share: float, digits: int = 1) -> str:
    """A share in hundredths on one line: 0.5 is "50.0 %"; what is not quite nothing or all is not rounded to it."""
    step = 10.0**-digits
    if 0 < 100 * share < step / 2:
        return f"<{step:.{digits}f}\u00a0%"
    if 100 - step / 2 <= 100 * share < 100:
        return f">{100 - step:.{digits}f}\u00a0%"
    return f"{100 * share:.{digits}f}\u00a0%"
