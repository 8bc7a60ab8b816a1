"""Large images in tiles: each computed alone, overlaps blended, rows of the whole handed on as soon as they are complete."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_SHARPNESS = 8.0  # a tile's weight falls along a Gaussian of an eighth of its blended part, as in nnU-Net (Isensee et al. 2021)
_LEAST_WEIGHT = 1e-3
_BLENDED = 0.125  # of what is used of a tile is blended with the next; what both know in full needs no more


@dataclass(frozen=True)
class Tiling:
    """How an image is cut.

    A tile's outer `margin` sees the edge of the tile instead of the image behind it, so nothing of it is used except where the
    tile ends with the image; with a margin of the network's receptive radius, what is used equals the whole image's.
    """

    size: int
    """Height and width of a tile, a multiple of `stride`."""
    margin: int
    stride: int
    """Where tiles begin, and how long they are, is a multiple of this."""

    def starts(self, length: int) -> list[int]:
        """Where the tiles of an axis begin; `length` is a multiple of `stride`."""
        if length <= self.size:
            return [0]
        used = self.size - 2 * self.margin
        step = max(int(used * (1 - _BLENDED)) // self.stride, 1) * self.stride
        last = length - self.size
        return [*range(0, last, step), last]

    def weights(self, start: int, length: int) -> Floats:
        """How much each place of a tile counts along one axis, (min(size, length),): nothing in margins within the image."""
        size = min(self.size, length)
        places = np.arange(size, dtype=np.float32)
        first = 0 if start == 0 else self.margin
        last = size if start + size >= length else size - self.margin
        middle, spread = (first + last - 1) / 2, max((last - first) / _SHARPNESS, 1.0)
        weights: Floats = np.maximum(np.exp(-0.5 * ((places - middle) / spread) ** 2), _LEAST_WEIGHT).astype(np.float32)
        weights[:first] = 0
        weights[last:] = 0
        return weights


def blended_rows(
    height: int, width: int, tiling: Tiling, compute: Callable[[slice, slice], Floats]
) -> Iterator[tuple[int, Floats]]:
    """Bands of the whole, from the top down, each as soon as no further tile reaches it.

    Args:
        height, width: Of the whole, multiples of the tiling's stride.
        tiling: How it is cut.
        compute: From rows and columns to what is computed there, (channels, rows, columns).

    Yields: The first row of the band, and the band, (channels, rows, width). In memory are never more than the rows of a tile.
    """
    rows, columns = tiling.starts(height), tiling.starts(width)
    tall = min(tiling.size, height)
    total: Floats | None = None
    for number, top in enumerate(rows):
        down = tiling.weights(top, height)
        for left in columns:
            across = tiling.weights(left, width)
            found = compute(slice(top, top + tall), slice(left, left + len(across)))
            if total is None:
                total = np.zeros((len(found) + 1, tall, width), np.float32)  # the last channel adds up the weights
            weight = down[:, None] * across
            here = total[:, :, left : left + len(across)]
            here[:-1] += found * weight
            here[-1] += weight
        assert total is not None, "there is a column"
        done = (rows[number + 1] if number + 1 < len(rows) else height) - top
        # Rows above the next tile's margin are complete; those in it still wait for what that tile says of them.
        yield top, total[:-1, :done] / total[-1:, :done]
        total = np.concatenate([total[:, done:], np.zeros((len(total), done, width), np.float32)], 1)
