"""The verb `watch`: what is shown is what happens, and what is thought stands beside it."""

from __future__ import annotations

import os
import sys
import types
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from PIL import ImageColor

import seodang
from seodang.cli.main import main
from seodang.core.errors import DataError, MissingExtraError, SettingsError
from seodang.core.values import Video
from seodang.draw.style import BLUE
from seodang.families.agents.actor import Actor, RandomActor
from seodang.families.agents.data import AgentsData, read_environment
from seodang.families.agents.environments.spaces import ActionShape, Observations
from seodang.families.agents.explaining import scenes
from seodang.families.agents.explaining.beside import Panel, compose, fitted
from seodang.families.agents.explaining.episodes import Episode, Moment, Thought, play_episode
from seodang.families.agents.explaining.naming import Names, names_of
from seodang.families.agents.explaining.scenes import newest_image, open_scene
from seodang.families.agents.settings import PRESETS, AgentsSettings

FAST: dict[str, Any] = {
    **PRESETS["smoke"](), "steps": 512, "epochs": 1, "episodes": 2, "watched_episodes": 2, "device": "cpu", "threads": 1,
}  # fmt: skip


def environment(name: str, *options: str) -> AgentsData:
    return read_environment(name, AgentsSettings.from_flat({"environment_options": options}))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> seodang.Run:
    return seodang.train("agents", "CartPole-v1", runs=tmp_path_factory.mktemp("watch") / "runs", **FAST)


class Constant(Actor):
    """Always does the same, and says what that is worth."""

    def __init__(self, actions: ActionShape, action: Any) -> None:
        self.actions, self.action = actions, np.asarray(action)

    def best(self, seen: Observations) -> Any:
        return np.tile(self.action, (seen.rows, 1))

    def sampled(self, seen: Observations, random: np.random.Generator) -> Any:
        return random.integers(0, self.actions.choices[0], (seen.rows, 1))

    def worths(self, seen: Observations) -> Any:
        return np.arange(self.actions.choices[0], dtype=np.float32)[None]


def test_the_film_is_the_episode_that_the_same_actions_give_by_hand(run: seodang.Run) -> None:
    """Frames without the panel are those of an environment that is stepped beside it, as the run predicts for it."""
    pytest.importorskip("pygame")
    film = run.watch(seed=3, beside=False, steps=40)
    assert isinstance(film, Video) and film.seconds_a_frame == 1 / 50
    world = gymnasium.make("CartPole-v1", render_mode="rgb_array")
    seen, _ = world.reset(seed=3)
    frames, over = [world.render()], False
    while not over and len(frames) <= 40:
        action = run.predict([seen.tolist()])[0].action
        seen, _, terminated, truncated, _ = world.step(action)
        over = terminated or truncated
        frames.append(world.render())
    world.close()
    assert len(film.frames) == len(frames)
    assert all(np.array_equal(one, by_hand) for one, by_hand in zip(film.frames, frames, strict=True))


def test_an_episode_by_chance_is_another_one_and_the_same_seed_gives_it_again(run: seodang.Run) -> None:
    pytest.importorskip("pygame")
    chance, again, best = (run.watch(seed=1, sampled=sampled, steps=30) for sampled in (True, True, False))
    assert all(np.array_equal(one, other) for one, other in zip(chance.frames, again.frames, strict=True))
    assert len(chance.frames) != len(best.frames) or not np.array_equal(chance.frames[-1], best.frames[-1])


@pytest.mark.parametrize("name", ["film.mp4", "film.gif"])
def test_the_film_is_written(run: seodang.Run, tmp_path: Path, name: str) -> None:
    pytest.importorskip("pygame")
    av = pytest.importorskip("av")
    assert main(["watch", str(run.path), "--steps", "5", "--out", str(tmp_path / name)]) == 0
    with av.open(str(tmp_path / name)) as film:
        frames = [frame.to_image().size for frame in film.decode(video=0)]
    assert frames == [(480 + 300, 320)] * 6


@pytest.mark.parametrize(
    ("out", "says"),
    [
        ("film.png", "--out must be a file that ends in .mp4 or .gif, got"),
        ("film", "--out must be a file that ends in .mp4 or .gif, got"),
        ("nowhere/film.gif", "--out: there is no folder"),
    ],
)
def test_a_wrong_target_is_refused_before_anything_is_played(
    run: seodang.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, out: str, says: str
) -> None:
    monkeypatch.setattr(scenes, "open_scene", None)
    assert main(["watch", str(run.path), "--out", str(tmp_path / out)]) == 2
    assert says in capsys.readouterr().err


def test_an_environment_that_is_gone_is_said_to_be(run: seodang.Run) -> None:
    from seodang.families.agents.verbs import WatchOptions
    from seodang.families.agents.watching import watch

    with pytest.raises(DataError, match="is gone or has changed"):
        watch(run.predictor, lambda: None, WatchOptions())


def test_a_missing_pygame_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pygame")
    scene = open_scene(environment("CartPole-v1"), 0)
    scene.reset()
    monkeypatch.setitem(sys.modules, "pygame", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'seodang\[video\]'"):
        scene.image()
    scene.close()


def test_a_physics_engine_draws_without_a_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mujoco")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "MUJOCO_GL"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    open_scene(environment("Hopper-v5"), 0).close()
    assert os.environ["MUJOCO_GL"] == "egl"


class Corridor(gymnasium.Env[Any, Any]):
    """Four steps to the right; draws nothing."""

    observation_space = spaces.Box(0, 4, (1,), np.float32)
    action_space = spaces.Discrete(2, start=5)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.place = self.steps = 0
        return np.zeros(1, np.float32), {}

    def step(self, action: Any) -> Any:
        self.steps += 1
        self.place = max(0, min(4, self.place + (1 if action == 6 else -1)))
        return np.array([self.place], np.float32), float(self.place == 4), self.place == 4, self.steps == 30, {}


class Screen(Corridor):
    """The same, seen as an image whose columns are lit up to where one stands."""

    observation_space = spaces.Box(0, 255, (40, 40), np.uint8)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        return self._seen(), {}

    def step(self, action: Any) -> Any:
        came = super().step(action)
        return (self._seen(), *came[1:])

    def _seen(self) -> Any:
        image = np.zeros((40, 40), np.uint8)
        image[:, : self.place * 10] = 255
        return image


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> str:
    module = types.ModuleType("own_worlds")
    module.Corridor, module.Screen = Corridor, Screen  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "own_worlds", module)
    return "own_worlds"


def test_a_world_of_ones_own_without_pictures_shows_the_panel_alone(own: str) -> None:
    data = environment(f"{own}:Corridor")
    scene = open_scene(data, 0)
    episode = play_episode(Constant(data.actions, 1), scene, 50)
    assert (episode.steps, episode.ending, episode.moments[-1].paid) == (4, "the episode has ended", 1.0)
    assert scene.image() is None
    names = names_of(data.opened.full_name, data.observation, data.actions)
    assert names == Names(("number 0",), ("action 5", "action 6"))
    frames = compose(episode, data.actions, names, range(5))
    assert len(frames) == 5 and frames[0].shape == (320, 300, 3) and not np.array_equal(frames[0], frames[1])


def test_without_pictures_and_without_panel_there_is_nothing_to_show(own: str, tmp_path: Path) -> None:
    run = seodang.train("agents", f"{own}:Corridor", runs=tmp_path / "runs", **FAST)
    with pytest.raises(SettingsError, match="beside false leaves nothing to show"):
        run.watch(beside=False, steps=3)
    assert run.watch(steps=3).frames[0].shape == (320, 300, 3)


def test_the_image_of_an_observation_is_shown_where_nothing_is_drawn(own: str) -> None:
    data = environment(f"{own}:Screen")
    scene = open_scene(data, 0)
    episode = play_episode(Constant(data.actions, 1), scene, 50)
    lit = [float(one.image.mean()) / 255 for one in episode.moments if one.image is not None]
    np.testing.assert_allclose(lit, [0, 0.25, 0.5, 0.75, 1.0])


def test_the_newest_of_several_images_is_taken() -> None:
    images = np.arange(4, dtype=np.uint8)[None, :, None, None].repeat(2, 2).repeat(2, 3) * 10
    found = newest_image(Observations(np.zeros((1, 0), np.float32), images), 4)
    assert found is not None and found.shape == (2, 2, 3) and (found == 30).all()


def test_a_game_is_watched_as_the_agent_sees_it() -> None:
    pytest.importorskip("ale_py")
    data = environment("ALE/Pong-v5")
    scene = open_scene(data, 0)
    episode = play_episode(RandomActor(data.actions, 0), scene, 3)
    scene.close()
    assert episode.moments[0].image is not None and episode.moments[0].image.shape == (84, 84, 3)
    names = names_of("ALE/Pong-v5", data.observation, data.actions, data.opened)
    assert names.actions[:2] == ("noop", "fire") and len(names.actions) == 6
    assert compose(episode, data.actions, names, [0])[0].shape == (336, 336 + 300, 3)


def panel_of(thought: Thought, actions: ActionShape) -> Any:
    episode = Episode((Moment(None, 0.0, thought), Moment(None, 1.0, None)), "not ended yet", 0.1)
    count = actions.choices[0] if actions.kind == "discrete" else actions.width
    return Panel(episode, actions, Names((), tuple(f"action {one}" for one in range(count)))).draw(0)


def blue(panel: Any) -> int:
    return int((panel == ImageColor.getrgb(BLUE)).all(2).sum())


def test_the_bar_of_the_action_taken_is_as_long_as_its_chance() -> None:
    actions = ActionShape("discrete", (3,), (0,))
    panels = [
        panel_of(Thought(np.array([1]), None, (np.array([1 - share, share, 0], np.float32),), None), actions)
        for share in (0.25, 0.5, 1.0)
    ]
    quarter, half, whole = map(blue, panels)
    assert half / whole == pytest.approx(0.5, abs=0.03) and quarter / whole == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize(
    ("actions", "action", "chances"),
    [
        (ActionShape("continuous", low=(-1.0,) * 3, high=(1.0,) * 3, shape=(3,), dtype="float32"), [0.5, -1.0, 0.0], ()),
        (ActionShape("multi-discrete", (2, 3), (0, 0), shape=(2,)), [1, 2], ([0.1, 0.9], [0.2, 0.3, 0.5])),
        (ActionShape("discrete", (40,), (0,)), [39], ([1 / 40] * 40,)),
        (ActionShape("discrete", (4,), (0,)), [3], ()),
    ],
    ids=["numbers", "several choices", "many actions", "nothing said"],
)
def test_every_kind_of_action_is_drawn(actions: ActionShape, action: list[float], chances: Any) -> None:
    kind = np.float32 if actions.kind == "continuous" else np.int64
    told = tuple(np.array(one, np.float32) for one in chances)
    panel = panel_of(Thought(np.array(action, kind), 1.0, told, None), actions)
    assert panel.shape == (480 if actions.choices == (40,) else 320, 300, 3) and blue(panel) > 20


def test_a_frame_is_fitted_whole_times_larger_or_smaller() -> None:
    assert fitted(np.zeros((84, 84, 3), np.uint8)).shape == (336, 336, 3)
    assert fitted(np.zeros((400, 600, 3), np.uint8)).shape == (320, 480, 3)
    diagonal = fitted(np.eye(3, dtype=np.uint8)[..., None].repeat(3, 2) * 255)
    assert diagonal.shape == (360, 360, 3) and diagonal[119, 119, 0] == 255 and diagonal[119, 120, 0] == 0
