"""A trained text classifier: texts in, probabilities out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from seodang.core.device import Device
from seodang.core.errors import RunError
from seodang.core.values import Scores
from seodang.families.text.batches import EncodedTexts, Padding
from seodang.families.text.head import TextNetwork
from seodang.families.text.learner import class_probabilities, network_logits
from seodang.families.text.settings import TextSettings
from seodang.families.text.tokens import UNKNOWN, Vocabulary


class TextPredictor(Protocol):
    """What evaluation, explanation and the front doors need of a trained classifier."""

    @property
    def settings(self) -> TextSettings:
        """The settings as resolved."""

    @property
    def vocabulary(self) -> Vocabulary:
        """Tokens and their numbers."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes in the order of their numbers."""

    @property
    def device(self) -> Device:
        """Where the model computes."""

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The probability of each class for each text, (texts, classes), float32."""

    def known_share(self, text: str) -> float:
        """Part of a text's tokens that the model knows, 0 to 1."""


@dataclass(frozen=True)
class NetworkPredictor:
    """One network with its vocabulary and label names."""

    settings: TextSettings
    vocabulary: Vocabulary
    labels: tuple[str, ...]
    device: Device
    network: TextNetwork
    """In evaluation mode, on the device."""

    def encode(self, texts: Sequence[str]) -> EncodedTexts:
        """Texts as numbers of the vocabulary, cut at the length that the network reads."""
        length = self.settings.tokens.max_length
        return EncodedTexts.join(self.vocabulary.encode_text(text, length) for text in texts)

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The probability of each class for each text, (texts, classes), float32."""
        logits = network_logits(self.network, self.encode(texts), Padding(self.settings), self.device)
        probabilities: NDArray[np.float32] = class_probabilities(logits).numpy()
        return probabilities

    def known_share(self, text: str) -> float:
        """Part of a text's tokens that the vocabulary knows, 0 to 1."""
        numbers = self.vocabulary.encode_text(text, self.settings.tokens.max_length)
        return float(np.mean(numbers != UNKNOWN))


def refusal(predictor: TextPredictor, text: str) -> str | None:
    """Why a text gets no answer, or None when it gets one."""
    if not text.strip():
        return "text is empty"
    if predictor.known_share(text) == 0:
        return "none of its words is known to the model, so any answer would be a guess"
    return None


def scores(labels: Sequence[str], probabilities: NDArray[np.float32]) -> Scores:
    """One text's probabilities, (classes,), with the names of the classes."""
    named = {label: float(p) for label, p in zip(labels, probabilities, strict=True)}
    return Scores(labels[int(probabilities.argmax())], named)


def label_names(preprocessing: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the classes in the order of their numbers.

    Raises: RunError: They are no list of texts.
    """
    labels = preprocessing["labels"]
    if not isinstance(labels, list) or len(labels) < 2 or not all(isinstance(label, str) for label in labels):
        raise RunError(f"preprocessing.json: 'labels' must be a list of texts, got {labels!r:.50}; bring the original back.")
    return tuple(labels)
