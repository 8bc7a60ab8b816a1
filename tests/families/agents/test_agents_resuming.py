"""An interrupted training ends as an undisturbed one, however environments are stepped, and says so where it cannot."""

from __future__ import annotations

import gc
import itertools
import subprocess
from pathlib import Path
from typing import Any

import pytest
from made_up_worlds import write_world

import seodang
from seodang.families.agents.environments import stepping
from seodang.families.agents.environments.workers import Workers

TRAINING: dict[str, Any] = {
    "model": "ppo", "steps": 1200, "environments": 4, "horizon": 30, "updates": 2, "batch_size": 40, "hidden": (8,),
    "epochs": 2, "episodes": 2, "watched_episodes": 2, "precision": "f32",
}  # fmt: skip
MIXED = """
observation_space = gymnasium.spaces.Dict({
    "at": gymnasium.spaces.Box(-1, 1, (2,)), "gear": gymnasium.spaces.Discrete(3), "doors": gymnasium.spaces.MultiBinary(2),
})
action_space = gymnasium.spaces.MultiDiscrete([2, 3])
def step(self, action):
    seen, _, _, truncated, info = super().step(action)
    return seen, float(seen["at"][action[0]]), bool(self.np_random.random() < 0.1), truncated, info
def seen(self):
    at = super().seen()
    return {"at": at, "gear": self.np_random.integers(3), "doors": self.np_random.integers(0, 2, 2).astype(np.int8)}
"""
IMAGES = """
observation_space = gymnasium.spaces.Box(0, 255, (36, 36), np.uint8)
def seen(self):
    return self.np_random.integers(0, 256, (36, 36), dtype=np.uint8)
"""
DQN = {"model": "dqn", "steps": 800, "horizon": 4, "batch_size": 16, "warmup_steps": 100, "replay_size": 400}
CHANCE = """
def step(self, action):
    _, _, _, truncated, info = super().step(action)
    return np.array([random.random(), 0], np.float32), 1.0, False, truncated, info
"""


def train(source: str, folder: Path, **changed: Any) -> seodang.Run:
    return seodang.train("agents", source, runs=folder, **{**TRAINING, "threads": 1, **changed})


def kept(run: seodang.Run) -> dict[str, bytes]:
    """Every measurement on the way, the best agent, and the last checkpoint, in which the environments stand too."""
    checkpoints = sorted((run.path / "checkpoints").glob("*.safetensors"))
    files = [run.path / "metrics.jsonl", [path for path in checkpoints if "-step-" in path.name][-1]]
    files += [path for path in checkpoints if path.name.endswith("-best.safetensors")]
    return {path.name: path.read_bytes() for path in files}


@pytest.fixture
def source(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An environment by its name, or one of the user's own by its body."""
    given: str = request.param
    return write_world(tmp_path, monkeypatch, given) if "def " in given else given


@pytest.mark.parametrize(
    ("source", "changed"),
    [
        ("Pendulum-v1", {}),
        ("FrozenLake-v1", {}),
        pytest.param(MIXED, {}, id="mixed"),
        pytest.param(IMAGES, {}, id="images"),
        pytest.param(IMAGES, DQN, id="images, dqn"),
    ],
    indirect=["source"],
)
def test_interrupted_anywhere_it_ends_with_the_same_bytes(source: str, changed: dict[str, Any], tmp_path: Path) -> None:
    whole = train(source, tmp_path, **changed)
    for stop in (2, 7):
        calls = itertools.count(1)
        begun = train(source, tmp_path, **changed, should_stop=lambda calls=calls, stop=stop: next(calls) == stop)
        assert not begun.finished
        resumed = seodang.resume(begun.path)
        assert kept(resumed) == kept(whole) and resumed.evaluation == whole.evaluation


@pytest.mark.parametrize("source", [pytest.param(CHANCE, id="chance of its own")], indirect=True)
def test_where_nothing_can_be_put_back_training_goes_on_all_the_same(source: str, tmp_path: Path) -> None:
    calls = itertools.count(1)
    begun = train(source, tmp_path, should_stop=lambda: next(calls) == 4)
    assert seodang.resume(begun.path).finished
    assert "cannot be brought back" in (begun.path / "environment.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("source", [pytest.param(MIXED, id="mixed")], indirect=True)
def test_two_processes_train_the_same_agent_and_go_on_where_one_left_off(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = train(source, tmp_path)
    monkeypatch.setattr(stepping, "WORTH_PROCESSES_SECONDS", 0.0)
    calls = itertools.count(1)
    two = train(source, tmp_path, threads=2, should_stop=lambda: next(calls) == 4)
    resumed = seodang.resume(two.path, threads=1)
    assert kept(resumed) == kept(one) and resumed.evaluation == one.evaluation


def test_a_training_that_was_broken_off_leaves_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    start = Workers._start

    def remembered(self: Workers, *given: Any) -> subprocess.Popen[bytes]:
        started.append(start(self, *given))
        return started[-1]

    monkeypatch.setattr(Workers, "_start", remembered)
    monkeypatch.setattr(stepping, "WORTH_PROCESSES_SECONDS", 0.0)

    def broken_off() -> bool:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as told:
        train("FrozenLake-v1", tmp_path, threads=2, should_stop=broken_off)
    told.value.__traceback__ = None
    del told
    gc.collect()
    assert started and all(process.poll() is not None for process in started)
