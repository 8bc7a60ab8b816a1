"""Pictures of scores: how they are distributed, the DET curve, and who is like whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.ticker import FuncFormatter, NullFormatter, PercentFormatter
from numpy.typing import NDArray
from scipy.special import ndtri

from seodang.draw.style import (
    BLUE,
    INK,
    MUTED,
    SMALL_SIZE,
    VERMILLION,
    Picture,
    font,
    new_figure,
    plain,
    style_axes,
    title_above,
    width_in_columns,
    write_legend,
)
from seodang.draw.table import Cell, Table
from seodang.families.faces.scores.measures import Curve, Floats

SCORE_BINS = 80
MARK_ROOM = 0.25  # of the width of the scores, beside the outermost thresholds
NARROWEST_SCALE = 0.1  # of a scale of colours; closer scores are of one shade
DET_TICKS = (1e-5, 1e-4, 1e-3, 0.01, 0.05, 0.2, 0.4)
WRITTEN_PEOPLE = 12  # up to here every cell of the similarity matrix is written
LONGEST_NAME = 26  # columns of a name beside a picture
_BLUES = LinearSegmentedColormap.from_list("similarity-blues", ["#FFFFFF", "#CFE3F1", "#6FADD6", BLUE, "#003F66"])


def score_histograms(genuine: NDArray[np.float32], impostor: NDArray[np.float32], thresholds: Mapping[str, float]) -> Picture:
    """Scores of one person and of two people, each as shares of their own kind, and named thresholds.

    Args:
        genuine: (pairs,), perhaps none.
        impostor: (pairs,), perhaps none.
        thresholds: Name -> score.
    """
    kinds = {"one person": (genuine, BLUE), "two people": (impostor, VERMILLION)}
    places = np.concatenate([genuine, impostor, np.array(list(thresholds.values()), np.float32)])
    low, high = float(places.min()), float(places.max()) + 1e-3
    if thresholds:  # room for their names
        room = MARK_ROOM * (high - low)
        low, high = min(low, min(thresholds.values()) - room), max(high, max(thresholds.values()) + room)
    edges = np.linspace(low, high, SCORE_BINS + 1)
    figure = new_figure(7.6, 4.2)
    axes = figure.subplots()
    style_axes(axes, x_label="score", y_label="share of the pairs of its kind")
    counted = {}
    for name, (scores, colour) in kinds.items():
        if len(scores):
            counted[name] = np.histogram(scores, edges)[0]
            shares = counted[name] / len(scores)
            axes.stairs(shares, edges, fill=True, color=colour, alpha=0.3, linewidth=0)
            axes.stairs(shares, edges, color=colour, linewidth=1.4, label=f"{name}, {len(scores):,} pairs")
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    _mark(axes, thresholds)
    write_legend(axes, columns=2)
    title_above(figure, "Scores")
    rows: list[list[Cell]] = [
        [f"{low:.3f} to {high:.3f}", *(int(counts[place]) for counts in counted.values())]
        for place, (low, high) in enumerate(pairwise(edges))
    ]
    marks = ", ".join(f"{name} {score:.3f}" for name, score in thresholds.items())
    alt = f"Scores of {len(genuine):,} pairs of one person and {len(impostor):,} pairs of two people; thresholds: {marks}."
    return Picture(figure, alt, Table(["score", *counted], rows, "Pairs by score"))


def curve_picture(curve: Curve, title: str, x_label: str, y_label: str, *, log_x: bool = False) -> Picture:
    """A share that rises with x, and its band.

    Args:
        curve: Shares, from 0 to 1.
        title: What is shown.
        x_label: What x is; whole numbers, or rates on a logarithmic axis.
        y_label: What the share is of.
        log_x: Whether x are rates.
    """
    figure = new_figure(7.6, 4.2)
    axes = figure.subplots()
    style_axes(axes, x_label=x_label, y_label=y_label, grid="both" if log_x else "y")
    banded = bool(np.isfinite(curve.lower).all())
    axes.plot(curve.x, curve.y, color=BLUE, linewidth=1.8, marker="" if log_x else "o", markersize=4, label="these faces")
    if banded:
        axes.fill_between(curve.x, curve.lower, curve.upper, color=BLUE, alpha=0.15, linewidth=0, label="95 % interval")
    least = float(min(curve.y.min(), curve.lower.min() if banded else 1.0))
    room = max(1 - least, 0.02)
    axes.set_ylim(max(0.0, 1 - 1.06 * room), 1 + 0.03 * room)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    if log_x:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda rate, _: f"{100 * rate:g}%"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        step = 1 if len(curve.x) <= 10 else 5
        axes.set_xticks([place for place in curve.x if place in (curve.x[0], curve.x[-1]) or place % step == 0])
    write_legend(axes, columns=2)
    title_above(figure, title)
    rows = [[float(each) for each in row] for row in zip(curve.x, curve.y, curve.lower, curve.upper, strict=True)]
    alt = f"{title}: {y_label}, from {curve.y[0]:.1%} at {x_label} {curve.x[0]:g} to {curve.y[-1]:.1%} at {curve.x[-1]:g}."
    return Picture(figure, alt, Table([x_label, y_label, "lower", "upper"], rows, "Values drawn"))


def det_picture(det: Curve, equal_error: float) -> Picture:
    """False non-matches over false matches with their band, on normal-deviate axes.

    Args:
        det: As `det_curve` gives it.
        equal_error: The rate at which both are equal, marked.
    """
    figure = new_figure(6.2, 5.4)
    axes = figure.subplots()
    style_axes(axes, x_label="false match rate", y_label="false non-match rate", grid="both")
    drawn = (det.x > 0) & (det.x < DET_TICKS[-1]) & (det.y > 0)
    low = min([float(det.y[drawn].min(initial=0.01)), float(det.x[drawn].min(initial=0.01)), 0.01])
    floor = max(tick for tick in DET_TICKS if tick <= max(low, DET_TICKS[0]))
    top = DET_TICKS[-1]
    places = ndtri(det.x[drawn])
    axes.plot(places, ndtri(det.y[drawn]), color=BLUE, linewidth=1.8, label="these faces")
    if np.isfinite(det.lower).all():
        lower, upper = (ndtri(np.clip(bound[drawn], floor / 10, top)) for bound in (det.lower, det.upper))
        axes.fill_between(places, lower, upper, color=BLUE, alpha=0.15, linewidth=0)
    ends = ndtri([floor, top])
    axes.plot(ends, ends, color=MUTED, linewidth=1, linestyle=(0, (4, 3)), label="equal rates")
    if floor < equal_error < top:
        place = ndtri(equal_error)
        axes.plot([place], [place], color=VERMILLION, marker="o", markersize=6, linewidth=0)
        words = f"equal error {equal_error:.2%}"
        axes.annotate(
            words, (place, place), xytext=(10, 3), textcoords="offset points", fontproperties=font(), color=VERMILLION,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.8},
        )  # fmt: skip
    ticks = [tick for tick in DET_TICKS if tick >= floor]
    names = [f"{100 * tick:g} %" for tick in ticks]
    axes.set_xticks(ndtri(ticks), names)
    axes.set_yticks(ndtri(ticks), names)
    axes.set(xlim=ends, ylim=ends)
    write_legend(axes, columns=2)
    title_above(figure, "DET curve")
    rows = [[float(each) for each in row] for row in zip(det.x, det.y, det.lower, det.upper, strict=True)]
    headers = ["false match rate", "false non-match rate", "lower", "upper"]
    return Picture(figure, f"False non-match rate over false match rate; both are {equal_error:.2%} where they meet.",
                   Table(headers, rows, "Values drawn"))  # fmt: skip


def similarity_picture(similarity: Floats, names: Sequence[str], threshold: float, title: str) -> Picture:
    """How alike people are, as a matrix; pairs of people that would often be taken for each other are framed.

    Args:
        similarity: (people, people), the mean best score; nan where there is none.
        names: Of the people.
        threshold: From this mean best score on, a pair of two people is framed.
        title: What is shown.
    """
    size = len(names)
    cell = float(np.interp(size, [2, 6, 12, 13, 50], [0.95, 0.7, 0.52, 0.3, 0.19]))
    shown = [plain(name, LONGEST_NAME) for name in names]
    margin = 0.9 + 0.075 * max(map(width_in_columns, shown))
    figure = new_figure(max(cell * size + margin + 0.9, 5.0), cell * size + margin)
    axes = figure.subplots()
    style_axes(axes, grid="none")
    known = similarity[np.isfinite(similarity)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    axes.set_facecolor("#E9ECEF")
    high = max(high, low + NARROWEST_SCALE)
    image = axes.imshow(similarity, cmap=_BLUES, vmin=low, vmax=high, interpolation="nearest")
    axes.set_xticks(range(size), shown, rotation=90)
    axes.set_yticks(range(size), shown)
    bar = figure.colorbar(image, ax=axes, shrink=min(1.0, 2.4 / (cell * size)), pad=0.02)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, labelsize=SMALL_SIZE, colors=MUTED)
    if size <= WRITTEN_PEOPLE:
        _write_cells(axes, similarity, (low + high) / 2)
    framed = np.argwhere((similarity >= threshold) & ~np.eye(size, dtype=bool))
    for row, column in framed:
        axes.plot(
            column + np.array([-0.5, 0.5, 0.5, -0.5, -0.5]),
            row + np.array([-0.5, -0.5, 0.5, 0.5, -0.5]),
            color=VERMILLION, linewidth=1.4, clip_on=False,
        )  # fmt: skip
    title_above(figure, title)
    rows: list[list[Cell]] = [
        [name, *(float(score) for score in row)] for name, row in zip(map(str, names), similarity, strict=True)
    ]
    alt = f"{title}: mean best score of {size} people with each other, {len(framed) // 2} pairs of people framed."
    return Picture(figure, alt, Table(["", *map(str, names)], rows, title))


def _mark(axes: Axes, thresholds: Mapping[str, float]) -> None:
    """Dashed lines at thresholds; the name of the lowest to its left, others to the right, so that none crosses a line."""
    axes.set_ylim(0, axes.get_ylim()[1] * (1.08 + 0.07 * len(thresholds)))
    for position, (name, score) in enumerate(sorted(thresholds.items(), key=lambda item: item[1])):
        axes.axvline(score, color=INK, linewidth=1.1, linestyle=(0, (4, 2)))
        left = position == 0
        axes.annotate(
            plain(f"{name}: {score:.3f}"), (score, 1), xycoords=("data", "axes fraction"),
            xytext=(-5 if left else 5, -4 - 14 * position), textcoords="offset points", va="top",
            ha="right" if left else "left", fontproperties=font(), color=INK,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.8},
        )  # fmt: skip


def _write_cells(axes: Axes, similarity: Floats, dark: float) -> None:
    for row, column in np.argwhere(np.isfinite(similarity)):
        score = float(similarity[row, column])
        colour = "white" if score > dark else INK
        axes.text(
            column,
            row,
            f"{score:.2f}",
            ha="center",
            va="center",
            color=colour,
            fontproperties=font(SMALL_SIZE),
            in_layout=False,
        )
