"""Tabular Q-learning: the rule by hand, and worlds whose best way is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import seodang
from seodang.families.agents.algorithms.q_learning import QLearner, Table, Walk


def test_the_rule_by_hand() -> None:
    table = Table(3, 2)
    table.worths[:] = table.worths.new_tensor([[0.0, 1.0], [2.0, 4.0], [8.0, 0.0]])
    learner = QLearner(table, learning_rate=0.5, discount=0.9)
    learner.rate = 0.5
    states, actions = np.array([[0], [1], [2], [0], [1]]), np.array([[1], [0], [0], [1]])
    rewards = np.array([[1.0], [-1.0], [5.0], [0.0]], np.float32)
    terminated, begun = np.array([[False], [False], [True], [False]]), np.array([[False], [False], [False], [True]])
    told = learner.update(Walk(states, actions, rewards, terminated, begun, {}))
    first = 1.0 + 0.25 * (1 + 0.9 * 4 - 1.0)
    second = 2.0 + 0.25 * (-1 + 0.9 * 8 - 2.0)
    third = 8.0 + 0.25 * (5.0 - 8.0)
    assert table.worths.numpy() == pytest.approx(np.array([[0, first], [second, 4], [third, 0]]))
    assert float(told["surprise"]) == pytest.approx((3.6 + 4.2 + 3.0) / 3)


def test_it_finds_the_shortest_way_over_dry_ice(tmp_path: Path) -> None:
    """Six steps from start to goal: each step back is worth 0.95 of the next."""
    run = seodang.train(
        "agents", "FrozenLake-v1", runs=tmp_path, threads=1, environment_options=("is_slippery=false",), steps=20_000,
        discount=0.95, epochs=2, episodes=20, watched_episodes=5,
    )  # fmt: skip
    assert run.settings.to_flat()["model"] == "q-learning"
    evaluation = run.evaluation["measures"]
    assert evaluation["episode_return"]["value"] == 1.0
    assert evaluation["episode_length"]["value"] == 6.0
    answer = run.predict("0")
    assert answer.value == pytest.approx(0.95**5, abs=0.01)
    assert max(answer.worths) == pytest.approx(answer.value)
