"""A policy with its value: what PPO trains."""

from __future__ import annotations

from typing import Any, Protocol, final

import numpy as np
import torch
from numpy.typing import NDArray

from seodang.families.agents.actor import Actor, Array
from seodang.families.agents.algorithms.distributions import Choices, distribution_of
from seodang.families.agents.environments.spaces import ActionShape, Observations
from seodang.families.agents.model import OBSERVED_RANGE, Normaliser


class PolicyAnswers(Protocol):
    """What computes a policy's outputs and values: passes through a network, or an exported model."""

    def policy_of(self, seen: Observations) -> Array:
        """(batch, outputs)."""

    def values_of(self, seen: Observations) -> Array:
        """(batch,)."""


@final
class Policy(Actor):
    """Acts as an `ActorCritic` says.

    Args:
        answers: What computes it.
        normaliser: Of the numbers that are observed, or None.
        actions: What can be done.
    """

    def __init__(self, answers: PolicyAnswers, normaliser: Normaliser | None, actions: ActionShape) -> None:
        self.answers, self.normaliser, self.actions = answers, normaliser, actions
        self.distribution = distribution_of(actions)
        self.actions_dtype: Any = np.float32 if actions.kind == "continuous" else np.int64

    def read(self, seen: Observations) -> Observations:
        """Observations as the network reads them."""
        if self.normaliser is None:
            return seen
        mean, variance = self.normaliser.mean.numpy(), self.normaliser.variance.numpy()
        scaled = (seen.vectors - mean.astype(np.float32)) / np.sqrt(variance.astype(np.float32) + np.float32(1e-8))
        return Observations(np.clip(scaled, -OBSERVED_RANGE, OBSERVED_RANGE), seen.images)

    def learn_scale(self, vectors: Array) -> None:
        """Let the normaliser take more observations into account."""
        assert self.normaliser is not None
        self.normaliser.learn(torch.from_numpy(vectors))

    def act(self, read: Observations, random: np.random.Generator) -> tuple[NDArray[Any], Array]:
        """Draw actions, (batch, width), with the logarithms of their probabilities, from what was read already."""
        return self.distribution.sample(self.answers.policy_of(read), random)

    def best(self, seen: Observations) -> NDArray[Any]:
        """The likeliest action."""
        return self.distribution.best(self.answers.policy_of(self.read(seen)))

    def sampled(self, seen: Observations, random: np.random.Generator) -> NDArray[Any]:
        """An action by its probability."""
        return self.act(self.read(seen), random)[0]

    def values(self, seen: Observations) -> Array:
        """What the value network expects."""
        return self.answers.values_of(self.read(seen))

    def chances(self, seen: Observations) -> list[Array] | None:
        """Of each choice."""
        if not isinstance(self.distribution, Choices):
            return None
        return self.distribution.probabilities(self.answers.policy_of(self.read(seen)))
