"""Where an agent's batches come from: environments with a state of their own, which is part of every checkpoint."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seodang.core.errors import DataError
from seodang.core.learner import BatchSource
from seodang.families.agents.algorithms.passes import threads_for
from seodang.families.agents.algorithms.returns import EpisodeReturns
from seodang.families.agents.environments.spaces import Observations
from seodang.families.agents.environments.stepping import Environments, Steps


class EnvironmentSource(BatchSource):
    """Steps environments, and remembers where they stand and what they paid.

    Args:
        environments: Which, and how many.
        horizon: Steps of each for one batch.
        batches: Of an epoch.
    """

    def __init__(self, environments: Environments, horizon: int, batches: int) -> None:
        self.environments, self.horizon, self.batches = environments, horizon, batches
        self.returns = EpisodeReturns(environments.count)
        seen = environments.reset()
        self.vectors, self.images = (torch.from_numpy(part.copy()) for part in seen)
        self.over = torch.zeros(environments.count, dtype=torch.bool)

    @property
    def seen(self) -> Observations:
        """What the environments show now."""
        return Observations(self.vectors.numpy(), self.images.numpy())

    def plan(self, seed: int, epoch: int) -> Sequence[int]:
        """How many steps each environment takes for each batch."""
        return [self.horizon] * self.batches

    def batch(self, work: int) -> Any:
        """Step the environments, asking the agent as it is now."""
        with threads_for(self.environments.reader.shape):
            return self.collect(work)

    @abstractmethod
    def collect(self, steps: int) -> Any:
        """Some steps of each environment, and what can be learned of them."""

    def rows(self, work: int) -> int:
        """Steps of all environments."""
        return work * self.environments.count

    def step(self, actions: Any) -> Steps:
        """One step of each environment; `seen` is then what came of it."""
        steps = self.environments.step(actions)
        vectors = self.vectors.numpy()
        np.copyto(vectors, steps.observations.vectors)
        _refuse_not_finite(vectors, steps.rewards)
        if self.images.numel():
            np.copyto(self.images.numpy(), steps.observations.images)
        np.logical_or(steps.terminated, steps.truncated, out=self.over.numpy())
        self.returns.add(steps)
        return steps

    def tensors(self) -> dict[str, Tensor]:
        """What is seen now, and what running episodes have paid."""
        return {"vectors": self.vectors, "images": self.images, "over": self.over, **self.returns.tensors()}

    def state(self) -> dict[str, Any]:
        """Where the environments stand, and what episodes paid."""
        return {"environments": self.environments.state(), "returns": self.returns.state()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Put the environments back; where that is impossible, they begin episodes that are not those of the beginning."""
        self.returns.load_state(state["returns"])
        there = self.environments.load_state(state["environments"])
        if not there.same_as(self.seen):
            there = self.environments.reset(salt=1 + self.returns.episodes)
            np.copyto(self.vectors.numpy(), there.vectors)
            np.copyto(self.images.numpy(), there.images)
            self.over.zero_()
            self.returns.running.zero_()


def _refuse_not_finite(vectors: NDArray[np.float32], rewards: NDArray[np.float32]) -> None:
    """Raises: DataError: Else training would be said to diverge, and lower rates would be tried in vain."""
    flat = vectors.ravel()
    if math.isfinite(flat @ flat) and math.isfinite(rewards @ rewards):  # a microsecond; only squares that overflow err
        return
    for what, numbers in (("an observation with a number", flat), ("a reward", rewards)):
        wrong = numbers[~np.isfinite(numbers)]
        if len(wrong):
            raise DataError(f"An environment gave {what} that is {wrong[0]}; look where its step() divides.")
