"""Real nuclei must be found better than by a threshold, and drawn cells nearly without error."""

from __future__ import annotations

from pathlib import Path

import pytest

import seodang
from seodang.data.cache import mirror_folder

pytestmark = pytest.mark.slow


def test_drawn_cells_are_learned_far_beyond_the_yardstick(tmp_path: Path) -> None:
    run = seodang.train("segmentation", "drawn-cells", runs=tmp_path, steps=150)
    dice = run.evaluation["measures"]["dice"]["value"]
    assert dice > 0.85 and dice > run.evaluation["yardstick"]["dice"]["value"] + 0.15


@pytest.mark.timeout(1800)
def test_nuclei_of_dsb2018_are_found(tmp_path: Path) -> None:
    folder = mirror_folder()
    if folder is None or not (folder / "dsb2018").is_dir():
        pytest.skip("SEODANG_MIRROR names no folder that holds dsb2018/")
    run = seodang.train("segmentation", "dsb2018", runs=tmp_path, model="unet-small", steps=400)
    measured = run.evaluation
    assert measured["measures"]["dice"]["value"] > 0.8
    assert measured["measures"]["dice"]["value"] > measured["yardstick"]["dice"]["value"] + 0.05
