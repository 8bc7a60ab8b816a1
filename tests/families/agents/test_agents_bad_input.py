"""What a user may get wrong, through the real command line: one line on stderr, the right exit code, and no run left behind."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from made_up_worlds import write_world

from command_line import Seodang, commands, refused
from seodang.cli.main import main


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    folder = tmp_path_factory.mktemp("trained")
    words = ["CartPole-v1", "--preset", "smoke", "--threads", "1", "--runs", str(folder), "--quiet"]
    assert main(["train", "agents", *words]) == 0
    return folder / "agents-1"


@pytest.fixture
def seodang(tmp_path: Path, trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Seodang:
    """Run a command in a folder with a copy of a finished run, called `kept`."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(trained, tmp_path / "kept")

    return commands(capsys)


COMMANDS: dict[str, tuple[str, str]] = {
    "an unknown environment": (
        "train agents cartpole-v1", r"There is no environment 'cartpole-v1': did you mean CartPole-v1 or CartPole-v0",
    ),
    "no environment": ("train agents", r"SOURCE|environment"),
    "an old version": ("train agents LunarLander-v2", r"did you mean LunarLander-v3"),
    "a module that is not there": ("train agents worlds:World", r"worlds:World: there is no module 'worlds', neither"),
    "sac for choices": (
        "train agents CartPole-v1 --model sac",
        r"--model sac wants actions that are numbers, and observations without an image, but CartPole-v1 has 4 numbers to be "
        r"seen and takes one of 2; give --model ppo or dqn\.$",
    ),
    "dqn for numbers": (
        "train agents Pendulum-v1 --model dqn",
        r"--model dqn wants one choice at a time, but Pendulum-v1 .* takes 1 number within bounds; give --model ppo or sac\.$",
    ),
    "a table for numbers": (
        "train agents CartPole-v1 --model q-learning",
        r"--model q-learning wants states that can be counted \(a Discrete observation space\), .*; give --model ppo or dqn\.$",
    ),
    "an unknown algorithm": (
        "train agents CartPole-v1 --model a2c",
        r"--model must be one of ppo, dqn, sac or q-learning, got 'a2c'\. Did you mean sac",
    ),
    "no steps": ("train agents CartPole-v1 --steps 0", r"--steps must be between 1 and 10000000000, got 0\."),
    "no environments": ("train agents CartPole-v1 --environments 0", r"--environments must be between 1 and 4096, got 0\."),
    "a discount above 1": ("train agents CartPole-v1 --discount 1.1", r"--discount must be between 0 and 1, got 1\.1\."),
    "a setting of another algorithm": (
        "train agents CartPole-v1 --model ppo --replay-size 500",
        r"--replay-size is read only when --model is dqn or sac, but --model is ppo; leave --replay-size out",
    ),
    "an option that is none": (
        "train agents FrozenLake-v1 --environment-options slippery",
        r"--environment-options must be written name=value, e\.g\. is_slippery=false, got 'slippery'\.",
    ),
    "an option that it does not have": (
        "train agents FrozenLake-v1 --environment-options slippery=false",
        r"FrozenLake-v1 cannot be made: TypeError: .*'slippery'",
    ),
    "an environment that shows something else": (
        "evaluate kept Acrobot-v1",
        r"Acrobot-v1 shows 6 numbers, but this agent was trained on 4 numbers; train one for Acrobot-v1\.",
    ),
    "an environment that is not there": ("evaluate kept Acrobt-v1", r"no environment 'Acrobt-v1': did you mean Acrobot-v1"),
    "too few numbers": ("predict kept [1,2,3]", r"the observation has 4 numbers, got 3 numbers"),
    "a number alone": ("predict kept 1", r"the observation has 4 numbers, got 1 numbers?"),
    "numbers in rows": ("predict kept [[1,2,3,4]]", r"the observation has 4 numbers, got"),
    "an image": ('predict kept {"image":[[[1,2],[3,4]]]}', r"the observation has 4 numbers, got one with image"),
    "another part": ('predict kept {"sound":[1]}', r"the observation has 4 numbers, got one with sound"),
    "no JSON": ("predict kept left", r"an observation is expected as JSON, such as \[0\.1, -0\.2\], got 'left'"),
    "words": ('predict kept ["a","b","c","d"]', r"the observation has 4 numbers, got"),
    "nothing": ("predict kept null", r"."),
    "true": ("predict kept true", r"the observation has 4 numbers, got"),
    "not a number": ("predict kept [NaN,0,0,0]", r"the observation has a number that is not finite"),
    "beyond float32": ("predict kept [1e300,0,0,0]", r"the observation has a number that is not finite"),
    "one wrong among others": ("predict kept [0,0,0,0] [1]", r"observation 2 of 2: the observation has 4 numbers, got 1"),
}  # fmt: skip


@pytest.mark.parametrize("case", COMMANDS)
def test_commands_that_cannot_be_followed(seodang: Seodang, case: str) -> None:
    words, message = COMMANDS[case]
    refused(seodang(*words.split()), message)


def test_an_environment_that_takes_something_else(seodang: Seodang, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = """
        observation_space = gymnasium.spaces.Box(-1, 1, (4,))
        action_space = gymnasium.spaces.Discrete(3)
        def seen(self):
            return self.np_random.uniform(-1, 1, 4).astype(np.float32)
    """
    name = write_world(tmp_path, monkeypatch, body)
    refused(seodang("evaluate", "kept", name), f"{name} takes one of 3, but this agent was trained on one of 2; train one for")


def test_a_broken_environment_of_a_user_s_own(seodang: Seodang, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = write_world(tmp_path, monkeypatch, "def step(self, action):\n    return self.seen(), 1.0, False, {}")
    refused(
        seodang("train", "agents", name, "--preset", "smoke"),
        rf"^seodang: {name}: step\(\) returns 4 values and not five values; that is the rule of old gym; "
        r"return observation, reward, terminated, truncated, \{\}\.$",
        shows_code=True,
    )
    outcome = seodang("check", "agents", name)
    assert (outcome.code, outcome.err) == (2, "")
    assert outcome.out == (
        f"error: {name}: step() returns 4 values and not five values; that is the rule of old gym; "
        "return observation, reward, terminated, truncated, {}\n"
    )


def test_check_finds_nothing_in_what_is_sound(seodang: Seodang) -> None:
    assert seodang("check", "agents", "CartPole-v1") == (0, "CartPole-v1: nothing to report.\n", "")
    assert seodang("check", "agents", "Cartpole-v1").code == 2


def test_one_that_fails_in_the_midst_of_training_is_told_with_its_line(
    seodang: Seodang, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = """
        steps = 0
        def step(self, action):
            World.steps += 1
            if World.steps > 4000:
                raise RuntimeError("the simulator has gone")
            return super().step(action)
    """
    name = write_world(tmp_path, monkeypatch, body)
    outcome = seodang("train", "agents", name, "--preset", "smoke", "--quiet", "--runs", "elsewhere", "--threads", "1")
    module = name.partition(":")[0]
    refused(outcome, rf"An environment failed: RuntimeError: the simulator has gone \({module}\.py, line \d+\)\.$")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("seen[1], reward = np.nan, 1.0", "An environment gave an observation with a number that is nan; look where its step"),
        ("reward = float('inf')", "An environment gave a reward that is inf; look where its step"),
    ],
)
def test_numbers_that_are_not_finite_are_not_taken_for_a_training_that_diverged(
    wrong: str, says: str, seodang: Seodang, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = f"""
        steps = 0
        def step(self, action):
            World.steps += 1
            seen, reward, *rest = super().step(action)
            if World.steps > 4000:
                {wrong}
            return seen, reward, *rest
    """
    name = write_world(tmp_path, monkeypatch, body)
    refused(seodang("train", "agents", name, "--preset", "smoke", "--quiet", "--runs", "elsewhere", "--threads", "1"), says)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"[0,0,0,0]\n\n[0,0,0,0]\n", r"seen\.jsonl, line 2: there is no observation in it; write one, or remove the line\."),
        (b"[0,0,0,0]\n[0,0,0]\n", r"seen\.jsonl, line 2: the observation has 4 numbers, got 3 numbers"),
        (b"\xff\xfe", r"seen\.jsonl: expected a text with one observation a line, got no text\."),
    ],
)
def test_files_that_cannot_be_read(seodang: Seodang, content: bytes, says: str) -> None:
    Path("seen.jsonl").write_bytes(content)
    outcome = seodang("predict", "kept", "--file", "seen.jsonl")
    assert outcome.code == 2 and re.search(says, outcome.err), outcome


def test_a_missing_file(seodang: Seodang) -> None:
    refused(seodang("predict", "kept", "--file", "no.jsonl"), r"no\.jsonl: no such file")
