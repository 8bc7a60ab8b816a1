"""Rows worth a second look: mistakes that the model is sure of, and labels that the model doubts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]
Probabilities = NDArray[np.float32]


@dataclass(frozen=True)
class Doubts:
    """Rows whose label is likely wrong, the likeliest first."""

    rows: Labels
    """(found,), places of the rows."""
    suggested: Labels
    """(found,), the class that each seems to be of."""
    share: float
    """Estimated share of wrong labels among all rows."""


def confident_mistakes(labels: Labels, probabilities: Probabilities, most: int = 10) -> Labels:
    """Rows predicted wrong, the surest first, (at most `most`,), int64.

    Args:
        labels: (rows,), int64, number of the true class.
        probabilities: (rows, classes), float32.
        most: Rows wanted.
    """
    wrong = np.flatnonzero(probabilities.argmax(1) != labels)
    return wrong[np.argsort(-probabilities[wrong].max(1), kind="stable")][:most]


def likely_mislabelled(labels: Labels, probabilities: Probabilities) -> Doubts:
    """Rows that the model, which must not have learned from them, puts into another class as surely as that class's own rows.

    Confident learning, Northcutt, Jiang & Chuang 2021, JAIR 70, arXiv:1911.00068: a class's threshold is the mean probability
    that its rows have for it (equation 2); a row is counted for the likeliest class among those whose threshold it reaches, and
    rows counted for another class than their label's (off the diagonal of the confident joint) are doubted. They stand in the
    order of their normalized margin, and the share of wrong labels is read off the calibrated joint (equation 3).

    Args:
        labels: (rows,), int64, number of the class that each row is labelled with.
        probabilities: (rows, classes), float32.
    """
    classes = probabilities.shape[1]
    counted = confident_classes(labels, probabilities)
    certain = np.flatnonzero(counted >= 0)
    joint = np.bincount(labels[certain] * classes + counted[certain], minlength=classes**2).reshape(classes, classes)
    rows = certain[counted[certain] != labels[certain]]
    own = probabilities[rows, labels[rows]]
    rest = probabilities[rows].copy()
    rest[np.arange(len(rows)), labels[rows]] = -1
    order = np.argsort(own - rest.max(1, initial=-1), kind="stable")
    return Doubts(rows[order], counted[rows[order]], _wrong_share(joint, np.bincount(labels, minlength=classes)))


def confident_classes(labels: Labels, probabilities: Probabilities) -> Labels:
    """The likeliest class of each row among those whose threshold it reaches, (rows,); -1 where it reaches none."""
    classes = probabilities.shape[1]
    rows_of = np.bincount(labels, minlength=classes)
    own = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    thresholds = np.full(classes, np.inf)  # a class without rows is nobody's
    np.divide(np.bincount(labels, own, classes), rows_of, out=thresholds, where=rows_of > 0)
    reached = np.where(probabilities >= thresholds, probabilities, -1)
    return np.where(reached.max(1) >= 0, reached.argmax(1), -1)


def _wrong_share(joint: Labels, rows_of: Labels) -> float:
    """Rows off the diagonal once each label's row of the joint is scaled to the rows that bear the label."""
    totals = joint.sum(1, keepdims=True)
    scaled = np.divide(joint * rows_of[:, None], totals, out=np.diag(rows_of).astype(np.float64), where=totals > 0)
    return float(1 - np.trace(scaled) / rows_of.sum())
