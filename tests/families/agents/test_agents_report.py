"""The report of agents: its pictures show what is true of agents that are known through and through."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import seodang
from seodang.core.errors import SettingsError
from seodang.families.agents.actor import Actor
from seodang.families.agents.data import AgentsData, read_environment
from seodang.families.agents.environments.spaces import ActionShape, Observations, ObservationShape
from seodang.families.agents.explaining.boards import NOWHERE, States, ask_states, boards_of, is_countable
from seodang.families.agents.explaining.importance import Part, collect, importance, occlusion, parts_of
from seodang.families.agents.explaining.naming import names_of
from seodang.families.agents.explaining.report_curves import (
    StepAxis,
    learning_curve,
    log_panels,
    log_table,
    logged_columns,
    points,
)
from seodang.families.agents.explaining.report_maps import draw_boards, draw_map, heated, states_table
from seodang.families.agents.explaining.value_map import check_numbers, chosen_numbers, value_map
from seodang.families.agents.report import write_report
from seodang.families.agents.settings import PRESETS, AgentsSettings

FAST: dict[str, Any] = {
    **PRESETS["smoke"](), "steps": 1024, "epochs": 2, "episodes": 4, "watched_episodes": 2, "device": "cpu", "threads": 1,
}  # fmt: skip
TWO = ActionShape("discrete", (2,), (0,))


def environment(name: str, *options: str) -> AgentsData:
    return read_environment(name, AgentsSettings.from_flat({"environment_options": options}))


class Known(Actor):
    """An agent by a formula: what it expects; it takes action 1 where that is above 0."""

    def __init__(self, formula: Callable[[Observations], Any], actions: ActionShape = TWO) -> None:
        self.actions, self.formula = actions, formula

    def best(self, seen: Observations) -> Any:
        return (self.formula(seen) > 0).astype(np.int64)[:, None]

    def sampled(self, seen: Observations, random: np.random.Generator) -> Any:
        return random.integers(0, self.actions.choices[0], (seen.rows, 1))

    def values(self, seen: Observations) -> Any:
        return np.asarray(self.formula(seen), np.float32)


class Steering(Actor):
    """Chooses two numbers, and does not say what it expects: the first is half of what it sees first."""

    def __init__(self) -> None:
        self.actions = ActionShape("continuous", low=(-2.0, 0.0), high=(2.0, 1.0), shape=(2,), dtype="float32")

    def best(self, seen: Observations) -> Any:
        return np.stack([seen.vectors[:, 0] / 2, np.zeros(seen.rows)], 1).astype(np.float32)

    def sampled(self, seen: Observations, random: np.random.Generator) -> Any:
        return self.best(seen)


class Tabled(Actor):
    """Knows the worth of every action in every state."""

    def __init__(self, table: Any, actions: ActionShape) -> None:
        self.table, self.actions = np.asarray(table, np.float32), actions

    def worths(self, seen: Observations) -> Any:
        return self.table[seen.vectors.argmax(1)]

    def best(self, seen: Observations) -> Any:
        return self.worths(seen).argmax(1)[:, None]

    def sampled(self, seen: Observations, random: np.random.Generator) -> Any:
        return self.best(seen)


def vectors(rows: Any) -> Observations:
    array = np.asarray(rows, np.float32)
    return Observations(array, np.zeros((len(array), 0, 0, 0), np.uint8))


def noise(count: int, width: int) -> Observations:
    return vectors(np.random.default_rng(0).normal(size=(count, width)))


# What it looks at


def test_the_one_number_that_matters_is_found() -> None:
    parts = tuple(Part(f"number {place}", (place,)) for place in range(4))
    found = importance(Known(lambda seen: 3 * seen.vectors[:, 2]), noise(300, 4), parts, seed=0)
    assert found.order()[0] == 2
    for sizes in found.measures.values():
        assert sizes[2] > 0 and (sizes[[0, 1, 3]] == 0).all()
    # The mean distance of two normal numbers is 2 / sqrt(pi), and signs of two differ half of the time.
    assert found.measures["value expected"][2] == pytest.approx(3 * 2 / np.sqrt(np.pi), rel=0.1)
    assert found.measures["another action is best"][2] == pytest.approx(0.5, abs=0.05)


def test_chosen_numbers_and_worths_are_measured_too() -> None:
    parts = (Part("first", (0,)), Part("second", (1,)))
    steering = importance(Steering(), noise(200, 2), parts, seed=0)
    assert set(steering.measures) == {"numbers chosen"} and steering.measures["numbers chosen"][1] == 0
    tabled = importance(Tabled([[0, 1], [4, 1]], TWO), noise(200, 2), parts, seed=0)
    assert set(tabled.measures) == {"another action is best", "worths of actions"}


def test_a_choice_is_exchanged_as_a_whole() -> None:
    data = environment("Blackjack-v1")
    names = names_of("Blackjack-v1", data.observation, data.actions)
    parts = parts_of(data, names)
    assert [part.name for part in parts] == ["own cards", "dealer's card", "usable ace"]
    assert [len(part.columns) for part in parts] == [32, 11, 2]
    assert sorted(column for part in parts for column in part.columns) == list(range(data.observation.numbers))


def test_observations_are_collected_from_play() -> None:
    data = environment("CartPole-v1")
    actor = Known(lambda seen: seen.vectors[:, 2])
    seen = collect(actor, data, 100, seed=0)
    assert seen.vectors.shape == (100, 4) and len(np.unique(seen.vectors, axis=0)) > 90
    np.testing.assert_array_equal(seen.vectors, collect(actor, data, 100, seed=0).vectors)


def test_covering_what_an_agent_looks_at_changes_what_it_says() -> None:
    actor = Known(lambda seen: seen.images[:, 0, :6, :6].mean((1, 2)))
    image = np.random.default_rng(0).integers(0, 255, (1, 2, 84, 84)).astype(np.uint8)
    maps = occlusion(actor, Observations(np.zeros((1, 0), np.float32), image), np.zeros((2, 84, 84), np.uint8))
    heat = maps["value expected"]
    assert heat[:6, :6].min() > 100 and heat.sum() == pytest.approx(heat[:6, :6].sum())
    red = heated(np.full((84, 84, 3), 128, np.uint8), heat)
    assert red[0, 0, 0] > red[0, 0, 2] + 80 and len(np.unique(red[40, 40])) == 1


# The map of values


def test_the_map_is_the_function_that_is_known() -> None:
    seen = noise(300, 4)
    found = value_map(Known(lambda seen: 2 * seen.vectors[:, 3] - seen.vectors[:, 0] + seen.vectors[:, 1]), seen, (0, 3))
    expected = 2 * found.y[:, None] - found.x[None] + np.median(seen.vectors[:, 1])
    assert found.values is not None
    np.testing.assert_allclose(found.values, expected, atol=1e-5)
    np.testing.assert_array_equal(found.actions[..., 0], expected > 0)
    assert found.x[0] < np.quantile(seen.vectors[:, 0], 0.01) and found.x[-1] > np.quantile(seen.vectors[:, 0], 0.99)
    picture = draw_map(found, seen, TWO, names_of("CartPole-v1", ObservationShape(4, ("0", "1", "2", "3")), TWO))
    assert "cart position and pole turning" in picture.alt


def test_of_many_actions_those_taken_most_have_a_colour_of_their_own() -> None:
    many = ActionShape("discrete", (12,), (0,))
    seen = noise(300, 2)
    found = value_map(Known(lambda seen: seen.vectors[:, 0], many), seen, (0, 1))
    actions = np.arange(12).repeat(-(-found.actions.size // 12))[: found.actions.size].reshape(found.actions.shape)
    picture = draw_map(replace(found, actions=actions), seen, many, names_of("x", ObservationShape(2, ("0", "1")), many))
    legend = picture._figure.axes[1].get_legend()
    words = [text.get_text() for text in legend.get_texts()]
    colours = {patch.get_facecolor() for patch in legend.get_patches()}
    assert words == [*(f"action {one}" for one in range(7)), "other actions"] and len(colours) == 8


def test_a_map_of_numbers_needs_no_values() -> None:
    actor, seen = Steering(), noise(100, 2)
    found = value_map(actor, seen, (0, 1))
    np.testing.assert_allclose(found.actions[..., 0], np.tile(found.x / 2, (len(found.y), 1)), rtol=1e-6)
    assert found.values is None
    assert draw_map(found, seen, actor.actions, names_of("x", ObservationShape(2, ("0", "1")), actor.actions)).png()


def test_the_map_lies_over_what_matters_most_or_what_was_asked_for() -> None:
    parts = tuple(Part(str(place), (place,)) for place in range(4))
    seen = noise(200, 4)
    found = importance(Known(lambda seen: 3 * seen.vectors[:, 2] + seen.vectors[:, 1]), seen, parts, seed=0)
    assert chosen_numbers((), found, seen) == (2, 1)
    assert chosen_numbers((3, 0), found, seen) == (3, 0)
    seen.vectors[:, 1] = 7.0  # a number that never changes cannot be an axis
    assert chosen_numbers((), found, seen) == (2, 0)


@pytest.mark.parametrize(
    ("asked", "numbers", "says"),
    [
        ((0,), 4, "map_numbers must be two different numbers of an observation, each from 0 to 3, got 0"),
        ((1, 1), 4, "two different numbers"),
        ((0, 4), 4, "each from 0 to 3, got 0, 4"),
        ((0, 1), 1, "must be left out, as an observation has 1 number, got 0, 1"),
        ((0, 1), 0, "must be left out, as an observation has no numbers"),
    ],
)
def test_a_map_over_other_numbers_is_refused(asked: tuple[int, ...], numbers: int, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        check_numbers(asked, numbers)


def test_a_wrong_map_is_refused_before_training(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="map_numbers must be two different numbers"):
        seodang.train("agents", "CartPole-v1", runs=tmp_path / "runs", **{**FAST, "map_numbers": (0, 9)})
    assert not (tmp_path / "runs").exists()


# Maps of squares


def arrows(picture: Any) -> dict[tuple[int, int], tuple[int, int]]:
    """Square (row, column) -> how far its arrow points right and up."""
    found = {}
    for one in picture._figure.axes[0].texts:
        if getattr(one, "arrow_patch", None) is not None:
            (x1, y1), (x0, y0) = one.xy, one.xyann
            middle = (int((y0 + y1) / 2), int((x0 + x1) / 2))
            found[middle] = (round(float(np.sign(round(x1 - x0, 6)))), round(float(np.sign(round(y0 - y1, 6)))))
    return found


def test_arrows_point_where_the_table_says() -> None:
    data = environment("FrozenLake-v1")
    table = np.zeros((16, 4))
    ways = {0: 1, 4: 1, 8: 2, 9: 1, 13: 2, 14: 2, 1: 0, 2: 3}  # state -> left 0, down 1, right 2, up 3
    for state, action in ways.items():
        table[state, action] = 1 + state
    actor = Tabled(table, data.actions)
    states = ask_states(actor, 16)
    np.testing.assert_array_equal(states.values, table.max(1))
    (board,) = boards_of(data)
    assert [board.marks[0][0], board.marks[1][1], board.marks[3][3]] == ["start", "hole", "goal"]
    assert sorted(np.flatnonzero(board.states.ravel() == NOWHERE)) == [5, 7, 11, 12, 15]
    names = names_of("FrozenLake-v1", data.observation, data.actions)
    pointed = arrows(draw_boards((board,), states, names))
    meaning = ((-1, 0), (0, -1), (1, 0), (0, 1))
    assert {square: way for square, way in pointed.items() if square[0] * 4 + square[1] in ways} == {
        divmod(state, 4): meaning[action] for state, action in ways.items()
    }
    rows = states_table(states, names, data.observation.names).rows
    assert rows[8] == ["state 8", 9.0, "right", 0.0, 0.0, 9.0, 0.0]


def test_the_cliff_and_the_taxi_are_maps_too() -> None:
    data = environment("CliffWalking-v1")
    (cliff,) = boards_of(data)
    assert cliff.states.shape == (4, 12) and cliff.marks[3] == ("start", *["cliff"] * 10, "goal")
    assert cliff.states[3, 0] == 36 and (cliff.states[3, 1:] == NOWHERE).all()
    taxi = environment("Taxi-v4")
    boards = boards_of(taxi)
    assert [board.title for board in boards][::3] == ["passenger at R, wants to B", "passenger in the taxi, wants to Y"]
    world = taxi.opened.make().unwrapped
    for board, (passenger, goal) in zip(boards, ((0, 3), (3, 0), (4, 1), (4, 2)), strict=True):
        told = {tuple(world.decode(int(state))) for state in board.states.ravel()}
        assert told == {(row, column, passenger, goal) for row in range(5) for column in range(5)}
    assert {(0, 1), (1, 1), (3, 0), (4, 0), (3, 2), (4, 2)} == set(boards[0].walls)
    picture = draw_boards(
        boards, States(None, np.arange(500) % 6, None, False), names_of("Taxi", taxi.observation, taxi.actions)
    )
    words = {text.get_text() for axes in picture._figure.axes for text in axes.texts}
    assert {"pick", "drop", "R", "G"} <= words


def test_worlds_without_squares_have_no_map() -> None:
    data = environment("CartPole-v1")
    assert boards_of(data) == () and not is_countable(data.observation, data)
    assert is_countable(environment("FrozenLake-v1").observation, None)


# Curves


def test_the_curve_lies_over_steps_in_the_environment() -> None:
    rows = [{"step": 2, "paid": 1.0}, {"step": 4, "paid": None}, {"step": 6, "paid": float("nan")}, {"step": 8, "paid": 3}]
    assert points(rows, "paid", StepAxis(16, 100)) == ([132, 228], [1.0, 3.0])
    picture = learning_curve({"seed 0": ([16, 32], [1.0, 2.0]), "seed 1": ([16, 32], [3.0, 6.0])}, {}, 0.5)
    (axes,) = picture._figure.axes
    mean = next(line for line in axes.lines if line.get_label() == "mean of 2 seeds")
    assert list(mean.get_ydata()) == [2.0, 4.0]
    assert picture.table is not None and picture.table.rows == [[16, 1.0, 3.0], [32, 2.0, 6.0]]


def test_whatever_an_algorithm_logs_is_drawn() -> None:
    rows = [{"kind": "step", "stage": "train", "step": one, "epoch": 1, "rate": 1.0, "episode_return": 2.0,
             "some_loss": one / 2, "entropy": 0.5} for one in (1, 2)]  # fmt: skip
    names = logged_columns(rows)
    assert names == ["some_loss", "entropy"]
    picture = log_panels({"train": rows}, names, StepAxis(8, 0), "Log")
    assert log_table({"train": rows}, names).rows[0] == ["some loss", 0.5, 1.0, ""]
    assert [axes.get_title("left") for axes in picture._figure.axes][:2] == ["some loss", "entropy"]


# The page


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> seodang.Run:
    runs = tmp_path_factory.mktemp("report") / "runs"
    return seodang.train("agents", "CartPole-v1", runs=runs, seeds=2, map_numbers=(0, 2), **FAST)


@pytest.fixture(scope="module")
def page(run: seodang.Run) -> str:
    return run.explain().read_text(encoding="utf-8")


def headings(page: str) -> list[str]:
    return re.findall(r"<h2[^>]*>([^<]+)</h2>", page)


ALWAYS = ["Result", "Learning curve", "Distribution of returns"]
ENDING = ["What it did while training", "The network", "The environment", "Settings", "Environment", "Use it"]


def test_the_page_has_every_section(run: seodang.Run, page: str) -> None:
    pytest.importorskip("pygame")
    assert headings(page) == [*ALWAYS, "An episode", "What it looks at", "Map of values", *ENDING]
    assert "Gymnasium counts it as solved from 475 on." in page
    assert "Over cart position and pole angle, the two that were asked for" in page
    names = {path.name for path in (run.path / "report").iterdir()}
    assert {"learning.png", "returns.png", "importance.png", "map.png", "log.png", "episode.gif"} <= names
    assert "nan" not in re.sub(r"<[^>]*>|base64,[^\"]*", "", page).lower().split()


def test_the_episode_of_the_page_is_one_of_the_agent(run: seodang.Run, page: str) -> None:
    pytest.importorskip("pygame")
    film = run.watch()
    with Image.open(BytesIO((run.path / "report" / "episode.gif").read_bytes())) as image:
        assert image.size == film.frames[0].shape[1::-1] and 2 <= image.n_frames <= 151
    assert f"Seed 0: {len(film.frames) - 1:,} steps" in page


def test_without_its_environment_the_page_says_what_it_lacks(run: seodang.Run, tmp_path: Path) -> None:
    html = write_report(run.trained, run.predictor, None, tmp_path).read_text(encoding="utf-8")
    assert headings(html) == [*ALWAYS, *ENDING]
    assert "this page lacks an episode and what the agent looks at" in html


def test_without_pygame_the_page_says_why_there_is_no_episode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = seodang.train("agents", "FrozenLake-v1", runs=tmp_path / "runs", **FAST)
    monkeypatch.setitem(sys.modules, "pygame", None)
    html = run.explain().read_text(encoding="utf-8")
    assert "No episode can be shown. Pictures of FrozenLake-v1 need pygame" in html
    assert headings(html) == [*ALWAYS, "An episode", "What it holds of every state", *ENDING]
    assert (run.path / "report" / "squares.png").is_file()
