"""The game of generator and discriminator: what each wants, one kept still while the other learns, and the mean of steps."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from seodang.families.translation.discriminator import PatchDiscriminator

G = TypeVar("G", bound=nn.Module)

BETAS = (0.5, 0.999)  # of Adam: Radford et al. 2016, arXiv:1511.06434, against swings of the game
AVERAGED_STEPS = 10  # between two looks at the weights: each looks at all of them
AVERAGE_SHARE = 0.99  # of the mean so far that stays at each look


def discriminator_loss(discriminator: PatchDiscriminator, real: Tensor, made: Tensor) -> Tensor:
    """How badly real pieces are told from made ones, in cross-entropy: Goodfellow et al. 2014, arXiv:1406.2661, halved.

    Both go through at once, which changes nothing: each image is normalised by itself.

    Args: real, made: (batch, channels, height, width), from -1 to 1.
    """
    of_real, of_made = discriminator(torch.cat([real, made])).float().chunk(2)
    return functional.softplus(-of_real).mean() / 2 + functional.softplus(of_made).mean() / 2


def fooling_loss(discriminator: PatchDiscriminator, made: Tensor) -> Tensor:
    """How badly made pieces pass for real: their cross-entropy, which does not flatten out when the discriminator is sure."""
    return functional.softplus(-discriminator(made).float()).mean()


@contextmanager
def still(module: nn.Module) -> Iterator[None]:
    """Compute through a module without a gradient of its own parameters."""
    module.requires_grad_(False)
    try:
        yield
    finally:
        module.requires_grad_(True)


class Averaged(Generic[G]):
    """A copy of a generator with the mean of its weights over about the last thousand steps.

    The game goes round and round; the mean of its weights is calmer than any of them. Yazıcı et al. 2019, "The Unusual
    Effectiveness of Averaging in GAN Training", arXiv:1806.04498. In the beginning it is the mean of all steps.

    Args: network: The generator that learns.
    """

    def __init__(self, network: G) -> None:
        self.network = network
        self.mean = copy.deepcopy(network).eval().requires_grad_(False)
        self.steps = 0

    def count(self) -> None:
        """A step was taken."""
        self.steps += 1
        looks, rest = divmod(self.steps, AVERAGED_STEPS)
        if rest:
            return
        share = min(AVERAGE_SHARE, (looks - 1) / looks)
        with torch.no_grad():
            for mean, now in zip(self.mean.parameters(), self.network.parameters(), strict=True):
                mean.lerp_(now, 1 - share)
