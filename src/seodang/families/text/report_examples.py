"""Texts to look at: predictions with the words that pushed them, sure mistakes, and labels that are likely wrong."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seodang.draw.table import Cell, Table
from seodang.families.text.explained import ExplainedText, explain_text
from seodang.families.text.mistakes import confident_mistakes, likely_mislabelled
from seodang.families.text.report_page import Page, Scored, excerpt, percent

EXAMPLES = 4  # of each kind
EXAMPLE_LETTERS = 900  # longer texts are passed over where shorter ones will do
MOST_WORDS = 250  # of a text shown
MOST_MISTAKES, MOST_DOUBTS = 12, 20


def write_examples(page: Page) -> None:
    """Right predictions and the surest mistakes, their words coloured by what they did."""
    if page.data is None:
        return
    report, test = page.report, page.scored["test"]
    report.heading("Which words decided")
    report.paragraph(
        "Blue words speak for the predicted class, orange ones against it; the number shows when the pointer rests on a word. "
        "It is what the word adds to the margin: the logit of the class less the mean of the others', of two classes the "
        "log-odds. Words of a network are weighed by integrated gradients (arXiv:1703.01365) from a text of padding; all words "
        "together make up the difference between the two texts, and the gap that is left is stated. "
        "‹Words in angles› are not in the vocabulary and are all read alike."
    )
    report.heading("Right", level=3)
    for row in right_examples(test):
        _write_example(page, test, int(row))
    mistakes = confident_mistakes(test.labels, test.probabilities, MOST_MISTAKES)
    report.heading("Most confident mistakes", level=3)
    if not len(mistakes):
        report.paragraph("There is none: every test text is put into the right class.")
        return
    for row in mistakes[:EXAMPLES]:
        _write_example(page, test, int(row))
    report.table(_mistake_table(page, test, mistakes))


def right_examples(scored: Scored) -> NDArray[np.int64]:
    """Rows predicted right, of a length that can be read: the surest of each class in turn, at most `EXAMPLES`."""
    short = np.fromiter((len(text) <= EXAMPLE_LETTERS for text in scored.part.texts), bool, len(scored.labels))
    rows = np.flatnonzero(scored.right & short)
    rows = rows[np.argsort(-scored.probabilities[rows].max(1), kind="stable")]
    ranks = np.zeros(len(rows), np.int64)  # of each row among those of its class
    for label in np.unique(scored.labels[rows]):
        own = scored.labels[rows] == label
        ranks[own] = np.arange(own.sum())
    return rows[np.argsort(ranks, kind="stable")][:EXAMPLES]


def _write_example(page: Page, scored: Scored, row: int) -> None:
    predicted, true = int(scored.predicted[row]), int(scored.labels[row])
    explained = explain_text(page.predictor, scored.part.texts[row], predicted)
    said = f"Predicted {page.labels[predicted]} ({percent(float(scored.probabilities[row, predicted]))}), "
    said += "rightly." if predicted == true else f"but labelled {page.labels[true]}."
    pieces = shown_pieces(explained)
    page.report.highlighted_text(
        [piece for piece, _ in pieces],
        [weight for _, weight in pieces],
        caption=f"{said} {scored.part.where(row)}. {sum_words(explained)}",
        raises=f"for {page.labels[predicted]}",
        lowers="against",
        separator="",
    )


def shown_pieces(explained: ExplainedText) -> list[tuple[str, float]]:
    """Words with their weights, those that are not in the vocabulary in angles; the spaces between them weigh nothing."""
    pieces: list[tuple[str, float]] = []
    words = zip(explained.words, explained.known, explained.contributions.weights.tolist(), strict=True)
    for word, known, weight in list(words)[:MOST_WORDS]:
        body = word.strip() or word
        pieces.append((body if known or not word.strip() else f"‹{body}›", weight))
        if word != word.rstrip() and word.strip():
            pieces.append((" ", 0.0))
    hidden = max(len(explained.words) - MOST_WORDS, 0)
    for count, what in ((hidden, "shown"), (explained.unread, "read")):
        if count:
            pieces.append((f" … {count:,} more not {what}", 0.0))
    return pieces


def sum_words(explained: ExplainedText) -> str:
    """That the words make up the margin, and how exactly."""
    found = explained.contributions
    change = found.end - found.start
    claim = "" if found.complete else "; more than is allowed, so take the colours with care"
    return (
        f"The words add {found.weights.sum():+.2f} to the margin, which changes by {change:+.2f} (gap {found.gap:.3f}{claim})."
    )


def _mistake_table(page: Page, scored: Scored, rows: NDArray[np.int64]) -> Table:
    cells: list[list[Cell]] = [
        [
            scored.part.where(row),
            page.labels[scored.labels[row]],
            page.labels[scored.predicted[row]],
            percent(float(scored.probabilities[row].max())),
            excerpt(scored.part.texts[row]),
        ]
        for row in rows.tolist()
    ]
    return Table(["where", "label", "predicted", "probability", "text"], cells, "The surest mistakes among the test texts")


def write_doubts(page: Page) -> None:
    """Rows of the validation and the test texts whose label is likely wrong."""
    if page.data is None:
        return
    page.report.heading("Labels that are likely wrong")
    labels = np.concatenate([scored.labels for scored in page.scored.values()])
    probabilities = np.concatenate([scored.probabilities for scored in page.scored.values()])
    doubts = likely_mislabelled(labels, probabilities)
    page.report.paragraph(
        f"Confident learning (arXiv:1911.00068) doubts {len(doubts.rows):,} of the {len(labels):,} validation and test labels, "
        f"and estimates that about {percent(doubts.share)} of all labels are wrong. Only texts that the model has not learned "
        "from can be judged; of these, the validation texts chose the epoch that was kept. A doubt is no proof: the model may "
        "be wrong, or the text may fit both classes."
    )
    rows = [
        _doubt_row(page, int(row), int(suggested))
        for row, suggested in zip(doubts.rows[:MOST_DOUBTS], doubts.suggested, strict=False)
    ]
    if rows:
        headers = ["where", "part", "label and its probability", "suggested", "text"]
        page.report.table(Table(headers, rows, f"The {len(rows)} most doubted labels"))


def _doubt_row(page: Page, row: int, suggested: int) -> list[Cell]:
    """What to show of a row, counted through all parts."""
    parts = iter(page.scored.items())
    name, scored = next(parts)
    while row >= len(scored.labels):
        row -= len(scored.labels)
        name, scored = next(parts)
    label, stated = int(scored.labels[row]), scored.probabilities[row]
    return [
        scored.part.where(row),
        name,
        f"{page.labels[label]} ({percent(float(stated[label]))})",
        f"{page.labels[suggested]} ({percent(float(stated[suggested]))})",
        excerpt(scored.part.texts[row]),
    ]
