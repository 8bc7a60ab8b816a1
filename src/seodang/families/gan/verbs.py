"""What a GAN can do beside what all families can: make many images at once, and walk from one to the next."""

from __future__ import annotations

from seodang.core.settings import Field, Settings
from seodang.core.verb import Verb


class GenerateOptions(Settings):
    """Which images are made."""

    count: int = Field(64, ge=1, le=10_000, description="images in the grid")
    seed: int = Field(0, ge=0, lt=2**31, description="the same seed makes the same images")
    labels: tuple[str, ...] = Field((), description="classes to make, in turn; of a conditional model, all without")
    walk: int | None = Field(
        None,
        ge=2,
        le=1000,
        description="points of noise to walk through, as an animation back to the first; none: no walk",
    )
    steps: int = Field(12, ge=1, le=1000, description="images from one point of a walk to the next")
    separate: bool = Field(False, description="each image by itself instead of a grid: OUT names a folder")


VERBS = (
    Verb(
        "generate",
        "make images from noise, as a grid or as a walk",
        GenerateOptions,
        out="PNG file of the grid, GIF or MP4 file of the walk, or folder of the separate images",
    ),
)
