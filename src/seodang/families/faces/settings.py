"""Every setting of training on people, and its presets."""

from __future__ import annotations

from typing import Any, Literal

from seodang.core.settings import Field, Settings, TrainingSettings

ModelName = Literal["head", "cnn"]
EmbedderName = Literal["sface", "resnet"]


class DataSettings(Settings):
    """Data: whose photos are learned from."""

    cut: bool = Field(True, description="find the face in each photo and cut it out; without, each photo is a face already")
    score: float = Field(0.6, ge=0.05, lt=1, description="the least that counts for a face, where faces are found")
    skip_bad_photos: bool = Field(False, description="leave out photos without one clear face, and damaged ones; counted")


class ModelSettings(Settings):
    """What tells people apart."""

    model: ModelName | None = Field(
        None, description="a head on embeddings of a network that knows faces, or a small network trained from nothing"
    )
    embedder: EmbedderName = Field(
        "sface", description="network that the head stands on; it is not trained", read_by={"model": ("head",)}
    )
    margin: float = Field(
        0.2, ge=0, le=1, description="how much nearer its own person each face must come", read_by={"model": ("head",)}
    )
    side: int = Field(64, ge=16, le=256, description="height and width of the faces, in pixels", read_by={"model": ("cnn",)})
    base_channels: int = Field(
        32, ge=4, le=256, description="channels at first; doubled at every halving", read_by={"model": ("cnn",)}
    )
    normalisation: Literal["batch", "group"] = Field(
        "batch", description="normalisation behind each convolution", read_by={"model": ("cnn",)}
    )
    dropout: float = Field(
        0.3, ge=0, lt=1, description="part of the features that is left out at random", read_by={"model": ("cnn",)}
    )


class AugmentationSettings(Settings):
    """How far faces stray from the photos."""

    mirror: bool = Field(True, description="mirror half of the faces, left to right", read_by={"model": ("cnn",)})
    shift: float = Field(
        0.05, ge=0, le=0.5, description="how far faces are moved, as a part of their side", read_by={"model": ("cnn",)}
    )
    turn: float = Field(8.0, ge=0, le=180, description="most degrees that faces are turned", read_by={"model": ("cnn",)})
    zoom: float = Field(
        1.1, ge=1, le=4, description="most times that faces are enlarged or reduced", read_by={"model": ("cnn",)}
    )
    light: float = Field(
        0.2, ge=0, le=2, description="how much light and contrast change, in standard deviations", read_by={"model": ("cnn",)}
    )


class FacesSettings(Settings):
    """Faces."""

    data: DataSettings = DataSettings()
    model: ModelSettings = ModelSettings()
    training: TrainingSettings = TrainingSettings()
    augmentation: AugmentationSettings = AugmentationSettings()


SETTINGS = FacesSettings


def smoke() -> dict[str, Any]:
    """The smallest network that still learns something, in seconds, on faces that are cut out already."""
    return {"cut": False, "model": "cnn", "side": 24, "base_channels": 8, "batch_size": 8, "epochs": 12}


PRESETS = {"smoke": smoke}

READING = ("skip_bad_photos",)
FROM_FILES = True
PREDICTING = ("score",)
DRAWINGS = {"out": "the photo with a box around each face, and who it is"}
