"""The report: honest in its first sentence, complete, self-contained, and able to do without the data."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sentences

import seodang
from seodang.api import Run
from seodang.data.tables import LabelledTexts
from seodang.families.text.attribution import Contributions
from seodang.families.text.batches import EncodedTexts
from seodang.families.text.data import class_numbers
from seodang.families.text.explained import ExplainedText
from seodang.families.text.report import verdict
from seodang.families.text.report_data import cut_words, vocabulary_words
from seodang.families.text.report_examples import right_examples, shown_pieces, sum_words
from seodang.families.text.report_model import curves
from seodang.families.text.report_page import Scored, excerpt, percent

BAD = ("dull", "clumsy", "cold", "tired")
GOOD = ("lovely", "warm", "clever", "moving")
PLAIN = ("the", "film", "story", "<script>alert(1)</script>", "scene", "camera", "ending", "music")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A small run on texts that are easy, with some that repeat and one that is labelled wrong."""
    folder = tmp_path_factory.mktemp("report")
    random = np.random.default_rng(0)
    rows = []
    for number in range(240):
        words = [*random.choice((BAD, GOOD)[number % 2], 3), *random.choice(PLAIN, 6)]
        rows.append((" ".join(random.permutation(words)), ("negative", "positive")[number % 2]))
    rows += [(text + " again", label) for text, label in rows[:60]]
    rows[7] = (rows[7][0], "negative")
    with (folder / "reviews.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    return seodang.train(
        "text",
        folder / "reviews.csv",
        runs=folder / "runs",
        device="cpu",
        precision="f32",
        model="cnn",
        vocabulary_size=14,
        max_length=12,
        embedding_dim=16,
        filters=16,
        dense_size=16,
        epochs=8,
    )


def test_the_page_holds_everything_and_needs_nothing(run: Run) -> None:
    page = run.explain()
    html = page.read_text(encoding="utf-8")
    for heading in (
        "Result",
        "What is taken for what",
        "Each class",
        "Can its probabilities be believed?",
        "Short and long texts",
        "Which words decided",
        "Labels that are likely wrong",
        "Length of the texts",
        "Vocabulary",
        "Near-duplicates across the split",
        "Training",
        "The network",
        "Settings",
        "Environment",
        "Use it",
    ):
        assert f">{heading}</h" in html
    assert not re.search(r"(?:src|href)\s*=\s*[\"'](?!#|data:)", html)  # nothing is fetched from anywhere
    assert "<script" not in html
    assert "&lt;unknown&gt;" in html and "‹" in html
    assert "reviews.csv, row " in html and "seodang predict" in html
    pictures = {path.name for path in page.parent.glob("*.png")}
    assert {"confusion.png", "reliability.png", "lengths.png", "training.png", "network-cnn.png", "classes.png"} <= pictures


def test_without_the_data_it_says_what_it_lacks(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "_data", lambda: (_ for _ in ()).throw(seodang.core.errors.RunError("gone")))
    html = run.explain().read_text(encoding="utf-8")
    assert "are no longer at" in html and "bring the data back" in html
    assert "Confusion matrix of the test texts: 2 classes" in html
    assert "Which words decided" not in html and ">Vocabulary</h" in html


def evaluation(model: tuple[float, float, float], yardstick: tuple[float, float, float] | None = None) -> dict[str, Any]:
    def measure(value: float, low: float, high: float) -> dict[str, Any]:
        return {"accuracy": {"value": value, "low": low, "high": high}}

    beside = measure(*yardstick) if yardstick else {}
    return {"rows": 1000, "measures": measure(*model), "yardstick": beside, "yardstick_name": "n-grams"}


@pytest.mark.parametrize(
    "model, yardstick, expected",
    [
        ((0.90, 0.88, 0.92), (0.80, 0.78, 0.82), "The model is 10.0 points better than the yardstick."),
        ((0.80, 0.78, 0.82), (0.90, 0.88, 0.92), "The model is 10.0 points worse than the yardstick"),
        (
            (0.81, 0.79, 0.83),
            (0.80, 0.78, 0.82),
            "no better than the yardstick as far as these texts can tell: it is 1.0",
        ),
        ((0.80, 0.78, 0.82), (0.80, 0.78, 0.82), "it is equal to the yardstick, and chance alone can make 2.8 points"),
    ],
)
def test_the_verdict_claims_no_more_than_the_texts_show(
    model: tuple[float, float, float], yardstick: tuple[float, float, float], expected: str
) -> None:
    assert expected in verdict(evaluation(model, yardstick)).replace("\u00a0", " ")


def test_without_a_yardstick_the_verdict_is_the_accuracy() -> None:
    said = verdict(evaluation((0.9, 0.88, 0.92))).replace("\u00a0", " ")
    assert (
        said
        == "Of 1,000 test texts that it never saw, the model puts 90.0 % (95 % interval 88.0 % to 92.0 %) into the right class."
    )


def test_what_was_cut() -> None:
    texts = EncodedTexts.join([np.zeros(length, np.int32) for length in (2, 4, 6, 8)])
    said = cut_words(texts, 5, "words").replace("\u00a0", " ")
    assert (
        said == "50.0 % of the training texts are longer than the 5 words that are read; 20.0 % of all words lie behind that."
    )
    assert cut_words(texts, 8, "words") == "No training text is longer than the 8 words that are read."


def test_how_much_the_vocabulary_holds() -> None:
    counts = {"a": 5, "b": 2, "c": 1}
    assert vocabulary_words(["a", "b"], counts, "words").startswith("The 2 most frequent of 3 different words")
    assert "stands 2 times" in vocabulary_words(["a", "b"], counts, "words")
    assert vocabulary_words(["a", "b", "c"], counts, "words").startswith("All 3 different words")


def test_curves_are_read_off_the_metrics() -> None:
    rows = [
        {"kind": "step", "stage": "train", "step": 10, "epoch": 0.5, "rate": 1.0, "loss": 0.7},
        {"kind": "retry", "stage": "train", "step": 12, "cause": "the loss", "rate_scale": 0.25},
        {
            "kind": "evaluation",
            "stage": "train",
            "step": 20,
            "epoch": 1,
            "accuracy": 0.6,
            "validation_loss": 0.65,
            "is_best": True,
        },
    ]
    losses, measures = curves(rows)
    assert losses == {"training loss": ([0.5], [0.7]), "validation loss": ([1], [0.65])}
    assert measures == {"accuracy": ([1], [0.6])}


def scored(labels: list[int], second: list[float]) -> Scored:
    texts = [f"text {number}" for number in range(len(labels))]
    part = LabelledTexts(texts, [str(label) for label in labels], None, list(range(2, len(labels) + 2)), "reviews.csv")
    column = np.array(second, np.float32)
    return Scored(part, class_numbers(part.labels, ("0", "1")), np.stack([1 - column, column], 1))


def test_right_examples_take_turns_among_the_classes() -> None:
    found = right_examples(scored([1, 1, 1, 0, 0, 1], [0.9, 0.8, 0.99, 0.3, 0.9, 0.7]))
    assert found.tolist() == [2, 3, 0, 1]  # row 4 is wrong


def test_unknown_words_stand_in_angles_and_spaces_weigh_nothing() -> None:
    found = Contributions(np.array([1.0, -2.0]), 0.5, -0.5)
    explained = ExplainedText(("Good ", "grief!"), (True, False), found, unread=3)
    assert shown_pieces(explained) == [("Good", 1.0), (" ", 0.0), ("‹grief!›", -2.0), (" … 3 more not read", 0.0)]
    assert sum_words(explained) == "The words add -1.00 to the margin, which changes by -1.00 (gap 0.000)."


def test_percent_never_rounds_to_nothing_or_all() -> None:
    assert [percent(share).replace("\u00a0", " ") for share in (0, 0.0001, 0.5, 0.9999, 1)] == [
        "0.0 %",
        "<0.1 %",
        "50.0 %",
        ">99.9 %",
        "100.0 %",
    ]


def test_excerpt_is_one_line() -> None:
    assert excerpt("a\n b") == "a b"
    assert excerpt("word " * 100, 10) == "word word…"


def test_lengths_are_cut_where_the_networks_of_best_cut_them(tmp_path: Path) -> None:
    source = sentences.write(tmp_path / "rows.csv", sentences.sentences(120))
    run = sentences.train(source, tmp_path / "runs", epochs=1)
    page = run.explain().read_text(encoding="utf-8")
    assert "No training text is longer than the 1,000 words that are read. That holds for the networks" in page
    assert "n-grams, and a network that also knows what usually stands around each region of words" in page
