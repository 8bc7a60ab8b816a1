"""What generator and discriminator are after."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional


class Objective(Protocol):
    """The two losses; each is small where its network does well. Scores are logits, (batch,)."""

    name: str

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Loss of the discriminator, 0-d."""

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Loss of the generator, 0-d."""


class NonSaturating:
    """Each image is real or not, by itself.

    Goodfellow et al. 2014, arXiv:1406.2661: the generator makes its images more likely to be taken for real, instead of less
    likely to be found out, which would teach it nothing as long as it is bad.
    """

    name = "non-saturating"

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Cross-entropy of both kinds; 1.386, which is 2 ln 2, when it can only guess."""
        return functional.softplus(-real).mean() + functional.softplus(fake).mean()

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Cross-entropy of the wish that all are real; 0.693 when the discriminator can only guess."""
        return functional.softplus(-fake).mean()


class Relativistic:
    """Of a real image and a made one, which is the real one?

    Jolicoeur-Martineau 2019, "The relativistic discriminator", arXiv:1807.00734, in pairs: no score is high by itself, so the
    generator cannot win by one kind of image that scores well.
    """

    name = "relativistic"

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Cross-entropy of each pair; 0.693, which is ln 2, when it can only guess."""
        return functional.softplus(fake - real).mean()

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """The same the other way round."""
        return functional.softplus(real - fake).mean()


def gradient_penalty(scores: Tensor, images: Tensor) -> Tensor:
    """How steeply the score changes with the pixels: half the mean squared length of its gradient, 0-d.

    On real images it is R1 of Mescheder, Geiger & Nowozin 2018, "Which Training Methods for GANs do actually Converge?",
    arXiv:1801.04406; on made ones R2. Without them a discriminator that tells all apart leaves no slope to climb.

    Args:
        scores: (batch,), computed from the images.
        images: (batch, channels, height, width), which need their gradient.
    """
    (slopes,) = torch.autograd.grad(scores.float().sum(), images, create_graph=True)
    return slopes.float().square().sum((1, 2, 3)).mean() / 2
