"""What was found, drawn over the photo: a box a face, its landmarks, and who it is."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from seodang.core.values import Box
from seodang.draw.style import BLUE, KOREAN_FONT, PAPER, VERMILLION

KNOWN, UNKNOWN = BLUE, VERMILLION
LINE_PART = 300  # a line is the longest side by so much
LETTER_PART = 45  # letters are the longest side by so much, within their bounds
SMALLEST_LETTERS, LARGEST_LETTERS = 11, 64
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
    for one in boxes:
        colour = UNKNOWN if one.label == unknown and unknown else KNOWN
        draw.rectangle(one.box, outline=colour, width=line)
        radius = max(1.0, (one.box[2] - one.box[0]) / POINT_PART)
        for x, y in one.landmarks:
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour, outline=PAPER)
        if one.label is not None:
            chance = "" if one.probability is None else f" {one.probability:.0%}"
            _write(draw, one, f"{one.label}{chance}", font, colour, image.size)
    return np.asarray(image)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    """NanumSquare, which has Latin and Korean letters."""
    return ImageFont.truetype(str(KOREAN_FONT), size)


def _write(
    draw: ImageDraw.ImageDraw, one: Box, text: str, font: ImageFont.FreeTypeFont, colour: str, size: tuple[int, int]
) -> None:
    """A text on its own ground, within the image."""
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    margin = font.size / 5
    width, height = right - left + 2 * margin, bottom - top + 2 * margin
    x = min(max(one.box[0], 0), max(size[0] - width, 0))
    y = one.box[1] - height if one.box[1] >= height else min(one.box[3], size[1] - height)
    draw.rectangle((x, y, x + width, y + height), fill=colour)
    draw.text((x + margin - left, y + margin - top), text, font=font, fill=PAPER)
