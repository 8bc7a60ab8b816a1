"""Real reviews must really be learned: bounds that a sound model clears with room to spare, not its best figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import seodang
from seodang.core.errors import SeodangError
from seodang.data.named import load_named

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


def learned(name: str, runs: Path, **settings: Any) -> dict[str, Any]:
    """What a training on a named set measured on its test part; skipped where the set is not at hand."""
    try:
        load_named(name)
    except SeodangError as error:
        pytest.skip(f"{name} is not here: {error}")
    evaluation = seodang.train("text", name, runs=runs, **settings).evaluation
    return {
        "accuracy": evaluation["measures"]["accuracy"]["value"],
        "yardstick": evaluation["yardstick"]["accuracy"]["value"],
        "calibration": evaluation["measures"]["calibration_error"]["value"],
    }


@pytest.mark.parametrize(("model", "least"), [("dnn", 0.72), ("cnn", 0.72), ("lstm", 0.72), ("gru", 0.72), ("rnn", 0.65)])
def test_short_reviews(tmp_path: Path, model: str, least: float) -> None:
    assert learned("rotten-tomatoes", tmp_path, model=model)["accuracy"] > least


def test_best_on_short_reviews(tmp_path: Path) -> None:
    found = learned("rotten-tomatoes", tmp_path)
    assert found["accuracy"] > 0.76
    assert found["accuracy"] > found["yardstick"] - 0.005
    assert found["calibration"] < 0.08


@pytest.mark.parametrize(("model", "least"), [("cnn", 0.875), ("lstm", 0.87)])
def test_long_reviews(tmp_path: Path, model: str, least: float) -> None:
    assert learned("imdb", tmp_path, model=model)["accuracy"] > least


def test_best_on_long_reviews(tmp_path: Path) -> None:
    found = learned("imdb", tmp_path)
    assert found["accuracy"] > 0.915
    assert found["accuracy"] > found["yardstick"] - 0.002
    assert found["calibration"] < 0.05
