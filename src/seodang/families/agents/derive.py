"""What the environment tells of the settings that the user left open."""

from __future__ import annotations

from typing import Any

from seodang.core.errors import SettingsError
from seodang.core.family import Prepared
from seodang.families.agents.data import AgentsData
from seodang.families.agents.environments.spaces import ActionShape
from seodang.families.agents.explaining.value_map import check_numbers
from seodang.families.agents.settings import AgentsSettings
from seodang.families.agents.training import plan_of
from seodang.families.agents.tuned import ENVIRONMENTS, TUNED

SHARED: dict[str, Any] = {"discount": 0.99, "schedule": "constant"}
USUAL: dict[str, dict[str, Any]] = {
    "ppo": {
        "steps": 1_000_000, "environments": 16, "horizon": 256, "updates": 10, "batch_size": 256, "learning_rate": 3e-4,
        "hidden": (64, 64), "normalise": True, "gae_lambda": 0.95, "clip_range": 0.2, "entropy_weight": 0.0, "clip_norm": 0.5,
        "schedule": "linear",
    },
    "dqn": {
        "steps": 500_000, "environments": 8, "horizon": 1, "updates": 1, "batch_size": 128, "learning_rate": 5e-4,
        "hidden": (128, 128), "clip_norm": 10.0, "replay_size": 100_000, "warmup_steps": 5000, "n_step": 3,
        "target_rate": 0.005, "exploration": 0.2, "last_exploration": 0.05,
    },
    "sac": {
        "steps": 200_000, "environments": 1, "horizon": 1, "updates": 1, "batch_size": 256, "learning_rate": 1e-3,
        "hidden": (256, 256), "replay_size": 200_000, "warmup_steps": 1000, "n_step": 1, "target_rate": 0.005,
    },
    "q-learning": {
        "steps": 200_000, "environments": 1, "horizon": 100, "learning_rate": 0.5, "exploration": 0.5,
        "last_exploration": 0.05, "schedule": "linear",
    },
}  # fmt: skip
"""Common values of each algorithm, from its paper or from what is usual today."""
IMAGE: dict[str, dict[str, Any]] = {
    "ppo": {
        "steps": 10_000_000, "environments": 8, "horizon": 128, "updates": 4, "batch_size": 256, "learning_rate": 2.5e-4,
        "hidden": (), "clip_range": 0.1, "entropy_weight": 0.01,
    },
    "dqn": {"steps": 2_000_000, "replay_size": 50_000, "batch_size": 32, "learning_rate": 1e-4, "hidden": (), "horizon": 4},
}  # fmt: skip
FEATURES_JOINED = 256  # units behind an image and numbers: without a layer there neither could change what the other means
EPOCHS = 20
WATCHED_EPISODES = 20


def prepare(data: AgentsData, settings: AgentsSettings) -> Prepared[AgentsSettings]:
    """Resolve settings, and keep what networks and actors are built by.

    Raises: SettingsError: The algorithm does not fit the environment, or the map of values does not.
    """
    flat = settings.to_flat()
    tuned = TUNED.get(ENVIRONMENTS.get(data.opened.full_name, ""), {})
    model, why_model = _model(data, flat["model"], tuned)
    _refuse_unfit(data, model)
    check_numbers(settings.measuring.map_numbers, data.observation.numbers)
    usual = {**SHARED, **USUAL[model], **(IMAGE.get(model, {}) if data.observation.channels else {})}
    if data.observation.channels and data.observation.numbers:
        usual["hidden"] = (FEATURES_JOINED,)
    usual |= {"epochs": EPOCHS, "watched_episodes": WATCHED_EPISODES}
    values: dict[str, Any] = {"model": model}
    reasons: dict[str, str] = {} if flat["model"] else {"model": why_model}
    for name, value in usual.items():
        if flat[name] is not None:
            continue
        took = model == tuned.get("model") and name in tuned
        found = tuned[name] if took else value
        values[name] = tuple(found) if isinstance(found, list) else found
        reasons[name] = f"tuned for {data.opened.full_name}" if took else f"usual for {model}"
    resolved = settings.replaced(**values)
    epochs = plan_of(resolved.training).epochs
    if flat["epochs"] is None and epochs < (resolved.training.epochs or 1):
        resolved, reasons["epochs"] = resolved.replaced(epochs=epochs), "as many parts as so few steps can be cut into"
    preprocessing = {
        "observation": data.observation.described(),
        "actions": data.actions.described(),
        "space": dict(data.checked.space),
        "frames": data.checked.frames,
    }
    return Prepared(resolved, reasons, preprocessing)


def _model(data: AgentsData, wanted: str | None, tuned: Any) -> tuple[str, str]:
    if wanted is not None:
        return wanted, ""
    if tuned:
        return str(tuned["model"]), f"tuned for {data.opened.full_name}"
    if is_table(data):
        return "q-learning", "states and actions can be counted"
    if data.actions.kind == "continuous":
        return "sac", "actions are numbers"
    return "ppo", "actions are choices"


def is_table(data: AgentsData) -> bool:
    """Whether a world is one of states that can be counted, with one choice in each."""
    return data.checked.states > 0 and data.actions.kind == "discrete"


def _refuse_unfit(data: AgentsData, model: str) -> None:
    kind: ActionShape = data.actions
    fitting = {
        "ppo": True,
        "dqn": kind.kind == "discrete",
        "sac": kind.kind == "continuous" and not data.observation.channels,
        "q-learning": is_table(data),
    }
    if fitting[model]:
        return
    wants = {
        "dqn": "one choice at a time",
        "sac": "actions that are numbers, and observations without an image",
        "q-learning": "states that can be counted (a Discrete observation space), and one choice at a time",
    }
    others = [name for name, fits in fitting.items() if fits]
    raise SettingsError(
        f"{{model}} {model} wants {wants[model]}, but {data.opened.name} has {data.observation.words()} to be seen and takes "
        f"{kind.words()}; give {{model}} {' or '.join(others)}.",
        settings=("model",),
        value=model,
    )
