"""What episodes pay while an agent trains, and rewards scaled by it."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seodang.families.agents.environments.stepping import Steps

REMEMBERED = 100  # finished episodes
SCALED_RANGE = 10.0  # that scaled rewards are cut to


class EpisodeReturns:
    """The undiscounted returns of the newest episodes.

    Args: count: Environments.
    """

    def __init__(self, count: int) -> None:
        self.running = torch.zeros(count, dtype=torch.float64)
        self.finished: deque[float] = deque(maxlen=REMEMBERED)
        self.episodes = 0

    def add(self, steps: Steps) -> None:
        """Take the rewards of one step."""
        running = self.running.numpy()
        running += steps.rewards
        over = steps.terminated | steps.truncated
        if over.any():
            self.finished.extend(running[over].tolist())
            self.episodes += int(over.sum())
            running[over] = 0.0

    def told(self) -> dict[str, float]:
        """The mean of the newest finished ones, once there are any."""
        return {"episode_return": float(np.mean(self.finished))} if self.finished else {}

    def tensors(self) -> dict[str, Tensor]:
        """What the running episodes have paid."""
        return {"running_returns": self.running}

    def state(self) -> dict[str, Any]:
        """What the finished ones paid."""
        return {"finished": list(self.finished), "episodes": self.episodes}

    def load_state(self, state: dict[str, Any]) -> None:
        """Take back what `state` gave."""
        self.finished = deque(state["finished"], maxlen=REMEMBERED)
        self.episodes = state["episodes"]


class RewardScale:
    """Rewards by the spread of discounted returns, so that values are about 1 whatever is paid.

    Engstrom et al. 2020, "Implementation matters in deep policy gradients", arXiv:2005.12729.

    Args:
        count: Environments.
        discount: What a reward one step later is worth.
    """

    def __init__(self, count: int, discount: float) -> None:
        self.discount = discount
        self.running = torch.zeros(count, dtype=torch.float64)
        self.moments = torch.zeros(3, dtype=torch.float64)  # how many returns were seen, their mean, their variance

    def scaled(self, rewards: NDArray[np.float32], over: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Rewards of many steps, scaled by all that were seen, these among them.

        Args: rewards, over: (time, environments); whether the episode ended with the step.
        """
        running, seen = self.running.numpy(), np.empty(rewards.shape)
        for step, (paid, ended) in enumerate(zip(rewards, over, strict=True)):
            running *= self.discount
            running += paid
            seen[step] = running
            running[ended] = 0.0
        self._learn(seen)
        scale = 1 / np.sqrt(float(self.moments[2]) + 1e-8)
        found: NDArray[np.float32] = np.clip(rewards * scale, -SCALED_RANGE, SCALED_RANGE).astype(np.float32)
        return found

    def _learn(self, values: NDArray[np.float64]) -> None:
        count, mean, variance = self.moments.tolist()
        total = count + values.size
        shift = float(values.mean()) - mean
        squares = variance * count + float(values.var()) * values.size + shift * shift * count * values.size / total
        self.moments.copy_(torch.tensor([total, mean + shift * values.size / total, squares / total], dtype=torch.float64))

    def tensors(self) -> dict[str, Tensor]:
        """All of it."""
        return {"discounted_returns": self.running, "return_moments": self.moments}
