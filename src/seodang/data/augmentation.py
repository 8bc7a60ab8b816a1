"""Pieces of images, cut out, turned, scaled, bent and coloured at random; what lies over an image, like a mask, moves with it.

Every piece is a function of the random generator it is given, so that one seeded by (seed, epoch, example) gives the same piece
on every machine, whoever cuts it and when.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

Floats = NDArray[np.float32]
Generator = np.random.Generator


@dataclass(frozen=True)
class Augmentation:
    """How far pieces may stray from the image; nothing by itself."""

    flips: bool = False
    """Left to right and upside down, each half of the time."""
    rotation: float = 0.0
    """Most degrees either way."""
    scale: float = 1.0
    """Most times larger or smaller, 1 or more."""
    elastic: float = 0.0
    """Bending: the usual way of a knot of the grid, as a part of the distance to the next."""
    elastic_knots: int = 4
    """Along each side of a piece."""
    brightness: float = 0.0
    """Usual change, in standard deviations of the images."""
    contrast: float = 0.0
    """Usual change, as a part."""
    noise: float = 0.0
    """Most noise, in standard deviations of the images."""


@dataclass(frozen=True)
class Warp:
    """Where each pixel of a piece comes from in its image, (height, width) rows and columns."""

    rows: Floats
    columns: Floats

    @classmethod
    def draw(cls, random: Generator, size: tuple[int, int], centre: tuple[float, float], how: Augmentation) -> Warp:
        """A piece around a place of an image.

        Args:
            random: Decides how it is turned, scaled and bent.
            size: Height and width of the piece.
            centre: Row and column in the image.
            how: How far it may stray.
        """
        height, width = size
        angle = np.deg2rad(how.rotation) * random.uniform(-1, 1)
        zoom = how.scale ** random.uniform(-1, 1)
        flips = np.where(random.random(2) < 0.5, -1.0, 1.0) if how.flips else np.ones(2)
        down = (np.arange(height, dtype=np.float32) - (height - 1) / 2) * np.float32(flips[0] / zoom)
        across = (np.arange(width, dtype=np.float32) - (width - 1) / 2) * np.float32(flips[1] / zoom)
        cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        rows = centre[0] + (cosine * down)[:, None] + (sine * across)[None, :]
        columns = centre[1] - (sine * down)[:, None] + (cosine * across)[None, :]
        if how.elastic:
            apart = np.array([height, width]) / how.elastic_knots / zoom
            moves = random.standard_normal((2, how.elastic_knots + 3, how.elastic_knots + 3), np.float32)
            bend = _smooth(moves, height, width) * (how.elastic * apart)[:, None, None].astype(np.float32)
            rows, columns = rows + bend[0], columns + bend[1]
        return cls(rows.astype(np.float32), columns.astype(np.float32))

    def smooth(self, image: NDArray[Any]) -> Floats:
        """The pixels of the piece, between those of an image by bilinear interpolation; edges go on as in a mirror.

        Args: image: (height, width, channels).
        Returns: (height, width, channels), float32.
        """
        rows, columns = _mirrored(self.rows, image.shape[0]), _mirrored(self.columns, image.shape[1])
        down, across = _reached(rows), _reached(columns)
        region = torch.from_numpy(image[down, across].astype(np.float32)).permute(2, 0, 1).unsqueeze(0)
        height, width = region.shape[2:]
        places = np.stack([_from_minus_one(columns - across.start, width), _from_minus_one(rows - down.start, height)], 2)
        grid = torch.from_numpy(places).unsqueeze(0)
        piece = functional.grid_sample(region, grid, mode="bilinear", padding_mode="border", align_corners=True)
        return piece[0].permute(1, 2, 0).numpy()

    def nearest(self, mask: NDArray[Any]) -> NDArray[Any]:
        """The nearest pixel of what lies over the image, (height, width)."""
        rows = np.rint(_mirrored(self.rows, mask.shape[0])).astype(np.int32)
        columns = np.rint(_mirrored(self.columns, mask.shape[1])).astype(np.int32)
        return mask[rows, columns]


def recoloured(piece: Floats, random: Generator, how: Augmentation) -> Floats:
    """A piece, of zero mean and unit variance, in another light and with noise.

    Args: piece: (height, width, channels).
    """
    channels = piece.shape[2]
    if how.contrast:
        piece = piece * np.float32(np.exp(how.contrast * random.standard_normal(dtype=np.float32)))
    if how.brightness:  # the light changes for all, its colour a little
        piece = piece + how.brightness * random.standard_normal(dtype=np.float32)
        piece = piece + 0.5 * how.brightness * random.standard_normal(channels, np.float32)
    if how.noise:
        piece = piece + np.float32(how.noise * random.random()) * random.standard_normal(piece.shape, np.float32)
    return piece


def _reached(places: Floats) -> slice:
    """What of an axis of an image some places on it lie in or next to."""
    return slice(int(places.min()), int(np.ceil(places.max())) + 1)


def _from_minus_one(places: Floats, length: int) -> Floats:
    """Places from 0 to length - 1 as numbers from -1 to 1."""
    scaled: Floats = places * np.float32(2 / max(length - 1, 1)) - 1
    return scaled


def _mirrored(places: Floats, length: int) -> Floats:
    """Places along an axis, those outside thrown back from the edges."""
    if length == 1:
        return np.zeros_like(places)
    if places.min() >= 0 and places.max() <= length - 1:  # most are, and a division of each would take a third of the time
        return places
    period = 2 * (length - 1)
    within: Floats = np.abs(places) % np.float32(period)
    inside: Floats = np.minimum(within, np.float32(period) - within)
    return inside


def _smooth(knots: Floats, height: int, width: int) -> Floats:
    """A smooth surface through the middle of a grid of knots: cubic B-splines, (..., height, width)."""
    down = _spline(knots.shape[-2], height)
    across = _spline(knots.shape[-1], width)
    return np.asarray(down @ knots @ across.T, np.float32)


def _spline(knots: int, length: int) -> Floats:
    """How much each knot counts at each place, (length, knots); rows add up to 1."""
    places = np.linspace(1, knots - 2, length, dtype=np.float32)
    away = np.abs(places[:, None] - np.arange(knots, dtype=np.float32))
    near = 2 / 3 - away**2 + away**3 / 2
    far = (2 - away) ** 3 / 6
    weights: Floats = np.where(away < 1, near, np.where(away < 2, far, 0)).astype(np.float32)
    return weights


def pieces(length: int, size: int) -> Sequence[int]:
    """The middles of equal pieces that cover an axis, for a plan of centres."""
    count = max(-(-length // size), 1)
    return [int((2 * number + 1) * length / (2 * count)) for number in range(count)]
