"""Real facades must come nearer to their photos than both yardsticks, and unpaired ones nearer to the crowd of photos."""

from __future__ import annotations

from pathlib import Path

import pytest

import seodang
from seodang.data.cache import mirror_folder

pytestmark = pytest.mark.slow


@pytest.fixture
def facades() -> str:
    folder = mirror_folder()
    if folder is None or not (folder / "facades").is_dir():
        pytest.skip("SEODANG_MIRROR names no folder that holds facades/")
    return "facades"


@pytest.mark.timeout(1800)
def test_photos_are_made_of_label_maps(facades: str, tmp_path: Path) -> None:
    run = seodang.train("translation", facades, runs=tmp_path, direction="b-to-a", resize=64, steps=900)
    found, yardstick = run.evaluation["measures"], run.evaluation["yardstick"]
    for name in ("l1", "kid", "perceptual"):
        assert found[name]["value"] < yardstick[name]["value"], name
    assert found["kid"]["value"] < 0.5 * yardstick["kid"]["value"]


@pytest.mark.timeout(1800)
def test_photos_are_made_of_label_maps_that_belong_to_none(facades: str, tmp_path: Path) -> None:
    run = seodang.train("translation", facades, runs=tmp_path, direction="b-to-a", resize=64, unpaired=True, steps=900)
    assert run.evaluation["measures"]["kid"]["value"] < run.evaluation["yardstick"]["kid"]["value"]
