"""How well people are told apart, as measures and tables; what `evaluate` prints and the report shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from seodang.core.family import Evaluation, Measure
from seodang.core.values import Table
from seodang.families.faces.engine.boxes import Floats
from seodang.metrics.classification import (
    accuracy,
    calibration_error,
    check_predictions,
    class_scores,
    confusion_matrix,
    macro_f1,
    reliability_bins,
)
from seodang.metrics.intervals import calibration_interval, macro_f1_interval, wilson_interval

Labels = NDArray[np.int64]


def evaluate_people(
    source: str,
    labels: Labels,
    probabilities: Floats,
    people: Sequence[str],
    yardstick_name: str = "",
    yardstick: Labels | None = None,
    notes: tuple[str, ...] = (),
) -> Evaluation:
    """Measures with 95 % intervals, beside the yardstick's, and tables that say where the model fails.

    Args:
        source: Where the faces come from, in words.
        labels: (faces,), int64, number of the true person.
        probabilities: (faces, people), float32, what the model says.
        people: Names, in the order of their numbers.
        yardstick_name: In words.
        yardstick: (faces,), whom the yardstick takes each face for.
        notes: To tell beside.

    Raises: ValueError: Labels and probabilities do not belong together.
    """
    check_predictions(labels, probabilities)
    predicted = probabilities.argmax(1)
    measures = answered(labels, predicted, len(people))
    error = Measure(calibration_error(labels, probabilities), *calibration_interval(labels, probabilities))
    return Evaluation(
        source=source,
        rows=len(labels),
        unit="faces",
        measures={**measures, "calibration_error": error},
        yardstick_name=yardstick_name,
        yardstick={} if yardstick is None else answered(labels, yardstick, len(people)),
        tables={
            "people": people_table(labels, predicted, people),
            "confusions": confused_table(labels, predicted, people),
            "confusion": confusion_table(labels, predicted, people),
            "reliability": reliability_table(labels, probabilities),
        },
        notes=notes,
    )


def answered(labels: Labels, predicted: Labels, people: int) -> Mapping[str, Measure]:
    """Accuracy and macro F1, each with its 95 % interval."""
    confusion = confusion_matrix(labels, predicted, people)
    return {
        "accuracy": Measure(accuracy(labels, predicted), *wilson_interval(int(np.trace(confusion)), len(labels))),
        "macro_f1": Measure(float(macro_f1(confusion)), *macro_f1_interval(confusion)),
    }


def people_table(labels: Labels, predicted: Labels, people: Sequence[str]) -> Table:
    """Each person, the hardest first: precision, recall, F1 and faces."""
    scores = class_scores(confusion_matrix(labels, predicted, len(people)))
    columns = (people, scores.precision.tolist(), scores.recall.tolist(), scores.f1.tolist(), scores.support.tolist())
    rows = sorted(zip(*columns, strict=True), key=lambda row: (row[4] == 0, row[3], row[0]))
    return Table(("person", "precision", "recall", "F1", "faces"), tuple(rows))


def confused_table(labels: Labels, predicted: Labels, people: Sequence[str]) -> Table:
    """Who was taken for whom, the most frequent first."""
    counts = confusion_matrix(labels, predicted, len(people))
    np.fill_diagonal(counts, 0)
    pairs = [(int(counts[true, taken]), int(true), int(taken)) for true, taken in np.argwhere(counts)]
    pairs.sort(key=lambda pair: (-pair[0], pair[1:]))
    return Table(("person", "taken for", "faces"), tuple((people[true], people[taken], count) for count, true, taken in pairs))


def confusion_table(labels: Labels, predicted: Labels, people: Sequence[str]) -> Table:
    """A row for each person, a column for each person that faces were taken for."""
    counts = confusion_matrix(labels, predicted, len(people)).tolist()
    return Table(("person", *people), tuple((name, *taken) for name, taken in zip(people, counts, strict=True)))


def reliability_table(labels: Labels, probabilities: Floats) -> Table:
    """How often predictions of about equal probability were right; bins without a face are left out."""
    bins = reliability_bins(labels, probabilities)
    columns = (bins.edges[:-1], bins.edges[1:], bins.counts, bins.confidence, bins.accuracy)
    rows = [row for row in zip(*(column.tolist() for column in columns), strict=True) if row[2]]
    return Table(("from", "to", "faces", "mean probability", "accuracy"), tuple(rows))
