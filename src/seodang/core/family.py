"""Family: the questions that every family of models answers, so that each verb of Seodang is written once for all of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from torch import Tensor

from seodang.core.device import Device
from seodang.core.learner import Work
from seodang.core.run import RunFolder
from seodang.core.settings import Settings
from seodang.core.values import Finding, Table

S = TypeVar("S", bound=Settings)
D = TypeVar("D")
P = TypeVar("P")


@dataclass(frozen=True)
class Metric:
    """A number that models of a family are judged by."""

    name: str
    unit: str
    higher_is_better: bool
    description: str


@dataclass(frozen=True)
class Measure:
    """A measured number with its 95 % interval; None where the data cannot tell."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Evaluation:
    """How well a model does on some rows, beside the yardstick that it must beat to earn its time."""

    source: str
    rows: int
    measures: Mapping[str, Measure]
    yardstick_name: str = ""
    yardstick: Mapping[str, Measure] = field(default_factory=dict)
    tables: Mapping[str, Table] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    unit: str = "rows"
    """What `rows` counts."""


@dataclass(frozen=True)
class Prepared(Generic[S]):
    """Settings with every None derived from the data, why, and what was fitted to the data (JSON)."""

    settings: S
    reasons: Mapping[str, str]
    preprocessing: Mapping[str, Any]


@dataclass(frozen=True)
class StageContext(Generic[S, D]):
    """What a stage may build on."""

    settings: S
    preprocessing: Mapping[str, Any]
    data: D
    device: Device
    finished: Mapping[str, Mapping[str, Tensor]]
    """Weights of the stages before it, by stage name."""


@dataclass(frozen=True)
class Stage(Generic[S, D]):
    """One of the steps of training, in order; most families have one."""

    name: str
    build: Callable[[StageContext[S, D]], Work]


@dataclass(frozen=True)
class Trained(Generic[S]):
    """A trained model as it lies in its run folder."""

    run: RunFolder
    settings: S
    preprocessing: Mapping[str, Any]
    weights: Mapping[str, Mapping[str, Tensor]]
    device: Device


Action = Callable[[Any, Callable[[], Any], Any], Any]
"""A verb of one family: (predictor, data, options) -> a value, a list of values, or an iterator of values and pieces of text.

`data()` gives the training data, read again, or None where they are gone or have changed; options are of the verb's own type.
"""


class Family(ABC, Generic[S, D, P]):
    """A kind of model and its data: settings S, data D, and the predictor P that a run is loaded into."""

    name: ClassVar[str]
    summary: ClassVar[str]
    settings_type: type[S]
    metrics: ClassVar[tuple[Metric, ...]]
    presets: ClassVar[Mapping[str, Callable[[], dict[str, Any]]]]
    """Named sets of settings, e.g. `smoke`: the smallest that still learns something."""
    engines: ClassVar[tuple[str, ...]] = ("torch",)
    """What can compute a trained model; all but torch need it exported first."""
    input_type: ClassVar[type]
    output_type: ClassVar[type]
    actions: ClassVar[Mapping[str, Action]] = {}
    """What does the family's own verbs (`verbs.py`), by name."""

    @abstractmethod
    def read(self, source: str, settings: S) -> D:
        """Read, check and split the data of a training; the source is "" where a setting brings the data (`OWN_DATA`).

        Raises: DataError: Whatever makes it unusable, with file, row and what to do.
        """

    @abstractmethod
    def check(self, source: str, settings: S) -> list[Finding]:
        """Everything noticeable about the data, errors first, instead of the first error alone."""

    @abstractmethod
    def checksum(self, data: D) -> str:
        """A hash of the content; a resumed run refuses other data."""

    @abstractmethod
    def describe(self, data: D) -> dict[str, Any]:
        """Facts about the data for people: rows of each part, classes, licence, notes."""

    @abstractmethod
    def prepare(self, data: D, settings: S) -> Prepared[S]:
        """Derive what was left open, and fit what prediction will need again."""

    def pace(self, prepared: Prepared[S], data: D, device: Device) -> Prepared[S]:
        """Settle what depends on the speed of this machine: measured once, before a run begins, and stored with its settings.

        A resumed run measures nothing, so that it ends as the uninterrupted one would have.
        """
        return prepared

    @abstractmethod
    def stages(self, settings: S) -> tuple[Stage[S, D], ...]:
        """The stages of training, in order."""

    @abstractmethod
    def kernels(self) -> str:
        """What computes beside PyTorch on this machine, in words; another answer rounds differently."""

    @abstractmethod
    def predictor(self, trained: Trained[S]) -> P:
        """The model ready to predict."""

    @abstractmethod
    def exported_predictor(self, engine: str, folder: Path, settings: S, device: Device) -> P:
        """The exported model in another engine, one of `engines`.

        Raises: RunError: Nothing was exported.
        """

    @abstractmethod
    def predict(self, predictor: P, inputs: Sequence[Any]) -> list[Any]:
        """One output (of `output_type`) an input (of `input_type`); a `Refused` where any answer would be a guess."""

    @abstractmethod
    def inputs(self, source: Path, settings: S) -> list[Any]:
        """The inputs in a file that need no labels."""

    @abstractmethod
    def evaluate(self, predictor: P, data: D) -> Evaluation:
        """Measure on the part of the training data that is held out for the end, beside the yardstick."""

    @abstractmethod
    def evaluate_source(self, predictor: P, source: str, settings: S) -> Evaluation:
        """Measure on other labelled data, read as the settings say.

        Raises: DataError: It cannot be read, or has labels unseen in training.
        """

    @abstractmethod
    def explain(self, trained: Trained[S], predictor: P, data: D | None, folder: Path) -> Path:
        """Write the report (one self-contained HTML page and its pictures) and return the page.

        Args: data: The training data, or None when it is no longer there; the report then says what it lacks.
        """

    @abstractmethod
    def export(self, trained: Trained[S], predictor: P, folder: Path) -> Path:
        """Write an ONNX model with a proof that it equals the f32 model.

        Raises: ExportError: It does not.
        """
