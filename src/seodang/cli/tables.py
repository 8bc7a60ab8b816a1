"""Results as tables: aligned columns, fitted to a terminal, at full width in a pipe or file."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console

    from seodang.core.family import Metric

SCREEN_ROWS = 30  # of a table in a terminal
MOST_COLUMNS = 20  # of a table that a person can read in lines of text
PIPE_WIDTH = 10_000  # columns; nothing is cut where nobody looks


def console(file: TextIO) -> Console:
    """A rich console that prints texts as they are: no markup, no emoji codes, and without any style under NO_COLOR."""
    from rich.console import Console

    return Console(
        file=file,
        markup=False,
        emoji=False,
        highlight=False,
        color_system=None if os.environ.get("NO_COLOR") else "auto",
        width=None if file.isatty() else PIPE_WIDTH,
    )


def write(line: str = "") -> None:
    """One line of a result, on stdout."""
    sys.stdout.write(line + "\n")


def tell(line: str = "") -> None:
    """One line of a message, on stderr."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def write_table(headers: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A table on stdout; numbers stand to the right."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column, header in enumerate(headers):
        numeric = all(isinstance(row[column], int | float | None) for row in rows)
        table.add_column(header, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(shown, row))
    console(sys.stdout).print(table)


@contextmanager
def fraction_bar(terminal: Console, title: str) -> Iterator[Callable[[int, int | None], None]]:
    """A bar that appears once there is something to show; gives the function to call with bytes done and in all."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=terminal, transient=True, disable=not terminal.is_terminal) as progress:
        task = progress.add_task(title, total=None, visible=False)
        yield lambda done, total: progress.update(task, completed=done, total=total, visible=True)


def shown(value: Any) -> str:
    """A cell: four decimals of a fraction, thousands separated, a dash for what is not known."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return number(value) if isinstance(value, float) else str(value)


def number(value: float | None) -> str:
    """A measure with four decimals, or with the first digits of one too large or too small for that."""
    if value is None:
        return "-"
    if 0 < abs(value) < 0.001:
        return f"{value:.2g}"
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.4g}"


def interval(measure: Mapping[str, Any]) -> str:
    """The 95 % interval of a measure, or nothing where there is none."""
    if measure.get("low") is None or measure.get("high") is None:
        return ""
    return f"{number(measure['low'])} to {number(measure['high'])}"


def write_measures(evaluation: Mapping[str, Any], metrics: Iterable[Metric]) -> None:
    """The measures of an evaluation with their 95 % intervals, each next to the yardstick's.

    Args:
        evaluation: As evaluation.json holds it.
        metrics: Of the family: whether more is better.
    """
    yardstick = evaluation["yardstick"]
    headers = ["measure", "value", "95 % interval"]
    headers += [evaluation["yardstick_name"] or "yardstick"] if yardstick else []
    rows = []
    for name, measure in evaluation["measures"].items():
        row = [name.replace("_", " "), number(measure["value"]), interval(measure)]
        rows.append([*row, number(yardstick.get(name, {}).get("value"))] if yardstick else row)
    unit = evaluation.get("unit", "rows")
    write(f"{evaluation['source']}, {evaluation['rows']:,} {unit if evaluation['rows'] != 1 else unit.removesuffix('s')}")
    write_table(headers, rows)
    behind = _behind(evaluation, {one.name: one.higher_is_better for one in metrics})
    if behind and behind[0] == next(iter(evaluation["measures"])):  # the one that the model is chosen by
        named = ", ".join(name.replace("_", " ") for name in behind)
        write(f"\nThe yardstick is better in {named}: {evaluation['yardstick_name']}, which takes seconds.")


def _behind(evaluation: Mapping[str, Any], higher_is_better: Mapping[str, bool]) -> list[str]:
    """The measures in which the yardstick is better."""
    found = []
    for name, measure in evaluation["measures"].items():
        to_beat = evaluation["yardstick"].get(name, {}).get("value")
        if to_beat is None or measure["value"] is None:
            continue
        ahead = measure["value"] - to_beat
        if (ahead if higher_is_better.get(name, True) else -ahead) < 0:
            found.append(name)
    return found


def write_evaluation(evaluation: Mapping[str, Any], metrics: Iterable[Metric]) -> None:
    """All of an evaluation: measures, tables and notes."""
    write_measures(evaluation, metrics)
    for title, grid in evaluation["tables"].items():
        if not grid["rows"]:
            continue
        if len(grid["headers"]) > MOST_COLUMNS:
            write(f"\n{title.replace('_', ' ')}: {len(grid['headers'])} columns; --json has them, and the report draws them")
            continue
        write(f"\n{title.replace('_', ' ')}")
        shown_rows = grid["rows"][:SCREEN_ROWS] if sys.stdout.isatty() else grid["rows"]
        write_table(grid["headers"], shown_rows)
        if len(shown_rows) < len(grid["rows"]):
            write(f"... {len(grid['rows']) - len(shown_rows):,} more; --json has all")
    for note in evaluation["notes"]:
        write(f"\n{note}")


def main_result(evaluation: Mapping[str, Any]) -> tuple[str, Mapping[str, Any], float | None]:
    """The first measure of an evaluation: its name, the measure itself, and the yardstick's value."""
    name, measure = next(iter(evaluation["measures"].items()), ("", {"value": None}))
    return name.replace("_", " "), measure, evaluation["yardstick"].get(name, {}).get("value")
