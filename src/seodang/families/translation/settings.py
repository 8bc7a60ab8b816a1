"""Every setting of translation, and its presets."""

from __future__ import annotations

from typing import Any, Literal

from seodang.core.settings import Field, Settings, TrainingSettings

Direction = Literal["a-to-b", "b-to-a"]


class DataSettings(Settings):
    """Data: what is translated into what."""

    targets: str | None = Field(
        None, description="folder of the images that are the answers, where SOURCE holds only the others", is_path=True
    )
    direction: Direction = Field("a-to-b", description="a is left in strips and the first of two folders, b the other")
    unpaired: bool = Field(False, description="learn from two piles of images of which none belongs to another")
    resize: int | None = Field(
        None, ge=16, le=1024, description="cut the middle square out of every image and scale it to so many pixels; none: not"
    )


class ModelSettings(Settings):
    """The networks."""

    base_channels: int | None = Field(
        None, ge=4, le=256, description="channels of the first level of the generator; doubled at every level"
    )
    depth: int | None = Field(
        None, ge=1, le=8, description="times a generator of pairs halves height and width; sizes are multiples of 2 ** depth"
    )
    discriminator_channels: int | None = Field(None, ge=4, le=256, description="channels of the discriminator's first layer")
    discriminator_halvings: int | None = Field(
        None, ge=1, le=5, description="times it halves; three see 70 x 70 pixels, two 34 x 34, one 16 x 16"
    )
    dropout: float | None = Field(
        None, ge=0, le=0.9, description="part of the lowest channels that a generator of pairs does without while training"
    )


class LossSettings(Settings):
    """What is asked of the generator."""

    l1_weight: float | None = Field(None, ge=0, le=10_000, description="of the mean distance to the target; for pairs")
    adversarial_weight: float = Field(1.0, ge=0, le=1_000, description="of what the discriminator says")
    contrast_weight: float | None = Field(
        None, ge=0, le=1_000, description="of finding a piece of the source in the answer; for unpaired images"
    )


class TranslationTrainingSettings(TrainingSettings):
    """Training."""

    clip_norm: float | None = Field(None, gt=0, description="longest gradient; a longer one is scaled down; none: not")
    steps: int | None = Field(None, ge=1, description="steps, if that is sooner than the end of all epochs")
    minutes: float | None = Field(
        None, gt=0, le=100_000, description="train for about so long; becomes a number of steps before the first one"
    )
    judge_steps: int | None = Field(
        None, ge=1, le=100_000, description="steps of each judge, a network that learns to see the targets and then measures"
    )


class AugmentationSettings(Settings):
    """How far what is learned from strays from the images."""

    mirrored: bool = Field(True, description="mirror half of the images, left to right")
    enlarged: float = Field(1.12, ge=1, le=2, description="times that images are enlarged before a piece of their size is cut")


class PredictionSettings(Settings):
    """Prediction."""

    rescale: bool = Field(
        True, description="bring images to the scale of those learned from, where those were resized, and answers back"
    )


class TranslationSettings(Settings):
    """Translation."""

    data: DataSettings = DataSettings()
    model: ModelSettings = ModelSettings()
    loss: LossSettings = LossSettings()
    training: TranslationTrainingSettings = TranslationTrainingSettings()
    augmentation: AugmentationSettings = AugmentationSettings()
    prediction: PredictionSettings = PredictionSettings()


SETTINGS = TranslationSettings


def smoke() -> dict[str, Any]:
    """The smallest networks that still learn something, in seconds."""
    return {
        "base_channels": 8,
        "discriminator_channels": 8,
        "discriminator_halvings": 1,
        "batch_size": 4,
        "epochs": 3,
        "judge_steps": 4,
    }


PRESETS = {"smoke": smoke}

READING = ("targets", "direction")
FROM_FILES = True
PREDICTING = ("rescale",)
DRAWINGS = {"out": "the answer, with as many bits as the targets that were learned from"}
