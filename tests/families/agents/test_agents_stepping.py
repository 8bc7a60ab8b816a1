"""Environments stepped at once: one rule about the end of an episode, the same numbers whatever steps them, and a way back."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_up_worlds import write_world
from numpy.typing import NDArray

from seodang.core.errors import DataError, MachineError
from seodang.families.agents.actor import chance_of_this_step, random_actions
from seodang.families.agents.algorithms.source import EnvironmentSource
from seodang.families.agents.environments.opening import Opened, open_environment
from seodang.families.agents.environments.stepping import (
    WORTH_PROCESSES_SECONDS,
    Environments,
    Group,
    Native,
    Steps,
    make_environments,
)
from seodang.families.agents.environments.workers import Workers
from seodang.families.agents.evaluation import play

SEEDS = [5, 6, 7]
Make = Callable[[Opened], Environments]
MAKERS: dict[str, Make] = {
    "group": lambda opened: Group(opened, SEEDS, frames=2),
    "native": lambda opened: Native(opened, 3, seed=5),
    "workers": lambda opened: Workers(opened, SEEDS, 2, processes=2),
}
FAILS = """
def step(self, action):
    if self.time == 4:
        [][7]
    return super().step(action)
"""


@pytest.fixture
def make() -> Iterator[Callable[[str, str], Environments]]:
    """Environments by how they are stepped and what they are called; closed at the end."""
    with ExitStack() as stack:
        yield lambda kind, name: stack.enter_context(closing(MAKERS[kind](open_environment(name))))


def copied(steps: Steps) -> tuple[NDArray[Any], ...]:
    """What came of a step, so that the next one does not write over it."""
    seen, *rest = steps
    return tuple(part.copy() for part in (*seen, *rest))


def lived(environments: Environments, steps: int, random: np.random.Generator) -> list[tuple[NDArray[Any], ...]]:
    """Steps at random."""
    actions = environments.actions
    return [copied(environments.step(random_actions(actions, environments.count, random))) for _ in range(steps)]


def assert_same(one: list[tuple[NDArray[Any], ...]], other: list[tuple[NDArray[Any], ...]]) -> None:
    for step, (these, those) in enumerate(zip(one, other, strict=True)):
        for part, (this, that) in enumerate(zip(these, those, strict=True)):
            assert np.array_equal(this, that), (step, part)


@pytest.mark.parametrize("kind", MAKERS)
def test_the_row_after_an_end_is_a_beginning(make: Callable[[str, str], Environments], kind: str) -> None:
    environments = make(kind, "CartPole-v1")
    environments.reset()
    vectors, _, rewards, terminated, truncated, begun = (
        np.stack(part) for part in zip(*lived(environments, 120, np.random.default_rng(0)), strict=True)
    )
    over = terminated | truncated
    assert over.any(0).all() and not begun[0].any()
    assert np.array_equal(begun[1:], over[:-1])
    assert not over[begun].any()
    assert (rewards[begun] == 0).all() and (rewards[~begun] == 1).all()
    assert (np.abs(vectors[begun]) <= 0.05).all()  # CartPole begins within these bounds
    fallen = (np.abs(vectors[..., 2]) > 0.2095) | (np.abs(vectors[..., 0]) > 2.4)
    assert fallen[terminated].all() and not fallen[~terminated].any()  # what is seen with an end is the end


@pytest.mark.parametrize("kind", MAKERS)
def test_the_action_of_a_beginning_is_ignored(make: Callable[[str, str], Environments], kind: str) -> None:
    one, other = (make(kind, "CartPole-v1") for _ in range(2))
    for environments in (one, other):
        environments.reset()
    random, over = np.random.default_rng(0), np.zeros(3, bool)
    for _ in range(80):
        actions = random_actions(one.actions, 3, random)
        different = np.where(over[:, None], 1 - actions, actions)
        these, those = copied(one.step(actions)), copied(other.step(different))
        assert_same([these], [those])
        over = these[3] | these[4]


@pytest.mark.parametrize("kind", MAKERS)
def test_time_alone_truncates(kind: str) -> None:
    opened = open_environment("CartPole-v1", ["max_episode_steps=5"])
    with closing(MAKERS[kind](opened)) as environments:
        environments.reset()
        for step in range(1, 14):
            result = environments.step(np.full((3, 1), step % 2))
            ends = step % 6 == 5  # five steps and a beginning
            assert result.truncated.tolist() == [ends] * 3 and not result.terminated.any()
            assert result.begun.tolist() == [step % 6 == 0] * 3


def test_games_follow_the_rule_too_and_begin_with_one_picture() -> None:
    pytest.importorskip("ale_py")
    opened = open_environment("ALE/Breakout-v5", ["max_num_frames_per_episode=40"])  # of which a step shows four
    with closing(MAKERS["native"](opened)) as environments:
        assert environments.reset().images.shape == (3, 4, 84, 84) and not environments.restorable
        _, images, rewards, _, truncated, begun = (
            np.stack(part) for part in zip(*lived(environments, 30, np.random.default_rng(0)), strict=True)
        )
        assert truncated.any() and np.array_equal(begun[1:], truncated[:-1]) and not rewards[begun].any()
        assert not images[begun][:, :3].any() and (images[begun][:, 3].max((1, 2)) > 0).all()
        assert environments.state() is None and environments.load_state(None).rows == 3


def test_whole_episodes_pay_what_they_paid(make: Callable[[str, str], Environments]) -> None:
    for kind in MAKERS:
        found = play(make(kind, "CartPole-v1"), lambda seen: (seen.vectors[:, 2:3] > 0).astype(np.int64), 7)
        assert np.array_equal(found.returns, found.lengths) and len(found.returns) == 7 and (found.lengths >= 8).all()


@pytest.mark.parametrize("name", ["FrozenLake-v1", "Pendulum-v1"])
def test_other_processes_change_no_number(make: Callable[[str, str], Environments], name: str) -> None:
    group, workers = make("group", name), make("workers", name)
    for one, other in zip(group.reset(), workers.reset(), strict=True):
        assert np.array_equal(one, other)
    assert_same(lived(group, 40, np.random.default_rng(1)), lived(workers, 40, np.random.default_rng(1)))
    assert group.state() == workers.state()
    for one, other in zip(group.reset(), workers.reset(), strict=True):
        assert np.array_equal(one, other)
    assert_same(lived(group, 40, np.random.default_rng(1)), lived(workers, 40, np.random.default_rng(1)))


def test_images_cross_processes_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = """
        observation_space = gymnasium.spaces.Box(0, 255, (40, 40, 3), np.uint8)
        def seen(self):
            return self.np_random.integers(0, 256, (40, 40, 3), np.uint8)
    """
    opened = open_environment(write_world(tmp_path, monkeypatch, body))
    with closing(MAKERS["group"](opened)) as group, closing(MAKERS["workers"](opened)) as workers:
        assert np.array_equal(group.reset().images, workers.reset().images)
        steps = lived(group, 25, np.random.default_rng(1))
        assert_same(steps, lived(workers, 25, np.random.default_rng(1)))
    for _, images, *_, begun in steps:
        alike = (images[:, 0] == images[:, 1]).all((1, 2))
        assert np.array_equal(alike, begun)  # the first image of an episode is shown twice, and no other


def test_each_environment_has_chance_of_its_own_and_a_seed_brings_it_back(make: Callable[[str, str], Environments]) -> None:
    for kind in MAKERS:
        name = "CartPole-v1" if kind == "native" else "Pendulum-v1"
        one, other = make(kind, name), make(kind, name)
        first = one.reset().vectors.copy()
        assert np.array_equal(first, other.reset().vectors) and len(np.unique(first[:, -1])) == 3
        lived(one, 3, np.random.default_rng(0))
        assert np.array_equal(first, one.reset().vectors)


@pytest.mark.parametrize("moment", ["at the beginning", "midway", "at an end"])
@pytest.mark.parametrize("kind", MAKERS)
def test_a_state_that_is_put_back_goes_on_alike(make: Callable[[str, str], Environments], kind: str, moment: str) -> None:
    one, other = (make(kind, "CartPole-v1") for _ in range(2))
    one.reset()
    random = np.random.default_rng(3)
    if moment != "at the beginning":
        (last,) = lived(one, 25, random)[-1:]
        while moment == "at an end" and not last[3].any():
            (last,) = lived(one, 1, random)
        assert moment != "at an end" or last[3].any()
    seen = copied(one.step(random_actions(one.actions, 3, random))) if moment == "midway" else None
    state = json.loads(json.dumps(one.state()))
    other.reset()
    lived(other, 7, np.random.default_rng(9))  # whatever it did before
    back = other.load_state(state)
    assert one.restorable and (seen is None or np.array_equal(back.vectors, seen[0]))
    assert_same(lived(one, 60, np.random.default_rng(4)), lived(other, 60, np.random.default_rng(4)))
    assert one.state() == other.state()


def test_actions_that_are_numbers_are_played_again_to_the_last_bit(make: Callable[[str, str], Environments]) -> None:
    one, other = make("group", "Pendulum-v1"), make("workers", "Pendulum-v1")
    one.reset()
    other.reset()
    last = lived(one, 33, np.random.default_rng(3))[-1]
    assert np.array_equal(other.load_state(json.loads(json.dumps(one.state()))).vectors, last[0])
    assert_same(lived(one, 200, np.random.default_rng(4)), lived(other, 200, np.random.default_rng(4)))


def test_what_comes_of_another_chance_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Played again, an episode may end sooner than it did: an environment that ended is not stepped on."""
    body = """
        over = False
        def reset(self, **given):
            self.over = False
            return super().reset(**given)
        def step(self, action):
            assert not self.over
            self.over = random.random() < 0.3
            seen, reward, _, truncated, info = super().step(action)
            return seen, reward, self.over, truncated, info
    """
    with closing(MAKERS["group"](open_environment(write_world(tmp_path, monkeypatch, body)))) as group:
        group.reset()
        for _ in range(20):
            lived(group, 3, np.random.default_rng(0))
            group.load_state(json.loads(json.dumps(group.state())))


class Waiting(EnvironmentSource):
    """Steps at random."""

    def collect(self, steps: int) -> None:
        random = chance_of_this_step()
        for _ in range(steps):
            self.step(random_actions(self.environments.actions, self.environments.count, random))


def test_a_source_that_is_put_back_sees_what_it_saw(make: Callable[[str, str], Environments]) -> None:
    torch.manual_seed(0)
    one, other = (Waiting(make("group", "CartPole-v1"), 10, 2) for _ in range(2))
    one.batch(30)
    for name, value in one.tensors().items():
        other.tensors()[name].copy_(value)
    other.load_state(json.loads(json.dumps(one.state())))
    for source in (one, other):
        torch.manual_seed(1)
        source.batch(30)
    assert other.seen.same_as(one.seen) and other.state() == one.state()
    assert all(torch.equal(value, other.tensors()[name]) for name, value in one.tensors().items())


def test_a_source_that_cannot_be_put_back_begins_episodes_that_were_not_seen_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = """
        def step(self, action):
            seen, *rest = super().step(action)
            return np.array([random.random(), 0], np.float32), *rest
    """
    opened = open_environment(write_world(tmp_path, monkeypatch, body))
    with closing(MAKERS["group"](opened)) as here, closing(MAKERS["workers"](opened)) as there:
        one, other = Waiting(here, 10, 2), Waiting(there, 10, 2)
        first = other.seen.vectors.copy()
        one.batch(25)
        for name, value in one.tensors().items():
            other.tensors()[name].copy_(value)
        other.load_state(json.loads(json.dumps(one.state())))
        assert other.returns.episodes == one.returns.episodes == 6 and not other.returns.running.any()
        assert not other.over.any() and not np.isin(other.seen.vectors, [first, one.seen.vectors]).any()
        again = other.seen.vectors.copy()
        other.load_state(json.loads(json.dumps(one.state())))
        assert np.array_equal(again, other.seen.vectors)  # and it is the same each time


def test_an_episode_that_is_too_long_to_play_again_is_not_remembered(
    monkeypatch: pytest.MonkeyPatch, make: Callable[[str, str], Environments]
) -> None:
    monkeypatch.setattr("seodang.families.agents.environments.stepping.LONGEST_REPLAY", 50)
    group = make("group", "Pendulum-v1")
    group.reset()
    lived(group, 50, np.random.default_rng(0))
    assert [len(done) for _, done in group.state()] == [50] * 3
    lived(group, 100, np.random.default_rng(0))
    state = group.state()
    assert [done for _, done in state] == [None] * 3
    group.load_state(state)
    assert [done for _, done in group.state()] == [[]] * 3


@pytest.mark.parametrize("kind", ["group", "workers"])
def test_an_environment_that_fails_is_told_with_its_line(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = write_world(tmp_path, monkeypatch, FAILS)
    module = name.partition(":")[0]
    line = (tmp_path / f"{module}.py").read_text().splitlines().index("            [][7]") + 1
    says = rf"An environment failed: IndexError: list index out of range \({module}\.py, line {line}\)\."
    with closing(MAKERS[kind](open_environment(name))) as environments:
        environments.reset()
        with pytest.raises(DataError, match=says):
            lived(environments, 5, np.random.default_rng(0))


def test_one_that_fails_in_another_process_alone_is_told_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = FAILS.replace("self.time == 4", "os.environ.get('MADE_UP') and self.time == 4")
    opened = open_environment(write_world(tmp_path, monkeypatch, body))
    with monkeypatch.context() as inside:
        inside.setenv("MADE_UP", "1")
        workers = Workers(opened, SEEDS, 1, processes=2)
    with closing(workers):
        workers.reset()
        with pytest.raises(DataError, match="An environment failed: IndexError: list index out of range"):
            lived(workers, 5, np.random.default_rng(0))


def test_one_that_cannot_be_made_in_another_process_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = "def __init__(self):\n    if os.environ.get('MADE_UP'):\n        raise ValueError('one game at a time')"
    opened = open_environment(write_world(tmp_path, monkeypatch, body))
    own = Group(opened, SEEDS[:1], 1)
    monkeypatch.setenv("MADE_UP", "1")
    monkeypatch.setattr("seodang.families.agents.environments.workers.Group", lambda *given: own)
    with pytest.raises(DataError, match="World cannot be made: ValueError: one game at a time"):
        Workers(opened, SEEDS, 1, processes=2)


def test_a_process_that_was_killed_is_told(make: Callable[[str, str], Environments]) -> None:
    workers = make("workers", "FrozenLake-v1")
    assert isinstance(workers, Workers)
    workers.reset()
    workers.others[0].kill()
    workers.others[0].wait()
    with pytest.raises(MachineError, match=r"A process that steps environments has ended by itself; is memory used up\?"):
        lived(workers, 3, np.random.default_rng(0))


def test_nothing_is_left_of_processes_that_were_closed() -> None:
    workers = Workers(open_environment("FrozenLake-v1"), SEEDS, 1, processes=3)
    workers.reset()
    others, file = list(workers.others), workers.file
    assert len(others) == 2 and all(one.poll() is None for one in others)
    workers.close()
    workers.close()
    assert [one.returncode for one in others] == [0, 0] and not file.exists()


def test_nothing_is_left_of_processes_that_were_dropped() -> None:
    """As when a training is interrupted: nobody calls close(). A ResourceWarning would be an error here."""
    workers = Workers(open_environment("FrozenLake-v1"), SEEDS, 1, processes=2)
    workers.reset()
    others, file = list(workers.others), workers.file
    del workers
    gc.collect()
    assert [one.returncode for one in others] == [0] and not file.exists()


def test_a_file_in_the_current_folder_is_not_taken_for_python_s_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "random.py").write_text("raise RuntimeError('not this one')")
    with closing(MAKERS["workers"](open_environment("FrozenLake-v1"))) as workers:
        assert workers.reset().rows == 3


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def script(folder: Path, text: str, *flags: str) -> subprocess.CompletedProcess[str]:
    """A program of a user's own, run in its folder."""
    (folder / "script.py").write_text(textwrap.dedent(text), encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-W", "error", *flags, "script.py"],
        cwd=folder, capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_nothing_is_left_of_a_program_that_was_killed(tmp_path: Path) -> None:
    done = script(
        tmp_path,
        """
        import os, signal
        from seodang.families.agents.environments.opening import open_environment
        from seodang.families.agents.environments.workers import Workers
        workers = Workers(open_environment("FrozenLake-v1"), [1, 2], 1, 2)
        workers.reset()
        print(workers.others[0].pid, workers.file, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
        """,
    )
    assert done.returncode == -signal.SIGKILL and done.stderr == ""
    process, file = done.stdout.split()
    deadline = time.monotonic() + 10
    while alive(int(process)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(int(process)) and not Path(file).exists()


def test_a_script_without_a_guard_trains_in_several_processes_and_is_run_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `multiprocessing` starts would run the script once more; here only the user's module is imported there."""
    body = """
        def __init__(self):
            with open("processes.txt", "a") as file:
                file.write(f"{os.getpid()}\\n")
        def step(self, action):
            print("a step")
            time.sleep(0.001)
            return super().step(action)
    """
    name = write_world(tmp_path, monkeypatch, body)
    done = script(
        tmp_path,
        f"""
        import seodang
        with open("runs.txt", "a") as file:
            file.write("once\\n")
        run = seodang.train(
            "agents", "{name}", model="ppo", steps=32, environments=2, horizon=8, epochs=1, hidden=(8,), batch_size=8,
            updates=1, episodes=2, watched_episodes=2, threads=2, precision="f32",
        )
        """,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs.txt").read_text() == "once\n" and "Error" not in done.stderr
    assert len(set((tmp_path / "processes.txt").read_text().split())) > 1


def test_what_an_environment_prints_is_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    body = """
        def step(self, action):
            print("s")
            os.write(1, b"noise\\n")
            return super().step(action)
    """
    opened = open_environment(write_world(tmp_path, monkeypatch, body))
    with closing(MAKERS["group"](opened)) as group, closing(MAKERS["workers"](opened)) as workers:
        group.reset()
        workers.reset()
        assert_same(lived(group, 25, np.random.default_rng(1)), lived(workers, 25, np.random.default_rng(1)))
        assert group.state() == workers.state()
    assert "noise" in capfd.readouterr().err


def test_other_processes_step_only_what_takes_long() -> None:
    opened = open_environment("FrozenLake-v1")
    for step_seconds, processes, kind in (
        (WORTH_PROCESSES_SECONDS, 2, Workers), (WORTH_PROCESSES_SECONDS / 5, 2, Group), (1.0, 1, Group),
    ):  # fmt: skip
        with closing(
            make_environments(opened, 4, seed=0, frames=1, processes=processes, step_seconds=step_seconds)
        ) as environments:
            assert type(environments) is kind
    with closing(
        make_environments(open_environment("CartPole-v1"), 4, seed=0, frames=1, processes=2, step_seconds=1.0)
    ) as environments:
        assert type(environments) is Native
