"""Rollouts: some steps of many environments by one policy, with what it thought of them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from seodang.families.agents.actor import chance_of_this_step
from seodang.families.agents.algorithms.policy import Policy
from seodang.families.agents.algorithms.returns import RewardScale
from seodang.families.agents.algorithms.source import EnvironmentSource
from seodang.families.agents.environments.spaces import Observations
from seodang.families.agents.environments.stepping import Environments

Array = NDArray[np.float32]


class Rollout(NamedTuple):
    """Some steps of each environment, one after another."""

    seen: Observations
    """(time + 1, environments, ...), as the network reads them: before each step, and after the last."""
    actions: NDArray[Any]
    """(time, environments, width)."""
    log_probabilities: Array
    """(time, environments), of the actions, by the policy that chose them."""
    rewards: Array
    """(time, environments), scaled where that is asked for."""
    terminated: NDArray[np.bool_]
    over: NDArray[np.bool_]
    """Ended, by whatever."""
    begun: NDArray[np.bool_]
    """(time, environments): no step but the beginning of an episode, of which nothing can be learned."""
    told: dict[str, float]
    """What the newest episodes paid, once there are any."""


class RolloutSource(EnvironmentSource):
    """Rollouts by the policy as it is.

    Args:
        environments: Which, and how many.
        policy: Who acts.
        horizon: Steps of each for one rollout.
        batches: Rollouts of an epoch.
        scale: Of rewards, or None.
    """

    def __init__(
        self, environments: Environments, policy: Policy, horizon: int, batches: int, scale: RewardScale | None
    ) -> None:
        super().__init__(environments, horizon, batches)
        self.policy, self.scale = policy, scale

    def collect(self, steps: int) -> Rollout:
        """One rollout."""
        count, random = self.environments.count, chance_of_this_step()
        raw = self.environments.reader.shape.empty(steps + 1, count)
        actions = np.zeros((steps, count, self.policy.actions.width), self.policy.actions_dtype)
        log_probabilities, rewards = np.zeros((steps, count), np.float32), np.zeros((steps, count), np.float32)
        terminated, over, begun = (np.zeros((steps, count), bool) for _ in range(3))
        read = raw if self.policy.normaliser is None else Observations(np.zeros_like(raw.vectors), raw.images)
        for step in range(steps):
            raw.vectors[step], raw.images[step] = self.seen
            if self.policy.normaliser is not None:
                read.vectors[step] = self.policy.read(self.seen).vectors
            actions[step], log_probabilities[step] = self.policy.act(read.at(step), random)
            result = self.step(actions[step])
            rewards[step], terminated[step], begun[step] = result.rewards, result.terminated, result.begun
            over[step] = self.over.numpy()
        raw.vectors[steps], raw.images[steps] = self.seen
        if self.policy.normaliser is not None:
            read.vectors[steps] = self.policy.read(self.seen).vectors
            self.policy.learn_scale(raw.vectors[:steps].reshape(-1, raw.vectors.shape[2]))
        paid = rewards if self.scale is None else self.scale.scaled(rewards, over)
        return Rollout(read, actions, log_probabilities, paid, terminated, over, begun, self.returns.told())

    def tensors(self) -> dict[str, Tensor]:
        """With the scale of rewards."""
        return {**super().tensors(), **({} if self.scale is None else self.scale.tensors())}
