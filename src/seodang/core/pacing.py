"""How fast this machine trains: measured before the first step, so that minutes become a number of steps once and for all."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice

from seodang.core.learner import Work
from seodang.core.settings import MOST_EPOCHS

WARM_UP_STEPS, TIMED_STEPS = 3, 12
TIMED_SECONDS = 8.0  # no more are spent on measuring
SHARE = 0.97  # of the time is planned; the rest is for checkpoints


@dataclass(frozen=True)
class Pace:
    """Seconds of a step and of a validation, and how many steps an epoch has."""

    step_seconds: float
    validation_seconds: float
    steps_of_epoch: int

    def steps_within(self, seconds: float) -> int:
        """How many steps, and the validations after each epoch of them, fit into some time; 1 at least."""
        return max(1, int(SHARE * seconds / (self.step_seconds + self.validation_seconds / self.steps_of_epoch)))

    def within_limits(self, minutes: float, seconds: float, steps: int | None, epochs: int | None) -> tuple[int, int, str]:
        """Steps and epochs of a training that must not take longer, and why so many.

        Args:
            minutes: What the user granted.
            seconds: What is left of them for training.
            steps, epochs: What was asked for otherwise, if anything.
        """
        fitting = self.steps_within(seconds)
        taken = min((fitting, *filter(None, (steps, (epochs or MOST_EPOCHS) * self.steps_of_epoch))))
        why = f"{fitting:,} steps would fit into {minutes:g} min at {self}"
        if taken != fitting:
            why += ", more than was asked for or can be taken otherwise"
        return taken, math.ceil(taken / self.steps_of_epoch), why

    def __str__(self) -> str:
        step, validation = 1000 * self.step_seconds, self.validation_seconds
        return f"{step:.0f} ms a step and {validation:.1f} s a validation, measured as the run began"


def measured_pace(work: Work, seed: int) -> Pace:
    """Take some steps of a training that is thrown away afterwards, and validate once."""
    plan = work.source.plan(seed, 0)
    return Pace(measured_step(work), _validation_seconds(work), len(plan))


def measured_step(work: Work) -> float:
    """Seconds of a step, the median of some."""
    return statistics.median(_step_seconds(work))


def _step_seconds(work: Work) -> Iterator[float]:
    """Time of some steps after the first, which also find their memory."""
    begun = time.monotonic()
    for number, piece in enumerate(islice(cycle(work.source.plan(0, 0)), WARM_UP_STEPS + TIMED_STEPS)):
        started = time.monotonic()
        value = work.learner.update(work.source.batch(piece))
        float(next(iter(value.values())))  # a GPU has then finished
        if number >= WARM_UP_STEPS:
            yield time.monotonic() - started
            if time.monotonic() - begun > TIMED_SECONDS:
                return


def _validation_seconds(work: Work) -> float:
    started = time.monotonic()
    if work.validation is not None:
        work.validation.measure()
        work.validation.samples()
    return time.monotonic() - started
