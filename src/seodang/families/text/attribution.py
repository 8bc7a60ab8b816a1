"""Which words pushed a prediction: integrated gradients for networks, exact shares for linear models over n-grams."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seodang.families.text.batches import EncodedTexts, Padding
from seodang.families.text.head import TextNetwork, word_mask
from seodang.families.text.tokens import PADDING

Weights = NDArray[np.float64]

FIRST_PIECES = 32
MOST_GRADIENTS = 8192  # along one path; where they do not suffice, the gap says how far off the sum is
RELATIVE_TOLERANCE = 0.02  # the sum of all words may miss the change of the margin by one part in fifty,
ABSOLUTE_TOLERANCE = 0.001  # or by so little that no probability changes in its third digit
NUMBERS_AT_ONCE = 1 << 20  # of the vectors in one batch of points on the path


@dataclass(frozen=True)
class Contributions:
    """What each token of a text adds to the margin of a class.

    The margin is the logit of the class less the mean logit of the other classes; of two classes, the log-odds.
    """

    weights: Weights
    """(tokens,), float64, positive where a token speaks for the class."""
    start: float
    """The margin of the baseline, a text that says nothing."""
    end: float
    """The margin of the text."""

    @property
    def gap(self) -> float:
        """How far the sum of the tokens is from the change of the margin: 0 if nothing is lost (completeness)."""
        return abs(float(self.weights.sum()) - (self.end - self.start))

    @property
    def tolerance(self) -> float:
        """The gap that is allowed."""
        return max(RELATIVE_TOLERANCE * abs(self.end - self.start), ABSOLUTE_TOLERANCE)

    @property
    def complete(self) -> bool:
        """Whether the gap is small enough for the words to be believed."""
        return self.gap <= self.tolerance


def network_contributions(network: TextNetwork, text: EncodedTexts, padding: Padding, class_number: int) -> Contributions:
    """Integrated gradients of a class's margin over the word vectors of one text.

    The baseline has the padding vector in every word's place. Everything is computed in f32, with dropout switched off.

    Args:
        network: On any device; left in evaluation mode.
        text: One text.
        padding: How far the network's batches are padded.
        class_number: The class to explain.
    """
    network.eval()
    device = network.embedding.weight.device
    length = int(text.lengths[0])
    tokens = torch.from_numpy(text.padded(np.zeros(1, np.int64), padding.width(length))).to(device)
    lengths = torch.tensor([length], device=device)
    with torch.no_grad():
        vectors = network.embed(tokens)
        words = word_mask(lengths, tokens.shape[1]).unsqueeze(2)
        baseline = torch.where(words, network.embed(torch.full_like(tokens, PADDING)), vectors)

    def margin(points: Tensor) -> Tensor:
        return class_margin(network.score(points, lengths.expand(len(points))), class_number)

    whole = integrate(margin, baseline, vectors)
    return Contributions(whole.weights[:length], whole.start, whole.end)


def integrate(margin: Callable[[Tensor], Tensor], baseline: Tensor, vectors: Tensor) -> Contributions:
    """Integrated gradients: what each vector adds to a margin on the way from the baseline.

    Sundararajan, Taly & Yan 2017, "Axiomatic attribution for deep networks", arXiv:1703.01365. The path runs straight. Maximum
    pooling puts kinks into it, so its pieces are halved where the gradient at a piece's middle misses the change of the margin
    over the piece, until all misses together are within the tolerance.

    Args:
        margin: From (points, places, dim) to (points,); each point is a text.
        baseline: Where the path begins, (1, places, dim).
        vectors: Where it ends, (1, places, dim).
    """
    path = _Path(margin, baseline, vectors)
    points = np.linspace(0, 1, FIRST_PIECES + 1)
    margins = path.margins(points)
    pieces = _Pieces(points[:-1], points[1:], margins[:-1], margins[1:])
    total = Contributions(np.zeros(vectors.shape[1]), float(margins[0]), float(margins[-1]))
    settled_miss, gradients = 0.0, 0
    while len(pieces.low):
        at_middle, weights = path.gradients(pieces.middle)
        weights *= (pieces.high - pieces.low)[:, None]
        miss = np.abs(weights.sum(1) - (pieces.high_margin - pieces.low_margin))
        gradients += len(miss)
        settled = _settled(miss, total.tolerance - settled_miss) | (gradients >= MOST_GRADIENTS)
        total.weights[:] += weights[settled].sum(0)
        settled_miss += float(miss[settled].sum())
        pieces = pieces.halved(~settled, at_middle)
    return total


def ngram_contributions(length: int, places: Sequence[NDArray[np.int64]], values: Weights, start: float) -> Contributions:
    """The exact share of each token in a linear model over n-grams that counts each n-gram once a text.

    An n-gram's value is divided equally among the places where it stands, and there among its tokens.

    Args:
        length: Tokens of the text.
        places: For each order n from 1 the column of the n-gram that begins at each token, (length,), int64, -1 for none.
        values: What each column adds to the margin of the class in this text, (columns,), float64.
        start: The margin of a text without n-grams.
    """
    weights = np.zeros(length)
    times = np.bincount(np.concatenate([found[found >= 0] for found in places]), minlength=len(values))
    for order, found in enumerate(places, start=1):
        begins = np.flatnonzero(found >= 0)
        shares = values[found[begins]] / times[found[begins]] / order
        for offset in range(order):
            np.add.at(weights, begins + offset, shares)
    return Contributions(weights, start, start + float(values[times > 0].sum()))


def combined(parts: Iterable[tuple[float, Contributions]], bias: float = 0.0) -> Contributions:
    """The contributions to a weighted sum of margins plus a bias, from those to the margins of its parts."""
    weighted = list(parts)
    weights = np.sum([factor * part.weights for factor, part in weighted], axis=0)
    start = bias + sum(factor * part.start for factor, part in weighted)
    return Contributions(weights, start, bias + sum(factor * part.end for factor, part in weighted))


def class_margin(logits: Tensor, class_number: int) -> Tensor:
    """The logit of a class less the mean of the others', (batch,), from (batch, 1) or (batch, classes)."""
    if logits.shape[1] == 1:
        return logits.squeeze(1) if class_number == 1 else -logits.squeeze(1)
    others = (logits.sum(1) - logits[:, class_number]) / (logits.shape[1] - 1)
    return logits[:, class_number] - others


def _settled(miss: Weights, allowed: float) -> NDArray[np.bool_]:
    """Pieces that need no halving: all if their misses fit into what is allowed, else the best that fit into half of it."""
    if miss.sum() <= allowed:
        return np.ones(len(miss), bool)
    order = np.argsort(miss, kind="stable")
    settled = np.zeros(len(miss), bool)
    settled[order[np.cumsum(miss[order]) <= allowed / 2]] = True
    return settled


@dataclass(frozen=True)
class _Pieces:
    """Pieces of the path, each (pieces,): where they begin and end, and the margin at both ends."""

    low: Weights
    high: Weights
    low_margin: Weights
    high_margin: Weights

    @property
    def middle(self) -> Weights:
        return (self.low + self.high) / 2

    def halved(self, chosen: NDArray[np.bool_], middle_margin: Weights) -> _Pieces:
        """Both halves of the chosen pieces."""
        low, middle, high = self.low[chosen], self.middle[chosen], self.high[chosen]
        at_low, at_middle, at_high = self.low_margin[chosen], middle_margin[chosen], self.high_margin[chosen]
        return _Pieces(
            np.concatenate([low, middle]),
            np.concatenate([middle, high]),
            np.concatenate([at_low, at_middle]),
            np.concatenate([at_middle, at_high]),
        )


class _Path:
    """The straight line from the baseline (0) to a text (1)."""

    def __init__(self, margin: Callable[[Tensor], Tensor], baseline: Tensor, vectors: Tensor) -> None:
        self.margin, self.baseline, self.direction = margin, baseline, vectors - baseline
        self.points_at_once = max(1, NUMBERS_AT_ONCE // vectors.numel())

    def margins(self, points: Weights) -> Weights:
        """The margin at points of the path, (points,)."""
        with torch.no_grad():
            return _numbers([self.margin(self._vectors(some)) for some in self._parts(points)])

    def gradients(self, points: Weights) -> tuple[Weights, Weights]:
        """Margins, (points,), and how fast each place's vector raises the margin along the path, (points, places)."""
        margins, slopes = [], []
        # cuDNN computes no gradient of a recurrent layer in evaluation mode.
        with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
            for some in self._parts(points):
                vectors = self._vectors(some).requires_grad_()
                margin = self.margin(vectors)
                (gradient,) = torch.autograd.grad(margin.sum(), vectors)
                margins.append(margin.detach())
                slopes.append((gradient * self.direction).sum(2))
        return _numbers(margins), _numbers(slopes)

    def _parts(self, points: Weights) -> list[Tensor]:
        whole = torch.from_numpy(points).float().to(self.direction.device)
        return list(torch.split(whole, self.points_at_once))

    def _vectors(self, points: Tensor) -> Tensor:
        return self.baseline + points.view(-1, 1, 1) * self.direction


def _numbers(parts: list[Tensor]) -> Weights:
    numbers: Weights = torch.cat(parts).double().cpu().numpy()
    return numbers
