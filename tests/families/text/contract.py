"""A small data set of texts for the contract tests."""

from __future__ import annotations

import csv
import random
from pathlib import Path

GOOD = ("lovely", "warm", "clever", "moving", "bright", "graceful")
BAD = ("dull", "clumsy", "cold", "tired", "loud", "hollow")
PLAIN = ("the", "film", "a", "story", "actor", "scene", "camera", "ending", "and", "with", "very", "music")


def SAMPLE(folder: Path) -> str:  # noqa: N802
    """Two hundred short reviews, three words of each in six telling."""
    draw = random.Random(0)
    rows = []
    for number in range(200):
        label = ("negative", "positive")[number % 2]
        words = draw.choices((BAD, GOOD)[number % 2], k=3) + draw.choices(PLAIN, k=draw.randint(2, 12))
        draw.shuffle(words)
        rows.append((" ".join(words), label))
    path = folder / "reviews.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    return str(path)
