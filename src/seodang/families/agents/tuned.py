"""Settings that were found to work, by environment: the presets, which are also taken where nothing else is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

TUNED: Mapping[str, Mapping[str, Any]] = {
    "cartpole": {
        "model": "ppo", "steps": 100_000, "environments": 32, "horizon": 32, "updates": 10, "batch_size": 256,
        "learning_rate": 3e-3, "hidden": [32, 32], "discount": 0.99, "gae_lambda": 0.9, "normalise": False,
    },
    "acrobot": {
        "model": "ppo", "steps": 150_000, "environments": 16, "horizon": 128, "updates": 6, "batch_size": 256,
        "learning_rate": 1e-3, "gae_lambda": 0.94,
    },
    "mountain-car": {
        "model": "ppo", "steps": 600_000, "environments": 16, "horizon": 64, "updates": 6, "batch_size": 256,
        "learning_rate": 1e-3, "gae_lambda": 0.98,
    },
    "lunar-lander": {
        "model": "ppo", "steps": 600_000, "environments": 16, "horizon": 256, "updates": 10, "batch_size": 256,
        "learning_rate": 6e-4, "discount": 0.999, "gae_lambda": 0.98, "entropy_weight": 0.01,
    },
    "pendulum": {
        "model": "sac", "steps": 15_000, "environments": 4, "horizon": 1, "updates": 3, "batch_size": 128,
        "learning_rate": 2e-3, "hidden": [64, 64], "warmup_steps": 600,
    },
    "bipedal-walker": {
        "model": "ppo", "steps": 2_000_000, "environments": 32, "horizon": 256, "updates": 10, "batch_size": 512,
        "learning_rate": 6e-4, "discount": 0.999, "gae_lambda": 0.95,
    },
    "frozen-lake": {
        "model": "q-learning", "steps": 200_000, "environments": 16, "horizon": 32, "learning_rate": 0.1, "exploration": 0.8,
        "watched_episodes": 200, "epochs": 5,
    },
    "taxi": {
        "model": "q-learning", "steps": 200_000, "environments": 16, "horizon": 32, "learning_rate": 0.5,
        "watched_episodes": 100, "epochs": 5,
    },
    "pong": {
        "model": "ppo", "steps": 1_500_000, "environments": 16, "horizon": 64, "updates": 2, "batch_size": 256,
        "learning_rate": 5e-4, "clip_range": 0.1, "entropy_weight": 0.01, "watched_episodes": 10, "epochs": 10,
    },
}  # fmt: skip

ENVIRONMENTS: Mapping[str, str] = {
    "CartPole-v1": "cartpole",
    "Acrobot-v1": "acrobot",
    "MountainCar-v0": "mountain-car",
    "LunarLander-v3": "lunar-lander",
    "Pendulum-v1": "pendulum",
    "BipedalWalker-v3": "bipedal-walker",
    "FrozenLake-v1": "frozen-lake",
    "Taxi-v3": "taxi",
    "Taxi-v4": "taxi",
    "ALE/Pong-v5": "pong",
}


def preset_of(name: str) -> Callable[[], dict[str, Any]]:
    """The function that gives a preset."""

    def preset() -> dict[str, Any]:
        return dict(TUNED[name])

    preset.__doc__ = f"Tuned on {', '.join(one for one, tuned in ENVIRONMENTS.items() if tuned == name)}."
    return preset
