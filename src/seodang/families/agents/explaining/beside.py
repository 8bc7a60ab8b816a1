"""What an agent thinks, drawn beside each frame of an episode: what it expects, which actions it weighs, and what it did.

Drawn with Pillow and not matplotlib: a frame takes about a millisecond.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from seodang.draw.style import BLUE, INK, LINE, MUTED, PAPER, SKY, VERMILLION, letters
from seodang.families.agents.environments.spaces import ActionShape
from seodang.families.agents.explaining.episodes import Episode, Moment, Thought
from seodang.families.agents.explaining.naming import Names
from seodang.families.agents.explaining.scenes import Pixels

WIDTH, HEIGHT = 300, 320  # of the panel, in pixels, at least as high as this
SCENE = (480, 360)  # that a frame fits in, width and height
MARGIN = 16
BIG, SMALL = 14, 11  # of letters
CURVE = (66, 126)  # where the curve of values lies, from top to bottom
CHOICES = 152  # where actions begin, below the curve
HIGHEST = 480  # that many actions may make it
ROW = 24  # of an action, at most
LEAST_ROW = 12
LABEL = 110  # left of a bar
NUMBER = 46  # right of a bar


@final
class Panel:
    """What stands beside the frames of one episode.

    Args:
        episode: The whole of it, so that no axis moves while it is played.
        actions: What can be done.
        names: Of actions.
        height: In pixels, or more where there are many actions.
    """

    def __init__(self, episode: Episode, actions: ActionShape, names: Names, height: int = HEIGHT) -> None:
        self.episode, self.actions, self.names = episode, actions, names.actions
        thoughts = [one.thought for one in episode.moments if one.thought is not None]
        self.values = [one.value for one in thoughts if one.value is not None]
        self.low, self.high = _range(self.values)
        worths = [float(worth) for one in thoughts if one.worths is not None for worth in one.worths]
        self.least_worth, self.most_worth = _range(worths)
        self.top = CHOICES if self.values else CURVE[0] - 20
        wanted = self.top + 24 + LEAST_ROW * (actions.choices[0] if actions.kind == "discrete" else actions.width)
        self.height = max(height, HEIGHT, min(wanted, HIGHEST))

    def draw(self, place: int) -> Pixels:
        """The panel of one moment, (height, width, 3)."""
        image = Image.new("RGB", (WIDTH, self.height), PAPER)
        draw = ImageDraw.Draw(image)
        moment = self.episode.moments[place]
        self._write_head(draw, place, moment)
        if self.values:
            self._draw_values(draw, place)
        if moment.thought is None:
            self._write(draw, MARGIN, self.top, self.episode.ending, INK, BIG)
        else:
            self._draw_thought(draw, moment.thought)
        return np.asarray(image)

    def _write_head(self, draw: ImageDraw.ImageDraw, place: int, moment: Moment) -> None:
        self._write(draw, MARGIN, 14, f"step {place:,}", INK, BIG)
        self._write(draw, WIDTH - MARGIN, 14, f"return {_short(moment.paid)}", INK, BIG, right=True)
        draw.line([(MARGIN, 38), (WIDTH - MARGIN, 38)], LINE)

    def _draw_values(self, draw: ImageDraw.ImageDraw, place: int) -> None:
        """The value so far, on axes for the whole episode."""
        top, bottom = CURVE
        now = min(place, len(self.values) - 1)
        title = f"expects from here on ({_short(self.low)} to {_short(self.high)})"
        self._write(draw, MARGIN, top - 20, title, MUTED, SMALL)
        if place == now:
            self._write(draw, WIDTH - MARGIN, top - 20, _short(self.values[now]), BLUE, SMALL, right=True)
        draw.line([(MARGIN, bottom), (WIDTH - MARGIN, bottom)], LINE)
        across = (WIDTH - 2 * MARGIN) / max(1, len(self.values) - 1)
        points = [
            (MARGIN + across * number, bottom - (bottom - top) * (value - self.low) / (self.high - self.low))
            for number, value in enumerate(self.values[: now + 1])
        ]
        if len(points) > 1:
            draw.line(points, BLUE, 2)
        _dot(draw, *points[-1], VERMILLION)

    def _draw_thought(self, draw: ImageDraw.ImageDraw, thought: Thought) -> None:
        if self.actions.kind == "continuous":
            self._draw_numbers(draw, thought)
        elif self.actions.kind == "multi-discrete":
            self._draw_choices(draw, thought)
        elif thought.chances:
            self._draw_bars(draw, "chance of each action", thought.chances[0], (0.0, 1.0), thought)
        elif thought.worths is not None:
            self._draw_bars(draw, "worth of each action", thought.worths, (self.least_worth, self.most_worth), thought)
        else:
            taken = np.eye(self.actions.choices[0], dtype=np.float32)[int(thought.action[0])]
            self._draw_bars(draw, "what it does", taken, (0.0, 1.0), thought)

    def _rows(self, count: int) -> tuple[int, int]:
        """How many of `count` rows there is room for, and how high each is."""
        room = self.height - self.top - 24
        row = max(LEAST_ROW, min(ROW, room // count))
        return min(count, room // row), row

    def _draw_bars(
        self, draw: ImageDraw.ImageDraw, title: str, sizes: NDArray[np.float32], span: tuple[float, float], thought: Thought
    ) -> None:
        """A bar an action; the one that was taken is blue, with a mark before it."""
        shown, row = self._rows(len(sizes))
        taken = int(thought.action[0])
        kept = range(len(sizes)) if shown == len(sizes) else _largest(sizes, shown, taken)
        self._write(draw, MARGIN, self.top, f"{title}, the {shown} largest" if shown < len(sizes) else title, MUTED, SMALL)
        left, right = MARGIN + LABEL, WIDTH - MARGIN - NUMBER
        chance = span == (0.0, 1.0)
        for number, action in enumerate(kept):
            top = self.top + 20 + number * row
            colour = BLUE if action == taken else SKY
            size = (float(sizes[action]) - span[0]) / (span[1] - span[0])
            self._label(draw, top, row, self.names[action], INK if action == taken else MUTED)
            draw.rectangle([(left, top + 2), (left + max(1.0, size * (right - left)), top + row - 4)], colour)
            if action == taken:
                _mark(draw, MARGIN - 3, top + row // 2 - 1)
            words = f"{float(sizes[action]):.0%}" if chance else _short(float(sizes[action]))
            self._write(draw, WIDTH - MARGIN, top + row // 2 - 1, words, INK, self._size(row), right=True, middle=True)

    def _draw_choices(self, draw: ImageDraw.ImageDraw, thought: Thought) -> None:
        """A bar a choice, cut in parts as likely as its actions are; the part that was taken is blue."""
        shown, row = self._rows(len(self.actions.choices))
        self._write(
            draw,
            MARGIN,
            self.top,
            _first(shown, len(self.actions.choices)) + "each choice: what is taken, and how likely",
            MUTED,
            SMALL,
        )
        left, right = MARGIN + LABEL, WIDTH - MARGIN - NUMBER
        for choice in range(shown):
            top = self.top + 20 + choice * row
            taken, count = int(thought.action[choice]), self.actions.choices[choice]
            shares = thought.chances[choice] if thought.chances else np.eye(count)[taken]
            edges = left + np.concatenate([[0.0], np.cumsum(shares)]) * (right - left)
            self._label(draw, top, row, self.names[choice], INK)
            for part in range(count):
                if edges[part + 1] - edges[part] >= 1:
                    box = [(edges[part], top + 2), (edges[part + 1] - 1, top + row - 4)]
                    draw.rectangle(box, BLUE if part == taken else SKY)
            words = f"{taken + self.actions.starts[choice]}"
            self._write(draw, WIDTH - MARGIN, top + row // 2 - 1, words, INK, self._size(row), right=True, middle=True)

    def _draw_numbers(self, draw: ImageDraw.ImageDraw, thought: Thought) -> None:
        """A line a number, from its least to its greatest, with a bar from the middle to what was chosen."""
        shown, row = self._rows(self.actions.width)
        self._write(draw, MARGIN, self.top, _first(shown, self.actions.width) + "numbers chosen, within bounds", MUTED, SMALL)
        left, right = MARGIN + LABEL, WIDTH - MARGIN - NUMBER
        middle = (left + right) / 2
        chosen = self.actions.for_environment(thought.action[None]).ravel()
        for number in range(shown):
            top = self.top + 20 + number * row
            centre = top + row // 2 - 1
            end = middle + float(np.clip(thought.action[number], -1, 1)) * (right - left) / 2
            self._label(draw, top, row, self.names[number], INK)
            draw.line([(left, centre), (right, centre)], LINE)
            draw.rectangle([(min(middle, end), top + 3), (max(middle, end), top + row - 5)], SKY)
            draw.line([(middle, top + 1), (middle, top + row - 3)], MUTED)
            _dot(draw, end, centre, BLUE)
            self._write(
                draw, WIDTH - MARGIN, centre, _short(float(chosen[number])), INK, self._size(row), right=True, middle=True
            )

    def _label(self, draw: ImageDraw.ImageDraw, top: int, row: int, name: str, colour: str) -> None:
        size = self._size(row)
        whole = name
        while len(name) > 1 and letters(size).getlength(name) > LABEL - 16:
            name = name[:-1]
        words = name if name == whole else f"{name[:-1]}…"
        self._write(draw, MARGIN + 6, top + row // 2 - 1, words, colour, size, middle=True)

    def _size(self, row: int) -> int:
        """Of letters that fit into a row."""
        return max(8, min(SMALL + 1, row - 3))

    def _write(
        self, draw: ImageDraw.ImageDraw, x: float, y: float, words: str, colour: str, size: int, right: bool = False,
        middle: bool = False,
    ) -> None:  # fmt: skip
        """One line of text, to the right of x or to its left."""
        draw.text((x, y), words, colour, letters(size), anchor=("r" if right else "l") + ("m" if middle else "a"))


def compose(episode: Episode, actions: ActionShape, names: Names, places: Sequence[int]) -> tuple[Pixels, ...]:
    """Frames with the panel beside them; the panel alone where there is no image.

    Args:
        episode: What happened.
        actions: What can be done.
        names: Of actions.
        places: Of the moments that are shown.
    """
    first = episode.moments[0].image
    size = None if first is None else fitted(first).shape
    panel = Panel(episode, actions, names, HEIGHT if size is None else size[0])
    frames = []
    for place in places:
        image, beside = episode.moments[place].image, panel.draw(place)
        frames.append(beside if image is None else np.concatenate([_centred(fitted(image), panel.height), beside], 1))
    return tuple(frames)


def fitted(image: Pixels) -> Pixels:
    """An image as large as it fits into `SCENE`: whole times larger, pixel by pixel, or smaller."""
    height, width = image.shape[:2]
    scale = min(SCENE[0] / width, SCENE[1] / height)
    if scale >= 1:
        whole: Pixels = image.repeat(int(scale), 0).repeat(int(scale), 1)
        return whole
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX))


def _centred(image: Pixels, height: int) -> Pixels:
    above = (height - image.shape[0]) // 2
    below = height - image.shape[0] - above
    return np.pad(image, ((above, below), (0, 0), (0, 0)), constant_values=255)


def _first(shown: int, count: int) -> str:
    """What goes before a title when there is no room for all."""
    return "" if shown == count else f"{shown} of {count}: "


def _range(values: Sequence[float]) -> tuple[float, float]:
    """From the least to the greatest, with room where they are all the same."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _largest(sizes: NDArray[np.float32], count: int, taken: int) -> list[int]:
    """The actions with the largest bars, the one that was taken among them, in their own order."""
    order = [int(one) for one in np.argsort(-sizes, kind="stable") if one != taken]
    return sorted([taken, *order[: count - 1]])


def _short(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.1f}" if abs(number) >= 10 else f"{number:.2f}"


def _dot(draw: ImageDraw.ImageDraw, x: float, y: float, colour: str) -> None:
    draw.ellipse([(x - 4, y - 4), (x + 4, y + 4)], colour)


def _mark(draw: ImageDraw.ImageDraw, x: int, y: int) -> None:
    draw.polygon([(x, y - 4), (x, y + 4), (x + 6, y)], VERMILLION)
