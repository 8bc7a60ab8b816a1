"""A linear model of n-grams: which stand in a text, each weighted by how much it tells of a class, in a logistic regression.

Wang & Manning 2012, "Baselines and bigrams: simple, good sentiment and topic classification", ACL, P12-2018, with logistic
regression in the place of the support vector machine and without interpolation: its probabilities are wanted too. Unlike there,
each text's row has length one: long texts weigh no more than short ones, and one penalty suits both.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from torch import Tensor

SMOOTHING = 1.0  # alpha of the paper
INVERSE_PENALTY = 10.0  # C of the logistic regression; the best on held-out texts of IMDB (other films) and of NSMC
TOLERANCE, MAX_ITERATIONS = 0.1, 50  # accuracy on held-out texts stops changing long before the last digits do


@dataclass(frozen=True)
class LinearModel:
    """Weights of n-grams, (features, scores): one score for two classes (of the second), else one a class."""

    ratios: NDArray[np.float64]
    """The naive-Bayes weight of each n-gram."""
    weights: NDArray[np.float64]
    """What the logistic regression makes of it."""
    bias: NDArray[np.float64]
    """(scores,)."""

    @classmethod
    def fit(cls, present: csr_matrix, targets: NDArray[np.float64]) -> LinearModel:
        """Learn one class against the rest for each score.

        Args:
            present: (texts, features), ones where an n-gram stands in a text.
            targets: (texts, classes), the probability of each class: 0 and 1 where the label is known. A text counts for a
                class the more, the surer it is whether it belongs to it.
        """
        scored = targets[:, 1:] if targets.shape[1] == 2 else targets
        ratios, weights, biases = zip(*(_fit_class(present, positive) for positive in scored.T), strict=True)
        return cls(np.stack(ratios, 1), np.stack(weights, 1), np.array(biases))

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> LinearModel:
        """The model that `to_tensors` gave."""
        return cls(*(tensors[name].double().numpy() for name in ("ratios", "weights", "bias")))

    def to_tensors(self) -> dict[str, Tensor]:
        """Everything there is to store, float32."""
        return {name: torch.from_numpy(getattr(self, name)).float() for name in ("ratios", "weights", "bias")}

    def scores(self, present: csr_matrix) -> NDArray[np.float64]:
        """Log-odds, (texts, scores), of texts by the n-grams present in them."""
        scores: NDArray[np.float64] = (present @ (self.ratios * self.weights)) / row_lengths(present, self.ratios) + self.bias
        return scores


def log_count_ratio(present: csr_matrix, positive: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much more of the class's n-grams each is than of the others', as a logarithm, (features,), float64.

    Equation 2 of the paper, with each n-gram counted once a text, in part where a text belongs to the class in part.
    """
    inside = SMOOTHING + present.T @ positive
    outside = SMOOTHING + present.T @ (1 - positive)
    ratio: NDArray[np.float64] = np.log(inside / inside.sum()) - np.log(outside / outside.sum())
    return ratio


def row_lengths(present: csr_matrix, ratio: NDArray[np.float64]) -> NDArray[np.float64]:
    """Euclidean length of each text's weighted row, 1 where nothing weighs; (texts,) or (texts, scores)."""
    lengths = np.sqrt(present @ ratio**2)
    return np.where(lengths > 0, lengths, 1.0)


def _fit_class(present: csr_matrix, positive: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Ratios, weights and bias of one class, whose probability for each text is given, against the rest."""
    inside = positive > 0.5
    if not present.shape[1] or not inside.any():
        nothing = np.zeros(present.shape[1])
        return nothing, nothing, _log_odds(inside)
    ratio = log_count_ratio(present, positive)
    scale = 1 / row_lengths(present, ratio)
    values = ratio[present.indices] * np.repeat(scale, np.diff(present.indptr))
    model = LogisticRegression(
        C=INVERSE_PENALTY, solver="liblinear", dual=True, tol=TOLERANCE, max_iter=MAX_ITERATIONS, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # see MAX_ITERATIONS
        rows = csr_matrix((values, present.indices, present.indptr), shape=present.shape)
        model.fit(rows, inside, sample_weight=np.abs(2 * positive - 1))
    return ratio, model.coef_[0], float(model.intercept_[0])


def _log_odds(positive: NDArray[np.bool_]) -> float:
    """All that is known of a class without n-grams: its share, smoothed."""
    return float(np.log((positive.sum() + SMOOTHING) / ((~positive).sum() + SMOOTHING)))
