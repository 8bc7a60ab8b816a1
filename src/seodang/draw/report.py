"""The report: one HTML file that needs nothing else, no network, no script, and reads well on a screen and on paper."""

from __future__ import annotations

import base64
import math
import os
import re
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import final

from seodang.core.files import write_bytes
from seodang.draw.style import Picture
from seodang.draw.table import Cell, Table, format_cell
from seodang.draw.theme import STYLESHEET

_LARGEST_SVG = 2_000_000  # letters; a picture of more goes in as PNG, which is smaller then and scrolls smoothly
_LONG_TABLE = 40  # rows from which a table can be folded away


@final
class Report:
    """A page that grows from top to bottom: headings, text, facts, tables, pictures, animations, coloured words.

    Whatever is handed over is text: it is escaped, never read as HTML.

    Args:
        title: Of the page.
        subtitle: A line below it.
        language: Of the text, as HTML names it.
    """

    def __init__(self, title: str, subtitle: str = "", *, language: str = "en") -> None:
        self._title = title
        self._subtitle = subtitle
        self._language = language
        self._body: list[str] = []
        self._contents: list[tuple[int, str, str]] = []

    def heading(self, text: str, *, level: int = 2, anchor: str | None = None) -> None:
        """Begin a section (level 2) or a part of one (level 3); it is listed in the table of contents.

        Args:
            text: The heading.
            level: 2 or 3.
            anchor: The name by which a link finds it; made from the text when left out.
        """
        name = self._free_anchor(anchor or text)
        self._contents.append((level, name, text))
        self._body.append(f'<h{level} id="{name}">{escape(text)}</h{level}>')

    def paragraph(self, text: str) -> None:
        """A paragraph of text."""
        self._body.append(f"<p>{escape(text)}</p>")

    def note(self, text: str) -> None:
        """A paragraph that should not be overlooked."""
        self._body.append(f'<p class="note">{escape(text)}</p>')

    def code(self, text: str) -> None:
        """Lines to be read letter by letter: a command, a file."""
        self._body.append(f"<pre><code>{escape(text)}</code></pre>")

    def facts(self, facts: Mapping[str, Cell]) -> None:
        """Names and their values, side by side."""
        cells = [(escape(name), escape(format_cell(fact))) for name, fact in facts.items()]
        pairs = "".join(f"<div><dt>{name}</dt><dd>{fact}</dd></div>" for name, fact in cells)
        self._body.append(f'<dl class="facts">{pairs}</dl>')

    def table(self, table: Table) -> None:
        """A table; one of many rows can be folded away."""
        html = _table_html(table)
        if len(table.rows) > _LONG_TABLE:
            name = f"{table.caption or 'Table'}: {len(table.rows):,} rows"
            html = f"<details><summary>{escape(name)}</summary>{html}</details>"
        self._body.append(html)

    def picture(self, picture: Picture, caption: str = "", *, table: Table | None = None) -> None:
        """A picture with its caption and, folded below it, the table of its numbers.

        Args:
            picture: The picture.
            caption: What it shows; its own description when left out.
            table: Numbers to show instead of the picture's own table.
        """
        numbers = table or picture.table
        below = f"<details><summary>The numbers</summary>{_table_html(numbers)}</details>" if numbers else ""
        words = f"<figcaption>{escape(caption or picture.alt)}</figcaption>"
        self._body.append(f'<figure><div class="picture">{_picture_html(picture)}</div>{words}{below}</figure>')

    def animation(self, data: bytes, alt: str, caption: str) -> None:
        """An animated GIF, shown pixel by pixel as it is.

        Args:
            data: The file, as `draw.animation.gif` makes it.
            alt: What is to be seen, for readers who cannot see it.
            caption: What it shows.
        """
        image = f'<img src="data:image/gif;base64,{base64.b64encode(data).decode("ascii")}" alt="{escape(alt)}">'
        words = f"<figcaption>{escape(caption)}</figcaption>"
        self._body.append(f'<figure><div class="picture">{image}</div>{words}</figure>')

    def widget(self, html: str, caption: str) -> None:
        """Something to act on: HTML with its own script, which must not ask for anything outside the page."""
        self._body.append(f'<figure class="widget">{html}<figcaption>{escape(caption)}</figcaption></figure>')

    def highlighted_text(
        self,
        words: Sequence[str],
        weights: Sequence[float],
        *,
        caption: str = "",
        raises: str = "for",
        lowers: str = "against",
        separator: str = " ",
    ) -> None:
        """Words on a ground of blue (positive weight) or orange (negative), the stronger the heavier; the number on hover.

        Strong words are underlined too, solid or dotted, for print and for readers who see no colour.

        Args:
            words: The words, as they stood in the text.
            weights: As many numbers; the largest in size gets the full colour.
            caption: What was predicted.
            raises: What a positive weight speaks for.
            lowers: What a negative weight speaks for.
            separator: What stands between two words; empty for syllables.
        """
        spans = escape(separator).join(_highlighted(word, weight, most) for word, weight, most in _scaled(words, weights))
        sides = (("for", raises), ("against", lowers))
        key = " ".join(f'<span class="{side}" style="--w:60%">{escape(name)}</span>' for side, name in sides)
        label = f"{escape(caption)} " if caption else ""
        self._body.append(f'<figure class="words"><p>{spans}</p><figcaption>{label}{key}</figcaption></figure>')

    def html(self) -> str:
        """The whole page."""
        subtitle = f'<p class="subtitle">{escape(self._subtitle)}</p>' if self._subtitle else ""
        return (
            f'<!DOCTYPE html>\n<html lang="{escape(self._language)}">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<meta name="color-scheme" content="light dark">\n'
            f"<title>{escape(self._title)}</title>\n<style>{STYLESHEET}</style>\n</head>\n<body>\n"
            f"<header><h1>{escape(self._title)}</h1>{subtitle}</header>\n{self._contents_html()}<main>\n"
            + "\n".join(self._body)
            + "\n</main>\n</body>\n</html>\n"
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page; no half-written file is left behind.

        Raises:
            MachineError: The file cannot be written.
        """
        write_bytes(Path(path), self.html().encode())

    def _free_anchor(self, text: str) -> str:
        """A name for a link made of the text's letters and digits, with a number when it is taken."""
        base = re.sub(r"[^\w]+", "-", text.lower()).strip("-") or "section"
        taken = {name for _, name, _ in self._contents}
        number = 2
        name = base
        while name in taken:
            name, number = f"{base}-{number}", number + 1
        return name

    def _contents_html(self) -> str:
        if len(self._contents) < 2:
            return ""
        items = "".join(
            f'<li class="level{level}"><a href="#{name}">{escape(text)}</a></li>' for level, name, text in self._contents
        )
        return f'<nav aria-label="Contents"><ol>{items}</ol></nav>\n'


def _table_html(table: Table) -> str:
    """A table whose columns of numbers stand right-aligned."""
    numeric = [_is_numeric([row[column] for row in table.rows]) for column in range(len(table.headers))]
    marks = [' class="number"' if each else "" for each in numeric]
    head = "".join(f'<th scope="col"{mark}>{escape(header)}</th>' for header, mark in zip(table.headers, marks, strict=True))
    rows = "".join(
        "<tr>" + "".join(f"<td{mark}>{escape(format_cell(cell))}</td>" for cell, mark in zip(row, marks, strict=True)) + "</tr>"
        for row in table.rows
    )
    caption = f"<caption>{escape(table.caption)}</caption>" if table.caption else ""
    return f'<div class="scroll"><table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _is_numeric(cells: Sequence[Cell]) -> bool:
    return any(isinstance(cell, (int, float)) for cell in cells) and not any(isinstance(cell, str) and cell for cell in cells)


def _picture_html(picture: Picture) -> str:
    """The picture as an element of the page: vectors, or pixels where vectors would be heavy."""
    svg = picture.svg()
    style = f"width:{picture.width_inches * 96:.0f}px;min-width:{min(picture.width_inches * 60, 2400):.0f}px"
    if len(svg) > _LARGEST_SVG:
        data = base64.b64encode(picture.png()).decode("ascii")
        return f'<img src="data:image/png;base64,{data}" alt="{escape(picture.alt)}" style="{style}">'
    element = svg[svg.index("<svg") :].strip()
    opening, rest = element.split(">", 1)
    opening = re.sub(r'\s(?:xmlns(?::\w+)?|width|height|version)="[^"]*"', "", opening)
    opening = opening.replace("<svg", f'<svg role="img" aria-label="{escape(picture.alt)}" style="{style}"', 1)
    return f"{opening}>{rest}".replace("xlink:href=", "href=")


def _scaled(words: Sequence[str], weights: Sequence[float]) -> list[tuple[str, float, float]]:
    most = max((abs(weight) for weight in weights if math.isfinite(weight)), default=0.0) or 1.0
    return [(word, weight, most) for word, weight in zip(words, weights, strict=True)]


def _highlighted(word: str, weight: float, most: float) -> str:
    """A word on its colour; a word of less than a twentieth of the greatest weight stays plain."""
    share = abs(weight) / most
    if not share >= 0.05:
        return f'<span title="{weight:+.3g}">{escape(word)}</span>'
    side = "for" if weight > 0 else "against"
    strong = " strong" if share >= 0.5 else ""
    return f'<span class="{side}{strong}" style="--w:{100 * share:.0f}%" title="{weight:+.3g}">{escape(word)}</span>'
