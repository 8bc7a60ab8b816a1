"""The game of generator and discriminator: what each wants, and one kept still while the other learns."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

from seodang.core.device import Device
from seodang.core.learner import Learner
from seodang.core.step import Stepper
from seodang.families.translation.batches import ImageBatch
from seodang.families.translation.discriminator import PatchDiscriminator
from seodang.nn.averaging import Averaged

BETAS = (0.5, 0.999)  # of Adam: Radford et al. 2016, arXiv:1511.06434, against swings of the game
AVERAGED_STEPS = 10  # between two looks at the weights: each looks at all of them
AVERAGE_SHARE = 0.99  # of the mean so far that stays at each look


@dataclass(frozen=True)
class Rates:
    """How both sides learn."""

    learning_rate: float
    weight_decay: float
    clip_norm: float | None
    adversarial_weight: float
    """Of what the discriminator says, in the generator's loss."""


class Game(Learner):
    """A generator with averaged weights against a discriminator; what else the generator wants is the subclass's own.

    Args:
        generator, discriminator: The networks.
        mean_target: The mean of all training targets, (channels, height, width), from -1 to 1; kept for measuring.
        rates: How both learn.
        device: Where to compute.
        heads: A network that learns together with the generator, if there is one.
    """

    beside: ClassVar[str]
    """Name of what the generator wants beside fooling the discriminator, as it is logged."""

    def __init__(
        self,
        generator: nn.Module,
        discriminator: PatchDiscriminator,
        mean_target: Tensor,
        rates: Rates,
        device: Device,
        heads: nn.Module | None = None,
    ) -> None:
        self.discriminator, self.mean_target, self.rates = discriminator, mean_target, rates
        self.averaged = Averaged(generator, AVERAGE_SHARE, AVERAGED_STEPS)
        makers = {"generator": generator} if heads is None else {"generator": generator, "heads": heads}
        self.all = nn.ModuleDict({**makers, "discriminator": discriminator})  # to name what is not finite
        self.stepper = Stepper(device, rates.clip_norm, splittable=False)  # what was made serves both steps, as a whole
        # Fused, because the other variants round a process's first step differently, which would end exact resume.
        options: dict[str, Any] = {"lr": rates.learning_rate, "betas": BETAS, "weight_decay": rates.weight_decay, "fused": True}
        sides = {"generator": nn.ModuleDict(makers), "discriminator": discriminator}
        self.adam = {name: torch.optim.AdamW(side.parameters(), **options) for name, side in sides.items()}
        self.wanted_beside = torch.zeros(())
        self.made: Any = None

    @abstractmethod
    def translate(self, batch: ImageBatch) -> Any:
        """What the generator makes of a batch, for both losses."""

    @abstractmethod
    def discriminator_loss(self, batch: ImageBatch, made: Any) -> Tensor:
        """How badly the discriminator does."""

    @abstractmethod
    def generator_loss(self, batch: ImageBatch, made: Any) -> tuple[Tensor, Tensor]:
        """How badly the generator does, and what `beside` names of it."""

    def modules(self) -> Mapping[str, nn.Module]:
        """All networks, and the generator with averaged weights."""
        return {**dict(self.all.items()), "averaged": self.averaged.mean}

    def optimizers(self) -> Mapping[str, Optimizer]:
        """One for each side."""
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
        self.all["generator"].train()
        try:
            of_discriminator = self.stepper.descend(batch, self._discriminator_loss, self.all, self.adam["discriminator"])
            with still(self.discriminator):
                of_generator = self.stepper.descend(batch, self._generator_loss, self.all, self.adam["generator"])
        finally:
            self.made = None
        self.averaged.count()
        return {"generator_loss": of_generator, "discriminator_loss": of_discriminator, self.beside: self.wanted_beside}

    def _discriminator_loss(self, batch: ImageBatch) -> Tensor:
        made = self.translate(batch)
        if torch.is_grad_enabled():  # and not looking for a fault
            self.made = made
        return self.discriminator_loss(batch, made)

    def _generator_loss(self, batch: ImageBatch) -> Tensor:
        made = self.made if self.made is not None and torch.is_grad_enabled() else self.translate(batch)
        loss, beside = self.generator_loss(batch, made)
        self.wanted_beside = beside.detach()
        return loss


def telling_loss(discriminator: PatchDiscriminator, real: Tensor, made: Tensor) -> Tensor:
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
