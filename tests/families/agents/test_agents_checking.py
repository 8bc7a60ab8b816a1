"""What breaks Gymnasium's contract is found before anything is trained, and said so that its author can mend it."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from made_up_worlds import write_world

from seodang.core.errors import DataError
from seodang.families.agents.data import VECTORS_ON_CPU, find_problems, read_environment
from seodang.families.agents.environments.checking import Checked, check_environment
from seodang.families.agents.environments.opening import open_environment
from seodang.families.agents.settings import AgentsSettings

SETTINGS = AgentsSettings.from_flat({})
STEP = """
def step(self, action):
    self.time += 1
    seen, reward, terminated, truncated, info = self.seen(), 1.0, False, self.time >= 10, {{}}
    {change}
    return seen, reward, terminated, truncated, info
"""


def stepping(change: str) -> str:
    return STEP.format(change=change)


BROKEN: dict[str, tuple[str, str, str]] = {
    "four values": (
        "def step(self, action):\n    return self.seen(), 1.0, False, {}",
        "step() returns 4 values and not five values",
        "that is the rule of old gym; return observation, reward, terminated, truncated, {}",
    ),
    "an observation alone": (
        "def step(self, action):\n    return self.seen()",
        "step() returns ndarray", "return observation, reward, terminated, truncated, {}",
    ),
    "reset without information": (
        "def reset(self, *, seed=None, options=None):\n    super().reset(seed=seed)\n    return self.seen()",
        "reset() returns ndarray", "return observation, {}",
    ),
    "reset with something else": (
        "def reset(self, *, seed=None, options=None):\n    super().reset(seed=seed)\n    return self.seen(), None",
        "reset() returns 2 values and not an observation with a dictionary of information", "return observation, {}",
    ),
    "reset without a seed": (
        "def reset(self):\n    return self.seen(), {}",
        "reset(seed=12345) fails: TypeError: World.reset() got an unexpected keyword argument 'seed'",
        "accept reset(self, *, seed=None, options=None)",
    ),
    "reset that fails": (
        "def reset(self, *, seed=None, options=None):\n    raise RuntimeError('no map')",
        "reset(seed=12345) fails: RuntimeError: no map", "mend reset()",
    ),
    "a list that does not fit": (
        stepping("seen = [0.0, 7.0]"),
        "the observation of step 1 is list '[0.0, 7.0]' and not a NumPy array", "return np.array(..., np.float32)",
    ),
    "another shape": (
        stepping("seen = np.zeros(3, np.float32)"),
        "the observation of step 1 has the shape (3,), and observation_space has (2,)", "let both be one shape",
    ),
    "another kind of numbers": (
        stepping("seen = np.zeros(2)"),
        "the observation of step 1 is of float64, and observation_space of float32", "return it with .astype(np.float32)",
    ),
    "out of bounds": (
        stepping("if self.time == 7: seen[1] = 1.5"),
        "the observation of step 7 lies outside observation_space: number 1 is 1.5, not -1 to 1",
        "widen the bounds, or cut the observation to them",
    ),
    "not a number within bounds": (
        stepping("if self.time == 3: seen[0] = np.nan"),
        "the observation of step 3 lies outside observation_space: number 0 is nan, not -1 to 1",
        "widen the bounds, or cut the observation to them",
    ),
    "not finite without bounds": (
        "observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (2,))\n" + stepping("if self.time == 3: seen[0] = np.inf"),
        "the observation of step 3 has a number that is not finite", "look where step() divides",
    ),
    "larger than 32 bits hold": (
        "observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float64)\n" + stepping("seen = np.full(2, 1e300)")
        + "\ndef seen(self):\n    return np.zeros(2)",
        "the observation of step 1 has a number that is not finite", "look where step() divides",
    ),
    "a choice that is none": (
        "observation_space = gymnasium.spaces.Discrete(4)\ndef seen(self):\n    return 4",
        "the observation of reset() is not one of observation_space (Discrete(4)): 4", "let both agree",
    ),
    "no reward": (stepping("reward = None"), "the reward of step 1 is NoneType 'None' and not a", "return float(reward)"),
    "a reward in words": (stepping("reward = '1'"), "the reward of step 1 is str '1' and not a number", "return float(reward)"),
    "a reward that is true": (stepping("reward = True"), "the reward of step 1 is bool 'True' and not", "return float(reward)"),
    "a reward of several": (stepping("reward = np.ones(1)"), "the reward of step 1 is ndarray '[1.]'", "return float(reward)"),
    "a reward that is not finite": (
        stepping("reward = float('nan') if self.time == 4 else 0"), "the reward of step 4 is nan", "look where step() divides",
    ),
    "terminated as a number": (
        stepping("terminated = 0"), "terminated of step 1 is int '0' and not true or false", "return bool(terminated)",
    ),
    "truncated as nothing": (
        stepping("truncated = None"), "truncated of step 1 is NoneType 'None' and not true or false", "return bool(truncated)",
    ),
    "no information": (
        stepping("info = None"), "the information of step 1 is NoneType 'None' and not a dictionary", "return {} for none",
    ),
    "a seed that decides nothing": (
        "def seen(self):\n    return np.array([random.random(), 0], np.float32)",
        "reset(seed=...) gives another first observation each time, with one and the same seed",
        "call super().reset(seed=seed) and draw from self.np_random alone",
    ),
    "a step that fails": (
        stepping("if self.time == 5: [][action]"),
        "fails: IndexError: list index out of range", "mend step(); the action is one of its space",
    ),
    "no space of actions": (
        "action_space = None", "action_space is missing or no gymnasium Space", "set self.action_space in __init__",
    ),
    "no space of observations": (
        "observation_space = (2,)", "observation_space is missing or no gymnasium Space",
        "set self.observation_space in __init__",
    ),
    "actions without bounds": (
        "action_space = gymnasium.spaces.Box(-np.inf, np.inf, (1,))",
        "actions are numbers without bounds (Box(-inf, inf, (1,), float32)), and no algorithm here fits that; give the", "",
    ),
    "actions of another kind": (
        "action_space = gymnasium.spaces.Text(3)", "actions are Text", "",
    ),
    "observations of another kind": (
        "observation_space = gymnasium.spaces.Text(3)", "observations are Text, and only Box, Discrete,", "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_what_breaks_the_contract_is_found(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body, what, fix = BROKEN[case]
    name = write_world(tmp_path, monkeypatch, body)
    found = find_problems(name, SETTINGS)
    assert [(one.severity, one.where) for one in found] == [("error", name)]
    assert what in found[0].what and found[0].fix == fix
    with pytest.raises(DataError) as told:
        read_environment(name, SETTINGS)
    assert str(told.value).startswith(f"{name}: {found[0].what}") and "\n" not in str(told.value)


SOUND = {
    "plain": "",
    "a dictionary": """
        observation_space = gymnasium.spaces.Dict({"at": gymnasium.spaces.Box(-1, 1, (2,)), "on": gymnasium.spaces.Discrete(2)})
        def seen(self):
            return {"at": super().seen(), "on": self.time % 2}
    """,
    "a tuple": """
        observation_space = gymnasium.spaces.Tuple([gymnasium.spaces.Discrete(4, start=1), gymnasium.spaces.MultiBinary(2)])
        def seen(self):
            return int(self.np_random.integers(1, 5)), np.array([self.time % 2, 1], np.int8)
    """,
    "pictures": """
        observation_space = gymnasium.spaces.Box(0, 255, (40, 40, 3), np.uint8)
        def seen(self):
            return self.np_random.integers(0, 256, (40, 40, 3), np.uint8)
    """,
    "NumPy's own numbers": stepping("reward, terminated = np.float64(reward), np.False_"),
    "a reward of no axes": stepping("reward = np.array(reward)"),
    "a list that fits": "def seen(self):\n    return super().seen().tolist()",
    "whole rewards": stepping("reward = 1"),
    "several choices": "action_space = gymnasium.spaces.MultiDiscrete([2, 3])",
    "numbers": "action_space = gymnasium.spaces.Box(-2, 2, (3,))",
}


@pytest.mark.parametrize("case", SOUND)
def test_nothing_is_said_of_what_is_sound(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = write_world(tmp_path, monkeypatch, SOUND[case])
    assert find_problems(name, SETTINGS) == []
    data = read_environment(name, SETTINGS)
    assert data.checked.step_seconds > 0 and len(data.checked.code) == 64


def checked(name: str) -> Checked:
    return check_environment(open_environment(name), frames=4)


@pytest.mark.parametrize("name", ["CartPole-v1", "FrozenLake-v1", "Pendulum-v1", "Acrobot-v1", "Taxi"])
def test_nothing_is_said_of_gymnasium_s_own(name: str) -> None:
    found = checked(name)
    assert found.findings == () and found.notes == () and found.exactness == ""


def test_nothing_is_said_of_the_lander_and_that_the_walker_cannot_be_put_back_is() -> None:
    """Box2D keeps contacts of the episode before, by which the walker's ground answers a little differently."""
    pytest.importorskip("Box2D")
    assert checked("LunarLander-v3").exactness == ""
    walker = checked("BipedalWalker-v3")
    assert walker.findings == () and walker.exactness.startswith("the state of this environment cannot be brought back")
    assert "goes on with new episodes, and ends with other bytes than an undisturbed one" in walker.exactness


def test_chance_of_its_own_cannot_be_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = write_world(tmp_path, monkeypatch, stepping("reward = random.random()"))
    found = find_problems(name, SETTINGS)
    assert [one.severity for one in found] == ["note"] and "cannot be brought back by playing" in found[0].what
    assert read_environment(name, SETTINGS).facts()["notes"] == [found[0].what, VECTORS_ON_CPU]


def test_an_end_by_chance_of_its_own_does_not_stop_the_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change = "assert not getattr(self, 'over', False)\n    self.over = terminated = random.random() < 0.2"
    body = stepping(change) + "\ndef reset(self, **given):\n    self.over = False\n    return super().reset(**given)"
    found = find_problems(write_world(tmp_path, monkeypatch, body), SETTINGS)
    assert [one.severity for one in found] == ["note"]


def test_random_numbers_of_another_kind_cannot_be_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = """
        def reset(self, *, seed=None, options=None):
            self.np_random = np.random.RandomState(seed)
            self.time = 0
            return self.seen(), {}
    """
    found = find_problems(write_world(tmp_path, monkeypatch, body), SETTINGS)
    assert [one.severity for one in found] == ["note"]


def test_what_never_ends_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = write_world(tmp_path, monkeypatch, stepping("truncated = False"))
    (found,) = find_problems(name, SETTINGS)
    assert found.severity == "warning" and found.fix == "give {environment_options} max_episode_steps=1000 if none ever ends"
    assert found.what == "no episode ended within 300 random steps, and there is no time limit"
    facts = read_environment(name, SETTINGS).facts()
    assert facts["time limit"] == "none" and facts["notes"] == [
        found.what,
        VECTORS_ON_CPU,
    ]  # who trains without a check is told too
    limited = AgentsSettings.from_flat({"environment_options": ("max_episode_steps=7",)})
    assert find_problems(name, limited) == [] and read_environment(name, limited).facts()["time limit"] == "7 steps"


def test_states_that_can_be_counted_are() -> None:
    assert checked("FrozenLake-v1").states == 16 and checked("CartPole-v1").states == 0


def test_other_code_is_another_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run is not gone on with in a world that has changed: its checksum is another."""
    name = write_world(tmp_path, monkeypatch)
    before = read_environment(name, SETTINGS).checksum()
    assert read_environment(name, SETTINGS).checksum() == before
    module = importlib.import_module(name.partition(":")[0])
    path = tmp_path / f"{module.__name__}.py"
    path.write_text(path.read_text().replace("1.0, False", "11.0, False"))
    importlib.reload(module)
    assert read_environment(name, SETTINGS).checksum() != before
    other = AgentsSettings.from_flat({"environment_options": ("is_slippery=false",)})
    assert read_environment("FrozenLake-v1", SETTINGS).checksum() != read_environment("FrozenLake-v1", other).checksum()


def test_the_code_of_a_wrapper_counts_and_not_that_of_what_it_wraps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checksums = set()
    for factor in (1, 2):
        name = write_world(tmp_path, monkeypatch, name="Wrapped")
        with (tmp_path / f"{name.partition(':')[0]}.py").open("a") as file:
            file.write(
                "class Wrapped(gymnasium.RewardWrapper):\n"
                "    def __init__(self):\n        super().__init__(gymnasium.make('Pendulum-v1'))\n"
                f"    def reward(self, reward):\n        return {factor} * reward\n"
            )
        data = read_environment(name, SETTINGS)
        checksums.add(data.checked.code)
        assert data.checked.time_limit == 200 and data.checked.findings == ()
    assert len(checksums) == 2


@pytest.mark.slow  # 5 s: drawing a race track
def test_a_slow_environment_is_looked_at_in_seconds() -> None:
    pytest.importorskip("Box2D")
    found = checked("CarRacing-v3")
    assert found.findings == () and found.step_seconds > 1e-3
