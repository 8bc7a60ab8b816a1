"""Every setting of segmentation, and its presets."""

from __future__ import annotations

from typing import Any, Literal

from seodang.core.settings import Field, Settings, TrainingSettings

ModelName = Literal["unet", "unet-small"]


class DataSettings(Settings):
    """Data: which mask belongs to which image, and what it means."""

    masks: str | None = Field(None, description="folder of the masks, where it is not masks/ beside images/", is_path=True)
    class_names: tuple[str, ...] = Field((), description="names of the classes by rising value, the background first")
    ignored_value: int | None = Field(
        None, ge=0, le=16_777_215, description="value of mask pixels of which nothing is known; 255 behind class numbers"
    )


class ModelSettings(Settings):
    """The U-Net."""

    model: ModelName | None = Field(None, description="64 channels at the top, or fewer; unet-small on a CPU")
    base_channels: int | None = Field(
        None, ge=1, le=256, description="channels of the first level; doubled at every level, up to 512"
    )
    normalisation: Literal["image", "dataset"] | None = Field(
        None, description="scale each image by its own mean and deviation, or all by those of the training images"
    )
    depth: int | None = Field(None, ge=1, le=6, description="times height and width are halved")


class SegmentationTrainingSettings(TrainingSettings):
    """Training."""

    patch_size: int | None = Field(
        None, ge=16, le=2048, description="height and width of the pieces that are learned from, in pixels"
    )
    class_weights: bool | None = Field(
        None, description="let rare classes count more in the cross-entropy, by the root of how rare they are"
    )
    hard_images: float = Field(
        1.5, ge=0, le=4, description="how much oftener images come that are still badly segmented, as a power; 0: all alike"
    )
    steps: int | None = Field(None, ge=1, description="steps of the optimizer, if that is sooner than the end of all epochs")
    minutes: float | None = Field(
        None, gt=0, le=100_000, description="train for about so long; becomes a number of steps before the first one"
    )


class AugmentationSettings(Settings):
    """How far pieces stray from the images."""

    flips: bool = Field(True, description="mirror pieces, left to right and upside down")
    rotation: float = Field(180.0, ge=0, le=180, description="most degrees that pieces are turned, either way")
    scale: float = Field(1.4, ge=1, le=4, description="most times that pieces are enlarged or made smaller")
    elastic: float = Field(0.1, ge=0, le=1, description="how far pieces are bent, as a part of a quarter of their side")
    colour: float = Field(
        0.2, ge=0, le=2, description="how much light and contrast change, in standard deviations of the images"
    )
    noise: float = Field(0.1, ge=0, le=2, description="most noise that is added, in standard deviations of the images")


class PredictionSettings(Settings):
    """Prediction."""

    tile_size: int | None = Field(
        None, ge=32, le=8192, description="height and width of the tiles that large images are cut into"
    )
    mirror: bool = Field(True, description="read every image mirrored four ways and take the mean")


class SegmentationSettings(Settings):
    """Segmentation."""

    data: DataSettings = DataSettings()
    model: ModelSettings = ModelSettings()
    training: SegmentationTrainingSettings = SegmentationTrainingSettings()
    augmentation: AugmentationSettings = AugmentationSettings()
    prediction: PredictionSettings = PredictionSettings()


SETTINGS = SegmentationSettings


def smoke() -> dict[str, Any]:
    """The smallest network that still learns something, in seconds."""
    return {"base_channels": 8, "depth": 2, "patch_size": 32, "batch_size": 4, "epochs": 4, "mirror": False}


PRESETS = {"smoke": smoke}

READING = ("masks",)
FROM_FILES = True
PREDICTING = ("tile_size", "mirror")
DRAWINGS = {
    "out": "the mask, in the values or colours of the training masks",
    "overlay": "the image with the classes in colour over it",
    "confidence": "how sure each pixel is, white is certain",
}
