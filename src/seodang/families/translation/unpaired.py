"""How a generator of unpaired images learns: real to a discriminator, and piece by piece made of its source."""

from __future__ import annotations

import torch
from torch import Tensor

from seodang.core.device import Device
from seodang.families.translation.adversarial import Game, Rates, fooling_loss, telling_loss
from seodang.families.translation.batches import ImageBatch
from seodang.families.translation.contrast import PieceHeads, contrast_loss, draw_places
from seodang.families.translation.discriminator import PatchDiscriminator
from seodang.families.translation.resnet import TranslationResNet

Seen = tuple[Tensor, list[Tensor]]
"""Answers to sources and, after them, to targets; and the maps that the generator saw in both."""


class UnpairedLearner(Game):
    """CUT: Park, Efros, Zhang & Zhu 2020, arXiv:2007.15651. One generator, where CycleGAN needs one there and one back.

    Targets go through the generator too and must stay what they are, piece by piece, so that it changes no more than it must.

    Args:
        generator, discriminator: The networks; the discriminator judges an answer by itself.
        mean_target: The mean of all training targets, (channels, height, width), from -1 to 1; kept for measuring.
        rates: How all learn.
        device: Where to compute.
        contrast_weight: Of finding a piece of the source in the answer.
    """

    beside = "contrast"

    def __init__(
        self,
        generator: TranslationResNet,
        discriminator: PatchDiscriminator,
        mean_target: Tensor,
        rates: Rates,
        device: Device,
        *,
        contrast_weight: float,
    ) -> None:
        self.generator, self.contrast_weight = generator, contrast_weight
        self.heads = PieceHeads(generator.seen_channels).to(device.torch)
        super().__init__(generator, discriminator, mean_target, rates, device, self.heads)

    def translate(self, batch: ImageBatch) -> Seen:
        """Answers and what the generator saw."""
        return self.generator.translate(torch.cat([batch.sources, batch.targets]))

    def discriminator_loss(self, batch: ImageBatch, made: Seen) -> Tensor:
        """How badly targets are told from answers to sources."""
        return telling_loss(self.discriminator, batch.targets, made[0][: len(batch.sources)].detach())

    def generator_loss(self, batch: ImageBatch, made: Seen) -> tuple[Tensor, Tensor]:
        """Pieces not found again, and answers not taken for targets; and the first by itself."""
        answers, seen = made
        places = draw_places(seen)
        with torch.no_grad():
            known = self.heads(seen, places)
        contrast = contrast_loss(self.heads(self.generator.encode(answers), places), known)
        fooling = fooling_loss(self.discriminator, answers[: len(batch.sources)])
        return self.contrast_weight * contrast + self.rates.adversarial_weight * fooling, contrast
