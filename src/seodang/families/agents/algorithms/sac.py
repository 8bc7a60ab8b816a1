"""SAC: numbers are chosen so that they pay and stay surprising, learned from remembered steps.

Haarnoja et al. 2018, "Soft actor-critic algorithms and applications", arXiv:1812.05905: two critics of which the lower is
believed, targets that follow them, actions squashed into their bounds by tanh, and a temperature that adapts until the policy
is as undecided as the paper asks: its entropy minus one nat for each number.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

from seodang.core.learner import Learner
from seodang.core.step import NonFiniteError
from seodang.families.agents.actor import Actor, Array
from seodang.families.agents.algorithm import Algorithm, Run, World
from seodang.families.agents.algorithms.distributions import LOG_SQRT_2PI
from seodang.families.agents.algorithms.passes import FlatWeights, HandPass, adam, threads_for
from seodang.families.agents.algorithms.replay import Replayed, Replaying, ReplaySource
from seodang.families.agents.environments.spaces import ActionShape, Observations
from seodang.families.agents.environments.stepping import Environments
from seodang.families.agents.model import Mlp, TwinValues

LEAST_LOG_STD, MOST_LOG_STD = -20.0, 2.0  # of the paper's own code
SQUASH_EPSILON = 1e-6  # keeps the logarithm of 1 - tanh² finite


class SquashedAnswers(Protocol):
    """What computes means and logarithms of standard deviations: a pass through a network, or an exported model."""

    def forward(self, inputs: Array) -> Array:
        """(batch, numbers) -> (batch, 2 * width)."""


class Squashed(NamedTuple):
    """Actions drawn from normal distributions and squashed, with what the way back needs."""

    actions: Array
    """(batch, width), from -1 to 1."""
    log_probabilities: Array
    """(batch,)."""
    noise: Array
    stds: Array
    free: NDArray[np.bool_]
    """(batch, width), where the spread is within its bounds."""


def squashed(outputs: Array, noise: Array) -> Squashed:
    """Actions by given noise, appendix C of the paper.

    Args:
        outputs: (batch, 2 * width), means and logarithms of standard deviations.
        noise: (batch, width), standard normal.
    """
    width = noise.shape[1]
    logs = np.clip(outputs[:, width:], LEAST_LOG_STD, MOST_LOG_STD)
    stds = np.exp(logs)
    actions = np.tanh(outputs[:, :width] + stds * noise)
    squash = np.log(1 - actions * actions + np.float32(SQUASH_EPSILON))
    log_probabilities = (-0.5 * noise * noise - logs - np.float32(LOG_SQRT_2PI) - squash).sum(1)
    return Squashed(actions, log_probabilities, noise, stds, logs == outputs[:, width:])


@final
class SquashedActor(Actor):
    """Chooses numbers within bounds.

    Args:
        answers: Means and spreads.
        actions: What can be done.
    """

    def __init__(self, answers: SquashedAnswers, actions: ActionShape) -> None:
        self.answers, self.actions = answers, actions

    def best(self, seen: Observations) -> NDArray[Any]:
        """The squashed mean."""
        return np.tanh(self.answers.forward(seen.vectors)[:, : self.actions.width])

    def sampled(self, seen: Observations, random: np.random.Generator) -> NDArray[Any]:
        """By chance."""
        noise = random.standard_normal((seen.rows, self.actions.width), np.float32)
        return squashed(self.answers.forward(seen.vectors), noise).actions


class Temperature(nn.Module):
    """What it is worth to be undecided, as a logarithm."""

    def __init__(self) -> None:
        super().__init__()
        self.log = nn.Parameter(torch.zeros(1))


class SacLearner(Learner):
    """Policy, critics, temperature, and the rules that improve them.

    Args:
        policy: The network of means and spreads.
        critics: Two that say what actions are worth.
        world: Settings and shapes.
    """

    def __init__(self, policy: Mlp, critics: TwinValues, world: World) -> None:
        training = world.settings.training
        assert training.learning_rate is not None and training.target_rate is not None
        self.policy, self.critics, self.temperature = policy, critics, Temperature()
        self.targets = TwinValues(world.observation.numbers, world.actions.width, world.settings.model.hidden or ())
        self.targets.load_state_dict(critics.state_dict())
        self.policy_weights, self.critic_weights = FlatWeights(policy), FlatWeights(critics)
        self.target_weights, self.temperature_weights = FlatWeights(self.targets), FlatWeights(self.temperature)
        self.policy_pass = HandPass(policy)
        self.critic_passes = HandPass(critics.first), HandPass(critics.second)
        self.target_passes = HandPass(self.targets.first), HandPass(self.targets.second)
        self.adams = {
            "policy": adam(self.policy_weights, training.learning_rate),
            "critics": adam(self.critic_weights, training.learning_rate),
            "temperature": adam(self.temperature_weights, training.learning_rate),
        }
        self.clip_norm, self.target_rate, self.shape = training.clip_norm, training.target_rate, world.observation
        self.wanted_entropy = -float(world.actions.width)

    def modules(self) -> Mapping[str, nn.Module]:
        """All networks."""
        return {
            "policy": self.policy, "critics": self.critics, "targets": self.targets, "temperature": self.temperature,
        }  # fmt: skip

    def optimizers(self) -> Mapping[str, Optimizer]:
        """One for policy, critics and temperature each."""
        return self.adams

    def update(self, batch: Replayed) -> dict[str, Tensor]:
        """A step of all three for each batch of remembered steps."""
        random = np.random.Generator(np.random.Philox(key=int(torch.randint(2**62, (1,)))))
        sums = np.zeros(4)
        with threads_for(self.shape):
            for number in range(len(batch.rewards)):
                sums += self._step(batch, number, random)
        names = ("policy_loss", "critic_loss", "entropy", "temperature")
        told = {**batch.told, **dict(zip(names, sums / len(batch.rewards), strict=True))}
        return {name: torch.tensor(value, dtype=torch.float64) for name, value in told.items()}

    def _step(self, batch: Replayed, number: int, random: np.random.Generator) -> NDArray[np.float64]:
        alpha = np.float32(math.exp(float(self.temperature.log.detach())))
        critic_loss = self._improve_critics(batch, number, alpha, random)
        policy_loss, entropy = self._improve_policy(batch.seen.vectors[number], alpha, random)
        self.target_weights.approach(self.critic_weights, self.target_rate)
        return np.array([policy_loss, critic_loss, entropy, alpha], np.float64)

    def _improve_critics(self, batch: Replayed, number: int, alpha: np.float32, random: np.random.Generator) -> float:
        """Towards rewards and the lower target of a new action later, equation 5 of the paper."""
        later = batch.later.vectors[number]
        count, width = len(later), batch.actions.shape[2]
        following = squashed(self.policy_pass.forward(later), random.standard_normal((count, width), np.float32))
        both = np.concatenate([later, following.actions], 1)
        lower = np.minimum(*(one.forward(both)[:, 0] for one in self.target_passes))
        wanted = batch.rewards[number] + batch.worth[number] * (lower - alpha * following.log_probabilities)
        taken = np.concatenate([batch.seen.vectors[number], batch.actions[number]], 1)
        self.critic_weights.forget()
        loss = 0.0
        for one in self.critic_passes:
            errors = one.forward(taken)[:, 0] - wanted
            one.backward((errors / np.float32(count))[:, None])
            loss += 0.5 * float((errors * errors).mean())
        self._descend("critics", self.critic_weights)
        return loss

    def _improve_policy(self, seen: Array, alpha: np.float32, random: np.random.Generator) -> tuple[float, float]:
        """Towards actions that the lower critic holds for worth more, equation 9, and the temperature with it, equation 18."""
        count = len(seen)
        width = int(-self.wanted_entropy)
        drawn = squashed(self.policy_pass.forward(seen), random.standard_normal((count, width), np.float32))
        both = np.concatenate([seen, drawn.actions], 1)
        worths = [one.forward(both)[:, 0] for one in self.critic_passes]
        lower = worths[0] <= worths[1]
        by_actions = np.zeros_like(drawn.actions)
        for one, believed in zip(self.critic_passes, (lower, ~lower), strict=True):
            asked = (believed * np.float32(-1 / count))[:, None]
            inner = one.backward(asked.astype(np.float32), inputs=True, weights=False)
            assert inner is not None
            by_actions += inner[:, seen.shape[1] :]
        by_means, by_logs = squashed_gradient(drawn, by_actions, alpha / np.float32(count))
        self.policy_weights.forget()
        self.policy_pass.backward(np.concatenate([by_means, by_logs], 1))
        self._descend("policy", self.policy_weights)
        entropy = -float(drawn.log_probabilities.mean())
        assert self.temperature.log.grad is not None
        self.temperature.log.grad.fill_(entropy - self.wanted_entropy)
        self.adams["temperature"].step()
        loss = float((alpha * drawn.log_probabilities - np.minimum(*worths)).mean())
        return loss, entropy

    def _descend(self, name: str, weights: FlatWeights) -> None:
        if not math.isfinite(weights.clip(self.clip_norm)):
            raise NonFiniteError(f"the gradient of the {name}")
        self.adams[name].step()


def squashed_gradient(drawn: Squashed, by_actions: Array, weight: np.float32) -> tuple[Array, Array]:
    """What a loss asks of means and of logarithms of standard deviations, by the chain rule through `squashed`.

    Args:
        drawn: Actions.
        by_actions: What the loss asks of each action but for its probability, (batch, width).
        weight: Of the logarithms of probabilities in the loss.
    """
    slope = 1 - drawn.actions * drawn.actions
    by_means = by_actions * slope + weight * 2 * drawn.actions * slope / (slope + np.float32(SQUASH_EPSILON))
    by_logs = (by_means * drawn.stds * drawn.noise - weight) * drawn.free
    return by_means, by_logs


def _networks(world: World) -> dict[str, nn.Module]:
    numbers, width, hidden = world.observation.numbers, world.actions.width, world.settings.model.hidden or ()
    return {
        "policy": Mlp(numbers, hidden, 2 * width, "relu", gain=None),
        "critics": TwinValues(numbers, width, hidden),
    }


def _actor(world: World, networks: Mapping[str, nn.Module]) -> SquashedActor:
    policy = networks["policy"]
    assert isinstance(policy, Mlp)
    return SquashedActor(HandPass(policy), world.actions)


def _training(
    world: World, networks: Mapping[str, nn.Module], environments: Environments, batches: int, total: int
) -> tuple[SacLearner, ReplaySource]:
    policy, critics = networks["policy"], networks["critics"]
    assert isinstance(policy, Mlp) and isinstance(critics, TwinValues)
    learner = SacLearner(policy, critics, world)
    actor = SquashedActor(learner.policy_pass, world.actions)

    def explore(seen: Observations, random: np.random.Generator, done: float) -> NDArray[Any]:
        return actor.sampled(seen, random)

    training = world.settings.training.to_flat()
    replaying = Replaying(**{name: training[name] for name in Replaying._fields})
    return learner, ReplaySource(environments, explore, replaying, batches, total)


class _Whole(nn.Module):
    """The policy of vectors; there are no images."""

    def __init__(self, policy: nn.Module) -> None:
        super().__init__()
        self.policy = policy

    def forward(self, vectors: Tensor, images: Tensor) -> Tensor:
        """(batch, 2 * width)."""
        found: Tensor = self.policy(vectors)
        return found


class _Exported:
    """What an exported network gives, for a squashed actor."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def forward(self, inputs: Array) -> Array:
        """(batch, 2 * width)."""
        return self.run(Observations(inputs, np.zeros((len(inputs), 0, 0, 0), np.uint8)))[0]


ALGORITHM = Algorithm(
    networks=_networks,
    actor=_actor,
    whole=lambda world, networks: _Whole(networks["policy"]),
    told={
        "policy": "(batch, 2 * width): means, then logarithms of standard deviations; tanh of a mean is the number from -1 to 1"
    },
    exported_actor=lambda world, run: SquashedActor(_Exported(run), world.actions),
    training=_training,
)
