"""Q-learning: a table of what each action is worth in each state, mended a little after every step.

Watkins & Dayan 1992, "Q-learning", Machine Learning 8. Nothing is approximated: what it has learned can be read off the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

from seodang.core.learner import Learner
from seodang.families.agents.actor import Array, chance_of_this_step
from seodang.families.agents.algorithm import World
from seodang.families.agents.algorithms.dqn import GreedyActor, exploration_at, greedy, last_exploration
from seodang.families.agents.algorithms.source import EnvironmentSource
from seodang.families.agents.environments.spaces import Observations
from seodang.families.agents.environments.stepping import Environments


class Walk(NamedTuple):
    """Some steps of each environment, one after another."""

    states: NDArray[np.int64]
    """(time + 1, environments), before each step and after the last."""
    actions: NDArray[np.int64]
    """(time, environments)."""
    rewards: Array
    terminated: NDArray[np.bool_]
    begun: NDArray[np.bool_]
    """(time, environments): no step but the beginning of an episode."""
    told: dict[str, float]
    """What the newest episodes paid, once there are any."""


class Table(nn.Module):
    """What each action is worth in each state: (states, actions)."""

    worths: Tensor

    def __init__(self, states: int, actions: int) -> None:
        super().__init__()
        self.register_buffer("worths", torch.zeros(states, actions))

    def forward(self, vectors: Tensor, images: Tensor) -> Tensor:
        """One-hot states, (batch, states) -> (batch, actions)."""
        return vectors @ self.worths

    def values_of(self, seen: Observations) -> Array:
        """The same for arrays."""
        found: Array = self.worths.numpy()[states_of(seen)]
        return found


def states_of(seen: Observations) -> NDArray[np.int64]:
    """The numbers of the states that are shown one-hot."""
    found: NDArray[np.int64] = seen.vectors.argmax(1)
    return found


class WalkSource(EnvironmentSource):
    """Walks by the table as it is, at first at random.

    Args:
        environments: Which, and how many.
        actor: Who acts.
        horizon: Steps of each for one walk.
        batches: Walks of an epoch.
        total: Walks of the whole training.
        exploration, last_exploration: As the settings name them.
    """

    def __init__(
        self,
        environments: Environments,
        actor: GreedyActor,
        horizon: int,
        batches: int,
        total: int,
        exploration: float,
        last_exploration: float,
    ) -> None:
        super().__init__(environments, horizon, batches)
        self.actor, self.total, self.walks = actor, total, 0
        self.exploration, self.last_exploration = exploration, last_exploration

    def collect(self, steps: int) -> Walk:
        """One walk."""
        random, count = chance_of_this_step(), self.environments.count
        part = exploration_at(self.walks / self.total, self.exploration, self.last_exploration)
        states, actions = np.zeros((steps + 1, count), np.int64), np.zeros((steps, count), np.int64)
        rewards, (terminated, begun) = np.zeros((steps, count), np.float32), np.zeros((2, steps, count), bool)
        for step in range(steps):
            states[step] = states_of(self.seen)
            chosen = self.actor.explore(self.seen, random, part)
            actions[step] = chosen[:, 0]
            result = self.step(chosen)
            rewards[step], terminated[step], begun[step] = result.rewards, result.terminated, result.begun
        states[steps] = states_of(self.seen)
        self.walks += 1
        return Walk(states, actions, rewards, terminated, begun, self.returns.told())

    def state(self) -> dict[str, Any]:
        """With how far it is."""
        return {**super().state(), "walks": self.walks}

    def load_state(self, state: dict[str, Any]) -> None:
        """Take back what `state` gave."""
        self.walks = state["walks"]
        super().load_state({name: state[name] for name in ("environments", "returns")})


class QLearner(Learner):
    """The table, and the rule that mends it.

    Args:
        table: What is learned.
        learning_rate: How much of each surprise is taken over, at first.
        discount: What a reward one step later is worth.
    """

    def __init__(self, table: Table, learning_rate: float, discount: float) -> None:
        self.table, self.learning_rate, self.discount = table, learning_rate, discount

    def modules(self) -> Mapping[str, nn.Module]:
        """The table."""
        return {"network": self.table}

    def optimizers(self) -> Mapping[str, Optimizer]:
        """None: a rate is all it takes."""
        return {}

    def update(self, batch: Walk) -> dict[str, Tensor]:
        """Mend the table after each step, in the order they were taken."""
        worths, rate = self.table.worths.numpy(), np.float32(self.rate * self.learning_rate)
        discount = np.float32(self.discount)
        surprises = []
        for step in range(len(batch.rewards)):
            for place in range(batch.rewards.shape[1]):
                if batch.begun[step, place]:
                    continue
                state, action = batch.states[step, place], batch.actions[step, place]
                later = np.float32(0) if batch.terminated[step, place] else worths[batch.states[step + 1, place]].max()
                surprise = batch.rewards[step, place] + discount * later - worths[state, action]
                worths[state, action] += rate * surprise
                surprises.append(abs(float(surprise)))
        told = {**batch.told, "surprise": float(np.mean(surprises)) if surprises else 0.0}
        return {name: torch.tensor(value, dtype=torch.float64) for name, value in told.items()}


def _networks(world: World) -> dict[str, nn.Module]:
    return {"network": Table(world.observation.numbers, world.actions.choices[0])}


def _actor(world: World, networks: Mapping[str, nn.Module]) -> GreedyActor:
    table = networks["network"]
    assert isinstance(table, Table)
    return GreedyActor(table, world.actions, last_exploration(world))


def _training(
    world: World, networks: Mapping[str, nn.Module], environments: Environments, batches: int, total: int
) -> tuple[QLearner, WalkSource]:
    training, table = world.settings.training, networks["network"]
    assert isinstance(table, Table) and training.learning_rate is not None and training.discount is not None
    assert training.horizon is not None and training.exploration is not None and training.last_exploration is not None
    actor = _actor(world, networks)
    source = WalkSource(environments, actor, training.horizon, batches, total, training.exploration, training.last_exploration)
    return QLearner(table, training.learning_rate, training.discount), source


ALGORITHM = greedy(_networks, _actor, _training)
