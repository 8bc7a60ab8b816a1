"""DQN and SAC: gradients by hand equal autograd's, and both learn something that is known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import huber_loss, mse_loss

from seodang.core.device import choose_device
from seodang.families.agents.algorithm import World
from seodang.families.agents.algorithms import dqn, sac
from seodang.families.agents.algorithms.dqn import DqnLearner, GreedyActor, exploration_at
from seodang.families.agents.algorithms.passes import FlatWeights, ValuesPass
from seodang.families.agents.algorithms.replay import Replayed
from seodang.families.agents.algorithms.sac import SacLearner, squashed, squashed_gradient
from seodang.families.agents.environments.spaces import ActionShape, Observations, ObservationShape
from seodang.families.agents.model import ActionValues, Mlp, TwinValues
from seodang.families.agents.settings import AgentsSettings

SHAPE = ObservationShape(5, tuple("abcde"))
CHOICE = ActionShape("discrete", (4,), (0,))
NUMBERS = ActionShape("continuous", low=(-2.0, 0.0), high=(2.0, 1.0), shape=(2,), dtype="float32")
TOLERANCE = 2e-5  # float32 sums of another order


def world(model: str, actions: ActionShape, **settings: Any) -> World:
    given = {"model": model, "hidden": (16, 16), "learning_rate": 1e-3, "target_rate": 0.1, "discount": 0.9, **settings}
    return World(AgentsSettings.from_flat(given), SHAPE, actions, choose_device("cpu", "f32", 1))


def remembered(actions: Any, batch: int = 12) -> Replayed:
    random = np.random.default_rng(3)

    def seen() -> Observations:
        return Observations(random.standard_normal((1, batch, 5), np.float32), np.zeros((1, batch, 0, 0, 0), np.uint8))

    worth = np.where(random.random((1, batch)) < 0.3, 0, 0.9).astype(np.float32)
    return Replayed(seen(), actions, 3 * random.standard_normal((1, batch), np.float32), seen(), worth, {})


def flat_gradient(weights: FlatWeights) -> Tensor:
    assert weights.all.grad is not None
    return weights.all.grad.clone()


def test_the_gradient_of_double_q_learning_is_that_of_its_loss() -> None:
    torch.manual_seed(0)
    place = world("dqn", CHOICE, clip_norm=None)
    online, target = (ActionValues(SHAPE, (16, 16), 4) for _ in range(2))
    weights, target_weights = FlatWeights(online), FlatWeights(target)
    before = target_weights.all.detach().clone()
    batch = remembered(np.random.default_rng(4).integers(0, 4, (1, 12, 1)))
    none = torch.zeros(12, 0, 0, 0)
    later, seen = (torch.from_numpy(one.vectors[0]) for one in (batch.later, batch.seen))
    with torch.no_grad():
        best = online(later, none).argmax(1)
        wanted = torch.from_numpy(batch.rewards[0]) + torch.from_numpy(batch.worth[0]) * target(later, none)[range(12), best]
    loss = huber_loss(online(seen, none)[range(12), torch.from_numpy(batch.actions[0, :, 0])], wanted)
    expected = torch.cat([one.flatten() for one in torch.autograd.grad(loss, list(online.parameters()))])
    learner = DqnLearner(ValuesPass(online, place.device), weights, ValuesPass(target, place.device), target_weights, place)
    told = learner.update(batch)
    assert float(told["loss"]) == pytest.approx(float(loss.detach()), rel=1e-5)
    assert torch.allclose(flat_gradient(weights), expected, atol=TOLERANCE)
    followed = 0.9 * before + 0.1 * weights.all.detach()
    assert torch.allclose(target_weights.all.detach(), followed, atol=1e-6), "the target follows by a tenth"


def test_a_greedy_actor_takes_the_best_explores_by_its_part_and_breaks_ties_by_chance() -> None:
    class Known:
        """Three states."""

        def values_of(self, seen: Observations) -> Any:
            return np.array([[1, 5, 2, 0], [3, 3, 3, 3]], np.float32)[seen.vectors[:, 0].astype(int)]

    actor = GreedyActor(Known(), CHOICE, 0.2)
    first = Observations(np.zeros((4000, 1), np.float32), np.zeros((4000, 0, 0, 0), np.uint8))
    tied = Observations(np.ones((4000, 1), np.float32), first.images)
    random = np.random.default_rng(0)
    assert (actor.best(first) == 1).all()
    taken = np.bincount(actor.sampled(first, random)[:, 0], minlength=4) / 4000
    assert taken == pytest.approx(actor.chances(first)[0][0], abs=0.03)
    assert np.bincount(actor.explore(tied, random, 0.0)[:, 0], minlength=4).min() > 850
    assert actor.values(first)[0] == 5


def test_exploration_falls_along_a_line_and_stays() -> None:
    assert [exploration_at(done, 0.5, 0.1) for done in (0.0, 0.25, 0.5, 0.9)] == pytest.approx([1.0, 0.55, 0.1, 0.1])
    assert exploration_at(0.0, 0.0, 0.1) == 0.1


def torch_squashed(outputs: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    means, logs = outputs.chunk(2, 1)
    logs = logs.clamp(-20, 2)
    actions = torch.tanh(means + logs.exp() * noise)
    normal = -0.5 * noise**2 - logs - 0.5 * math.log(2 * math.pi)
    return actions, (normal - torch.log(1 - actions**2 + 1e-6)).sum(1)


def test_squashed_actions_their_chances_and_the_way_back_equal_autograd() -> None:
    torch.manual_seed(1)
    outputs, noise = torch.randn(20, 4), torch.randn(20, 2)
    outputs[0, 2], outputs[1, 3] = 5.0, -30.0  # beyond the bounds of the spread
    outputs.requires_grad_(True)
    pull = torch.randn(20, 2)
    actions, chances = torch_squashed(outputs, noise)
    ((actions * pull).sum() + 0.3 * chances.sum()).backward()
    drawn = squashed(outputs.detach().numpy(), noise.numpy())
    assert np.allclose(drawn.actions, actions.detach(), atol=1e-6)
    assert np.allclose(drawn.log_probabilities, chances.detach(), atol=1e-4)
    by_hand = np.concatenate(squashed_gradient(drawn, pull.numpy(), np.float32(0.3)), 1)
    assert outputs.grad is not None
    assert np.allclose(by_hand, outputs.grad, atol=1e-4)


def test_a_step_of_sac_descends_the_losses_of_the_paper(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(2)
    place = world("sac", NUMBERS)
    policy, critics = Mlp(5, (16, 16), 4, "relu", None), TwinValues(5, 2, (16, 16))
    learner = SacLearner(policy, critics, place)
    learner.target_weights.all.data.add_(0.05 * torch.randn_like(learner.target_weights.all))
    batch = remembered(np.random.default_rng(5).uniform(-1, 1, (1, 12, 2)).astype(np.float32))
    monkeypatch.setattr(learner.adams["critics"], "step", lambda: None)  # the policy's loss is then of the same critics
    noise = np.random.default_rng(9)
    first, second = (torch.from_numpy(noise.standard_normal((12, 2), np.float32)) for _ in range(2))
    alpha = learner.temperature.log.detach().exp()
    later, seen = (torch.from_numpy(one.vectors[0]) for one in (batch.later, batch.seen))
    with torch.no_grad():
        actions, chances = torch_squashed(policy(later), first)
        lower = torch.minimum(*learner.targets(later, actions))
        wanted = torch.from_numpy(batch.rewards[0]) + torch.from_numpy(batch.worth[0]) * (lower - alpha * chances)
    worths = critics(seen, torch.from_numpy(batch.actions[0]))
    critic_loss = 0.5 * sum(mse_loss(one, wanted) for one in worths)
    actions, chances = torch_squashed(policy(seen), second)
    policy_loss = (alpha * chances - torch.minimum(*critics(seen, actions))).mean()
    expected = [
        torch.cat([one.flatten() for one in torch.autograd.grad(loss, list(network.parameters()))])
        for loss, network in ((critic_loss, critics), (policy_loss, policy))
    ]
    told = learner._step(batch, 0, np.random.default_rng(9))
    assert told[:2] == pytest.approx([float(policy_loss.detach()), float(critic_loss.detach())], rel=1e-4)
    assert torch.allclose(flat_gradient(learner.critic_weights), expected[0], atol=TOLERANCE)
    assert torch.allclose(flat_gradient(learner.policy_weights), expected[1], atol=TOLERANCE)
    assert learner.temperature.log.grad is not None
    # Equation 18: the temperature falls while the policy is less decided than asked.
    assert float(learner.temperature.log.grad) == pytest.approx(-float(chances.detach().mean()) + 2.0, rel=1e-4)


def test_both_are_offered_with_all_that_an_export_needs() -> None:
    for rules in (dqn.ALGORITHM, sac.ALGORITHM):
        assert rules.outputs and all(rules.told.values())
