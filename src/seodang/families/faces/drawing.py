"""What was found, drawn over the photo: a box a face, its landmarks, and who it is."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from seodang.core.values import Box
from seodang.draw.style import BLUE, KOREAN_FONT, PAPER, VERMILLION

Area = tuple[float, float, float, float]
"""x0, y0, x1, y1."""
KNOWN, UNKNOWN = BLUE, VERMILLION
LINE_PART = 300  # a line is the longest side by so much
LETTER_PART = 45  # letters are the longest side by so much, within their bounds
SMALLEST_LETTERS, LARGEST_LETTERS = 11, 64
MOST_SURE = 0.99  # a percentage is rounded, and nothing is certain
POINT_PART = 30  # a landmark is the width of the box by so much


def draw_boxes(pixels: NDArray[np.uint8], boxes: tuple[Box, ...], unknown: str = "") -> NDArray[np.uint8]:
    """The photo with all boxes; the names above or, at the upper edge, below them.

    Args:
        pixels: (height, width, 3).
        boxes: What was found.
        unknown: The label that is drawn in another colour.
    """
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    longest = max(image.size)
    line = max(1, longest // LINE_PART)
    font = _font(min(max(longest // LETTER_PART, SMALLEST_LETTERS), LARGEST_LETTERS))
    taken: list[Area] = []
    for one in boxes:
        colour = UNKNOWN if one.label == unknown and unknown else KNOWN
        draw.rectangle(one.box, outline=colour, width=line)
        radius = max(1.0, (one.box[2] - one.box[0]) / POINT_PART)
        for x, y in one.landmarks:
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour, outline=PAPER)
        if one.label is not None:
            chance = "" if one.probability is None else f" {min(one.probability, MOST_SURE):.0%}"
            _write(draw, one, f"{one.label}{chance}", font, colour, taken)
    return np.asarray(image)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    """NanumSquare, which has Latin and Korean letters."""
    return ImageFont.truetype(str(KOREAN_FONT), size)


def _write(
    draw: ImageDraw.ImageDraw, one: Box, text: str, font: ImageFont.FreeTypeFont, colour: str, taken: list[Area]
) -> None:
    """A text on its own ground, within the image and where no other text stands, if there is such a place."""
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    margin = font.size / 5
    width, height = right - left + 2 * margin, bottom - top + 2 * margin
    image_width, image_height = draw.im.size
    x = min(max(one.box[0], 0), max(image_width - width, 0))
    places = (one.box[1] - height, one.box[3], one.box[1] - 2 * height, one.box[3] + height, one.box[1])
    within = [y for y in places if 0 <= y <= image_height - height] or [0.0]
    free = (y for y in within if not any(_overlap((x, y, x + width, y + height), area) for area in taken))
    y = next(free, within[0])
    taken.append((x, y, x + width, y + height))
    draw.rectangle((x, y, x + width, y + height), fill=colour)
    draw.text((x + margin - left, y + margin - top), text, font=font, fill=PAPER)


def _overlap(one: Area, other: Area) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
