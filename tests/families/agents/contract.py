"""A small world for the contract tests."""

from __future__ import annotations

from pathlib import Path


def SAMPLE(folder: Path) -> str:  # noqa: N802
    """A pole on a cart."""
    return "CartPole-v1"


def INPUTS(folder: Path) -> str:  # noqa: N802
    """Some observations."""
    path = folder / "observations.jsonl"
    lines = [f"[{place / 10}, {-place / 20}, {0.02 * place}, {0.1 - place / 30}]" for place in range(8)]
    path.write_text("\n".join(lines) + "\n")
    return str(path)
