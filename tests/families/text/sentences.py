"""Made-up labelled sentences for the tests of the text family: a class shows in some words among many that tell nothing."""

from __future__ import annotations

import csv
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import seodang

FILLER = ("the", "film", "a", "story", "actor", "scene", "camera", "ending", "and", "with", "very", "music")
TWO = {"bad": ("dull", "clumsy", "cold", "tired", "loud"), "good": ("lovely", "warm", "clever", "moving", "bright")}
FIVE = {
    "food": ("bread", "soup", "salt"),
    "music": ("drum", "song", "choir"),
    "sky": ("star", "moon", "cloud"),
    "sport": ("ball", "goal", "team"),
    "work": ("desk", "boss", "memo"),
}
KOREAN = {"나쁨": ("지루한", "최악의", "따분한"), "좋음": ("재미있는", "최고의", "따뜻한")}
KOREAN_FILLER = ("영화", "배우", "이야기", "정말", "그리고", "음악")
TINY = {
    "vocabulary_size": 100,
    "max_length": 24,
    "embedding_dim": 16,
    "dense_size": 16,
    "dropout": 0.1,
    "batch_size": 16,
    "epochs": 6,
    "learning_rate": 5e-3,
    "patience": None,
}
"""Settings of a network that learns such sentences in a second."""


def sentences(
    rows: int, seed: int = 0, telling: Mapping[str, Sequence[str]] = TWO, filler: Sequence[str] = FILLER
) -> list[tuple[str, str]]:
    """Texts and labels; every class equally often."""
    draw = random.Random(seed)
    found = []
    for number in range(rows):
        label = sorted(telling)[number % len(telling)]
        words = draw.choices(telling[label], k=2) + draw.choices(filler, k=draw.randint(2, 12))
        draw.shuffle(words)
        found.append((" ".join(words), label))
    return found


def write(path: Path, rows: Sequence[Sequence[str]], header: Sequence[str] = ("text", "label")) -> str:
    """The rows as a CSV file; gives its path as `train` takes it."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return str(path)


def train(source: str, runs: Path, **options: Any) -> seodang.Run:
    """A training on one thread of the CPU."""
    return seodang.train("text", source, runs=runs, device="cpu", precision="f32", threads=1, **options)
