"""Trainings killed with SIGKILL at random moments end, once resumed, with the bytes of one that was never touched."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import kills

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")


@pytest.mark.parametrize(
    ("family", "model", "number"),
    [
        ("text", "cnn", 3),
        ("segmentation", "unet-small", 2),
        ("gan", "r3gan", 1),
        ("translation", "pairs", 1),
        ("agents", "ppo", 2),
    ],
)
def test_some_kills(tmp_path: Path, family: str, model: str, number: int) -> None:
    """As many as fit into a few minutes; the longer proof below has twenty and more of each."""
    assert kills.prove(tmp_path, number, family, model, seed=0) == 0


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(
    ("family", "model", "number"),
    [
        ("text", "cnn", 50),
        ("text", "lstm", 20),
        ("text", "best", 20),
        ("segmentation", "unet-small", 20),
        ("gan", "r3gan", 20),
        ("translation", "pairs", 20),
        ("translation", "unpaired", 20),
        ("faces", "cut-out", 20),
        ("agents", "ppo", 20),
        ("agents", "dqn", 20),
        ("agents", "sac", 20),
        ("agents", "q-learning", 20),
    ],
)
def test_many_kills(tmp_path: Path, family: str, model: str, number: int) -> None:
    assert kills.prove(tmp_path, number, family, model, seed=1) == 0
