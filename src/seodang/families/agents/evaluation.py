"""How well an agent does: whole episodes in environments it was not trained in, beside one that acts at random."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seodang.core.errors import DataError
from seodang.core.seeds import mix
from seodang.families.agents.actor import Actor, RandomActor
from seodang.families.agents.algorithms.passes import threads_for
from seodang.families.agents.data import AgentsData
from seodang.families.agents.environments.spaces import Observations
from seodang.families.agents.environments.stepping import Environments

PLAYED_AT_ONCE = 20  # environments of an evaluation, at most
LONGEST = 50_000  # steps of an episode that never ends by itself
Decide = Callable[[Observations], NDArray[Any]]


@dataclass(frozen=True)
class Episodes:
    """What some whole episodes paid."""

    returns: NDArray[np.float64]
    """(episodes,), undiscounted."""
    lengths: NDArray[np.int64]
    """(episodes,), steps."""

    @property
    def mean(self) -> float:
        """Of the returns."""
        return float(self.returns.mean())


def play(environments: Environments, decide: Decide, episodes: int) -> Episodes:
    """Play whole episodes.

    Each environment has its share of them to play, and all count: were the first to end taken, short ones would be too many.

    Args:
        environments: Where.
        decide: Observations -> actions.
        episodes: How many in all; at least one for each environment.

    Raises: DataError: An episode does not end.
    """
    count = environments.count
    left = np.full(count, episodes // count)
    left[: episodes % count] += 1
    found: list[list[tuple[float, int]]] = [[] for _ in range(count)]
    with threads_for(environments.reader.shape):
        _play(environments, decide, left, found)
    flat = [one for part in found for one in part]
    return Episodes(np.array([paid for paid, _ in flat]), np.array([length for _, length in flat]))


def _play(environments: Environments, decide: Decide, left: NDArray[np.int64], found: list[list[tuple[float, int]]]) -> None:
    """Play until no environment has any left."""
    running, lengths = np.zeros(environments.count), np.zeros(environments.count, np.int64)
    seen = environments.reset()
    while left.any():
        result = environments.step(decide(seen))
        seen = result.observations
        running += result.rewards
        lengths += ~result.begun
        for place in np.flatnonzero(result.terminated | result.truncated):
            if left[place]:
                found[place].append((float(running[place]), int(lengths[place])))
                left[place] -= 1
            running[place], lengths[place] = 0.0, 0
        if lengths[left > 0].max(initial=0) > LONGEST:
            raise DataError(
                f"an episode has not ended after {LONGEST:,} steps; give {{environment_options}} max_episode_steps=1000, or as "
                "many as it takes.",
                settings=("environment_options",),
            )


@dataclass(frozen=True)
class Judged:
    """An agent's episodes, by what it holds for best and by chance."""

    best: Episodes
    sampled: Episodes


def judge(actor: Actor, data: AgentsData, episodes: int, seed: int, processes: int) -> Judged:
    """Play an agent both ways, from the same beginnings."""
    random = np.random.default_rng(mix(seed, "sampled"))
    best = _played(actor.best, data, episodes, seed, processes)
    return Judged(best, _played(lambda seen: actor.sampled(seen, random), data, episodes, seed, processes))


def judge_random(data: AgentsData, episodes: int, seed: int, processes: int) -> Episodes:
    """Play the yardstick."""
    return _played(RandomActor(data.actions, mix(seed, "random")).best, data, episodes, seed, processes)


def _played(decide: Decide, data: AgentsData, episodes: int, seed: int, processes: int) -> Episodes:
    environments = data.environments(min(episodes, PLAYED_AT_ONCE), mix(seed, "evaluation"), processes)
    try:
        return play(environments, decide, episodes)
    finally:
        environments.close()
