"""What an agent expects and does over two numbers of its observation, all others held where they usually are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seodang.core.errors import SettingsError
from seodang.families.agents.actor import Actor, Array
from seodang.families.agents.environments.spaces import Observations
from seodang.families.agents.explaining.importance import Importance

SIDE = 90  # points of the map along each axis
SEEN = (0.01, 0.99)  # quantiles of what was seen, that an axis goes from and to
ROOM = 0.15  # of that width, beyond it on either side


@dataclass(frozen=True)
class ValueMap:
    """Values and actions on a grid; y is the first axis of all arrays."""

    numbers: tuple[int, int]
    """Of the observation, on x and y."""
    x: Array
    y: Array
    """(points,) each."""
    values: Array | None
    """(y, x); None where the agent does not say."""
    actions: NDArray[Any]
    """(y, x, width), as `ActionShape.for_environment` takes them."""
    sure: Array | None
    """(y, x): the chance of the likeliest action of the first choice; None where there are no chances."""


def check_numbers(asked: Sequence[int], numbers: int) -> None:
    """Whether a map can lie over the numbers that were asked for, if any were.

    Raises: SettingsError: They are not two different numbers of the observation.
    """
    if not asked or (len(asked) == 2 and asked[0] != asked[1] and max(asked) < numbers):
        return
    wanted = f"two different numbers of an observation, each from 0 to {numbers - 1}"
    if numbers < 2:
        wanted = f"left out, as an observation has {numbers or 'no'} number{'' if numbers == 1 else 's'}"
    raise SettingsError(
        f"{{map_numbers}} must be {wanted}, got {', '.join(map(str, asked))}.", settings=("map_numbers",), value=tuple(asked)
    )


def chosen_numbers(asked: Sequence[int], found: Importance, seen: Observations) -> tuple[int, int] | None:
    """The two numbers that a map lies over: those that were asked for, or those that matter most.

    Returns: None where there are no two that are worth it: numbers by themselves, which were not always the same.
    """
    if asked:
        return asked[0], asked[1]
    single = [found.parts[place].columns[0] for place in found.order() if len(found.parts[place].columns) == 1]
    varied = [column for column in single if np.ptp(seen.vectors[:, column]) > 0]
    return (varied[0], varied[1]) if len(varied) > 1 else None


def value_map(actor: Actor, seen: Observations, numbers: tuple[int, int]) -> ValueMap:
    """Ask an agent all over a grid.

    Args:
        actor: Who is asked.
        seen: Observations that it came by: they tell how far the axes go, and where all other numbers usually are.
        numbers: On x and y.
    """
    x, y = (_axis(seen.vectors[:, number]) for number in numbers)
    vectors = np.tile(np.median(seen.vectors, 0).astype(np.float32), (SIDE * SIDE, 1))
    across, up = np.meshgrid(x, y)
    vectors[:, numbers[0]], vectors[:, numbers[1]] = across.ravel(), up.ravel()
    grid = Observations(vectors, np.zeros((len(vectors), *seen.images.shape[1:]), np.uint8))
    values, worths, chances = actor.values(grid), actor.worths(grid), actor.chances(grid)
    if values is None and worths is not None:
        values = worths.max(1)
    return ValueMap(
        numbers, x, y, None if values is None else values.reshape(SIDE, SIDE),
        actor.best(grid).reshape(SIDE, SIDE, -1), None if not chances else chances[0].max(1).reshape(SIDE, SIDE),
    )  # fmt: skip


def _axis(numbers: Array) -> Array:
    low, high = (float(one) for one in np.quantile(numbers, SEEN))
    room = ROOM * (high - low) or 1.0
    return np.linspace(low - room, high + room, SIDE, dtype=np.float32)
