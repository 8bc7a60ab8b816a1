"""How word vectors learn: a compiled kernel writes two tables in place; no autograd, no optimizer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

from seodang.core.learner import BatchSource, Learner, Validation
from seodang.families.words.kernels import compiled_step, library
from seodang.families.words.sampling import Sampler
from seodang.families.words.tables import Block, StepSettings, Tables, torch_step


class WordsLearner(Learner):
    """Two tables and the sums that the loss of an epoch is made of."""

    def __init__(self, tables: Tables, settings: StepSettings, learning_rate: float) -> None:
        self.tables, self.settings, self.learning_rate = tables, settings, learning_rate
        self.epoch_sums = torch.zeros(2, dtype=torch.float64, device=tables.inputs.device)
        """Loss and pairs since the epoch began."""

    def modules(self) -> Mapping[str, nn.Module]:
        """None."""
        return {}

    def optimizers(self) -> Mapping[str, Optimizer]:
        """None: the step is the kernel's own."""
        return {}

    def tensors(self) -> dict[str, Tensor]:
        """The tables, and the sums of the loss."""
        return {"inputs": self.tables.inputs, "outputs": self.tables.outputs, "epoch_sums": self.epoch_sums}

    def update(self, batch: Block) -> dict[str, Tensor]:
        """One step; returns the mean loss of its pairs, float64."""
        rate = self.learning_rate * self.rate
        kernels = library() if batch.numbers.device.type == "cpu" else None
        if kernels is not None:
            loss = compiled_step(kernels, self.tables, batch, self.settings, rate)
        else:
            loss = torch_step(self.tables, batch, self.settings, rate)
        pairs = count_pairs(batch, self.settings.cbow).to(loss.device)
        self.epoch_sums += torch.stack([loss, pairs])
        return {"loss": loss / pairs.clamp(min=1)}


class BlockSource(BatchSource):
    """Stretches of the text in their order, each with the randomness of its step."""

    def __init__(self, numbers: NDArray[np.int32], sampler: Sampler, batch_size: int, device: torch.device) -> None:
        self.numbers, self.sampler, self.batch_size, self.device = numbers, sampler, batch_size, device

    def plan(self, seed: int, epoch: int) -> Sequence[int]:
        """Where each stretch begins."""
        return range(0, len(self.numbers), self.batch_size)

    def batch(self, work: int) -> Block:
        """The block of a stretch; `fit` has seeded PyTorch by the step, and so seeds NumPy's quicker generator."""
        random = np.random.Generator(np.random.SFC64(torch.initial_seed()))
        block = self.sampler.block(self.numbers[work : work + self.batch_size], random)
        return Block(*(tensor.to(self.device) for tensor in block))

    def rows(self, work: int) -> int:
        """Words of the stretch, those left out by chance among them."""
        return min(self.batch_size, len(self.numbers) - work)


class EpochLoss(Validation):
    """The mean loss of all pairs of an epoch, as it was when each was learned from."""

    monitor = "epoch_loss"
    higher_is_better = False

    def __init__(self, learner: WordsLearner) -> None:
        self.learner = learner

    def measure(self) -> dict[str, float]:
        """The mean; the sums begin anew."""
        loss, pairs = self.learner.epoch_sums.tolist()
        self.learner.epoch_sums.zero_()
        return {"epoch_loss": loss / max(pairs, 1.0)}


def count_pairs(block: Block, cbow: bool) -> Tensor:
    """Pairs that a block learns from, 0-d, float64: word and neighbour, or with CBOW word and window."""
    neighbours = (block.ends - block.begins - 1).double()
    return (neighbours > 0).double().sum() if cbow else neighbours.sum()


def mean_loss(tables: Tables, block: Block, settings: StepSettings) -> float:
    """The mean loss of a block's pairs; nothing is learned."""
    copy = replace(tables, inputs=tables.inputs.clone(), outputs=tables.outputs.clone())
    return float(torch_step(copy, block, settings, 0.0) / count_pairs(block, settings.cbow).clamp(min=1))
