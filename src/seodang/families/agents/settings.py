"""Every setting of agents, and their presets."""

from __future__ import annotations

from typing import Any, Literal

from seodang.core.settings import MOST_EPOCHS, Field, Settings
from seodang.families.agents.tuned import TUNED, preset_of

ModelName = Literal["ppo", "dqn", "sac", "q-learning"]
NETWORKS: dict[str, tuple[str, ...]] = {"model": ("ppo", "dqn", "sac")}
REPLAYED: dict[str, tuple[str, ...]] = {"model": ("dqn", "sac")}
ON_POLICY: dict[str, tuple[str, ...]] = {"model": ("ppo",)}


class EnvironmentSettings(Settings):
    """Environment."""

    environment_options: tuple[str, ...] = Field(
        (), description="what the environment is made with, each name=value, such as is_slippery=false or max_episode_steps=200"
    )
    frames: int = Field(
        4, ge=1, le=16, description="images that are seen at once, so that motion shows; where there are images"
    )
    normalise: bool | None = Field(
        None, description="scale observations and rewards by what was seen of them so far", read_by=ON_POLICY
    )


class ModelSettings(Settings):
    """Model."""

    model: ModelName | None = Field(None, description="algorithm; derived: by the kind of the actions, or as it was tuned")
    hidden: tuple[int, ...] | None = Field(
        None, ge=1, le=4096, description="units of each hidden layer; behind the convolutions, where there are images",
        read_by=NETWORKS,
    )  # fmt: skip


class AgentsTrainingSettings(Settings):
    """Training."""

    steps: int | None = Field(None, ge=1, le=10_000_000_000, description="steps in the environment, all of them together")
    environments: int | None = Field(None, ge=1, le=4096, description="environments that are stepped at once")
    epochs: int | None = Field(
        None, ge=1, le=MOST_EPOCHS, description="parts that the training is cut into; the agent is measured after each"
    )
    learning_rate: float | None = Field(None, gt=0, le=10, description="highest rate of the optimizer, or of the table")
    schedule: Literal["linear", "constant"] | None = Field(None, description="how the rate changes")
    discount: float | None = Field(None, ge=0, le=1, description="what a reward one step later is worth (gamma)")
    batch_size: int | None = Field(None, ge=2, le=65_536, description="steps learned from at once", read_by=NETWORKS)
    horizon: int | None = Field(None, ge=1, le=65_536, description="steps of each environment between two times of learning")
    updates: int | None = Field(
        None, ge=1, le=65_536, description="passes over a rollout (ppo), or batches from the replay buffer, at each such time",
        read_by=NETWORKS,
    )  # fmt: skip
    clip_norm: float | None = Field(
        None, gt=0, description="longest gradient; a longer one is scaled down; none: never", read_by=NETWORKS
    )
    gae_lambda: float | None = Field(
        None, ge=0, le=1, description="how far advantages look beyond the next value", read_by=ON_POLICY
    )
    clip_range: float | None = Field(
        None, gt=0, le=1, description="how far the chance of an action may move, as a part of it", read_by=ON_POLICY
    )
    entropy_weight: float | None = Field(None, ge=0, le=1, description="what it is worth to stay undecided", read_by=ON_POLICY)
    replay_size: int | None = Field(None, ge=100, le=100_000_000, description="steps that are remembered", read_by=REPLAYED)
    warmup_steps: int | None = Field(
        None, ge=1, le=10_000_000, description="steps at random before any learning", read_by=REPLAYED
    )
    n_step: int | None = Field(
        None, ge=1, le=100, description="rewards that are added up before a value is taken for the rest", read_by=REPLAYED
    )
    target_rate: float | None = Field(
        None, gt=0, le=1, description="how much of the network the target takes over with each batch", read_by=REPLAYED
    )
    exploration: float | None = Field(
        None, ge=0, le=1, description="part of the training in which random actions become rare",
        read_by={"model": ("dqn", "q-learning")},
    )  # fmt: skip
    last_exploration: float | None = Field(
        None, ge=0, le=1, description="part of the actions that stay random", read_by={"model": ("dqn", "q-learning")}
    )
    seed: int = Field(0, ge=0, lt=2**31, description="start of every random choice")
    seeds: int = Field(1, ge=1, le=100, description="agents that are trained, each from its own start; the spread is measured")


class MeasuringSettings(Settings):
    """Measuring."""

    episodes: int = Field(100, ge=2, le=100_000, description="episodes that an agent is measured by at the end")
    watched_episodes: int | None = Field(None, ge=1, le=100_000, description="episodes that it is measured by on the way")
    map_numbers: tuple[int, ...] = Field(
        (), ge=0, description="two numbers of an observation that the map of values lies over; none: those it looks at most"
    )


class AgentsSettings(Settings):
    """Agents."""

    environment: EnvironmentSettings = EnvironmentSettings()
    model: ModelSettings = ModelSettings()
    training: AgentsTrainingSettings = AgentsTrainingSettings()
    measuring: MeasuringSettings = MeasuringSettings()


SETTINGS = AgentsSettings


def smoke() -> dict[str, Any]:
    """The shortest training that still learns something, in seconds."""
    return {
        "model": "ppo", "steps": 4096, "environments": 8, "horizon": 32, "epochs": 3, "hidden": [32, 32], "episodes": 20,
        "watched_episodes": 8, "batch_size": 64, "updates": 4,
    }  # fmt: skip


PRESETS = {"smoke": smoke, **{name: preset_of(name) for name in TUNED}}

SOURCES = "an environment, such as CartPole-v1 or package.module:EnvironmentClass of your own"
READING = ("environment_options",)
PREDICTING = ("episodes", "map_numbers")
