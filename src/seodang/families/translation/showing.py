"""Images of any kind for the eye."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seodang.data.images import Pixels
from seodang.families.translation.pixels import scaled

WHITE = 255
COLOURS = np.array([(0, 0, 4), (87, 16, 110), (188, 55, 84), (249, 142, 9), (252, 255, 164)], np.float32)
"""From no difference to the largest: five shades of matplotlib's inferno, which grow lighter evenly."""


def shown(image: Tensor | Pixels) -> NDArray[np.uint8]:
    """An image with three channels of 8 bits: grey repeated, further channels left out, 16 bits cut to their upper half.

    Args:    image: (channels, height, width), uint8 or from -1 to 1; or pixels, (height, width) or (height, width, channels).
    Returns: (height, width, 3).
    """
    light = _light(image)
    three = light[:, :, :3] if light.shape[2] >= 3 else np.repeat(light[:, :, :1], 3, 2)
    return np.ascontiguousarray(three)


def narrowed(picture: Pixels, width: int) -> NDArray[np.uint8]:
    """A picture of 8 bits, scaled down in its proportions where it is wider than so many pixels.

    Args:    picture: (height, width, channels).
    Returns: (height, width, channels).
    """
    factor = width / picture.shape[1]
    if factor >= 1:
        return picture
    images = torch.from_numpy(picture.transpose(2, 0, 1).astype(np.float32))[None]
    small = scaled(images, max(1, round(picture.shape[0] * factor)), width)[0]
    whole: NDArray[np.uint8] = small.round().clamp(0, WHITE).permute(1, 2, 0).numpy().astype(np.uint8)
    return np.ascontiguousarray(whole)


def difference_map(one: Tensor, other: Tensor) -> NDArray[np.uint8]:
    """How far two images are apart in each pixel, from black for not at all to light yellow for white against black.

    Args:    one, other: (channels, height, width), from -1 to 1.
    Returns: (height, width, 3).
    """
    apart = ((one - other).abs().mean(0) / 2).clamp(0, 1).numpy() * (len(COLOURS) - 1)
    below = np.minimum(apart.astype(np.int64), len(COLOURS) - 2)
    mixed: NDArray[Any] = COLOURS[below] + (COLOURS[below + 1] - COLOURS[below]) * (apart - below)[:, :, None]
    whole: NDArray[np.uint8] = np.rint(mixed).astype(np.uint8)
    return whole


def _light(image: Tensor | Pixels) -> NDArray[np.uint8]:
    """(height, width, channels), uint8."""
    if isinstance(image, Tensor):
        pixels = image.permute(1, 2, 0).numpy()
        light: NDArray[np.uint8] = (
            pixels if pixels.dtype == np.uint8 else np.rint((pixels.clip(-1, 1) + 1) * 127.5).astype(np.uint8)
        )
        return light
    pixels = image[:, :, None] if image.ndim == 2 else image
    return pixels if pixels.dtype == np.uint8 else (pixels >> 8).astype(np.uint8)
