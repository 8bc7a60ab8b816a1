"""Pixels as the networks read and write them: numbers from -1 to 1, and whole numbers of 8 or 16 bits."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from seodang.core.errors import DataError
from seodang.data.images import Pixels

BITS = {"uint8": 8, "uint16": 16}


@dataclass(frozen=True)
class Kind:
    """What all images of one pile have in common."""

    channels: int
    bits: int

    @classmethod
    def of(cls, pixels: Pixels) -> Kind:
        """Of an image. Raises: DataError: Its pixels are neither of 8 nor of 16 bits."""
        if pixels.dtype.name not in BITS:
            raise DataError(f"its pixels are {_in_words(pixels.dtype.name)}; expected 8 or 16 bits, save it with such")
        return cls(pixels.shape[2], BITS[pixels.dtype.name])

    @classmethod
    def from_json(cls, value: Any) -> Kind:
        """What `to_json` gave."""
        return cls(**value)

    def to_json(self) -> dict[str, int]:
        """For preprocessing.json."""
        return asdict(self)

    @property
    def most(self) -> int:
        """The value of white."""
        return int(2**self.bits - 1)

    def check(self, pixels: Pixels) -> None:
        """Raises: DataError: An image is of another kind than those that were learned from."""
        found = Kind.of(pixels)
        if self.lacks_transparency_of(found):
            raise DataError(
                f"it has {found.channels} channels (transparency); this run takes {self.channels}: save it without transparency"
            )
        if found != self:
            raise DataError(f"it has {found}, and those that were learned from {self}; save it like those")

    def without_opacity(self, pixels: Pixels) -> Pixels:
        """An image without a last channel that says no more than that it is opaque everywhere, where none is expected."""
        found = Kind.of(pixels)
        opaque = self.lacks_transparency_of(found) and bool((pixels[:, :, -1] == found.most).all())
        return pixels[:, :, :-1] if opaque else pixels

    def lacks_transparency_of(self, other: Kind) -> bool:
        """Whether images of another kind differ by their transparency alone."""
        return self.channels in (1, 3) and other == Kind(self.channels + 1, self.bits)

    def __str__(self) -> str:
        return f"{self.channels} channel{'s' if self.channels > 1 else ''} of {self.bits} bits"


def to_tensor(pixels: Pixels) -> Tensor:
    """An image as it is kept in memory: 8 bits as they are, 16 as numbers from -1 to 1.

    Args:    pixels: (height, width, channels), uint8 or uint16.
    Returns: (channels, height, width), uint8 or float32.
    """
    raised = pixels.transpose(2, 0, 1).copy()  # the reader of grey images gives memory that may not be written to
    if raised.dtype == np.uint8:
        return torch.from_numpy(raised)
    half = np.float32(Kind.of(pixels).most / 2)
    return torch.from_numpy(raised.astype(np.float32) / half - 1)


def as_numbers(images: Tensor) -> Tensor:
    """Images in memory as the networks read them, float32 from -1 to 1, with channels last."""
    numbers = images.float().div_(127.5).sub_(1) if images.dtype == torch.uint8 else images
    return numbers.contiguous(memory_format=torch.channels_last)


def to_pixels(image: Tensor, kind: Kind) -> NDArray[Any]:
    """What a network made as an image of 8 or 16 bits.

    Args:    image: (channels, height, width), from -1 to 1.
    Returns: (height, width) or (height, width, channels).
    """
    light = image.detach().float().cpu().clamp(-1, 1).add(1).mul(kind.most / 2).round().permute(1, 2, 0).numpy()
    whole = np.ascontiguousarray(light.astype(np.uint8 if kind.bits == 8 else np.uint16))
    return whole[:, :, 0] if kind.channels == 1 else whole


def scaled(images: Tensor, height: int, width: int) -> Tensor:
    """Images in another size, without the patterns that leaving pixels out would make.

    Args:    images: (batch, channels, rows, columns), float32.
    Returns: (batch, channels, height, width).
    """
    if images.shape[-2:] == (height, width):
        return images
    return functional.interpolate(images, (height, width), mode="bilinear", antialias=True)


def middle_square(pixels: Pixels, side: int) -> Pixels:
    """The middle square of an image, scaled to `side` pixels; the same type."""
    height, width = pixels.shape[:2]
    least = min(height, width)
    top, left = (height - least) // 2, (width - least) // 2
    square = np.ascontiguousarray(pixels[top : top + least, left : left + least].transpose(2, 0, 1).astype(np.float32))
    small = scaled(torch.from_numpy(square)[None], side, side)[0].round().permute(1, 2, 0).numpy()
    return np.ascontiguousarray(small.clip(0, np.iinfo(pixels.dtype).max).astype(pixels.dtype))


def _in_words(type_name: str) -> str:
    return "floating point" if "float" in type_name else type_name
