"""Worlds of squares, as maps: which state lies where, what stands there, and what an agent holds for best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seodang.families.agents.actor import Actor, Array
from seodang.families.agents.data import AgentsData
from seodang.families.agents.environments.spaces import Observations, ObservationShape

NOWHERE = -1  # the state of a square that nobody decides on: a hole, a cliff, the goal
TAXI_SIDE = 5
TAXI_STOPS = "RGYB"
IN_TAXI = 4
TAXI_SHOWN = ((0, 3), (3, 0), (IN_TAXI, 1), (IN_TAXI, 2))
"""Where the passenger is, and where to: two on the way to the passenger, two on the way with it."""


@dataclass(frozen=True)
class Board:
    """A map of squares."""

    title: str
    states: NDArray[np.int64]
    """(rows, columns), `NOWHERE` where nothing is decided."""
    marks: tuple[tuple[str, ...], ...]
    """(rows, columns): a letter on the square, or ""."""
    walls: frozenset[tuple[int, int]] = frozenset()
    """Squares (row, column) that have a wall on their right."""


@dataclass(frozen=True)
class States:
    """What an agent says of every state of a world that can be counted."""

    values: Array | None
    """(states,)."""
    best: NDArray[np.int64]
    """(states,), the action."""
    outputs: Array | None
    """Worths of actions, or else their chances, (states, actions)."""
    are_worths: bool

    def prefers(self, state: int) -> bool:
        """Whether one action is held for better than another there; not so where nothing was learned."""
        return self.outputs is None or bool(np.ptp(self.outputs[state]) > 0)


def is_countable(shape: ObservationShape, data: AgentsData | None) -> bool:
    """Whether an observation is one of several states and nothing else."""
    if data is not None:
        return data.checked.states > 0
    return bool(shape.names) and not shape.channels and all(name.startswith("state ") for name in shape.names)


def ask_states(actor: Actor, count: int) -> States:
    """Ask an agent about every state."""
    every = Observations(np.eye(count, dtype=np.float32), np.zeros((count, 0, 0, 0), np.uint8))
    values, worths, chances = actor.values(every), actor.worths(every), actor.chances(every)
    if values is None and worths is not None:
        values = worths.max(1)
    outputs = worths if worths is not None else chances[0] if chances else None
    return States(values, actor.best(every)[:, 0].astype(np.int64), outputs, worths is not None)


def boards_of(data: AgentsData) -> tuple[Board, ...]:
    """The maps of a world of squares; none of another world."""
    environment = data.opened.make()
    world: Any = environment.unwrapped
    try:
        if hasattr(world, "desc") and hasattr(world, "locs") and data.checked.states == TAXI_SIDE**2 * 5 * 4:
            return _taxi(world)
        if hasattr(world, "desc") and np.asarray(world.desc).size == data.checked.states:
            return (_lake(np.asarray(world.desc)),)
        if len(getattr(world, "shape", None) or ()) == 2 and hasattr(world, "_cliff"):
            return (_cliff(world),)
        return ()
    finally:
        environment.close()


def _lake(letters: NDArray[Any]) -> Board:
    """Start, frozen squares, holes and the goal, as FrozenLake writes them."""
    words = letters.astype(str)
    states = np.arange(words.size).reshape(words.shape)
    states[(words == "H") | (words == "G")] = NOWHERE
    names = {"S": "start", "H": "hole", "G": "goal"}
    return Board("", states, tuple(tuple(names.get(one, "") for one in row) for row in words))


def _cliff(world: Any) -> Board:
    rows, columns = world.shape
    states = np.arange(rows * columns).reshape(rows, columns)
    marks = [[""] * columns for _ in range(rows)]
    for row, column in np.argwhere(world._cliff):
        states[row, column], marks[row][column] = NOWHERE, "cliff"
    start = int(world.start_state_index)
    marks[start // columns][start % columns] = "start"
    states[-1, -1], marks[-1][-1] = NOWHERE, "goal"
    return Board("", states, tuple(map(tuple, marks)))


def _taxi(world: Any) -> tuple[Board, ...]:
    desc = np.asarray(world.desc).astype(str)
    squares = [(row, column) for row in range(TAXI_SIDE) for column in range(TAXI_SIDE)]
    walls = frozenset(
        (row, column) for row, column in squares if desc[row + 1, 2 * column + 2] == "|" and column < TAXI_SIDE - 1
    )
    found = []
    for passenger, goal in TAXI_SHOWN:
        waits = "passenger in the taxi" if passenger == IN_TAXI else f"passenger at {TAXI_STOPS[passenger]}"
        states = [world.encode(row, column, passenger, goal) for row, column in squares]
        marks = [[""] * TAXI_SIDE for _ in range(TAXI_SIDE)]
        for letter, (row, column) in zip(TAXI_STOPS, world.locs, strict=True):
            marks[row][column] = letter
        title = f"{waits}, wants to {TAXI_STOPS[goal]}"
        found.append(Board(title, np.array(states).reshape(TAXI_SIDE, TAXI_SIDE), tuple(map(tuple, marks)), walls))
    return tuple(found)
