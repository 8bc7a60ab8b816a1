"""Every kind of observation and action is learned: images, dictionaries, several choices; each by a world with one trick."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import seodang

STEPS = 8  # of an episode, each worth 1 when the trick is understood
WORLDS = '''
import gymnasium
import numpy as np
from gymnasium import spaces


class World(gymnasium.Env):
    """Each step shows something, and pays for the action that fits what was shown."""

    action_space = spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.left = 8
        return self.show(), {}

    def step(self, action):
        paid = self.paid(action)
        self.left -= 1
        return self.show(), paid, False, self.left == 0, {}

    def show(self):
        self.side = int(self.np_random.integers(2))
        return self.shown()

    def paid(self, action):
        return float(action == self.side)

    def image(self, side):
        picture = np.zeros((36, 36), np.uint8)
        picture[:, 18 * side : 18 * side + 18] = 200
        return picture


class Picture(World):
    """One half of an image is lit."""

    observation_space = spaces.Box(0, 255, (36, 36), np.uint8)

    def shown(self):
        return self.image(self.side)


class Both(World):
    """Whether the lit or the dark half pays, a number says."""

    observation_space = spaces.Dict({"image": spaces.Box(0, 255, (36, 36, 3), np.uint8), "sign": spaces.Box(-1, 1, (1,))})

    def shown(self):
        self.turned = int(self.np_random.integers(2))
        picture = np.repeat(self.image(self.side ^ self.turned)[:, :, None], 3, 2)
        return {"image": picture, "sign": np.array([2 * self.turned - 1], np.float32)}


class Several(World):
    """Two choices at once, and half the pay for each that fits."""

    observation_space = spaces.Discrete(6)
    action_space = spaces.MultiDiscrete([2, 3])

    def shown(self):
        self.state = int(self.np_random.integers(6))
        return self.state

    def paid(self, action):
        return 0.5 * float(action[0] == self.state % 2) + 0.5 * float(action[1] == self.state // 2)


class Numbers(World):
    """Two numbers, within bounds that differ, as near as can be to what is shown."""

    observation_space = spaces.Box(-1, 1, (2,))
    action_space = spaces.Box(np.array([0.0, -10.0], np.float32), np.array([1.0, 10.0], np.float32))

    def shown(self):
        self.wanted = self.np_random.uniform(-1, 1, 2).astype(np.float32)
        return self.wanted

    def paid(self, action):
        low, high = self.action_space.low, self.action_space.high
        return 1.0 - float(np.abs(2 * (action - low) / (high - low) - 1 - self.wanted).mean())
'''
SHORT = {"episodes": 20, "watched_episodes": 10, "epochs": 1, "environments": 8, "learning_rate": 1e-3}
PPO = {"model": "ppo", "horizon": 32, "batch_size": 64, "updates": 6, "discount": 0.0, **SHORT}
DQN = {"model": "dqn", "horizon": 4, "updates": 4, "batch_size": 64, "warmup_steps": 200, "discount": 0.0, **SHORT}


@pytest.mark.parametrize(
    ("world", "settings", "least"),
    [
        ("Picture", {**PPO, "steps": 2500, "frames": 1}, 7.5),
        ("Picture", {**DQN, "steps": 2500, "frames": 2}, 7.5),
        ("Both", {**PPO, "steps": 8000, "frames": 1}, 7.0),
        ("Several", {**PPO, "steps": 6000}, 7.5),
        ("Numbers", {**PPO, "steps": 12_000}, 6.0),
        (
            "Numbers",
            {"model": "sac", "steps": 2500, "discount": 0.0, "hidden": (32, 32), "warmup_steps": 300, "updates": 8, **SHORT},
            7.0,
        ),
    ],
)
def test_each_kind_of_world_is_learned(
    world: str, settings: dict[str, object], least: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "small_worlds.py").write_text(WORLDS)
    monkeypatch.chdir(tmp_path)
    run = seodang.train("agents", f"small_worlds:{world}", threads=1, precision="f32", **settings)
    evaluation = run.evaluation
    assert evaluation["measures"]["episode_return"]["value"] > least, "of 8; acting at random has half of it or less"
    assert evaluation["yardstick"]["episode_return"]["value"] < 0.75 * STEPS
    assert evaluation["measures"]["episode_length"]["value"] == STEPS


@pytest.mark.parametrize(
    ("world", "seen"),
    [
        ("Both", {"sign": [1.0], "image": [[[100, 120, 140]] * 36] * 36}),
        ("Picture", np.repeat(np.uint8([[100, 140]]), 18, 1).repeat(36, 0)),
    ],
)
def test_a_run_of_images_is_exported_and_answers_the_same(
    world: str, seen: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")
    (tmp_path / "small_worlds.py").write_text(WORLDS)
    monkeypatch.chdir(tmp_path)
    run = seodang.train("agents", f"small_worlds:{world}", threads=1, precision="f32", **{**PPO, "steps": 512, "frames": 2})
    run.export()
    exported = seodang.load(run.path, engine="onnx").predict(seen)
    assert exported.chances[0] == pytest.approx(run.predict(seen).chances[0], abs=1e-5)
    assert exported.value == pytest.approx(run.predict(seen).value, abs=1e-4)
