"""What word vectors are made of, and the step that improves them: once in PyTorch's operations, which also serve GPUs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad, softplus

TILE_WORDS = 8
"""Positions of the text that share their negatives."""
WAVE_WORDS = 1024
"""Positions that are computed against the same tables before any row moves."""
ROW_FLOATS = 16
"""Rows are filled with zeros to a multiple of this, so that every instruction set takes whole vectors; the zeros stay."""
# Corrections that a row may get from one wave at the full rate, and how much less far it goes for each more; see step.h.
FREE_PAIRS, DAMPING = 100.0, 0.3


class Block(NamedTuple):
    """The words of a step, with what chance has decided about them."""

    numbers: Tensor  # (words,), int32: the word at each position
    begins: Tensor  # (words,), int32: the window of p is begins[p] <= q < ends[p] without p itself
    ends: Tensor  # (words,), int32
    negatives: Tensor  # (tiles, shared), int32


@dataclass(frozen=True)
class StepSettings:
    """What a step minimises."""

    window: int
    negatives: int
    """Wrong words for each right one in the loss."""
    cbow: bool
    """The mean of the neighbours predicts the word; otherwise the word predicts each neighbour."""


@dataclass(frozen=True)
class Tables:
    """The vectors: `inputs` predict, `outputs` are predicted; both are changed in place.

    With character n-grams a word's vector is the sum of the input rows `parts[offsets[word]:offsets[word + 1]]`, divided by the
    square root of their number; without, it is the row of its own number.
    """

    inputs: Tensor  # (rows, width), float32
    outputs: Tensor  # (vocabulary, width), float32
    offsets: Tensor | None = None  # (vocabulary + 1,), int64
    parts: Tensor | None = None  # (sum of parts,), int32

    def rows_of(self, words: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Input rows of some words, (words,), int64.

        Returns: For every part of every word its place among the words, its input row, and its share in the vector.
        """
        if self.offsets is None or self.parts is None:
            return torch.arange(len(words), device=words.device), words, torch.ones(len(words), device=words.device)
        counts = self.offsets[words + 1] - self.offsets[words]
        places = torch.repeat_interleave(counts)
        firsts = self.offsets[words] - (counts.cumsum(0) - counts)
        rows = self.parts[torch.arange(len(places), device=words.device) + firsts[places]].long()
        return places, rows, counts[places].float().rsqrt()

    def vectors(self, words: Tensor) -> Tensor:
        """Vectors of some words, (words, width), float32."""
        places, rows, shares = self.rows_of(words)
        found = torch.zeros(len(words), self.inputs.shape[1], device=self.inputs.device)
        return found.index_add_(0, places, self.inputs[rows] * shares[:, None])


def row_width(dimensions: int) -> int:
    """Floats of a row that holds so many numbers."""
    return (dimensions + ROW_FLOATS - 1) // ROW_FLOATS * ROW_FLOATS


def torch_step(tables: Tables, block: Block, settings: StepSettings, rate: float) -> Tensor:
    """Learn from a block, in place.

    Skip-gram and CBOW with negative sampling, Mikolov et al. 2013, arXiv:1310.4546. Unlike there, `TILE_WORDS` positions share
    their negatives, each weighted so that a pair meets as many as asked for; a negative may be the right word, as in the loss
    that Levy & Goldberg 2014 analyse; and with CBOW the gradient is divided among the neighbours, as it is derived (Irsoy et
    al. 2021, arXiv:2012.15332).

    Returns: The sum of the loss over all pairs, 0-d, float64.
    """
    loss = torch.zeros((), dtype=torch.float64, device=tables.inputs.device)
    for first in range(0, len(block.numbers), WAVE_WORDS):
        loss += _Wave(tables, block, settings, first).learn(rate)
    return loss


class _Wave:
    """Some positions of a block: gradients against the tables as they are, then all of them added."""

    def __init__(self, tables: Tables, block: Block, settings: StepSettings, first: int) -> None:
        self.tables, self.block, self.settings = tables, block, settings
        self.last = min(first + WAVE_WORDS, len(block.numbers))
        place = tables.inputs.device
        self.places = torch.arange(first, self.last, device=place)
        self.words = block.numbers[first : self.last].long()
        steps = torch.arange(-settings.window, settings.window + 1, device=place)
        near = self.places[:, None] + steps
        # Which neighbours stand in each window, (wave, 2 * window + 1), and their words, 0 where there is none.
        self.stands = (
            (near >= block.begins[first : self.last, None]) & (near < block.ends[first : self.last, None]) & (steps != 0)
        )
        self.neighbours = block.numbers[near.clamp(0, len(block.numbers) - 1)].long()
        self.count = self.stands.sum(1).float()
        self.drawn = block.negatives[first // TILE_WORDS : -(-self.last // TILE_WORDS)].long()  # (tiles, shared)
        self.weight = settings.negatives / block.negatives.shape[1]

    def learn(self, rate: float) -> Tensor:
        """Update the tables; returns the loss, 0-d, float64."""
        return self._cbow(rate) if self.settings.cbow else self._skip_gram(rate)

    def _skip_gram(self, rate: float) -> Tensor:
        hidden = self.tables.vectors(self.words)
        rows = self.tables.outputs[self.neighbours]
        scores = torch.einsum("wd,wnd->wn", hidden, rows)
        errors = torch.sigmoid(-scores) * self.stands
        loss = (softplus(-scores) * self.stands).double().sum()
        gradients = torch.einsum("wn,wnd->wd", errors, rows)
        more, against, negative_loss = self._negatives(hidden, self.count)
        masses = self._masses()
        _add(
            self.tables.outputs,
            self.neighbours[self.stands],
            (errors[..., None] * hidden[:, None])[self.stands],
            masses[1],
            rate,
        )
        _add(self.tables.outputs, self.drawn.flatten(), against, masses[1], rate)
        self._add_inputs(self.words, gradients + more, masses[0], rate)
        return loss + negative_loss

    def _cbow(self, rate: float) -> Tensor:
        present = (self.count > 0).float()
        share = self.stands / self.count.clamp(min=1)[:, None]
        vectors = self.tables.vectors(self.neighbours.flatten()).view(*self.neighbours.shape, -1)
        hidden = torch.einsum("wn,wnd->wd", share, vectors)
        rows = self.tables.outputs[self.words]
        scores = (hidden * rows).sum(1)
        errors = torch.sigmoid(-scores) * present
        loss = (softplus(-scores) * present).double().sum()
        more, against, negative_loss = self._negatives(hidden, present)
        gradients = errors[:, None] * rows + more
        masses = self._masses()
        _add(self.tables.outputs, self.words, errors[:, None] * hidden, masses[1], rate)
        _add(self.tables.outputs, self.drawn.flatten(), against, masses[1], rate)
        self._add_inputs(self.neighbours[self.stands], (share[..., None] * gradients[:, None])[self.stands], masses[0], rate)
        return loss + negative_loss

    def _negatives(self, hidden: Tensor, pairs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What the negatives add to the gradients of the hidden vectors, their own gradients, and their loss."""
        missing = len(self.drawn) * TILE_WORDS - len(hidden)
        tiled = pad(hidden, (0, 0, 0, missing)).view(len(self.drawn), TILE_WORDS, -1)
        weights = pad(pairs, (0, missing)).view(len(self.drawn), TILE_WORDS, 1) * self.weight
        rows = self.tables.outputs[self.drawn]
        scores = tiled @ rows.transpose(1, 2)
        errors = -weights * torch.sigmoid(scores)  # (tiles, TILE_WORDS, shared)
        loss = (weights * softplus(scores)).double().sum()
        return (errors @ rows).flatten(0, 1)[: len(hidden)], (errors.transpose(1, 2) @ tiled).flatten(0, 1), loss

    def _masses(self) -> tuple[Tensor, Tensor]:
        """Corrections that each input row, (rows,), and each output row, (vocabulary,), gets in this wave, in pairs."""
        inputs, outputs = self.tables.inputs, self.tables.outputs
        places, rows, _ = self.tables.rows_of(self.words)
        gained = inputs.new_zeros(len(inputs)).index_add_(0, rows, self.count[places] * (1 + self.settings.negatives))
        predicted = outputs.new_zeros(len(outputs)).index_add_(0, self.words, self.count)
        lump = torch.full((self.drawn.numel(),), TILE_WORDS * (self.settings.window + 1) * self.weight, device=outputs.device)
        return gained, predicted.index_add_(0, self.drawn.flatten(), lump)

    def _add_inputs(self, words: Tensor, gradients: Tensor, masses: Tensor, rate: float) -> None:
        places, rows, shares = self.tables.rows_of(words)
        _add(self.tables.inputs, rows, gradients[places] * shares[:, None], masses, rate)


def _add(table: Tensor, rows: Tensor, gradients: Tensor, masses: Tensor, rate: float) -> None:
    """Move rows along their gradients, those less far that get many corrections at once."""
    rates = rate / (1 + rate * DAMPING * (masses[rows] - FREE_PAIRS).clamp(min=0))
    table.index_add_(0, rows, gradients * rates[:, None])
