"""How the model was trained: its curves, and what it wrote as training went on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seodang.core.values import Text
from seodang.draw.charts import Series, lines
from seodang.draw.table import Cell
from seodang.families.language.learner import SAMPLE_LINES
from seodang.families.language.report_page import Page
from seodang.families.language.verbs import GenerateOptions
from seodang.families.language.writing import generate

SHOWN = 6  # samples at most, spread over training
WRITTEN_TOKENS = 600
PROMPT_TOKENS = 12


def write_samples(page: Page) -> None:
    """What the network wrote after some of the epochs, and what it writes now."""
    page.report.heading("What it writes")
    rows = [row for row in page.trained.run.rows("metrics.jsonl") if "samples" in row]
    for row in spread(rows):
        page.report.heading(f"After epoch {row['epoch']} (step {row['step']:,}, {row['validation_nats']:.3f} nats)", level=3)
        page.report.code(row["samples"]["written"])
    page.report.heading("The finished model", level=3)
    by_heart = page.data is not None and page.data.by_heart
    length = min(WRITTEN_TOKENS, SAMPLE_LINES * len(page.tokens)) if by_heart else WRITTEN_TOKENS
    options = GenerateOptions(prompt=_prompt(page), length=length)
    for text in generate(page.predictor, lambda: page.data, options):
        assert isinstance(text, Text)
        page.report.code(text.text)
        page.report.paragraph(f"{getattr(text, 'note', '')}.")


def spread(rows: Sequence[Mapping[str, Any]], most: int = SHOWN) -> list[Mapping[str, Any]]:
    """The first row, the last, and some between them, more from the beginning, where most is learned."""
    places = {round((len(rows) - 1) * (number / (most - 1)) ** 2) for number in range(most)} if rows else set()
    return [rows[place] for place in sorted(places)]


def write_training(page: Page) -> None:
    """Curves, length and speed."""
    page.report.heading("Training")
    rows = page.trained.run.rows("metrics.jsonl")
    timings = page.trained.run.rows("timings.jsonl")
    series = curves(rows)
    if any(len(x) > 1 for x, _ in series.values()):
        picture = lines(series, title="Training", x_label="epoch", y_label="nats a token")
        page.picture("training", picture, "Loss on the training text, dropout on, and surprise at the watched text.")
    seconds = sum(row.get("seconds", 0.0) for row in timings)
    tokens = sum(row.get("rows", 0) for row in timings)
    kept = [row["epoch"] for row in rows if row.get("is_best")]
    weights = page.trained.weights["train"]
    parameters = sum(tensor.numel() for name, tensor in weights.items() if name.startswith("modules/"))
    facts: dict[str, Cell] = {
        "steps": max((row["step"] for row in rows), default=0),
        "epoch kept": kept[-1] if kept else None,
        "parameters": parameters,
        "seconds of updates": round(seconds, 1),
        "tokens a second": round(tokens / seconds) if seconds else None,
    }
    page.report.facts(facts)
    for row in (row for row in rows if row["kind"] == "retry"):
        page.report.note(
            f"Step {row['step']}: {row['cause']} was not finite; went back, learning rate x {row['rate_scale']:g}."
        )


def curves(rows: Sequence[Mapping[str, Any]]) -> Series:
    """Loss and validation over epochs; training may end within one."""
    epochs = {row["step"]: row["epoch"] for row in rows if row["kind"] == "step"}
    found: dict[str, tuple[list[float], list[float]]] = {}
    for kind, name, words in (("step", "loss", "training text"), ("evaluation", "validation_nats", "watched text")):
        own = [row for row in rows if row["kind"] == kind and name in row]
        if own:
            found[words] = ([epochs.get(row["step"], row["epoch"]) for row in own], [row[name] for row in own])
    return found


def _prompt(page: Page) -> str:
    """The first tokens of the held-out text, which the model never saw; nothing when it is gone."""
    if page.data is not None and page.data.by_heart:
        return page.data.by_heart[:1]
    vocabulary = page.predictor.vocabulary
    return vocabulary.decode(page.tokens[:PROMPT_TOKENS]) if page.data is not None else ""
