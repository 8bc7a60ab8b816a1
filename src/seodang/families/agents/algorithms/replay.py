"""Replay: steps are remembered, and learned from many times in an order drawn by chance.

Lin 1992, "Self-improving reactive agents based on reinforcement learning, planning and teaching", Machine Learning 8. Rows are
kept in the order they came, a column for each environment, so that every observation is stored once and rewards of several
steps can be added up when they are drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seodang.core.errors import SettingsError
from seodang.families.agents.actor import Array, chance_of_this_step, random_actions
from seodang.families.agents.algorithms.source import EnvironmentSource
from seodang.families.agents.environments.spaces import ActionShape, Observations, ObservationShape
from seodang.families.agents.environments.stepping import Environments, Steps


class Replayed(NamedTuple):
    """Remembered steps, for one update each: the first axis counts updates."""

    seen: Observations
    """(updates, batch, ...), before the step."""
    actions: NDArray[Any]
    """(updates, batch, width)."""
    rewards: Array
    """(updates, batch), of up to `n_step` steps, discounted."""
    later: Observations
    """(updates, batch, ...), after those steps."""
    worth: Array
    """(updates, batch), what a value of `later` counts: the discount, or 0 where the episode had really ended."""
    told: dict[str, float]
    """What the newest episodes paid, once there are any."""


class ReplayBuffer:
    """The newest steps of all environments.

    Args:
        size: Steps in all.
        count: Environments.
        shape: What is seen.
        actions: What is done.
    """

    def __init__(self, size: int, count: int, shape: ObservationShape, actions: ActionShape) -> None:
        self.rows = max(2, size // count)
        kind = torch.float32 if actions.kind == "continuous" else torch.int64
        self.vectors = torch.zeros(self.rows, count, shape.numbers)
        self.images = torch.zeros((self.rows, count, *shape.image), dtype=torch.uint8)
        self.actions = torch.zeros((self.rows, count, actions.width), dtype=kind)
        self.rewards = torch.zeros(self.rows, count)
        self.flags = torch.zeros((3, self.rows, count), dtype=torch.bool)  # terminated, over, begun
        self.added = 0

    @property
    def filled(self) -> int:
        """Rows that hold something."""
        return min(self.added, self.rows)

    def add(self, seen: Observations, actions: NDArray[Any], steps: Steps) -> None:
        """One step of each environment.

        Args:
            seen: Before the step.
            actions: What was done.
            steps: What came of it.
        """
        row = self.added % self.rows
        self.vectors.numpy()[row] = seen.vectors
        if self.images.numel():
            self.images.numpy()[row] = seen.images
        self.actions.numpy()[row] = actions
        self.rewards.numpy()[row] = steps.rewards
        flags = self.flags.numpy()
        flags[0, row], flags[1, row], flags[2, row] = steps.terminated, steps.terminated | steps.truncated, steps.begun
        self.added += 1

    def draw(
        self, updates: int, batch: int, n_step: int, discount: float, random: np.random.Generator, told: dict[str, float]
    ) -> Replayed:
        """Steps by chance, each as likely as any other; not the newest, of which nobody knows what came after.

        Args:
            updates, batch: How many batches, of how many steps.
            n_step: Rewards that are added up, as far as the episode goes.
            discount: What a reward one step later is worth.
            random: Where chance comes from.
            told: Handed on.
        """
        rewards, (terminated, over, begun) = self.rewards.numpy(), self.flags.numpy()
        oldest = self.added % self.rows if self.added > self.rows else 0
        count = rewards.shape[1]
        draws = updates * batch
        rows, columns = np.empty(draws, np.int64), np.empty(draws, np.int64)
        open_places = np.arange(draws)
        while len(open_places):  # beginnings are no steps: they are drawn again
            rows[open_places] = (oldest + random.integers(0, self.filled - n_step, len(open_places))) % self.rows
            columns[open_places] = random.integers(0, count, len(open_places))
            open_places = open_places[begun[rows[open_places], columns[open_places]]]
        paid, worth, live = np.zeros(draws, np.float32), np.zeros(draws, np.float32), np.ones(draws, bool)
        later, row = rows.copy(), rows
        for ahead in range(n_step):
            paid += live * np.float32(discount**ahead) * rewards[row, columns]
            after = (row + 1) % self.rows
            later[live] = after[live]
            worth[live] = np.float32(discount ** (ahead + 1)) * ~terminated[row, columns][live]
            live &= ~over[row, columns]
            row = after
        lead = (updates, batch)
        return Replayed(
            self._seen(rows, columns, lead),
            self.actions.numpy()[rows, columns].reshape(*lead, -1),
            paid.reshape(lead),
            self._seen(later, columns, lead),
            worth.reshape(lead),
            told,
        )

    def _seen(self, rows: NDArray[np.int64], columns: NDArray[np.int64], lead: tuple[int, int]) -> Observations:
        vectors, images = self.vectors.numpy()[rows, columns], self.images.numpy()[rows, columns]
        return Observations(vectors.reshape(*lead, *vectors.shape[1:]), images.reshape(*lead, *images.shape[1:]))

    def tensors(self) -> dict[str, Tensor]:
        """All rows."""
        return {
            "replay_vectors": self.vectors,
            "replay_images": self.images,
            "replay_actions": self.actions,
            "replay_rewards": self.rewards,
            "replay_flags": self.flags,
        }


class Replaying(NamedTuple):
    """How a replay source draws; the names are those of the settings."""

    horizon: int
    updates: int
    batch_size: int
    replay_size: int
    warmup_steps: int
    n_step: int
    discount: float


Explore = Callable[[Observations, np.random.Generator, float], NDArray[Any]]
"""(observations, random numbers, part of the training that is done) -> actions."""


class ReplaySource(EnvironmentSource):
    """A few steps of each environment, then as many batches of remembered ones as are learned from at once.

    Args:
        environments: Which, and how many.
        explore: Who acts.
        replaying: How steps are remembered and drawn.
        batches: Of an epoch.
        total: Batches of the whole training.
    """

    def __init__(self, environments: Environments, explore: Explore, replaying: Replaying, batches: int, total: int) -> None:
        super().__init__(environments, replaying.horizon, batches)
        self.explore, self.replaying, self.total = explore, replaying, total
        self.drawn = 0
        shape = environments.reader.shape
        self.buffer = ReplayBuffer(replaying.replay_size, environments.count, shape, environments.actions)
        least = replaying.n_step + 2
        if self.buffer.rows < least:
            raise SettingsError(
                f"{{replay_size}} must hold {least} steps of each of the {environments.count} environments, got "
                f"{replaying.replay_size}.",
                settings=("replay_size", "environments"),
            )

    def collect(self, steps: int) -> Replayed:
        """Act, remember and draw; before the first batch, act at random for a while."""
        random, plan = chance_of_this_step(), self.replaying
        if not self.buffer.added:
            rows = max(-(-plan.warmup_steps // self.environments.count), plan.n_step + 1)
            for _ in range(rows):
                self._remember(random_actions(self.environments.actions, self.environments.count, random))
        done = self.drawn / self.total
        for _ in range(steps):
            self._remember(self.explore(self.seen, random, done))
        self.drawn += 1
        return self.buffer.draw(plan.updates, plan.batch_size, plan.n_step, plan.discount, random, self.returns.told())

    def _remember(self, actions: NDArray[Any]) -> None:
        before = Observations(self.vectors.numpy().copy(), self.images.numpy().copy())
        self.buffer.add(before, actions, self.step(actions))

    def tensors(self) -> dict[str, Tensor]:
        """With all that is remembered."""
        return {**super().tensors(), **self.buffer.tensors()}

    def state(self) -> dict[str, Any]:
        """With how far it is."""
        return {**super().state(), "drawn": self.drawn, "added": self.buffer.added}

    def load_state(self, state: dict[str, Any]) -> None:
        """Take back what `state` gave."""
        super().load_state({name: state[name] for name in ("environments", "returns")})
        self.drawn, self.buffer.added = state["drawn"], state["added"]
