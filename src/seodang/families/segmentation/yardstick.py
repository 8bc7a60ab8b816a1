"""What segmentation must beat to earn its time: a threshold on grey for two classes, the commonest class for more."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seodang.data.images import Pixels, with_channels
from seodang.families.segmentation.data import SegmentationData
from seodang.families.segmentation.masks import Classes
from seodang.families.segmentation.measures import Confusion, foreground

LOOKED_AT = 50  # training images that tell which side is the foreground
_BINS = 256
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # what makes a colour bright: ITU-R BT.601


def otsu_threshold(grey: NDArray[np.float32]) -> float:
    """The grey value that parts an image into two classes that each vary least.

    Otsu 1979, "A threshold selection method from gray-level histograms", IEEE Transactions on Systems, Man and Cybernetics 9.
    """
    counts, edges = np.histogram(grey, _BINS)
    middles = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = counts.sum() - below
    sums = np.cumsum(counts * middles)
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = sums / below - (sums[-1] - sums) / above
    between = np.nan_to_num(below * above * apart**2)
    return float(edges[int(np.argmax(between)) + 1])


class Yardstick:
    """Otsu's threshold on the brightness of each image alone; which side is the foreground was learned from training images."""

    def __init__(self, num_classes: int, commonest: int, bright: bool) -> None:
        self.num_classes, self.commonest, self.bright = num_classes, commonest, bright

    def to_json(self) -> dict[str, Any]:
        """For `preprocessing.json`."""
        return {"commonest": self.commonest, "bright": self.bright}

    @property
    def name(self) -> str:
        """In words."""
        if self.num_classes > 2:
            return "the commonest class everywhere"
        return f"Otsu's threshold on brightness, the {'brighter' if self.bright else 'darker'} part as foreground"

    def classes(self, image: Pixels) -> Classes:
        """The class of each pixel."""
        if self.num_classes > 2:
            return np.full(image.shape[:2], self.commonest, np.uint8)
        grey = brightness(image)
        brighter = grey >= otsu_threshold(grey)
        return (brighter if self.bright else ~brighter).astype(np.uint8)


def fit_yardstick(data: SegmentationData, shares: NDArray[np.float64]) -> Yardstick:
    """The side of the threshold that fits the masks of some training images better."""
    commonest = int(np.argmax(shares))
    if data.code.num_classes > 2:
        return Yardstick(data.code.num_classes, commonest, bright=True)
    some = data.parts["train"][:LOOKED_AT]
    dice = dict.fromkeys((True, False), 0.0)
    for one in some:
        image, classes = data.picture(one)
        for bright in dice:
            dice[bright] += foreground(Confusion.of(Yardstick(2, commonest, bright).classes(image), classes, 2).dice)
    return Yardstick(2, commonest, dice[True] >= dice[False])


def brightness(image: Pixels) -> NDArray[np.float32]:
    """How bright each pixel is, (height, width)."""
    if image.shape[2] in (1, 2):
        return image[:, :, 0].astype(np.float32)
    if image.shape[2] > 4:
        mean: NDArray[np.float32] = image.astype(np.float32).mean(2)
        return mean
    grey: NDArray[np.float32] = with_channels(image, 3).astype(np.float32) @ _LUMA
    return grey
