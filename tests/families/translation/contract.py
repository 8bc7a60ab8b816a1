"""Small pairs of images for the contract tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seodang.data.images import write_png


def SAMPLE(folder: Path) -> str:  # noqa: N802
    """Forty strips: left a coloured box on black, right the same box, round and lit from above."""
    random = np.random.default_rng(0)
    source = folder / "strips"
    source.mkdir(parents=True)
    for number in range(40):
        write_png(source / f"strip-{number:02}.png", strip(random, 32))
    return str(source)


def strip(random: np.random.Generator, side: int) -> np.ndarray:
    """A plan and what it is a plan of, (side, 2 * side, 3)."""
    rows, columns = np.mgrid[:side, :side]
    plan, picture = np.zeros((side, side, 3)), np.full((side, side, 3), 200.0)
    for _ in range(2):
        row, column = random.uniform(6, side - 6, 2)
        radius, colour = random.uniform(3, 6), int(random.integers(3))
        plan[(abs(rows - row) < radius) & (abs(columns - column) < radius), colour] = 255
        inside = np.hypot(rows - row, columns - column) < radius
        picture[inside] = 40
        picture[inside, colour] = (220 - 8 * (rows - row))[inside]
    return np.concatenate([plan, picture + random.normal(0, 4, picture.shape)], 1).clip(0, 255).astype(np.uint8)
