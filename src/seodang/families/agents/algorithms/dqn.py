"""DQN: what each action is worth, learned from remembered steps, and the best one taken.

Mnih et al. 2015, "Human-level control through deep reinforcement learning", Nature 518, with the choice and the worth of the
next action by two networks (van Hasselt et al. 2016, "Deep reinforcement learning with double Q-learning", arXiv:1509.06461)
and rewards of several steps (Sutton 1988; Hessel et al. 2018, arXiv:1710.02298). Unlike the paper, the target network follows
slowly with every batch instead of being replaced now and then.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Protocol, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

from seodang.core.learner import Learner
from seodang.core.step import NonFiniteError
from seodang.families.agents.actor import Actor, Array
from seodang.families.agents.algorithm import Algorithm, MakeActor, Networks, Run, Train, World
from seodang.families.agents.algorithms.passes import FlatWeights, ValuesPass, adam, threads_for
from seodang.families.agents.algorithms.replay import Replayed, Replaying, ReplaySource
from seodang.families.agents.environments.spaces import ActionShape, Observations
from seodang.families.agents.environments.stepping import Environments
from seodang.families.agents.model import ActionValues

PIXELS_OF_IMAGES = 4096  # that the scale of pixels is learned of


class ValueAnswers(Protocol):
    """What computes what each action is worth: passes through a network, an exported model, a table."""

    def values_of(self, seen: Observations) -> Array:
        """(batch, actions)."""


@final
class GreedyActor(Actor):
    """Does what is worth most, and now and then anything.

    Args:
        answers: What each action is worth.
        actions: What can be done.
        exploration: Part of the sampled actions that are random.
    """

    def __init__(self, answers: ValueAnswers, actions: ActionShape, exploration: float) -> None:
        self.answers, self.actions, self.exploration = answers, actions, exploration

    def best(self, seen: Observations) -> NDArray[Any]:
        """The action that is worth most."""
        chosen: NDArray[Any] = self.answers.values_of(seen).argmax(1)
        return chosen[:, None]

    def sampled(self, seen: Observations, random: np.random.Generator) -> NDArray[Any]:
        """The same, or by chance another."""
        return self.explore(seen, random, self.exploration)

    def explore(self, seen: Observations, random: np.random.Generator, part: float) -> NDArray[Any]:
        """The best action, but a part of them random; of equal ones any."""
        worths = self.answers.values_of(seen)
        ties = worths == worths.max(1, keepdims=True)
        chosen = (ties * random.random(worths.shape)).argmax(1)
        anything = random.integers(0, worths.shape[1], seen.rows)
        return np.where(random.random(seen.rows) < part, anything, chosen)[:, None]

    def values(self, seen: Observations) -> Array:
        """What the best action is worth."""
        found: Array = self.answers.values_of(seen).max(1)
        return found

    def chances(self, seen: Observations) -> list[Array]:
        """Of the sampled actions."""
        worths = self.answers.values_of(seen)
        count = worths.shape[1]
        found = np.full(worths.shape, self.exploration / count, np.float32)
        found[np.arange(len(worths)), worths.argmax(1)] += 1 - self.exploration
        return [found]

    def worths(self, seen: Observations) -> Array:
        """Of every action."""
        return self.answers.values_of(seen)


class ExportedValues:
    """What an exported network gives, for a greedy actor."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def values_of(self, seen: Observations) -> Array:
        """(batch, actions)."""
        return self.run(seen)[0]


def last_exploration(world: World) -> float:
    """Part of the sampled actions that are random."""
    assert world.settings.training.last_exploration is not None
    return world.settings.training.last_exploration


def exploration_at(done: float, exploration: float, last: float) -> float:
    """Part of the actions that are random: from all along a line to the last part, then constant."""
    return max(last, 1 - (1 - last) * done / exploration) if exploration > 0 else last


class DqnLearner(Learner):
    """The worth of actions, and the rule that improves it.

    Args:
        passes, weights: Through the network that learns, and its weights.
        target, target_weights: The same of the one that follows.
        learning_rate, clip_norm, target_rate: As the settings name them.
        world: For which threads.
    """

    def __init__(
        self, passes: ValuesPass, weights: FlatWeights, target: ValuesPass, target_weights: FlatWeights, world: World
    ) -> None:
        training = world.settings.training
        assert training.learning_rate is not None and training.target_rate is not None
        self.passes, self.weights, self.target, self.target_weights = passes, weights, target, target_weights
        self.clip_norm, self.target_rate, self.shape = training.clip_norm, training.target_rate, world.observation
        self.adam = adam(weights, training.learning_rate)

    def modules(self) -> Mapping[str, nn.Module]:
        """The network, and the one that follows."""
        return {"network": self.passes.network, "target": self.target.network}

    def optimizers(self) -> Mapping[str, Optimizer]:
        """One."""
        return {"adam": self.adam}

    def update(self, batch: Replayed) -> dict[str, Tensor]:
        """A step for each batch of remembered steps."""
        sums = np.zeros(2)
        with threads_for(self.shape):
            for number in range(len(batch.rewards)):
                sums += self._step(batch, number)
        loss, worth = sums / len(batch.rewards)
        told = {**batch.told, "loss": loss, "worth": worth}
        return {name: torch.tensor(value, dtype=torch.float64) for name, value in told.items()}

    def _learn_pixels(self, images: NDArray[np.uint8]) -> None:
        """Learn how images look, of the first that are drawn: then the scale stays, by which all that is remembered is read."""
        for network in (self.passes.network, self.target.network):
            if network.features is not None and network.features.pixels.count < PIXELS_OF_IMAGES:
                network.features.pixels.learn(torch.from_numpy(images))

    def _step(self, batch: Replayed, number: int) -> NDArray[np.float64]:
        """Towards the rewards and the worth of what came later; the loss is Huber's, whose slope never exceeds 1."""
        self._learn_pixels(batch.seen.images[number])
        later = batch.later.at(number)
        count = later.rows
        every = np.arange(count)
        chosen = self.passes.values_of(later).argmax(1)
        wanted = batch.rewards[number] + batch.worth[number] * self.target.values_of(later)[every, chosen]
        worths = self.passes.forward(batch.seen.at(number))
        taken = batch.actions[number, :, 0]
        errors = worths[every, taken] - wanted
        asked = np.zeros_like(worths)
        asked[every, taken] = np.clip(errors, -1, 1) / count
        self.weights.forget()
        self.passes.backward(asked)
        if not math.isfinite(self.weights.clip(self.clip_norm)):
            raise NonFiniteError("the gradient of the worth of actions")
        self.adam.step()
        self.target_weights.approach(self.weights, self.target_rate)
        sizes = np.abs(errors)
        huber = np.where(sizes < 1, 0.5 * errors * errors, sizes - 0.5)
        return np.array([huber.mean(), worths.max(1).mean()], np.float64)


def _networks(world: World) -> dict[str, nn.Module]:
    assert world.settings.model.hidden is not None
    network = ActionValues(world.observation, world.settings.model.hidden, world.actions.choices[0])
    return {"network": network.to(world.device.torch)}


def _actor(world: World, networks: Mapping[str, nn.Module]) -> GreedyActor:
    network = networks["network"]
    assert isinstance(network, ActionValues)
    return GreedyActor(ValuesPass(network, world.device), world.actions, last_exploration(world))


def _training(
    world: World, networks: Mapping[str, nn.Module], environments: Environments, batches: int, total: int
) -> tuple[DqnLearner, ReplaySource]:
    training = world.settings.training.to_flat()
    target = _networks(world)["network"]
    target.load_state_dict(networks["network"].state_dict())
    assert isinstance(target, ActionValues)
    weights, target_weights = FlatWeights(networks["network"]), FlatWeights(target)
    actor = _actor(world, networks)
    assert isinstance(actor.answers, ValuesPass)
    learner = DqnLearner(actor.answers, weights, ValuesPass(target, world.device), target_weights, world)

    def explore(seen: Observations, random: np.random.Generator, done: float) -> NDArray[Any]:
        return actor.explore(seen, random, exploration_at(done, training["exploration"], training["last_exploration"]))

    replaying = Replaying(**{name: training[name] for name in Replaying._fields})
    return learner, ReplaySource(environments, explore, replaying, batches, total)


def greedy(networks: Networks, actor: MakeActor, training: Train) -> Algorithm:
    """An algorithm whose network says what each action is worth."""
    return Algorithm(
        networks=networks,
        actor=actor,
        whole=lambda world, made: made["network"],
        told={"worths": "(batch, actions): what each action is worth; the best is the largest"},
        exported_actor=lambda world, run: GreedyActor(ExportedValues(run), world.actions, last_exploration(world)),
        training=training,
    )


ALGORITHM = greedy(_networks, _actor, _training)
