"""The unrolled network as a picture: one column a step, what it reads, what it remembers, what it expects next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from seodang.draw.style import BLUE, INK, LINE, MUTED, ORANGE, SMALL_SIZE, Picture, font, new_figure, plain, title_above
from seodang.draw.table import Table
from seodang.families.language.cells import CELLS
from seodang.families.language.predictor import LanguagePredictor
from seodang.families.language.report_page import visible

MOST_STEPS = 10
UNITS = 12  # of the state that are drawn
EXPECTED = 3  # tokens shown above each step
COLUMN, STATE_BOTTOM, UNIT_HEIGHT = 1.0, 1.0, 0.16
STATE_TOP = STATE_BOTTOM + UNITS * UNIT_HEIGHT
EXPECTED_BOTTOM = STATE_TOP + 0.55
LINE_HEIGHT = 0.32
BODY = 9.5


@dataclass(frozen=True)
class Step:
    """What happens when one token is read."""

    token: str
    state: NDArray[np.float32]
    """What the last layer hands on, (hidden_size,)."""
    expected: tuple[tuple[str, float], ...]
    """The likeliest next tokens and their chances."""


def steps_of(predictor: LanguagePredictor, text: str, most: int = MOST_STEPS) -> list[Step]:
    """A text read from nothing, token by token."""
    vocabulary, model = predictor.vocabulary, predictor.steps
    state, found = model.start(1), []
    chosen = predictor.settings.model
    last = (chosen.num_layers - 1) * CELLS[chosen.model].num_states
    for number in vocabulary.encode(text)[:most].tolist():
        logits, state = model.step(np.array([number]), state)
        expected = tuple(predictor.likeliest(logits[0], EXPECTED))
        found.append(Step(vocabulary.tokens[number], state[last][0], expected))
    return found


def unrolled_picture(steps: Sequence[Step], cell: str) -> Picture:
    """The network once for each step, the same weights in every column.

    Args:
        steps: At least one.
        cell: What the recurrent layer is.
    """
    units = min(UNITS, len(steps[0].state))
    figure = new_figure(1.6 + 0.95 * len(steps), 5.2)
    axes = figure.subplots()
    axes.set_axis_off()
    most = max(float(np.abs(step.state[:units]).max()) for step in steps) or 1.0
    for column, step in enumerate(steps):
        _draw_step(axes, column * COLUMN, step, units, most)
        if column:
            _arrow(axes, ((column - 1) * COLUMN + 0.2, _middle(units)), (column * COLUMN - 0.2, _middle(units)))
    for height, words in ((0.4, "reads"), (_middle(units), f"remembers\n({cell})"), (EXPECTED_BOTTOM + 0.5, "expects")):
        axes.text(-0.62, height, words, fontproperties=font(SMALL_SIZE), color=MUTED, ha="right", va="center")
    axes.set_xlim(-1.3, len(steps) * COLUMN - 0.3)
    axes.set_ylim(0, EXPECTED_BOTTOM + EXPECTED * LINE_HEIGHT + 0.15)
    title_above(figure, "The network unrolled in time")
    rows = [[visible(one.token), *(f"{visible(token)} {chance:.3f}" for token, chance in one.expected)] for one in steps]
    headers = ["reads", *(f"expects {place}" for place in ("first", "second", "third"))][: 1 + len(steps[0].expected)]
    alt = (
        f"The {cell} network unrolled over {len(steps)} steps: each column reads a token, changes its state, expects the next."
    )
    return Picture(figure, alt, Table(headers, rows, "Each step"))


def _draw_step(axes: Axes, x: float, step: Step, units: int, most: float) -> None:
    _box(axes, x, 0.22, 0.36, visible(step.token))
    _arrow(axes, (x, 0.62), (x, STATE_BOTTOM - 0.02))
    for unit in range(units):
        value = float(step.state[unit]) / most
        colour = BLUE if value > 0 else ORANGE
        corner = (x - 0.17, STATE_BOTTOM + unit * UNIT_HEIGHT)
        axes.add_patch(Rectangle(corner, 0.34, UNIT_HEIGHT, facecolor="white", edgecolor=LINE, linewidth=0.6))
        axes.add_patch(Rectangle(corner, 0.34, UNIT_HEIGHT, facecolor=colour, alpha=min(abs(value), 1), linewidth=0))
    _arrow(axes, (x, STATE_BOTTOM + units * UNIT_HEIGHT + 0.03), (x, EXPECTED_BOTTOM - 0.05))
    for place, (token, chance) in enumerate(step.expected):
        height = EXPECTED_BOTTOM + (len(step.expected) - 1 - place) * LINE_HEIGHT
        axes.add_patch(Rectangle((x - 0.36, height), 0.72 * chance, 0.26, facecolor=BLUE, alpha=0.3, linewidth=0))
        words = f"{plain(visible(token), 7)} {chance:.2f}"
        size = BODY if place == 0 else SMALL_SIZE
        axes.text(x - 0.33, height + 0.13, words, fontproperties=font(size), color=INK, ha="left", va="center")


def _box(axes: Axes, x: float, bottom: float, height: float, words: str) -> None:
    axes.add_patch(Rectangle((x - 0.3, bottom), 0.6, height, facecolor="#EAF2F8", edgecolor=BLUE, linewidth=0.8))
    axes.text(x, bottom + height / 2, plain(words, 8), fontproperties=font(11), color=INK, ha="center", va="center")


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    axes.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": MUTED, "linewidth": 1.0})


def _middle(units: int) -> float:
    return STATE_BOTTOM + units * UNIT_HEIGHT / 2
