"""Whether an environment keeps Gymnasium's contract, found out by living in it for a while before anything is trained."""

from __future__ import annotations

import hashlib
import inspect
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import gymnasium
import numpy as np

from seodang.core.errors import DataError
from seodang.core.values import Finding
from seodang.families.agents.environments.given import described_space
from seodang.families.agents.environments.opening import TIME_LIMIT, Opened
from seodang.families.agents.environments.spaces import ActionShape, ObservationReader, ObservationShape, action_shape
from seodang.families.agents.environments.stepping import Group, Native

TRIED_STEPS = 300  # at random, in several episodes where they are short
REPLAYED_STEPS = 200  # after which an episode is played again; fewer where steps take long
LEAST_REPLAYED_STEPS = 10
REPLAYING_SECONDS = 3.0  # that this may take, about
REPLAYING_COST = 20  # steps of single environments for each of them, at most
REPLAYED_EPISODES = 2  # that lie before it: some environments carry over what happened in the episode before
SEED = 12345


@dataclass(frozen=True)
class Checked:
    """What was found."""

    findings: tuple[Finding, ...]
    """Errors and warnings."""
    notes: tuple[str, ...] = ()
    observation: ObservationShape | None = None
    space: Mapping[str, Any] = field(default_factory=dict)
    """What is shown, as JSON."""
    frames: int = 1
    """Images that are stacked by who reads them."""
    actions: ActionShape | None = None
    time_limit: int | None = None
    code: str = ""
    """A hash of the source of an environment of the user's own."""
    states: int = 0
    """How many there are where they can be counted (a Discrete space), else 0."""
    exactness: str = ""
    """Why an interrupted training will not end with the bytes of an undisturbed one; "" where it will."""
    step_seconds: float = 0.0
    """What a step takes, with its part of a beginning; 0 where it was not measured."""


class BrokenError(Exception):
    """The contract is broken: what, and what to do."""

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(what)
        self.what, self.fix = what, fix


def check_environment(opened: Opened, frames: int) -> Checked:
    """Look at the spaces, reset and step at random, and try whether a state can be brought back.

    Args:
        opened: Which environment.
        frames: Images that are shown at once.
    """
    if opened.is_vectorised:
        return _native(opened)
    environment = opened.make()
    try:
        return _checked(opened, environment, frames)
    except BrokenError as broken:
        return Checked((Finding("error", opened.name, broken.what, broken.fix),))
    finally:
        environment.close()


def _checked(opened: Opened, environment: gymnasium.Env[Any, Any], frames: int) -> Checked:
    for name in ("observation_space", "action_space"):
        if not isinstance(getattr(environment, name, None), gymnasium.Space):
            raise BrokenError(f"{name} is missing or no gymnasium Space", f"set self.{name} in __init__")
    limit = environment.spec.max_episode_steps if environment.spec is not None else opened.options.get(TIME_LIMIT)
    try:
        reader = ObservationReader(environment.observation_space, frames)
        actions = action_shape(environment.action_space)
    except DataError as error:
        raise BrokenError(str(error), "") from error
    began = time.perf_counter()
    ended = _live(environment, reader)
    step_seconds = (time.perf_counter() - began) / TRIED_STEPS
    warnings = []
    if limit is None and not ended:
        warnings.append(
            Finding(
                "warning",
                opened.name,
                f"no episode ended within {TRIED_STEPS} random steps, and there is no time limit",
                "give {environment_options} max_episode_steps=1000 if none ever ends",
            )
        )
    code = ""
    if opened.entry:
        code = hashlib.sha256(_source_of(opened.module).encode()).hexdigest()
    affordable = int(REPLAYING_SECONDS / (REPLAYING_COST * step_seconds))
    exactness = _exactness(opened, frames, max(LEAST_REPLAYED_STEPS, min(REPLAYED_STEPS, affordable)))
    states = _states(environment)
    shown = described_space(reader.space)
    seen = (reader.shape, shown, reader.frames, actions)
    return Checked(tuple(warnings), (), *seen, limit, code, states, exactness, step_seconds)


def _states(environment: gymnasium.Env[Any, Any]) -> int:
    space = environment.observation_space
    return int(space.n) if isinstance(space, gymnasium.spaces.Discrete) else 0


def _native(opened: Opened) -> Checked:
    try:
        one = Native(opened, 1, SEED)
    except DataError as error:
        return Checked((Finding("error", opened.name, str(error)),))
    exact = "" if one.restorable else (
        "the state of this environment cannot be brought back: after an interruption training goes on with new episodes, and "
        "ends with other bytes than an undisturbed one"
    )  # fmt: skip
    shown = described_space(one.reader.space)
    found = Checked((), (), one.reader.shape, shown, 1, one.actions, opened.time_limit, exactness=exact)
    one.close()
    return found


def _live(environment: gymnasium.Env[Any, Any], reader: ObservationReader) -> bool:
    """Reset and step at random; gives whether an episode ended. Raises: BrokenError: The contract is."""
    environment.action_space.seed(SEED)
    seen = _reset(environment, SEED)
    again = _reset(environment, SEED)
    if not _same(seen, again):
        raise BrokenError(
            "reset(seed=...) gives another first observation each time, with one and the same seed",
            "call super().reset(seed=seed) and draw from self.np_random alone",
        )
    row = reader.shape.empty(1)
    ended = False
    for step in range(1, TRIED_STEPS + 1):
        action = environment.action_space.sample()
        try:
            answer = environment.step(action)
        except Exception as problem:
            raise BrokenError(
                f"step({action!r}) fails: {type(problem).__name__}: {problem}", "mend step(); the action is one of its space"
            ) from problem
        _check_answer(environment, answer, step)
        try:
            with np.errstate(over="ignore"):  # too large a number becomes infinite, which is told
                reader.write(answer[0], row, 0, first=False)
        except (ValueError, TypeError, KeyError) as problem:
            raise BrokenError(
                f"an observation of step {step} cannot be read: {problem}", "return what observation_space says"
            ) from problem
        if not np.isfinite(row.vectors).all():
            raise BrokenError(f"the observation of step {step} has a number that is not finite", "look where step() divides")
        if answer[2] or answer[3]:
            ended = True
            _reset(environment, None)
    return ended


def _reset(environment: gymnasium.Env[Any, Any], seed: int | None) -> Any:
    try:
        answer = environment.reset(seed=seed)
    except Exception as problem:
        fix = "accept reset(self, *, seed=None, options=None)" if isinstance(problem, TypeError) else "mend reset()"
        raise BrokenError(f"reset(seed={seed}) fails: {type(problem).__name__}: {problem}", fix) from problem
    if not isinstance(answer, tuple) or len(answer) != 2 or not isinstance(answer[1], dict):
        raise BrokenError(
            f"reset() returns {_kind(answer)} and not an observation with a dictionary of information",
            "return observation, {}",
        )
    _check_within(environment, answer[0], "reset()")
    return answer[0]


def _check_answer(environment: gymnasium.Env[Any, Any], answer: Any, step: int) -> None:
    if not isinstance(answer, tuple) or len(answer) != 5:
        old = isinstance(answer, tuple) and len(answer) == 4
        raise BrokenError(
            f"step() returns {_kind(answer)} and not five values",
            ("that is the rule of old gym; " if old else "") + "return observation, reward, terminated, truncated, {}",
        )
    seen, reward, terminated, truncated, info = answer
    if not _is_number(reward):
        raise BrokenError(f"the reward of step {step} is {_kind(reward)} and not a number", "return float(reward)")
    if not np.isfinite(float(reward)):
        raise BrokenError(f"the reward of step {step} is {float(reward)}", "look where step() divides")
    for name, value in (("terminated", terminated), ("truncated", truncated)):
        if not isinstance(value, bool | np.bool_):
            raise BrokenError(f"{name} of step {step} is {_kind(value)} and not true or false", f"return bool({name})")
    if not isinstance(info, dict):
        raise BrokenError(f"the information of step {step} is {_kind(info)} and not a dictionary", "return {} for none")
    _check_within(environment, seen, f"step {step}")


def _is_number(value: Any) -> bool:
    if isinstance(value, bool | np.bool_ | str | bytes) or np.ndim(value) != 0:
        return False
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _check_within(environment: gymnasium.Env[Any, Any], seen: Any, where: str) -> None:
    space = environment.observation_space
    if space.contains(seen):
        return
    if isinstance(space, gymnasium.spaces.Box):
        array = np.asarray(seen)
        if not isinstance(seen, np.ndarray):
            raise BrokenError(
                f"the observation of {where} is {_kind(seen)} and not a NumPy array", f"return np.array(..., np.{space.dtype})"
            )
        if array.shape != space.shape:
            raise BrokenError(
                f"the observation of {where} has the shape {array.shape}, and observation_space has {space.shape}",
                "let both be one shape",
            )
        if not np.can_cast(array.dtype, space.dtype):
            raise BrokenError(
                f"the observation of {where} is of {array.dtype}, and observation_space of {space.dtype}",
                f"return it with .astype(np.{space.dtype})",
            )
        outside = np.flatnonzero(~((array >= space.low) & (array <= space.high)).ravel())
        place = int(outside[0]) if len(outside) else 0
        low, high, value = (float(one.ravel()[place]) for one in (space.low, space.high, array))
        raise BrokenError(
            f"the observation of {where} lies outside observation_space: number {place} is {value:g}, not {low:g} to {high:g}",
            "widen the bounds, or cut the observation to them",
        )
    raise BrokenError(
        f"the observation of {where} is not one of observation_space ({space}): {str(seen)[:80]}", "let both agree"
    )


def _exactness(opened: Opened, frames: int, steps: int) -> str:
    """Whether an episode that is played again comes out the same."""
    group, other = (Group(opened, [SEED, SEED + 1], frames) for _ in range(2))
    try:
        return "" if _comes_back(group, other, steps) else (
            "the state of this environment cannot be brought back by playing an episode again: after an interruption training "
            "goes on with new episodes, and ends with other bytes than an undisturbed one"
        )  # fmt: skip
    finally:
        group.close()
        other.close()


def _comes_back(group: Group, other: Group, replayed: int) -> bool:
    random = np.random.default_rng(SEED)
    group.reset()
    other.reset()
    episodes = steps = 0
    while steps < replayed or (episodes < REPLAYED_EPISODES and steps < 4 * replayed):
        result = group.step(_random(group.actions, random))
        episodes += int((result.terminated | result.truncated).any())
        steps += 1
    state = json.loads(json.dumps(group.state()))
    there = other.load_state(state)
    if not group.rows.same_as(there):
        return False
    for _ in range(replayed):
        action = _random(group.actions, random)
        one, back = group.step(action), other.step(action)
        if not (one.observations.same_as(back.observations) and np.array_equal(one.rewards, back.rewards)):
            return False
    return True


def _random(actions: ActionShape, random: np.random.Generator) -> Any:
    if actions.kind == "continuous":
        return random.uniform(-1, 1, (2, actions.width)).astype(np.float32)
    return random.integers(0, np.array(actions.choices), (2, actions.width))


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return all(_same(one[name], other[name]) for name in one)
    if isinstance(one, tuple):
        return all(_same(a, b) for a, b in zip(one, other, strict=True))
    return bool(np.array_equal(np.asarray(one), np.asarray(other)))


def _source_of(module: str) -> str:
    try:
        return inspect.getsource(sys.modules[module])
    except (OSError, TypeError):  # compiled, or made at a prompt
        return module


def _kind(value: Any) -> str:
    if isinstance(value, tuple):
        return f"{len(value)} values"
    return f"{type(value).__name__} {str(value)[:40]!r}"
