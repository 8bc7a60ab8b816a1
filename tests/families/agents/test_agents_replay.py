"""The replay buffer: what is drawn, and what the rewards of several steps add up to."""

from __future__ import annotations

import numpy as np
import pytest

from seodang.families.agents.algorithms.replay import ReplayBuffer
from seodang.families.agents.environments.spaces import ActionShape, Observations, ObservationShape
from seodang.families.agents.environments.stepping import Steps

SHAPE, CHOICE = ObservationShape(1, ("place",)), ActionShape("discrete", (3,), (0,))
NO_IMAGES = np.zeros((1, 0, 0, 0), np.uint8)
DISCOUNT = 0.5


def filled(rows: list[tuple[float, bool, bool, bool]], size: int = 100) -> ReplayBuffer:
    """A buffer of one environment: the observation before row n is n; each row is (reward, terminated, truncated, begun)."""
    buffer = ReplayBuffer(size, 1, SHAPE, CHOICE)
    for number, (reward, terminated, truncated, begun) in enumerate(rows):
        seen = Observations(np.array([[number]], np.float32), NO_IMAGES)
        flags = (np.array([flag]) for flag in (terminated, truncated, begun))
        buffer.add(seen, np.array([[number % 3]]), Steps(seen, np.array([reward], np.float32), *flags))
    return buffer


def drawn(buffer: ReplayBuffer, n_step: int) -> dict[int, tuple[float, int, float]]:
    """By the observation before a step: rewards added up, the observation after, and what its value counts."""
    found = buffer.draw(1, 400, n_step, DISCOUNT, np.random.default_rng(0), {})
    before, after = found.seen.vectors[0, :, 0], found.later.vectors[0, :, 0]
    return {
        int(seen): (float(paid), int(later), float(worth))
        for seen, paid, later, worth in zip(before, found.rewards[0], after, found.worth[0], strict=True)
    }


def test_rewards_of_several_steps_stop_at_the_end_of_an_episode() -> None:
    plain = (1.0, False, False, False)
    rows = [plain, plain, (4.0, True, False, False), (0.0, False, False, True), plain, plain, plain, plain]
    found = drawn(filled(rows), n_step=3)
    assert found[0] == (1 + 0.5 + 0.25 * 4, 3, 0.0), "three rewards, and after a real end nothing"
    assert found[1] == (1 + 0.5 * 4, 3, 0.0), "the episode had only two left"
    assert found[2] == (4.0, 3, 0.0)
    assert found[4] == (1 + 0.5 + 0.25, 7, 0.125)
    assert 3 not in found, "a beginning is no step"
    assert max(found) == 4, "of the newest steps nobody knows what came after them"


def test_after_a_time_limit_the_last_observation_still_has_a_value() -> None:
    rows = [(1.0, False, False, False), (1.0, False, True, False), (0.0, False, False, True), *[(1.0, False, False, False)] * 4]
    found = drawn(filled(rows), n_step=3)
    assert found[0] == (1.5, 2, 0.25)
    assert found[1] == (1.0, 2, 0.5)


def test_the_oldest_are_forgotten_and_rows_across_the_edge_still_add_up() -> None:
    buffer = filled([(float(number), False, False, False) for number in range(14)], size=10)
    found = drawn(buffer, n_step=2)
    assert sorted(found) == list(range(4, 12))
    assert found[9] == (9 + 0.5 * 10, 11, 0.25), "row 10 lies at the start of the memory"


def test_every_step_is_as_likely_as_any_other() -> None:
    buffer = filled([(1.0, False, False, number % 5 == 0) for number in range(52)])
    found = buffer.draw(1, 40_000, 1, DISCOUNT, np.random.default_rng(1), {})
    counts = np.bincount(found.seen.vectors[0, :, 0].astype(int), minlength=51)[:51]
    steps = np.arange(51) % 5 != 0
    assert not counts[~steps].any()
    # 1,000 expected of each: four standard deviations of a binomial count are 125.
    assert counts[steps] == pytest.approx(np.full(steps.sum(), 1000), abs=125)


def test_actions_come_with_their_steps() -> None:
    found = filled([(1.0, False, False, False)] * 30).draw(
        3, 20, 1, DISCOUNT, np.random.default_rng(2), {"episode_return": 7.0}
    )
    assert found.actions.shape == (3, 20, 1) and found.told == {"episode_return": 7.0}
    assert np.array_equal(found.actions[..., 0], found.seen.vectors[..., 0].astype(int) % 3)
