"""A small text for the contract tests."""

from __future__ import annotations

import random
from pathlib import Path

SUBJECTS = ("the cat", "a dog", "the old king", "my lady", "no one", "the sea")
VERBS = ("sees", "loves", "follows", "forgets", "hears")
OBJECTS = ("the moon", "a song", "the road", "his friend", "the winter")


def SAMPLE(folder: Path) -> str:  # noqa: N802
    """Three hundred short sentences of a small grammar."""
    draw = random.Random(0)
    lines = [f"{draw.choice(SUBJECTS)} {draw.choice(VERBS)} {draw.choice(OBJECTS)}." for _ in range(300)]
    path = folder / "sentences.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)
