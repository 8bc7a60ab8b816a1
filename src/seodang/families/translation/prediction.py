"""From an image of any size to its answer: scaled, lengthened as in a mirror, translated, and brought back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seodang.core.device import Device
from seodang.core.errors import DataError
from seodang.data.images import Pixels
from seodang.families.translation.pixels import Kind, as_numbers, scaled, to_pixels, to_tensor

LEAST_SIDE, MOST_SIDE = 16, 2048
Compute = Callable[[Tensor], Tensor]
"""From sources to answers, (images, channels, height, width) each, from -1 to 1, sides multiples of the network's stride."""


@dataclass(frozen=True)
class Translator:
    """A network ready for images of any size.

    Args:
        compute: What translates.
        stride: Sides that `compute` takes are multiples of it.
        source_kind, target_kind: Channels and bits of what goes in and comes out.
        side: Pixels of the shorter side of what was learned from, where that was resized and images are to be too; else None.
    """

    compute: Compute
    stride: int
    source_kind: Kind
    target_kind: Kind
    side: int | None = None

    def pixels(self, image: Pixels) -> NDArray[Any]:
        """The answer to an image, (height, width, channels), in its size and in the targets' channels and bits.

        Raises: DataError: The image is of another kind than those that were learned from, too small or too large.
        """
        image = self.source_kind.without_opacity(image)
        self.source_kind.check(image)
        height, width = image.shape[:2]
        tall, wide = self._at_scale(height, width)
        if min(tall, wide) < LEAST_SIDE or max(tall, wide) > MOST_SIDE:
            rescaled = "" if (tall, wide) == (height, width) else f", {wide} x {tall} at the scale of those learned from"
            remedy = "scale it up" if min(tall, wide) < LEAST_SIDE else "cut it into pieces, or scale it down"
            raise DataError(
                f"it has {width} x {height} pixels{rescaled}; sides of {LEAST_SIDE} to {MOST_SIDE} are translated: {remedy}"
            )
        numbers = as_numbers(to_tensor(image)[None])
        answer = self.answers(scaled(numbers, tall, wide))
        return to_pixels(scaled(answer, height, width)[0], self.target_kind)

    def answers(self, sources: Tensor) -> Tensor:
        """Answers to sources of any size: (images, channels, height, width) each, from -1 to 1."""
        height, width = sources.shape[-2:]
        down, across = (mirrored(-(-side // self.stride) * self.stride, side) for side in (height, width))
        longer = sources[:, :, down][:, :, :, across].contiguous(memory_format=torch.channels_last)
        return self.compute(longer)[:, :, :height, :width]

    def _at_scale(self, height: int, width: int) -> tuple[int, int]:
        """Height and width in which an image is translated."""
        least = min(height, width)
        if self.side is None or least == 0:
            return height, width
        factor = self.side / least
        return round(height * factor), round(width * factor)


def network_answers(network: nn.Module, device: Device) -> Compute:
    """What a generator answers, one image after another, so that none depends on those beside it."""

    def compute(sources: Tensor) -> Tensor:
        network.eval()
        with torch.inference_mode(), device.autocast():
            return torch.cat([network(one.to(device.torch)).float().cpu() for one in torch.split(sources, 1)])

    return compute


def mirrored(length: int, inside: int) -> Tensor:
    """Places along an axis of `inside` pixels that goes on past its end as in a mirror, until it has `length`; (length,)."""
    places = np.arange(length) % (2 * (inside - 1))
    return torch.from_numpy(np.minimum(places, 2 * (inside - 1) - places))
