"""How a generator of pairs learns: near the target in every pixel, and real to a discriminator that sees source and answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from seodang.core.device import Device
from seodang.core.learner import Learner
from seodang.core.step import Stepper
from seodang.families.translation.adversarial import (
    AVERAGE_SHARE,
    AVERAGED_STEPS,
    BETAS,
    discriminator_loss,
    fooling_loss,
    still,
)
from seodang.families.translation.batches import ImageBatch
from seodang.families.translation.discriminator import PatchDiscriminator
from seodang.families.translation.unet import TranslationUNet
from seodang.nn.averaging import Averaged


class PairedLearner(Learner):
    """pix2pix: Isola, Zhu, Zhou & Efros 2017, arXiv:1611.07004, with averaged weights.

    Args:
        generator, discriminator: The networks; the discriminator judges source and answer together.
        mean_target: The mean of all training targets, (channels, height, width), from -1 to 1; kept for measuring.
        learning_rate, weight_decay, clip_norm: Of both.
        l1_weight: Of the distance to the target.
        adversarial_weight: Of what the discriminator says.
        device: Where to compute.
    """

    def __init__(
        self,
        generator: TranslationUNet,
        discriminator: PatchDiscriminator,
        mean_target: Tensor,
        *,
        learning_rate: float,
        weight_decay: float,
        clip_norm: float | None,
        l1_weight: float,
        adversarial_weight: float,
        device: Device,
    ) -> None:
        self.generator, self.discriminator, self.mean_target = generator, discriminator, mean_target
        self.l1_weight, self.adversarial_weight = l1_weight, adversarial_weight
        self.averaged = Averaged(generator, AVERAGE_SHARE, AVERAGED_STEPS)
        self.both = nn.ModuleDict({"generator": generator, "discriminator": discriminator})  # to name what is not finite
        self.stepper = Stepper(device, clip_norm, splittable=False)  # what the generator made serves both steps, as a whole
        # Fused, because the other variants round a process's first step differently, which would end exact resume.
        options: dict[str, Any] = {"lr": learning_rate, "betas": BETAS, "weight_decay": weight_decay, "fused": True}
        self.adam = {name: torch.optim.AdamW(self.both[name].parameters(), **options) for name in self.both}
        self.l1 = torch.zeros(())
        self._made: Tensor | None = None

    def modules(self) -> Mapping[str, nn.Module]:
        """Both networks, and the generator with averaged weights."""
        return {"generator": self.generator, "averaged": self.averaged.mean, "discriminator": self.discriminator}

    def optimizers(self) -> Mapping[str, Optimizer]:
        """One for each network."""
        return self.adam

    def tensors(self) -> dict[str, Tensor]:
        """What evaluation compares with."""
        return {"mean_target": self.mean_target}

    def state(self) -> dict[str, Any]:
        """Steps that the averaged weights have seen."""
        return {"averaged_steps": self.averaged.steps}

    def load_state(self, state: dict[str, Any]) -> None:
        """Take back what `state` gave."""
        self.averaged.steps = state["averaged_steps"]

    def update(self, batch: ImageBatch) -> dict[str, Tensor]:
        """One step of the discriminator, then one of the generator, on answers that were computed once."""
        self.generator.train()
        try:
            of_discriminator = self.stepper.descend(batch, self._discriminator_loss, self.both, self.adam["discriminator"])
            with still(self.discriminator):
                of_generator = self.stepper.descend(batch, self._generator_loss, self.both, self.adam["generator"])
        finally:
            self._made = None
        self.averaged.count()
        return {"generator_loss": of_generator, "discriminator_loss": of_discriminator, "l1": self.l1}

    def _discriminator_loss(self, batch: ImageBatch) -> Tensor:
        made = self.generator(batch.sources)
        if torch.is_grad_enabled():  # and not looking for a fault
            self._made = made
        real = torch.cat([batch.sources, batch.targets], 1)
        return discriminator_loss(self.discriminator, real, torch.cat([batch.sources, made.detach()], 1))

    def _generator_loss(self, batch: ImageBatch) -> Tensor:
        made = self._made if self._made is not None and torch.is_grad_enabled() else self.generator(batch.sources)
        l1 = (made - batch.targets).abs().mean()
        self.l1 = l1.detach() / 2  # as measures have it: of images from 0 to 1
        fooling = fooling_loss(self.discriminator, torch.cat([batch.sources, made], 1))
        return self.l1_weight * l1 + self.adversarial_weight * fooling
