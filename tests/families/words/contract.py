"""A small text for the contract tests."""

from __future__ import annotations

import random
from pathlib import Path

TOPICS = (
    ("sea", "ship", "wave", "sailor", "harbour", "storm"),
    ("bread", "oven", "flour", "baker", "crust", "dough"),
    ("tree", "leaf", "root", "forest", "branch", "bark"),
)
PLAIN = ("the", "a", "and", "with", "of", "in")


def SAMPLE(folder: Path) -> str:  # noqa: N802
    """Six hundred short lines; words of one topic keep together."""
    draw = random.Random(0)
    lines = []
    for number in range(600):
        words = draw.choices(TOPICS[number % 3], k=5) + draw.choices(PLAIN, k=3)
        draw.shuffle(words)
        lines.append(" ".join(words))
    path = folder / "topics.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)
