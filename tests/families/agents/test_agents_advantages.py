"""An episode that time alone ended is not one that went wrong: advantages by hand, and values that are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up_worlds import write_world

import seodang
from seodang.core.values import Observation
from seodang.families.agents.algorithms.ppo import Array, advantages
from seodang.families.agents.algorithms.returns import REMEMBERED, EpisodeReturns, RewardScale
from seodang.families.agents.environments.stepping import Steps

REWARDS, VALUES = [1.0, 2.0, 3.0], [0.5, 1.0, 1.5, 2.0]
DISCOUNT, WEIGHT = 0.9, 0.5


def judged(rewards: list[float], values: list[float], terminated: list[int], over: list[int], **changed: float) -> list[float]:
    """Advantages of one environment."""
    columns = [np.array(one, np.float32)[:, None] for one in (rewards, values)]
    ends = [np.array(one, bool)[:, None] for one in (terminated, over)]
    rules = {"discount": DISCOUNT, "weight": WEIGHT, **changed}
    found: Array = advantages(columns[0], columns[1], ends[0], ends[1], **rules)
    return [float(one) for one in found[:, 0]]


def test_advantages_by_hand() -> None:
    # Surprises: 1 + 0.9 * 1.0 - 0.5, 2 + 0.9 * 1.5 - 1.0, 3 + 0.9 * 2.0 - 1.5; each takes 0.45 of the next.
    last = 3.3
    before = 2.35 + 0.45 * last
    assert judged(REWARDS, VALUES, [0, 0, 0], [0, 0, 0]) == pytest.approx([1.4 + 0.45 * before, before, last])


def test_nothing_comes_after_an_end_that_terminates() -> None:
    found = judged(REWARDS, VALUES, [0, 1, 0], [0, 1, 0])
    assert found[:2] == pytest.approx([1.4 + 0.45 * 1.0, 2 - 1.0])  # no value beyond, and no surprise of the next episode


def test_after_a_time_limit_the_last_value_stands_for_the_rest() -> None:
    found = judged(REWARDS, VALUES, [0, 0, 0], [0, 1, 0])
    assert found[:2] == pytest.approx([1.4 + 0.45 * 2.35, 2 + 0.9 * 1.5 - 1.0])  # as if it went on, but no surprise of the next


@pytest.mark.parametrize("terminated", [0, 1])
def test_whatever_stands_in_a_beginning_reaches_no_step_before_it(terminated: int) -> None:
    """The row after an end is a beginning: reward 0, the last observation before it and the first after it."""
    ends = [0, terminated, 0, 0, 0], [0, 1, 0, 0, 0]
    calm = judged([1, 2, 0, 1, 1], [0.5, 1, 1.5, 0.25, 0.75, 2], *ends)
    wild = judged([1, 2, 0, 99, 99], [0.5, 1, 1.5, 77, 88, 99], *ends)
    assert calm[:2] == wild[:2]
    surprises = [1 + 0.9 * 0.75 - 0.25, 1 + 0.9 * 2 - 0.75]
    assert calm[3:] == pytest.approx([surprises[0] + 0.45 * surprises[1], surprises[1]])  # and the next episode is its own


def test_how_far_a_surprise_reaches_is_between_one_step_and_all() -> None:
    none = [0, 0, 0]
    assert judged(REWARDS, VALUES, none, none, weight=0.0) == pytest.approx([1.4, 2.35, 3.3])
    whole = [1 + 0.9 * 2 + 0.81 * 3 + 0.729 * 2.0, 2 + 0.9 * 3 + 0.81 * 2.0, 3 + 0.9 * 2.0]  # discounted sums
    found = judged(REWARDS, VALUES, none, none, weight=1.0)
    assert found == pytest.approx([total - value for total, value in zip(whole, VALUES, strict=False)])


RING = """
# A ring of ten places, a step further each time, for which always 1 is paid; a whole round is an episode.
observation_space = gymnasium.spaces.Discrete(10)
def step(self, action):
    self.time += 1
    over = self.time == 10
    return self.seen(), 1.0, over and {terminates}, over and not {terminates}, {{}}
def seen(self):
    return self.time % 10
"""
TRAINING: dict[str, Any] = {
    "model": "ppo", "discount": 0.9, "normalise": False, "steps": 3_000, "environments": 4, "horizon": 30, "updates": 10,
    "batch_size": 60, "learning_rate": 0.01, "hidden": (32,), "epochs": 1, "episodes": 2, "watched_episodes": 2, "threads": 1,
    "precision": "f32", "schedule": "constant",
}  # fmt: skip


def values_of_places(terminates: bool, folder: Path, patch: pytest.MonkeyPatch) -> list[float]:
    """What PPO learned each place of the ring to be worth."""
    run = seodang.train("agents", write_world(folder, patch, RING.format(terminates=terminates)), runs=folder, **TRAINING)
    return [one.value for one in run.predict([Observation(place) for place in range(10)])]


def test_where_time_alone_ends_it_every_place_is_worth_all_that_would_have_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1 + 0.9 + 0.81 + ... = 10. Were a time limit taken for an end, the last place would be worth 1.

    The tolerance: rewards and places follow no chance, so that errors vanish; rounding and Adam's last steps leave 0.00001.
    """
    assert values_of_places(False, tmp_path, monkeypatch) == pytest.approx([10.0] * 10, abs=1e-3)


def test_where_it_ends_every_place_is_worth_what_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """6.51 at the beginning, 1 before the end: the sum of the remaining rewards. The tolerance is that of the test above."""
    left = [(1 - 0.9 ** (10 - place)) / (1 - 0.9) for place in range(10)]
    assert values_of_places(True, tmp_path, monkeypatch) == pytest.approx(left, abs=1e-3)


def test_rewards_are_scaled_by_the_spread_of_discounted_returns() -> None:
    random = np.random.default_rng(0)
    scale, running, seen = RewardScale(3, 0.9), np.zeros(3), []
    for _ in range(4):
        rewards, over = random.normal(2, 5, (7, 3)).astype(np.float32), random.random((7, 3)) < 0.2
        found = scale.scaled(rewards, over)
        for paid, ended in zip(rewards, over, strict=True):
            running = running * 0.9 + paid
            seen.append(running.copy())
            running[ended] = 0
        assert found == pytest.approx(np.clip(rewards / np.sqrt(np.var(seen) + 1e-8), -10, 10), rel=1e-5)
    assert scale.moments.tolist() == pytest.approx([84, np.mean(seen), np.var(seen)])


def test_rewards_that_are_all_alike_stay_within_ten() -> None:
    found = RewardScale(2, 0.0).scaled(np.full((5, 2), 3, np.float32), np.zeros((5, 2), bool))
    assert found.tolist() == [[10, 10]] * 5


def test_the_newest_episodes_are_remembered_and_all_are_counted() -> None:
    returns, none = EpisodeReturns(2), np.zeros(2, bool)
    empty = Steps(None, np.zeros(2, np.float32), none, none, none)  # type: ignore[arg-type]
    returns.add(empty._replace(rewards=np.array([1, 4], np.float32)))
    assert returns.told() == {}, "none is over"
    for number in range(REMEMBERED + 5):
        returns.add(empty._replace(rewards=np.array([number, 0], np.float32), truncated=np.array([True, False])))
    assert returns.episodes == REMEMBERED + 5 and returns.running.tolist() == [0, 4]
    assert returns.told() == {"episode_return": pytest.approx(np.mean([4, *range(1, REMEMBERED + 5)][-REMEMBERED:]))}
    other = EpisodeReturns(2)
    other.load_state(returns.state())
    assert other.told() == returns.told() and other.episodes == returns.episodes
