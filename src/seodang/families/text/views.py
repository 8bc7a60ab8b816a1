"""Two-view embedding: regions of a few words, described by what usually stands around them.

Johnson & Zhang 2015, "Semi-supervised convolutional neural networks for text categorization via region embedding",
arXiv:1504.01255. A region that foretells its neighbours need not know any label, so texts without labels teach it as well; what
it has learned is handed to a classifier, which does not change it. Unlike there, the neighbours are told from words drawn at
random (Mikolov et al. 2013, arXiv:1310.4546) instead of from all words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

from seodang.core.learner import BatchSource, Learner
from seodang.data.sampling import shuffled_batches
from seodang.families.text.batches import EncodedTexts
from seodang.families.text.kernels.views import Regions, Views, learn_regions
from seodang.families.text.tokens import PADDING, SPECIAL

VIEWS = 2  # learned from different starts, each by a thread of its own
SIZE = 128
WIDTH, REACH = 5, 5  # words of a region, and how many before and after it are foretold
OTHERS = 10  # words drawn at random for each region
SAMPLE = 1e-4  # above this share of all words, a word is foretold the more seldom the more frequent it is
NOISE_POWER = 0.75  # words are drawn by their frequency to this power, as in arXiv:1310.4546
NOISE_PLACES = 1 << 20
RATE = 0.05
EPOCHS = 10
BATCH_TEXTS = 128
REGION_DROPOUT = 0.3
FIRST_BIAS = 0.05  # above 0, so that every number of a view has a slope to learn by
MIDDLE = WIDTH // 2
EDGE = MIDDLE + REACH


class RegionViews(nn.Module):
    """What is known of the region around each word; not trained any further.

    Args:
        inputs: (views, vocabulary, size), float32, what a word adds.
        bias: (views, size), float32.
    """

    inputs: Tensor
    bias: Tensor

    def __init__(self, inputs: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.register_buffer("inputs", inputs.transpose(0, 1).flatten(1), persistent=False)  # (vocabulary, views * size)
        self.register_buffer("bias", bias.flatten(), persistent=False)

    @property
    def channels(self) -> int:
        """Numbers for each place."""
        return len(self.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        """From tokens (batch, length) to (batch, length, channels), zero where a text has ended.

        While training some words are left out of all regions that they stand in.
        """
        read = tokens
        if self.training:
            read = tokens * (torch.rand(tokens.shape, device=tokens.device) >= REGION_DROPOUT)
        words = functional.pad(functional.embedding(read, self.inputs), (0, 0, MIDDLE, MIDDLE))
        length = tokens.shape[1]
        region = words[:, :length] + self.bias
        for place in range(1, WIDTH):
            region += words[:, place : place + length]  # in place, as below: so many numbers are slow to move
        return region.relu_().mul_((tokens != PADDING).unsqueeze(2))


class ViewLearner(Learner):
    """Views that learn by plain stochastic gradient descent, region by region."""

    def __init__(self, vocabulary_size: int) -> None:
        inputs = (torch.rand(VIEWS, vocabulary_size, SIZE) - 0.5) / SIZE
        inputs[:, : len(SPECIAL)] = 0
        self.views = Views(inputs, torch.zeros(VIEWS, 2 * vocabulary_size, SIZE), torch.full((VIEWS, SIZE), FIRST_BIAS))

    def modules(self) -> Mapping[str, nn.Module]:
        """None."""
        return {}

    def optimizers(self) -> Mapping[str, Optimizer]:
        """None."""
        return {}

    def tensors(self) -> dict[str, Tensor]:
        """The tables."""
        return self.views._asdict()

    def update(self, batch: Regions) -> dict[str, Tensor]:
        """Learn from the regions of some texts; returns the mean loss of a neighbour and the words drawn against it."""
        loss = learn_regions(self.views, batch, RATE * self.rate)
        return {"loss": loss / (batch.neighbours >= 0).sum().clamp(min=1)}


@dataclass(frozen=True)
class _Chances:
    """How likely a word is to be foretold, and which are drawn."""

    keep: NDArray[np.float32]
    """(vocabulary,)."""
    noise: NDArray[np.int32]
    """(NOISE_PLACES,), words in proportion to how often they are to be drawn."""

    @classmethod
    def of(cls, numbers: NDArray[np.int32], vocabulary_size: int) -> _Chances:
        counts = np.bincount(numbers, minlength=vocabulary_size).astype(np.float64)
        counts[: len(SPECIAL)] = 0
        shares = counts / max(counts.sum(), 1)
        keep = np.minimum(1, np.sqrt(SAMPLE / np.maximum(shares, SAMPLE)))
        drawn = np.cumsum((shares * keep) ** NOISE_POWER)
        places = (np.arange(NOISE_PLACES) + 0.5) / NOISE_PLACES * drawn[-1]
        return cls(keep.astype(np.float32), np.searchsorted(drawn, places).astype(np.int32))


class RegionSource(BatchSource):
    """Regions of texts, one around each word, with what stands around them and what is drawn against it.

    Args:
        texts: Numbers of the vocabulary.
        vocabulary_size: Entries of it, padding and unknown among them.
    """

    def __init__(self, texts: EncodedTexts, vocabulary_size: int) -> None:
        self.texts, self.vocabulary_size = texts, vocabulary_size
        self.chances = _Chances.of(texts.numbers, vocabulary_size)

    def plan(self, seed: int, epoch: int) -> Sequence[NDArray[np.int64]]:
        """Texts of each batch, in any order."""
        return shuffled_batches(len(self.texts), BATCH_TEXTS, seed, epoch)

    def batch(self, work: NDArray[np.int64]) -> Regions:
        """All regions of some texts; `fit` has seeded PyTorch by the step, and so seeds NumPy's quicker generator."""
        random = np.random.Generator(np.random.SFC64(torch.initial_seed()))
        line, places = self._line(work)
        words = line[places[:, None] + np.arange(-MIDDLE, MIDDLE + 1)]
        offsets = np.arange(MIDDLE + 1, EDGE + 1)
        around = line[places[:, None] + np.concatenate([-offsets, offsets])]
        side = np.repeat(np.array([0, self.vocabulary_size], np.int32), REACH)
        chosen = random.random((VIEWS, *around.shape), np.float32) < self.chances.keep[around]
        neighbours = np.where(chosen & (around > 0), around + side, np.int32(-1))
        drawn = self.chances.noise[random.integers(0, NOISE_PLACES, (VIEWS, len(places), OTHERS), np.int32)]
        drawn[:, :, 1::2] += self.vocabulary_size  # as many against the words behind as against those before
        return Regions(*(torch.from_numpy(np.ascontiguousarray(part)) for part in (words, neighbours, drawn)))

    def _line(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """The texts one behind another, zeros between them and for what has no vector, and the places of their words."""
        lengths = self.texts.lengths[rows]
        starts = EDGE + np.cumsum(lengths + EDGE) - lengths - EDGE
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        places = np.repeat(starts, lengths) + within
        line = np.zeros(EDGE + int((lengths + EDGE).sum()), np.int32)
        numbers = self.texts.numbers[np.repeat(self.texts.starts[rows], lengths) + within]
        line[places] = np.where(numbers < len(SPECIAL), 0, numbers)
        return line, places

    def rows(self, work: NDArray[np.int64]) -> int:
        """Texts in a batch."""
        return len(work)
