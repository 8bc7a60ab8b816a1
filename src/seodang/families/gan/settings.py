"""Every setting of GANs, and their presets."""

from __future__ import annotations

from typing import Any, Literal

from seodang.core.settings import Field, Settings, TrainingSettings

ModelName = Literal["r3gan", "dcgan", "dense"]
JudgeName = Literal["mnist", "own"]


class DataSettings(Settings):
    """Data: which images are learned from."""

    resize: int | None = Field(
        None,
        ge=28,
        le=128,
        description="height and width that images are cut square and scaled to, a multiple of 4; none: they are that alike",
    )
    colour: Literal["grey", "rgb"] | None = Field(None, description="read all images so; none: they are alike already")
    conditional: bool | None = Field(
        None, description="learn the classes of the images, so that one of them can be asked for; where there are some"
    )


class ModelSettings(Settings):
    """Generator and discriminator."""

    model: ModelName = Field("r3gan", description="relativistic and regularised, plain convolutions, or dense layers alone")
    latent_dim: int = Field(100, ge=1, le=4096, description="numbers of noise that an image is made from")
    base_channels: int | None = Field(
        None, ge=4, le=512, description="channels at half the size, doubled at every halving up to 512; units of dense layers"
    )


class GanTrainingSettings(TrainingSettings):
    """Training."""

    clip_norm: float | None = Field(None, gt=0, description="longest gradient; a longer one is scaled down; none: never")
    penalty: float = Field(
        1.0, ge=0, le=1000, description="how much steep discriminators cost, R1 and R2", read_by={"model": ("r3gan",)}
    )
    penalty_every: int = Field(
        16,
        ge=1,
        le=64,
        description="steps to the next penalty, which counts as many times",
        read_by={"model": ("r3gan",)},
    )
    averaging: float = Field(
        0.999, ge=0, lt=1, description="how much of the averaged generator each step keeps; 0: it is the generator itself"
    )
    mirror: bool = Field(False, description="show images mirrored, left to right, half of the time")
    freeze_discriminator: str | None = Field(
        None, is_path=True, description="run whose discriminator is taken as it is and never trained; none: it learns too"
    )
    steps: int | None = Field(None, ge=1, description="updates, if that is sooner than the end of all epochs")
    minutes: float | None = Field(
        None, gt=0, le=100_000, description="train for about so long; becomes a number of steps before the first one"
    )


class MeasuringSettings(Settings):
    """Measuring."""

    judge: JudgeName | None = Field(
        None, description="what measures: networks trained on MNIST that come along, or some trained on these images first"
    )
    judge_steps: int | None = Field(
        None, ge=1, le=100_000, description="steps of each judge that is trained first", read_by={"judge": ("own",)}
    )
    samples: int = Field(10_000, ge=50, le=100_000, description="images that are made and compared at the end, at most")
    watched_samples: int = Field(2500, ge=20, le=100_000, description="images that are made and compared after an epoch")


class GanSettings(Settings):
    """GAN."""

    data: DataSettings = DataSettings()
    model: ModelSettings = ModelSettings()
    training: GanTrainingSettings = GanTrainingSettings()
    measuring: MeasuringSettings = MeasuringSettings()


SETTINGS = GanSettings


def smoke() -> dict[str, Any]:
    """The smallest networks that still learn something, in seconds."""
    return {"base_channels": 8, "batch_size": 16, "epochs": 3, "samples": 100, "watched_samples": 50, "judge_steps": 6}


PRESETS = {"smoke": smoke}

READING = ("resize", "colour")
DRAWINGS = {"out": "PNG file of the image that the seed makes"}
