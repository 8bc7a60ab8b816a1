"""Where the model is right and wrong, from the tables of its evaluation."""

from __future__ import annotations

from seodang.draw.charts import bars, confusion_matrix, reliability_diagram
from seodang.draw.table import Cell, Table
from seodang.families.text.report_page import Page

MOST_CLASSES = 50  # of a confusion matrix that can still be read as a picture
MOST_PAIRS = 12


def write_results(page: Page) -> None:
    """Confusion matrix, classes, calibration, and accuracy by length."""
    page.report.heading("Right and wrong")
    _write_confusion(page)
    _write_classes(page)
    _write_reliability(page)
    _write_lengths(page)
    if "repeats" in page.evaluation["tables"]:
        page.report.heading("Test texts that repeat a training text", level=3)
        page.report.table(page.measured_table("repeats"))


def _write_confusion(page: Page) -> None:
    counts: list[list[int]] = [row[1:] for row in page.measured("confusion")]
    page.report.heading("What is taken for what", level=3)
    if len(counts) <= MOST_CLASSES:
        picture = confusion_matrix(counts, page.labels, title="Confusion matrix of the test texts")
        page.picture("confusion", picture, "Each row holds the texts of one class; shades are shares of the row.")
    else:
        page.report.table(page.measured_table("confusion"))
    if len(counts) > 2:
        pairs = _confused_pairs(page, counts)
        if pairs.rows:
            page.report.table(pairs)


def _confused_pairs(page: Page, counts: list[list[int]]) -> Table:
    """The classes most often taken for another."""
    pairs = [
        (count, count / max(sum(row), 1), true, taken)
        for true, row in zip(page.labels, counts, strict=True)
        for taken, count in zip(page.labels, row, strict=True)
        if count and true != taken
    ]
    pairs.sort(key=lambda pair: (-pair[0], -pair[1]))
    rows: list[list[Cell]] = [[true, taken, count, round(share, 4)] for count, share, true, taken in pairs[:MOST_PAIRS]]
    return Table(["texts of", "taken for", "texts", "share of the class"], rows, "Most frequent confusions")


def _write_classes(page: Page) -> None:
    page.report.heading("Each class", level=3)
    page.report.paragraph(
        "Precision: how many of the texts put into the class belong there. Recall: how many of the class's texts were found. "
        "F1: their harmonic mean."
    )
    page.report.table(page.measured_table("classes"))


def _write_reliability(page: Page) -> None:
    page.report.heading("Can its probabilities be believed?", level=3)
    _, _, counts, stated, right = zip(*page.measured("reliability"), strict=True)
    page.picture(
        "reliability",
        reliability_diagram(stated, right, counts, title="Stated probability and share right"),
        "Points on the dashed line keep their word; below it the model is too sure of itself, above it too modest.",
        page.measured_table("reliability"),
    )


def _write_lengths(page: Page) -> None:
    page.report.heading("Short and long texts", level=3)
    rows = {f"{span} tokens": (texts, share, low, high) for span, texts, share, low, high in page.measured("lengths")}
    picture = bars(
        {name: share for name, (_, share, _, _) in rows.items()},
        title="Accuracy by length of the text",
        value_label="accuracy",
        intervals={name: (low, high) for name, (_, _, low, high) in rows.items()},
        counts={name: texts for name, (texts, _, _, _) in rows.items()},
        reference=("all texts", page.evaluation["measures"]["accuracy"]["value"]),
    )
    caption = "Quarters of the test texts by their length, with 95 % intervals; in brackets the number of texts."
    page.picture("accuracy-by-length", picture, caption, page.measured_table("lengths"))
