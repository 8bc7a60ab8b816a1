"""A trained model: from images to masks, and to pictures of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seodang.core.errors import DataError
from seodang.core.values import Image, Mask, Refused
from seodang.data.image_inputs import image_pixels
from seodang.data.images import Pixels
from seodang.families.segmentation.masks import Classes, MaskCode
from seodang.families.segmentation.prediction import Segmenter
from seodang.families.segmentation.settings import SegmentationSettings
from seodang.families.segmentation.unet import UNet
from seodang.families.segmentation.yardstick import Yardstick

OVERLAY_SHARE = 0.45  # of the class's colour in an overlay
STRETCH_PIXELS = 1_000_000  # of a deep image tell its darkest and its brightest
OVERLAY_ROWS = 512  # painted at once, so that images of any size need little more than themselves
COLOURS = np.array(
    [(0, 0, 0), (230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0), (204, 121, 167)],
    np.uint8,
)
"""Of classes that masks give no colour: Okabe & Ito 2008, told apart by all eyes; the background is black."""


@dataclass(frozen=True)
class SegmentationPredictor:
    """What can answer for a trained model, whatever computes it."""

    settings: SegmentationSettings
    code: MaskCode
    segmenter: Segmenter
    preprocessing: Mapping[str, Any]
    network: UNet | None = None
    """What computes; None when an exported model does."""

    def predict(self, image: Image) -> Mask | Refused:
        """The mask of one image, in the image's size."""
        try:
            pixels = image_pixels(image)
            self.check_depth(pixels)
            found = self.segmenter.mask(pixels)
        except DataError as error:
            return Refused(str(error).rstrip("."))
        counts = np.bincount(found.classes.ravel(), minlength=self.code.num_classes) / found.classes.size
        shares = dict(zip(self.code.names, counts.tolist(), strict=True))
        pictures = {
            "out": partial(coded, found.classes, self.code),
            "overlay": partial(overlay, pixels, found.classes, self.code),
            "confidence": partial(confidence_picture, found.confidence),
        }
        return Mask(shares, float(found.confidence.mean()), found.classes, found.confidence, pictures)

    @property
    def yardstick(self) -> Yardstick:
        """As it was fitted to the training images."""
        return Yardstick(self.code.num_classes, **self.preprocessing["yardstick"])

    def check_depth(self, pixels: Pixels) -> None:
        """Raises: DataError: The image has other bits than those that were learned from, so it would seem black or white."""
        depth, learned = (_bits(name) for name in (pixels.dtype.name, self.preprocessing["depth"]))
        if depth != learned:
            raise DataError(f"its pixels are {depth}, and those that were learned from {learned}; save it like those")


def _bits(type_name: str) -> str:
    """A type of pixels in words."""
    words = {"uint8": "of 8 bits", "uint16": "of 16 bits"}
    return words.get(type_name, "floating point" if "float" in type_name else type_name)


def coded(classes: Classes, code: MaskCode) -> NDArray[Any]:
    """A mask as the training masks are written: their own values, or their colours."""
    if code.kind == "colours":
        return _looked_up(np.array(code.colours, np.uint8), classes)
    return _looked_up(np.array(code.values, np.uint16 if max(code.values) > 255 else np.uint8), classes)


def _looked_up(table: NDArray[Any], classes: Classes) -> NDArray[Any]:
    found: NDArray[Any] = table[classes]
    return found


def class_colours(code: MaskCode) -> NDArray[np.uint8]:
    """A colour for each class, (classes, 3): the masks' own where they have some."""
    if code.colours:
        return np.array(code.colours, np.uint8)
    return COLOURS[np.r_[0, 1 + np.arange(code.num_classes - 1) % (len(COLOURS) - 1)]]


def overlay(pixels: Pixels, classes: Classes, code: MaskCode) -> NDArray[np.uint8]:
    """The image with the classes in colour over it; the background as it is, (height, width, 3)."""
    seen, colours = shown(pixels).copy(), class_colours(code).astype(np.float32)
    for top in range(0, len(seen), OVERLAY_ROWS):
        rows = slice(top, top + OVERLAY_ROWS)
        thing = classes[rows] > 0
        light = seen[rows][thing]
        seen[rows][thing] = light + (colours[classes[rows][thing]] - light) * OVERLAY_SHARE
    return seen


def shown(pixels: Pixels) -> NDArray[np.uint8]:
    """An image for the eye, (height, width, 3): deeper ones are stretched from their darkest to their brightest."""
    first = pixels[:, :, :3] if pixels.shape[2] >= 3 else np.repeat(pixels[:, :, :1], 3, 2)
    if first.dtype == np.uint8:
        return first
    step = max(1, int(np.sqrt(first[:, :, 0].size / STRETCH_PIXELS)))
    low, high = np.percentile(first[::step, ::step], [0.1, 99.9])
    light = np.empty(first.shape, np.uint8)
    for top in range(0, len(light), OVERLAY_ROWS):
        stretched = (first[top : top + OVERLAY_ROWS].astype(np.float32) - low) / max(high - low, 1e-12)
        light[top : top + OVERLAY_ROWS] = np.clip(stretched, 0, 1) * 255
    return light


def confidence_picture(confidence: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The chance of the chosen class in grey: white is certain."""
    grey = np.empty(confidence.shape, np.uint8)
    for top in range(0, len(grey), OVERLAY_ROWS):
        grey[top : top + OVERLAY_ROWS] = np.rint(confidence[top : top + OVERLAY_ROWS] * 255)
    return grey
