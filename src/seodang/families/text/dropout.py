"""Dropout of whole words."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class WordDropout(nn.Module):
    """Leaves out whole words while training (Iyyer et al. 2015, "Deep averaging networks", ACL): their vectors become zero.

    A network cannot then lean on a single word, which the dropout of single numbers lets it do. Nothing is scaled.

    Args:
        p: Part of the words left out.
        numbers: How many of a place's numbers are the word's own; those behind them tell of its surroundings and stay.
    """

    def __init__(self, p: float, numbers: int) -> None:
        super().__init__()
        self.p, self.numbers = p, numbers

    def forward(self, embedded: Tensor) -> Tensor:
        """Word vectors, (batch, length, embedding_dim), some of them zero while training."""
        if not self.training:
            return embedded
        batch, length, numbers = embedded.shape
        words = embedded[:, :, : self.numbers] * (torch.rand(batch, length, 1, device=embedded.device) >= self.p)
        return words if numbers == self.numbers else torch.cat([words, embedded[:, :, self.numbers :]], 2)
