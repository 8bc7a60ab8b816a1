"""What an agent learns in: an environment that was found, looked at and found sound."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import gymnasium

from seodang.core.errors import DataError
from seodang.core.values import Finding
from seodang.families.agents.environments.checking import Checked, check_environment
from seodang.families.agents.environments.opening import ATARI_LICENCE, Opened, open_environment
from seodang.families.agents.environments.spaces import ActionShape, ObservationShape
from seodang.families.agents.environments.stepping import Environments, make_environments
from seodang.families.agents.settings import AgentsSettings

VECTORS_ON_CPU = (
    "networks that read numbers alone compute in f32 on one thread of the CPU, even beside a GPU, which would be slower: each "
    "of their many small steps would wait for it longer than it takes here"
)


@dataclass(frozen=True)
class AgentsData:
    """An environment."""

    opened: Opened
    observation: ObservationShape
    actions: ActionShape
    checked: Checked
    frames: int

    def environments(self, count: int, seed: int, processes: int) -> Environments:
        """Some of it; the same seed begins the same episodes."""
        return make_environments(
            self.opened, count, seed=seed, frames=self.frames, processes=processes, step_seconds=self.checked.step_seconds
        )

    def checksum(self) -> str:
        """A hash of what it is, as far as that can be seen from outside."""
        told = {
            "name": self.opened.full_name,
            "options": dict(self.opened.options),
            "observation": self.observation.described(),
            "actions": self.actions.described(),
            "limit": self.checked.time_limit,
            "code": self.checked.code,
            "gymnasium": gymnasium.__version__,
        }
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()

    def facts(self) -> dict[str, Any]:
        """For people."""
        limit = self.checked.time_limit
        found: dict[str, Any] = {
            "environment": self.opened.full_name,
            "observations": self.observation.words(),
            "actions": self.actions.words(),
            "time limit": f"{limit:,} steps" if limit else "none",
        }
        if self.opened.options:
            found["made with"] = ", ".join(f"{name}={value}" for name, value in self.opened.options.items())
        if self.opened.is_atari:
            found["licence"] = ATARI_LICENCE
        warned = (one.what for one in self.checked.findings)
        place = "" if self.observation.channels else VECTORS_ON_CPU
        found["notes"] = [note for note in (*warned, *self.checked.notes, self.checked.exactness, place) if note]
        return found


def read_environment(source: str, settings: AgentsSettings) -> AgentsData:
    """Find an environment and check it.

    Raises: DataError: There is none of that name, it breaks Gymnasium's contract, or cannot be learned in.
    """
    opened, checked = _looked_at(source, settings)
    error = next((one for one in checked.findings if one.severity == "error"), None)
    if error is not None:
        raise DataError(f"{error.where}: {error.what}{'; ' + error.fix if error.fix else ''}.")
    assert checked.observation is not None and checked.actions is not None
    return AgentsData(opened, checked.observation, checked.actions, checked, settings.environment.frames)


def find_problems(source: str, settings: AgentsSettings) -> list[Finding]:
    """All that is noticeable about an environment; that it cannot be found is one of it."""
    try:
        _, checked = _looked_at(source, settings)
    except DataError as error:
        return [Finding("error", source, str(error).removeprefix(f"{source}: ").rstrip("."))]
    found = list(checked.findings)
    return found + [Finding("note", source, note) for note in (*checked.notes, checked.exactness) if note]


def _looked_at(source: str, settings: AgentsSettings) -> tuple[Opened, Checked]:
    opened = open_environment(source, settings.environment.environment_options)
    return opened, check_environment(opened, settings.environment.frames)
