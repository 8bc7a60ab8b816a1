"""The data that a model was trained on: rows, classes, lengths, vocabulary, and texts that stand on two sides of the split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from seodang.data.duplicates import Pair, near_duplicates
from seodang.data.tables import LabelledTexts
from seodang.draw.charts import bars, histogram
from seodang.draw.table import Cell, Table
from seodang.families.text.batches import EncodedTexts
from seodang.families.text.best import member_settings
from seodang.families.text.data import TextData
from seodang.families.text.report_page import Page, excerpt, percent
from seodang.families.text.tokens import SPACE, SPECIAL, UNKNOWN

PARTS = ("train", "validation", "test")
NAMES = {"train": "training", "validation": "validation", "test": "test", "unlabelled": "unlabelled"}
MOST_BARS = 60
ENTRIES_IN_SIGHT, ENTRIES = 12, 200
MOST_PAIRS = 10
SIMILARITY = 0.8
EQUAL = 1.2  # classes that differ by less are called equally large


def write_data(page: Page) -> None:
    """Everything about the data; of data that are gone, what the run remembers."""
    page.report.heading("Data")
    facts = page.trained.run.read_json("environment.json")["data"]
    rows = facts["rows"]
    page.report.facts({f"{NAMES[name]} texts": count for name, count in rows.items()})
    page.data_notes(facts)
    if page.data is None:
        _write_remembered_classes(page, facts["classes"])
        _write_remembered_vocabulary(page)
        return
    _write_classes(page, page.data)
    _write_lengths(page, page.data)
    _write_vocabulary(page, page.data)
    _write_duplicates(page, page.data)


def _write_classes(page: Page, data: TextData) -> None:
    page.report.heading("Classes", level=3)
    counts = {name: Counter(data.parts[name].labels) for name in PARTS}
    total = sum(counts["train"].values())
    rows: list[list[Cell]] = [
        [label, *(counts[name][label] for name in PARTS), round(counts["train"][label] / total, 4)] for label in page.labels
    ]
    table = Table(["class", *PARTS, "share of training texts"], rows, "Texts of each class")
    if len(page.labels) <= MOST_BARS:
        picture = bars(
            {label: float(counts["train"][label]) for label in page.labels},
            title="Training texts of each class",
            value_label="texts",
        )
        page.picture("classes", picture, _balance(counts["train"]), table)
    else:
        page.report.table(table)


def _balance(counts: Counter[str]) -> str:
    """How unequal the classes are, in a sentence."""
    (most, high), (least, low) = counts.most_common()[0], counts.most_common()[-1]
    if high < EQUAL * low:
        return "The classes are about equally large."
    return f"The largest class, {most}, has {high / low:.1f} times the texts of the smallest, {least}."


def _write_remembered_classes(page: Page, counts: dict[str, int]) -> None:
    rows: list[list[Cell]] = [[label, count] for label, count in counts.items()]
    page.report.table(Table(["class", "training texts"], rows, "Texts of each class"))


def _write_lengths(page: Page, data: TextData) -> None:
    """Histogram of the training texts' lengths, where they are cut, and what that loses."""
    page.report.heading("Length of the texts", level=3)
    kind = page.predictor.vocabulary.kind
    settings = page.trained.settings
    reads_all = settings.model.model == "best"
    longest = (member_settings(settings) if reads_all else settings).tokens.max_length
    lengths = data.tokenised("train", kind).texts.lengths
    picture = histogram(
        lengths,
        title="Length of the training texts",
        x_label=kind,
        y_label="texts",
        markers={"median": float(np.median(lengths)), ("networks read" if reads_all else "cut at"): longest},
    )
    caption = cut_words(data.tokenised("train", kind).texts, longest, kind)
    if reads_all:
        caption += f" That holds for the networks; the n-grams take in all {kind}."
    page.picture("lengths", picture, caption)
    rows: list[list[Cell]] = []
    for name in PARTS:
        found = data.tokenised(name, kind).texts.lengths
        low, high = int(found.min()), int(found.max())
        lost = int(np.maximum(found - longest, 0).sum())
        share = round(float((found > longest).mean()), 4)
        rows.append(
            [name, low, float(np.median(found)), float(found.mean()), high, share, round(lost / max(found.sum(), 1), 4)]
        )
    headers = ["part", "shortest", "median", "mean", "longest", "share of texts cut", f"share of {kind} cut off"]
    page.report.table(Table(headers, rows))


def cut_words(texts: EncodedTexts, longest: int, kind: str) -> str:
    """How much of the texts lies behind the length that is read."""
    cut = texts.lengths > longest
    if not cut.any():
        return f"No training text is longer than the {longest:,} {kind} that are read."
    lost = np.maximum(texts.lengths - longest, 0).sum() / texts.lengths.sum()
    return (
        f"{percent(float(cut.mean()))} of the training texts are longer than the {longest:,} {kind} that are read; "
        f"{percent(float(lost))} of all {kind} lie behind that."
    )


def _write_vocabulary(page: Page, data: TextData) -> None:
    page.report.heading("Vocabulary", level=3)
    vocabulary = page.predictor.vocabulary
    tokenised = data.tokenised("train", vocabulary.kind)
    counts = dict(zip(tokenised.tokens, tokenised.counts().tolist(), strict=True))
    unknown = {name: _unknown_share(page, data, name) for name in PARTS}
    entries = vocabulary.tokens[len(SPECIAL) :]
    page.report.paragraph(vocabulary_words(entries, counts, vocabulary.kind))
    facts: dict[str, Cell] = {f"unknown in {NAMES[name]} texts": percent(share, 2) for name, share in unknown.items()}
    page.report.facts({"entries": len(entries), **facts})
    rows: list[list[Cell]] = [
        [str(number), _entry(vocabulary.tokens[number]), counts[vocabulary.tokens[number]]]
        for number in range(len(SPECIAL), min(len(vocabulary), ENTRIES))
    ]
    headers = ["number", "entry", "times in training texts"]
    page.report.table(Table(headers, rows[:ENTRIES_IN_SIGHT], "Most frequent entries"))
    page.report.table(Table(headers, rows, "Most frequent entries"))


def vocabulary_words(entries: Sequence[str], counts: Mapping[str, int], kind: str) -> str:
    """How much of the training texts' words the vocabulary holds, in sentences."""
    where = "The whole list, with each entry's number, is in the run's preprocessing.json."
    if len(entries) == len(counts):
        return f"All {len(entries):,} different {kind} of the training texts have a number. {where}"
    times = counts[entries[-1]]
    return (
        f"The {len(entries):,} most frequent of {len(counts):,} different {kind} have a number; the rarest of them stands "
        f"{'once' if times == 1 else f'{times:,} times'} in the training texts. All others are read as "
        f"{SPECIAL[UNKNOWN]}. {where}"
    )


def _unknown_share(page: Page, data: TextData, part: str) -> float:
    vocabulary = page.predictor.vocabulary
    numbers = data.tokenised(part, vocabulary.kind).number(vocabulary).numbers
    return float(np.mean(numbers == UNKNOWN)) if len(numbers) else 0.0


def _entry(token: str) -> str:
    return "(space)" if token == SPACE else token


def _write_remembered_vocabulary(page: Page) -> None:
    page.report.heading("Vocabulary", level=3)
    vocabulary = page.predictor.vocabulary
    entries = vocabulary.tokens[len(SPECIAL) :]
    page.report.paragraph(
        f"{len(entries):,} {vocabulary.kind} have a number, by falling frequency: {', '.join(map(_entry, entries[:30]))} ... "
        "The whole list is in the run's preprocessing.json."
    )


def _write_duplicates(page: Page, data: TextData) -> None:
    page.report.heading("Near-duplicates across the split", level=3)
    train, test = data.parts["train"], data.parts["test"]
    pairs = near_duplicates(train.texts, test.texts, SIMILARITY)
    if not pairs:
        page.report.paragraph(
            f"No test text nearly stands among the training texts: no pair shares {SIMILARITY:.0%} of its runs of words."
        )
        return
    page.report.paragraph(duplicate_words(pairs, train, test))
    shown = sorted(pairs, key=lambda pair: (train.labels[pair.i] == test.labels[pair.j], -pair.similarity, pair.j))
    rows: list[list[Cell]] = [
        [
            f"{pair.similarity:.0%}",
            train.where(pair.i),
            train.labels[pair.i],
            test.where(pair.j),
            test.labels[pair.j],
            excerpt(test.texts[pair.j]),
        ]
        for pair in shown[:MOST_PAIRS]
    ]
    headers = ["alike", "training text", "its label", "test text", "its label", "test text begins"]
    page.report.table(Table(headers, rows, f"{len(rows)} of {len(pairs):,} pairs, contradicting labels first"))


def duplicate_words(pairs: list[Pair], train: LabelledTexts, test: LabelledTexts) -> str:
    """How many test texts nearly stand among the training texts, in sentences."""
    equal = sum(pair.similarity == 1 for pair in pairs)
    contradict = sum(train.labels[pair.i] != test.labels[pair.j] for pair in pairs)
    return (
        f"{len(pairs):,} of {len(test.texts):,} test texts ({percent(len(pairs) / len(test.texts))}) nearly stand among the "
        f"training texts, {equal:,} of them word for word; a model can answer those from memory. "
        f"{contradict:,} bear another label there than here."
    )
