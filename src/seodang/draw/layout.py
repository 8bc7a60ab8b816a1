"""Where the boxes of a graph stand and how its arrows run. All lengths are inches from the top left, y downwards."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

_GAP = 0.34  # between ranks
_LANE = 0.30  # between things side by side
_COLUMN_GAP = 0.70
_TALLEST = 9.0  # a column goes on in the next one from here
_SWEEPS = 8
_STIFF = 1e6  # how much harder the main path holds its place than what stands beside it

_LEVEL_GAP = 0.5  # between the rows of a U
_LEAN = 0.30

Point = tuple[float, float]
Arm = Literal["left", "bottom", "right"]
_ARMS: tuple[Arm, ...] = ("left", "bottom", "right")


@dataclass
class Place:
    """Upper left corner and size of a box."""

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        return self.x + self.width / 2

    @property
    def bottom(self) -> float:
        return self.y + self.height


@dataclass
class Route:
    """The corners of an arrow, and whether it skips over boxes."""

    points: list[Point]
    skip: bool = False


@dataclass
class _Slot:
    """A box in a rank, or a lane through which an arrow passes it."""

    rank: int
    width: float
    box: int | None
    main: bool = False
    before: list[int] = field(default_factory=list)
    after: list[int] = field(default_factory=list)
    middle: float = 0.0


def arrange_in_ranks(
    inputs: Sequence[Sequence[int]], widths: Sequence[float], heights: Sequence[float]
) -> tuple[list[Place], list[Route]]:
    """Boxes in ranks from top to bottom, each below everything it reads; long pictures are wrapped into columns.

    The steps are those of Sugiyama, Tagawa & Toda, IEEE SMC 1981: ranks by longest path, lanes for arrows that pass a rank,
    order by the mean place of the neighbours, then places as near to the neighbours as the order allows.

    Args:
        inputs: For every box the boxes it reads, all earlier.
        widths: Of every box.
        heights: Of every box.
    """
    ranks = _ranks(inputs)
    slots, chains = _slots(inputs, ranks, widths)
    _mark_main_path(slots, inputs, ranks)
    rows = _ordered_rows(slots)
    _set_middles(slots, rows)
    for chain in chains:
        _straighten(slots, rows, chain[1:-1])
    tops, tall = _row_tops(slots, rows, heights)
    columns = _column_of_rank(slots, rows, tops, tall)
    shift = _column_shifts(slots, rows, columns, tops)
    places = [Place(0, 0, 0, 0)] * len(inputs)
    for slot in slots:
        if slot.box is not None:
            right, down = shift[columns[slot.rank]]
            height = heights[slot.box]
            top = tops[slot.rank] + (tall[slot.rank] - height) / 2
            places[slot.box] = Place(slot.middle - slot.width / 2 + right, top + down, slot.width, height)
    lane_y = {rank: (tops[rank] + shift[columns[rank]][1], tall[rank]) for rank in range(len(rows))}
    routes = [_ranked_route(chain, slots, places, columns, shift, lane_y) for chain in chains]
    return places, routes


def _ranks(inputs: Sequence[Sequence[int]]) -> list[int]:
    """The longest way from a start; a start other than the first stands just above what reads it."""
    ranks = [0] * len(inputs)
    for box, sources in enumerate(inputs):
        ranks[box] = 1 + max((ranks[source] for source in sources), default=-1)
    for box in range(len(inputs) - 1, 0, -1):
        readers = [ranks[reader] for reader, sources in enumerate(inputs) if box in sources]
        if not inputs[box] and readers:
            ranks[box] = min(readers) - 1
    return ranks


def _slots(inputs: Sequence[Sequence[int]], ranks: list[int], widths: Sequence[float]) -> tuple[list[_Slot], list[list[int]]]:
    """A slot a box and one for every rank that an arrow passes; the arrows as chains of slots."""
    slots = [_Slot(rank, width, box) for box, (rank, width) in enumerate(zip(ranks, widths, strict=True))]
    chains = []
    for box, sources in enumerate(inputs):
        for source in sources:
            chain = [source]
            for rank in range(ranks[source] + 1, ranks[box]):
                slots.append(_Slot(rank, 0.12, None))
                chain.append(len(slots) - 1)
            chain.append(box)
            for upper, lower in pairwise(chain):
                slots[upper].after.append(lower)
                slots[lower].before.append(upper)
            chains.append(chain)
    return slots, chains


def _mark_main_path(slots: list[_Slot], inputs: Sequence[Sequence[int]], ranks: list[int]) -> None:
    """One box a rank, from the last rank back to the first: the path that the picture keeps straight."""
    box = max(range(len(inputs)), key=lambda each: (ranks[each], -each), default=None)
    while box is not None:
        slots[box].main = True
        box = next((source for source in inputs[box] if ranks[source] == ranks[box] - 1), None)


def _ordered_rows(slots: list[_Slot]) -> list[list[int]]:
    """The slots of every rank from left to right, with few crossings."""
    rows: list[list[int]] = [[] for _ in range(max((slot.rank for slot in slots), default=-1) + 1)]
    for number, slot in enumerate(slots):
        rows[slot.rank].append(number)
    for sweep in range(_SWEEPS):
        downwards = sweep % 2 == 0
        where = {number: place for row in rows for place, number in enumerate(row)}
        for row in rows if downwards else rows[::-1]:
            keys = {}
            for number in row:
                near = slots[number].before if downwards else slots[number].after
                keys[number] = sum(where[other] for other in near) / len(near) if near else float(where[number])
            row.sort(key=lambda number: (keys[number], slots[number].box is None))
            where.update({number: place for place, number in enumerate(row)})
    return rows


def _set_middles(slots: list[_Slot], rows: list[list[int]]) -> None:
    """The main path straight down the middle, every other slot near the mean of its neighbours."""
    for row in rows:
        x = 0.0
        for number in row:
            slots[number].middle = x + slots[number].width / 2
            x += slots[number].width + _LANE
        for number in row:
            slots[number].middle -= (x - _LANE) / 2
    for sweep in range(_SWEEPS * 3):
        for row in rows if sweep % 2 == 0 else rows[::-1]:
            wanted = [_wish(slots, number) for number in row]
            _spread(slots, row, wanted)


def _straighten(slots: list[_Slot], rows: list[list[int]], lanes: list[int]) -> None:
    """Run an arrow's lanes in one vertical line, the outermost of them, wherever nothing stands in its way."""
    if len(lanes) < 2:
        return
    x = max((slots[lane].middle for lane in lanes), key=abs)
    others = [slots[other] for lane in lanes for other in rows[slots[lane].rank] if other != lane]
    if all(abs(x - other.middle) >= other.width / 2 + _LANE / 2 for other in others):
        for lane in lanes:
            slots[lane].middle = x


def _wish(slots: list[_Slot], number: int) -> float:
    slot = slots[number]
    near = [slots[other].middle for other in (*slot.before, *slot.after)]
    return 0.0 if slot.main else sum(near) / len(near) if near else slot.middle


def _spread(slots: list[_Slot], row: list[int], wanted: list[float]) -> None:
    """Move the slots of a row to where they want, apart by at least a lane: least squares by pooling neighbours."""
    offsets = [0.0]
    for left, right in pairwise(row):
        offsets.append(offsets[-1] + (slots[left].width + slots[right].width) / 2 + _LANE)
    pools: list[tuple[float, float, int]] = []  # weighted sum, weight, members
    for number, wish, offset in zip(row, wanted, offsets, strict=True):
        weight = _STIFF if slots[number].main else 1.0
        pools.append(((wish - offset) * weight, weight, 1))
        while len(pools) > 1 and pools[-2][0] / pools[-2][1] > pools[-1][0] / pools[-1][1]:
            last, before = pools.pop(), pools.pop()
            pools.append((last[0] + before[0], last[1] + before[1], last[2] + before[2]))
    starts = [total / weight for total, weight, members in pools for _ in range(members)]
    for number, start, offset in zip(row, starts, offsets, strict=True):
        slots[number].middle = start + offset


def _row_tops(slots: list[_Slot], rows: list[list[int]], heights: Sequence[float]) -> tuple[list[float], list[float]]:
    """Top and height of every rank."""
    tall = [max((heights[box] for number in row if (box := slots[number].box) is not None), default=0.1) for row in rows]
    tops, y = [], 0.0
    for height in tall:
        tops.append(y)
        y += height + _GAP
    return tops, tall


def _column_of_rank(slots: list[_Slot], rows: list[list[int]], tops: list[float], tall: list[float]) -> list[int]:
    """Which column every rank stands in; a column ends after a box that everything below it comes from."""
    total = tops[-1] + tall[-1] if rows else 0.0
    if total <= _TALLEST * 1.2:
        return [0] * len(rows)
    target = total / math.ceil(total / _TALLEST)
    columns, start = [0], 0
    for rank in range(1, len(rows)):
        leading = [slots[number] for number in rows[rank - 1] if slots[number].after]
        full = tops[rank] + tall[rank] / 2 - tops[start] > target
        if full and len(leading) == 1 and leading[0].box is not None and total - tops[rank] > _TALLEST / 4:
            columns.append(columns[-1] + 1)
            start = rank
        else:
            columns.append(columns[-1])
    return columns


def _column_shifts(slots: list[_Slot], rows: list[list[int]], columns: list[int], tops: list[float]) -> list[Point]:
    """How far every column is moved to the right and up."""
    shifts: list[Point] = []
    right = 0.0
    for column in range(columns[-1] + 1 if columns else 0):
        ranks = [rank for rank, each in enumerate(columns) if each == column]
        members = [slots[number] for rank in ranks for number in rows[rank]]
        left = min(slot.middle - slot.width / 2 for slot in members)
        shifts.append((right - left, -tops[ranks[0]]))
        right += max(slot.middle + slot.width / 2 for slot in members) - left + _COLUMN_GAP
    return shifts


def _ranked_route(
    chain: list[int],
    slots: list[_Slot],
    places: list[Place],
    columns: list[int],
    shift: list[Point],
    lanes: dict[int, tuple[float, float]],
) -> Route:
    """From the bottom of one box through its lanes to the top of another; into the next column over its top."""
    first, last = places[chain[0]], places[chain[-1]]
    points = [(first.middle, first.bottom)]
    for upper, number in pairwise(chain):
        slot = slots[number]
        column = columns[slot.rank]
        x = slot.middle + shift[column][0]
        top, height = lanes[slot.rank]
        if column != columns[slots[upper].rank]:
            gutter = min(_left_edges(slots, columns, column)) + shift[column][0] - _COLUMN_GAP / 2
            low = points[-1][1] + _GAP / 2
            points += [(points[-1][0], low), (gutter, low), (gutter, top - _GAP / 2), (x, top - _GAP / 2)]
        _bend(points, x, top - _GAP / 2)
        points.append((x, last.y if number == chain[-1] else top + height + _GAP / 2))
    return Route(points, skip=len(chain) > 2)


def _left_edges(slots: list[_Slot], columns: list[int], column: int) -> list[float]:
    return [slot.middle - slot.width / 2 for slot in slots if columns[slot.rank] == column]


def _bend(points: list[Point], x: float, y: float) -> None:
    """Go down to y and across to x, with a corner only where the way turns."""
    if abs(points[-1][0] - x) > 0.02:
        points += [(points[-1][0], y), (x, y)]


def arms_of_u(levels: Sequence[int]) -> list[Arm]:
    """The arm on which every box stands: left before the first box of the deepest level, right after it."""
    deepest = max(levels)
    first = levels.index(deepest)
    return ["bottom" if level == deepest else "left" if box < first else "right" for box, level in enumerate(levels)]


def arrange_in_u(
    inputs: Sequence[Sequence[int]],
    levels: Sequence[int],
    widths: Sequence[float],
    heights: Sequence[float],
    landings: Mapping[tuple[int, int], float],
) -> tuple[list[Place], list[Route]]:
    """One row a level: down the left arm, the deepest boxes in the middle, up the right arm.

    Args:
        inputs: For every box the boxes it reads, all earlier.
        levels: For every box its row, 0 the uppermost.
        widths: Of every box.
        heights: Of every box.
        landings: (box read, box) -> how far below the top of the box a skip arrives.
    """
    arms = arms_of_u(levels)
    wide = {arm: max((widths[box] for box, each in enumerate(arms) if each == arm), default=0.0) for arm in _ARMS}
    places = [Place(0, 0, 0, 0)] * len(inputs)
    y = 0.0
    for level in range(max(levels) + 1):
        stacks = {arm: [box for box, each in enumerate(arms) if each == arm and levels[box] == level] for arm in _ARMS}
        tall = {arm: _stack_height(stack, heights) for arm, stack in stacks.items()}
        for arm, stack in stacks.items():
            top = y + (max(tall.values()) - tall[arm]) / 2
            for box in stack[::-1] if arm == "right" else stack:
                places[box] = Place(_left_of_arm(arm, level, max(levels), wide), top, wide[arm], heights[box])
                top += heights[box] + _GAP
        y += max(tall.values()) + _LEVEL_GAP
    edges = [(source, box) for box, sources in enumerate(inputs) for source in sources]
    return places, [_u_route(places, arms, source, box, landings.get((source, box), 0.0)) for source, box in edges]


def _left_of_arm(arm: Arm, level: int, deepest: int, wide: Mapping[Arm, float]) -> float:
    """Left edge of the boxes of an arm; every level stands a little further in, so that the arms lean like those of a U."""
    inner_left = wide["left"] + _LEAN * (deepest - 1)
    between = max(1.2, wide["bottom"] + 2 * _LANE)
    if arm == "left":
        return _LEAN * level
    if arm == "right":
        return inner_left + between + _LEAN * (deepest - 1 - level)
    return inner_left + (between - wide["bottom"]) / 2


def _stack_height(members: list[int], heights: Sequence[float]) -> float:
    return sum(heights[box] for box in members) + _GAP * max(len(members) - 1, 0)


def _u_route(places: list[Place], arms: list[Arm], origin: int, end: int, landing: float) -> Route:
    """Down the left arm, around the bottom, up the right arm; skips across."""
    source, target = places[origin], places[end]
    ways = (arms[origin], arms[end])
    if ways == ("left", "right"):
        arrival = target.y + landing
        start = min(max(arrival, source.y + 0.1), source.bottom - 0.1)
        bend = target.x - _LANE
        points = [(source.x + source.width, start), (bend, start), (bend, arrival), (target.x, arrival)]
        return Route(points if abs(start - arrival) > 0.02 else [points[0], points[-1]], skip=True)
    if ways == ("left", "bottom"):
        y = target.y + target.height / 2
        return Route([(source.middle, source.bottom), (source.middle, y), (target.x, y)])
    if ways == ("bottom", "right"):
        y = source.y + source.height / 2
        return Route([(source.x + source.width, y), (target.middle, y), (target.middle, target.bottom)])
    x = min(max(source.middle, target.x + 0.2), target.x + target.width - 0.2)
    return Route([(x, source.bottom), (x, target.y)] if source.y < target.y else [(x, source.y), (x, target.bottom)])
