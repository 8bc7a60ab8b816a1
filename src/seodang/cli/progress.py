"""What a training shows while it runs: observers of its events, one for each place the output may go to."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Protocol

from rich.progress import BarColumn, Progress, TaskID, TextColumn

from seodang.api import Began, RunEvent
from seodang.cli.flags import spell
from seodang.cli.tables import console, number, tell, write
from seodang.core.trainer import Evaluated, Finished, Started, Stepped, Warned

LINE_SECONDS = 30.0  # between two plain lines within an epoch
NARROW, WIDE = 72, 100  # terminal columns below which the bar leaves out facts


class View(Protocol):
    """An observer that may have something to close at the end."""

    def __call__(self, event: RunEvent) -> None: ...

    def close(self) -> None: ...


def choose_view(*, quiet: bool, as_json: bool) -> View:
    """JSON lines when asked for; nothing when quiet; a bar in a terminal; else plain lines."""
    if as_json:
        return JsonLines()
    if quiet:
        return Silence()
    return Bar() if sys.stderr.isatty() and os.environ.get("TERM") != "dumb" else Lines()


class Silence:
    """Shows warnings only."""

    def __call__(self, event: RunEvent) -> None:
        if isinstance(event, Warned):
            tell(f"warning: {event.message}")

    def close(self) -> None:
        """Nothing is open."""


class JsonLines:
    """Writes each event as one JSON object on a line of stdout, at once."""

    def __call__(self, event: RunEvent) -> None:
        write(json.dumps({"event": type(event).__name__.lower(), **plain(event)}, ensure_ascii=False))
        sys.stdout.flush()

    def close(self) -> None:
        """Nothing is open."""


class Lines:
    """Plain lines on stderr, for a log file: one for each epoch, and one every half minute within an epoch."""

    def __init__(self) -> None:
        self._story = Story()
        self._told_at = 0.0

    def __call__(self, event: RunEvent) -> None:
        lines = self._story.lines(event)
        if isinstance(event, Stepped) and time.monotonic() - self._told_at >= LINE_SECONDS:
            lines = [f"{event.stage}: {', '.join(step_facts(event, self._story.epochs))}"]
        for line in lines:
            tell(line)
            self._told_at = time.monotonic()

    def close(self) -> None:
        """Nothing is open."""


class Bar:
    """A progress bar in the terminal, with a line above it for each epoch."""

    def __init__(self) -> None:
        self._story = Story()
        self._score: list[str] = []
        self._task: TaskID | None = None
        terminal = console(sys.stderr)
        self._narrow, self._wide = terminal.width < NARROW, terminal.width >= WIDE
        bar = BarColumn(bar_width=8 if self._narrow else None)
        columns = (TextColumn("{task.description}"), bar, TextColumn("{task.fields[facts]}"))
        self._progress = Progress(*columns, console=terminal, expand=not self._narrow, transient=True)

    def __call__(self, event: RunEvent) -> None:
        for line in self._story.lines(event):
            self._progress.print(line)
        if isinstance(event, Started):
            self._begin(event)
        elif isinstance(event, Stepped) and self._task is not None:
            self._progress.update(self._task, completed=event.step, facts=", ".join(self._facts(event)))
        elif isinstance(event, Evaluated):
            self._score = [_values(event.values, 1)]
        elif isinstance(event, Finished):
            self.close()

    def close(self) -> None:
        """Take the bar away."""
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._progress.stop()
            self._task = None

    def _begin(self, event: Started) -> None:
        self._score = []
        self._progress.start()
        self._task = self._progress.add_task(event.stage, total=event.total_steps, completed=event.step, facts="")

    def _facts(self, event: Stepped) -> list[str]:
        epoch, loss, speed, left = step_facts(event, self._story.epochs)
        return [epoch, loss, *self._score, speed, left] if self._wide else [epoch, loss, left]


class Story:
    """What there is to say of a training in lasting lines: its beginning, its epochs, warnings, the end of each stage."""

    def __init__(self) -> None:
        self.epochs = 0
        self._last_stage = ""

    def lines(self, event: RunEvent) -> list[str]:
        """The lines of one event; none for single steps and checkpoints."""
        if isinstance(event, Began):
            self._last_stage = event.stages[-1]
            return beginning(event)
        if isinstance(event, Started):
            self.epochs = event.epochs
            return [f"{event.stage}: goes on at step {event.step:,} of {event.total_steps:,}"] if event.step else []
        if isinstance(event, Evaluated):
            best = "  best so far" if event.is_best else ""
            return [f"{event.stage}: epoch {event.epoch} of {self.epochs}  {_values(event.values)}{best}"]
        if isinstance(event, Warned):
            return [f"warning: {event.message}"]
        return self._end(event) if isinstance(event, Finished) else []

    def _end(self, event: Finished) -> list[str]:
        ended = f"{event.stage}: {event.reason} (epoch {event.epoch} of {self.epochs}, step {event.step:,})"
        return [ended, "measuring ..."] if event.complete and event.stage == self._last_stage else [ended]


def beginning(event: Began) -> list[str]:
    """The run's folder, the device, the data, and every setting that was derived, with the reason."""
    resolved = json.loads((event.path / "settings.json").read_text(encoding="utf-8"))["resolved"]
    known = {name: value for name, value in event.facts.items() if value not in (None, "", (), [], {})}
    facts = [f"{name.replace('_', ' ')}: {fact(value)}" for name, value in known.items()]
    chosen = [f"{spell(name)} {fact(resolved.get(name))}: {reason}" for name, reason in event.reasons.items()]
    return [f"run: {event.path}", f"device: {event.device}", *facts, *chosen]


def fact(value: Any) -> str:
    """A fact about the data in one line, whatever its shape."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {fact(part)}" for name, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(fact, value)) or "none"
    if value is None:
        return "none"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def step_facts(event: Stepped, epochs: int) -> tuple[str, str, str, str]:
    """Epoch, main value, speed and time left, in words."""
    return (
        f"epoch {event.epoch:.1f}/{epochs}",
        _values(event.values, 1),
        f"{event.rows_per_second:,.0f} rows/s",
        f"{duration(event.seconds_left)} left",
    )


def duration(seconds: float) -> str:
    """Hours, minutes and seconds as a clock shows them: 1:02:03 or 2:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def plain(value: Any) -> Any:
    """A value in the types of JSON: dataclasses and mappings become objects, paths become texts."""
    if is_dataclass(value) and not isinstance(value, type):
        return {entry.name: plain(getattr(value, entry.name)) for entry in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _values(values: Mapping[str, float], count: int | None = None) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {number(value)}" for name, value in list(values.items())[:count])
