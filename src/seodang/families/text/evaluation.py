"""How well texts were classified, as measures and tables; what `evaluate` prints and the report shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from seodang.core.family import Evaluation, Measure
from seodang.core.values import Table
from seodang.data.splits import fold
from seodang.families.text.yardstick import NAME
from seodang.metrics.classification import (
    accuracy,
    calibration_error,
    check_predictions,
    class_scores,
    confusion_matrix,
    macro_f1,
    reliability_bins,
    roc_auc,
)
from seodang.metrics.intervals import calibration_interval, macro_f1_interval, roc_auc_interval, wilson_interval

Labels = NDArray[np.int64]
Probabilities = NDArray[np.float32]

LENGTH_SLICES = 4


def evaluate_texts(
    source: str,
    texts: Sequence[str],
    labels: Labels,
    label_names: Sequence[str],
    probabilities: Probabilities,
    lengths: Labels,
    training_texts: Sequence[str] = (),
    yardstick_probabilities: Probabilities | None = None,
) -> Evaluation:
    """Measures with 95 % intervals, beside the yardstick's, and tables that say where the model fails.

    Args:
        source: Where the texts come from, in words.
        texts: The texts, at least one.
        labels: (texts,), int64, number of the true class.
        label_names: Names of the classes in the order of their numbers.
        probabilities: (texts, classes), float32, what the model says.
        lengths: (texts,), int64, tokens of each text.
        training_texts: Texts that the model has seen; rows that repeat one are reported apart.
        yardstick_probabilities: (texts, classes), float32, what the yardstick says of the same texts.

    Raises: ValueError: Labels and probabilities do not belong together.
    """
    check_predictions(labels, probabilities)
    right = probabilities.argmax(1) == labels
    repeated = repeats(texts, training_texts)
    yardstick = {} if yardstick_probabilities is None else measures(labels, yardstick_probabilities)
    tables = {
        "confusion": confusion_table(labels, probabilities, label_names),
        "classes": class_table(labels, probabilities, label_names),
        "lengths": length_table(lengths, right),
        "reliability": reliability_table(labels, probabilities),
    }
    if repeated.any():
        tables["repeats"] = repeat_table(repeated, right, labels, yardstick_probabilities)
    return Evaluation(
        source=source,
        rows=len(labels),
        measures=measures(labels, probabilities),
        yardstick_name=NAME if yardstick else "",
        yardstick=yardstick,
        tables=tables,
        notes=_notes(labels, label_names, repeated),
    )


def measures(labels: Labels, probabilities: Probabilities) -> Mapping[str, Measure]:
    """Accuracy, macro F1, area under the ROC curve and calibration error, each with its 95 % interval."""
    predicted = probabilities.argmax(1)
    confusion = confusion_matrix(labels, predicted, probabilities.shape[1])
    return {
        "accuracy": Measure(accuracy(labels, predicted), *wilson_interval(int(np.trace(confusion)), len(labels))),
        "macro_f1": Measure(float(macro_f1(confusion)), *macro_f1_interval(confusion)),
        "roc_auc": Measure(roc_auc(labels, probabilities), *(roc_auc_interval(labels, probabilities) or (None, None))),
        "calibration_error": Measure(calibration_error(labels, probabilities), *calibration_interval(labels, probabilities)),
    }


def repeats(texts: Sequence[str], training_texts: Sequence[str]) -> NDArray[np.bool_]:
    """Which texts stand among the training texts, case and white space aside, (texts,)."""
    seen = {fold(text) for text in training_texts}
    return np.fromiter((fold(text) in seen for text in texts) if seen else (False for _ in texts), bool, len(texts))


def confusion_table(labels: Labels, probabilities: Probabilities, label_names: Sequence[str]) -> Table:
    """A row for each true class, a column for each class it was taken for."""
    counts = confusion_matrix(labels, probabilities.argmax(1), len(label_names)).tolist()
    return Table(("true class", *label_names), tuple((name, *taken) for name, taken in zip(label_names, counts, strict=True)))


def class_table(labels: Labels, probabilities: Probabilities, label_names: Sequence[str]) -> Table:
    """Precision, recall, F1 and support of each class."""
    scores = class_scores(confusion_matrix(labels, probabilities.argmax(1), len(label_names)))
    columns = (label_names, scores.precision.tolist(), scores.recall.tolist(), scores.f1.tolist(), scores.support.tolist())
    return Table(("class", "precision", "recall", "F1", "texts"), tuple(zip(*columns, strict=True)))


def length_table(lengths: Labels, right: NDArray[np.bool_]) -> Table:
    """Accuracy of short and long texts: quarters of the texts by their number of tokens, equal lengths together."""
    bounds = np.unique(np.quantile(lengths, np.linspace(0, 1, LENGTH_SLICES + 1)[1:], method="lower"))
    slices = np.searchsorted(bounds, lengths)
    rows = []
    for number in range(len(bounds)):
        inside = slices == number
        span = lengths[inside]
        rows.append((f"{span.min()}-{span.max()}", *_share_right(right[inside])))
    return Table(("tokens", "texts", "accuracy", "low", "high"), tuple(rows))


def reliability_table(labels: Labels, probabilities: Probabilities) -> Table:
    """How often predictions of about equal probability were right; bins without a text are left out."""
    bins = reliability_bins(labels, probabilities)
    columns = (bins.edges[:-1], bins.edges[1:], bins.counts, bins.confidence, bins.accuracy)
    rows = [row for row in zip(*(column.tolist() for column in columns), strict=True) if row[2]]
    return Table(("from", "to", "texts", "mean probability", "accuracy"), tuple(rows))


def repeat_table(
    repeated: NDArray[np.bool_], right: NDArray[np.bool_], labels: Labels, yardstick_probabilities: Probabilities | None
) -> Table:
    """Accuracy of the texts that repeat a training text, and of those that do not."""
    yardstick = None if yardstick_probabilities is None else yardstick_probabilities.argmax(1) == labels
    headers = ("texts that", "texts", "accuracy", "low", "high") + (() if yardstick is None else ("yardstick",))
    rows = []
    for name, inside in (("repeat a training text", repeated), ("do not", ~repeated)):
        if inside.any():
            beside = () if yardstick is None else (float(yardstick[inside].mean()),)
            rows.append((name, *_share_right(right[inside]), *beside))
    return Table(headers, tuple(rows))


def _share_right(right: NDArray[np.bool_]) -> tuple[int, float, float, float]:
    return len(right), float(right.mean()), *wilson_interval(int(right.sum()), len(right))


def _notes(labels: Labels, label_names: Sequence[str], repeated: NDArray[np.bool_]) -> tuple[str, ...]:
    notes = []
    present = np.bincount(labels, minlength=len(label_names)) > 0
    absent = [name for name, there in zip(label_names, present, strict=True) if not there]
    if absent:
        notes.append(f"No text here is of {', '.join(absent)}, so there is no area under the ROC curve.")
    if present.sum() == 1:
        only = label_names[int(present.argmax())]
        notes.append(f"All texts here are of {only}: accuracy is the share of them that is found, and tells nothing of others.")
    if repeated.any():
        notes.append(f"{int(repeated.sum()):,} of {len(repeated):,} texts repeat a training text; see the table of repeats.")
    return tuple(notes)
