"""A trained language model: how surprising a text is, and how it goes on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from seodang.core.device import Device
from seodang.families.language.generation import Generator
from seodang.families.language.learner import token_nats
from seodang.families.language.model import LanguageNetwork
from seodang.families.language.sampling import Sampling
from seodang.families.language.settings import LanguageSettings
from seodang.families.language.stepping import StepNetwork
from seodang.families.language.tokens import Vocabulary


@dataclass(frozen=True)
class LanguagePredictor:
    """A network with its vocabulary."""

    settings: LanguageSettings
    vocabulary: Vocabulary
    device: Device
    network: LanguageNetwork
    """In evaluation mode, on the device."""

    @cached_property
    def steps(self) -> StepNetwork:
        """The same network for one token at a time."""
        return StepNetwork(self.network)

    def nats(self, text: str, history: str) -> NDArray[np.float64]:
        """Surprise at each token of a text, (tokens,), after the text before it has been read."""
        before, own = self.vocabulary.encode(history), self.vocabulary.encode(text)
        return token_nats(self.network, np.concatenate([before, own]), self.device)[-len(own) :]

    def generator(self, prompt: str, sampling: Sampling, seed: int, samples: int = 1) -> Generator:
        """What writes on from a prompt."""
        return Generator(self.steps, self.vocabulary, prompt, sampling, seed, samples)
