"""How a generator of pairs learns: near the target in every pixel, and real to a discriminator that sees source and answer."""

from __future__ import annotations

import torch
from torch import Tensor

from seodang.core.device import Device
from seodang.families.translation.adversarial import Game, Rates, fooling_loss, telling_loss
from seodang.families.translation.batches import ImageBatch
from seodang.families.translation.discriminator import PatchDiscriminator
from seodang.families.translation.unet import TranslationUNet


class PairedLearner(Game):
    """pix2pix: Isola, Zhu, Zhou & Efros 2017, arXiv:1611.07004, with averaged weights.

    Args:
        generator, discriminator: The networks; the discriminator judges source and answer together.
        mean_target: The mean of all training targets, (channels, height, width), from -1 to 1; kept for measuring.
        rates: How both learn.
        device: Where to compute.
        l1_weight: Of the distance to the target.
    """

    beside = "l1"

    def __init__(
        self,
        generator: TranslationUNet,
        discriminator: PatchDiscriminator,
        mean_target: Tensor,
        rates: Rates,
        device: Device,
        *,
        l1_weight: float,
    ) -> None:
        super().__init__(generator, discriminator, mean_target, rates, device)
        self.generator, self.l1_weight = generator, l1_weight

    def translate(self, batch: ImageBatch) -> Tensor:
        """Answers to the sources."""
        made: Tensor = self.generator(batch.sources)
        return made

    def discriminator_loss(self, batch: ImageBatch, made: Tensor) -> Tensor:
        """How badly source and target are told from source and answer."""
        real = torch.cat([batch.sources, batch.targets], 1)
        return telling_loss(self.discriminator, real, torch.cat([batch.sources, made.detach()], 1))

    def generator_loss(self, batch: ImageBatch, made: Tensor) -> tuple[Tensor, Tensor]:
        """Far from the target, and not taken for it; and how far, as measures have it: of images from 0 to 1."""
        l1 = (made - batch.targets).abs().mean()
        fooling = fooling_loss(self.discriminator, torch.cat([batch.sources, made], 1))
        return self.l1_weight * l1 + self.rates.adversarial_weight * fooling, l1 / 2
