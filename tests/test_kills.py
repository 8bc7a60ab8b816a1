"""Trainings killed with SIGKILL at random moments end, once resumed, with the bytes of one that was never touched."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import kills

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")


def test_three_kills(tmp_path: Path) -> None:
    assert kills.prove(tmp_path, kills=3, model="cnn", seed=0) == 0


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(("model", "number"), [("cnn", 50), ("lstm", 20), ("best", 20)])
def test_many_kills(tmp_path: Path, model: str, number: int) -> None:
    assert kills.prove(tmp_path, number, model, seed=1) == 0
