"""What an agent looks at: how much changes when a part of what it sees is replaced by what it saw at another time.

Numbers are exchanged between observations (permutation importance: Breiman 2001, "Random forests", section 10; here of an
agent's own outputs, without any truth to compare them with). Images are covered patch by patch (Zeiler & Fergus 2014,
arXiv:1311.2901). Both ask any agent, whatever computes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from seodang.core.seeds import mix
from seodang.families.agents.actor import Actor, Array
from seodang.families.agents.data import AgentsData
from seodang.families.agents.environments.spaces import ObservationReader, Observations, is_image
from seodang.families.agents.explaining.naming import PARTS, Names, kind_of

PLAYED_AT_ONCE = 8  # environments that observations are collected in
STEPS_APART = 5  # of observations that are kept: neighbours are nearly the same
EXCHANGES = 3  # that a change is averaged over
PATCHES = 14  # that an image is covered by, along each side


@dataclass(frozen=True)
class Part:
    """What is exchanged at once: a number, or all of a choice that is laid out as one-hot numbers."""

    name: str
    columns: tuple[int, ...]


@dataclass(frozen=True)
class Answers:
    """What an agent says of some observations."""

    values: Array | None
    """(batch,)."""
    outputs: Array | None
    """Chances of all choices, or worths of all actions, (batch, any); None of numbers."""
    actions: NDArray[Any]
    """(batch, width)."""
    are_chances: bool


@dataclass(frozen=True)
class Importance:
    """How much each part matters, by each of some measures, (parts,); the first measure is what parts are ordered by."""

    parts: tuple[Part, ...]
    measures: dict[str, NDArray[np.float64]]

    def order(self) -> NDArray[np.int64]:
        """The parts, what matters most first, by all measures together."""
        shares = [one / one.max() for one in self.measures.values() if one.max() > 0]
        total = np.sum(shares, 0) if shares else np.zeros(len(self.parts))
        return np.argsort(-total, kind="stable")


def collect(actor: Actor, data: AgentsData, count: int, seed: int) -> Observations:
    """Observations that an agent comes by, some steps apart, as it acts by chance.

    Args:
        actor: Who acts.
        data: Where.
        count: How many; about.
        seed: Where episodes and chance begin.
    """
    random = np.random.default_rng(mix(seed, "collected"))
    environments = data.environments(PLAYED_AT_ONCE, mix(seed, "shown"), 1)
    kept = []
    try:
        seen = environments.reset()
        for step in range(-(-count // PLAYED_AT_ONCE) * STEPS_APART):
            if step % STEPS_APART == 0:
                kept.append([part.copy() for part in seen])
            seen = environments.step(actor.sampled(seen, random)).observations
    finally:
        environments.close()
    return Observations(*(np.concatenate(part)[:count] for part in zip(*kept, strict=True)))


def parts_of(data: AgentsData, names: Names) -> tuple[Part, ...]:
    """The parts that the vector of an observation is made of."""
    environment = data.opened.make()
    space = environment.observation_space
    environment.close()
    found: list[Part] = []
    first = 0
    for leaf in ObservationReader(space, data.frames).leaves:
        if is_image(leaf.space):
            continue
        for name, width in _widths(leaf.space, leaf.name):
            columns = tuple(range(first, first + width))
            found.append(Part(names.numbers[first] if width == 1 else name, columns))
            first += width
    known = PARTS.get(kind_of(data.opened.full_name), ())
    if len(known) != len(found):
        return tuple(found)
    return tuple(Part(name, part.columns) for name, part in zip(known, found, strict=True))


def _widths(space: spaces.Space[Any], name: str) -> list[tuple[str, int]]:
    """Name and columns of each part of a space that is no dictionary."""
    if isinstance(space, spaces.Discrete):
        return [(f"part {name}" if name.isdecimal() else name or "state", int(space.n))]
    if isinstance(space, spaces.MultiDiscrete):
        return [(f"{name or 'part'} {place}", int(count)) for place, count in enumerate(space.nvec.ravel())]
    return [(name, 1)] * int(np.prod(space.shape or ()))


def ask(actor: Actor, seen: Observations) -> Answers:
    """What an agent says."""
    chances, worths = actor.chances(seen), actor.worths(seen)
    outputs = np.concatenate(chances, 1) if chances is not None else worths
    return Answers(actor.values(seen), outputs, actor.best(seen), chances is not None)


def importance(actor: Actor, seen: Observations, parts: tuple[Part, ...], seed: int) -> Importance:
    """How much an agent's answers change on average when one part comes from another observation."""
    random = np.random.default_rng(mix(seed, "exchanged"))
    before = ask(actor, seen)
    found: dict[str, NDArray[np.float64]] = {}
    orders = [random.permutation(seen.rows) for _ in range(EXCHANGES)]
    for number, part in enumerate(parts):
        columns = list(part.columns)
        for order in orders:
            vectors = seen.vectors.copy()
            vectors[:, columns] = vectors[order][:, columns]
            for name, changes in differences(before, ask(actor, Observations(vectors, seen.images))).items():
                found.setdefault(name, np.zeros(len(parts)))[number] += changes.mean() / EXCHANGES
    return Importance(parts, found)


def differences(before: Answers, after: Answers) -> dict[str, NDArray[np.float64]]:
    """How far answers are apart, (batch,), by name of what is measured."""
    found: dict[str, NDArray[np.float64]] = {}
    if np.issubdtype(before.actions.dtype, np.floating):
        found["numbers chosen"] = np.abs(after.actions - before.actions).mean(1, dtype=np.float64)
    else:
        found["another action is best"] = (after.actions != before.actions).any(1).astype(np.float64)
    if before.outputs is not None and after.outputs is not None:
        moved = np.abs(after.outputs - before.outputs)
        if before.are_chances:  # half of the sum is the chance that moves from some actions to others
            found["chances of actions"] = 0.5 * moved.sum(1, dtype=np.float64) / before.actions.shape[1]
        else:
            found["worths of actions"] = moved.mean(1, dtype=np.float64)
    if before.values is not None and after.values is not None:
        found["value expected"] = np.abs(after.values - before.values).astype(np.float64)
    return found


def occlusion(actor: Actor, seen: Observations, usual: NDArray[np.uint8]) -> dict[str, NDArray[np.float64]]:
    """How much the answers change when a patch of an image is covered by what is usually there.

    Args:
        actor: Who is asked.
        seen: One observation.
        usual: (channels, height, width): the mean image.

    Returns: (height, width) each, by name of what is measured.
    """
    height, width = usual.shape[1:]
    rows, columns = (np.linspace(0, side, min(PATCHES, side) + 1).astype(int) for side in (height, width))
    boxes = [
        (slice(rows[row], rows[row + 1]), slice(columns[column], columns[column + 1]))
        for row in range(len(rows) - 1)
        for column in range(len(columns) - 1)
    ]
    covered = seen.images.repeat(len(boxes), 0)
    for number, (down, across) in enumerate(boxes):
        covered[number, :, down, across] = usual[:, down, across]
    repeated = Observations(seen.vectors.repeat(len(boxes), 0), seen.images.repeat(len(boxes), 0))
    changes = differences(ask(actor, repeated), ask(actor, Observations(repeated.vectors, covered)))
    maps = {name: np.zeros((height, width)) for name in changes}
    for name, one in changes.items():
        for number, (down, across) in enumerate(boxes):
            maps[name][down, across] = one[number]
    return maps
