"""Networks that read images: what their pixels count, and how finely actions are told apart where bf16 computes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn.functional import conv2d, relu

from seodang.core.device import choose_device
from seodang.families.agents.algorithm import World
from seodang.families.agents.algorithms.dqn import PIXELS_OF_IMAGES, DqnLearner
from seodang.families.agents.algorithms.passes import FlatWeights, PolicyPass, ValuesPass
from seodang.families.agents.algorithms.policy import Policy
from seodang.families.agents.algorithms.ppo import PIXELS_EVERY, PpoLearner, PpoRules
from seodang.families.agents.algorithms.replay import Replayed
from seodang.families.agents.algorithms.rollouts import Rollout
from seodang.families.agents.environments.spaces import ActionShape, Observations, ObservationShape
from seodang.families.agents.model import LEAST_SPREAD, ActionValues, ActorCritic, ImageFeatures
from seodang.families.agents.settings import AgentsSettings

SHAPE = ObservationShape(2, ("a", "b"), 4, 44, 40)
ROWS, ACTIONS = 64, 4
RULES = PpoRules(1e-3, 0.99, 0.95, 0.2, 0.0, None, 12, 1)


def observations() -> Observations:
    random = np.random.default_rng(0)
    return Observations(
        random.normal(size=(ROWS, 2)).astype(np.float32), random.integers(0, 256, (ROWS, *SHAPE.image), np.uint8)
    )


def test_pixels_count_from_0_to_1() -> None:
    torch.manual_seed(0)
    features, seen = ImageFeatures(SHAPE), observations()
    images = torch.from_numpy(seen.images) / 255
    for place, step in ((0, 4), (2, 2), (4, 1)):
        layer = features.convolutions[place]
        images = relu(conv2d(images, layer.weight, layer.bias, step))  # type: ignore[arg-type]
    expected = torch.cat([features.dense(images.permute(0, 2, 3, 1).flatten(1)), torch.from_numpy(seen.vectors)], 1)
    found = features(torch.from_numpy(seen.vectors), torch.from_numpy(seen.images))
    assert torch.allclose(found, expected, atol=1e-5)


def test_pixels_count_by_how_far_they_are_from_what_was_seen() -> None:
    torch.manual_seed(0)
    features, seen = ImageFeatures(SHAPE), observations()
    for part in (seen.images[:20], seen.images[20:]):
        features.pixels.learn(torch.from_numpy(part))
    mean, spread = seen.images.mean(0), math.sqrt(seen.images.var(0).mean())
    scaled = torch.from_numpy((seen.images - mean) / spread).float()
    first = features.convolutions[0]
    expected = conv2d(scaled, first.weight, first.bias, 4)  # type: ignore[arg-type]
    assert torch.allclose(first(torch.from_numpy(seen.images)), expected, atol=1e-4)


def test_a_world_where_hardly_anything_moves_is_not_blown_up() -> None:
    torch.manual_seed(0)
    features = ImageFeatures(SHAPE)
    images = np.full((ROWS, *SHAPE.image), 87, np.uint8)
    images[ROWS // 2, :, 3, 3] = 236
    features.pixels.learn(torch.from_numpy(images))
    first = features.convolutions[0]
    assert float(features.pixels.variance.mean()) < LEAST_SPREAD**2
    expected = conv2d(torch.from_numpy((images - images.mean(0)) / LEAST_SPREAD).float(), first.weight, first.bias, 4)  # type: ignore[arg-type]
    assert torch.allclose(first(torch.from_numpy(images)), expected, atol=1e-4)


def test_ppo_learns_how_pixels_look_when_a_rollout_was_learned_from_and_only_if_asked() -> None:
    random, device, actions = (
        np.random.default_rng(3),
        choose_device("cpu", "f32", 1),
        ActionShape("discrete", (ACTIONS,), (0,)),
    )
    time, environments = 8, 3
    seen = Observations(
        np.zeros((time + 1, environments, 2), np.float32),
        random.integers(0, 256, (time + 1, environments, *SHAPE.image), np.uint8),
    )
    shape, flags = (time, environments), np.zeros((3, time, environments), bool)
    for asked in (True, False):
        torch.manual_seed(3)
        network = ActorCritic(SHAPE, (), ACTIONS, continuous=False)
        assert network.features is not None
        weights, passes, pixels = FlatWeights(network), PolicyPass(network, device), network.features.pixels
        learner = PpoLearner(Policy(passes, None, actions), passes, weights, RULES, SHAPE, pixels if asked else None)
        rollout = Rollout(
            seen, np.zeros((*shape, 1), np.int64), np.full(shape, -1.4, np.float32), np.ones(shape, np.float32), *flags, {}
        )
        learner.update(rollout)
        taken = seen.images[:-1:PIXELS_EVERY].reshape(-1, *SHAPE.image)
        assert int(pixels.count) == (len(taken) if asked else 0)
        assert not asked or pixels.mean.numpy() == pytest.approx(taken.mean(0), abs=1e-3)


def test_dqn_learns_how_pixels_look_of_the_first_that_it_draws_for_both_networks() -> None:
    torch.manual_seed(4)
    data = observations()
    networks = [ActionValues(SHAPE, (), ACTIONS) for _ in range(2)]
    settings = AgentsSettings().replaced(learning_rate=1e-3, target_rate=0.1, clip_norm=None)
    world = World(settings, SHAPE, ActionShape("discrete", (ACTIONS,), (0,)), choose_device("cpu", "f32", 1))
    (weights, passes), (target_weights, target) = ((FlatWeights(one), ValuesPass(one, world.device)) for one in networks)
    learner = DqnLearner(passes, weights, target, target_weights, world)
    one = Observations(data.vectors[None], data.images[None])
    rewards = np.ones((1, ROWS), np.float32)
    batch = Replayed(one, np.zeros((1, ROWS, 1), np.int64), rewards, one, rewards, {})
    for _ in range(PIXELS_OF_IMAGES // ROWS + 2):
        learner.update(batch)
    for network in networks:
        assert network.features is not None
        assert int(network.features.pixels.count) == PIXELS_OF_IMAGES
        assert network.features.pixels.mean.numpy() == pytest.approx(data.images.mean(0), abs=0.01)


def test_actions_that_are_worth_nearly_the_same_are_told_apart_in_bf16() -> None:
    torch.manual_seed(1)
    network, seen = ActionValues(SHAPE, (), ACTIONS), observations()
    with torch.no_grad():
        network.values[-1].weight.mul_(0.02)  # type: ignore[union-attr, operator]
        network.values[-1].bias.fill_(2.0)  # type: ignore[union-attr, operator]
    exact, found = (ValuesPass(network, choose_device("cpu", kind, 1)).values_of(seen) for kind in ("f32", "bf16"))
    assert spread(exact) < 0.0156, "this asks for no more than bf16 tells apart by itself"
    assert np.abs(beside(found) - beside(exact)).max() < 0.1 * spread(exact)


def test_values_are_finer_than_bf16() -> None:
    torch.manual_seed(2)
    network, seen = ActorCritic(SHAPE, (), ACTIONS, continuous=False), observations()
    with torch.no_grad():
        network.value[-1].bias.fill_(2.0)  # type: ignore[union-attr, operator]
    values = PolicyPass(network, choose_device("cpu", "bf16", 1)).values_of(seen)
    assert len(np.unique(values)) == ROWS
    assert not np.array_equal(values, torch.from_numpy(values).bfloat16().float().numpy())


def beside(worths: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each action beside the others of its state."""
    found: NDArray[np.float32] = worths - worths.mean(1, keepdims=True)
    return found


def spread(worths: NDArray[np.float32]) -> float:
    """Of the actions of a state, on average."""
    return float(worths.std(1).mean())
