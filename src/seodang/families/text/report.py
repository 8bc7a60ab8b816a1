"""The report of a text run: one page that says how good the model is, on which data, where it fails and why."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seodang.core.family import Trained
from seodang.draw.report import Report
from seodang.draw.table import Cell
from seodang.families.text.data import TextData
from seodang.families.text.predictor import TextPredictor
from seodang.families.text.report_data import write_data
from seodang.families.text.report_examples import write_doubts, write_examples
from seodang.families.text.report_model import write_network, write_training
from seodang.families.text.report_page import Page, percent
from seodang.families.text.report_results import write_results
from seodang.families.text.settings import TextSettings

MEASURES = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "roc_auc": "area under the ROC curve",
    "calibration_error": "calibration error (less is better)",
}


def write_report(trained: Trained[TextSettings], predictor: TextPredictor, data: TextData | None, folder: Path) -> Path:
    """Write index.html, which needs nothing else, and each of its pictures as PNG beside it.

    Args:
        trained: The finished run.
        predictor: Its model.
        data: The data it was trained on; None when they are gone, and the page then says what it lacks.
        folder: An existing folder.

    Returns: The path of the page.
    Raises:
        RunError: The run is not evaluated yet.
        MachineError: A file cannot be written.
    """
    record = trained.run.settings()
    model = f"{trained.settings.model.model}, trained on {Path(record['source']).name}"
    report = Report(f"{trained.run.path.name}: text classification", model)
    page = Page(report, folder, trained, predictor, data, trained.run.read_json("evaluation.json"))
    _write_result(page, record)
    write_results(page)
    write_examples(page)
    write_doubts(page)
    write_data(page)
    write_training(page)
    write_network(page)
    page.settings()
    page.environment()
    _write_next(page)
    return page.save()


def verdict(evaluation: Mapping[str, Any]) -> str:
    """How good the model is and whether it beats the yardstick, in sentences that claim no more than the test texts show.

    The difference between model and yardstick counts as real when it is larger than the root of the squared half widths of both
    intervals: what chance makes of two measurements that know nothing of each other. On the same texts chance makes less.
    """
    rows, model = evaluation["rows"], evaluation["measures"]["accuracy"]
    says = f"Of {rows:,} test texts that it never saw, the model puts {_with_interval(model)} into the right class"
    yardstick = evaluation["yardstick"].get("accuracy")
    if yardstick is None:
        return says + "."
    points = 100 * (model["value"] - yardstick["value"])
    chance = 100 * math.hypot(*(0.5 * (one["high"] - one["low"]) for one in (model, yardstick)))
    says += f"; the yardstick, {evaluation['yardstick_name']}, {_with_interval(yardstick)}. "
    if points > chance:
        return says + f"The model is {points:.1f} points better than the yardstick."
    if points < -chance:
        return says + f"The model is {-points:.1f} points worse than the yardstick: more data may help it, or another model."
    side = "above" if points > 0 else "below"
    shown = "equal to the yardstick" if abs(points) < 0.05 else f"{abs(points):.1f} points {side} it"
    return says + (
        f"The model is no better than the yardstick as far as these texts can tell: it is {shown}, and chance alone can make "
        f"{chance:.1f} points on so few texts."
    )


def _with_interval(measure: Mapping[str, Any]) -> str:
    return f"{percent(measure['value'])} (95 % interval {percent(measure['low'])} to {percent(measure['high'])})"


def _write_result(page: Page, record: Mapping[str, Any]) -> None:
    report, evaluation = page.report, page.evaluation
    report.heading("Result")
    report.paragraph(verdict(evaluation))
    measures = evaluation["measures"]
    facts: dict[str, Cell] = {"accuracy": percent(measures["accuracy"]["value"])}
    if evaluation["yardstick"]:
        facts["yardstick"] = percent(evaluation["yardstick"]["accuracy"]["value"])
    facts |= {"test texts": evaluation["rows"], "classes": len(page.labels), "model": page.trained.settings.model.model}
    report.facts(facts)
    report.table(page.measures_table(MEASURES, f"Measured on {evaluation['rows']:,} test texts"))
    for note in evaluation["notes"]:
        report.note(note)
    if page.data is None:
        report.note(
            f"The training data are no longer at {record['source']}, or have changed. This page therefore lacks example texts, "
            "mistakes, doubted labels, near-duplicates, lengths and the vocabulary's coverage; bring the data back and run "
            f"`seodang explain {page.run}` again."
        )


def _write_next(page: Page) -> None:
    report, run = page.report, page.run
    report.heading("Use it")
    report.code(
        f'seodang predict {run} "A text to classify"\n'
        f"seodang predict {run} --file new.csv --json\n"
        f"seodang evaluate {run} other-labelled.csv\n"
        f"seodang export {run}"
    )
    report.paragraph("The same in Python:")
    report.code(
        "import seodang\n\n"
        f'run = seodang.load("{run}")\n'
        'scores = run.predict("A text to classify")\n'
        "print(scores.label, scores.probabilities)"
    )
