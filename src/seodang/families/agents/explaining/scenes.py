"""Where an episode is watched: one environment, and a picture of it after each step."""

from __future__ import annotations

import os
import sys
import warnings
from abc import ABC, abstractmethod
from typing import Any, NamedTuple, final

import gymnasium
import numpy as np
from numpy.typing import NDArray

from seodang.core.errors import DataError, MissingExtraError
from seodang.families.agents.data import AgentsData
from seodang.families.agents.environments.spaces import ObservationReader, Observations, ObservationShape

Pixels = NDArray[np.uint8]
RGB_ARRAY = "rgb_array"
SCREENS = ("DISPLAY", "WAYLAND_DISPLAY")
FRAMES_A_SECOND = 20.0  # of environments that do not say
FASTEST, SLOWEST = 50.0, 2.0  # frames a second: a GIF knows no faster ones, and eyes need no slower ones
ATARI_FRAMES_A_SECOND = 15.0  # of sixty, of which each is shown for four


class Paid(NamedTuple):
    """What came of a step."""

    seen: Observations
    reward: float
    terminated: bool
    truncated: bool


class Scene(ABC):
    """One environment that is watched; observations have one row."""

    shape: ObservationShape
    seconds_a_frame: float

    @abstractmethod
    def reset(self) -> Observations:
        """Begin the episode."""

    @abstractmethod
    def step(self, action: NDArray[Any]) -> Paid:
        """Take an action, (1, width), as `ActionShape.for_environment` takes it."""

    @abstractmethod
    def image(self) -> Pixels | None:
        """What there is to be seen now, (height, width, 3); None of a world without pictures."""

    @abstractmethod
    def close(self) -> None:
        """Let go of windows."""


def open_scene(data: AgentsData, seed: int) -> Scene:
    """An environment to watch; the same seed begins the same episode.

    Raises:
        DataError: It cannot be made.
        MissingExtraError: What draws it is not installed.
    """
    return GameScene(data, seed) if data.opened.is_atari else DrawnScene(data, seed)


@final
class DrawnScene(Scene):
    """An environment that draws itself where it can; else its observation's image is shown, if it has one."""

    def __init__(self, data: AgentsData, seed: int) -> None:
        self.name, self.seed, self.actions = data.opened.full_name, seed, data.actions
        self.environment, self.draws = _made(data)
        self.reader = ObservationReader(self.environment.observation_space, data.frames)
        self.shape = self.reader.shape
        self.rows = self.shape.empty(1)
        rate = float(self.environment.metadata.get("render_fps") or FRAMES_A_SECOND)
        self.seconds_a_frame = 1 / min(max(rate, SLOWEST), FASTEST)

    def reset(self) -> Observations:
        """Begin the episode."""
        self.reader.write(self.environment.reset(seed=self.seed)[0], self.rows, 0, first=True)
        return self.rows

    def step(self, action: NDArray[Any]) -> Paid:
        """Take an action."""
        answer = self.environment.step(self.actions.for_environment(action)[0])
        seen, reward, terminated, truncated = answer[:4]
        self.reader.write(seen, self.rows, 0, first=False)
        return Paid(self.rows, float(reward), bool(terminated), bool(truncated))

    def image(self) -> Pixels | None:
        """As the environment draws itself."""
        if not self.draws:
            return newest_image(self.rows, self.reader.frames)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the packages that draw
                drawn: Any = self.environment.render()
        except gymnasium.error.DependencyNotInstalled as missing:
            raise MissingExtraError(
                f"Pictures of {self.name} need pygame, which is not installed: pip install 'seodang[video]'."
            ) from missing
        except Exception as problem:
            raise DataError(f"{self.name} cannot be drawn: {type(problem).__name__}: {problem}") from problem
        if not isinstance(drawn, np.ndarray) or drawn.ndim != 3 or drawn.shape[2] != 3:
            shape = getattr(drawn, "shape", type(drawn).__name__)
            raise DataError(f"{self.name}: render() gives {shape} and not an array of (height, width, 3); return such a one.")
        return drawn.astype(np.uint8)

    def close(self) -> None:
        """Let go of windows."""
        self.environment.close()


@final
class GameScene(Scene):
    """An Atari game: what the agent sees, as its own package prepares it, for nothing else steps it the same way."""

    def __init__(self, data: AgentsData, seed: int) -> None:
        self.environments = data.environments(1, seed, 1)
        self.seen = self.environments.reset()
        self.shape = self.environments.reader.shape
        self.seconds_a_frame = 1 / ATARI_FRAMES_A_SECOND

    def reset(self) -> Observations:
        """Begin the episode."""
        self.seen = self.environments.reset()
        return self.seen

    def step(self, action: NDArray[Any]) -> Paid:
        """Take an action."""
        result = self.environments.step(action)
        self.seen = result.observations
        return Paid(self.seen, float(result.rewards[0]), bool(result.terminated[0]), bool(result.truncated[0]))

    def image(self) -> Pixels | None:
        """The newest of the images that are seen at once."""
        return newest_image(self.seen, self.shape.channels)

    def close(self) -> None:
        """Let go of threads."""
        self.environments.close()


def newest_image(seen: Observations, frames: int) -> Pixels | None:
    """The newest image of the first observation, (height, width, 3), grey; None where there is none."""
    channels = seen.images.shape[1]
    if not channels:
        return None
    newest = seen.images[0, channels - max(1, channels // frames) :]
    grey = newest.mean(0).round().astype(np.uint8)
    return np.repeat(grey[..., None], 3, 2)


def _made(data: AgentsData) -> tuple[gymnasium.Env[Any, Any], bool]:
    """The environment, and whether it draws itself."""
    plain = data.opened.make()
    if RGB_ARRAY not in (plain.metadata.get("render_modes") or ()):
        return plain, False
    plain.close()
    if "mujoco" in sys.modules and not any(os.environ.get(name) for name in SCREENS):
        os.environ.setdefault("MUJOCO_GL", "egl")  # read as it first draws; its own choice wants a screen, and dies without
    return data.opened.make(render=True), True
