"""A trained generator, ready to make images, whatever computes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from seodang.core.device import Device
from seodang.core.errors import DataError
from seodang.core.values import Image, Refused, Seed
from seodang.data.records import listed
from seodang.families.gan.judging import Judges
from seodang.families.gan.making import Make, latents_of, shown
from seodang.families.gan.settings import GanSettings
from seodang.families.gan.training import classes_like


@dataclass(frozen=True)
class Networks:
    """What only PyTorch has of a run: the averaged generator, the discriminator, and the judges."""

    generator: nn.Module
    discriminator: nn.Module
    judges: Judges


@dataclass(frozen=True)
class GanPredictor:
    """What can answer for a trained model."""

    settings: GanSettings
    preprocessing: Mapping[str, Any]
    make: Make
    device: Device
    networks: Networks | None = None
    """None when an exported model computes."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """Of the classes that can be asked for; none of a model that is not conditional."""
        return tuple(self.preprocessing["class_names"]) if self.settings.data.conditional else ()

    def class_number(self, label: str) -> int:
        """Of a class by its name. Raises: DataError: There is no such class, or none can be asked for."""
        if not self.class_names:
            raise DataError(f"no class can be asked for, got {label!r}: this model was not trained on classes")
        if label not in self.class_names:
            raise DataError(f"there is no class {label!r}; the classes are {listed(self.class_names)}")
        return self.class_names.index(label)

    def images(self, seeds: Sequence[int], labels: Sequence[str] = ()) -> Tensor:
        """An image for each seed.

        Args:
            seeds: Where chance begins, for each image.
            labels: Classes, in turn; without, each seed has one of its own, as often as it was among the training images.

        Returns: (seeds, channels, size, size), uint8.
        Raises:  DataError: There is no such class.
        """
        return self.make(latents_of(list(seeds), self.settings.model.latent_dim), self.classes(seeds, labels))

    def classes(self, seeds: Sequence[int], labels: Sequence[str] = ()) -> Tensor | None:
        """Numbers of the classes of some images: those asked for, in turn, else of each seed its own; None without classes."""
        if labels:
            numbers = [self.class_number(label) for label in labels]
            return torch.tensor([numbers[place % len(numbers)] for place in range(len(seeds))])
        return classes_like(self.preprocessing, seeds) if self.class_names else None

    def predict(self, seeds: Sequence[Seed]) -> list[Image | Refused]:
        """An image for each seed."""
        answers: dict[int, Image | Refused] = {}
        classes: dict[int, int] = {}
        for place, seed in enumerate(seeds):
            try:
                found = self.classes([seed.number], [] if seed.label is None else [seed.label])
                classes[place] = 0 if found is None else int(found[0])
            except DataError as error:
                answers[place] = Refused(str(error))
        if classes:
            latents = latents_of([seeds[place].number for place in classes], self.settings.model.latent_dim)
            made = self.make(latents, torch.tensor(list(classes.values())) if self.class_names else None)
            answers |= {place: Image(pixels) for place, pixels in zip(classes, shown(made), strict=True)}
        return [answers[place] for place in range(len(seeds))]
