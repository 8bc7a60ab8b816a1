"""Every error that Seodang raises on purpose: what was expected, what came, what to do.

A front door prints one line of it and exits with `exit_code`. The command line writes `--batch-size` where Python writes
`batch_size`; so a message names a setting as `{batch_size}` and lists it in `settings`, and each front door spells it its way.
"""

from __future__ import annotations

import re
from collections.abc import Callable


class SeodangError(Exception):
    """A foreseen failure, in one line.

    Args:
        message: The line; a setting listed in `settings` stands in it as `{its_name}`.
        settings: Python names of the settings that the message speaks of, the one at fault first.
        bound: What the setting allows, in words ("between 1 and 6"), or None.
        value: What came instead, or None.
    """

    exit_code = 2

    def __init__(self, message: str, *, settings: tuple[str, ...] = (), bound: str | None = None, value: object = None) -> None:
        self.message = message
        self.settings = settings
        self.bound = bound
        self.value = value
        super().__init__(message)

    def render(self, spell: Callable[[str], str] = str) -> str:
        """The message, each setting spelled as one front door spells it."""

        def spelled(match: re.Match[str]) -> str:
            return spell(match[1]) if match[1] in self.settings else match[0]

        return re.sub(r"\{(\w+)\}", spelled, self.message)

    def __str__(self) -> str:
        return self.render()


class SettingsError(SeodangError, ValueError):
    """A setting is unknown, out of bounds, or not read by what was chosen."""


class DataError(SeodangError, ValueError):
    """The user's data cannot be used as it is; the message names file and row."""


class ShapeError(SeodangError, ValueError):
    """A tensor has another shape than the model takes."""


class RunError(SeodangError, ValueError):
    """A run folder is missing, damaged, in use, or of another kind than asked for."""


class ExportError(SeodangError, RuntimeError):
    """The exported model does not agree with the trained one, or cannot be written in that format."""


class MissingExtraError(SeodangError, ImportError):
    """An optional package is needed; the message says which `pip install` brings it."""

    exit_code = 3


class MachineError(SeodangError, OSError):
    """The machine refused: disk full, no permission, no memory, no network."""

    exit_code = 3


class DivergedError(SeodangError, ArithmeticError):
    """Training became non-finite and lower rates did not cure it."""

    exit_code = 4
