"""The part of the report that asks the agent itself: an episode, what it holds of each state, and what it looks at."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from seodang.core.errors import DataError, MissingExtraError
from seodang.core.files import write_bytes
from seodang.draw.animation import gif
from seodang.draw.charts import lines
from seodang.draw.panels import panels
from seodang.draw.run_page import RunPage
from seodang.families.agents.data import AgentsData
from seodang.families.agents.environments.spaces import Observations
from seodang.families.agents.explaining.beside import compose
from seodang.families.agents.explaining.boards import ask_states, boards_of, is_countable
from seodang.families.agents.explaining.importance import Importance, collect, importance, occlusion, parts_of
from seodang.families.agents.explaining.naming import Names
from seodang.families.agents.explaining.report_curves import importance_bars
from seodang.families.agents.explaining.report_maps import draw_boards, draw_map, heated, states_table
from seodang.families.agents.explaining.scenes import newest_image
from seodang.families.agents.explaining.value_map import chosen_numbers, value_map
from seodang.families.agents.predictor import AgentsPredictor
from seodang.families.agents.settings import AgentsSettings
from seodang.families.agents.verbs import WatchOptions
from seodang.families.agents.watching import watched

Page = RunPage[AgentsSettings, AgentsPredictor, AgentsData]
MOST_FRAMES = 150  # of the episode that is shown
LARGEST_GIF = 5_000_000  # bytes; of a larger one every other frame is left out
FEWEST_FRAMES = 20
LONGEST_SECONDS = 0.25  # that a frame is shown when others were left out before it
COLLECTED = 400  # observations that the agent is asked about
COLLECTED_IMAGES = 160
BARS = 20
IMAGES = 3
UNITS = {
    "another action is best": "in what part of the observations",
    "numbers chosen": "mean change, where bounds are -1 and 1",
    "chances of actions": "how much chance moves from some actions to others",
    "worths of actions": "mean change",
    "value expected": "mean change",
}
"""Of the measures of importance."""


def write_episode(page: Page, names: Names) -> None:
    """An episode that is played in the page."""
    if page.data is None:
        return
    page.report.heading("An episode")
    try:
        episode = watched(page.predictor, page.data, WatchOptions())
    except (DataError, MissingExtraError) as problem:
        page.report.note(f"No episode can be shown. {problem}")
        return
    step = -(-len(episode.moments) // MOST_FRAMES)
    while True:
        places = [*range(0, len(episode.moments) - 1, step), len(episode.moments) - 1]
        frames = compose(episode, page.data.actions, names, places)
        data = gif(frames, max(episode.seconds_a_frame, min(step * episode.seconds_a_frame, LONGEST_SECONDS)))
        if len(data) < LARGEST_GIF or len(places) < FEWEST_FRAMES:
            break
        step *= 2
    write_bytes(page.folder / "episode.gif", data)
    every = f", one in {step} of them shown" if step > 1 else ""
    page.report.animation(
        data,
        f"An episode of {episode.steps} steps with what the agent expects and chooses beside each frame.",
        f"Seed 0: {episode.steps:,} steps{every}, return {episode.moments[-1].paid:.4g}; {episode.ending}. Beside it: what the "
        f"agent expects to be paid from here on, {_rewards(page)}, and what it weighs; the mark is on what it did.",
    )


def _rewards(page: Page) -> str:
    training = page.trained.settings
    discount = f"a reward one step later for {training.training.discount:g} of its worth"
    return f"{discount}, in rewards scaled as in training" if training.environment.normalise else discount


def write_states(page: Page, names: Names) -> None:
    """What is held of every state, where states can be counted: a map of squares where there is one, and a table."""
    world = page.predictor.world
    if not is_countable(world.observation, page.data) or world.actions.kind != "discrete":
        return
    page.report.heading("What it holds of every state")
    states = ask_states(page.predictor.agent, world.observation.numbers)
    boards = () if page.data is None else boards_of(page.data)
    if boards:
        caption = "The darker a square, the more the agent expects to be paid from there on. A state that it never came by "
        page.picture("squares", draw_boards(boards, states, names), caption + "keeps whatever it began with.")
    page.report.table(states_table(states, names, world.observation.names))


def write_looks(page: Page, names: Names) -> None:
    """What it looks at, and a map of values over what it looks at most."""
    if page.data is None or is_countable(page.predictor.world.observation, page.data):
        return
    agent, data = page.predictor.agent, page.data
    seed = page.trained.settings.training.seed
    page.report.heading("What it looks at")
    seen = collect(agent, data, COLLECTED_IMAGES if data.observation.channels else COLLECTED, seed)
    if data.observation.numbers:
        found = importance(agent, seen, parts_of(data, names), seed)
        _write_importance(page, found, seen.rows)
        if not data.observation.channels:
            _write_map(page, names, found, seen)
    if data.observation.channels:
        _write_occlusion(page, seen)


def _write_importance(page: Page, found: Importance, count: int) -> None:
    order = found.order()[:BARS]
    measures = {name: [float(one[place]) for place in order] for name, one in found.measures.items()}
    left_out = len(found.parts) - len(order)
    caption = (
        f"In each of {count} observations from play, one number is replaced by what it was in another of them. What the agent "
        f"then says otherwise, it says because of that number. Measured are {_units(found)}."
        + (f" The {left_out} that matter less are left out." if left_out else "")
    )
    page.picture("importance", importance_bars([found.parts[place].name for place in order], measures), caption)


def _units(found: Importance) -> str:
    """What each of the measures counts."""
    return ", ".join(f"{name} ({UNITS[name]})" for name in found.measures)


def _write_occlusion(page: Page, seen: Observations) -> None:
    """Heat over a few of the images."""
    assert page.data is not None
    usual = seen.images.mean(0).round().astype(np.uint8)
    frames = page.data.frames if not page.data.opened.is_atari else seen.images.shape[1]
    places = np.linspace(0, seen.rows - 1, IMAGES + 2).astype(int)[1:-1]
    images: list[NDArray[np.uint8]] = []
    maps: list[Mapping[str, NDArray[np.float64]]] = []
    for place in places:
        one = seen.at(slice(place, place + 1))
        image = newest_image(one, frames)
        assert image is not None
        images.append(image)
        maps.append(occlusion(page.predictor.agent, one, usual))
    measures = [name for name in maps[0] if any(one[name].max() > 0 for one in maps)]
    rows = [[("", image) for image in images]]
    for name in measures:
        rows.append(
            [(f"up to {one[name].max():.2g}", heated(image, one[name])) for image, one in zip(images, maps, strict=True)]
        )
    alt = "Images that the agent saw, and the same with red where covering a patch changes what it says most."
    caption = "Red: where covering a patch by the mean of all images changes the answer most; above each, by how much."
    page.picture("occlusion", panels(rows, title="Where it looks", alt=alt, names=["seen", *measures]), caption)


def _write_map(page: Page, names: Names, found: Importance, seen: Observations) -> None:
    """Values and actions over two numbers of the observation; over one, where there is only one."""
    agent, asked = page.predictor.agent, page.predictor.settings.measuring.map_numbers
    numbers = chosen_numbers(asked, found, seen)
    if numbers is None:
        _write_line(page, names, seen)
        return
    page.report.heading("Map of values")
    why = "the two that were asked for" if asked else "the two it looks at most"
    over = " and ".join(names.numbers[number] for number in numbers)
    caption = (
        f"Over {over}, {why}; all other numbers are at their median. Red dots are observations from play: far from them nobody "
        "taught the agent anything."
    )
    page.picture("map", draw_map(value_map(agent, seen, numbers), seen, page.predictor.world.actions, names), caption)


def _write_line(page: Page, names: Names, seen: Observations) -> None:
    if seen.vectors.shape[1] != 1:
        return
    order = np.argsort(seen.vectors[:, 0], kind="stable")
    ordered = seen.at(order)
    values = page.predictor.agent.values(ordered)
    if values is None:
        return
    page.report.heading("Values")
    series = {"what it expects": (ordered.vectors[:, 0].tolist(), values.tolist())}
    page.picture("values", lines(series, title="Value", x_label=names.numbers[0], y_label="expected from here on"))
