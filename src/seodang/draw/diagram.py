"""The picture of a network: every layer a box, arrows from input to output, skips drawn as skips.

Two layouts share one look. A network whose resolution falls and rises again with skips between (a U-Net) is laid out as a
U: one row a resolution, down at the left, up at the right, skips straight across. Any other network runs from top to bottom
in ranks, side branches beside the main path, and goes on in a new column where it gets too long.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle
from matplotlib.path import Path

from seodang.draw.graph import SMALL_KINDS, Kind, Layer, Network
from seodang.draw.layout import Place, Route, arms_of_u, arrange_in_ranks, arrange_in_u
from seodang.draw.style import BLUE, INK, LINE, MUTED, PAPER, TITLE_SIZE, Picture, font, plain

_COLOURS: dict[Kind, str] = {
    "input": "#5B6470",
    "embedding": "#CC79A7",
    "dense": "#0072B2",
    "convolution": "#E69F00",
    "recurrent": "#009E73",
    "attention": "#7A4FA3",
    "normalisation": "#B8C0CA",
    "activation": "#B8C0CA",
    "dropout": "#B8C0CA",
    "pooling": "#D55E00",
    "resampling": "#56B4E9",
    "reshape": "#B8C0CA",
    "join": "#1B1F24",
    "other": "#8A7A5C",
}
_LABEL_POINTS, _NOTE_POINTS = 9.0, 7.5
_ROW, _SMALL_ROW = 0.40, 0.25  # inches; a row with weights has a second line for their number
_PADDING, _INSET, _MARGIN, _TITLE_ROOM, _OUTPUT_ROOM = 0.10, 0.04, 0.25, 0.85, 0.6
_MANY_BOXES = 14  # from here on small layers share the box of the layer that they follow
_LONGEST_LABEL = 46  # columns


@dataclass
class Card:
    """One box of the picture: a layer, or a run of layers one above the other."""

    members: list[int]
    inputs: set[int] = field(default_factory=set)  # positions of cards


def network_picture(network: Network, title: str = "The network") -> Picture:
    """The network as boxes and arrows, each box with its output shape and number of weights.

    Args:
        network: As `trace` returns it.
        title: Above the picture.
    """
    u_shaped = _is_u(network)
    cards = _cards(network, by_resolution=u_shaped)
    reads = [sorted(card.inputs) for card in cards]
    widths, heights = _measure(network, cards)
    upward: set[int] = set()
    if u_shaped:
        levels = _levels(network, cards)
        upward = {position for position, arm in enumerate(arms_of_u(levels)) if arm == "right"}
        places, routes = arrange_in_u(reads, levels, widths, heights, _landings(network, cards, upward))
    else:
        places, routes = arrange_in_ranks(reads, [max(widths)] * len(cards), heights)
    figure, axes = _canvas(places, routes, title, f"{network.parameters:,} parameters")
    for route in routes:
        _draw_route(axes, route)
    for position, (card, place) in enumerate(zip(cards, places, strict=True)):
        _draw_card(axes, network, card, place, upward=position in upward, crowded=_is_crowded(place, places))
    return Picture(figure, f"{title}. {network.summary()}", network.table())


def _is_crowded(place: Place, places: Sequence[Place]) -> bool:
    """Whether another box stands where the word for an output would."""
    end = place.x + place.width
    return any(
        end < other.x + other.width and other.x < end + _OUTPUT_ROOM and other.y < place.bottom and place.y < other.bottom
        for other in places
    )


def _is_u(network: Network) -> bool:
    """Whether the resolution falls, rises again, and some join reaches back across the bottom at equal resolution."""
    areas = [_resolution(layer) for layer in network.layers]
    known = [area for area in areas if area is not None]
    if len(known) < 3 or min(known) == known[0]:
        return False
    bottom = areas.index(min(known))
    return any(
        source < bottom < position and areas[source] == areas[position]
        for position, layer in enumerate(network.layers)
        if len(layer.inputs) > 1 and areas[position] is not None
        for source in layer.inputs
    )


def _resolution(layer: Layer) -> int | None:
    """Pixels of a layer's output (steps of a sequence), or None where it has no such axes."""
    if len(layer.shape) < 2:
        return None
    area = 1
    for size in layer.shape[1:]:
        area *= size
    return area


def _cards(network: Network, by_resolution: bool) -> list[Card]:
    """Layers grouped into boxes.

    In a U, a run of layers at one resolution is one box. Elsewhere every layer has its own, unless there are many: then
    a normalisation, activation or dropout shares the box of the layer before it.
    """
    readers = network.consumers()
    fold = by_resolution or len(network.layers) > _MANY_BOXES
    cards: list[Card] = []
    home: dict[int, int] = {}
    for position, layer in enumerate(network.layers):
        host = _host(network, position, readers, by_resolution) if fold else None
        if host is not None and cards[home[host]].members[-1] == host:
            card = home[host]
            cards[card].members.append(position)
        else:
            card = len(cards)
            cards.append(Card([position]))
        home[position] = card
        cards[card].inputs |= {home[source] for source in layer.inputs if home[source] != card}
    return cards


def _host(network: Network, position: int, readers: list[list[int]], by_resolution: bool) -> int | None:
    """The layer whose box this one may join, or None."""
    layer = network.layers[position]
    direct = position - 1
    if direct not in layer.inputs or readers[direct] != [position] or network.layers[direct].kind == "input":
        return None
    if by_resolution:
        return direct if _resolution(network.layers[direct]) == _resolution(layer) else None
    return direct if layer.kind in SMALL_KINDS and len(layer.inputs) == 1 else None


def _levels(network: Network, cards: list[Card]) -> list[int]:
    """The row of every card: 0 for the finest resolution; a card without resolution stands with what it reads."""
    resolutions = [_resolution(network.layers[card.members[-1]]) for card in cards]
    ladder = sorted({each for each in resolutions if each is not None}, reverse=True)
    levels: list[int] = []
    for card, each in zip(cards, resolutions, strict=True):
        beside = levels[max(card.inputs)] if card.inputs else 0
        levels.append(beside if each is None else ladder.index(each))
    return levels


def _landings(network: Network, cards: list[Card], upward: set[int]) -> dict[tuple[int, int], float]:
    """How far below the top of a box each of its arrows should arrive: at the row of the layer that reads it."""
    home = {member: position for position, card in enumerate(cards) for member in card.members}
    landings = {}
    for position, card in enumerate(cards):
        for member, (top, height) in _rows(network, card, position in upward).items():
            for source in network.layers[member].inputs:
                landings[home[source], position] = top + height / 2
    return landings


def _rows(network: Network, card: Card, upward: bool) -> dict[int, tuple[float, float]]:
    """Layer -> top and height of its row within the card; on the rising arm the first layer stands lowest."""
    rows, top = {}, _INSET
    for member in card.members[::-1] if upward else card.members:
        height = _row_height(network.layers[member])
        rows[member] = (top, height)
        top += height
    return rows


def _measure(network: Network, cards: list[Card]) -> tuple[list[float], list[float]]:
    """Width and height of every card in inches, from the words in it."""
    renderer = FigureCanvasAgg(Figure(dpi=72)).get_renderer()  # type: ignore[no-untyped-call]

    def inches(text: str, points: float) -> float:
        width, _, _ = renderer.get_text_width_height_descent(text.replace(r"\$", "$"), font(points), ismath=False)
        return float(width) / 72

    widths, heights = [], []
    for card in cards:
        layers = [network.layers[member] for member in card.members]
        words = [
            inches(plain(layer.title, _LONGEST_LABEL), _LABEL_POINTS) + inches(layer.shape_text, _NOTE_POINTS)
            for layer in layers
        ]
        widths.append(max(words) + 0.55)
        heights.append(sum(_row_height(layer) for layer in layers) + 2 * _INSET)
    return widths, heights


def _row_height(layer: Layer) -> float:
    return _ROW if layer.parameters else _SMALL_ROW


def _canvas(places: Sequence[Place], routes: Sequence[Route], title: str, note: str) -> tuple[Figure, Axes]:
    """A figure whose axes are inches from the top left corner, as large as what is drawn, with the title on it."""
    corners = [point for route in routes for point in route.points]
    left = min([place.x for place in places] + [x for x, _ in corners]) - _MARGIN
    right = max([place.x + place.width + _OUTPUT_ROOM for place in places] + [x for x, _ in corners]) + _MARGIN
    width = max(right - left, 3.6)
    bottom = max([place.bottom for place in places] + [y for _, y in corners]) + _MARGIN
    figure = Figure(figsize=(width, bottom + _TITLE_ROOM), facecolor=PAPER, edgecolor="none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set(xlim=(left, left + width), ylim=(bottom, -_TITLE_ROOM))
    start = left + _MARGIN
    words = plain(title, int(width * 9))
    axes.text(start, -_TITLE_ROOM + 0.26, words, fontproperties=font(TITLE_SIZE), color=INK, va="center")
    axes.text(start, -_TITLE_ROOM + 0.50, note, fontproperties=font(_NOTE_POINTS + 0.5), color=MUTED, va="center")
    return figure, axes


def _draw_card(axes: Axes, network: Network, card: Card, place: Place, upward: bool, crowded: bool) -> None:
    axes.add_patch(
        FancyBboxPatch(
            (place.x, place.y),
            place.width,
            place.height,
            boxstyle="round,pad=0,rounding_size=0.06",
            facecolor="#F7F9FB",
            edgecolor="#C3CBD4",
            linewidth=1.0,
            zorder=3,
        )
    )
    for member, (offset, height) in _rows(network, card, upward).items():
        top = place.y + offset
        _draw_row(axes, network.layers[member], place, top, height)
        if member in network.outputs:
            _mark_output(axes, network.layers[member], place, top, height, crowded)
        if offset > _INSET:
            axes.plot([place.x + 0.1, place.x + place.width], [top, top], color=LINE, linewidth=0.7, zorder=4)


def _mark_output(axes: Axes, layer: Layer, place: Place, top: float, height: float, crowded: bool) -> None:
    """The word beside the row; below the box where another one stands beside it."""
    words: dict[str, Any] = {"fontproperties": font(_NOTE_POINTS), "color": INK, "va": "center", "zorder": 6}
    if crowded:
        axes.text(place.x + place.width - _PADDING, place.bottom + 0.11, "↓ output", ha="right", **words)
    else:
        axes.text(place.x + place.width + 0.06, top + _first_line(layer, height), "→ output", **words)


def _first_line(layer: Layer, height: float) -> float:
    """How far below the top of its row a layer's name stands."""
    return 0.14 if layer.parameters else height / 2


def _draw_row(axes: Axes, layer: Layer, place: Place, top: float, height: float) -> None:
    stripe = Rectangle(
        (place.x + 0.035, top + 0.03), 0.055, height - 0.06, facecolor=_COLOURS[layer.kind], linewidth=0, zorder=5
    )
    axes.add_patch(stripe)
    first = top + _first_line(layer, height)
    quiet = layer.kind in SMALL_KINDS
    axes.text(
        place.x + 0.17,
        first,
        plain(layer.title, _LONGEST_LABEL),
        fontproperties=font(_LABEL_POINTS),
        color=MUTED if quiet else INK,
        va="center",
        zorder=6,
    )
    axes.text(
        place.x + place.width - _PADDING,
        first,
        layer.shape_text,
        fontproperties=font(_NOTE_POINTS),
        color=MUTED,
        va="center",
        ha="right",
        zorder=6,
    )
    if layer.parameters:
        words = f"{layer.parameters:,} parameters"
        axes.text(place.x + 0.17, top + 0.29, words, fontproperties=font(_NOTE_POINTS), color=MUTED, va="center", zorder=6)


def _draw_route(axes: Axes, route: Route) -> None:
    """An arrow along the route with rounded corners; a skip in a colour of its own."""
    axes.add_patch(
        FancyArrowPatch(
            path=_rounded(route.points),
            arrowstyle="-|>,head_length=3.6,head_width=2.0",
            color=BLUE if route.skip else "#7B8794",
            linewidth=1.3,
            shrinkA=0,
            shrinkB=0,
            joinstyle="round",
            zorder=2,
        )
    )


def _rounded(points: Sequence[tuple[float, float]], radius: float = 0.12) -> Path:
    """The path through the points with its corners rounded."""
    points = [point for number, point in enumerate(points) if not number or point != points[number - 1]]
    vertices, codes = [points[0]], [Path.MOVETO]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        start, stop = _towards(corner, before, radius), _towards(corner, after, radius)
        vertices += [start, corner, stop]
        codes += [Path.LINETO, Path.CURVE3, Path.CURVE3]
    return Path([*vertices, points[-1]], [*codes, Path.LINETO])


def _towards(origin: tuple[float, float], target: tuple[float, float], distance: float) -> tuple[float, float]:
    """The point so far from the origin on the way to the target, at most half way."""
    across, down = target[0] - origin[0], target[1] - origin[1]
    length = (across**2 + down**2) ** 0.5
    share = min(distance / length, 0.5) if length else 0.0
    return origin[0] + across * share, origin[1] + down * share
