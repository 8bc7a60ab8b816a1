"""The report of word vectors: how good they are, the map, neighbours, analogies as parallelograms, and how training went."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seodang.core.family import Trained
from seodang.data.word_vectors import WordVectors
from seodang.draw.charts import training_curves
from seodang.draw.report import Report
from seodang.draw.style import BLUE, MUTED, VERMILLION, Picture, font, new_figure, plain, style_axes, title_above
from seodang.draw.table import Cell, Table
from seodang.families.words.predictor import WordsPredictor
from seodang.families.words.settings import WordsSettings
from seodang.families.words.word_map import layouts, map_html

PARALLELOGRAMS = (
    ("man", "king", "woman", "queen"),
    ("france", "paris", "germany", "berlin"),
    ("good", "better", "bad", "worse"),
    ("go", "went", "see", "saw"),
)
SHOWN_WORDS, SHOWN_NEAR = 12, 6
FREQUENT = 1_000  # words that neighbours are shown of are spread over so many; the very first are articles and the like
TITLES = {"wordsim_353": "WordSim-353", "simlex_999": "SimLex-999", "men": "MEN", "analogies": "analogies", "loss": "loss"}


def write_report(trained: Trained[WordsSettings], predictor: WordsPredictor, folder: Path) -> Path:
    """Write index.html, which needs nothing else, and its pictures as PNG beside it; returns the page.

    Raises: MachineError: A file cannot be written.
    """
    model, vectors = trained.settings.model, predictor.vectors
    record = trained.run.settings()
    title = f"{len(vectors):,} words, {model.dimensions} dimensions, {model.method}, from {Path(record['source']).name}"
    report = Report(f"{trained.run.path.name}: word vectors", title)
    _write_result(report, trained.run.read_json("evaluation.json"))
    report.heading("Map")
    places = layouts(vectors, trained.settings.training.seed)
    if places:
        report.widget(map_html(vectors, places), "The most frequent words. Drag, wheel, click a word, or type one to find it.")
    else:
        report.note("Too few words or dimensions for a map.")
    report.heading("Neighbours")
    report.table(neighbours_table(vectors))
    _write_parallelograms(report, vectors, folder)
    _write_training(report, trained.run.rows("metrics.jsonl"), folder)
    report.heading("Settings")
    reasons = record["reasons"]
    rows = [(name, _cell(value), reasons.get(name, "")) for name, value in record["resolved"].items()]
    report.table(Table(("setting", "value", "why"), rows))
    report.save(folder / "index.html")
    return folder / "index.html"


def neighbours_table(vectors: WordVectors) -> Table:
    """The nearest words of some words, frequent and less so."""
    places = np.unique(np.geomspace(1, min(FREQUENT, len(vectors)), SHOWN_WORDS).astype(int) - 1)
    rows = []
    for word in (vectors.words[place] for place in places):
        near = vectors.most_similar(word, topn=SHOWN_NEAR)
        rows.append((word, ", ".join(f"{other} {score:.2f}" for other, score in near)))
    return Table(("word", "nearest, with cosine"), rows)


def parallelogram(vectors: WordVectors, words: Sequence[str]) -> Picture:
    """Four words a : b = c : d in the plane that shows most of them, and the answer that the vectors give."""
    directions = np.stack([vectors.direction(word) for word in words]).astype(np.float64)
    centered = directions - directions.mean(0)
    points = centered @ np.linalg.svd(centered, full_matrices=False)[2][:2].T
    answer = vectors.most_similar([words[1], words[2]], [words[0]], topn=1)[0][0]
    figure = new_figure(5.0, 3.6)
    axes = figure.subplots()
    style_axes(axes, grid="none")
    for start, end, colour in ((0, 1, BLUE), (2, 3, BLUE), (0, 2, MUTED), (1, 3, MUTED)):
        axes.annotate("", points[end], points[start], arrowprops={"arrowstyle": "->", "color": colour})
    for word, (x, y) in zip(words, points, strict=True):
        axes.plot(x, y, "o", color=VERMILLION)
        axes.text(x, y, f" {plain(word)}", font=font(), va="bottom")
    axes.margins(0.25)
    axes.set_xticks([])
    axes.set_yticks([])
    title_above(figure, f"{words[0]} : {words[1]} = {words[2]} : {answer}")
    return Picture(figure, f"{words[0]} is to {words[1]} as {words[2]} to {words[3]}; the vectors answer {answer}.")


def _write_result(report: Report, evaluation: dict[str, Any]) -> None:
    report.heading("How good")
    beside = evaluation["yardstick"]
    rows = [
        (TITLES[name], measure["value"], beside.get(name, {}).get("value")) for name, measure in evaluation["measures"].items()
    ]
    report.table(Table(("test", "score", evaluation["yardstick_name"] or "yardstick"), rows))
    for name, table in evaluation["tables"].items():
        report.table(Table(table["headers"], table["rows"], name))
    for note in evaluation["notes"]:
        report.note(note)


def _write_parallelograms(report: Report, vectors: WordVectors, folder: Path) -> None:
    shown = [words for words in PARALLELOGRAMS if all(word in vectors for word in words)]
    if not shown or vectors.dimensions < 2:
        return
    report.heading("Analogies")
    for words in shown:
        picture = parallelogram(vectors, words)
        picture.png(folder / f"analogy-{words[0]}.png")
        report.picture(picture)


def _write_training(report: Report, rows: Sequence[dict[str, Any]], folder: Path) -> None:
    steps = [row for row in rows if row["kind"] == "step"]
    epochs = [row for row in rows if row["kind"] == "evaluation"]
    if not steps:
        return
    report.heading("Training")
    series = {
        "mean of 10 steps": ([row["epoch"] for row in steps], [row["loss"] for row in steps]),
        "mean of an epoch": ([row["epoch"] for row in epochs], [row["epoch_loss"] for row in epochs]),
    }
    picture = training_curves(series, {}, loss_label="loss of a pair")
    picture.png(folder / "training.png")
    report.picture(picture)


def _cell(value: Any) -> Cell:
    return "none" if value is None else str(value)
