"""The second half of the first stage: each face turned upright, scaled and cut out, always in the same way."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seodang.families.faces.engine.boxes import Faces, Floats

Chips = NDArray[np.uint8]
"""(faces, side, side, 3), red, green and blue."""
NEIGHBOURS = 2  # pixels around a piece that interpolation may ask for


def cut_out(pixels: NDArray[np.uint8], faces: Faces, places: Floats, side: int) -> Chips:
    """Every face upright in a square of its own.

    Args:
        pixels: (height, width, 3).
        faces: In the image.
        places: (5, 2), where the landmarks belong in the square.
        side: Of the square, in pixels.

    Returns: (faces, side, side, 3); black where a square reaches beyond the image.
    """
    chips = np.zeros((len(faces.boxes), side, side, 3), np.uint8)
    for number, landmarks in enumerate(faces.landmarks):
        chips[number] = _chip(pixels, inverse(similarity(landmarks, places)), side)
    return chips


def similarity(points: Floats, places: Floats) -> Floats:
    """The turn, scale and shift that brings points nearest to their places, in the least squares sense.

    Umeyama 1991, "Least-squares estimation of transformation parameters between two point patterns", IEEE TPAMI 13.

    Args:    points, places: (points, 2).
    Returns: (2, 3): places are about `m[:, :2] @ point + m[:, 2]`.
    """
    middle, goal = points.mean(0), places.mean(0)
    around, wanted = points - middle, places - goal
    u, sizes, vt = np.linalg.svd(wanted.T @ around / len(points))
    flips = np.array([1.0, np.sign(np.linalg.det(u @ vt))])  # a face is never mirrored
    turn = u @ np.diag(flips) @ vt
    scale = (sizes * flips).sum() / around.var(0).sum()
    whole = scale * turn
    return np.concatenate([whole, (goal - whole @ middle)[:, None]], 1).astype(np.float32)


def inverse(matrix: Floats) -> NDArray[np.float64]:
    """The way back of a (2, 3) matrix."""
    turn = np.linalg.inv(matrix[:, :2].astype(np.float64))
    return np.concatenate([turn, -(turn @ matrix[:, 2:])], 1)


def _chip(pixels: NDArray[np.uint8], back: NDArray[np.float64], side: int) -> NDArray[np.uint8]:
    """One square of (side, side, 3); `back` leads from its pixels to those of the image."""
    height, width = pixels.shape[:2]
    corners = np.array([[0, 0], [side, 0], [0, side], [side, side]]) @ back[:, :2].T + back[:, 2]
    x0, y0 = np.clip(np.floor(corners.min(0)).astype(int) - NEIGHBOURS, 0, (width, height))
    x1, y1 = np.clip(np.ceil(corners.max(0)).astype(int) + NEIGHBOURS, 0, (width, height))
    if x1 <= x0 or y1 <= y0:
        return np.zeros((side, side, 3), np.uint8)
    back = back - np.array([[0, 0, x0], [0, 0, y0]])
    piece = Image.fromarray(np.ascontiguousarray(pixels[y0:y1, x0:x1]))
    # Pillow takes the middle of a pixel for its place; ours are whole numbers there.
    shift = back[:, :2] @ np.array([-0.5, -0.5]) + back[:, 2] + 0.5
    times = int(np.hypot(back[0, 0], back[1, 0]))  # pixels of the image for one of the square
    if times > 1:  # so that no pixel is skipped, the image is averaged first
        piece, back, shift = piece.reduce(times), back / times, shift / times
    data = (*back[0, :2], shift[0], *back[1, :2], shift[1])
    return np.asarray(piece.transform((side, side), Image.Transform.AFFINE, data, Image.Resampling.BILINEAR))
