"""Weights out of the files that dlib writes, without dlib."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seodang.core.errors import DataError

LAYER = re.compile(rb"\x01(?:\x05(con)_4|\x07(affine)_|\x04(fc)_2)")  # a text: its length as a packed number, then its letters
COUNTS_BEFORE = {"con": 0, "affine": 0, "fc": 2}  # packed numbers between a layer's name and its parameters
NEGATIVE, LENGTH = 0x80, 0x0F  # of a packed number's first byte: its sign, and how many bytes follow
TENSOR_VERSION = 2
FLOAT_BYTES = 4


class Layer(NamedTuple):
    """A layer that learned something."""

    kind: str
    """`con`, `affine` or `fc`."""
    parameters: NDArray[np.float32]
    """(count,), as dlib keeps them: filters then biases of a convolution, factors then summands of an affine layer."""


def read_layers(path: Path) -> list[Layer]:
    """The layers of a network of dlib's, from the image to the answer.

    dlib writes each layer after those that it reads from: its name, its settings, and its parameters as a tensor of
    little-endian float32 (`dlib/dnn/layers.h`, `tensor.h`). Nothing in the file is run.

    Raises: DataError: The file is no such network, or ends too soon.
    """
    content, place, layers = path.read_bytes(), 0, list[Layer]()
    while found := LAYER.search(content, place):
        kind = next(filter(None, found.groups())).decode()
        reader = _Reader(content, found.end(), path)
        for _ in range(COUNTS_BEFORE[kind]):
            reader.number()
        layers.append(Layer(kind, reader.tensor()))
        place = reader.place  # the numbers of a tensor are never taken for a name
    if not layers:
        raise DataError(f"{path}: expected a network written by dlib, found no layer of one.")
    return layers


class _Reader:
    """Reads on from a place."""

    def __init__(self, content: bytes, place: int, path: Path) -> None:
        self.content, self.place, self.path = content, place, path

    def take(self, count: int) -> bytes:
        """So many bytes."""
        found = self.content[self.place : self.place + count]
        if len(found) < count:
            raise DataError(f"{self.path}: ends too soon, in the middle of a layer; fetch the file again.")
        self.place += count
        return found

    def number(self) -> int:
        """A packed whole number."""
        (head,) = self.take(1)
        value = int.from_bytes(self.take(head & LENGTH), "little")
        return -value if head & NEGATIVE else value

    def tensor(self) -> NDArray[np.float32]:
        """A tensor as a row."""
        version = self.number()
        if version != TENSOR_VERSION:
            raise DataError(
                f"{self.path}: a tensor of version {version}, expected {TENSOR_VERSION}; it is another kind of file."
            )
        count = int(np.prod([self.number() for _ in range(4)]))
        return np.frombuffer(self.take(count * FLOAT_BYTES), "<f4").astype(np.float32)
