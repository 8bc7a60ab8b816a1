"""The runs below a folder, one row each, for `seodang runs`."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from seodang.cli.tables import main_result
from seodang.core.errors import RunError
from seodang.core.run import RunFolder


@dataclass(frozen=True)
class RunRow:
    """A run in a line."""

    run: str
    source: str
    status: str
    measure: str
    value: float | None
    yardstick: float | None
    date: str


def run_row(folder: RunFolder) -> RunRow:
    """What there is to say of a run; a damaged one is listed with what is wrong."""
    date = datetime.fromtimestamp((folder.path / "settings.json").stat().st_mtime).isoformat(" ", "minutes")
    try:
        record = folder.settings()
        if not folder.finished:
            return RunRow(str(folder.path), short_path(record["source"]), _status(folder, record), "", None, None, date)
        name, measure, yardstick = main_result(folder.read_json("evaluation.json"))
        return RunRow(str(folder.path), short_path(record["source"]), "finished", name, measure["value"], yardstick, date)
    except RunError as error:
        return RunRow(str(folder.path), "", f"damaged: {error}", "", None, None, date)


def short_path(source: str) -> str:
    """A path as seen from the current folder, or a name as it is."""
    if not Path(source).is_absolute():
        return source
    relative = os.path.relpath(source)
    return source if relative.startswith("..") else relative


def _status(folder: RunFolder, record: dict[str, Any]) -> str:
    word = "training" if folder.is_locked() else "unfinished"
    epochs = record["resolved"].get("epochs")
    return f"{word}, epoch {_epochs_done(folder.path / 'metrics.jsonl')}" + (f" of {epochs}" if epochs else "")


def _epochs_done(metrics: Path) -> int:
    """Whole epochs of the stage that was last at work; the last line may be half written by a training that goes on."""
    lines = metrics.read_text(encoding="utf-8", errors="replace").splitlines() if metrics.exists() else []
    for line in reversed(lines):
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if "epoch" in row:
            return int(row["epoch"])
    return 0
