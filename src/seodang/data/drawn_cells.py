"""Pictures of cells that nobody photographed: a synthetic set for demonstrations, with masks that are true by construction.

What makes real fluorescence images hard is drawn on purpose: uneven light, cells of very different brightness that touch,
haze around them, bright specks that are no cells, and noise. A threshold on brightness cannot part it; shapes can.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from seodang.core.seeds import mix

SIDE = 160
CELLS, SPECKS = (6, 18), (3, 10)
RADIUS = (7.0, 15.0)
BRIGHTNESS = (18.0, 110.0)
WHITE = 255
Floats = NDArray[np.float64]


def draw_cells(part: str, number: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """One picture, which depends on its part and number alone.

    Returns: Image, (SIDE, SIDE, 3), and mask, (SIDE, SIDE): 255 in cells, 0 elsewhere.
    """
    random = np.random.Generator(np.random.Philox(key=mix("drawn cells", part, number)))
    light, mask = np.zeros((SIDE, SIDE)), np.zeros((SIDE, SIDE), bool)
    for _ in range(random.integers(*CELLS)):
        inside = _blob(random, random.uniform(*RADIUS))
        texture = 1 + 0.5 * gaussian_filter(random.standard_normal((SIDE, SIDE)), 2.5) * 2.5
        light = np.where(inside, random.uniform(*BRIGHTNESS) * np.clip(texture, 0.4, 1.6), light)
        mask |= inside
    haze = gaussian_filter(light, 9) * 0.8
    for _ in range(random.integers(*SPECKS)):  # brighter than cells, and too small to be any
        light = np.where(_blob(random, random.uniform(1.0, 2.6)), random.uniform(90, 160), light)
    light = gaussian_filter(light, 0.9) + haze + _slope(random) + random.uniform(8, 40)
    tint = np.array([random.uniform(0.35, 0.6), random.uniform(0.5, 0.8), 1.0])
    noisy = light[:, :, None] * tint + random.normal(0, random.uniform(4, 11), (SIDE, SIDE, 3))
    return np.clip(noisy, 0, WHITE).astype(np.uint8), mask.astype(np.uint8) * WHITE


def _blob(random: np.random.Generator, radius: float) -> NDArray[np.bool_]:
    """An ellipse somewhere in the picture with a wavy outline."""
    rows, columns = np.mgrid[:SIDE, :SIDE] - random.uniform(0, SIDE, 2)[:, None, None]
    turn, longer = random.uniform(0, np.pi), random.uniform(1, 1.6)
    along = (np.cos(turn) * rows + np.sin(turn) * columns) / longer
    across = -np.sin(turn) * rows + np.cos(turn) * columns
    angle = np.arctan2(across, along)
    waves = 1 + 0.08 * np.sin(3 * angle + random.uniform(0, 6)) + 0.05 * np.sin(5 * angle + random.uniform(0, 6))
    inside: NDArray[np.bool_] = np.hypot(along, across) < radius * waves
    return inside


def _slope(random: np.random.Generator) -> Floats:
    """Light that falls from one side to the other by up to as much as a faint cell is bright."""
    rows, columns = np.mgrid[:SIDE, :SIDE] / SIDE
    turn = random.uniform(0, 2 * np.pi)
    fall: Floats = random.uniform(0, 60) * (np.cos(turn) * rows + np.sin(turn) * columns)
    return np.asarray(fall - fall.min())
