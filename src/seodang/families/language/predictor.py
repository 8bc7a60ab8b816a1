"""A trained language model: how surprising a text is, and how it goes on."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from seodang.core.device import Device
from seodang.core.values import Scores
from seodang.families.language.generation import Generator, without_unknown
from seodang.families.language.model import LanguageNetwork
from seodang.families.language.sampling import Sampling
from seodang.families.language.scoring import Nats, token_nats
from seodang.families.language.settings import LanguageSettings
from seodang.families.language.stepping import StepNetwork, Steps, read_prompt
from seodang.families.language.tokens import UNKNOWN, TokenKind, Vocabulary

NAMED = 5  # unseen tokens that a message shows
LIKELIEST = 256  # tokens that a prediction lists
KINDS: dict[TokenKind, str] = {"characters": "characters", "words": "words", "jamo": "characters", "bytes": "bytes"}


@dataclass(frozen=True)
class LanguagePredictor:
    """What can answer for a trained model, whatever computes it."""

    settings: LanguageSettings
    vocabulary: Vocabulary
    device: Device

    @property
    @abstractmethod
    def steps(self) -> Steps:
        """The model for one token at a time."""

    @abstractmethod
    def nats(self, text: str, history: str = "") -> Nats:
        """Surprise at each token of a text after the text before it, (tokens,); at all but the first when there is none."""

    def next_token(self, text: str) -> Scores:
        """The likeliest tokens after a text, which has one token at least and no unknown ones."""
        logits, _ = read_prompt(self.steps, self.vocabulary.encode(text).astype(np.int64))
        found = dict(self.likeliest(logits[0], LIKELIEST))
        return Scores(next(iter(found)), found)

    def likeliest(self, logits: NDArray[np.float32], most: int) -> list[tuple[str, float]]:
        """The likeliest tokens and their chances, (num_tokens,) logits; never the unknown one."""
        chances = probabilities(without_unknown(logits, self.vocabulary))
        order = np.argsort(-chances, kind="stable")[: min(most, np.count_nonzero(chances))]
        return [(self.vocabulary.tokens[number], float(chances[number])) for number in order.tolist()]

    def generator(self, prompt: str, sampling: Sampling, seed: int, samples: int = 1) -> Generator:
        """What writes on from a prompt."""
        return Generator(self.steps, self.vocabulary, prompt, sampling, seed, samples)


@dataclass(frozen=True)
class NetworkPredictor(LanguagePredictor):
    """A network in PyTorch, and its steps in NumPy."""

    network: LanguageNetwork
    """In evaluation mode, on the device."""

    @cached_property
    def steps(self) -> StepNetwork:
        """The same network for one token at a time."""
        return StepNetwork(self.network)

    def nats(self, text: str, history: str = "") -> Nats:
        """Surprise at each token of a text after the text before it."""
        before = self.vocabulary.encode(history) if history else None
        return token_nats(self.network, self.vocabulary.encode(text), self.device, before)


def probabilities(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """The probability of each token, (..., num_tokens), float64."""
    scores = logits.astype(np.float64)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    shares: NDArray[np.float64] = weights / weights.sum(-1, keepdims=True)
    return shares


def unseen(text: str, vocabulary: Vocabulary) -> str | None:
    """Which tokens of a text the model never saw in training, in words; None where it saw all."""
    unknown = vocabulary.unknown(text)
    if not unknown and (vocabulary.kind == "bytes" or UNKNOWN not in vocabulary.encode(text)):
        return None
    shown = ", ".join(map(repr, unknown[:NAMED])) + (", ..." if len(unknown) > NAMED else "")
    return f"{KINDS[vocabulary.kind]} never seen in training: {shown or repr(vocabulary.tokens[UNKNOWN])}"
