"""What a model must beat to earn its time: the nearest mean of embeddings, or a linear model of pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seodang.families.faces.data import Part
from seodang.families.faces.embedding import embedded
from seodang.families.faces.engine.alignment import Chips
from seodang.families.faces.engine.engine import of_length_one
from seodang.families.faces.settings import FacesSettings

Labels = NDArray[np.int64]

SMALL_SIDE = 16  # of the faces whose pixels the linear model reads
RIDGE = 0.1  # of the penalty, as a part of the faces: pixels of a face tell much the same
NEAREST_MEAN = "the nearest mean of embeddings"
LINEAR = "ridge regression on 16 x 16 pixels"


def yardstick(parts: Sequence[Part], test: Part, settings: FacesSettings, people: int) -> tuple[str, Labels]:
    """Its name, and whom it takes each face of the test part for, (faces,).

    Args:
        parts: To learn from.
        test: To answer.
        settings: Say which embedder there is, if any.
        people: To tell apart.
    """
    labels = np.concatenate([part.labels for part in parts])
    if settings.model.model == "head":
        embedder = settings.model.embedder
        known = np.concatenate([embedded(part, embedder) for part in parts])
        sums = np.zeros((people, known.shape[1]), np.float32)
        np.add.at(sums, labels, known)
        return NEAREST_MEAN, (embedded(test, embedder) @ of_length_one(sums).T).argmax(1)
    known = np.concatenate([small_pixels(part.chips) for part in parts])
    return LINEAR, ridge(known, labels, small_pixels(test.chips), people)


def small_pixels(chips: Chips) -> NDArray[np.float64]:
    """Faces made small, each with zero mean and unit variance, (faces, pixels)."""
    size = (SMALL_SIDE, SMALL_SIDE)
    small = np.stack([np.asarray(Image.fromarray(one).resize(size, Image.Resampling.BOX)) for one in chips])
    flat = small.reshape(len(small), -1).astype(np.float64)
    flat -= flat.mean(1, keepdims=True)
    spread = flat.std(1, keepdims=True)
    scaled: NDArray[np.float64] = np.divide(flat, spread, out=np.zeros_like(flat), where=spread > 0)
    return scaled


def ridge(known: NDArray[np.float64], labels: Labels, asked: NDArray[np.float64], classes: int) -> Labels:
    """Classes of rows by ridge regression on indicators (Hoerl & Kennard 1970, Technometrics 12), (asked rows,).

    Args:
        known: (rows, features), to learn from.
        labels: (rows,), their classes.
        asked: (asked rows, features).
        classes: How many there are.
    """
    middle, targets = known.mean(0), np.eye(classes)[labels]
    rows, shares = known - middle, targets.mean(0)
    gram = rows.T @ rows + RIDGE * len(rows) * np.eye(rows.shape[1])
    weights = np.linalg.solve(gram, rows.T @ (targets - shares))
    found: Labels = ((asked - middle) @ weights + shares).argmax(1)
    return found
