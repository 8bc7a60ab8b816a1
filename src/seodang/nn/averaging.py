"""An average of a network's weights over its last steps: calmer than any of them where two networks chase each other."""

from __future__ import annotations

import copy
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

N = TypeVar("N", bound=nn.Module)
RECENT = 9  # looks back are about a tenth of all looks so far, until that is more than asked for


class Averaged(Generic[N]):
    """A copy of a network with the running mean of its weights.

    Yazıcı et al. 2019, "The Unusual Effectiveness of Averaging in GAN Training", arXiv:1806.04498. In the beginning, when the
    network is still bad, it looks back a tenth of the way. Buffers, such as the statistics of batch normalisation, are those
    of the network as it is.

    Args:
        network: The one that learns.
        kept: Share of the mean so far that stays at each look.
        every: Steps between two looks at the weights: each look reads all of them. Before the first, each step is looked at.
    """

    def __init__(self, network: N, kept: float, every: int = 1) -> None:
        self.network, self.kept, self.every = network, kept, every
        self.mean = copy.deepcopy(network).eval().requires_grad_(False)
        self.steps = 0

    def count(self) -> None:
        """A step was taken."""
        self.steps += 1
        looks, rest = divmod(self.steps, self.every)
        if rest and looks:
            return
        looks = looks or self.steps  # until the first look that is due: a short training would predict with what it began with
        share = min(self.kept, (looks - 1) / (looks + RECENT))
        now = [parameter.detach() for parameter in self.network.parameters()]
        means: list[Tensor] = list(self.mean.parameters())
        with torch.no_grad():
            torch._foreach_lerp_(means, now, 1 - share)
        for mine, present in zip(self.mean.buffers(), self.network.buffers(), strict=True):
            mine.copy_(present)
