"""The core is cut for ten families: a stand-in of each trains, repeats, stops, is killed, and goes on to the same bytes."""

from __future__ import annotations

import multiprocessing
import random
import signal
import sys
import time
from pathlib import Path

import pytest
import torch
from learners import STAND_INS, Gan, RowSource, blobs, build, train, train_slowly

from seodang.core.checkpoint import read_checkpoint, weights
from seodang.core.learner import Work
from seodang.core.run import RunFolder
from seodang.core.trainer import Finished, Saved, Started, fit

KINDS = sorted(STAND_INS)


def new_run(folder: Path) -> RunFolder:
    return RunFolder.create(folder, "test")


def outcome(run: RunFolder) -> dict[str, bytes]:
    """The bytes that may not depend on interruptions."""
    last = max((run.path / "checkpoints").glob("only-step-*.safetensors"))
    best = (run.path / "checkpoints").glob("only-best.safetensors")
    return {path.name: path.read_bytes() for path in (run.path / "metrics.jsonl", last, *best)}


def steps_in(work: Work) -> int:
    return len(work.source.plan(0, 0)) * work.budget.epochs


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    """What each stand-in leaves behind when nothing stops it."""
    left = {}
    for kind in KINDS:
        run = new_run(tmp_path_factory.mktemp(kind))
        train(kind, run, checkpoint_seconds=1e9)
        left[kind] = outcome(run)
    return left


@pytest.mark.parametrize("kind", KINDS)
def test_updates_are_finite_and_move_everything(kind: str) -> None:
    work = build(kind)
    before = {name: tensor.detach().clone() for name, tensor in weights(work.learner).items()}
    items = list(work.source.plan(0, 0)) * 2
    for item in items[:20]:
        values = work.learner.update(work.source.batch(item))
        assert values
        for value in values.values():
            assert value.shape == () and not value.requires_grad and bool(value.isfinite())
    still = [name for name, tensor in weights(work.learner).items() if torch.equal(tensor, before[name])]
    assert not still


@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_same_bytes(kind: str, tmp_path: Path, uninterrupted: dict[str, dict[str, bytes]]) -> None:
    run = new_run(tmp_path)
    train(kind, run, checkpoint_seconds=0.0)
    assert outcome(run) == uninterrupted[kind]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "one_shot"])
@pytest.mark.parametrize(("stop_at", "checkpoint_seconds"), [(1, 0.0), (37, 1e9), (50, 0.0), (55, 1e9)])
def test_stopped_and_resumed_equals_uninterrupted(
    kind: str, stop_at: int, checkpoint_seconds: float, tmp_path: Path, uninterrupted: dict[str, dict[str, bytes]]
) -> None:
    run = new_run(tmp_path)
    stopped = train(kind, run, stop_at=stop_at, checkpoint_seconds=checkpoint_seconds)[-1]
    assert isinstance(stopped, Finished) and not stopped.complete and stopped.step == stop_at
    resumed = train(kind, run, stop_at=stop_at // 2 + 1, checkpoint_seconds=checkpoint_seconds)[0]
    assert isinstance(resumed, Started) and resumed.step == stop_at
    assert isinstance(last := train(kind, run)[-1], Finished) and last.complete
    assert outcome(run) == uninterrupted[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_a_finished_stage_resumes_to_nothing(kind: str, tmp_path: Path) -> None:
    run = new_run(tmp_path)
    train(kind, run)
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    events = train(kind, run)
    assert [type(event) for event in events] == [Started, Finished]
    assert {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "one_shot"])
@pytest.mark.parametrize("checkpoint_seconds", [0.0, 1e9])
def test_left_without_a_word_equals_uninterrupted(
    kind: str, checkpoint_seconds: float, tmp_path: Path, uninterrupted: dict[str, dict[str, bytes]]
) -> None:
    """A loop that is never asked for its next event leaves the folder as a kill does."""
    run, draw = new_run(tmp_path), random.Random(kind)
    for lives in range(4):
        for count, _ in enumerate(fit("only", build(kind), run, checkpoint_seconds=checkpoint_seconds)):
            if count == 2 + lives + draw.randrange(6):
                break
    train(kind, run)
    assert outcome(run) == uninterrupted[kind]


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL on Windows")
@pytest.mark.parametrize("kind", ["agent", "classifier"])
def test_killed_at_random_moments_equals_uninterrupted(
    kind: str, tmp_path: Path, uninterrupted: dict[str, dict[str, bytes]]
) -> None:
    run = new_run(tmp_path)
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["learners", "torch._dynamo"])  # imported once for all children
    kills = 0
    for moment in [random.Random(kind + str(n)).uniform(0, 0.15) for n in range(3)] + [60.0]:
        began = processes.Event()
        child = processes.Process(target=train_slowly, args=(kind, str(run.path), began))
        child.start()
        assert began.wait(60)
        child.join(moment)
        if child.is_alive():
            child.kill()
            kills += 1
        child.join()
        if child.exitcode == 0:
            break
        assert child.exitcode == -signal.SIGKILL
    assert kills > 0
    assert outcome(run) == uninterrupted[kind]


def test_each_gan_step_leaves_the_other_network_alone() -> None:
    torch.manual_seed(0)
    learner, batch = Gan(), RowSource(blobs(8), 8).batch(torch.arange(8))
    stepped = {"generator": learner.generator, "discriminator": learner.discriminator}
    losses = {"generator": learner._deceive, "discriminator": learner._tell_apart}
    for name, module in stepped.items():
        (other,) = (m for n, m in stepped.items() if n != name)
        before = [p.detach().clone() for p in other.parameters()]
        learner._freeze(other, module)
        learner.stepper.descend(batch, losses[name], module, learner.moves[name])
        assert all(torch.equal(p, b) and p.grad is None for p, b in zip(other.parameters(), before, strict=True))
        learner._freeze(module, other)
        learner.moves[name].zero_grad(set_to_none=True)


def test_the_last_two_checkpoints_are_kept(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    events = train("classifier", run, checkpoint_seconds=0.0)
    saved = [event.path for event in events if isinstance(event, Saved)]
    left = sorted(str(path) for path in (run.path / "checkpoints").glob("only-step-*"))
    assert left == saved[-2:]
    assert read_checkpoint(Path(saved[-1]))[1]["progress"]["step"] == 120


def test_a_second_stage_is_resumed_without_touching_the_first(tmp_path: Path) -> None:
    """Rows of the second stage follow those of the first in one file; going on may not cut them off."""

    def go(run: RunFolder, stop_at: int | None) -> None:
        for stage, kind in (("first", "classifier"), ("second", "gan")):
            calls = iter(range(1, 10**6))
            stop = stop_at if stage == "second" else None
            events = list(fit(stage, build(kind), run, should_stop=lambda calls=calls, stop=stop: next(calls) == stop))
            if not events[-1].complete:
                return

    whole, parts = new_run(tmp_path / "whole"), new_run(tmp_path / "parts")
    go(whole, None)
    for stop_at in (3, 60, None):
        go(parts, stop_at)
    assert (parts.path / "metrics.jsonl").read_bytes() == (whole.path / "metrics.jsonl").read_bytes()
    for name in ("first-step-00000120", "second-step-00000120", "first-best"):
        paths = [run.path / "checkpoints" / f"{name}.safetensors" for run in (whole, parts)]
        assert paths[0].read_bytes() == paths[1].read_bytes()


def test_time_passes_between_rows_only_while_training(tmp_path: Path) -> None:
    """Evaluating is not training: the speed shown is that of the steps."""
    work = build("classifier")
    assert work.validation is not None
    measure = work.validation.measure

    def slow() -> dict[str, float]:
        time.sleep(0.05)
        return measure()

    work.validation.measure = slow
    run = new_run(tmp_path)
    list(fit("only", work, run))
    seconds = [row["seconds"] for row in run.rows("timings.jsonl") if "seconds" in row]
    assert sorted(seconds)[len(seconds) // 2] < 0.05
