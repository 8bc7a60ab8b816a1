"""What PPO writes into the gradients by hand is what PyTorch's autograd finds for the same loss."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.distributions import Categorical
from torch.distributions import Normal as TorchNormal

from seodang.core.device import choose_device
from seodang.families.agents.algorithms.distributions import Choices, Normal, distribution_of
from seodang.families.agents.algorithms.passes import FlatAdam, FlatWeights, HandPass, PolicyPass, ValuesPass, adam
from seodang.families.agents.algorithms.policy import Policy
from seodang.families.agents.algorithms.ppo import PpoLearner, PpoRules, Sample
from seodang.families.agents.environments.spaces import ActionShape, Observations, ObservationShape
from seodang.families.agents.model import OBSERVED_RANGE, ActionValues, Activation, ActorCritic, Mlp, Normaliser

ROWS = 24
CLOSE = 1e-5  # float32: sums in another order
ACTIONS = {
    "one choice": ActionShape("discrete", (4,), (0,)),
    "several choices": ActionShape("multi-discrete", (2, 3, 4), (0, 0, 0), shape=(3,)),
    "numbers": ActionShape("continuous", low=(-1.0, -2.0), high=(1.0, 2.0), shape=(2,), dtype="float32"),
}
SEEN = {"vectors": ObservationShape(5, tuple("abcde")), "images": ObservationShape(2, ("a", "b"), 1, 34, 40)}
RULES = {
    "learning_rate": 1e-3, "discount": 0.99, "gae_lambda": 0.95, "clip_range": 0.2, "entropy_weight": 0.03, "clip_norm": None,
    "batch_size": ROWS, "updates": 1,
}  # fmt: skip


def observations(shape: ObservationShape, random: np.random.Generator) -> Observations:
    vectors = random.normal(size=(ROWS, shape.numbers)).astype(np.float32)
    return Observations(vectors, random.integers(0, 256, (ROWS, *shape.image), np.uint8))


def loss(actions: ActionShape, outputs: Tensor, values: Tensor, sample: Sample, clip: float, entropy_weight: float) -> Tensor:
    """The clipped objective as anybody would write it in PyTorch."""
    chosen = torch.from_numpy(sample.actions)
    if actions.kind == "continuous":
        means, log_stds = outputs.chunk(2, 1)
        normal = TorchNormal(means, log_stds.exp())
        log_probabilities, entropies = normal.log_prob(chosen).sum(1), normal.entropy().sum(1)
    else:
        parts = [Categorical(logits=part) for part in outputs.split(actions.choices, 1)]
        log_probabilities = torch.stack([part.log_prob(chosen[:, place]) for place, part in enumerate(parts)]).sum(0)
        entropies = torch.stack([part.entropy() for part in parts]).sum(0)
    before, better, returns = (torch.from_numpy(one) for one in (sample.log_probabilities, sample.advantages, sample.returns))
    better = (better - better.mean()) / (better.std(correction=0) + 1e-8)
    ratios = (log_probabilities - before).exp()
    policy = -torch.minimum(ratios * better, ratios.clamp(1 - clip, 1 + clip) * better).mean()
    return policy + 0.5 * (values - returns).square().mean() - entropy_weight * entropies.mean()


@pytest.mark.parametrize("clip_norm", [None, 0.05])
@pytest.mark.parametrize("seen", SEEN)
@pytest.mark.parametrize("kind", ACTIONS)
def test_a_step_of_ppo_follows_the_gradient_of_its_loss(kind: str, seen: str, clip_norm: float | None) -> None:
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    actions, shape, device = ACTIONS[kind], SEEN[seen], choose_device("cpu", "f32", 1)
    network = ActorCritic(shape, (16, 8), distribution_of(actions).outputs, actions.kind == "continuous")
    with torch.no_grad():
        for parameter in network.policy.parameters():
            parameter.mul_(30)  # it begins nearly undecided, where little would be proven
    twin = copy.deepcopy(network)
    weights, passes = FlatWeights(network), PolicyPass(network, device)
    assert passes.by_hand is (seen == "vectors")
    policy = Policy(passes, None, actions)
    learner = PpoLearner(policy, passes, weights, PpoRules(**{**RULES, "clip_norm": clip_norm}), shape)  # type: ignore[arg-type]
    learner.rate = 0.5  # the clip range falls with the rate
    read = observations(shape, random)
    chosen, log_probabilities = policy.act(read, random)
    moved = random.normal(0, 0.2, ROWS)  # as if it had learned since, for some steps beyond the clip
    before = (log_probabilities + moved).astype(np.float32)
    sample = Sample(read, chosen, before, *(random.normal(2, 3, ROWS).astype(np.float32) for _ in range(2)))
    told = learner._told(learner._step(sample))
    assert 0.1 < told[4] < 0.9  # part of the steps that are beyond the clip
    outputs, values = twin(*(torch.from_numpy(part) for part in read))
    loss(actions, outputs, values, sample, 0.1, 0.03).backward()  # type: ignore[no-untyped-call]
    expected = torch.cat([parameter.grad.flatten() for parameter in twin.parameters() if parameter.grad is not None])
    length = float(expected.norm())
    if clip_norm is not None:
        assert length > clip_norm
        expected *= clip_norm / length
    assert weights.all.grad is not None and weights.all.grad.shape == expected.shape
    assert torch.allclose(weights.all.grad, expected, atol=CLOSE * max(1.0, float(expected.abs().max())))


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("hidden", [(), (7,), (16, 8)])
def test_the_chain_rule_by_hand_is_autograd_s(activation: Activation, hidden: tuple[int, ...]) -> None:
    torch.manual_seed(1)
    layers = Mlp(5, hidden, 3, activation, gain=None)
    twin = copy.deepcopy(layers)
    FlatWeights(layers)
    hand = HandPass(layers)
    random = np.random.default_rng(1)
    inputs, asked = (random.normal(size=(ROWS, width)).astype(np.float32) for width in (5, 3))
    given = torch.from_numpy(inputs.copy()).requires_grad_()
    outputs = twin(given)
    assert hand.forward(inputs) == pytest.approx(outputs.detach().numpy(), abs=CLOSE)
    outputs.backward(torch.from_numpy(asked.copy()))
    back = hand.backward(asked.copy(), inputs=True)
    assert given.grad is not None and back == pytest.approx(given.grad.numpy(), abs=CLOSE)
    for one, other in zip(layers.parameters(), twin.parameters(), strict=True):
        assert one.grad is not None and other.grad is not None and torch.allclose(one.grad, other.grad, atol=CLOSE)
    kept = [parameter.grad.clone() for parameter in layers.parameters() if parameter.grad is not None]
    hand.forward(inputs)
    assert hand.backward(2 * asked, inputs=True, weights=False) == pytest.approx(2 * given.grad.numpy(), abs=2 * CLOSE)
    after = [parameter.grad for parameter in layers.parameters() if parameter.grad is not None]
    assert all(torch.equal(one, other) for one, other in zip(after, kept, strict=True))


@pytest.mark.parametrize("seen", SEEN)
def test_what_actions_are_worth_by_hand_is_what_autograd_finds(seen: str) -> None:
    torch.manual_seed(2)
    network, random = ActionValues(SEEN[seen], (16, 8), 4), np.random.default_rng(2)
    twin = copy.deepcopy(network)
    weights, passes = FlatWeights(network), ValuesPass(network, choose_device("cpu", "f32", 1))
    read, asked = observations(SEEN[seen], random), random.normal(size=(ROWS, 4)).astype(np.float32)
    outputs = twin(*(torch.from_numpy(part) for part in read))
    assert passes.forward(read) == pytest.approx(outputs.detach().numpy(), abs=CLOSE)
    weights.forget()
    passes.backward(asked)
    outputs.backward(torch.from_numpy(asked))
    expected = torch.cat([parameter.grad.flatten() for parameter in twin.parameters() if parameter.grad is not None])
    assert weights.all.grad is not None
    assert torch.allclose(weights.all.grad, expected, atol=CLOSE * max(1.0, float(expected.abs().max())))


@pytest.mark.parametrize("kind", ACTIONS)
def test_likelihoods_entropies_and_their_slopes(kind: str) -> None:
    actions, random = ACTIONS[kind], np.random.default_rng(3)
    distribution = distribution_of(actions)
    width = distribution.outputs * (2 if kind == "numbers" else 1)
    outputs = random.normal(0, 0.7, (ROWS, width)).astype(np.float32)
    chosen, log_probabilities = distribution.sample(outputs, random)
    likelihood = distribution.likelihood(outputs, chosen)
    assert likelihood.log_probabilities == pytest.approx(log_probabilities, abs=CLOSE)
    given = torch.from_numpy(outputs.copy()).requires_grad_()
    if kind == "numbers":
        normal = TorchNormal(given[:, :2], given[:, 2:].exp())
        logs, entropies = normal.log_prob(torch.from_numpy(chosen)).sum(1), normal.entropy().sum(1)
    else:
        parts = [Categorical(logits=part) for part in given.split(actions.choices, 1)]
        logs = torch.stack([part.log_prob(torch.from_numpy(chosen[:, place])) for place, part in enumerate(parts)]).sum(0)
        entropies = torch.stack([part.entropy() for part in parts]).sum(0)
    assert likelihood.log_probabilities == pytest.approx(logs.detach().numpy(), abs=CLOSE)
    assert likelihood.entropies() == pytest.approx(entropies.detach().numpy(), abs=CLOSE)
    one, other = random.normal(size=ROWS).astype(np.float32), np.float32(0.7)
    (torch.from_numpy(one) @ logs + float(other) * entropies.sum()).backward()  # type: ignore[no-untyped-call]
    assert given.grad is not None
    assert likelihood.gradient(one, other) == pytest.approx(given.grad.numpy(), abs=CLOSE, rel=1e-4)


def test_choices_are_drawn_as_often_as_they_are_likely() -> None:
    chances = [np.array([0.7, 0.3]), np.array([0.05, 0.15, 0.8])]
    outputs = np.tile(np.log(np.concatenate(chances)), (40_000, 1)).astype(np.float32)
    choices = Choices((2, 3))
    chosen, log_probabilities = choices.sample(outputs, np.random.default_rng(4))
    for place, chance in enumerate(chances):
        # Four standard deviations of a share, sqrt(p (1 - p) / n), at its largest.
        assert np.bincount(chosen[:, place]) / len(chosen) == pytest.approx(chance, abs=4 * math.sqrt(0.25 / len(chosen)))
    both = chances[0][chosen[:, 0]] * chances[1][chosen[:, 1]]
    assert np.exp(log_probabilities) == pytest.approx(both, rel=1e-4)
    assert choices.best(outputs[:1]).tolist() == [[0, 2]]
    assert [one[0].tolist() for one in choices.probabilities(outputs[:1])] == [pytest.approx(one.tolist()) for one in chances]


def test_a_choice_that_is_all_but_certain_is_no_trouble() -> None:
    outputs = np.array([[200.0, -200.0, 0.0], [0.0, 1e4, -1e4]], np.float32)
    choices = Choices((3,))
    chosen, logs = choices.sample(outputs, np.random.default_rng(0))
    likelihood = choices.likelihood(outputs, chosen)
    assert chosen.tolist() == [[0], [1]] and logs.tolist() == [0, 0] and likelihood.entropies().tolist() == [0, 0]
    assert np.isfinite(likelihood.gradient(np.ones(2, np.float32), np.float32(1))).all()


def test_numbers_are_drawn_around_their_means_with_their_spread() -> None:
    outputs = np.tile(np.array([1.0, -2.0, math.log(0.5), math.log(3.0)], np.float32), (40_000, 1))
    drawn, _ = Normal(2).sample(outputs, np.random.default_rng(5))
    assert drawn.mean(0) == pytest.approx([1, -2], abs=4 * 3 / math.sqrt(len(drawn)))  # four standard errors
    assert drawn.std(0) == pytest.approx([0.5, 3.0], rel=4 / math.sqrt(2 * len(drawn)))
    assert Normal(2).best(outputs[:1]).tolist() == [[1, -2]]


def flat(*modules: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten() for module in modules for parameter in module.parameters()])


def test_all_weights_are_one_and_the_modules_see_it() -> None:
    torch.manual_seed(6)
    modules = [nn.Linear(3, 4), nn.Linear(4, 2)]
    before = flat(*modules)
    weights = FlatWeights(*modules)
    assert torch.equal(weights.all.detach(), before)
    with torch.no_grad():
        weights.all.add_(1)
    assert torch.equal(flat(*modules), before + 1)
    modules[1](modules[0](torch.ones(5, 3))).sum().backward()
    assert weights.all.grad is not None and weights.all.grad[-2:].tolist() == [5, 5]
    modules[0].load_state_dict({name: torch.zeros_like(value) for name, value in modules[0].state_dict().items()})
    assert not weights.all[:16].any()  # loading writes into it, and does not part from it
    weights.forget()
    assert not weights.all.grad.any() and modules[0].weight.grad is not None and not modules[0].weight.grad.any()


@pytest.mark.parametrize(("longest", "length"), [(None, 5.0), (10.0, 5.0), (1.0, 1.0)])
def test_a_gradient_that_is_too_long_is_scaled_down(longest: float | None, length: float) -> None:
    weights = FlatWeights(nn.Linear(1, 1))
    assert weights.all.grad is not None
    weights.all.grad.copy_(torch.tensor([3.0, -4.0]))
    assert float(weights.clip(longest)) == 5
    assert float(weights.all.grad.norm()) == pytest.approx(length, abs=1e-5)


def test_a_gradient_that_is_not_finite_is_told_as_it_is() -> None:
    weights = FlatWeights(nn.Linear(1, 1))
    assert weights.all.grad is not None
    weights.all.grad.copy_(torch.tensor([3.0, float("nan")]))
    assert math.isnan(float(weights.clip(1.0)))


def test_weights_approach_others() -> None:
    one, other = FlatWeights(nn.Linear(2, 1)), FlatWeights(nn.Linear(2, 1))
    expected = 0.75 * one.all.detach() + 0.25 * other.all.detach()
    one.approach(other, 0.25)
    assert torch.allclose(one.all.detach(), expected)


def test_the_scale_of_observations_is_that_of_all_that_was_seen() -> None:
    random = np.random.default_rng(7)
    parts = [random.normal(100, (1, 20), (rows, 2)).astype(np.float32) for rows in (1, 7, 300, 5)]
    normaliser = Normaliser(2)
    for part in parts:
        normaliser.learn(torch.from_numpy(part))
    seen = np.concatenate(parts).astype(np.float64)
    assert normaliser.mean.numpy() == pytest.approx(seen.mean(0)) and normaliser.variance.numpy() == pytest.approx(seen.var(0))
    assert float(normaliser.count) == len(seen)
    scaled = normaliser(torch.from_numpy(parts[2])).numpy()
    assert scaled == pytest.approx((parts[2] - seen.mean(0)) / np.sqrt(seen.var(0)), abs=1e-3)  # 100 is large for float32
    assert float(normaliser(torch.tensor([[1e9, -1e9]])).abs().max()) == OBSERVED_RANGE


def test_a_policy_reads_what_the_normaliser_gives() -> None:
    shape, random = SEEN["vectors"], np.random.default_rng(8)
    normaliser = Normaliser(shape.numbers)
    normaliser.learn(torch.from_numpy(observations(shape, random).vectors * 3 + 1))
    answers: Any = None
    policy = Policy(answers, normaliser, ACTIONS["one choice"])
    seen = observations(shape, random)
    read: NDArray[np.float32] = policy.read(seen).vectors
    assert read.dtype == np.float32 and read == pytest.approx(normaliser(torch.from_numpy(seen.vectors)).numpy(), abs=1e-6)


def test_adam_by_arrays_is_that_of_pytorch() -> None:
    torch.manual_seed(0)
    ours, theirs = torch.nn.Linear(20, 30), torch.nn.Linear(20, 30)
    theirs.load_state_dict(ours.state_dict())
    weights, expected = FlatWeights(ours), FlatWeights(theirs)
    by_arrays, usual = adam(weights, 0.01, 1e-5), torch.optim.Adam([expected.all], lr=0.01, eps=1e-5)
    assert isinstance(by_arrays, FlatAdam)
    for number in range(50):
        gradient = torch.randn(len(weights.all)) * 10.0 ** (number % 5 - 2)
        for one in (weights, expected):
            assert one.all.grad is not None
            one.all.grad.copy_(gradient)
        for optimizer in (by_arrays, usual):
            optimizer.param_groups[0]["lr"] = 0.01 * (1 - number / 50)
            optimizer.step()
    assert torch.allclose(weights.all, expected.all, rtol=1e-5, atol=1e-6)
