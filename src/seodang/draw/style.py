"""One look for every picture: colours, letters, axes, and `Picture`, which turns a figure into PNG and SVG.

No pyplot and no change of matplotlib's settings: every picture is an object of its own, so that a server may draw in many
threads and a notebook keeps its own style. Text in an SVG is drawn as outlines: it looks the same on a machine without the
font, Korean included.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import threading
import unicodedata
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal, final

from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.layout_engine import ConstrainedLayoutEngine
from PIL import ImageFont

from seodang.core.errors import SettingsError
from seodang.core.files import write_bytes
from seodang.draw.table import Table

# Okabe & Ito, "Color Universal Design" (2008): eight colours that people with any colour vision tell apart. Their yellow is
# too pale for lines on white, so it is left out; the order puts the most distinct pairs first.
BLUE, VERMILLION, GREEN, ORANGE, SKY, PURPLE, BLACK = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#E69F00",
    "#56B4E9",
    "#CC79A7",
    "#1B1F24",
)
PALETTE = (BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY, BLACK)
DASHES = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)))

INK, MUTED, LINE, PAPER = "#1B1F24", "#5B6470", "#E3E7EC", "#FFFFFF"
BODY_SIZE, SMALL_SIZE, TITLE_SIZE = 9.0, 8.0, 12.5

# DejaVu Sans comes with matplotlib and has the alphabets of Europe; NanumSquare has all 11,172 Korean syllables and the common
# Chinese characters of Korean. In small sizes NanumSquare's full stop looks like a comma, so figures are DejaVu's.
KOREAN_FONT = Path(__file__).parent / "fonts" / "NanumSquareR.ttf"
_FAMILIES = ("DejaVu Sans", "NanumSquare")
_MISSING = "□"
_NO_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))  # a date would make every SVG a new one


@cache
def _register_font() -> None:
    font_manager.fontManager.addfont(str(KOREAN_FONT))


def font(size: float = BODY_SIZE) -> FontProperties:
    """The letters of every picture, at a size in points."""
    _register_font()
    return FontProperties(family=list(_FAMILIES), size=size)


@cache
def letters(size: int) -> ImageFont.FreeTypeFont:
    """Letters for what Pillow draws, many frames a second, at a size in pixels."""
    return ImageFont.truetype(font_manager.findfont(FontProperties(family=_FAMILIES[0])), size)


@cache
def _drawable() -> frozenset[int]:
    """Code points that one of our fonts can draw."""
    _register_font()
    paths = [font_manager.findfont(FontProperties(family=name)) for name in _FAMILIES]
    return frozenset(code for path in paths for code in font_manager.get_font(path).get_charmap())


def width_in_columns(text: str) -> int:
    """Columns of a fixed-width line that the text would take; a Korean syllable takes two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def plain(text: object, limit: int | None = None) -> str:
    """The text as matplotlib should draw it: letter by letter, on one line.

    A dollar sign is no formula, a letter that no font has becomes a box, and text wider than `limit` columns ends in an
    ellipsis.
    """
    composed = unicodedata.normalize("NFC", " ".join(str(text).split()))
    letters = [letter if ord(letter) in _drawable() else _MISSING for letter in composed]
    if limit is not None and width_in_columns("".join(letters)) > limit:
        while letters and width_in_columns("".join(letters)) > limit - 1:
            letters.pop()
        letters.append("…")
    return "".join(letters).replace("$", r"\$")


def wrapped(text: str, columns: int) -> str:
    """The text in lines of at most so many columns, broken between words where there are any."""
    lines: list[str] = []
    for word in plain(text).split(" "):
        if lines and width_in_columns(lines[-1]) + 1 + width_in_columns(word) <= columns:
            lines[-1] += " " + word
        else:
            lines.append(word)
    return "\n".join(lines)


def new_figure(width: float, height: float) -> Figure:
    """An empty white figure, in inches, that makes room for its labels."""
    engine = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.12)
    return Figure(figsize=(width, height), facecolor=PAPER, edgecolor="none", layout=engine)


def style_axes(axes: Axes, *, x_label: str = "", y_label: str = "", grid: Literal["x", "y", "both", "none"] = "y") -> None:
    """Give axes our look: quiet frame, light grid behind the data."""
    axes.set_facecolor(PAPER)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom") and grid != "none")
        spine.set_color("#9AA4B0")
        spine.set_linewidth(0.8)
    axes.tick_params(
        which="both", length=0, pad=5, colors=MUTED, labelsize=SMALL_SIZE, labelfontfamily=list(_FAMILIES), labelcolor=MUTED
    )
    axes.set_axisbelow(True)
    axes.grid(False)
    if grid != "none":
        axes.grid(True, axis=grid, color=LINE, linewidth=0.8, linestyle="-", alpha=1.0)
    axes.set_xlabel(plain(x_label), fontproperties=font(), color=MUTED, labelpad=6)
    axes.set_ylabel(plain(y_label), fontproperties=font(), color=MUTED, labelpad=6)


def write_legend(axes: Axes, columns: int) -> None:
    """Name the lines of the axes above them, where they hide nothing."""
    if not axes.get_legend_handles_labels()[1]:
        return
    legend = axes.legend(
        loc="lower left",
        bbox_to_anchor=(-0.01, 1.0),
        ncols=columns,
        frameon=False,
        prop=font(),
        handlelength=2.2,
        columnspacing=1.6,
    )
    for text in legend.get_texts():
        text.set_color(INK)


@final
class Picture:
    """A finished figure with its description and, where it shows numbers, the table of them.

    Args:
        figure: The figure; the picture owns it from now on.
        alt: What is to be seen, in a sentence, for readers who cannot see it.
        table: The numbers shown.
    """

    def __init__(self, figure: Figure, alt: str, table: Table | None = None) -> None:
        self._figure = figure
        self._lock = threading.Lock()  # a figure changes while it is drawn
        self.alt = alt
        self.table = table

    @property
    def width_inches(self) -> float:
        """How wide the picture wants to be shown."""
        return float(self._figure.get_figwidth())

    def png(self, path: str | os.PathLike[str] | None = None, *, dpi: int = 144) -> bytes:
        """The picture as PNG, written to `path` as well when one is given.

        Raises:
            MachineError: The file cannot be written.
        """
        buffer = io.BytesIO()
        with self._lock:
            self._figure.set_dpi(dpi)
            FigureCanvasAgg(self._figure).print_png(buffer, metadata={"Software": None})  # type: ignore[no-untyped-call]
        if path is not None:
            write_bytes(Path(path), buffer.getvalue())
        return buffer.getvalue()

    def svg(self) -> str:
        """The picture as an SVG document: the same text for the same picture, with names unique within a page."""
        buffer = io.StringIO()
        with self._lock:
            self._figure.set_dpi(72)
            FigureCanvasSVG(self._figure).print_svg(buffer, metadata=_NO_METADATA)  # type: ignore[no-untyped-call]
        return _with_stable_names(buffer.getvalue())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture as its suffix says, .png or .svg; no half-written file is left behind.

        Raises:
            SettingsError: Another suffix.
            MachineError: The file cannot be written.
        """
        suffix = Path(path).suffix.lower()
        if suffix not in (".png", ".svg"):
            raise SettingsError(f"A picture is saved as .png or .svg, got {os.fspath(path)!r}.")
        write_bytes(Path(path), self.png() if suffix == ".png" else self.svg().encode())


def _with_stable_names(svg: str) -> str:
    """Rename the random ids that matplotlib gives to clips and glyphs: numbered, under a prefix of the content's own.

    The prefix keeps two pictures in one page from using each other's glyphs.
    """
    order = {name: f"n{number}" for number, name in enumerate(dict.fromkeys(re.findall(r'\bid="([^"]+)"', svg)))}

    def rename(names: dict[str, str]) -> str:
        def replace(match: re.Match[str]) -> str:
            return match[1] + names.get(match[2], match[2]) + match[3]

        return re.sub(r'(\bid="|href="#|url\(#)([^")]+)("|\))', replace, svg)

    prefix = "p" + hashlib.sha256(rename(order).encode()).hexdigest()[:10]
    return rename({name: prefix + number for name, number in order.items()})


def title_above(figure: Figure, title: str) -> None:
    """Write the title at the left edge of the figure, in several lines when it is long."""
    columns = int(figure.get_figwidth() * 10)
    figure.suptitle(wrapped(title, columns), x=0.02, ha="left", fontproperties=font(TITLE_SIZE), color=INK)


def colour_of(position: int) -> str:
    """The colour of the n-th thing drawn."""
    return PALETTE[position % len(PALETTE)]


def dash_of(position: int) -> str | tuple[int, Sequence[float]]:
    """The line style of the n-th line: solid for the first seven, then dashed, so that fourteen lines stay distinct."""
    return DASHES[(position // len(PALETTE)) % len(DASHES)]
