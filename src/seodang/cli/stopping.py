"""Ctrl-C and SIGTERM while training: save first, then leave."""

from __future__ import annotations

import signal
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

from seodang.api import Began, RunEvent
from seodang.core.trainer import Finished, Started


class Stopping:
    """Turns a signal into a request to save and stop while steps are taken, and into KeyboardInterrupt at any other time.

    It is a context manager, which handles the signals, and an observer of the training, which learns when steps are taken.
    A second signal interrupts at once.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self.path: Path | None = None
        self._stepping = False
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._handlers = {number: signal.signal(number, self._receive) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def __call__(self, event: RunEvent) -> None:
        """Follow the training.

        Raises: KeyboardInterrupt: A signal came too late for another step; all that was trained is saved.
        """
        if isinstance(event, Began):
            self.path = event.path
        elif isinstance(event, Started):
            self._stepping = True
        elif isinstance(event, Finished):
            self._stepping = False
            if self.requested() and event.complete:
                raise KeyboardInterrupt

    def requested(self) -> bool:
        """Whether training should save and stop."""
        return self.signal is not None

    @property
    def exit_code(self) -> int:
        """What a shell expects of a process that a signal stopped: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + (self.signal or signal.SIGINT)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        impatient = self.requested()
        self.signal = number
        if impatient or not self._stepping:
            raise KeyboardInterrupt
