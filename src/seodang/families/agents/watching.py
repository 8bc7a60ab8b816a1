"""The verb `watch`: one episode as a film, with what the agent expects and chooses beside each frame."""

from __future__ import annotations

from collections.abc import Callable

from seodang.core.errors import DataError, SettingsError
from seodang.core.values import Video
from seodang.families.agents.data import AgentsData
from seodang.families.agents.explaining.beside import compose
from seodang.families.agents.explaining.episodes import Episode, play_episode
from seodang.families.agents.explaining.naming import names_of
from seodang.families.agents.explaining.scenes import open_scene
from seodang.families.agents.predictor import AgentsPredictor
from seodang.families.agents.verbs import WatchOptions

MOST_STEPS = 1000  # that are shown of an episode, where nobody asks for more: each frame takes most of a megabyte


def watch(predictor: AgentsPredictor, data: Callable[[], AgentsData | None], options: WatchOptions) -> Video:
    """Play one episode.

    Args:
        predictor: The agents, of whom the chosen one plays.
        data: The environment it was trained in.
        options: Which episode, and how it is shown.

    Returns: A frame before each step and one after the last.
    Raises:
        DataError: The environment is gone, or cannot be drawn.
        MissingExtraError: What draws it is not installed.
        SettingsError: There is nothing to show: no picture of the environment, and nothing beside it.
    """
    found = data()
    if found is None:
        raise DataError(
            "The environment that this agent was trained in is gone or has changed; bring it back, or train an agent anew."
        )
    episode = watched(predictor, found, options)
    if options.beside:
        names = names_of(found.opened.full_name, found.observation, found.actions, found.opened)
        return Video(compose(episode, found.actions, names, range(len(episode.moments))), episode.seconds_a_frame)
    images = tuple(one.image for one in episode.moments if one.image is not None)
    if not images:
        raise SettingsError(
            f"{{beside}} false leaves nothing to show: {found.opened.full_name} has no pictures; leave it out.",
            settings=("beside",),
            value=False,
        )
    return Video(images, episode.seconds_a_frame)


def watched(predictor: AgentsPredictor, data: AgentsData, options: WatchOptions) -> Episode:
    """The episode that the options ask for."""
    scene = open_scene(data, options.seed)
    try:
        return play_episode(predictor.agent, scene, options.steps or MOST_STEPS, options.seed, options.sampled)
    finally:
        scene.close()
