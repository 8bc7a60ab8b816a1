"""What the numbers of an observation and the actions are called, where that is known better than the spaces tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from seodang.families.agents.environments.opening import Opened
from seodang.families.agents.environments.spaces import ActionShape, ObservationShape

FOUR_WAYS = ("up", "right", "down", "left")
LANDER = ("x", "y", "speed in x", "speed in y", "angle", "turning", "left leg down", "right leg down")

NUMBERS: Mapping[str, tuple[str, ...]] = {
    "CartPole": ("cart position", "cart speed", "pole angle", "pole turning"),
    "Pendulum": ("cosine of the angle", "sine of the angle", "turning"),
    "MountainCar": ("position", "speed"),
    "MountainCarContinuous": ("position", "speed"),
    "Acrobot": (
        "cosine, first angle", "sine, first angle", "cosine, second angle", "sine, second angle", "first turning",
        "second turning",
    ),
    "LunarLander": LANDER,
    "LunarLanderContinuous": LANDER,
}  # fmt: skip
"""By Gymnasium's documentation of each."""
ACTIONS: Mapping[str, tuple[str, ...]] = {
    "CartPole": ("push left", "push right"),
    "Pendulum": ("torque",),
    "MountainCar": ("push left", "wait", "push right"),
    "MountainCarContinuous": ("push",),
    "Acrobot": ("turn back", "wait", "turn on"),
    "LunarLander": ("wait", "left engine", "main engine", "right engine"),
    "LunarLanderContinuous": ("main engine", "side engines"),
    "FrozenLake": ("left", "down", "right", "up"),
    "CliffWalking": FOUR_WAYS,
    "Taxi": ("down", "up", "right", "left", "pick up", "drop off"),
    "Blackjack": ("stick", "hit"),
    "CarRacing": ("wait", "steer right", "steer left", "gas", "brake"),
}
PARTS: Mapping[str, tuple[str, ...]] = {"Blackjack": ("own cards", "dealer's card", "usable ace")}
"""Of observations made of choices, each laid out as one-hot numbers."""


@dataclass(frozen=True)
class Names:
    """For labels."""

    numbers: tuple[str, ...]
    """Of an observation."""
    actions: tuple[str, ...]
    """One for each action where one is chosen; else one for each choice, or each number, that an action has."""


def kind_of(name: str) -> str:
    """An environment's name without its version."""
    return name.rpartition("-v")[0] or name


def names_of(name: str, observation: ObservationShape, actions: ActionShape, opened: Opened | None = None) -> Names:
    """What things are called.

    Args:
        name: Of the environment, as Gymnasium knows it.
        observation: What is seen.
        actions: What is done.
        opened: The environment, where it is there: it may say what its actions mean.
    """
    kind = kind_of(name)
    numbers = NUMBERS.get(kind, ())
    if len(numbers) != observation.numbers:
        numbers = tuple(f"number {one}" if one.isdecimal() else one for one in observation.names)
    count = actions.choices[0] if actions.kind == "discrete" else actions.width
    told = ACTIONS.get(kind, ())
    if len(told) != count and opened is not None and actions.kind == "discrete":
        told = _meanings(opened)
    if len(told) != count:
        what = {"discrete": "action", "multi-discrete": "choice", "continuous": "number"}[actions.kind]
        first = actions.starts[0] if actions.kind == "discrete" else 0
        told = tuple(f"{what} {place}" for place in range(first, first + count))
    return Names(numbers, told)


def _meanings(opened: Opened) -> tuple[str, ...]:
    """As an environment with `get_action_meanings` has them: all Atari games do."""
    environment = opened.make()
    try:
        tell = getattr(environment.unwrapped, "get_action_meanings", None)
        return () if tell is None else tuple(str(one).lower() for one in tell())
    finally:
        environment.close()
