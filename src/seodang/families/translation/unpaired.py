"""How a generator of unpaired images learns: real to a discriminator, and piece by piece made of its source."""

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
from seodang.families.translation.contrast import PieceHeads, contrast_loss, draw_places
from seodang.families.translation.discriminator import PatchDiscriminator
from seodang.families.translation.resnet import TranslationResNet
from seodang.nn.averaging import Averaged


class UnpairedLearner(Learner):
    """CUT: Park, Efros, Zhang & Zhu 2020, arXiv:2007.15651. One generator, where CycleGAN needs one there and one back.

    Targets go through the generator too and must stay what they are, piece by piece, so that it changes no more than it must.

    Args:
        generator, discriminator: The networks; the discriminator judges an answer by itself.
        mean_target: The mean of all training targets, (channels, height, width), from -1 to 1; kept for measuring.
        learning_rate, weight_decay, clip_norm: Of all.
        contrast_weight: Of finding a piece of the source in the answer.
        adversarial_weight: Of what the discriminator says.
        device: Where to compute.
    """

    def __init__(
        self,
        generator: TranslationResNet,
        discriminator: PatchDiscriminator,
        mean_target: Tensor,
        *,
        learning_rate: float,
        weight_decay: float,
        clip_norm: float | None,
        contrast_weight: float,
        adversarial_weight: float,
        device: Device,
    ) -> None:
        self.generator, self.discriminator, self.mean_target = generator, discriminator, mean_target
        self.contrast_weight, self.adversarial_weight = contrast_weight, adversarial_weight
        self.heads = PieceHeads(generator.seen_channels).to(device.torch)
        self.averaged = Averaged(generator, AVERAGE_SHARE, AVERAGED_STEPS)
        # To name what is not finite.
        self.all = nn.ModuleDict({"generator": generator, "heads": self.heads, "discriminator": discriminator})
        self.stepper = Stepper(device, clip_norm, splittable=False)  # what the generator made serves both steps, as a whole
        # Fused, because the other variants round a process's first step differently, which would end exact resume.
        options: dict[str, Any] = {"lr": learning_rate, "betas": BETAS, "weight_decay": weight_decay, "fused": True}
        self.adam = {
            "generator": torch.optim.AdamW([*generator.parameters(), *self.heads.parameters()], **options),
            "discriminator": torch.optim.AdamW(discriminator.parameters(), **options),
        }
        self.contrast = torch.zeros(())
        self._made: tuple[Tensor, list[Tensor]] | None = None

    def modules(self) -> Mapping[str, nn.Module]:
        """All networks, and the generator with averaged weights."""
        return {
            "generator": self.generator,
            "averaged": self.averaged.mean,
            "discriminator": self.discriminator,
            "heads": self.heads,
        }

    def optimizers(self) -> Mapping[str, Optimizer]:
        """One for generator and heads, one for the discriminator."""
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
        """One step of the discriminator, then one of generator and heads, on answers that were computed once."""
        self.generator.train()
        try:
            of_discriminator = self.stepper.descend(batch, self._discriminator_loss, self.all, self.adam["discriminator"])
            with still(self.discriminator):
                of_generator = self.stepper.descend(batch, self._generator_loss, self.all, self.adam["generator"])
        finally:
            self._made = None
        self.averaged.count()
        return {"generator_loss": of_generator, "discriminator_loss": of_discriminator, "contrast": self.contrast}

    def _translate(self, batch: ImageBatch) -> tuple[Tensor, list[Tensor]]:
        """Answers to sources and, after them, to targets; and what the generator saw in both."""
        return self.generator.translate(torch.cat([batch.sources, batch.targets]))

    def _discriminator_loss(self, batch: ImageBatch) -> Tensor:
        made, seen = self._translate(batch)
        if torch.is_grad_enabled():  # and not looking for a fault
            self._made = made, seen
        return discriminator_loss(self.discriminator, batch.targets, made[: len(batch.sources)].detach())

    def _generator_loss(self, batch: ImageBatch) -> Tensor:
        made, seen = self._made if self._made is not None and torch.is_grad_enabled() else self._translate(batch)
        places = draw_places(seen)
        with torch.no_grad():
            known = self.heads(seen, places)
        contrast = contrast_loss(self.heads(self.generator.encode(made), places), known)
        self.contrast = contrast.detach()
        fooling = fooling_loss(self.discriminator, made[: len(batch.sources)])
        return self.contrast_weight * contrast + self.adversarial_weight * fooling
