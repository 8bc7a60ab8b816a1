"""The report of a language model: how well it foresees, what it writes, where it is surprised, and how far memory reaches."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seodang.core.family import Trained
from seodang.draw.report import Report
from seodang.draw.table import Cell
from seodang.families.language.data import LanguageData
from seodang.families.language.predictor import LanguagePredictor
from seodang.families.language.report_memory import write_memory
from seodang.families.language.report_page import Page
from seodang.families.language.report_text import write_line, write_steps, write_surprises
from seodang.families.language.report_training import write_samples, write_training
from seodang.families.language.settings import LanguageSettings

MEASURES = {"nats": "nats a token", "bits_per_character": "bits a character", "perplexity": "perplexity"}


def write_report(
    trained: Trained[LanguageSettings], predictor: LanguagePredictor, data: LanguageData | None, folder: Path
) -> Path:
    """Write index.html, which needs nothing else, and each of its pictures as PNG beside it.

    Args:
        trained: The finished run.
        predictor: Its model.
        data: The text it was trained on; None when it is gone, and the page then says what it lacks.
        folder: An existing folder.

    Returns: The path of the page.
    Raises:
        RunError: The run is not evaluated yet.
        MachineError: A file cannot be written.
    """
    record = trained.run.settings()
    learned = Path(record["source"]).name or "a text learned by heart"
    report = Report(f"{trained.run.path.name}: language model", f"{trained.settings.model.model}, trained on {learned}")
    page = Page(report, folder, trained, predictor, data, trained.run.read_json("evaluation.json"))
    _write_result(page, record)
    write_steps(page)
    write_samples(page)
    write_line(page)
    write_surprises(page)
    write_memory(page)
    write_training(page)
    _write_data(page)
    page.settings()
    page.environment()
    _write_next(page)
    return page.save()


def verdict(evaluation: Mapping[str, Any], by_heart: bool) -> str:
    """How good the model is and whether it beats the yardstick, in sentences that claim no more than was measured.

    The difference counts as real when it is larger than the root of the squared half widths of both intervals: what chance
    makes of two measurements that know nothing of each other. On the same text chance makes less.
    """
    model, rows = evaluation["measures"]["nats"], evaluation["rows"]
    says = f"each of {rows:,} tokens surprises the model by {_with_interval(model)} on average"
    if by_heart:
        return f"Measured on the very text that it learned by heart: {says}. That says how well it knows it, and nothing more."
    says = f"Of the end of the text, which it never saw, {says}"
    yardstick = evaluation["yardstick"].get("nats")
    if yardstick is None:
        return says + "."
    says += f"; the yardstick, {evaluation['yardstick_name']}, by {_with_interval(yardstick)}. "
    if model.get("low") is None or yardstick.get("low") is None:
        return says + "The text is too short to say more."
    gained = yardstick["value"] - model["value"]
    chance = math.hypot(*(0.5 * (one["high"] - one["low"]) for one in (model, yardstick)))
    if gained > chance:
        return says + f"The model is {gained:.3f} nats better than the yardstick."
    if gained < -chance:
        return says + f"The model is {-gained:.3f} nats worse than the yardstick: train longer, or on more text."
    return says + f"As far as this text can tell, the two are equal: chance alone can make {chance:.3f} nats."


def _with_interval(measure: Mapping[str, Any]) -> str:
    if measure.get("low") is None:
        return f"{measure['value']:.3f} nats"
    return f"{measure['value']:.3f} nats (95 % interval {measure['low']:.3f} to {measure['high']:.3f})"


def _write_result(page: Page, record: Mapping[str, Any]) -> None:
    report, evaluation = page.report, page.evaluation
    measures = evaluation["measures"]
    report.heading("Result")
    report.paragraph(verdict(evaluation, bool(record["given"].get("text"))))
    facts: dict[str, Cell] = {words: round(measures[name]["value"], 4) for name, words in MEASURES.items()}
    facts |= {"tokens measured": evaluation["rows"], "vocabulary": page.predictor.vocabulary.size}
    report.facts(facts)
    report.table(page.measures_table(MEASURES, f"Less is better; measured on {evaluation['rows']:,} tokens"))
    report.table(page.measured_table("bounds", "Against what knows less"))
    for name, title in (("mixed", "Together with the n-grams"), ("dynamic", "Dynamic evaluation")):
        if name in evaluation["tables"]:
            report.heading(title, level=3)
            for note in evaluation["tables"][name]["notes"]:
                report.paragraph(note)
            report.table(page.measured_table(name))
    for note in evaluation["notes"]:
        report.note(note)
    if page.data is None:
        report.note(
            f"The text is no longer at {record['source']}, or has changed. This page therefore lacks the chances along a line, "
            f"the surprising places and copied pieces; bring it back and run `seodang explain {page.run}` again."
        )


def _write_data(page: Page) -> None:
    report = page.report
    report.heading("Data")
    facts = page.trained.run.read_json("environment.json")["data"]
    report.facts({f"characters, {name}": count for name, count in facts["characters"].items()})
    page.data_notes(facts)
    report.table(page.measured_table("places", "Surprise along the text that was measured"))


def _write_next(page: Page) -> None:
    report, run = page.report, page.run
    report.heading("Use it")
    report.code(
        f'seodang generate {run} --prompt "Once" --temperature 0.8 --length 500 --stream\n'
        f'seodang predict {run} "What comes nex"\n'
        f"seodang evaluate {run} another-text.txt\n"
        f"seodang export {run}"
    )
    report.paragraph("The same in Python:")
    report.code(
        "import seodang\n\n"
        f'run = seodang.load("{run}")\n'
        'print(run.generate(prompt="Once", length=500)[0].text)\n'
        'print(run.predict("What comes nex").label)'
    )
