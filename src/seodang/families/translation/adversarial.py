"""The game of generator and discriminator: what each wants, and one kept still while the other learns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional

from seodang.families.translation.discriminator import PatchDiscriminator

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
