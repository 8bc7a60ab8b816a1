"""Small images for the contract tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seodang.data.images import write_png


def SAMPLE(folder: Path) -> str:  # noqa: N802
    """A hundred and sixty grey images of 28 pixels, half of them of standing bars, half of lying ones."""
    random = np.random.default_rng(0)
    source = folder / "bars"
    for kind in ("lying", "standing"):
        (source / kind).mkdir(parents=True)
        for number in range(80):
            image = np.zeros((28, 28))
            place, thick = random.integers(4, 20), random.integers(2, 5)
            image[place : place + thick, 4:24] = random.uniform(150, 255)
            image = image if kind == "lying" else image.T
            write_png(source / kind / f"{number:02}.png", image.astype(np.uint8))
    return str(source)


def INPUTS(folder: Path) -> str:  # noqa: N802
    """Some seeds."""
    path = folder / "seeds.txt"
    path.write_text("3\n1\n4\n1\n5\n9\n2\n")
    return str(path)
