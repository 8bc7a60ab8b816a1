"""From an image of any size to its mask: tiles, mirrored readings, chances of each class."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from seodang.core.device import Device
from seodang.data.images import Pixels, with_channels
from seodang.data.tiles import Floats, Tiling, blended_rows
from seodang.families.segmentation.masks import Classes
from seodang.families.segmentation.scaling import Scaling
from seodang.families.segmentation.unet import UNet

Compute = Callable[[Floats], Floats]
"""From an image, (channels, height, width), to chances of each class, (classes, height, width)."""


@dataclass(frozen=True)
class Mask:
    """What an image shows."""

    classes: Classes
    """(height, width)."""
    confidence: NDArray[np.float32]
    """The chance of the class that was chosen, (height, width)."""


@dataclass(frozen=True)
class Segmenter:
    """A network ready for images of any size.

    Args:
        compute: Chances of each class for a piece whose sides are multiples of the tiling's stride.
        scaling: Grey values to the network's numbers.
        tiling: How large images are cut.
        mirror: Whether each piece is read four times, mirrored, and the mean taken.
    """

    compute: Compute
    scaling: Scaling
    tiling: Tiling
    mirror: bool = False

    def bands(self, image: Pixels) -> Iterator[tuple[int, Floats]]:
        """Chances of each class, (classes, rows, width), for bands of rows from the top down; see `blended_rows`.

        The image is made longer at its right and lower edge, as in a mirror, until the network can halve it.
        """
        height, width = image.shape[:2]
        stride = self.tiling.stride
        tall, wide = (-(-length // stride) * stride for length in (height, width))

        scale = self.scaling.of(image)

        def tile(rows: slice, columns: slice) -> Floats:
            down, across = _mirrored(rows, height), _mirrored(columns, width)
            piece = scale(with_channels(image[down][:, across], self.scaling.channels))
            return self._chances(np.ascontiguousarray(piece.transpose(2, 0, 1)))

        for top, band in blended_rows(tall, wide, self.tiling, tile):
            if top < height:
                yield top, band[:, : height - top, :width]

    def mask(self, image: Pixels) -> Mask:
        """The likeliest class of each pixel, and its chance."""
        classes = np.empty(image.shape[:2], np.uint8)
        confidence = np.empty(image.shape[:2], np.float32)
        for top, band in self.bands(image):
            rows = slice(top, top + band.shape[1])
            classes[rows] = band.argmax(0)
            confidence[rows] = band.max(0)
        return Mask(classes, confidence)

    def classes(self, image: Pixels) -> Classes:
        """The likeliest class of each pixel."""
        return self.mask(image).classes

    def _chances(self, piece: Floats) -> Floats:
        if not self.mirror:
            return self.compute(piece)
        ways = (slice(None), slice(None, None, -1))
        read = [self.compute(np.ascontiguousarray(piece[:, down, across]))[:, down, across] for down in ways for across in ways]
        mean: Floats = np.mean(read, 0, np.float32)
        return mean


def network_chances(network: UNet, device: Device) -> Compute:
    """The chances that a network gives to each class, channels last in memory."""

    def compute(piece: Floats) -> Floats:
        network.eval()
        images = torch.from_numpy(piece).unsqueeze(0).to(device.torch, memory_format=torch.channels_last)
        with torch.inference_mode(), device.autocast():
            logits = network(images)[0].float()
        if len(logits) == 1:
            second = torch.sigmoid(logits)
            return torch.cat([1 - second, second]).cpu().numpy()
        chances: Floats = torch.softmax(logits, 0).cpu().numpy()
        return chances

    return compute


def tiling_for(network_stride: int, receptive_radius: int, size: int) -> Tiling:
    """Tiles of about a size whose used middle has seen all that the whole image would have shown it.

    Args: size: Height and width that are wanted; made large enough for the margins, and a multiple of the stride.
    """
    margin = -(-receptive_radius // network_stride) * network_stride
    least = 2 * margin + 2 * network_stride
    return Tiling(-(-max(size, least) // network_stride) * network_stride, margin, network_stride)


def _mirrored(places: slice, length: int) -> NDArray[np.int64]:
    """Places along an axis that may reach past its end, where it goes on as in a mirror."""
    numbers = np.arange(places.start, places.stop)
    if length == 1:
        return np.zeros_like(numbers)
    period = 2 * (length - 1)
    within = numbers % period
    inside: NDArray[np.int64] = np.minimum(within, period - within)
    return inside
