"""The page about a run as it grows: what every section draws on, and the sections that all families have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from seodang.core.family import Trained
from seodang.core.settings import Settings
from seodang.draw.report import Report
from seodang.draw.style import Picture
from seodang.draw.table import Cell, Table

S = TypeVar("S", bound=Settings)
P = TypeVar("P")
D = TypeVar("D")


@dataclass(frozen=True)
class RunPage(Generic[S, P, D]):
    """A report on its way to a folder."""

    report: Report
    folder: Path
    trained: Trained[S]
    predictor: P
    data: D | None
    """What it was trained on; None when it is gone."""

    evaluation: Mapping[str, Any]
    """The run's evaluation.json."""

    @property
    def run(self) -> str:
        """The run's path, as commands take it."""
        return str(self.trained.run.path)

    def picture(self, name: str, picture: Picture, caption: str = "", table: Table | None = None) -> None:
        """Add a picture, and save it beside the page as `<name>.png`."""
        picture.save(self.folder / f"{name}.png")
        self.report.picture(picture, caption, table=table)

    def measured(self, name: str) -> list[list[Any]]:
        """Rows of a table of the evaluation."""
        rows: list[list[Any]] = self.evaluation["tables"][name]["rows"]
        return rows

    def measured_table(self, name: str, caption: str = "") -> Table:
        """A table of the evaluation."""
        return Table(self.evaluation["tables"][name]["headers"], self.measured(name), caption)

    def measures_table(self, names: Mapping[str, str], caption: str) -> Table:
        """Measures with their intervals, beside the yardstick's where there is one. `names` gives each in words."""
        measures, yardstick = self.evaluation["measures"], self.evaluation["yardstick"]
        rows: list[list[Cell]] = []
        for name, words in names.items():
            beside = yardstick.get(name)
            cells = measured_cells(beside) if beside else [None, None] if yardstick else []
            rows.append([words, *measured_cells(measures[name]), *cells])
        headers = ["measure", "model", "95 % interval"] + (["yardstick", "95 % interval"] if yardstick else [])
        return Table(headers, rows, caption)

    def data_notes(self, facts: Mapping[str, Any]) -> None:
        """Licence of the data and what was noticed as they were read; `facts` are those of environment.json."""
        if facts.get("licence"):
            self.report.paragraph(f"Licence: {facts['licence']}.")
        for note in facts["notes"]:
            self.report.paragraph(note)

    def settings(self) -> None:
        """Each setting that the model reads: its value, where that comes from and what it means; a table a group."""
        self.report.heading("Settings")
        record = self.trained.run.settings()
        given, resolved, reasons = record["given"], record["resolved"], record["reasons"]
        groups: dict[str, list[list[Cell]]] = {}
        for leaf in type(self.trained.settings).leaves():
            if any(resolved[selector] not in values for selector, values in leaf.read_by.items()):
                continue
            why = "given" if leaf.name in given else reasons.get(leaf.name, "default")
            row: list[Cell] = [leaf.name, _written(resolved[leaf.name]), why, leaf.description]
            groups.setdefault(leaf.group.rstrip("."), []).append(row)
        for group, rows in groups.items():
            self.report.table(Table(["setting", "value", "why", "meaning"], rows, group))

    def environment(self) -> None:
        """Machine, packages and checksum of the data, from the run's environment.json."""
        self.report.heading("Environment")
        found = self.trained.run.read_json("environment.json")
        data, packages = found["data"], found["packages"]
        rows: list[list[Cell]] = [
            [name.replace("_", " "), _joined(found[name])] for name in found if name not in ("data", "packages")
        ]
        rows += [[name, version] for name, version in packages.items()]
        rows.append(["checksum of the data", data["checksum"]])
        self.report.table(Table(["what", "value"], rows))
        self.report.paragraph("With all of this equal, the same command gives the same model byte for byte.")

    def save(self) -> Path:
        """Write index.html, which needs nothing else. Raises: MachineError: It cannot be written."""
        self.report.save(self.folder / "index.html")
        return self.folder / "index.html"


def measured_cells(measure: Mapping[str, Any], digits: int = 4) -> list[Cell]:
    """A measure and its interval, where it has them, as two cells."""
    if measure["value"] is None:
        return [None, None]
    low, high = measure.get("low"), measure.get("high")
    return [round(measure["value"], 4), "" if low is None else f"{low:.{digits}f} to {high:.{digits}f}"]


def _written(value: Any) -> str:
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _joined(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
