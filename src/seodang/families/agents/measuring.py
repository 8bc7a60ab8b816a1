"""What an evaluation says: the agents of all seeds by whole episodes, beside acting at random."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from seodang.core.errors import DataError
from seodang.core.family import Evaluation, Measure
from seodang.core.seeds import mix
from seodang.core.values import Table
from seodang.families.agents.data import AgentsData
from seodang.families.agents.evaluation import Episodes, Judged, judge, judge_random
from seodang.families.agents.predictor import AgentsPredictor
from seodang.metrics.intervals import mean_interval

QUANTILES = {"least": 0.0, "a quarter below": 0.25, "half below": 0.5, "three quarters below": 0.75, "most": 1.0}


def evaluate(predictor: AgentsPredictor, data: AgentsData) -> Evaluation:
    """Play whole episodes with every agent, doing what it holds for best and by chance, and at random."""
    settings = predictor.settings
    episodes, processes = settings.measuring.episodes, predictor.world.device.threads
    seed = mix(settings.training.seed, "measured")
    judged = [judge(agent, data, episodes, seed, processes) for agent in predictor.agents]
    random = judge_random(data, episodes, seed, processes)
    measures = {
        "episode_return": _measure([one.best.returns for one in judged]),
        "sampled_return": _measure([one.sampled.returns for one in judged]),
        "episode_length": _measure([one.best.lengths.astype(np.float64) for one in judged]),
    }
    yardstick = {
        "episode_return": _measure([random.returns]),
        "sampled_return": _measure([random.returns]),
        "episode_length": _measure([random.lengths.astype(np.float64)]),
    }
    tables = {"returns": _quantiles(judged, random), "episodes": _episodes(judged, random)}
    if len(judged) > 1:
        tables["seeds"] = _seeds(judged)
    return Evaluation(
        data.opened.full_name, episodes * len(judged), measures, "acting at random", yardstick, tables,
        _notes(judged, random), unit="episodes",
    )  # fmt: skip


def refuse_other_shapes(predictor: AgentsPredictor, data: AgentsData, source: str) -> None:
    """Raises: DataError: Another environment shows or takes something else than the agent was trained on."""
    world = predictor.world
    sizes = [(one.numbers, one.image) for one in (world.observation, data.observation)]
    choices = [(one.kind, one.choices, one.width) for one in (world.actions, data.actions)]
    for what, alike, ours, theirs in (
        ("shows", sizes[0] == sizes[1], world.observation.words(), data.observation.words()),
        ("takes", choices[0] == choices[1], world.actions.words(), data.actions.words()),
    ):
        if not alike:
            raise DataError(f"{source} {what} {theirs}, but this agent was trained on {ours}; train one for {source}.")


def _measure(groups: Sequence[NDArray[np.float64]]) -> Measure:
    """Mean over seeds of the mean over episodes. The interval is over seeds where there are several, else over episodes."""
    means = np.array([one.mean() for one in groups])
    value = float(means.mean())
    if len(groups) > 1:  # Student's: another set of seeds might have been as lucky
        half = float(stdtrit(len(groups) - 1, 0.975)) * float(means.std(ddof=1)) / math.sqrt(len(groups))
        return Measure(value, value - half, value + half)
    only = groups[0]
    return Measure(value, *mean_interval(only, within=(float(only.min()), float(only.max()))))


def _quantiles(judged: Sequence[Judged], random: Episodes) -> Table:
    rows = {
        "what it holds for best": np.concatenate([one.best.returns for one in judged]),
        "by chance": np.concatenate([one.sampled.returns for one in judged]),
        "acting at random": random.returns,
    }
    cells = tuple((name, *(float(np.quantile(returns, at)) for at in QUANTILES.values())) for name, returns in rows.items())
    return Table(("return of an episode", *QUANTILES), cells)


def _episodes(judged: Sequence[Judged], random: Episodes) -> Table:
    """The return of every episode, a row for each agent and way of acting, so that distributions can be drawn."""
    rows = [(f"seed {seed}", "best", one.best) for seed, one in enumerate(judged)]
    rows += [(f"seed {seed}", "chance", one.sampled) for seed, one in enumerate(judged)]
    rows.append(("none", "random", random))
    numbers = tuple(map(str, range(1, len(random.returns) + 1)))
    return Table(("agent", "acting", *numbers), tuple((agent, how, *map(float, one.returns)) for agent, how, one in rows))


def _seeds(judged: Sequence[Judged]) -> Table:
    rows = tuple(
        (number, one.best.mean, float(one.best.returns.std()), one.sampled.mean, float(one.best.lengths.mean()))
        for number, one in enumerate(judged)
    )
    return Table(("seed", "mean return", "spread of episodes", "mean return by chance", "mean steps"), rows)


def _notes(judged: Sequence[Judged], random: Episodes) -> tuple[str, ...]:
    if np.mean([one.best.mean for one in judged]) <= random.mean:
        return ("It does no better than acting at random: train longer, or with other settings.", *_spread_notes(judged))
    return _spread_notes(judged)


def _spread_notes(judged: Sequence[Judged]) -> tuple[str, ...]:
    if len(judged) == 1:
        return ("One seed: the interval is over episodes. How much luck the training had, --seeds 5 tells.",)
    return (f"The interval is over {len(judged)} seeds: it tells what another training might have reached.",)
