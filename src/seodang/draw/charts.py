"""Charts of training and evaluation: curves, histogram, confusion matrix, reliability diagram, bars with intervals.

Every function takes plain numbers, knows no file format, and returns a `Picture` with the table of what it shows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter
from numpy.typing import ArrayLike, NDArray

from seodang.core.errors import DataError, ShapeError
from seodang.draw.confusion import confusion_matrix
from seodang.draw.style import (
    BLUE,
    INK,
    MUTED,
    SMALL_SIZE,
    VERMILLION,
    Picture,
    colour_of,
    dash_of,
    font,
    new_figure,
    plain,
    style_axes,
    title_above,
    write_legend,
)
from seodang.draw.table import Cell, Table

__all__ = ["Series", "bars", "confusion_matrix", "histogram", "lines", "reliability_diagram", "training_curves"]

Series = Mapping[str, tuple[Sequence[float], Sequence[float]]]
"""Name of a line -> its x and its y values."""

_DENSE_LINE = 60  # points from which a line is drawn without dots


def training_curves(
    losses: Series,
    measures: Series,
    *,
    title: str = "Training",
    x_label: str = "epoch",
    loss_label: str = "loss",
    measure_label: str = "validation",
    best: float | None = None,
) -> Picture:
    """Losses above, measures on validation data below, over the same epochs or steps.

    Args:
        losses: Name -> (x, loss).
        measures: Name -> (x, value); left out when empty.
        title: What was trained.
        x_label: The unit of x.
        loss_label: The unit of the losses.
        measure_label: What the measures are.
        best: The x of the checkpoint that was kept, marked by a line.
    """
    both = [(losses, loss_label), (measures, measure_label)]
    panels = [(series, label) for series, label in both if series]
    if not panels:
        raise DataError("Training curves need at least one line, got none.")
    figure = new_figure(7.6, 2.1 + 1.9 * len(panels))
    panes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    position = 0
    for number, (axes, (series, label)) in enumerate(zip(panes, panels, strict=True)):
        last = number == len(panels) - 1
        style_axes(axes, x_label=x_label if last else "", y_label=label)
        _draw_lines(axes, series, first_colour=position)
        if best is not None:
            kept = "" if number else f"kept: {x_label} {best:g}"
            axes.axvline(best, color=MUTED, linewidth=1, linestyle=(0, (3, 3)), zorder=1, label=kept)
        write_legend(axes, columns=4)
        position += len(series)
    title_above(figure, title)
    table = _series_table({**losses, **measures}, x_label)
    return Picture(figure, f"{title}: {_names(losses)} and {_names(measures)} over {x_label}s.", table)


def lines(
    series: Series,
    *,
    title: str,
    x_label: str,
    y_label: str,
    bands: Mapping[str, tuple[Sequence[float], Sequence[float]]] | None = None,
    log_x: bool = False,
    log_y: bool = False,
) -> Picture:
    """Lines to compare, each with an optional band around it.

    Args:
        series: Name -> (x, y).
        title: What is compared.
        x_label: The unit of x.
        y_label: The unit of y.
        bands: Name -> (lower, upper), as long as the line of that name.
        log_x: Draw x on a logarithmic axis.
        log_y: Draw y on a logarithmic axis.
    """
    if not series:
        raise DataError(f"{title}: at least one line expected, got none.")
    figure = new_figure(7.6, 4.2)
    axes = figure.subplots()
    style_axes(axes, x_label=x_label, y_label=y_label)
    _draw_lines(axes, series)
    for position, name in enumerate(series):
        if bands and name in bands:
            lower, upper = bands[name]
            axes.fill_between(series[name][0], lower, upper, color=colour_of(position), alpha=0.15, linewidth=0)
    if log_x:
        axes.set_xscale("log")
    if log_y:
        axes.set_yscale("log")
    write_legend(axes, columns=4)
    title_above(figure, title)
    return Picture(figure, f"{title}: {y_label} over {x_label} for {_names(series)}.", _series_table(series, x_label))


def histogram(
    values: ArrayLike,
    *,
    title: str,
    x_label: str,
    y_label: str = "count",
    bins: int = 40,
    markers: Mapping[str, float] | None = None,
) -> Picture:
    """How often each value occurs, with named lines where something changes, for instance where texts are cut.

    Whole numbers get bins of whole width. The uppermost half per cent of a long tail shares the last bin, and the axis says so.

    Args:
        values: The numbers, of any shape.
        title: What they are.
        x_label: Their unit.
        y_label: What is counted.
        bins: The number of bins at most.
        markers: Name of a line -> its place.
    """
    data = np.asarray(values, dtype=np.float64).ravel()
    if data.size == 0 or not np.isfinite(data).all():
        raise DataError(f"{title}: finite numbers expected, got {'none' if data.size == 0 else 'NaN or infinity'}.")
    edges, tail = _bin_edges(data, bins, list((markers or {}).values()))
    counts, _ = np.histogram(np.minimum(data, edges[-1]), edges)
    figure = new_figure(7.6, 3.8)
    axes = figure.subplots()
    title_above(figure, title)
    style_axes(axes, x_label=x_label, y_label=y_label)
    axes.bar(edges[:-1], counts, width=np.diff(edges), align="edge", color=BLUE, edgecolor="white", linewidth=0.8)
    room = 0.0 if len(edges) > 3 else edges[1] - edges[0]
    axes.set_xlim(edges[0] - room, edges[-1] + room)
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    if tail:
        axes.set_xlabel(plain(f"{x_label} (the last bar holds all {tail:,} above {edges[-2]:,g}, up to {data.max():,g})"))
    _draw_markers(axes, markers or {}, top=float(counts.max()))
    rows: list[list[Cell]] = [
        [f"{low:,g} to {high:,g}", int(count)] for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
    ]
    if tail:
        rows[-1][0] = f"{edges[-2]:,g} to {data.max():,g}"
    alt = f"{title}: histogram of {data.size:,} values from {data.min():,g} to {data.max():,g}, median {np.median(data):,g}."
    return Picture(figure, alt, Table([x_label, y_label], rows, title))


def reliability_diagram(
    confidences: ArrayLike, accuracies: ArrayLike, counts: ArrayLike, *, title: str = "Reliability"
) -> Picture:
    """Whether a stated confidence comes true: share right over mean confidence, bin by bin, and how many fell in each.

    The expected calibration error is that of Naeini, Cooper & Hauskrecht, AAAI 2015: the gaps weighted by the counts.

    Args:
        confidences: Mean confidence of each bin, (bins,), from 0 to 1; anything where the count is 0.
        accuracies: Share right in each bin, (bins,), from 0 to 1; anything where the count is 0.
        counts: Examples in each bin, (bins,).
        title: What was predicted.
    """
    stated, right, number = (np.asarray(each, dtype=np.float64).ravel() for each in (confidences, accuracies, counts))
    if not stated.shape == right.shape == number.shape:
        raise ShapeError(f"{title}: three equally long rows expected, got {stated.size}, {right.size} and {number.size}.")
    if number.sum() <= 0:
        raise DataError(f"{title}: at least one example expected, got none.")
    filled = number > 0
    stated, right, number = stated[filled], right[filled], number[filled]
    error = float((number * np.abs(stated - right)).sum() / number.sum())
    figure = new_figure(5.4, 6.2)
    upper, lower = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": [3.2, 1]})
    title_above(figure, title)
    style_axes(upper, y_label="share right", grid="both")
    upper.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)), label="as stated")
    upper.vlines(stated, stated, right, color=VERMILLION, linewidth=2.2, alpha=0.55, label="gap")
    upper.plot(stated, right, color=BLUE, marker="o", markersize=5.5, linewidth=1.8, label="this model")
    upper.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    upper.text(0.98, 0.05, f"calibration error {error:.3f}", fontproperties=font(11), color=INK, ha="right")
    upper.legend(loc="upper left", frameon=False, prop=font())
    style_axes(lower, x_label="stated confidence", y_label="examples")
    lower.bar(stated, number, width=0.7 / max(len(stated), 10), color=BLUE)
    for axes in (upper, lower):
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    upper.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    lower.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    lower.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    rows = [[float(a), float(b), int(c)] for a, b, c in zip(stated, right, number, strict=True)]
    alt = f"{title}: share right over stated confidence in {len(rows)} bins, expected calibration error {error:.3f}."
    return Picture(figure, alt, Table(["mean confidence", "share right", "examples"], rows, title))


def bars(
    values: Mapping[str, float],
    *,
    title: str,
    value_label: str,
    intervals: Mapping[str, tuple[float, float]] | None = None,
    counts: Mapping[str, int] | None = None,
    reference: tuple[str, float] | None = None,
) -> Picture:
    """One bar a name, top to bottom in the order given, with its interval and its value.

    Args:
        values: Name -> value; NaN is drawn as no bar.
        title: What is compared.
        value_label: The unit of the values.
        intervals: Name -> (lower, upper), for instance a 95 % interval.
        counts: Name -> number of examples behind the value.
        reference: Name and value of a line to compare with, for instance the whole test set.
    """
    if not values:
        raise DataError(f"{title}: at least one bar expected, got none.")
    names = list(values)
    lengths = np.array([values[name] for name in names], dtype=np.float64)
    figure = new_figure(7.6, 1.5 + 0.34 * len(names))
    axes = figure.subplots()
    title_above(figure, title)
    style_axes(axes, x_label=value_label, grid="x")
    places = np.arange(len(names))
    axes.barh(places, np.nan_to_num(lengths), height=0.62, color="#8FBFDF" if intervals else BLUE)
    ends = _draw_intervals(axes, names, lengths, intervals or {})
    for place, value, end in zip(places, lengths, ends, strict=True):
        words = "–" if math.isnan(value) else f"{value:.4g}"
        axes.annotate(
            words,
            (end, place),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontproperties=font(SMALL_SIZE),
            color=INK,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )
    if reference is not None:
        axes.axvline(reference[1], color=VERMILLION, linewidth=1.2, linestyle=(0, (4, 3)))
        axes.annotate(
            plain(f"{reference[0]} {reference[1]:.4g}"),
            (reference[1], len(names) - 0.45),
            xytext=(-4, 0),
            textcoords="offset points",
            ha="right",
            va="top",
            fontproperties=font(SMALL_SIZE),
            color=VERMILLION,
        )
    axes.set_yticks(places, [_with_count(name, counts) for name in names])
    axes.set_ylim(len(names) - (0.1 if reference else 0.5), -0.6)
    axes.margins(x=0.12)
    axes.spines["left"].set_position(("data", 0.0))
    alt = f"{title}: {value_label} of {len(names)} groups, from {np.nanmin(lengths):.4g} to {np.nanmax(lengths):.4g}."
    return Picture(figure, alt, _bar_table(values, intervals, counts, title, value_label))


def _draw_lines(axes: Axes, series: Series, first_colour: int = 0) -> None:
    for position, (name, (x, y)) in enumerate(series.items(), start=first_colour):
        if len(x) != len(y):
            raise ShapeError(f"Line {name!r}: as many x as y values expected, got {len(x)} and {len(y)}.")
        dots = "o" if len(x) < _DENSE_LINE else ""
        if all(float(place).is_integer() for place in x):
            axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
        axes.plot(
            x,
            y,
            color=colour_of(position),
            linestyle=dash_of(position),
            linewidth=1.8,
            marker=dots,
            markersize=4,
            label=plain(name, 40),
        )


def _names(series: Series) -> str:
    return ", ".join(series) or "no measures"


def _series_table(series: Series, x_label: str, most_rows: int = 200) -> Table:
    """Values of all lines side by side, one row an x; a long line is thinned to its every k-th value."""
    columns = [dict(zip(map(float, x), map(float, y), strict=True)) for x, y in series.values()]
    places = sorted({place for column in columns for place in column})
    step = max(1, math.ceil(len(places) / most_rows))
    sparse = {place for column in columns if len(column) * 4 < len(places) for place in column}
    kept = [place for number, place in enumerate(places) if number % step == 0 or place in sparse or number == len(places) - 1]
    rows = [[place, *(column.get(place) for column in columns)] for place in kept]
    note = f"; every {step}th point" if step > 1 else ""
    return Table([x_label, *series], rows, f"Values drawn{note}")


def _bin_edges(data: NDArray[np.float64], bins: int, marks: list[float]) -> tuple[NDArray[np.float64], int]:
    """Edges of equal bins, and how many values lie beyond the last regular one and share its bar."""
    low, high = float(data.min()), float(data.max())
    stop = max([float(np.quantile(data, 0.995)), *marks, low])
    if high - low < 1.5 * (stop - low) or stop == low:
        stop = max([high, *marks])
    if bool((data == np.round(data)).all()):
        width = max(1.0, math.ceil((stop - low + 1) / bins))
        edges = np.arange(low, stop + width + 0.5, width)
    else:
        edges = np.linspace(low, stop if stop > low else low + 1.0, bins + 1)
    tail = int((data > edges[-1]).sum())
    if tail:
        edges = np.append(edges, 2 * edges[-1] - edges[-2])
        tail = int((data >= edges[-2]).sum())
    return edges, tail


def _draw_markers(axes: Axes, markers: Mapping[str, float], top: float) -> None:
    """Vertical lines with their names beside them, one line of text lower each, on the side where there is room."""
    low, high = axes.get_xlim()
    axes.set_ylim(0, top * (1.1 + 0.09 * len(markers)))
    for position, (name, place) in enumerate(sorted(markers.items(), key=lambda item: item[1])):
        axes.axvline(place, color=VERMILLION, linewidth=1.4, linestyle=(0, (4, 2)))
        left = place > (low + high) / 2
        axes.annotate(
            plain(f"{name}: {place:,g}"),
            (place, 1),
            xycoords=("data", "axes fraction"),
            xytext=(-6 if left else 6, -4 - 14 * position),
            textcoords="offset points",
            ha="right" if left else "left",
            va="top",
            fontproperties=font(),
            color=VERMILLION,
        )


def _draw_intervals(
    axes: Axes, names: list[str], lengths: NDArray[np.float64], intervals: Mapping[str, tuple[float, float]]
) -> list[float]:
    """Whiskers with a dot at the value; returns where each bar with its whisker ends."""
    ends = [max(0.0, 0.0 if math.isnan(value) else float(value)) for value in lengths]
    for place, name in enumerate(names):
        if name in intervals:
            low, high = intervals[name]
            axes.hlines(place, low, high, color=INK, linewidth=1.3)
            axes.vlines([low, high], place - 0.14, place + 0.14, color=INK, linewidth=1.3)
            ends[place] = max(ends[place], high)
    return ends


def _with_count(name: str, counts: Mapping[str, int] | None) -> str:
    if not counts or name not in counts:
        return plain(name, 34)
    return f"{plain(name, 34)}  ({counts[name]:,})"


def _bar_table(
    values: Mapping[str, float],
    intervals: Mapping[str, tuple[float, float]] | None,
    counts: Mapping[str, int] | None,
    title: str,
    value_label: str,
) -> Table:
    headers = ["", value_label, *(["lower", "upper"] if intervals else []), *(["examples"] if counts else [])]
    rows: list[list[Cell]] = []
    for name, value in values.items():
        low, high = (intervals or {}).get(name, (None, None))
        rows.append([name, value, *([low, high] if intervals else []), *([counts.get(name)] if counts else [])])
    return Table(headers, rows, title)
