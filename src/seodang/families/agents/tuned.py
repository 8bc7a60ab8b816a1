"""Settings that were found to work, by environment: the presets, which are also taken where nothing else is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

TUNED: Mapping[str, Mapping[str, Any]] = {
    "cartpole": {
        "model": "ppo", "steps": 100_000, "environments": 32, "horizon": 32, "updates": 10, "batch_size": 256,
        "learning_rate": 3e-3, "hidden": [32, 32], "discount": 0.99, "gae_lambda": 0.9, "normalise": False,
    },
}  # fmt: skip

ENVIRONMENTS: Mapping[str, str] = {
    "CartPole-v1": "cartpole",
}


def preset_of(name: str) -> Callable[[], dict[str, Any]]:
    """The function that gives a preset."""

    def preset() -> dict[str, Any]:
        return dict(TUNED[name])

    preset.__doc__ = f"Tuned on {', '.join(one for one, tuned in ENVIRONMENTS.items() if tuned == name)}."
    return preset
