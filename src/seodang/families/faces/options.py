"""Every option of every tool, declared without anything heavy."""

from __future__ import annotations

from typing import Literal

from seodang.core.settings import Field, Settings

EngineName = Literal["sface", "resnet", "dlib"]


class EngineOptions(Settings):
    """What computes."""

    engine: EngineName = Field(
        "sface",
        description="sface: YuNet finds, SFace recognises; resnet: YuNet and the weights of dlib's ResNet; dlib: dlib itself",
    )
    detector: Literal["hog", "mmod"] = Field("hog", description="what finds faces with dlib", read_by={"engine": ("dlib",)})
    score: float = Field(
        0.6, ge=0.05, lt=1, description="the least that counts for a face", read_by={"engine": ("sface", "resnet")}
    )
    longest: int = Field(
        1280,
        ge=64,
        le=16_384,
        description="pixels of the longest side that is looked at; more finds smaller faces in large photos",
        read_by={"engine": ("sface", "resnet")},
    )
    runtime: Literal["openvino", "onnx"] | None = Field(
        None, description="what computes the networks; openvino where it is installed", read_by={"engine": ("sface", "resnet")}
    )
    precision: Literal["f32", "bf16"] | None = Field(
        None, description="bf16 where the processor multiplies it fast", read_by={"engine": ("sface", "resnet")}
    )
    threads: int | None = Field(None, ge=1, le=1024, description="photos that are worked on at once")


class GalleryOptions(Settings):
    """Which gallery."""

    gallery: str | None = Field(None, description="name of a gallery, folder of one, or postgresql://HOST/DATABASE")
    galleries: str = Field("galleries", description="folder of the galleries that are named without one")
    passphrase_file: str | None = Field(
        None, description="file whose first line is the passphrase of the gallery; none: the key is in the system's keyring"
    )


class DetectOptions(Settings):
    """Detection."""

    photos: tuple[str, ...] = Field((), description="photos and folders of photos")
    points68: bool = Field(
        False, description="dlib's 68 landmarks too; their licence excludes commercial use (seodang faces weights)"
    )
    computing: EngineOptions = EngineOptions()


class EnrollOptions(Settings):
    """Enrolment."""

    people: tuple[str, ...] = Field((), description="folder with a folder a person; with --name the photos of one person")
    name: str | None = Field(None, description="whose photos these are, where they are of one person")
    consent: str | None = Field(
        None,
        description="who agreed to be recognised, and how: kept, sealed, with the person",
        question="Who agreed to be recognised here, and how? (for example: Ada, in writing, 2026-11-29)",
    )
    retain_until: str | None = Field(
        None,
        description="day after which the person is to be forgotten, as 2027-12-31, or never",
        question="Until which day may the faces be kept? (as 2027-12-31, or never)",
    )
    skip_bad_photos: bool = Field(False, description="leave photos out that are refused, and say which, instead of stopping")
    known: GalleryOptions = GalleryOptions()
    computing: EngineOptions = EngineOptions()


class IdentifyOptions(Settings):
    """Identification."""

    photos: tuple[str, ...] = Field((), description="photos and folders of photos")
    false_match_rate: float = Field(
        0.01, gt=0, lt=1, description="part of strangers that may be taken for somebody of the gallery"
    )
    known: GalleryOptions = GalleryOptions()
    computing: EngineOptions = EngineOptions()


class VerifyOptions(Settings):
    """Verification."""

    photos: tuple[str, ...] = Field((), description="two photos")
    false_match_rate: float = Field(0.001, gt=0, lt=1, description="part of pairs of two people that may be taken for one")
    computing: EngineOptions = EngineOptions()


class ClusterOptions(Settings):
    """Clustering."""

    album: tuple[str, ...] = Field((), description="photos and folders of photos")
    out: str | None = Field(None, description="folder that is made, with a folder of faces a person")
    least_faces: int = Field(2, ge=1, le=1000, description="faces of somebody with a folder; all others share one")
    likeness: float | None = Field(None, gt=-1, lt=1, description="how alike the faces of one person are, by cosine")
    computing: EngineOptions = EngineOptions()


class RenameOptions(Settings):
    """Two names."""

    words: tuple[str, ...] = Field((), description="two names; without --gallery the folder that `cluster` made before them")
    known: GalleryOptions = GalleryOptions()


class SplitOptions(Settings):
    """A person of a sorted album who is several."""

    words: tuple[str, ...] = Field((), description="folder that `cluster` made, then the person: sorted/ 'person 3'")
    parts: int = Field(2, ge=2, le=1000, description="people that it is")
    computing: EngineOptions = EngineOptions()


class PeopleOptions(Settings):
    """People of a gallery."""

    words: tuple[str, ...] = Field((), description="names; people: all without")
    known: GalleryOptions = GalleryOptions()


class ForgetOptions(Settings):
    """Who is forgotten."""

    words: tuple[str, ...] = Field((), description="names")
    photo: str | None = Field(None, description="name of one photo, of which alone the face is forgotten")
    known: GalleryOptions = GalleryOptions()


class ReportOptions(Settings):
    """The report of a gallery."""

    known: GalleryOptions = GalleryOptions()


class PassphraseOptions(Settings):
    """Where a passphrase goes."""

    words: tuple[str, ...] = Field((), description="file that is made, which only its owner may read")


class NoOptions(Settings):
    """No options."""
