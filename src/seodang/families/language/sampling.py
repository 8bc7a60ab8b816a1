"""Which token comes next: a draw from the model's probabilities, reshaped as the user asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Sampling:
    """How to draw.

    Attributes:
        temperature: Divides the logits; below 1 the likely becomes likelier, 0 takes the likeliest always.
        top_k: Draw among so many of the likeliest; None: among all.
        top_p: Draw among the fewest likeliest that make up this probability (Holtzman et al. 2020, arXiv:1904.09751).
        repetition_penalty: Divides the positive logits of tokens that stand among the last ones and multiplies the negative
            (Keskar et al. 2019, arXiv:1909.05858); 1 changes nothing.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 1.0
    repetition_penalty: float = 1.0

    def choices(self, logits: NDArray[np.float32], recent: Sequence[int] = ()) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The tokens that may be drawn, likeliest first, and the chance of each, (choices,), with sum 1.

        Args:
            logits: (num_tokens,).
            recent: Tokens that the penalty is for.
        """
        scores = logits.astype(np.float64)
        if self.repetition_penalty != 1 and len(recent):
            places = np.unique(np.asarray(recent))
            found = scores[places]
            scores[places] = np.where(found > 0, found / self.repetition_penalty, found * self.repetition_penalty)
        tokens = np.argsort(-scores, kind="stable")[: 1 if self.temperature == 0 else self.top_k]
        weights = np.exp((scores[tokens] - scores[tokens[0]]) / (self.temperature or 1))
        if self.top_p < 1:
            sums = np.cumsum(weights)
            fewest = int(np.searchsorted(sums, self.top_p * sums[-1])) + 1
            tokens, weights = tokens[:fewest], weights[:fewest]
        return tokens, weights / weights.sum()

    def draw(self, logits: NDArray[np.float32], random: np.random.Generator, recent: Sequence[int] = ()) -> int:
        """One token, and one random number used up, whatever the settings leave to choose from."""
        point = random.random()
        tokens, chances = self.choices(logits, recent)
        place = int(np.searchsorted(np.cumsum(chances), point, side="right"))
        return int(tokens[min(place, len(tokens) - 1)])  # rounding may leave the last sum below 1
