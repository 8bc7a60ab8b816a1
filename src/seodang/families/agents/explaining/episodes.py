"""One episode, step by step: what was to be seen, what the agent thought of it, what it did and what that paid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from seodang.core.seeds import mix
from seodang.families.agents.actor import Actor, Array
from seodang.families.agents.algorithms.passes import threads_for
from seodang.families.agents.environments.spaces import Observations
from seodang.families.agents.explaining.scenes import Pixels, Scene

Ending = Literal["the episode has ended", "stopped by the time limit", "not ended yet"]


@dataclass(frozen=True)
class Thought:
    """What an agent made of one observation."""

    action: NDArray[Any]
    """(width,), as `ActionShape.for_environment` takes it."""
    value: float | None
    chances: tuple[Array, ...]
    """Of each choice, (count,); none of numbers, or where it does not say."""
    worths: Array | None
    """Of each action, (count,)."""


@dataclass(frozen=True)
class Moment:
    """Before a step; the last one is after the last step."""

    image: Pixels | None
    paid: float
    """Sum of the rewards so far."""
    thought: Thought | None
    """None after the last step: there is nothing left to decide."""


@dataclass(frozen=True)
class Episode:
    """What happened."""

    moments: tuple[Moment, ...]
    """One more than steps were taken."""
    ending: Ending
    seconds_a_frame: float

    @property
    def steps(self) -> int:
        """How many were taken."""
        return len(self.moments) - 1

    @property
    def actions(self) -> NDArray[Any]:
        """(steps, width)."""
        return np.stack([one.thought.action for one in self.moments if one.thought is not None])


def play_episode(actor: Actor, scene: Scene, most: int, seed: int = 0, sampled: bool = False) -> Episode:
    """Play one episode.

    Args:
        actor: Who plays.
        scene: Where.
        most: Steps after which it is left off.
        seed: Of what the agent does by chance.
        sampled: Act by chance instead of doing what it holds for best.

    Raises:
        DataError: The environment cannot be drawn.
        MissingExtraError: What draws it is not installed.
    """
    random = np.random.default_rng(mix(seed, "watched by chance"))
    moments: list[Moment] = []
    paid = 0.0
    ending: Ending = "not ended yet"
    seen = scene.reset()
    with threads_for(scene.shape):
        while len(moments) < most and ending == "not ended yet":
            thought = _think(actor, seen, random if sampled else None)
            moments.append(Moment(scene.image(), paid, thought))
            result = scene.step(thought.action[None])
            seen = result.seen
            paid += result.reward
            if result.terminated:
                ending = "the episode has ended"
            elif result.truncated:
                ending = "stopped by the time limit"
    moments.append(Moment(scene.image(), paid, None))
    return Episode(tuple(moments), ending, scene.seconds_a_frame)


def _think(actor: Actor, seen: Observations, random: np.random.Generator | None) -> Thought:
    action = actor.best(seen) if random is None else actor.sampled(seen, random)
    values, chances, worths = actor.values(seen), actor.chances(seen), actor.worths(seen)
    return Thought(
        action[0].copy(),
        None if values is None else float(values[0]),
        tuple(one[0].copy() for one in chances or ()),
        None if worths is None else worths[0].copy(),
    )
