"""Environments found by name, and what is said where there is none, where it cannot be made, or where a package is missing."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from made_up_worlds import write_world

from seodang.core.errors import DataError, MissingExtraError, SettingsError
from seodang.families.agents.environments.opening import open_environment


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("cartpole-v1", "CartPole-v1 or CartPole-v0"),
        ("CartPole-v7", "CartPole-v1 or CartPole-v0"),
        ("LunarLander-v2", "LunarLander-v3 or LunarLanderContinuous-v3"),
        ("Half-Cheetah", "HalfCheetah-v5 or HalfCheetah-v4"),
        ("FrozenLak-v1", "FrozenLake-v1"),
    ],
)
def test_a_name_that_is_nearly_right_is_answered_with_the_right_one(name: str, near: str) -> None:
    with pytest.raises(DataError) as told:
        open_environment(name)
    assert str(told.value).startswith(f"There is no environment {name!r}: did you mean {near}")
    assert str(told.value).endswith("? One of your own is named package.module:EnvironmentClass.")


def test_a_name_like_no_other_is_answered_with_where_they_stand() -> None:
    with pytest.raises(
        DataError, match=r"There is no environment 'qqqqqqqqqqqq': the documentation of Gymnasium lists what there is\. One"
    ):
        open_environment("qqqqqqqqqqqq")


def test_a_file_is_answered_with_how_its_class_is_named() -> None:
    with pytest.raises(DataError, match=r"One of your own is named rooms:EnvironmentClass\.$"):
        open_environment("/somewhere/rooms.py")


@pytest.mark.parametrize("name", ["CartPole", "FrozenLake", "Taxi"])
def test_a_version_left_out_is_the_newest(name: str) -> None:
    opened = open_environment(name)
    versions = [int(one.rpartition("-v")[2]) for one in gymnasium.registry if one.rpartition("-v")[0] == name]
    assert opened.full_name == f"{name}-v{max(versions)}"
    environment = opened.make()
    assert environment.spec is not None and environment.spec.id == opened.full_name
    environment.close()


def test_options_are_what_an_environment_is_made_with() -> None:
    opened = open_environment("FrozenLake-v1", ["is_slippery=false", "map_name=8x8", "max_episode_steps=7"])
    assert dict(opened.options) == {"is_slippery": False, "map_name": "8x8", "max_episode_steps": 7}
    environment = opened.make()
    assert environment.observation_space.n == 64  # type: ignore[attr-defined]
    assert environment.spec is not None and environment.spec.max_episode_steps == 7
    environment.reset(seed=0)
    assert environment.step(2)[0] == 1  # no ice to slip on
    environment.close()


def test_options_of_a_user_s_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = write_world(tmp_path, monkeypatch, "def __init__(self, size=1, word=''):\n    self.size, self.word = size, word")
    made = open_environment(name, ["size=[1, 2]", "word=seven"]).make().unwrapped
    assert (made.size, made.word) == ([1, 2], "seven")  # type: ignore[attr-defined]


def test_a_time_limit_for_a_user_s_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = open_environment(write_world(tmp_path, monkeypatch), ["max_episode_steps=3"]).make()
    environment.reset(seed=0)
    assert [environment.step(0)[2:4] for _ in range(3)] == [(False, False), (False, False), (False, True)]
    counting = write_world(tmp_path, monkeypatch, "def __init__(self, max_episode_steps):\n    self.most = max_episode_steps")
    assert open_environment(counting, ["max_episode_steps=3"]).make().most == 3  # type: ignore[attr-defined]


@pytest.mark.parametrize("text", ["is_slippery", "=3", "is slippery=3", "3=is_slippery"])
def test_options_that_are_none(text: str) -> None:
    with pytest.raises(SettingsError, match=r"environment_options must be written name=value, e\.g\. is_slippery=false, got"):
        open_environment("FrozenLake-v1", [text])


def test_an_option_that_the_environment_does_not_have() -> None:
    with pytest.raises(DataError, match=r"FrozenLake-v1 cannot be made: TypeError: .*unexpected keyword argument 'slippery'"):
        open_environment("FrozenLake-v1", ["slippery=false"])


def test_one_of_a_user_s_own_is_found_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = open_environment(write_world(tmp_path, monkeypatch))
    environment = opened.make()
    assert type(environment.unwrapped).__name__ == "World" and not opened.is_vectorised and not opened.is_atari
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert opened.make().reset(seed=3)[0].tolist() == environment.reset(seed=3)[0].tolist()


def test_in_a_package_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module, _, name = write_world(tmp_path, monkeypatch).partition(":")
    (tmp_path / "made_up_package").mkdir()
    (tmp_path / f"{module}.py").rename(tmp_path / "made_up_package" / "inner.py")
    assert open_environment(f"made_up_package.inner:{name}").full_name == "made_up_package.inner:World"


OWN = {
    "a class that is not there": ("", "Wrld", r": \S+ has no 'Wrld'; did you mean made_up_\d+:World\?"),
    "a class like no other": ("", "qqqq", r": \S+ has no 'qqqq'\."),
    "no environment": ("", "Path", r": expected a gymnasium\.Env, got (Posix|Windows)Path\."),
    "one that fails": ("def __init__(self):\n    raise ValueError('no\\nmap')", "World", " cannot be made: ValueError: no map"),
    "one that wants more": ("def __init__(self, size): ...", "World", r" cannot be made: TypeError: .*argument: 'size'"),
}


@pytest.mark.parametrize("case", OWN)
def test_what_a_user_s_own_may_lack(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body, name, says = OWN[case]
    told = write_world(tmp_path, monkeypatch, body, name)
    with (tmp_path / f"{told.partition(':')[0]}.py").open("a") as file:
        file.write("\nfrom pathlib import Path\n")
    with pytest.raises(DataError, match=says) as error:
        open_environment(told)
    assert str(error.value).startswith(told) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("no_such_module:World", r"there is no module 'no_such_module', neither installed nor in {folder}\."),
        ("json.no_such_part:World", r"there is no module 'json\.no_such_part', neither"),
        ("no_such_module.py:World", r"there is no module 'no_such_module', .*; write no_such_module:World\."),
        ("rooms/no_such.py:World", r"there is no module .*; write rooms\.no_such:World\."),
    ],
)
def test_a_module_that_is_not_there(name: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_world(tmp_path, monkeypatch)
    with pytest.raises(DataError, match=f"{name}: {says.format(folder=tmp_path)}"):
        open_environment(name)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("import no_such_thing", "importing made_up_broken failed: No module named 'no_such_thing'"),
        ("import made_up_", "importing made_up_broken failed: No module named 'made_up_'"),  # a part of its own name
        ("1 / 0", "cannot be made: ZeroDivisionError: division by zero"),
        ("def", r"cannot be made: SyntaxError: .*\(made_up_broken\.py, line 1\)"),
    ],
)
def test_a_module_that_cannot_be_imported(line: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_world(tmp_path, monkeypatch)
    monkeypatch.delitem(sys.modules, "made_up_broken", raising=False)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # the cases follow each other within a second
    (tmp_path / "made_up_broken.py").write_text(line + "\n")
    with pytest.raises(DataError, match=f"^made_up_broken:World:? {says}"):
        open_environment("made_up_broken:World")


@pytest.mark.parametrize(
    ("name", "module", "extra"), [("LunarLander-v3", "Box2D", "box2d"), ("HalfCheetah-v5", "mujoco", "mujoco")]
)
def test_a_missing_package_is_named_with_what_brings_it(
    name: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for one in [one for one in sys.modules if one.startswith(("gymnasium.envs.box2d", "gymnasium.envs.mujoco", f"{module}."))]:
        monkeypatch.delitem(sys.modules, one)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError) as told:
        open_environment(name)
    assert str(told.value) == f"{name} needs {module}, which is not installed: pip install 'seodang[{extra}]'."


def test_atari_without_its_package_says_what_its_licence_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    for one in [one for one in gymnasium.registry if one.startswith("ALE/")]:
        monkeypatch.delitem(gymnasium.registry, one)
    monkeypatch.setitem(sys.modules, "ale_py", None)
    with pytest.raises(MissingExtraError) as told:
        open_environment("ALE/Pong-v5")
    assert str(told.value) == (
        "ALE/Pong-v5 needs ale_py, which is not installed: pip install 'seodang[atari]'. Atari games run in ale-py, whose "
        "licence is the GPL, version 2: what links it and is passed on must follow it."
    )


def test_an_environment_that_was_moved_is_not_taken_for_a_missing_package() -> None:
    pytest.importorskip("mujoco")
    with pytest.raises(DataError, match=r"HalfCheetah-v3 cannot be made: ImportError: .*moved to the gymnasium-robotics"):
        open_environment("HalfCheetah-v3")


def test_mujoco_leaves_no_lines_and_no_file_but_tells_what_goes_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("mujoco")
    monkeypatch.chdir(tmp_path)
    environment = open_environment("HalfCheetah-v5").make()
    with caplog.at_level(logging.WARNING):
        environment.reset(seed=0)
        assert capfd.readouterr() == ("", "") and not list(tmp_path.iterdir()) and not caplog.messages
        environment.unwrapped.data.qvel[:] = 1e12  # type: ignore[attr-defined]
        environment.step(np.zeros(6, np.float32))
    assert caplog.messages and caplog.messages[0].startswith("MuJoCo: Nan, Inf or huge value in QVEL at DOF 0")
    assert not list(tmp_path.iterdir())
    environment.close()


def test_an_option_of_the_wrong_type_is_told_in_one_line_that_can_be_read() -> None:
    pytest.importorskip("ale_py")
    with pytest.raises(DataError) as told:
        open_environment("ALE/Pong-v5", ["img_height=tall"])
    assert str(told.value) == (
        "ALE/Pong-v5 cannot be made: TypeError: __init__(): incompatible function arguments; look at img_height=tall."
    )
