"""What actions a policy draws, how likely they were, and what a loss then asks of the policy's outputs."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from seodang.families.agents.environments.spaces import ActionShape

Array = NDArray[np.float32]
LOG_SQRT_2PI = 0.5 * math.log(2 * math.pi)


@dataclass(frozen=True)
class Likelihood:
    """How likely some actions are."""

    log_probabilities: Array
    """(batch,)."""
    entropies: Callable[[], Array]
    """(batch,), how undecided the policy is; computed when it is asked for."""
    gradient: Callable[[Array, np.float32], Array]
    """Weights of the logarithms, (batch,), and one of all entropies -> the gradient of their weighted sum by the outputs,
    (batch, outputs)."""


class Distribution(ABC):
    """Actions by chance, as a policy's outputs say."""

    outputs: int
    """Numbers that the policy's last layer has to give."""

    @abstractmethod
    def sample(self, outputs: Array, random: np.random.Generator) -> tuple[NDArray[Any], Array]:
        """Actions, (batch, width), and the logarithms of their probabilities, (batch,)."""

    @abstractmethod
    def best(self, outputs: Array) -> NDArray[Any]:
        """The likeliest action each, (batch, width)."""

    @abstractmethod
    def likelihood(self, outputs: Array, actions: NDArray[Any]) -> Likelihood:
        """Of given actions."""


@final
class Choices(Distribution):
    """One or more choices, each by logits of its own."""

    def __init__(self, counts: Sequence[int]) -> None:
        self.counts = tuple(counts)
        self.outputs = sum(counts)
        ends = np.cumsum(counts)
        self.parts = [slice(int(end) - count, int(end)) for end, count in zip(ends, counts, strict=True)]

    def sample(self, outputs: Array, random: np.random.Generator) -> tuple[NDArray[Any], Array]:
        """By inverting the cumulated probabilities."""
        rows = np.arange(len(outputs))
        actions = np.empty((len(outputs), len(self.parts)), np.int64)
        log_probabilities = np.zeros(len(outputs), np.float32)
        for place, part in enumerate(self.parts):
            shifted = outputs[:, part] - outputs[:, part].max(1, keepdims=True)
            sums = np.exp(shifted).cumsum(1)
            total = sums[:, -1]
            below = sums[:, :-1] <= (random.random(len(outputs), np.float32) * total)[:, None]
            chosen = below.sum(1)
            actions[:, place] = chosen
            log_probabilities += shifted[rows, chosen] - np.log(total)
        return actions, log_probabilities

    def best(self, outputs: Array) -> NDArray[Any]:
        """The largest logit of each choice."""
        return np.stack([outputs[:, part].argmax(1) for part in self.parts], 1)

    def probabilities(self, outputs: Array) -> list[Array]:
        """Of each choice, (batch, count)."""
        return [np.exp(log_softmax(outputs[:, part])) for part in self.parts]

    def likelihood(self, outputs: Array, actions: NDArray[Any]) -> Likelihood:
        """Of given actions; choices are independent, so logarithms and entropies add up."""
        rows = np.arange(len(outputs))
        logs = [log_softmax(outputs[:, part]) for part in self.parts]
        chances = [np.exp(one) for one in logs]
        chosen = sum(log[rows, actions[:, place]] for place, log in enumerate(logs))

        def entropies() -> Array:
            return np.asarray(sum(-(chance * log).sum(1) for chance, log in zip(chances, logs, strict=True)))

        def gradient(weights: Array, entropy_weight: np.float32) -> Array:
            asked = np.empty_like(outputs)
            for place, part in enumerate(self.parts):
                inner = asked[:, part]
                np.multiply(chances[place], -weights[:, None], out=inner)
                inner[rows, actions[:, place]] += weights
                if entropy_weight:
                    entropy = -(chances[place] * logs[place]).sum(1, keepdims=True)
                    inner -= chances[place] * (logs[place] + entropy) * entropy_weight
            return asked

        return Likelihood(np.asarray(chosen), entropies, gradient)


@final
class Normal(Distribution):
    """Numbers around means, with a spread of their own: outputs are means, then logarithms of standard deviations."""

    def __init__(self, width: int) -> None:
        self.width = self.outputs = width

    def sample(self, outputs: Array, random: np.random.Generator) -> tuple[NDArray[Any], Array]:
        """Not within any bounds: who acts cuts them."""
        means, logs = outputs[:, : self.width], outputs[:, self.width :]
        noise = random.standard_normal(means.shape, np.float32)
        return means + np.exp(logs) * noise, (-0.5 * noise * noise - logs - LOG_SQRT_2PI).sum(1)

    def best(self, outputs: Array) -> NDArray[Any]:
        """The means."""
        return outputs[:, : self.width]

    def likelihood(self, outputs: Array, actions: NDArray[Any]) -> Likelihood:
        """Of given actions."""
        means, logs = outputs[:, : self.width], outputs[:, self.width :]
        narrowness = np.exp(-logs)
        noise = (actions - means) * narrowness

        def gradient(weights: Array, entropy_weight: np.float32) -> Array:
            by_means = weights[:, None] * noise * narrowness
            by_logs = weights[:, None] * (noise * noise - 1) + entropy_weight
            return np.concatenate([by_means, by_logs], 1)

        log_probabilities = (-0.5 * noise * noise - logs - LOG_SQRT_2PI).sum(1)
        return Likelihood(log_probabilities, lambda: (logs + 0.5 + LOG_SQRT_2PI).sum(1), gradient)


def distribution_of(actions: ActionShape) -> Distribution:
    """What suits the actions."""
    return Normal(actions.width) if actions.kind == "continuous" else Choices(actions.choices)


def log_softmax(logits: Array) -> Array:
    """Logarithms of probabilities, (batch, count)."""
    shifted = logits - logits.max(1, keepdims=True)
    found: Array = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    return found
