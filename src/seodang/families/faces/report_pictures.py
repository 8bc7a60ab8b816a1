"""Pictures of the report that no other family has: both stages as a chain, and the map of embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import ConnectionPatch
from numpy.typing import NDArray

from seodang.draw.panels import smaller
from seodang.draw.style import (
    BLUE,
    INK,
    LINE,
    MUTED,
    PALETTE,
    SMALL_SIZE,
    Picture,
    colour_of,
    font,
    new_figure,
    plain,
    style_axes,
    title_above,
    write_legend,
)
from seodang.draw.table import Table
from seodang.families.faces.engine.boxes import Floats

Labels = NDArray[np.int64]

LIKELIEST = 5  # people that are shown with their probabilities
COLOURED = len(PALETTE)  # people with a colour of their own on the map
NAME_COLUMNS = 26


def chain(photo: NDArray[np.uint8], chip: NDArray[np.uint8], probabilities: Floats, people: Sequence[str]) -> Picture:
    """Photo with boxes, the face as it is cut out, who it may be: from left to right, with arrows.

    Args:
        photo: (height, width, 3), with what was found.
        chip: (side, side, 3).
        probabilities: (people,).
        people: Names.
    """
    order = np.argsort(-probabilities, kind="stable")[:LIKELIEST]
    figure = new_figure(9.0, 3.4)
    panes = figure.subplots(1, 3, width_ratios=[1.5, 0.9, 1.2])
    titles = ("1. where is a face?", "the face, upright", "2. whose is it?")
    for axes, image, words in zip(panes, (photo, chip), titles, strict=False):
        axes.imshow(smaller(image), interpolation="nearest")
        axes.set_axis_off()
        axes.set_title(plain(words), fontproperties=font(), color=INK, pad=6)
    _draw_chances(panes[2], probabilities[order], [people[number] for number in order])
    panes[2].set_title(plain(titles[2]), fontproperties=font(), color=INK, pad=6)
    _arrow(panes[0], panes[1])
    _arrow(panes[1], panes[2])
    title_above(figure, "One test photo through both stages")
    likeliest = people[int(order[0])]
    alt = f"A photo with a box around each face, the face cut out and set upright, and the probabilities: {likeliest} first."
    rows = [[people[number], float(probabilities[number])] for number in order]
    return Picture(figure, alt, Table(["person", "probability"], rows))


def _draw_chances(axes: Axes, chances: Floats, names: Sequence[str]) -> None:
    """A bar for each name, the name and its chance above it."""
    places = np.arange(len(names))
    style_axes(axes, grid="none")
    axes.barh(places, np.ones(len(names)), height=0.3, color=LINE)
    axes.barh(places, chances, height=0.3, color=BLUE)
    axes.set(xlim=(-0.12, 1.02), ylim=(len(names) - 0.6, -0.8), xticks=[], yticks=[])
    for place, name, chance in zip(places, names, chances, strict=True):
        axes.text(0, place - 0.22, plain(name, NAME_COLUMNS), va="bottom", fontproperties=font(SMALL_SIZE), color=INK)
        axes.text(1, place - 0.22, f"{chance:.1%}", va="bottom", ha="right", fontproperties=font(SMALL_SIZE), color=INK)


def _arrow(left: Axes, right: Axes) -> None:
    """From one pane to the next."""
    arrow = ConnectionPatch((1.02, 0.5), (-0.02, 0.5), "axes fraction", "axes fraction", axesA=left, axesB=right,
                            arrowstyle="-|>", mutation_scale=14, color=MUTED, linewidth=1.5)  # fmt: skip
    arrow.set_in_layout(False)
    left.figure.add_artist(arrow)


def embedding_map(learned: Floats, learned_labels: Labels, tested: Floats, labels: Labels, people: Sequence[str]) -> Picture:
    """All embeddings in the plane in which they differ most: dots are faces learned from, rings are test faces.

    Principal components (Hotelling 1933) of the embeddings that were learned from.

    Args:
        learned: (faces, dimensions).
        learned_labels: (faces,), numbers of people.
        tested: (test faces, dimensions).
        labels: (test faces,).
        people: Names; those with the most faces get a colour.
    """
    middle = learned.mean(0)
    _, sizes, axes_of = np.linalg.svd(learned - middle, full_matrices=False)
    plane = axes_of[:2].T
    share = float((sizes[:2] ** 2).sum() / max(float((sizes**2).sum()), 1e-12))
    counts = np.bincount(learned_labels, minlength=len(people))
    coloured = np.argsort(-counts, kind="stable")[:COLOURED]
    figure = new_figure(7.6, 6.2)
    axes = figure.subplots()
    style_axes(axes, x_label="first principal component", y_label="second", grid="both")
    points, rings = (learned - middle) @ plane, (tested - middle) @ plane
    others, other_rings = ~np.isin(learned_labels, coloured), ~np.isin(labels, coloured)
    if others.any():
        _dots(axes, points[others], s=7, color="#C5CCD4", linewidths=0, label="all others")
        _dots(axes, rings[other_rings], s=26, facecolors="none", edgecolors="#9AA4B0", linewidths=0.8)
    for position, number in enumerate(coloured):
        colour = colour_of(position)
        name = plain(people[number], NAME_COLUMNS)
        _dots(axes, points[learned_labels == number], s=11, color=colour, linewidths=0, label=name)
        _dots(axes, rings[labels == number], s=38, facecolors="none", edgecolors=colour, linewidths=1.3)
    axes.set_aspect("equal", adjustable="datalim")
    write_legend(axes, columns=4)
    title_above(figure, "Embeddings in two dimensions")
    alt = f"{len(learned):,} embeddings of {len(people):,} people in the plane of their first two principal components, "
    return Picture(figure, alt + f"which holds {share:.0%} of their variance.")


def _dots(axes: Axes, places: Floats, **how: Any) -> None:
    """A dot at each place, (places, 2)."""
    axes.scatter(places[:, 0], places[:, 1], **how)
