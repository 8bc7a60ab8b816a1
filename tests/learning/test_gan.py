"""Real digits must be written as asked, and a discriminator that never learns must be the generator's ruin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import seodang
from seodang.core.errors import SeodangError
from seodang.data.named import load_named

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> seodang.Run:
    """Two epochs of the default, on two threads about a minute and a half."""
    try:
        load_named("mnist")
    except SeodangError as error:
        pytest.skip(f"mnist is not here: {error}")
    return seodang.train("gan", "mnist", runs=tmp_path_factory.mktemp("gan"), epochs=2, samples=5000)


def last(run: seodang.Run) -> dict[str, Any]:
    return [row for row in run.folder.rows("metrics.jsonl") if row["kind"] == "evaluation"][-1]


def test_digits_are_written_as_asked(run: seodang.Run) -> None:
    found, yardstick = run.evaluation["measures"], run.evaluation["yardstick"]
    assert found["fid"]["value"] < yardstick["fid"]["value"] / 5
    assert found["precision"]["value"] > 0.7 and found["recall"]["value"] > 0.6
    assert found["coverage"]["value"] == 1 and found["as_asked"]["value"] > 0.9
    assert found["copies"]["value"] < 0.05
    assert not last(run).get("alarms")


def test_against_a_discriminator_that_never_learns_images_become_alike(run: seodang.Run, tmp_path: Path) -> None:
    frozen = seodang.train("gan", "mnist", runs=tmp_path, epochs=2, samples=1000, freeze_discriminator=str(run.path))
    fair, unfair = last(run), last(frozen)
    assert unfair["recall"] < 0.2 < fair["recall"]
    assert unfair["fid"] > 5 * fair["fid"]
    assert unfair["alarms"]
