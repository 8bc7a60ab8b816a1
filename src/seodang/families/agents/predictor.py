"""Trained agents, ready to act, whatever computes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from seodang.core.checkpoint import restore_modules
from seodang.core.errors import DataError
from seodang.core.family import Trained
from seodang.core.values import Action, Observation, Refused
from seodang.data.lines import read_lines
from seodang.families.agents.actor import Actor
from seodang.families.agents.algorithm import World, algorithm
from seodang.families.agents.environments.given import fitted, space_from
from seodang.families.agents.environments.spaces import ObservationReader, Observations
from seodang.families.agents.settings import AgentsSettings
from seodang.families.agents.training import stage_names


@dataclass(frozen=True)
class AgentsPredictor:
    """What can act for a trained run: an agent of each seed, of whom one is chosen."""

    world: World
    agents: tuple[Actor, ...]
    reader: ObservationReader
    """Of what the environment shows."""
    networks: tuple[Mapping[str, nn.Module], ...]
    """Of each agent; none of an exported one."""
    chosen: int = 0
    """The agent that was best on the way."""

    @property
    def settings(self) -> AgentsSettings:
        """Of the run."""
        return self.world.settings

    @property
    def agent(self) -> Actor:
        """The chosen one."""
        return self.agents[self.chosen]

    def predict(self, inputs: Sequence[Observation]) -> list[Action | Refused]:
        """What to do for each observation."""
        answers: dict[int, Action | Refused] = {}
        read: dict[int, Observations] = {}
        for place, one in enumerate(inputs):
            try:
                read[place] = self.read(one.content())
            except DataError as error:
                answers[place] = Refused(str(error).rstrip("."))
        if read:
            seen = Observations(*(np.concatenate(parts) for parts in zip(*read.values(), strict=True)))
            answers |= dict(zip(read, self.decide(seen), strict=True))
        return [answers[place] for place in range(len(inputs))]

    def decide(self, seen: Observations) -> list[Action]:
        """What to do, as the environment takes it, and what the agent thinks."""
        wanted = self.world.actions.for_environment(self.agent.best(seen))
        chances, values, worths = self.agent.chances(seen), self.agent.values(seen), self.agent.worths(seen)
        return [
            Action(
                action.tolist(),
                None if chances is None else tuple(tuple(map(float, one[row])) for one in chances),
                None if worths is None else tuple(map(float, worths[row])),
                None if values is None else float(values[row]),
            )
            for row, action in enumerate(wanted)
        ]

    def read(self, content: Any) -> Observations:
        """One observation as networks read it.

        Args: content: As the environment gives it: numbers, lists, dictionaries. A single image stands for all of a stack.
        Raises: DataError: It has another shape.
        """
        rows = self.reader.shape.empty(1)
        self.reader.write(fitted(self.reader.space, content), rows, 0, first=True)
        return rows


def load_agents(trained: Trained[AgentsSettings]) -> AgentsPredictor:
    """The agents of a run. Raises: RunError: Weights are missing or of another network."""
    world = World.of(trained.settings, trained.preprocessing, trained.device)
    assert trained.settings.model.model is not None
    rules = algorithm(trained.settings.model.model)
    agents, networks = [], []
    for name in stage_names(trained.settings):
        made = rules.networks(world)
        restore_modules(made, trained.weights[name])
        for network in made.values():
            network.eval()
        agents.append(rules.actor(world, made))
        networks.append(made)
    return AgentsPredictor(world, tuple(agents), reader_of(trained.preprocessing), tuple(networks), _best(trained))


def reader_of(preprocessing: Mapping[str, Any]) -> ObservationReader:
    """What reads observations as they were read in training."""
    return ObservationReader(space_from(preprocessing["space"]), preprocessing["frames"])


def _best(trained: Trained[AgentsSettings]) -> int:
    """The agent with the highest return in any measurement on the way, whose episodes are not those of the last one."""
    best: dict[str, float] = {}
    for row in trained.run.rows("metrics.jsonl"):
        if row["kind"] == "evaluation":
            best[row["stage"]] = max(best.get(row["stage"], -np.inf), row["episode_return"])
    scores = [best.get(name, -np.inf) for name in stage_names(trained.settings)]
    return int(np.argmax(scores))


def read_observations(source: Path) -> list[Observation]:
    """One a line, as JSON. Raises: DataError: The file is not there, or a line is empty."""
    return [Observation(line, where) for where, line in read_lines(source, "observation")]
