"""The report of agents: what they reach, how they learned it, an episode to watch, and what they look at."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gymnasium
import torch
from torch import Tensor, nn

from seodang.core.family import Trained
from seodang.draw.network import network_picture, trace
from seodang.draw.report import Report
from seodang.draw.run_page import RunPage
from seodang.families.agents.data import AgentsData
from seodang.families.agents.explaining.naming import Names, names_of
from seodang.families.agents.explaining.report_curves import (
    Points,
    StepAxis,
    distributions,
    learning_curve,
    log_panels,
    log_table,
    logged_columns,
    points,
)
from seodang.families.agents.explaining.report_seeing import write_episode, write_looks, write_states
from seodang.families.agents.explaining.value_map import check_numbers
from seodang.families.agents.predictor import AgentsPredictor
from seodang.families.agents.settings import AgentsSettings
from seodang.families.agents.training import stage_names

MEASURES = {
    "episode_return": "return of an episode, doing what it holds for best",
    "sampled_return": "return of an episode, by chance",
    "episode_length": "steps of an episode, doing what it holds for best",
}
ACTING = {"best": "doing what it holds for best", "chance": "by chance, as in training", "random": "at random"}

Page = RunPage[AgentsSettings, AgentsPredictor, AgentsData]


def write_report(trained: Trained[AgentsSettings], predictor: AgentsPredictor, data: AgentsData | None, folder: Path) -> Path:
    """Write index.html, which needs nothing else, and each of its pictures beside it.

    Args:
        trained: The finished run.
        predictor: Its agents.
        data: The environment; None when it is gone or has changed, and the page then says what it lacks.
        folder: An existing folder.

    Returns: The path of the page.
    """
    facts = trained.run.read_json("environment.json")["data"]
    world = predictor.world
    check_numbers(predictor.settings.measuring.map_numbers, world.observation.numbers)
    names = names_of(facts["environment"], world.observation, world.actions, None if data is None else data.opened)
    report = Report(f"{trained.run.path.name}: agents", f"{trained.settings.model.model}, trained in {facts['environment']}")
    page = Page(report, folder, trained, predictor, data, trained.run.read_json("evaluation.json"))
    _write_result(page, facts)
    _write_learning(page, facts)
    _write_distributions(page)
    write_episode(page, names)
    write_states(page, names)
    write_looks(page, names)
    _write_log(page)
    _write_networks(page)
    _write_world(page, facts, names)
    page.settings()
    page.environment()
    _write_next(page, facts)
    return page.save()


def _write_result(page: Page, facts: Mapping[str, Any]) -> None:
    report, evaluation = page.report, page.evaluation
    mean, random = evaluation["measures"]["episode_return"]["value"], evaluation["yardstick"]["episode_return"]["value"]
    solved = _solved_from(facts["environment"])
    report.heading("Result")
    report.paragraph(
        f"{evaluation['rows']:,} whole episodes in {facts['environment']}, begun where no training began. They paid {mean:.4g} "
        f"on average; acting at random pays {random:.4g}."
        + ("" if solved is None else f" Gymnasium counts it as solved from {solved:g} on.")
    )
    report.table(page.measures_table(MEASURES, f"Beside {evaluation['yardstick_name']}"))
    report.table(page.measured_table("returns", "Returns of single episodes: how bad the bad ones are"))
    if "seeds" in evaluation["tables"]:
        report.table(
            page.measured_table("seeds", f"Each seed; seed {page.predictor.chosen}, the best on the way, is the agent used")
        )
    for note in evaluation["notes"]:
        report.paragraph(note)
    if page.data is None:
        report.note(
            "The environment can no longer be made, or has changed. So this page lacks an episode and what the agent looks at; "
            f"bring it back, and run `seodang explain {page.run}` again."
        )


def _solved_from(name: str) -> float | None:
    """The mean return that Gymnasium asks for, of those of its environments that have one."""
    specification = gymnasium.registry.get(name)
    return None if specification is None else specification.reward_threshold


def _rows(page: Page, kind: str) -> dict[str, list[dict[str, Any]]]:
    """Rows of the log of one kind, by the name of each seed."""
    rows = [row for row in page.trained.run.rows("metrics.jsonl") if row["kind"] == kind]
    stages = stage_names(page.trained.settings)
    return {name.replace("-", " "): [row for row in rows if row["stage"] == name] for name in stages}


def _axis(page: Page) -> StepAxis:
    """Where steps of learning lie among those in the environment."""
    training = page.trained.settings.training
    assert training.environments and training.horizon
    return StepAxis(training.environments * training.horizon, training.warmup_steps or 0)


def _write_learning(page: Page, facts: Mapping[str, Any]) -> None:
    page.report.heading("Learning curve")
    each = _axis(page)
    evaluations = _rows(page, "evaluation")
    measured = {name: points(rows, "episode_return", each) for name, rows in evaluations.items()}
    trained: dict[str, Points] = {name: points(rows, "episode_return", each) for name, rows in _rows(page, "step").items()}
    random = page.evaluation["yardstick"]["episode_return"]["value"]
    kept = [max((each.at(row["step"]) for row in rows if row["is_best"]), default=0) for rows in evaluations.values()]
    watched = page.trained.settings.measuring.watched_episodes
    words = (
        f"After each epoch, {watched} whole episodes, from the same beginnings each time. "
        f"The weights kept are those after {', '.join(f'{one:,}' for one in kept)} steps, where episodes paid most."
    )
    if len(measured) > 1:
        words += " The band is a standard deviation over seeds on either side of their mean."
    page.picture("learning", learning_curve(measured, trained, random, _solved_from(facts["environment"])), words)


def _write_distributions(page: Page) -> None:
    rows = page.measured("episodes")
    returns = {words: [float(one) for row in rows if row[1] == kind for one in row[2:]] for kind, words in ACTING.items()}
    page.report.heading("Distribution of returns")
    caption = "A mean hides whether all episodes are alike or some fail; red lines are means."
    page.picture("returns", distributions({name: one for name, one in returns.items() if one}), caption)


def _write_log(page: Page) -> None:
    rows = _rows(page, "step")
    names = logged_columns([row for stage in rows.values() for row in stage])
    if not names:
        return
    model = page.trained.settings.model.model
    page.report.heading("What it did while training")
    picture = log_panels(rows, names, _axis(page), f"What {model} logged")
    several = " A colour a seed." if len(rows) > 1 else ""
    page.picture("log", picture, f"Over steps in the environment.{several} Whether it learns, the learning curve tells.")
    page.report.table(log_table(rows, names))


def _write_networks(page: Page) -> None:
    if not page.predictor.networks:
        return
    page.report.heading("The network")
    for name, network in page.predictor.networks[page.predictor.chosen].items():
        inputs = _inputs(page, network)
        weights = sum(one.numel() for one in network.parameters())
        if inputs is None or not weights:
            kept = sum(one.numel() for one in (*network.parameters(), *network.buffers()))
            page.report.paragraph(f"{name.replace('_', ' ')}: {kept:,} numbers, without layers to be drawn.")
            continue
        drawn = trace(network, inputs)
        page.picture(f"network_{name}", network_picture(drawn, f"The {name.replace('_', ' ')}"), table=drawn.table())


def _inputs(page: Page, network: nn.Module) -> tuple[Tensor, ...] | None:
    """Two empty examples of what a network reads, by the names of what it takes; None where that is something else."""
    shape, actions = page.predictor.world.observation, page.predictor.world.actions
    device = page.predictor.world.device.torch
    known = {
        "vectors": torch.zeros(2, shape.numbers, device=device),
        "images": torch.zeros(2, *shape.image, dtype=torch.uint8, device=device),
        "actions": torch.zeros(2, actions.width, device=device),
    }
    wanted = list(inspect.signature(network.forward).parameters)
    return tuple(known[one] for one in wanted) if all(one in known for one in wanted) else None


def _write_world(page: Page, facts: Mapping[str, Any], names: Names) -> None:
    page.report.heading("The environment")
    told = ("environment", "observations", "actions", "time limit")
    page.report.facts({name: facts[name] for name in told if name in facts})
    if page.predictor.world.actions.kind == "discrete":
        page.report.paragraph(f"What is done: {_listed(names.actions)}.")
    page.data_notes(facts)


def _listed(names: Sequence[str], most: int = 20) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def _write_next(page: Page, facts: Mapping[str, Any]) -> None:
    report, run = page.report, page.run
    source = facts["environment"]
    report.heading("Use it")
    report.code(
        f"seodang watch {run} --seed 3 --out episode.mp4\n"
        f"seodang evaluate {run}\n"
        f"seodang predict {run} --file observations.jsonl\n"
        f"seodang export {run}"
    )
    report.paragraph("The same in Python:")
    report.code(f'import seodang\n\nrun = seodang.load("{run}")\nprint(run.predict([{_example(page)}])[0].action)')
    training = page.trained.settings.training
    advice = [f"seodang train agents {source} --steps {2 * (training.steps or 0)}   # twice as long"]
    if training.seeds == 1:
        advice.append(f"seodang train agents {source} --seeds 5   # how much of it was luck")
    report.paragraph("What to try next:")
    report.code("\n".join(advice))


def _example(page: Page) -> str:
    """An observation, as Python writes it."""
    count = page.predictor.world.observation.numbers
    return "[" + ", ".join(["0.0"] * count) + "]" if 0 < count <= 8 else "observation"
