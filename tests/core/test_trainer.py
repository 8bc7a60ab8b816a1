"""The loop: rates by hand, early stopping, best weights, and the way back from a step that is not finite."""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from seodang.core.checkpoint import read_checkpoint
from seodang.core.device import Device
from seodang.core.errors import DataError, DivergedError, MachineError
from seodang.core.learner import BatchSource, Budget, Learner, Validation, Work
from seodang.core.run import RunFolder
from seodang.core.step import Stepper
from seodang.core.trainer import Evaluated, Event, Finished, Saved, Started, Stepped, Warned, fit, rate_factor

Fault = Callable[["Line"], bool]


class Points(NamedTuple):
    """Points on a line."""

    inputs: Tensor
    targets: Tensor
    number: int


class PointSource(BatchSource):
    """The same points again and again."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def plan(self, seed: int, epoch: int) -> Sequence[Any]:
        return range(self.steps)

    def batch(self, work: int) -> Points:
        inputs = torch.randn(4, 1)
        return Points(inputs, 2 * inputs + 1, work)

    def rows(self, work: int) -> int:
        return 4


class Line(Learner):
    """Fits a line; `fault` decides when its loss is made not a number."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.module = nn.Sequential()
        self.module.add_module("line", nn.Linear(1, 1))
        self.optimizer = AdamW(self.module.parameters(), lr=0.1, fused=True)
        self.stepper = Stepper(Device("cpu", "f32", 1, "for tests"), 1.0)
        self.updates = 0
        self.rates: list[float] = []

    def modules(self) -> Mapping[str, nn.Module]:
        return {"net": self.module}

    def optimizers(self) -> Mapping[str, Optimizer]:
        return {"adam": self.optimizer}

    def update(self, batch: Points) -> dict[str, Tensor]:
        self.updates += 1
        self.rates.append(self.optimizer.param_groups[0]["lr"])
        bad = self.fault(self)

        def loss(part: Points) -> Tensor:
            factor = math.nan if bad else 1.0
            value: Tensor = (self.module(part.inputs * factor) - part.targets).square().mean()
            return value

        return {"loss": self.stepper.descend(batch, loss, self.module, self.optimizer)}


class Scripted(Validation):
    """Scores as written down."""

    monitor = "score"

    def __init__(self, scores: Sequence[float], higher_is_better: bool = True) -> None:
        self.scores = iter(scores)
        self.higher_is_better = higher_is_better

    def measure(self) -> dict[str, float]:
        return {"score": next(self.scores)}


def work(fault: Fault = lambda learner: False, steps: int = 60, validation: Validation | None = None, **budget: Any) -> Work:
    torch.manual_seed(0)
    return Work(Line(fault), PointSource(steps), Budget(**{"epochs": 2, "seed": 1, **budget}), validation)


def train(made: Work, run: RunFolder, **options: Any) -> list[Event]:
    return list(fit("train", made, run, **{"checkpoint_seconds": 0.0, **options}))


def last_bytes(run: RunFolder) -> tuple[bytes, bytes]:
    return max((run.path / "checkpoints").glob("train-step-*")).read_bytes(), (run.path / "metrics.jsonl").read_bytes()


def test_warm_up_and_cosine_by_hand() -> None:
    budget = Budget(epochs=1, seed=0, warmup_fraction=0.2)
    factors = [rate_factor(step, 10, budget) for step in range(10)]
    cosine = [0.5 * (1 + math.cos(math.pi * n / 8)) for n in range(8)]
    assert factors == pytest.approx([1 / 3, 2 / 3, *cosine])
    assert factors[2] == 1.0 and factors[6] == 0.5
    assert rate_factor(10, 10, budget) == 0.0
    assert rate_factor(12, 10, budget) == 0.0  # an epoch with more steps than the first


def test_constant_rate_and_no_warm_up() -> None:
    assert [rate_factor(step, 4, Budget(1, 0, "constant")) for step in range(4)] == [1.0] * 4
    assert rate_factor(0, 4, Budget(1, 0)) == 1.0
    assert rate_factor(0, 1, Budget(1, 0, warmup_fraction=0.5)) > 0


def test_the_optimizer_gets_the_rate(run: RunFolder) -> None:
    made = work(steps=10, epochs=1, warmup_fraction=0.2)
    train(made, run)
    expected = [0.1 * rate_factor(step, 10, made.budget) for step in range(10)]
    assert made.learner.rates == pytest.approx(expected)


def test_events_and_rows(run: RunFolder) -> None:
    events = train(work(steps=25, validation=Scripted([0.5, 0.25])), run)
    told = [type(event) for event in events]
    epoch = [Stepped, Stepped, Stepped, Evaluated, Saved]  # at steps 10, 20, 25
    assert told == [Started, *epoch, Stepped, Stepped, Stepped, Evaluated, Saved, Finished]
    rows = run.rows("metrics.jsonl")
    assert [row["step"] for row in rows if row["kind"] == "step"] == [10, 20, 25, 30, 40, 50]
    assert [row["epoch"] for row in rows if row["kind"] == "step"] == [0.4, 0.8, 1.0, 1.2, 1.6, 2.0]
    assert [(row["epoch"], row["score"], row["is_best"]) for row in rows if row["kind"] == "evaluation"] == [
        (1, 0.5, True),
        (2, 0.25, False),
    ]
    assert {"seconds", "rows"} <= run.rows("timings.jsonl")[0].keys()
    assert not any("seconds" in name for row in rows for name in row)
    last = events[-1]
    assert isinstance(last, Finished) and last.complete and last.reason == "all epochs done"


def test_rows_are_means_of_their_steps(run: RunFolder) -> None:
    made = work(steps=10, epochs=1)
    update, losses = made.learner.update, list[float]()

    def noted(batch: Any) -> dict[str, Tensor]:
        values = update(batch)
        losses.append(float(values["loss"]))
        return values

    made.learner.update = noted
    train(made, run)
    assert run.rows("metrics.jsonl")[0]["loss"] == pytest.approx(sum(losses) / 10, rel=1e-6)  # summed in float32


def test_what_only_some_steps_say_is_a_mean_over_those_also_after_a_stop(tmp_path: Path) -> None:
    def made() -> Work:
        found = work(steps=10, epochs=1)
        update = found.learner.update
        calls = iter(range(100))

        def sometimes(batch: Any) -> dict[str, Tensor]:
            values = update(batch)
            return {**values, "rare": torch.tensor(float(batch.number))} if batch.number in (3, 4, 8) else values

        found.learner.update = sometimes
        found.stop = lambda: next(calls) == 5
        return found

    whole, stopped = RunFolder.create(tmp_path, "whole"), RunFolder.create(tmp_path, "stopped")
    train(made(), whole)
    assert whole.rows("metrics.jsonl")[0]["rare"] == 5.0
    first = made()
    train(first, stopped, should_stop=first.stop)
    train(made(), stopped)
    assert last_bytes(stopped) == last_bytes(whole)


def test_of_equal_epochs_the_first_is_kept_or_where_asked_the_last(tmp_path: Path) -> None:
    for newer, best in ((False, 2), (True, 4)):
        validation = Scripted([0.1, 0.3, 0.2, 0.3])
        validation.newer_when_equal = newer
        run = RunFolder.create(tmp_path, "run")
        train(work(steps=3, epochs=4, validation=validation), run)
        assert read_checkpoint(run.path / "checkpoints" / "train-best.safetensors")[1]["epoch"] == best


@pytest.mark.parametrize(
    ("scores", "higher", "best", "stopped"),
    [
        ([0.1, 0.3, 0.2, 0.3, 0.9], True, 2, 4),
        ([3.0, 1.0, 2.0, 1.5, 0.1], False, 2, 4),
        ([1.0, 2.0, 3.0, 4.0, 5.0], True, 5, 5),
    ],
)
def test_early_stopping_and_the_best_epochs_weights(
    scores: list[float], higher: bool, best: int, stopped: int, run: RunFolder
) -> None:
    made = work(steps=3, epochs=5, patience=2, validation=Scripted(scores, higher))
    weights: dict[int, float] = {}
    for event in fit("train", made, run):
        if isinstance(event, Evaluated):
            weights[event.epoch] = made.learner.module.line.weight.item()
    assert isinstance(event, Finished) and event.complete and event.epoch == stopped
    if stopped < 5:
        assert event.reason == f"no better validation score since epoch {best}"
    tensors, state = read_checkpoint(run.path / "checkpoints" / "train-best.safetensors")
    assert tensors["modules/net/line.weight"].item() == weights[best]
    assert (state["epoch"], state["values"]) == (best, {"score": scores[best - 1]})
    assert run.stage_weights("train")["modules/net/line.weight"].item() == weights[best]


def test_without_validation_the_last_weights_are_remembered(run: RunFolder) -> None:
    made = work(steps=3)
    train(made, run)
    assert run.stage_weights("train")["modules/net/line.weight"].item() == made.learner.module.line.weight.item()


def high_rate_at(number: int) -> Fault:
    """Not a number at one batch, as long as the rate is high: what a lower rate cures."""
    return lambda learner: learner.rate > 0.5 and learner.updates == number


def test_one_bad_step_goes_back_with_a_lower_rate_and_recovers(run: RunFolder) -> None:
    events = train(work(high_rate_at(75), steps=200, epochs=1, schedule="constant"), run)
    warned = [event.message for event in events if isinstance(event, Warned)]
    assert warned == [
        "the output of layer line was not finite at step 75 (epoch 1, batch 75 of 200); back to step 50, learning rate x 0.25."
    ]
    assert isinstance(events[-1], Finished) and events[-1].complete
    rows = run.rows("metrics.jsonl")
    assert [row["kind"] for row in rows].count("retry") == 1
    assert [row["step"] for row in rows if row["kind"] == "step"] == list(range(10, 201, 10))  # 60 and 70 only once
    assert [row["rate"] for row in rows if row["kind"] == "step"] == [1.0] * 5 + [0.25] * 15


def floats(run: RunFolder) -> list[Tensor]:
    paths = (run.path / "checkpoints").glob("*.safetensors")
    return [tensor for path in paths for tensor in read_checkpoint(path)[0].values() if tensor.is_floating_point()]


def test_always_bad_ends_after_three_retries_naming_layer_and_batch(run: RunFolder) -> None:
    made = work(lambda learner: learner.updates >= 57, steps=60)
    with pytest.raises(DivergedError) as caught:
        train(made, run)
    assert caught.value.exit_code == 4
    assert caught.value.render(lambda name: f"--{name}".replace("_", "-")) == (
        "Training diverged at step 51 (epoch 1, batch 51 of 60): the output of layer line is not finite, after 3 retries at "
        "lower rates. Give a lower --learning-rate or look at the rows of that batch."
    )
    assert [row["rate_scale"] for row in run.rows("metrics.jsonl") if row["kind"] == "retry"] == [0.25 / 4**2]
    found = run.last_checkpoint("train")
    assert found is not None and found[1]["progress"]["step"] == 50
    assert all(tensor.isfinite().all() for tensor in floats(run))


def test_weights_that_became_bad_are_never_saved(run: RunFolder) -> None:
    """The loss of the last step before a checkpoint is that of the weights before it."""

    def poison(learner: Line) -> bool:
        if learner.updates == 100:
            learner.optimizer.register_step_post_hook(lambda *_: learner.module.line.weight.data.fill_(math.inf))
        return False

    with pytest.raises(DivergedError, match=r"the state modules/net/line\.weight|the output of layer line"):
        train(work(poison, steps=100, validation=Scripted([0.0] * 9)), run)
    assert not (run.path / "checkpoints" / "train-best.safetensors").exists()
    assert all(tensor.isfinite().all() for tensor in floats(run))


def test_a_bad_validation_score_goes_back_too(run: RunFolder) -> None:
    events = train(work(steps=20, epochs=1, validation=Scripted([math.nan, 0.5])), run)
    assert [event.message[:42] for event in events if isinstance(event, Warned)] == [
        "the validation value score was not finite "
    ]
    assert isinstance(events[-1], Finished) and events[-1].complete and events[-1].step == 20


def at_high_rate_in_batch(position: int) -> Fault:
    """The same fault in every life of the process: a function of the training's state alone."""

    def fault(learner: Line) -> bool:
        return learner.rate > 0.5 and int(learner.optimizer.state_dict()["state"].get(0, {"step": 0})["step"]) + 1 == position

    return fault


@pytest.mark.parametrize("stops", [(60,), (74, 3), (76,), (80, 40)])
def test_a_fall_back_then_a_stop_then_a_resume_is_byte_identical(stops: tuple[int, ...], tmp_path: Path) -> None:
    whole, parts = RunFolder.create(tmp_path / "a", "test"), RunFolder.create(tmp_path / "b", "test")
    fault = at_high_rate_in_batch(75)
    options = {"steps": 120, "epochs": 2, "schedule": "constant"}
    assert any(isinstance(event, Warned) for event in train(work(fault, **options), whole))
    for stop in stops:
        calls = iter(range(1, 10**6))
        events = train(work(fault, **options), parts, should_stop=lambda calls=calls, stop=stop: next(calls) == stop)
        assert isinstance(events[-1], Finished) and not events[-1].complete
    train(work(fault, **options), parts)
    assert last_bytes(parts) == last_bytes(whole)


def test_a_damaged_checkpoint_is_passed_over_and_the_end_is_the_same(tmp_path: Path) -> None:
    whole, parts = RunFolder.create(tmp_path / "a", "test"), RunFolder.create(tmp_path / "b", "test")
    train(work(steps=120), whole)
    calls = iter(range(1, 10**6))
    train(work(steps=120), parts, should_stop=lambda: next(calls) == 130)
    newest = max((parts.path / "checkpoints").glob("train-step-*"))
    newest.write_bytes(newest.read_bytes()[:-9])
    events = train(work(steps=120), parts)
    assert isinstance(events[0], Started) and events[0].step == 120
    assert isinstance(events[1], Warned) and newest.name in events[1].message
    assert last_bytes(parts) == last_bytes(whole)


def test_a_full_disk_in_the_middle_leaves_the_last_good_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, full = RunFolder.create(tmp_path / "a", "test"), RunFolder.create(tmp_path / "b", "test")
    train(work(steps=60), whole)

    def refuse(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(MachineError, match="the disk is full; free some space") as caught:
        for event in fit("train", work(steps=60), full, checkpoint_seconds=0.0):
            if isinstance(event, Saved) and event.step == 60:
                monkeypatch.setattr(os, "fsync", refuse)
    assert caught.value.exit_code == 3
    assert not list(full.path.rglob("*.part"))
    monkeypatch.setattr(os, "fsync", lambda handle: None)
    train(work(steps=60), full)
    assert last_bytes(full) == last_bytes(whole)


def test_a_full_disk_while_a_row_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, full = RunFolder.create(tmp_path / "a", "test"), RunFolder.create(tmp_path / "b", "test")
    train(work(steps=60), whole)
    append = RunFolder.append

    def torn(self: RunFolder, name: str, row: Mapping[str, Any]) -> None:
        if row["step"] == 90:
            with (self.path / name).open("ab") as file:
                file.write(b'{"kind": "st')
            raise MachineError(f"{name}: the disk is full; free some space.")
        append(self, name, row)

    with monkeypatch.context() as patched, pytest.raises(MachineError, match="the disk is full"):
        patched.setattr(RunFolder, "append", torn)
        train(work(steps=60), full)
    train(work(steps=60), full)
    assert last_bytes(full) == last_bytes(whole)


def test_quick_epochs_are_not_all_saved(run: RunFolder) -> None:
    """Two hundred epochs of one step would otherwise wait for the disk two hundred times."""
    events = train(work(steps=1, epochs=200, validation=Scripted([n / 200 for n in range(200)])), run, checkpoint_seconds=60.0)
    assert len([event for event in events if isinstance(event, Saved)]) <= 3
    assert read_checkpoint(run.path / "checkpoints" / "train-best.safetensors")[1]["epoch"] == 200


def test_stopping_is_heard_between_epochs_of_one_step(run: RunFolder) -> None:
    calls = iter(range(1, 10**6))
    events = train(work(steps=1, epochs=200), run, should_stop=lambda: next(calls) == 5)
    assert isinstance(events[-1], Finished) and not events[-1].complete and events[-1].step == 5


@pytest.mark.parametrize("checkpoint_seconds", [0.0, 1e9])
def test_a_stop_between_two_snapshots_loses_no_step(checkpoint_seconds: float, tmp_path: Path) -> None:
    whole, parts = RunFolder.create(tmp_path / "a", "test"), RunFolder.create(tmp_path / "b", "test")
    train(work(steps=120), whole)
    step = 0
    for steps in (7, 30, 36, 1, 26, 5):  # to steps 7, 37, 73, 74, 100, 105: within a row, at a snapshot, one step on
        left = iter(range(steps - 1, -1, -1))
        events = train(
            work(steps=120), parts, checkpoint_seconds=checkpoint_seconds, should_stop=lambda left=left: next(left) == 0
        )
        assert isinstance(events[0], Started) and events[0].step == step
        step += steps
        assert isinstance(events[-1], Finished) and events[-1].step == step
        assert events[-1].reason == f"stopped on request; its checkpoint stands at step {step}"
    train(work(steps=120), parts)
    assert last_bytes(parts) == last_bytes(whole)


def test_a_stop_with_a_bad_state_keeps_the_snapshot(run: RunFolder) -> None:
    """A GPU's losses are read later than its steps, so a stop may come between a bad step and its discovery."""
    made = work(steps=120)
    update = made.learner.update

    def unnoticed(batch: Points) -> dict[str, Tensor]:
        values = update(batch)
        return values if made.learner.updates < 73 else {"loss": values["loss"] * math.nan}

    made.learner.update = unnoticed
    calls = iter(range(1, 10**6))
    events = train(made, run, checkpoint_seconds=1e9, should_stop=lambda: next(calls) == 73)
    assert isinstance(events[-1], Finished) and events[-1].reason.endswith("its checkpoint stands at step 50")
    assert all(tensor.isfinite().all() for tensor in floats(run))


def test_nothing_to_train_on(run: RunFolder) -> None:
    with pytest.raises(DataError, match="Nothing to train on: the data give no batch for stage train"):
        train(work(steps=0), run)


def budgeted(steps: int, validation: Validation | None = None) -> Work:
    """Two epochs of 60 steps, of which so many are taken."""
    torch.manual_seed(0)
    return Work(Line(lambda learner: False), PointSource(60), Budget(epochs=2, seed=1, steps=steps), validation)


def test_steps_end_training_within_an_epoch_and_the_rate_with_it(tmp_path: Path) -> None:
    made = budgeted(75, Scripted([1.0, 2.0]))
    events = train(made, RunFolder.create(tmp_path, "toy"))
    finished = events[-1]
    assert isinstance(finished, Finished) and finished.complete and (finished.step, finished.reason) == (75, "all steps done")
    assert [event.step for event in events if isinstance(event, Evaluated)] == [60, 75]
    assert isinstance(events[0], Started) and events[0].total_steps == 75
    assert isinstance(made.learner, Line) and made.learner.rates[-1] < 1e-3 * made.learner.rates[0]


def test_more_steps_than_the_epochs_have_change_nothing(tmp_path: Path) -> None:
    events = train(budgeted(500), RunFolder.create(tmp_path, "toy"))
    assert isinstance(events[-1], Finished) and (events[-1].step, events[-1].reason) == (120, "all epochs done")


def test_a_training_of_some_steps_resumes_to_the_same_bytes(tmp_path: Path) -> None:
    whole, cut = RunFolder.create(tmp_path, "toy"), RunFolder.create(tmp_path, "toy")
    train(budgeted(75), whole)
    calls = iter(range(1, 1000))
    train(budgeted(75), cut, should_stop=lambda: next(calls) == 64)
    train(budgeted(75), cut)
    assert last_bytes(cut) == last_bytes(whole)


def test_samples_stand_beside_the_scores(tmp_path: Path) -> None:
    class Writing(Scripted):
        def samples(self) -> dict[str, str]:
            return {"written": "abc"}

    run = RunFolder.create(tmp_path, "toy")
    train(budgeted(60, Writing([1.0])), run)
    (row,) = [row for row in run.rows("metrics.jsonl") if row["kind"] == "evaluation"]
    assert row["samples"] == {"written": "abc"} and row["score"] == 1.0


def test_pictures_and_alarms_of_an_epoch_are_kept_and_told(tmp_path: Path) -> None:
    class Painting(Scripted):
        def pictures(self) -> dict[str, bytes]:
            return {"grid": b"a picture"}

        def alarms(self) -> Sequence[str]:
            return ("all of them look alike",)

    run = RunFolder.create(tmp_path, "toy")
    events = train(budgeted(60, Painting([1.0])), run)
    assert [event.message for event in events if isinstance(event, Warned)] == ["all of them look alike"]
    (row,) = [row for row in run.rows("metrics.jsonl") if row["kind"] == "evaluation"]
    assert row["alarms"] == ["all of them look alike"]
    assert [(epoch, path.read_bytes()) for epoch, path in run.progress("grid")] == [(1, b"a picture")]
