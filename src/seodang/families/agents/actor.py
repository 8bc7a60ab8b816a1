"""Actor: whatever decides, as everything that lets it act, measures it or explains it sees it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from seodang.families.agents.environments.spaces import ActionShape, Observations

Array = NDArray[np.float32]


class Actor(ABC):
    """Decides what to do. Actions are as `ActionShape.for_environment` takes them: (batch, width)."""

    actions: ActionShape

    @abstractmethod
    def best(self, seen: Observations) -> NDArray[Any]:
        """What it holds for best."""

    @abstractmethod
    def sampled(self, seen: Observations, random: np.random.Generator) -> NDArray[Any]:
        """What it would do in training, where chance has a part."""

    def values(self, seen: Observations) -> Array | None:
        """What it expects to be paid from here on, in the rewards it learned from, (batch,); None: it does not say."""
        return None

    def chances(self, seen: Observations) -> list[Array] | None:
        """How likely each action of each choice is when it acts by chance, (batch, count) each; None for numbers."""
        return None

    def worths(self, seen: Observations) -> Array | None:
        """What each action is worth, (batch, count), where it knows."""
        return None


@final
class RandomActor(Actor):
    """The yardstick: every action is as likely as any other."""

    def __init__(self, actions: ActionShape, seed: int) -> None:
        self.actions = actions
        self.random = np.random.default_rng(seed)

    def best(self, seen: Observations) -> NDArray[Any]:
        """Anything."""
        return self.sampled(seen, self.random)

    def sampled(self, seen: Observations, random: np.random.Generator) -> NDArray[Any]:
        """Anything."""
        return random_actions(self.actions, seen.rows, random)


def random_actions(actions: ActionShape, count: int, random: np.random.Generator) -> NDArray[Any]:
    """Actions of which each is as likely as any other, (count, width)."""
    if actions.kind == "continuous":
        return random.uniform(-1, 1, (count, actions.width)).astype(np.float32)
    return random.integers(0, np.array(actions.choices), (count, actions.width))


def chance_of_this_step() -> np.random.Generator:
    """Random numbers for arrays, drawn from PyTorch's generator, which `fit` seeds by the step."""
    return np.random.Generator(np.random.Philox(key=int(torch.randint(2**62, (1,)))))
