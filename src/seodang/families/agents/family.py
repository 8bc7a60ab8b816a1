"""Agents, tied to the core."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from seodang.core.device import Device
from seodang.core.family import Action as VerbAction
from seodang.core.family import Evaluation, Family, Metric, Prepared, Stage, Trained
from seodang.core.values import Action, Finding, Observation, Refused, Video
from seodang.families.agents.data import AgentsData, find_problems, read_environment
from seodang.families.agents.derive import prepare
from seodang.families.agents.measuring import evaluate, refuse_other_shapes
from seodang.families.agents.predictor import AgentsPredictor, load_agents, read_observations
from seodang.families.agents.settings import PRESETS, AgentsSettings
from seodang.families.agents.training import stages
from seodang.families.agents.verbs import WatchOptions

AgentsTrained = Trained[AgentsSettings]


def watch(predictor: AgentsPredictor, data: Callable[[], AgentsData | None], options: WatchOptions) -> Video:
    """The verb of that name: one episode, played and drawn."""
    from seodang.families.agents import watching  # matplotlib, for its letters, is loaded only by those who want pictures

    return watching.watch(predictor, data, options)


class Agents(Family[AgentsSettings, AgentsData, AgentsPredictor]):
    """An environment in, somebody who acts in it out."""

    name: ClassVar[str] = "agents"
    summary: ClassVar[str] = "Agents: reinforcement learning in any Gymnasium environment, or one of your own."
    settings_type = AgentsSettings
    presets: ClassVar[Mapping[str, Callable[[], dict[str, Any]]]] = PRESETS
    engines: ClassVar[tuple[str, ...]] = ("torch", "onnx")
    input_type: ClassVar[type] = Observation
    output_type: ClassVar[type] = Action
    actions: ClassVar[Mapping[str, VerbAction]] = {"watch": watch}
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("episode_return", "", True, "sum of the rewards of an episode, doing what the agent holds for best"),
        Metric("sampled_return", "", True, "the same when it acts by chance, as in training"),
        Metric("episode_length", "steps", True, "steps of an episode, doing what it holds for best"),
    )

    def read(self, source: str, settings: AgentsSettings) -> AgentsData:
        """Find an environment and check that it keeps its contract."""
        return read_environment(source, settings)

    def check(self, source: str, settings: AgentsSettings) -> list[Finding]:
        """All that is noticeable about an environment."""
        return find_problems(source, settings)

    def checksum(self, data: AgentsData) -> str:
        """A hash of its name, options, spaces and, if it is the user's own, code."""
        return data.checksum()

    def describe(self, data: AgentsData) -> dict[str, Any]:
        """What is seen and done, time limit, licence, notes."""
        return data.facts()

    def prepare(self, data: AgentsData, settings: AgentsSettings) -> Prepared[AgentsSettings]:
        """Algorithm and settings for this environment."""
        return prepare(data, settings)

    def stages(self, settings: AgentsSettings) -> tuple[Stage[AgentsSettings, AgentsData], ...]:
        """An agent for each seed."""
        return stages(settings)

    def kernels(self) -> str:
        """Nothing beside PyTorch and NumPy."""
        return "none"

    def predictor(self, trained: AgentsTrained) -> AgentsPredictor:
        """The agents of all seeds."""
        return load_agents(trained)

    def exported_predictor(self, engine: str, folder: Path, settings: AgentsSettings, device: Device) -> AgentsPredictor:
        """The exported agent in ONNX Runtime."""
        from seodang.families.agents.export import open_exported  # an extra: onnxruntime

        return open_exported(folder, settings, device)

    def predict(self, predictor: AgentsPredictor, inputs: Sequence[Observation]) -> list[Action | Refused]:
        """What to do for each observation."""
        return predictor.predict(inputs)

    def inputs(self, source: Path, settings: AgentsSettings) -> list[Observation]:
        """One observation a line, as JSON."""
        return read_observations(source)

    def evaluate(self, predictor: AgentsPredictor, data: AgentsData) -> Evaluation:
        """Whole episodes, beside acting at random."""
        return evaluate(predictor, data)

    def evaluate_source(self, predictor: AgentsPredictor, source: str, settings: AgentsSettings) -> Evaluation:
        """The same in another environment of the same shapes."""
        data = read_environment(source, settings)
        refuse_other_shapes(predictor, data, source)
        return evaluate(predictor, data)

    def explain(self, trained: AgentsTrained, predictor: AgentsPredictor, data: AgentsData | None, folder: Path) -> Path:
        """The report."""
        from seodang.families.agents.report import write_report  # matplotlib is loaded only by those who want pictures

        return write_report(trained, predictor, data, folder)

    def export(self, trained: AgentsTrained, predictor: AgentsPredictor, folder: Path) -> Path:
        """ONNX, proven equal."""
        from seodang.families.agents.export import export_onnx  # an extra: onnx, onnxscript and onnxruntime

        return export_onnx(predictor, trained.device, folder)


FAMILY = Agents()
