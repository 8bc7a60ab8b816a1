"""Pictures of what an agent expects and does all over its world: maps of values, and maps of squares with arrows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize, to_rgba
from matplotlib.patches import Patch, Rectangle
from numpy.typing import NDArray

from seodang.draw.style import (
    BLUE,
    INK,
    LINE,
    MUTED,
    PALETTE,
    SMALL_SIZE,
    VERMILLION,
    Picture,
    colour_of,
    font,
    new_figure,
    plain,
    style_axes,
    title_above,
)
from seodang.draw.table import Cell, Table
from seodang.families.agents.environments.spaces import ActionShape, Observations
from seodang.families.agents.explaining.boards import NOWHERE, Board, States
from seodang.families.agents.explaining.naming import Names
from seodang.families.agents.explaining.value_map import ValueMap

VALUES = LinearSegmentedColormap.from_list("seodang-values", ["#FFFFFF", "#CFE3F1", "#6FADD6", BLUE, "#003F66"])
SIDES = LinearSegmentedColormap.from_list("seodang-sides", [VERMILLION, "#FFFFFF", BLUE])
DOTS = 400  # observations that are drawn on a map, at most
ARROWS = {"left": (-1, 0), "right": (1, 0), "up": (0, 1), "down": (0, -1)}
DARK = 0.6  # of the way from the least to the greatest value, above which letters on a square are white
SHORT = {"pick up": "pick", "drop off": "drop"}
OTHERS = "#B8C0CA"  # of actions without a colour of their own


def draw_map(found: ValueMap, seen: Observations, actions: ActionShape, names: Names) -> Picture:
    """Two maps over the same two numbers: what is expected, and what is done."""
    columns = 1 if found.values is None else 2
    figure = new_figure(4.8 * columns, 4.6)
    panes = figure.subplots(1, columns, squeeze=False)[0]
    labels = [plain(names.numbers[number], 40) for number in found.numbers]
    if found.values is not None:
        _draw_values(panes[0], found, seen)
        panes[0].set_title("what it expects from here on", fontproperties=font(), color=INK, loc="left", pad=4)
    title = _draw_actions(panes[-1], found, actions, names)
    panes[-1].set_title(plain(title, 60), fontproperties=font(), color=INK, loc="left", pad=4)
    for axes in panes:
        axes.set_xlabel(labels[0], fontproperties=font(), color=MUTED)
        axes.set_ylabel(labels[1], fontproperties=font(), color=MUTED)
    title_above(figure, f"{names.numbers[found.numbers[0]]} and {names.numbers[found.numbers[1]]}")
    alt = f"Maps over {labels[0]} and {labels[1]}: what the agent expects, and what it does."
    return Picture(figure, alt)


def _extent(found: ValueMap) -> tuple[float, float, float, float]:
    return float(found.x[0]), float(found.x[-1]), float(found.y[0]), float(found.y[-1])


def _draw_values(axes: Axes, found: ValueMap, seen: Observations) -> None:
    assert found.values is not None
    style_axes(axes, grid="none")
    image = axes.imshow(
        found.values, origin="lower", extent=_extent(found), aspect="auto", cmap=VALUES, interpolation="bilinear"
    )
    _colour_bar(axes, image)
    step = -(-seen.rows // DOTS)
    x, y = (seen.vectors[::step, number] for number in found.numbers)
    axes.plot(x, y, linestyle="", marker=".", markersize=2.5, color=VERMILLION, alpha=0.7)
    axes.set(xlim=(found.x[0], found.x[-1]), ylim=(found.y[0], found.y[-1]))


def _draw_actions(axes: Axes, found: ValueMap, actions: ActionShape, names: Names) -> str:
    """Regions of one colour for each action, paler where it is less sure; or the number that is chosen. Returns: A title."""
    style_axes(axes, grid="none")
    first = found.actions[..., 0]
    if actions.kind == "continuous":
        low, high = actions.low[0], actions.high[0]
        numbers = low + (np.clip(first, -1, 1) + 1) * 0.5 * (high - low)
        image = axes.imshow(
            numbers, origin="lower", extent=_extent(found), aspect="auto", cmap=SIDES, vmin=low, vmax=high,
            interpolation="bilinear",
        )  # fmt: skip
        _colour_bar(axes, image)
        return f"what it does: {names.actions[0]}"
    taken = first.astype(np.int64)
    shown, colours = _colours(taken, actions.choices[0])
    least = 1 / actions.choices[0]
    sure = np.full(taken.shape, 0.75) if found.sure is None else 0.25 + 0.6 * (found.sure - least) / (1 - least)
    pixels = np.array([to_rgba(one) for one in colours])[taken]
    pixels[..., 3] = np.clip(sure, 0.2, 1)
    axes.imshow(pixels, origin="lower", extent=_extent(found), aspect="auto", interpolation="nearest")
    first_number = actions.starts[0]
    labels = names.actions if actions.kind == "discrete" else [str(first_number + one) for one in range(actions.choices[0])]
    patches = [Patch(color=colours[one], label=plain(labels[one], 24)) for one in shown]
    if len(np.unique(taken)) > len(shown):
        patches.append(Patch(color=OTHERS, label="other actions"))
    axes.legend(handles=patches, loc="upper left", frameon=True, framealpha=0.85, edgecolor="none", prop=font(SMALL_SIZE))
    what = "what it does" if actions.kind == "discrete" else f"what it does: {names.actions[0]}"
    return what if found.sure is None else f"{what}; paler: less sure"


def _colours(taken: NDArray[np.int64], count: int) -> tuple[list[int], list[str]]:
    """The actions that have a colour of their own, and the colour of each of `count`: those taken most, if there are many."""
    found, areas = np.unique(taken, return_counts=True)
    most = [int(one) for one in found[np.argsort(-areas, kind="stable")][: len(PALETTE)]]
    if count <= len(PALETTE):
        return sorted(most), [colour_of(action) for action in range(count)]
    return sorted(most), [colour_of(most.index(action)) if action in most else OTHERS for action in range(count)]


def _colour_bar(axes: Axes, image: Any) -> None:
    bar = axes.figure.colorbar(image, ax=axes, shrink=0.9, pad=0.02)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, labelsize=SMALL_SIZE, labelcolor=MUTED)


def draw_boards(boards: Sequence[Board], states: States, names: Names) -> Picture:
    """Squares coloured by their value, each with an arrow for the best action."""
    columns = min(2, len(boards))
    rows = -(-len(boards) // columns)
    height, width = boards[0].states.shape
    square = min(0.95, 8.6 / (columns * width))
    figure = new_figure(max(4.5, columns * (width * square + 0.3)), rows * (height * square + 0.35) + 0.8)
    panes = figure.subplots(rows, columns, squeeze=False).ravel()
    decided = np.concatenate([board.states[board.states != NOWHERE] for board in boards])
    values = None if states.values is None else states.values[decided]
    scale = None if values is None else Normalize(float(values.min()), float(values.max()) + 1e-9)
    for axes, board in zip(panes, boards, strict=False):
        _draw_board(axes, board, states, names, scale, square)
    for axes in panes[len(boards) :]:
        axes.set_axis_off()
    title_above(figure, "The best action on every square" if scale is None else "Best action and value of every square")
    alt = "A map of squares with an arrow for the best action on each; the darker, the more is expected from there on."
    return Picture(figure, alt)


def _draw_board(axes: Axes, board: Board, states: States, names: Names, scale: Normalize | None, square: float) -> None:
    height, width = board.states.shape
    axes.set_axis_off()
    axes.set(xlim=(-0.02, width + 0.02), ylim=(height + 0.02, -0.02), aspect="equal")
    axes.set_title(plain(board.title, 60), fontproperties=font(), color=INK, loc="left", pad=4)
    for row in range(height):
        for column in range(width):
            state, mark = int(board.states[row, column]), board.marks[row][column]
            share = 0.0
            if state != NOWHERE and scale is not None and states.values is not None:
                share = float(scale(states.values[state]))
            _draw_square(axes, row, column, state, mark, share, scale is not None)
            if state != NOWHERE and states.prefers(state):
                _draw_best(axes, row, column, names.actions[states.best[state]], "white" if share > DARK else INK)
            if state != NOWHERE and scale is not None and states.values is not None and square >= 0.6:
                words = f"{float(states.values[state]):.2f}"
                _write(axes, column + 0.95, row + 0.93, words, "white" if share > DARK else INK, "right", "bottom")
            if (row, column) in board.walls:
                axes.plot([column + 1, column + 1], [row, row + 1], color=INK, linewidth=3, solid_capstyle="butt")


def _draw_square(axes: Axes, row: int, column: int, state: int, mark: str, share: float, coloured: bool) -> None:
    colour: Any = VALUES(0.85 * share) if coloured else "#FFFFFF"
    if state == NOWHERE:
        colour = "#BFE5D8" if mark == "goal" else "#D5D9DE"
    axes.add_patch(Rectangle((column, row), 1, 1, facecolor=colour, edgecolor=LINE, linewidth=1))
    if mark:
        middle = state == NOWHERE
        place = (column + 0.5, row + 0.5) if middle else (column + 0.06, row + 0.07)
        ink = INK if middle else "white" if share > DARK else INK
        _write(axes, *place, mark, ink, "center" if middle else "left", "center" if middle else "top")


def _draw_best(axes: Axes, row: int, column: int, name: str, colour: str) -> None:
    """An arrow for a step, a word for anything else; y grows downwards on a board."""
    x, y = column + 0.5, row + 0.5
    if name not in ARROWS:
        _write(axes, x, y, SHORT.get(name, name), colour, "center", "center")
        return
    right, up = ARROWS[name]
    start, end = (x - 0.22 * right, y + 0.22 * up), (x + 0.22 * right, y - 0.22 * up)
    style = {"arrowstyle": "-|>", "color": colour, "linewidth": 1.6, "mutation_scale": 11, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", end, start, arrowprops=style)


def _write(axes: Axes, x: float, y: float, words: str, colour: str, across: Any, up: Any) -> None:
    # A square's letters lie within the axes; the layout need not ask each of them for its size.
    axes.text(x, y, plain(words, 12), color=colour, ha=across, va=up, fontproperties=font(SMALL_SIZE - 1), in_layout=False)


def states_table(states: States, names: Names, state_names: Sequence[str]) -> Table:
    """Every state with its value, the best action, and what is known of each."""
    headers = ["state", *([] if states.values is None else ["expects"]), "best action"]
    if states.outputs is not None:
        headers += [f"{'worth' if states.are_worths else 'chance'}: {name}" for name in names.actions]
    rows: list[list[Cell]] = []
    for number, name in enumerate(state_names):
        row: list[Cell] = [name]
        if states.values is not None:
            row.append(float(states.values[number]))
        row.append(names.actions[states.best[number]])
        if states.outputs is not None:
            row += [float(one) for one in states.outputs[number]]
        rows.append(row)
    return Table(headers, rows, "What it holds of every state")


def heated(image: NDArray[np.uint8], heat: NDArray[np.float64]) -> NDArray[np.uint8]:
    """A grey image, (height, width, 3), pale, with red where the heat is."""
    share = (heat / max(float(heat.max()), 1e-12))[..., None]
    pale = 255 - (255 - image.astype(np.float64)) * 0.55
    red = np.array([int(VERMILLION[place : place + 2], 16) for place in (1, 3, 5)])
    mixed: NDArray[np.uint8] = (pale * (1 - 0.85 * share) + red * 0.85 * share).round().astype(np.uint8)
    return mixed
