"""Algorithm: what each way of learning has to say for itself, and the list of them."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from seodang.core.device import Device
from seodang.core.learner import BatchSource, Learner
from seodang.families.agents.actor import Actor, Array
from seodang.families.agents.environments.spaces import ActionShape, Observations, ObservationShape
from seodang.families.agents.environments.stepping import Environments
from seodang.families.agents.settings import AgentsSettings

MODULES = {"ppo": "ppo", "dqn": "dqn", "sac": "sac", "q-learning": "q_learning"}


@dataclass(frozen=True)
class World:
    """What an agent sees and does, and where it computes: all that networks are built by."""

    settings: AgentsSettings
    observation: ObservationShape
    actions: ActionShape
    device: Device

    @classmethod
    def of(cls, settings: AgentsSettings, preprocessing: Mapping[str, Any], device: Device) -> World:
        """As a run remembers it. Networks of vectors stay on the CPU: a GPU is waited for longer than each small step takes."""
        shape = ObservationShape.from_described(preprocessing["observation"])
        if not shape.channels:
            device = replace(device, type="cpu", precision="f32")
        return cls(settings, shape, ActionShape.from_described(preprocessing["actions"]), device)


Networks = Callable[[World], dict[str, nn.Module]]
MakeActor = Callable[[World, Mapping[str, nn.Module]], Actor]
Train = Callable[[World, Mapping[str, nn.Module], Environments, int, int], tuple[Learner, BatchSource]]
Run = Callable[[Observations], tuple[Array, ...]]
"""An exported network: observations -> its outputs, in order."""


@dataclass(frozen=True)
class Algorithm:
    """One way of learning."""

    networks: Networks
    """Everything with weights that acting needs, by name."""
    actor: MakeActor
    """Who acts by those networks."""
    whole: Callable[[World, Mapping[str, nn.Module]], nn.Module]
    """All that acting needs as one network of vectors and images, for export."""
    told: Mapping[str, str]
    """What that network gives: the name of each output, and what it means."""
    exported_actor: Callable[[World, Run], Actor]
    """Who acts by what an exported network gives."""
    training: Train
    """(world, networks, environments, batches of an epoch, batches in all) -> who learns, and from what."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what an exported network gives."""
        return tuple(self.told)


def algorithm(name: str) -> Algorithm:
    """An algorithm by its name; its file holds one called ALGORITHM."""
    found: Algorithm = importlib.import_module(f"{__package__}.algorithms.{MODULES[name]}").ALGORITHM
    return found
