"""The one training loop: it sets the rate, updates, evaluates, saves, goes back from a non-finite step, and tells what happens.

A run that is killed and resumed ends with the same bytes as one that never was. For that, everything here is a function of the
step: batches and random numbers are keyed by (seed, epoch) and (seed, step); rows are averaged over windows that end wherever a
snapshot is taken; and a checkpoint is the snapshot that an uninterrupted run takes to go back to. Only the one of a stop on
request may stand between two snapshots, and so holds the last snapshot and the open window as well.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from seodang.core.checkpoint import Snapshot, collect, restore, weights
from seodang.core.errors import DataError, DivergedError
from seodang.core.learner import Budget, Validation, Work
from seodang.core.run import RunFolder
from seodang.core.seeds import mix
from seodang.core.step import NonFiniteError, checking_at_once, refuse_non_finite, set_rate

LOG_STEPS = 10  # steps averaged in one row of metrics.jsonl
SNAPSHOT_STEPS = 50  # steps between two states that training can go back to; a multiple of LOG_STEPS
MAX_RETRIES = 3
RETRY_RATE = 0.25  # factor of the learning rate at each retry
SNAPSHOT, WINDOW = "snapshot/", "window/"  # prefixes of the tensors that a stopped training leaves beside its state
SHORT_EPOCH_SECONDS = 2.0  # epochs that follow each other faster are not all worth a checkpoint on the disk


@dataclass(frozen=True)
class Started:
    """A stage begins, or goes on at `step`."""

    stage: str
    step: int
    total_steps: int
    epochs: int


@dataclass(frozen=True)
class Stepped:
    """Some steps were taken; `values` are their means."""

    stage: str
    step: int
    total_steps: int
    epoch: float
    values: Mapping[str, float]
    rows_per_second: float
    seconds_left: float


@dataclass(frozen=True)
class Evaluated:
    """An epoch ended and was scored on the validation rows."""

    stage: str
    step: int
    epoch: int
    values: Mapping[str, float]
    is_best: bool


@dataclass(frozen=True)
class Saved:
    """A checkpoint is on the disk."""

    stage: str
    step: int
    path: str


@dataclass(frozen=True)
class Warned:
    """Something the user should know while training goes on."""

    stage: str
    message: str


@dataclass(frozen=True)
class Finished:
    """A stage ended: all epochs done, no more progress, or asked to stop."""

    stage: str
    step: int
    epoch: int
    reason: str
    complete: bool


Event = Started | Stepped | Evaluated | Saved | Warned | Finished


@dataclass
class Progress:
    """Where training stands; part of every checkpoint."""

    step: int = 0
    epoch: int = 0
    position: int = 0
    retries: int = 0
    rate_scale: float = 1.0
    best_score: float | None = None
    best_epoch: int = 0
    reason: str = ""


@dataclass
class _Window:
    """Sums of the values since the last row, left on the device until they are read."""

    sums: dict[str, Tensor] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    steps: int = 0
    rows: int = 0
    started: float = 0.0

    def begin(self) -> None:
        """Start the clock at the first step, so that evaluating and saving do not count."""
        if self.steps == 0:
            self.started = time.monotonic()

    def add(self, values: Mapping[str, Tensor], rows: int) -> None:
        for name, value in values.items():
            self.sums[name] = self.sums[name] + value if name in self.sums else value
            self.counts[name] = self.counts.get(name, 0) + 1
        self.steps += 1
        self.rows += rows

    def means(self) -> dict[str, float]:
        """Of each value over the steps that had it."""
        return {name: float(total) / self.counts[name] for name, total in self.sums.items()}


class _Fit:
    """State of one call of `fit`."""

    def __init__(self, stage: str, work: Work, run: RunFolder, checkpoint_seconds: float) -> None:
        self.stage, self.work, self.run = stage, work, run
        self.checkpoint_seconds = checkpoint_seconds
        self.progress = Progress()
        self.window = _Window()
        self.snapshot = Snapshot()
        self.best: tuple[dict[str, Tensor], dict[str, Any]] | None = None  # better than the one on the disk
        self.saved_step = -1
        self.saved_at = time.monotonic()
        self.plan = work.source.plan(work.budget.seed, 0)
        most = len(self.plan) * work.budget.epochs
        self.total = most if work.budget.steps is None else min(most, work.budget.steps)
        if not self.plan:
            raise DataError(f"Nothing to train on: the data give no batch for stage {stage}.")

    @property
    def complete(self) -> bool:
        """Whether the stage has nothing left to do."""
        return self.progress.epoch >= self.work.budget.epochs or self.out_of_steps or bool(self.progress.reason)

    @property
    def out_of_steps(self) -> bool:
        """Whether the budget's steps are used up, though perhaps not its epochs."""
        return self.work.budget.steps is not None and self.progress.step >= self.work.budget.steps

    def begin(self) -> list[str]:
        """Go on from the newest checkpoint, or make the first. Returns messages about damaged ones."""
        self.run.clear_leftovers()
        found = self.run.last_checkpoint(self.stage)
        if found is None:
            # Before the first row is written, so that a kill before the second checkpoint knows where the rows began.
            self.take_snapshot()
            self.save()
            return []
        tensors, state, messages = found
        restore(self.work.learner, self.work.source, tensors, state)
        self.progress = Progress(**state["progress"])
        self.saved_step = self.progress.step
        if not self.complete:  # rows after the end of a complete stage are those of the next
            self.run.rewind(state["metrics_bytes"])
            self.plan = self.work.source.plan(self.work.budget.seed, self.progress.epoch)
            if "window" in state:
                self.take_up(tensors, state)
            else:
                self.take_snapshot()
        return messages

    def take_up(self, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        """Take over the snapshot and the window of a training that was stopped between two snapshots."""
        kept = {name.removeprefix(SNAPSHOT): tensor for name, tensor in tensors.items() if name.startswith(SNAPSHOT)}
        self.snapshot.put(kept, state["snapshot"])
        window = state["window"]
        sums = {name: tensors[WINDOW + name] for name in window["names"]}
        counts = window.get("counts", dict.fromkeys(sums, window["steps"]))
        self.window = _Window(sums, counts, window["steps"], window["rows"], time.monotonic() - window["seconds"])

    def advance(self) -> Iterator[Event]:
        """One update and what falls due after it: a row, the end of an epoch, a snapshot, a checkpoint."""
        try:
            self.step()
            epoch_ends = self.progress.position == len(self.plan) or self.out_of_steps
            snapshot_due = epoch_ends or self.progress.step % SNAPSHOT_STEPS == 0
            if snapshot_due or self.progress.step % LOG_STEPS == 0:
                yield self.log()
            if snapshot_due:
                refuse_non_finite(collect(self.work.learner, self.work.source)[0])
            if epoch_ends:
                yield from self.end_epoch()
            if snapshot_due:
                self.take_snapshot()
                yield from self.save_if_due(SHORT_EPOCH_SECONDS if epoch_ends else math.inf)
        except NonFiniteError as error:
            yield self.go_back(error)

    def step(self) -> None:
        """One update, with rate and randomness that depend on the step alone."""
        work, progress = self.work, self.progress
        learner = work.learner
        learner.rate = progress.rate_scale * rate_factor(progress.step, self.total, work.budget)
        set_rate(learner.optimizers(), learner.rate)
        torch.manual_seed(mix(work.budget.seed, self.stage, progress.step))
        item = self.plan[progress.position]
        progress.step += 1
        progress.position += 1
        self.window.begin()
        with checking_at_once(progress.retries > 0):
            values = learner.update(work.source.batch(item))
        self.window.add(values, work.source.rows(item))

    def log(self) -> Stepped:
        """Write the mean of the window to metrics.jsonl and begin a new one.

        Raises: NonFiniteError: A mean is not finite.
        """
        progress, window = self.progress, self.window
        means = window.means()
        _refuse_bad_values("training", means)
        seconds = max(time.monotonic() - window.started, 1e-9)
        epoch = progress.epoch + progress.position / len(self.plan)
        row = {"kind": "step", "stage": self.stage, "step": progress.step, "epoch": round(epoch, 4)}
        self.run.append("metrics.jsonl", {**row, "rate": self.work.learner.rate, **means})
        self.run.append("timings.jsonl", {"stage": self.stage, "step": progress.step, "seconds": seconds, "rows": window.rows})
        left = (self.total - progress.step) * seconds / window.steps
        self.window = _Window()
        return Stepped(self.stage, progress.step, self.total, epoch, means, window.rows / seconds, left)

    def end_epoch(self) -> Iterator[Event]:
        """Score the epoch that just ended, and turn to the next."""
        validation, progress = self.work.validation, self.progress
        started = time.monotonic()
        values = {} if validation is None else {name: float(value) for name, value in validation.measure().items()}
        _refuse_bad_values("validation", values)
        progress.epoch, progress.position, progress.retries = progress.epoch + 1, 0, 0
        if validation is not None:
            self.run.save_progress(progress.epoch, validation.pictures())
            alarms = tuple(validation.alarms())
            yield self.judge(validation, values, validation.samples(), alarms)
            for alarm in alarms:
                yield Warned(self.stage, alarm)
            row = {"stage": self.stage, "epoch": progress.epoch, "evaluation_seconds": time.monotonic() - started}
            self.run.append("timings.jsonl", row)
        if not self.complete:
            self.plan = self.work.source.plan(self.work.budget.seed, progress.epoch)

    def judge(
        self, validation: Validation, values: Mapping[str, float], samples: Mapping[str, str], alarms: Sequence[str]
    ) -> Evaluated:
        """Keep the weights if no epoch was better before; decide whether to go on."""
        progress, patience = self.progress, self.work.budget.patience
        score = values[validation.monitor] * (1 if validation.higher_is_better else -1)
        equal = validation.newer_when_equal and score == progress.best_score
        is_best = progress.best_score is None or score > progress.best_score or equal
        if is_best:
            progress.best_score, progress.best_epoch = score, progress.epoch
            state = {"stage": self.stage, "epoch": progress.epoch, "step": progress.step, "values": dict(values)}
            self.best = {name: tensor.detach().clone() for name, tensor in weights(self.work.learner).items()}, state
        if patience is not None and progress.epoch - progress.best_epoch >= patience:
            progress.reason = f"no better validation score since epoch {progress.best_epoch}"
        row = {"kind": "evaluation", "stage": self.stage, "step": progress.step, "epoch": progress.epoch}
        shown: dict[str, Any] = {"samples": dict(samples)} if samples else {}
        shown |= {"alarms": list(alarms)} if alarms else {}
        self.run.append("metrics.jsonl", {**row, **values, "is_best": is_best, **shown})
        return Evaluated(self.stage, progress.step, progress.epoch, values, is_best)

    def take_snapshot(self) -> None:
        """Keep the present state to go back to and to save from."""
        self.snapshot.take(self.work.learner, self.work.source, self.standing())

    def standing(self) -> dict[str, Any]:
        """What a checkpoint says beside the learner's state."""
        return {"progress": asdict(self.progress), "metrics_bytes": self.run.metrics_bytes(), "stage": self.stage}

    def save_if_due(self, most_seconds: float) -> Iterator[Saved]:
        """Save when the last checkpoint is old enough, and at the end."""
        if self.complete or time.monotonic() - self.saved_at >= min(self.checkpoint_seconds, most_seconds):
            yield self.save()

    def save(self) -> Saved:
        """Write the snapshot to the disk."""
        return self.write(self.snapshot.tensors, self.snapshot.state)

    def save_present(self) -> Saved:
        """Write the state between two snapshots, and what this process would go on with: the last snapshot and the window.

        Raises: NonFiniteError: A number in it is not finite; nothing is written.
        """
        tensors, state = collect(self.work.learner, self.work.source)
        window = self.window
        refuse_non_finite({**tensors, **window.sums})
        tensors |= {SNAPSHOT + name: tensor for name, tensor in self.snapshot.tensors.items()}
        tensors |= {WINDOW + name: total for name, total in window.sums.items()}
        seconds = time.monotonic() - window.started
        kept = {
            "names": list(window.sums),
            "counts": window.counts,
            "steps": window.steps,
            "rows": window.rows,
            "seconds": seconds,
        }
        return self.write(tensors, {**state, **self.standing(), "snapshot": self.snapshot.state, "window": kept})

    def write(self, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> Saved:
        """Write a checkpoint, and before it the best weights that it speaks of."""
        if self.best is not None:
            self.run.save_best(self.stage, *self.best)
            self.best = None
        step = state["progress"]["step"]
        path = self.run.save_step(self.stage, step, tensors, state)
        self.saved_step, self.saved_at = step, time.monotonic()
        return Saved(self.stage, step, str(path))

    def stop(self) -> Iterator[Event]:
        """Leave the stage where a later `fit` goes on at this very step."""
        snapshot_step = self.snapshot.state["progress"]["step"]
        # With a state that is not finite the snapshot must do; a resumed run meets the fault where this one would have.
        with suppress(NonFiniteError):
            if self.progress.step > max(snapshot_step, self.saved_step):
                yield self.save_present()
        if snapshot_step > self.saved_step:
            yield self.save()
        reason = f"stopped on request; its checkpoint stands at step {self.saved_step}"
        yield Finished(self.stage, self.progress.step, self.progress.epoch, reason, complete=False)

    def go_back(self, error: NonFiniteError) -> Warned:
        """Return to the last snapshot and lower the rate.

        Raises: DivergedError: Lower rates were tried `MAX_RETRIES` times.
        """
        failed = self.progress
        where = f"step {failed.step} (epoch {failed.epoch + 1}, batch {failed.position} of {len(self.plan)})"
        if failed.retries == MAX_RETRIES:
            raise DivergedError(
                f"Training diverged at {where}: {error.where} is not finite, after {MAX_RETRIES} retries at lower rates. "
                "Give a lower {learning_rate} or look at the rows of that batch.",
                settings=("learning_rate",),
            ) from error
        state = self.snapshot.state
        restore(self.work.learner, self.work.source, self.snapshot.tensors, state)
        if self.saved_step > state["progress"]["step"]:
            self.save()  # takes the place of the later one that a stop left, which speaks of rows that go now
        self.run.rewind(state["metrics_bytes"])
        # The plan of this epoch stays: a snapshot is taken at the start of each epoch.
        rate_scale = failed.rate_scale * RETRY_RATE
        self.progress = replace(Progress(**state["progress"]), retries=failed.retries + 1, rate_scale=rate_scale)
        self.window = _Window()
        row = {"kind": "retry", "stage": self.stage, "step": failed.step, "cause": error.where, "rate_scale": rate_scale}
        self.run.append("metrics.jsonl", row)
        return Warned(
            self.stage,
            f"{error.where} was not finite at {where}; back to step {self.progress.step}, learning rate x {rate_scale:g}.",
        )


def fit(
    stage: str,
    work: Work,
    run: RunFolder,
    *,
    checkpoint_seconds: float = 60.0,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[Event]:
    """Train one stage to its end, going on from its newest checkpoint when there is one.

    Args:
        stage: Name of the stage; its checkpoints carry it.
        work: Learner, batch source, budget and validation.
        run: The run folder, locked by the caller.
        checkpoint_seconds: Least time between two checkpoints; the end of an epoch waits two seconds at most.
        should_stop: Asked after every step; True saves and ends, and a later call goes on at the next step.

    Yields:  What happens, for a progress bar or a log.
    Raises:
        DivergedError: A loss or gradient stays non-finite at lower rates.
        MachineError: The disk is full; the last checkpoint is as it was.
    """
    state = _Fit(stage, work, run, checkpoint_seconds)
    messages = state.begin()
    yield Started(stage, state.progress.step, state.total, work.budget.epochs)
    for message in messages:
        yield Warned(stage, message)
    while not state.complete:
        yield from state.advance()
        if should_stop() and not state.complete:
            yield from state.stop()
            return
    reason = state.progress.reason or ("all steps done" if state.out_of_steps else "all epochs done")
    yield Finished(stage, state.progress.step, state.progress.epoch, reason, complete=True)


def _refuse_bad_values(kind: str, values: Mapping[str, float]) -> None:
    for name, value in values.items():
        if not math.isfinite(value):
            raise NonFiniteError(f"the {kind} value {name}")


def rate_factor(step: int, total_steps: int, budget: Budget) -> float:
    """The learning rate at a step, as a factor of the highest: linear warm-up, then constant, a line or half a cosine to 0.

    Loshchilov & Hutter 2017, "SGDR", arXiv:1608.03983, without restarts.
    """
    warmup = budget.warmup_fraction * total_steps
    if step < warmup:
        return (step + 1) / (warmup + 1)
    if budget.schedule == "constant":
        return 1.0
    done = min((step - warmup) / max(total_steps - warmup, 1), 1.0)
    if budget.schedule == "linear":
        return 1.0 - done
    return 0.5 * (1 + math.cos(math.pi * done))
