"""What a rollout holds: which observation stands beside which action, reward and end, and how it is scaled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import numpy as np
import pytest
import torch

from seodang.core.device import choose_device
from seodang.families.agents.algorithms.distributions import distribution_of
from seodang.families.agents.algorithms.passes import PolicyPass
from seodang.families.agents.algorithms.policy import Policy
from seodang.families.agents.algorithms.returns import RewardScale
from seodang.families.agents.algorithms.rollouts import RolloutSource
from seodang.families.agents.environments.opening import open_environment
from seodang.families.agents.environments.stepping import make_environments
from seodang.families.agents.model import ActorCritic, Normaliser

HORIZON, COUNT = 40, 3
Make = Callable[..., RolloutSource]


@pytest.fixture
def make() -> Iterator[Make]:
    """Rollouts in an environment by its name, with or without scales."""
    with ExitStack() as stack:

        def made(name: str, scaled: bool = False) -> RolloutSource:
            torch.manual_seed(0)
            environments = make_environments(open_environment(name), COUNT, seed=1, frames=1, processes=1, step_seconds=0.0)
            stack.enter_context(closing(environments))
            actions, shape = environments.actions, environments.reader.shape
            network = ActorCritic(shape, (8,), distribution_of(actions).outputs, actions.kind == "continuous")
            normaliser = Normaliser(shape.numbers) if scaled else None
            policy = Policy(PolicyPass(network, choose_device("cpu", "f32", 1)), normaliser, actions)
            return RolloutSource(environments, policy, HORIZON, 2, RewardScale(COUNT, 0.99) if scaled else None)

        yield made


@pytest.mark.parametrize("name", ["CartPole-v1", "Pendulum-v1", "FrozenLake-v1"])
def test_actions_stand_beside_what_they_were_chosen_by(make: Make, name: str) -> None:
    source = make(name)
    for _ in range(2):
        rollout = source.batch(HORIZON)
        outputs = source.policy.answers.policy_of(rollout.seen.at(slice(0, HORIZON)).flat(2))
        likelihood = source.policy.distribution.likelihood(outputs, rollout.actions.reshape(HORIZON * COUNT, -1))
        assert likelihood.log_probabilities == pytest.approx(rollout.log_probabilities.ravel(), abs=1e-5)


def test_rewards_and_ends_stand_beside_what_came_before_them(make: Make) -> None:
    """CartPole is known: what an action does to the speed, where it falls, and where it begins."""
    source = make("CartPole-v1")
    before, ended = source.seen.vectors.copy(), np.zeros(COUNT, bool)
    for _ in range(3):
        rollout = source.batch(HORIZON)
        seen = rollout.seen.vectors
        assert np.array_equal(seen[0], before) and np.array_equal(rollout.begun[0], ended)
        assert np.array_equal(rollout.begun[1:], rollout.over[:-1])
        faster = seen[1:, :, 1] > seen[:-1, :, 1]
        assert np.array_equal(faster[~rollout.begun], rollout.actions[..., 0][~rollout.begun] == 1)
        fallen = (np.abs(seen[1:, :, 2]) > 0.2095) | (np.abs(seen[1:, :, 0]) > 2.4)
        assert np.array_equal(fallen & ~rollout.begun, rollout.terminated) and np.array_equal(rollout.over, rollout.terminated)
        assert (np.abs(seen[1:][rollout.begun]) <= 0.05).all()
        assert np.array_equal(rollout.rewards, (~rollout.begun).astype(np.float32))
        before, ended = seen[-1].copy(), rollout.over[-1].copy()
    assert ended.dtype == bool and source.returns.episodes > COUNT


def test_a_rollout_is_read_by_the_scale_of_those_before_it(make: Make) -> None:
    scaled, plain = make("Pendulum-v1", scaled=True), make("Pendulum-v1")
    first = scaled.batch(HORIZON)
    assert scaled.policy.normaliser is not None
    seen = np.concatenate([plain.seen.vectors[None], np.zeros((HORIZON, COUNT, 3), np.float32)])
    twin = plain.environments
    for step in range(HORIZON):
        seen[step + 1] = twin.step(first.actions[step]).observations.vectors
    assert first.seen.vectors == pytest.approx(seen, abs=1e-5)  # nothing was known yet: as it is
    rows = seen[:HORIZON].reshape(-1, 3).astype(np.float64)
    assert scaled.policy.normaliser.mean.numpy() == pytest.approx(rows.mean(0))
    assert scaled.policy.normaliser.variance.numpy() == pytest.approx(rows.var(0))
    second = scaled.batch(HORIZON)
    expected = (seen[HORIZON] - rows.mean(0)) / np.sqrt(rows.var(0))
    assert second.seen.vectors[0] == pytest.approx(expected, abs=1e-4)


def test_rewards_are_scaled_for_learning_and_told_as_they_are(make: Make) -> None:
    scaled, plain = make("Pendulum-v1", scaled=True), make("Pendulum-v1")
    rollout = scaled.batch(HORIZON)
    twin = plain.environments
    paid = np.stack([twin.step(rollout.actions[step]).rewards.copy() for step in range(HORIZON)])
    assert scaled.scale is not None
    assert rollout.rewards == pytest.approx(paid / np.sqrt(float(scaled.scale.moments[2])), rel=1e-4)
    assert rollout.told == {}, "no episode is over yet"
    assert scaled.returns.running.numpy() == pytest.approx(paid.sum(0), rel=1e-5)


def test_the_same_step_draws_the_same_chance(make: Make) -> None:
    """`fit` seeds PyTorch by the step; nothing else decides."""
    one, other = make("CartPole-v1"), make("CartPole-v1")
    rollouts = []
    for source in (one, other):
        torch.manual_seed(5)
        rollouts.append(source.batch(HORIZON))
    assert np.array_equal(rollouts[0].actions, rollouts[1].actions) and rollouts[0].seen.same_as(rollouts[1].seen)
    torch.manual_seed(6)
    assert not np.array_equal(make("CartPole-v1").batch(HORIZON).actions, rollouts[0].actions)
