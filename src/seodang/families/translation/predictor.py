"""A trained model: from images to images, and what it is measured with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from seodang.core.errors import DataError
from seodang.core.values import Image, Refused
from seodang.data.image_inputs import image_pixels
from seodang.families.translation.data import Part
from seodang.families.translation.evaluation import INPUT, MEAN
from seodang.families.translation.judges import Judge
from seodang.families.translation.measures import Answers, input_itself, mean_target
from seodang.families.translation.prediction import Translator
from seodang.families.translation.settings import TranslationSettings


@dataclass(frozen=True)
class TranslationPredictor:
    """What can answer for a trained model, whatever computes it."""

    settings: TranslationSettings
    translator: Translator
    judge: Judge
    """The one that reports."""
    mean: Tensor
    """Of all training targets, (channels, height, width), from -1 to 1."""
    preprocessing: Mapping[str, Any]
    network: nn.Module | None = None
    """What computes; None when an exported model does."""

    @property
    def paired(self) -> bool:
        """Whether it learned from pairs."""
        return not self.settings.data.unpaired

    @property
    def yardsticks(self) -> dict[str, Answers]:
        """What a model must beat to earn its time, by name."""
        kinds = (self.translator.source_kind.channels, self.translator.target_kind.channels)
        itself = input_itself(*kinds)
        return {**({} if itself is None else {INPUT: itself}), MEAN: mean_target(self.mean)}

    def predict(self, image: Image) -> Image | Refused:
        """The answer to one image, in the image's size."""
        try:
            return Image(self.translator.pixels(image_pixels(image)))
        except DataError as error:
            return Refused(str(error).rstrip("."))

    def check(self, part: Part) -> None:
        """Raises: DataError: Other images are of another kind than those that were learned from."""
        own = (self.translator.source_kind, self.translator.target_kind)
        for called, found, learned in zip(("sources", "targets"), (part.source_kind, part.target_kind), own, strict=True):
            if found != learned:
                fix = "save them without transparency" if learned.lacks_transparency_of(found) else "save them like those"
                raise DataError(f"{called} have {found}, and those that were learned from {learned}; {fix}")
