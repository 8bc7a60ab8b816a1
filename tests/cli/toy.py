"""A stand-in family that trains in no time, so that the command line is tested without any real family.

`install()` puts it beside the others; run as a script, this file is `seodang` with the stand-in.
"""

from __future__ import annotations

import sys
import time
import types
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np

from seodang import families
from seodang.core.errors import DataError, SettingsError
from seodang.core.settings import Field, Settings, TrainingSettings
from seodang.core.values import Box, Boxes, Unread
from seodang.core.verb import Tool, Verb

"""The fixture that runs a command in this process."""


class ToyData(Settings):
    """Data: what is read."""

    column: str | None = Field(None, description="column to read; else the first")
    rows_given: str | None = Field(None, description="rows, instead of a file")
    skip_bad_rows: bool = Field(False, description="leave out bad rows")


class ToyModel(Settings):
    """The model."""

    depth: int = Field(2, ge=1, le=6, description="layers; 100 % of them dense")
    rate: float | None = Field(None, gt=0, description="how fast")
    cut: float | None = Field(1.5, description="where to cut")
    variant: Literal["wide", "deep"] = Field("wide", description="which model")
    width: int = Field(8, ge=1, description="units", read_by={"variant": ("wide",)})
    sizes: tuple[int, ...] = Field((3, 4), description="sizes of filters")
    step_seconds: float = Field(0.0, ge=0, description="time that a step takes at least")


class ToyTraining(TrainingSettings):
    """Training."""

    epochs: int | None = Field(2, ge=1, description="passes over the rows")


class ToySettings(Settings):
    """All settings of the stand-in."""

    data: ToyData = ToyData()
    model: ToyModel = ToyModel()
    training: ToyTraining = ToyTraining()


class GreetOptions(Settings):
    """How to greet."""

    names: tuple[str, ...] = Field((), description="who is greeted")
    times: int = Field(1, ge=1, le=3, description="how often")


class SpellOptions(Settings):
    """What to spell."""

    word: str = Field("toy", description="the word")


VERBS = (
    Verb("say-hello", "greet people", GreetOptions, words="names"),
    Verb("spell", "spell a word letter by letter", SpellOptions),
)


class MarkOptions(Settings):
    """What to mark."""

    files: tuple[str, ...] = Field((), description="files to mark")
    permission: str | None = Field(None, description="who allows it", question="Who allows it?")


def mark(options: MarkOptions) -> Iterator[Boxes | Unread]:
    """A box in each file, unless its name says that it is bad."""
    if options.permission is None:
        raise SettingsError("{permission} is missing.", settings=("permission",))
    for file in options.files:
        if "bad" in file:
            yield Unread(f"{file} is damaged", file)
        else:
            picture = {"out": lambda: np.zeros((4, 6, 3), np.uint8)}
            found = (Box((1.0, 1.0, 3.0, 2.0), 0.5, (), options.permission, 0.75),)
            yield Boxes(file, 6, 4, found, "softly", picture)


TOOLS = (Tool("mark", "put a box into each file", MarkOptions, mark, "files", "FILE", "PNG file of what was marked"),)


class Batch(NamedTuple):
    """Some rows."""

    rows: Any


def family() -> Any:
    """The stand-in; built on demand, since it needs PyTorch."""
    import torch

    from seodang.core.family import Evaluation, Family, Finding, Measure, Metric, Prepared, Stage
    from seodang.core.learner import BatchSource, Budget, Learner, Validation, Work
    from seodang.core.values import Refused, Scores, Table, Text

    class ToyLearner(Learner):
        def __init__(self, settings: ToySettings) -> None:
            self.settings = settings
            self.linear = torch.nn.Linear(1, 1)
            self.optimizer = torch.optim.SGD(self.linear.parameters(), lr=0.01)

        def modules(self) -> dict[str, torch.nn.Module]:
            return {"linear": self.linear}

        def optimizers(self) -> dict[str, torch.optim.Optimizer]:
            return {"sgd": self.optimizer}

        def update(self, batch: Batch) -> dict[str, torch.Tensor]:
            time.sleep(self.settings.model.step_seconds)
            loss = (self.linear(batch.rows) - 1).square().mean()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            return {"loss": loss.detach()}

    class ToySource(BatchSource):
        def __init__(self, rows: Sequence[str], size: int) -> None:
            self._rows, self.size = rows, size

        def plan(self, seed: int, epoch: int) -> list[list[int]]:
            numbers = list(range(len(self._rows)))
            return [numbers[start : start + self.size] for start in range(0, len(numbers), self.size)]

        def batch(self, work: list[int]) -> Batch:
            return Batch(torch.tensor([[float(len(self._rows[number]))] for number in work]) / 10)

        def rows(self, work: list[int]) -> int:
            return len(work)

    class ToyValidation(Validation):
        monitor = "accuracy"

        def measure(self) -> dict[str, float]:
            return {"accuracy": 0.75, "validation_loss": 0.5}

    class Toy(Family[ToySettings, list[str], Any]):
        name: ClassVar[str] = "toy"
        summary: ClassVar[str] = "A stand-in."
        settings_type = ToySettings
        metrics: ClassVar[tuple[Metric, ...]] = (Metric("accuracy", "", True, "right answers"),)
        presets: ClassVar[dict[str, Any]] = {}
        input_type: ClassVar[type] = Text
        output_type: ClassVar[type] = Scores

        actions: ClassVar[dict[str, Any]] = {
            "say-hello": lambda predictor, data, options: [
                Table(("name", "greeting"), tuple((name, "hello " * options.times) for name in options.names), ("politely",)),
                Text(f"{len(data() or ())} rows"),
            ],
            "spell": lambda predictor, data, options: iter((*options.word, Text("done"))),
        }

        def read(self, source: str, settings: ToySettings) -> list[str]:
            if settings.data.rows_given is not None:
                return settings.data.rows_given.split(",")
            if not Path(source).is_file():
                raise DataError(f"{source}: no such file.")
            return Path(source).read_text(encoding="utf-8").splitlines()

        def check(self, source: str, settings: ToySettings) -> list[Finding]:
            rows = self.read(source, settings)
            found = [Finding("error", f"{source}, row {n}", "empty.", "Remove it.") for n, row in enumerate(rows, 1) if not row]
            return [*found, Finding("info", source, f"{len(rows)} rows.")]

        def checksum(self, data: list[str]) -> str:
            return str(sum(map(len, data)))

        def describe(self, data: list[str]) -> dict[str, Any]:
            return {"rows": {"train": len(data)}, "classes": ["bad", "good"], "licence": None, "notes": ["nothing was skipped"]}

        def prepare(self, data: list[str], settings: ToySettings) -> Prepared[ToySettings]:
            return Prepared(settings.replaced(rate=0.1), {"rate": f"fits {len(data)} rows"}, {})

        def stages(self, settings: ToySettings) -> tuple[Stage[ToySettings, list[str]], ...]:
            return (Stage("train", self._work),)

        def _work(self, context: Any) -> Work:
            settings = context.settings
            budget = Budget(settings.training.epochs, settings.training.seed)
            return Work(
                ToyLearner(settings), ToySource(context.data, settings.training.batch_size or 4), budget, ToyValidation()
            )

        def kernels(self) -> str:
            return "none"

        def exported_predictor(self, engine: str, folder: Path, settings: Any, device: Any) -> Any:
            raise NotImplementedError

        def predictor(self, trained: Any) -> Any:
            return trained

        def predict(self, predictor: Any, inputs: Sequence[Text]) -> list[Scores | Refused]:
            return [
                Scores("good", {"bad": 0.25, "good": 0.75}, "short" if len(one.text) < 3 else None)
                if one.text
                else Refused("text is empty")
                for one in inputs
            ]

        def inputs(self, source: Path, settings: ToySettings) -> list[Text]:
            return [Text(line) for line in self.read(str(source), settings)]

        def evaluate(self, predictor: Any, data: list[str]) -> Evaluation:
            return self.evaluate_source(predictor, "held-out", ToySettings())

        def evaluate_source(self, predictor: Any, source: str, settings: ToySettings) -> Evaluation:
            return Evaluation(
                source=f"{source}, {settings.data.column}" if settings.data.column else source,
                rows=1234,
                measures={"accuracy": Measure(0.875, 0.85, 0.9), "macro_f1": Measure(0.5), "roc_auc": Measure(None)},
                yardstick_name="counting",
                yardstick={"accuracy": Measure(0.8125)},
                tables={"classes": Table(("class", "rows", "recall"), (("bad [1]", 600, 0.25), ("좋음", 634, None)))},
                notes=("Few rows.",),
            )

        def explain(self, trained: Any, predictor: Any, data: list[str] | None, folder: Path) -> Path:
            page = folder / "index.html"
            page.write_text("<p>report</p>", encoding="utf-8")
            return page

        def export(self, trained: Any, predictor: Any, folder: Path) -> Path:
            return folder / "model.onnx"

    return Toy()


def smoke() -> dict[str, Any]:
    """A preset."""
    return {"depth": 1, "width": 5, "epochs": 1}


def install() -> None:
    """Put the stand-in beside the families of the package."""

    class LazyFamily(types.ModuleType):
        def __getattr__(self, name: str) -> Any:
            if name == "FAMILY":
                self.FAMILY = family()
                return self.FAMILY
            raise AttributeError(name)

    root = "seodang.families.toy"
    settings_module = types.ModuleType(f"{root}.settings")
    settings_module.__dict__.update(
        SETTINGS=ToySettings, PRESETS={"smoke": smoke}, READING=("column",), OWN_DATA=("rows_given",)
    )
    verbs_module = types.ModuleType(f"{root}.verbs")
    verbs_module.__dict__.update(VERBS=VERBS)
    tools_module = types.ModuleType(f"{root}.tools")
    tools_module.__dict__.update(TOOLS=TOOLS)
    ToySettings.__module__ = f"{root}.settings"
    sys.modules[root] = types.ModuleType(root, "A stand-in: 100 % test.")
    sys.modules[f"{root}.settings"] = settings_module
    sys.modules[f"{root}.verbs"] = verbs_module
    sys.modules[f"{root}.tools"] = tools_module
    sys.modules[f"{root}.family"] = LazyFamily(f"{root}.family")
    families.names = lambda: ("text", "toy")  # type: ignore[assignment]


if __name__ == "__main__":
    install()
    from seodang.cli.main import main

    raise SystemExit(main())
