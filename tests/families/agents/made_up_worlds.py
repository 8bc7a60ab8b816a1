"""Small worlds of a user's own, written into a module that is then found in the current folder."""

from __future__ import annotations

import sys
import textwrap
from itertools import count
from pathlib import Path

import pytest

SOUND = '''
import os
import random
import time

import gymnasium
import numpy as np


class Sound(gymnasium.Env):
    """Two numbers by chance, a reward of 1, and an end after ten steps."""

    observation_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.time = 0
        return self.seen(), {}

    def step(self, action):
        self.time += 1
        return self.seen(), 1.0, False, self.time >= 10, {}

    def seen(self):
        return self.np_random.uniform(-1, 1, 2).astype(np.float32)
'''
NUMBERS = count()  # a module is imported once, whatever folder it is looked for in


def write_world(folder: Path, patch: pytest.MonkeyPatch, body: str = "", name: str = "World") -> str:
    """A module in `folder`, made the current one, with a class `World(Sound)` of this body: what --source names it by.

    Args:
        folder: Where it is written.
        patch: Puts the current folder and the search path back.
        body: Of the class.
        name: What is looked for in the module.
    """
    module = f"made_up_{next(NUMBERS)}"
    inside = textwrap.indent(textwrap.dedent(body).strip() or "pass", "    ")
    (folder / f"{module}.py").write_text(f"{SOUND}\n\nclass World(Sound):\n{inside}\n", encoding="utf-8")
    patch.chdir(folder)
    patch.setattr(sys, "path", list(sys.path))
    return f"{module}:{name}"
