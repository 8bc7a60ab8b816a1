"""PPO: a policy is improved on its own newest rollout, several times over, but never far from what it was.

Schulman et al. 2017, "Proximal policy optimization algorithms", arXiv:1707.06347, with generalised advantages (Schulman et al.
2016, arXiv:1506.02438), advantages normalised within a batch, and rates that fall along a line. An episode that a time
limit ended is not taken for one that went wrong: the value of its last observation stands for all that would have come.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

from seodang.core.learner import Learner
from seodang.core.step import NonFiniteError
from seodang.families.agents.actor import chance_of_this_step
from seodang.families.agents.algorithm import Algorithm, Run, World
from seodang.families.agents.algorithms.distributions import Likelihood, distribution_of
from seodang.families.agents.algorithms.passes import FlatWeights, PolicyPass, adam, threads_for
from seodang.families.agents.algorithms.policy import Policy
from seodang.families.agents.algorithms.returns import RewardScale
from seodang.families.agents.algorithms.rollouts import Rollout, RolloutSource
from seodang.families.agents.environments.spaces import Observations, ObservationShape
from seodang.families.agents.environments.stepping import Environments
from seodang.families.agents.model import ActorCritic, Moments, Normaliser

Array = NDArray[np.float32]
VALUE_WEIGHT = 0.5  # of the value's squared error beside the policy's loss
ADAM_EPSILON = 1e-5
LEAST_BATCH = 2  # steps; one has no spread to normalise by
PIXELS_EVERY = 4  # steps; those between look much the same


@dataclass(frozen=True)
class PpoRules:
    """How PPO learns; the names are those of the settings."""

    learning_rate: float
    discount: float
    gae_lambda: float
    clip_range: float
    entropy_weight: float
    clip_norm: float | None
    batch_size: int
    updates: int


TOLD_OF_STEPS = ("policy_loss", "value_loss", "entropy", "moved", "clipped")


class Step(NamedTuple):
    """What one step saw, for those that are told of."""

    likelihood: Likelihood
    change: Array
    """(batch,), of the logarithms of probabilities since the rollout."""
    ratios: Array
    better: Array
    """(batch,), advantages, normalised."""
    errors: Array
    """(batch,), of the values."""
    clip: np.float32


class Sample(NamedTuple):
    """Steps in any order, with what they turned out to be worth."""

    seen: Observations
    actions: NDArray[np.int64] | Array
    log_probabilities: Array
    advantages: Array
    returns: Array

    def at(self, rows: NDArray[np.int64]) -> Sample:
        """Some of them."""
        return Sample(
            self.seen.at(rows), self.actions[rows], self.log_probabilities[rows], self.advantages[rows], self.returns[rows]
        )


def advantages(
    rewards: Array, values: Array, terminated: NDArray[np.bool_], over: NDArray[np.bool_], discount: float, weight: float
) -> Array:
    """How much better each step was than expected: generalised advantages, equation 16 of arXiv:1506.02438.

    Args:
        rewards: (time, environments).
        values: (time + 1, environments), of the observation before each step, and after the last.
        terminated: (time, environments); nothing comes after such a step.
        over: (time, environments); ended by whatever. After a time limit the value of the last observation stands for the rest.
        discount: What a reward one step later is worth.
        weight: Lambda: how far a surprise reaches back.

    Returns: (time, environments), float32.
    """
    surprises = rewards + discount * values[1:] * ~terminated - values[:-1]
    found = np.empty_like(rewards)
    carried = np.zeros_like(rewards[0])
    kept = (discount * weight) * ~over
    for step in range(len(rewards) - 1, -1, -1):
        carried = surprises[step] + kept[step] * carried
        found[step] = carried
    return found


class PpoLearner(Learner):
    """A policy, its value, and the rule that improves both.

    Args:
        policy: Who acts.
        passes: Through the policy's network.
        weights: Of that network.
        rules: How it learns.
        shape: Of what is seen.
        pixels: What is learned of every pixel of images, or None.
    """

    def __init__(
        self,
        policy: Policy,
        passes: PolicyPass,
        weights: FlatWeights,
        rules: PpoRules,
        shape: ObservationShape,
        pixels: Moments | None = None,
    ) -> None:
        self.policy, self.passes, self.rules, self.weights = policy, passes, rules, weights
        self.shape, self.pixels = shape, pixels
        self.adam = adam(weights, rules.learning_rate, ADAM_EPSILON)

    def modules(self) -> Mapping[str, nn.Module]:
        """Networks, and the scale of observations, without which they would read something else."""
        normaliser = self.policy.normaliser
        return {"network": self.passes.network, **({} if normaliser is None else {"normaliser": normaliser})}

    def optimizers(self) -> Mapping[str, Optimizer]:
        """One for all weights."""
        return {"adam": self.adam}

    def update(self, batch: Rollout) -> dict[str, Tensor]:
        """Pass over a rollout several times, in batches of steps drawn anew each time."""
        with threads_for(self.shape):
            values = self.passes.values_of(batch.seen.flat(2)).reshape(len(batch.rewards) + 1, -1)
            sample, explained = self._judged(batch, values)
            told, count = np.zeros(len(TOLD_OF_STEPS)), 0
            for rows, last in self._batches(len(sample.advantages)):
                step = self._step(sample.at(rows))
                if last:
                    told += self._told(step)
                    count += 1
            if self.pixels is not None:  # not sooner: what was done and what is learned of it go by one scale
                self.pixels.learn(torch.from_numpy(batch.seen.images[:-1:PIXELS_EVERY]).flatten(0, 1))
        means = dict(zip(TOLD_OF_STEPS, told / max(count, 1), strict=True))
        found = {**batch.told, **means, "explained": explained}
        return {name: torch.tensor(value, dtype=torch.float64) for name, value in found.items()}

    def _judged(self, batch: Rollout, values: Array) -> tuple[Sample, float]:
        """The steps that something can be learned of, and the part of the returns' variance that the values explain."""
        rules = self.rules
        better = advantages(batch.rewards, values, batch.terminated, batch.over, rules.discount, rules.gae_lambda)
        returns = better + values[:-1]
        before = Observations(batch.seen.vectors[:-1], batch.seen.images[:-1]).flat(2)
        actions = batch.actions.reshape(-1, batch.actions.shape[2])
        every = Sample(before, actions, batch.log_probabilities.ravel(), better.ravel(), returns.ravel())
        sample = every.at(np.flatnonzero(~batch.begun.ravel()))
        spread = float(sample.returns.var())
        return sample, 1 - float(sample.advantages.var()) / spread if spread > 0 else 0.0

    def _batches(self, count: int) -> Iterator[tuple[NDArray[np.int64], bool]]:
        """Rows of each batch, and whether it is of the last pass."""
        random = chance_of_this_step()
        for left in range(self.rules.updates - 1, -1, -1):
            order = random.permutation(count)
            for start in range(0, count, self.rules.batch_size):
                rows = order[start : start + self.rules.batch_size]
                if len(rows) >= LEAST_BATCH:
                    yield rows, not left

    def _step(self, sample: Sample) -> Step:
        """One step down the clipped objective, equation 9 of the paper; its gradient by each output in closed form."""
        rules, count = self.rules, len(sample.advantages)
        outputs, values = self.passes.forward(sample.seen)
        likelihood = self.policy.distribution.likelihood(outputs, sample.actions)
        change = likelihood.log_probabilities - sample.log_probabilities
        ratios = np.exp(change)
        better = standardised(sample.advantages)
        clip = np.float32(rules.clip_range * self.rate)
        # Where the ratio has left the clip range in the direction that pays, the objective is flat.
        free = np.where(better > 0, ratios < 1 + clip, ratios > 1 - clip)
        errors = values - sample.returns
        weights = better * ratios
        weights *= free
        weights *= np.float32(-1 / count)
        asked = likelihood.gradient(weights, np.float32(-rules.entropy_weight / count))
        self.weights.forget()
        self.passes.backward(asked, errors * np.float32(2 * VALUE_WEIGHT / count))
        if not math.isfinite(self.weights.clip(rules.clip_norm)):
            raise NonFiniteError("the gradient of the policy and its value")
        self.adam.step()
        return Step(likelihood, change, ratios, better, errors, clip)

    def _told(self, step: Step) -> NDArray[np.float64]:
        """What a step says of the training, as `TOLD_OF_STEPS` names it."""
        clipped = np.clip(step.ratios, 1 - step.clip, 1 + step.clip)
        return np.array(
            [
                -np.minimum(step.ratios * step.better, clipped * step.better).mean(),
                (step.errors * step.errors).mean(),
                step.likelihood.entropies().mean(),
                (step.ratios - 1 - step.change).mean(),  # http://joschu.net/blog/kl-approx.html
                (clipped != step.ratios).mean(),
            ],
            np.float64,
        )


def standardised(values: Array) -> Array:
    """Less their mean, and by their standard deviation."""
    centred = values - np.add.reduce(values) / np.float32(len(values))
    found: Array = centred / np.float32(math.sqrt(float(centred @ centred) / len(values)) + 1e-8)
    return found


def _networks(world: World) -> dict[str, nn.Module]:
    continuous = world.actions.kind == "continuous"
    outputs = distribution_of(world.actions).outputs
    assert world.settings.model.hidden is not None
    network = ActorCritic(world.observation, world.settings.model.hidden, outputs, continuous).to(world.device.torch)
    if not world.settings.environment.normalise or not world.observation.numbers:
        return {"network": network}
    return {"network": network, "normaliser": Normaliser(world.observation.numbers)}


def _actor(world: World, networks: Mapping[str, nn.Module]) -> Policy:
    network, normaliser = networks["network"], networks.get("normaliser")
    assert isinstance(network, ActorCritic) and (normaliser is None or isinstance(normaliser, Normaliser))
    return Policy(PolicyPass(network, world.device), normaliser, world.actions)


def _training(
    world: World, networks: Mapping[str, nn.Module], environments: Environments, batches: int, total: int
) -> tuple[PpoLearner, RolloutSource]:
    training = world.settings.training.to_flat()
    weights = FlatWeights(networks["network"])
    policy = _actor(world, networks)
    assert isinstance(policy.answers, PolicyPass)
    rules = PpoRules(**{name: training[name] for name in PpoRules.__dataclass_fields__})
    scale = RewardScale(environments.count, rules.discount) if world.settings.environment.normalise else None
    source = RolloutSource(environments, policy, training["horizon"], batches, scale)
    features = policy.answers.network.features
    pixels = features.pixels if features is not None and world.settings.environment.normalise else None
    return PpoLearner(policy, policy.answers, weights, rules, world.observation, pixels), source


class _Whole(nn.Module):
    """Policy and value of observations as they come."""

    def __init__(self, network: nn.Module, normaliser: nn.Module | None) -> None:
        super().__init__()
        self.network, self.normaliser = network, normaliser

    def forward(self, vectors: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
        """Returns: What the policy gives, and values."""
        found: tuple[Tensor, Tensor] = self.network(vectors if self.normaliser is None else self.normaliser(vectors), images)
        return found


class _Exported:
    """What an exported network gives, for a policy."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def policy_of(self, seen: Observations) -> Array:
        """(batch, outputs)."""
        return self.run(seen)[0]

    def values_of(self, seen: Observations) -> Array:
        """(batch,)."""
        return self.run(seen)[1]


TOLD = {
    "policy": "(batch, outputs): a logit for each action of each choice; or the mean of each number from -1 to 1, then the "
    "logarithm of its standard deviation",
    "values": "(batch,): what is expected to be paid from here on, in the rewards it learned from",
}

ALGORITHM = Algorithm(
    networks=_networks,
    actor=_actor,
    whole=lambda world, networks: _Whole(networks["network"], networks.get("normaliser")),
    told=TOLD,
    exported_actor=lambda world, run: Policy(_Exported(run), None, world.actions),
    training=_training,
)
