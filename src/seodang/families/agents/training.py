"""The stages of training: an agent for each seed, one after another, each measured on the way."""

from __future__ import annotations

import math
from functools import partial
from typing import NamedTuple

from seodang.core.family import Stage, StageContext
from seodang.core.learner import Budget, Validation, Work
from seodang.core.seeds import mix
from seodang.families.agents.actor import Actor
from seodang.families.agents.algorithm import World, algorithm
from seodang.families.agents.data import AgentsData
from seodang.families.agents.evaluation import PLAYED_AT_ONCE, play
from seodang.families.agents.settings import AgentsSettings, AgentsTrainingSettings

TRAIN = "train"


def stage_names(settings: AgentsSettings) -> tuple[str, ...]:
    """One for each seed."""
    seeds = settings.training.seeds
    return (TRAIN,) if seeds == 1 else tuple(f"seed-{number}" for number in range(seeds))


def stages(settings: AgentsSettings) -> tuple[Stage[AgentsSettings, AgentsData], ...]:
    """In order."""
    return tuple(Stage(name, partial(train_agent, number)) for number, name in enumerate(stage_names(settings)))


class Plan(NamedTuple):
    """How a training is cut up."""

    total: int
    """Batches in all."""
    batches: int
    """Of an epoch."""
    epochs: int
    """As many as these make; a few batches cannot be cut into as many parts as one likes."""


def plan_of(training: AgentsTrainingSettings) -> Plan:
    """What so many steps come to."""
    assert training.steps and training.environments and training.horizon and training.epochs
    learned = max(1, training.steps - (training.warmup_steps or 0))
    total = math.ceil(learned / (training.environments * training.horizon))
    batches = math.ceil(total / training.epochs)
    return Plan(total, batches, math.ceil(total / batches))


def train_agent(number: int, context: StageContext[AgentsSettings, AgentsData]) -> Work:
    """Everything that `fit` needs for one of the seeds."""
    settings, training = context.settings, context.settings.training
    assert training.environments and settings.model.model
    world = World.of(settings, context.preprocessing, context.device)
    seed = training.seed + number
    chosen = algorithm(settings.model.model)
    networks = chosen.networks(world)
    plan = plan_of(training)
    environments = context.data.environments(training.environments, mix(seed, "training"), context.device.threads)
    learner, source = chosen.training(world, networks, environments, plan.batches, plan.total)
    budget = Budget(plan.epochs, seed, training.schedule or "constant", steps=plan.total)
    watch = EpisodeWatch(chosen.actor(world, networks), context.data, settings, seed, context.device.threads)
    return Work(learner, source, budget, watch)


class EpisodeWatch(Validation):
    """Plays whole episodes with what the agent holds for best, from the same beginnings each time.

    Args:
        actor: The agent.
        data: The environment, of which it makes some of its own.
        settings: How many episodes.
        seed: Where they begin; not where those of training or of the final measurement do.
        processes: Cores to keep busy.
    """

    monitor = "episode_return"
    newer_when_equal = True  # an agent that has learned more may look the same in as many episodes

    def __init__(self, actor: Actor, data: AgentsData, settings: AgentsSettings, seed: int, processes: int) -> None:
        assert settings.measuring.watched_episodes is not None
        self.actor, self.episodes = actor, settings.measuring.watched_episodes
        self.data, self.seed, self.processes = data, mix(seed, "watched"), processes

    def measure(self) -> dict[str, float]:
        """Mean return and length."""
        environments = self.data.environments(min(self.episodes, PLAYED_AT_ONCE), self.seed, self.processes)
        try:
            found = play(environments, self.actor.best, self.episodes)
        finally:
            environments.close()
        return {"episode_return": found.mean, "episode_length": float(found.lengths.mean())}
