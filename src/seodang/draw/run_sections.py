"""Sections that the report of every run has, whatever was trained: its settings and the environment it was trained in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seodang.core.settings import Settings
from seodang.draw.report import Report
from seodang.draw.table import Cell, Table


def write_settings(report: Report, settings_type: type[Settings], record: Mapping[str, Any]) -> None:
    """Each setting that the model reads: its value, where that comes from and what it means; a table a group.

    Args:
        report: The page.
        settings_type: Of the family.
        record: The run's settings.json.
    """
    report.heading("Settings")
    given, resolved, reasons = record["given"], record["resolved"], record["reasons"]
    groups: dict[str, list[list[Cell]]] = {}
    for leaf in settings_type.leaves():
        if any(resolved[selector] not in values for selector, values in leaf.read_by.items()):
            continue
        why = "given" if leaf.name in given else reasons.get(leaf.name, "default")
        row: list[Cell] = [leaf.name, _written(resolved[leaf.name]), why, leaf.description]
        groups.setdefault(leaf.group.rstrip("."), []).append(row)
    for group, rows in groups.items():
        report.table(Table(["setting", "value", "why", "meaning"], rows, group))


def write_environment(report: Report, found: Mapping[str, Any]) -> None:
    """Machine, packages and checksum of the data, from the run's environment.json."""
    report.heading("Environment")
    data, packages = found["data"], found["packages"]
    rows: list[list[Cell]] = [
        [name.replace("_", " "), _joined(found[name])] for name in found if name not in ("data", "packages")
    ]
    rows += [[name, version] for name, version in packages.items()]
    rows.append(["checksum of the data", data["checksum"]])
    report.table(Table(["what", "value"], rows))
    report.paragraph("With all of this equal, the same command gives the same model byte for byte.")


def _written(value: Any) -> str:
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _joined(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
