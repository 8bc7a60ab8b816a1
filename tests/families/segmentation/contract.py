"""Small images with masks for the contract tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seodang.data.images import write_png


def SAMPLE(folder: Path) -> str:  # noqa: N802
    """Thirty images of bright discs on a dark, noisy ground, of two sizes."""
    random = np.random.default_rng(0)
    source = folder / "discs"
    for kind in ("images", "masks"):
        (source / kind).mkdir(parents=True)
    for number in range(30):
        height, width = (48, 64) if number % 2 else (40, 40)
        rows, columns = np.mgrid[:height, :width]
        inside = np.zeros((height, width), bool)
        for _ in range(3):
            row, column = random.uniform(6, (height - 6, width - 6))
            inside |= np.hypot(rows - row, columns - column) < random.uniform(4, 8)
        light = 60 + 80 * inside[:, :, None] * np.array([1.0, 0.6, 0.8]) + random.normal(0, 20, (height, width, 3))
        write_png(source / "images" / f"disc-{number:02}.png", np.clip(light, 0, 255).astype(np.uint8))
        write_png(source / "masks" / f"disc-{number:02}.png", inside.astype(np.uint8) * 255)
    return str(source)
