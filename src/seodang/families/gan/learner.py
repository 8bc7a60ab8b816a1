"""How the two learn: a step of the discriminator while the generator stands still, then one of the generator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from seodang.core.device import Device
from seodang.core.learner import Learner
from seodang.core.step import Stepper
from seodang.families.gan.model import Networks
from seodang.families.gan.objectives import NonSaturating, Objective, Relativistic, gradient_penalty
from seodang.nn.averaging import Averaged


class ImageBatch(NamedTuple):
    """Real images."""

    images: Tensor
    """(batch, channels, size, size), from -1 to 1, channels last in memory."""
    classes: Tensor
    """(batch,), int64."""


@dataclass(frozen=True)
class Rules:
    """How the two are set against each other."""

    objective: Objective
    betas: tuple[float, float]
    """Of Adam: how much of the gradient's mean and mean square each step keeps."""
    penalised: bool


RULES: Mapping[str, Rules] = {
    "dense": Rules(NonSaturating(), (0.5, 0.999), penalised=False),
    "dcgan": Rules(NonSaturating(), (0.5, 0.999), penalised=False),
    "r3gan": Rules(Relativistic(), (0.0, 0.99), penalised=True),
}


class GanLearner(Learner):
    """Generator, discriminator, and an average of the generators so far, which is the one that is kept.

    Args:
        networks: The two.
        rules: How they are set against each other.
        latent_dim: Numbers of noise.
        conditional: Whether both are told the class.
        rates: Highest learning rate and weight decay.
        averaging: How much of the average each step keeps.
        penalty, penalty_every: How much steep scores cost, and every how many steps.
        frozen: Whether the discriminator stays as it is.
    """

    def __init__(
        self,
        networks: Networks,
        rules: Rules,
        *,
        latent_dim: int,
        conditional: bool,
        learning_rate: float,
        weight_decay: float,
        clip_norm: float | None,
        averaging: float,
        penalty: float,
        penalty_every: int,
        frozen: bool,
        device: Device,
    ) -> None:
        self.generator, self.discriminator = networks
        self.averaged = Averaged(self.generator, averaging)
        self.rules, self.latent_dim, self.conditional = rules, latent_dim, conditional
        self.penalty, self.penalty_every = penalty, penalty_every
        self.frozen, self.device = frozen, device
        self.stepper = Stepper(device, clip_norm, splittable=False)  # images are compared within a batch

        def adam(network: nn.Module) -> Optimizer:
            # Fused, because the other variants round a process's first step differently, which would end exact resume.
            return torch.optim.AdamW(
                network.parameters(), lr=learning_rate, betas=rules.betas, weight_decay=weight_decay, fused=True
            )

        self.moves = {"generator": adam(self.generator)}
        if not frozen:
            self.moves["discriminator"] = adam(self.discriminator)
        self.real_scores = torch.zeros(0)  # of the discriminator's last step
        self.notes: dict[str, Tensor] = {}

    def modules(self) -> Mapping[str, nn.Module]:
        """Both, and the averaged generator."""
        return {"generator": self.generator, "discriminator": self.discriminator, "averaged": self.averaged.mean}

    def optimizers(self) -> Mapping[str, Optimizer]:
        """One for each that learns."""
        return self.moves

    def state(self) -> dict[str, Any]:
        """How many updates there were, which says when a penalty is due."""
        return {"updates": self.averaged.steps}

    def load_state(self, state: dict[str, Any]) -> None:
        """Take back what `state` gave."""
        self.averaged.steps = state["updates"]

    def update(self, batch: ImageBatch) -> dict[str, Tensor]:
        """One discriminator step, then one generator step (Goodfellow et al. 2014, algorithm 1), on the same made images."""
        for network in (self.generator, self.discriminator):
            network.train()
        with self.device.autocast():  # once for both steps: the generator does not change before its own
            fakes = self.make(batch)
        discriminator_loss = self.discriminator_step(batch, fakes.detach())
        generator_loss = self.generator_step(batch, fakes)
        self.averaged.count()
        losses = {"generator_loss": generator_loss, "discriminator_loss": discriminator_loss}
        return {**losses, **self.notes}

    def make(self, batch: ImageBatch) -> Tensor:
        """As many images as a batch has, of the same classes, from new noise: (batch, channels, size, size)."""
        latents = torch.randn(len(batch.images), self.latent_dim, device=batch.images.device)
        images: Tensor = self.generator(latents, self._told(batch)).float()
        return images

    def discriminator_step(self, batch: ImageBatch, fakes: Tensor) -> Tensor:
        """The discriminator learns to tell real from made; the generator does not change."""
        if self.frozen:
            with torch.no_grad(), self.device.autocast():
                self.real_scores = self._score(batch.images, batch)
                return self.rules.objective.discriminator(self.real_scores, self._score(fakes, batch))
        self.discriminator.requires_grad_(True)
        loss = partial(self._tell_apart, fakes=fakes)
        whole = self.stepper.descend(batch, loss, self.discriminator, self.moves["discriminator"])
        return whole - self.notes.get("penalty", 0.0)  # which is told by itself: it comes once in some steps alone

    def generator_step(self, batch: ImageBatch, fakes: Tensor) -> Tensor:
        """The generator learns through a discriminator that does not change: its images shall score higher.

        In pairs, higher than the real ones did in the discriminator's step just before: what they score after it would cost
        another pass through the discriminator, for a number that only weighs the pairs.
        """
        self.discriminator.requires_grad_(False)
        return self.stepper.descend(batch, partial(self._deceive, fakes=fakes), self.generator, self.moves["generator"])

    def _tell_apart(self, batch: ImageBatch, fakes: Tensor) -> Tensor:
        due = self.rules.penalised and self.penalty > 0 and self.averaged.steps % self.penalty_every == 0
        due = due and torch.is_grad_enabled()  # off while a faulty layer is looked for
        images = [one.detach().requires_grad_(due) for one in (batch.images, fakes)]
        # One kind after the other: batch normalisation must not mix them, and half as much fits a CPU's cache.
        real, fake = (self._score(one, batch) for one in images)
        self.real_scores = real.detach()
        loss = self.rules.objective.discriminator(real, fake)
        with torch.no_grad():
            self.notes["told_apart"] = (real > fake).float().mean()
        if self.rules.penalised:
            slopes = gradient_penalty(real, images[0]) + gradient_penalty(fake, images[1]) if due else torch.zeros_like(loss)
            # What is looked at once in k steps counts k times: Karras et al. 2020, arXiv:1912.04958, "lazy regularization".
            penalty = self.penalty * self.penalty_every * slopes
            self.notes["penalty"] = penalty.detach()
            loss = loss + penalty
        return loss

    def _deceive(self, batch: ImageBatch, fakes: Tensor) -> Tensor:
        if not torch.is_grad_enabled():  # a fault is looked for: in which layer of the generator?
            fakes = self.make(batch)
        return self.rules.objective.generator(self.real_scores, self._score(fakes, batch))

    def _score(self, images: Tensor, batch: ImageBatch) -> Tensor:
        scores: Tensor = self.discriminator(images, self._told(batch)).float()
        return scores

    def _told(self, batch: ImageBatch) -> Tensor | None:
        return batch.classes if self.conditional else None
