"""Many environments stepped at once: by one call where Gymnasium has one, in this process, or in a process for each core.

Which of them steps changes no number: every environment has its own random numbers, and rows keep their order. All follow one
rule about the end of an episode: the row after an end is the first of the next episode, its action is ignored and its reward is
0 (Gymnasium's "next step" autoreset). So the observation that follows an end is the last of its episode, and a value may be
read off it where time alone ended it.
"""

from __future__ import annotations

import traceback
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, final

import gymnasium
import numpy as np
from numpy.typing import NDArray

from seodang.core.errors import DataError
from seodang.core.seeds import mix
from seodang.families.agents.environments.opening import Opened
from seodang.families.agents.environments.spaces import ActionShape, ObservationReader, Observations, action_shape

CARTPOLE = ("state", "steps", "prev_done")
"""What Gymnasium's vector CartPole keeps beside its random numbers."""
LONGEST_REPLAY = 20_000  # steps of an episode that are played again; one that never ends would fill the memory with them
SEEDS = 2**31  # that every generator takes
WORTH_PROCESSES_SECONDS = 1e-3  # that a step of all takes at least; below it, waiting for other processes costs what they save


class Steps(NamedTuple):
    """What came of one step of many environments."""

    observations: Observations
    """Seen after the step; arrays that the next step writes anew."""
    rewards: NDArray[np.float32]
    terminated: NDArray[np.bool_]
    """Ended by what happened: nothing comes after it, so its value is 0."""
    truncated: NDArray[np.bool_]
    """Ended by a time limit alone."""
    begun: NDArray[np.bool_]
    """Whether this was no step but the beginning of an episode."""


class Environments(ABC):
    """Some environments of one kind."""

    count: int
    reader: ObservationReader
    actions: ActionShape
    restorable: bool
    """Whether `load_state` brings back the very same state."""

    @abstractmethod
    def reset(self, salt: int = 0) -> Observations:
        """Begin an episode in each, with the same chance each time; with another for each `salt`."""

    @abstractmethod
    def step(self, actions: NDArray[Any]) -> Steps:
        """One step in each: (count, width), as `ActionShape.for_environment` takes them."""

    @abstractmethod
    def state(self) -> Any:
        """Where each stands, as JSON."""

    @abstractmethod
    def load_state(self, state: Any) -> Observations:
        """Put each back, and see what it gives there."""

    @abstractmethod
    def close(self) -> None:
        """Let go of processes and windows."""


@final
class Group(Environments):
    """Environments that are stepped one after another in this process.

    Their state is the state of their random numbers as the episode began, and what was done since: played again, that leads to
    the same place wherever chance comes from the environment's own generator.

    Args:
        opened: Which environment.
        seeds: Where chance begins in each.
        frames: Images shown at once.
    """

    def __init__(self, opened: Opened, seeds: Sequence[int], frames: int) -> None:
        self.environments = [opened.make() for _ in seeds]
        self.seeds = seeds
        self.count = len(seeds)
        first = self.environments[0]
        self.reader = ObservationReader(first.observation_space, frames)
        self.actions = action_shape(first.action_space)
        self.restorable = True
        self.rows = self.reader.shape.empty(self.count)
        self.before: list[Any] = [None] * self.count  # random numbers as the episode began
        self.done: list[list[Any]] = [[] for _ in seeds]
        self.over = [False] * self.count
        self.results = _empty_results(self.count)

    def reset(self, salt: int = 0) -> Observations:
        """Begin an episode in each."""
        for number, (environment, known) in enumerate(zip(self.environments, self.seeds, strict=True)):
            seed = mix(known, salt) if salt else known
            try:
                environment.reset(seed=seed % SEEDS)  # one that keeps random numbers of its own seeds them here
            except Exception as problem:
                raise _failed(problem) from problem
            environment.unwrapped.np_random = np.random.default_rng(seed)
            self._begin(number)
        return self.rows

    def step(self, actions: NDArray[Any]) -> Steps:
        """One step in each."""
        wanted = self.actions.for_environment(actions)
        rewards, terminated, truncated, begun = self.results
        for number, environment in enumerate(self.environments):
            begun[number] = self.over[number]
            if self.over[number]:
                rewards[number], terminated[number], truncated[number] = 0.0, False, False
                self._begin(number)
                continue
            action = wanted[number]
            try:
                seen, rewards[number], terminated[number], truncated[number], _ = environment.step(action)
                self.reader.write(seen, self.rows, number, first=False)
            except Exception as problem:
                raise _failed(problem) from problem
            self.over[number] = bool(terminated[number] or truncated[number])
            if len(self.done[number]) <= LONGEST_REPLAY:
                self.done[number].append(action)
        return Steps(self.rows, rewards, terminated, truncated, begun)

    def _begin(self, number: int) -> None:
        environment = self.environments[number]
        self.before[number] = _random_state(environment)
        self.done[number] = []
        self.over[number] = False
        try:
            self.reader.write(environment.reset()[0], self.rows, number, first=True)
        except Exception as problem:
            raise _failed(problem) from problem

    def state(self) -> list[Any]:
        """Of each: its random numbers as the episode began, and what was done since; None where that is too long to tell."""
        done = [np.array(actions).tolist() if len(actions) <= LONGEST_REPLAY else None for actions in self.done]
        return [list(one) for one in zip(self.before, done, strict=True)]

    def load_state(self, state: list[Any]) -> Observations:
        """Play each episode again up to where it was."""
        for number, (before, done) in enumerate(state):
            environment = self.environments[number]
            environment.unwrapped.np_random = np.random.default_rng(0)
            if before is not None:
                environment.unwrapped.np_random.bit_generator.state = before
            self._begin(number)
            for action in np.array(done or [], self.actions.dtype):
                seen, _, terminated, truncated, _ = environment.step(action)
                self.done[number].append(action)
                self.reader.write(seen, self.rows, number, first=False)
                if terminated or truncated:  # where chance is not its own, sooner than it did: it must not be stepped on
                    self.over[number] = True
                    break
        return self.rows

    def close(self) -> None:
        """Let go of windows."""
        for environment in self.environments:
            environment.close()


@final
class Native(Environments):
    """Environments that their own package steps by one call: Gymnasium's CartPole, Atari's games.

    Args:
        opened: Which environment.
        count: How many.
        seed: Where chance begins.
    """

    def __init__(self, opened: Opened, count: int, seed: int) -> None:
        self.vector = opened.make_many(count)
        self.count, self.seed = count, seed
        self.reader = ObservationReader(self.vector.single_observation_space, frames=1)
        self.actions = action_shape(self.vector.single_action_space)
        self.restorable = set(CARTPOLE) <= set(vars(self.vector.unwrapped))
        self.images = bool(self.reader.shape.channels)
        self.over = np.zeros(count, bool)
        mode = self.vector.metadata.get("autoreset_mode")
        if mode is not gymnasium.vector.AutoresetMode.NEXT_STEP:
            raise DataError(f"{opened.name} begins episodes by the rule {mode}, and only the next-step rule can be followed")

    def reset(self, salt: int = 0) -> Observations:
        """Begin an episode in each."""
        seen, _ = self.vector.reset(seed=mix(self.seed, salt) % SEEDS if salt else self.seed)
        self.over = np.zeros(self.count, bool)
        return self._read(seen)

    def step(self, actions: NDArray[Any]) -> Steps:
        """One step in each."""
        seen, rewards, terminated, truncated, _ = self.vector.step(self.actions.for_environment(actions))
        begun, self.over = self.over, terminated | truncated
        return Steps(self._read(seen), rewards.astype(np.float32), terminated, truncated, begun)

    def _read(self, seen: NDArray[Any]) -> Observations:
        none = self.reader.shape.empty(self.count)
        if self.images:
            return Observations(none.vectors, np.ascontiguousarray(seen))
        return Observations(np.ascontiguousarray(seen, np.float32), none.images)

    def state(self) -> Any:
        """The arrays that hold all of it, where they are known."""
        if not self.restorable:
            return None
        inner = self.vector.unwrapped
        arrays = {name: np.asarray(getattr(inner, name)).tolist() for name in CARTPOLE}
        return {**arrays, "random": inner.np_random.bit_generator.state, "over": self.over.tolist()}

    def load_state(self, state: Any) -> Observations:
        """Put the arrays back; where they are not known, begin new episodes."""
        seen = self.reset()
        if state is None:
            return seen
        inner: Any = self.vector.unwrapped
        for name in CARTPOLE:
            setattr(inner, name, np.array(state[name], getattr(inner, name).dtype))
        inner.np_random.bit_generator.state = state["random"]
        self.over = np.array(state["over"], bool)
        return self._read(inner.state.T)

    def close(self) -> None:
        """Let go of threads."""
        self.vector.close()


def make_environments(
    opened: Opened, count: int, *, seed: int, frames: int, processes: int, step_seconds: float
) -> Environments:
    """Some environments, stepped in the way that suits them.

    Args:
        opened: Which.
        count: How many.
        seed: Where chance begins.
        frames: Images that are shown at once, where there are images and the environment does not stack them itself.
        processes: Cores to keep busy, where it is worth it.
        step_seconds: What a step of one takes.
    """
    if opened.is_vectorised:
        return Native(opened, count, mix(seed, "environments") % SEEDS)
    seeds = [mix(seed, "environment", number) for number in range(count)]
    if processes > 1 and count > 1 and count * step_seconds > WORTH_PROCESSES_SECONDS:
        from seodang.families.agents.environments.workers import Workers

        return Workers(opened, seeds, frames, min(processes, count))
    return Group(opened, seeds, frames)


def _random_state(environment: gymnasium.Env[Any, Any]) -> Any:
    """Of an environment's generator, as JSON; None where it has put another kind in its place."""
    random = environment.unwrapped.np_random
    known = isinstance(random, np.random.Generator) and isinstance(random.bit_generator, np.random.PCG64)
    return random.bit_generator.state if known else None


def _failed(problem: Exception) -> DataError:
    """What went wrong in an environment, and where."""
    place = traceback.extract_tb(problem.__traceback__)[-1]
    where = f"{Path(place.filename).name}, line {place.lineno}"
    return DataError(f"An environment failed: {type(problem).__name__}: {' '.join(str(problem).split())} ({where}).")


def _empty_results(count: int) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    return np.zeros(count, np.float32), np.zeros(count, bool), np.zeros(count, bool), np.zeros(count, bool)
