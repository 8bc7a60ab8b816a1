"""Pictures of a training and of what came of it: learning curves, distributions of returns, columns of the log."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from seodang.draw.style import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    SKY,
    SMALL_SIZE,
    VERMILLION,
    Picture,
    colour_of,
    font,
    new_figure,
    plain,
    style_axes,
    title_above,
    write_legend,
)
from seodang.draw.table import Cell, Table

Points = tuple[Sequence[float], Sequence[float]]
"""Environment steps, and what was measured there."""
NOT_DRAWN = frozenset({"kind", "stage", "step", "epoch", "rate", "episode_return"})
"""Columns of the log that are drawn elsewhere, or are no measure of how learning goes."""
WORDS = {
    "policy_loss": ("loss of the policy", "what the update lowers; its size means nothing by itself"),
    "value_loss": ("error of the value", "squared; it grows with returns, and falls as the value catches up"),
    "entropy": ("entropy", "how undecided the policy is; 0: it always does the same"),
    "moved": ("moved (KL)", "how far an update takes the policy; far above 0.02 is hasty"),
    "clipped": ("clipped", "part of the steps that had moved as far as they may"),
    "explained": ("explained", "part of the returns' variance that the value foresaw; 1 is all, below 0 is worse than nothing"),
    "loss": ("loss", "error of the worths, by Huber"),
    "worth": ("worth of the best action", "what the network expects; far above the returns is overestimated"),
    "critic_loss": ("error of the critics", "squared; it grows with what is at stake"),
    "surprise": ("surprise", "how far rewards and the table disagree"),
    "temperature": ("temperature", "what it is worth to stay undecided"),
}
"""Of what is logged: its name, and how it is read."""
PANEL_COLUMNS = 3
FEW_POINTS = 30


class StepAxis(NamedTuple):
    """Steps in the environment for each of learning, and those before the first."""

    each: int
    before: int

    def at(self, step: int) -> int:
        """How many were taken by a step of learning."""
        return self.before + step * self.each


def points(rows: Sequence[Mapping[str, Any]], name: str, axis: StepAxis) -> Points:
    """A column of the log over steps in the environment; without rows in which it says nothing."""
    kept = [row for row in rows if _is_number(row.get(name))]
    return [axis.at(row["step"]) for row in kept], [float(row[name]) for row in kept]


def learning_curve(
    measured: Mapping[str, Points], trained: Mapping[str, Points], random: float, solved: float | None = None
) -> Picture:
    """Returns over steps in the environment.

    Args:
        measured: Of each seed, the mean return of whole episodes, doing what it holds for best; over the same steps for all.
        trained: Of each seed, the mean return of the newest episodes of training, by chance.
        random: The mean return of acting at random.
        solved: The return from which on the environment counts as solved, where there is one.
    """
    figure = new_figure(7.6, 4.2)
    axes = figure.subplots()
    style_axes(axes, x_label="steps in the environment", y_label="return of an episode")
    several = len(measured) > 1
    for number, (x, y) in enumerate(trained.values()):
        label = "in training, by chance" if number == 0 else ""
        width, strength = (0.8, 0.6) if several else (1.4, 1.0)
        axes.plot(x, y, color=ORANGE, linewidth=width, alpha=strength, marker=_dots(x), markersize=3, label=label)
    if several:
        _draw_seeds(axes, measured)
    for x, y in () if several else measured.values():
        axes.plot(x, y, color=BLUE, linewidth=1.8, marker="o", markersize=4, label="doing what it holds for best")
    axes.axhline(random, color=MUTED, linewidth=1.2, linestyle=(0, (4, 3)), label="at random")
    if solved is not None:
        axes.axhline(solved, color=GREEN, linewidth=1.2, linestyle=(0, (1, 1.5)), label="solved")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.xaxis.set_major_locator(MaxNLocator(6))
    write_legend(axes, columns=3)
    title_above(figure, "Learning curve")
    ends = ", ".join(f"{y[-1]:.4g}" for _, y in measured.values() if y)
    return Picture(figure, f"Return of an episode over steps in the environment; at the end {ends}.", _curve_table(measured))


def _draw_seeds(axes: Axes, measured: Mapping[str, Points]) -> None:
    """Each seed thin, their mean thick, and a band of a standard deviation around it."""
    for number, (x, y) in enumerate(measured.values()):
        axes.plot(x, y, color=SKY, linewidth=0.9, label="each seed" if number == 0 else "")
    length = min(len(y) for _, y in measured.values())
    table = np.array([list(y)[:length] for _, y in measured.values()])
    x = list(next(iter(measured.values()))[0])[:length]
    mean, spread = table.mean(0), table.std(0, ddof=1)
    axes.fill_between(x, mean - spread, mean + spread, color=BLUE, alpha=0.15, linewidth=0)
    axes.plot(x, mean, color=BLUE, linewidth=2.2, marker="o", markersize=4, label=f"mean of {len(table)} seeds")


def _curve_table(measured: Mapping[str, Points]) -> Table:
    columns = [dict(zip(x, y, strict=True)) for x, y in measured.values()]
    places = sorted({place for column in columns for place in column})
    rows: list[list[Cell]] = [[place, *(column.get(place) for column in columns)] for place in places]
    names = ["return"] if len(measured) == 1 else list(measured)
    return Table(["steps", *names], rows, "Doing what it holds for best")


def distributions(returns: Mapping[str, Sequence[float]]) -> Picture:
    """How often each return occurs, a panel a way of acting, over one axis; the mean is marked."""
    figure = new_figure(7.6, 1.1 + 1.25 * len(returns))
    panes = figure.subplots(len(returns), 1, sharex=True, squeeze=False)[:, 0]
    every = np.concatenate([np.asarray(one, np.float64) for one in returns.values()])
    low, high = float(every.min()), float(every.max())
    edges = np.linspace(low, high if high > low else low + 1, 41)
    rows: list[list[Cell]] = []
    for number, (axes, (name, values)) in enumerate(zip(panes, returns.items(), strict=True)):
        style_axes(axes, x_label="return of an episode" if number == len(returns) - 1 else "", y_label="episodes")
        colour = (BLUE, ORANGE, MUTED)[number % 3]
        counts = axes.hist(values, bins=edges, color=colour)[0]
        mean = float(np.mean(values))
        axes.axvline(mean, color=VERMILLION, linewidth=1.4, linestyle=(0, (4, 2)))
        axes.set_ylim(0, float(np.max(counts)) * 1.05)
        axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
        axes.set_title(plain(f"{name}: mean {mean:.4g}"), fontproperties=font(), color=INK, loc="left", pad=4)
        rows.append([name, len(values), mean, float(np.std(values)), float(np.min(values)), float(np.max(values))])
    title_above(figure, "Returns of whole episodes")
    alt = "Histograms of the returns of whole episodes: " + "; ".join(f"{row[0]}, mean {row[2]:.4g}" for row in rows) + "."
    return Picture(figure, alt, Table(["acting", "episodes", "mean", "standard deviation", "least", "most"], rows))


def logged_columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the log has beside returns, in its order."""
    names = dict.fromkeys(name for row in rows for name, value in row.items() if _is_number(value))
    return [name for name in names if name not in NOT_DRAWN]


def log_panels(rows: Mapping[str, Sequence[Mapping[str, Any]]], names: Sequence[str], axis: StepAxis, title: str) -> Picture:
    """A small panel for each column of the log; a line for each seed."""
    lines = -(-len(names) // PANEL_COLUMNS)
    figure = new_figure(9.0, 0.8 + 1.9 * lines)
    panes = figure.subplots(lines, PANEL_COLUMNS, squeeze=False).ravel()
    for axes, name in zip(panes, names, strict=False):
        style_axes(axes)
        for number, stage in enumerate(rows.values()):
            x, y = points(stage, name, axis)
            axes.plot(x, y, color=colour_of(number), linewidth=1.3, marker=_dots(x), markersize=3)
        axes.set_title(plain(words_for(name), 30), fontproperties=font(), color=INK, loc="left", pad=4)
        axes.xaxis.set_major_locator(MaxNLocator(3))
        axes.yaxis.set_major_locator(MaxNLocator(4))
        axes.xaxis.set_major_formatter(FuncFormatter(_thousands))
        axes.tick_params(labelsize=SMALL_SIZE - 1)
    for axes in panes[len(names) :]:
        axes.set_axis_off()
    title_above(figure, title)
    return Picture(figure, f"{title}: {', '.join(map(words_for, names))} over steps in the environment.")


def words_for(name: str) -> str:
    """A column of the log, in words."""
    return WORDS[name][0] if name in WORDS else name.replace("_", " ")


def log_table(rows: Mapping[str, Sequence[Mapping[str, Any]]], names: Sequence[str]) -> Table:
    """First and last value of each column, mean over seeds, and how it is read."""
    cells: list[list[Cell]] = []
    for name in names:
        found = [[float(row[name]) for row in stage if _is_number(row.get(name))] for stage in rows.values()]
        first, last = (float(np.mean([one[place] for one in found if one])) for place in (0, -1))
        cells.append([words_for(name), first, last, WORDS.get(name, ("", ""))[1]])
    return Table(["what", "first", "last", "how it is read"], cells)


def importance_bars(names: Sequence[str], measures: Mapping[str, Sequence[float]]) -> Picture:
    """A panel a measure, a bar a part of what is seen."""
    figure = new_figure(9.0, 1.7 + 0.3 * len(names))
    panes = figure.subplots(1, len(measures), sharey=True, squeeze=False)[0]
    places = np.arange(len(names))
    for number, (axes, (measure, sizes)) in enumerate(zip(panes, measures.items(), strict=True)):
        style_axes(axes, grid="x")
        axes.barh(places, sizes, height=0.62, color=colour_of(number))
        axes.set_title(plain(measure, 44), fontproperties=font(SMALL_SIZE), color=INK, loc="left", pad=4)
        axes.set_xlim(0, max(*sizes, 1e-12) * 1.08)
        axes.xaxis.set_major_locator(MaxNLocator(3))
    panes[0].set_yticks(places, [plain(name, 26) for name in names])
    panes[0].set_ylim(len(names) - 0.5, -0.5)
    title = "What changes when a number comes from another time"
    title_above(figure, title)
    rows: list[list[Cell]] = [[name, *(float(one[place]) for one in measures.values())] for place, name in enumerate(names)]
    alt = f"{title}: most for {names[0]}, least for {names[-1]}."
    return Picture(figure, alt, Table(["number", *measures], rows, title))


def _dots(x: Sequence[float]) -> str:
    """A line of few points shows them; one of a single point would not be seen at all."""
    return "o" if len(x) < FEW_POINTS else ""


def _thousands(value: float, _: Any) -> str:
    return f"{value / 1e6:g}M" if abs(value) >= 1e6 else f"{value / 1e3:g}k" if abs(value) >= 1e3 else f"{value:g}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
