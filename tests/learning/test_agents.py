"""From pixels alone Pong must be learned within minutes."""

from __future__ import annotations

from pathlib import Path

import pytest

import seodang

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


def test_pong_is_learned_from_its_pixels(tmp_path: Path) -> None:
    """A fifth of the preset; on two threads about six minutes."""
    pytest.importorskip("ale_py")
    run = seodang.train("agents", "ALE/Pong-v5", runs=tmp_path, steps=300_000, epochs=3, watched_episodes=4, episodes=10)
    found, random = (run.evaluation[part]["episode_return"]["value"] for part in ("measures", "yardstick"))
    assert random < -19
    assert found > -15
