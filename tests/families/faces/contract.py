"""Small drawn faces for the contract tests: cut out already, so that no weights are needed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seodang.data.images import write_png

PEOPLE = {"Ada": (0.9, 0.25), "Grace Hopper": (0.6, 0.4), "노을": (0.35, 0.1)}
"""How light a skin is, and how wide a mouth."""


def SAMPLE(folder: Path) -> str:  # noqa: N802
    """Three people of sixteen photos each: an oval with two eyes and a mouth, moved, lit and noisy."""
    random = np.random.default_rng(0)
    source = folder / "people"
    for person, (skin, mouth) in PEOPLE.items():
        (source / person).mkdir(parents=True)
        for number in range(16):
            write_png(source / person / f"{number:02}.png", drawn(random, skin, mouth))
    return str(source)


def drawn(random: np.random.Generator, skin: float, mouth: float) -> np.ndarray:
    """One face, (height, width, 3), uint8."""
    height, width = 40, 36
    rows, columns = np.mgrid[:height, :width] / 40 + random.uniform(-0.04, 0.04, (2, 1, 1))
    light = np.full((height, width), 0.2)
    light[np.hypot((rows - 0.5) / 0.45, (columns - 0.45) / 0.35) < 1] = skin
    for eye in (0.32, 0.58):
        light[np.hypot(rows - 0.4, columns - eye) < 0.06] = 0.05
    light[(abs(rows - 0.72) < 0.04) & (abs(columns - 0.45) < mouth / 2)] = 0.1
    colours = light[:, :, None] * np.array([1.0, 0.85, 0.75]) * random.uniform(0.8, 1.2)
    return np.clip(255 * (colours + random.normal(0, 0.05, (height, width, 3))), 0, 255).astype(np.uint8)
