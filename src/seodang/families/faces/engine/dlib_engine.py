"""The reference engine: dlib itself, its detectors, five landmarks and ResNet, as face_recognition uses them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from scipy.special import expit

from seodang.core.errors import MissingExtraError
from seodang.families.faces.engine import weights
from seodang.families.faces.engine.alignment import Chips
from seodang.families.faces.engine.boxes import Faces, Floats
from seodang.families.faces.engine.embedders import EMBEDDING_DIM
from seodang.families.faces.engine.engine import Engine, of_length_one
from seodang.families.faces.photos import RGB

Detector = Literal["hog", "mmod"]
CHIP_SIDE, PADDING = 150, 0.25  # as dlib's own examples align
UPSAMPLED = 1  # times that HOG sees the image doubled, as face_recognition asks
POINTS, MANY_POINTS = 5, 68


def open_dlib(detector: str) -> Engine:
    """dlib's engine, whose networks compute one thing at a time.

    Args: detector: "hog" or "mmod".
    Raises: MissingExtraError: dlib is not installed. MachineError: Weights cannot be fetched.
    """
    dlib = import_dlib()
    predictor = dlib.shape_predictor(str(weights.fetch(weights.FIVE_POINTS)))
    network = dlib.face_recognition_model_v1(str(weights.fetch(weights.RESNET)))
    look = mmod(dlib) if detector == "mmod" else hog(dlib)

    def find(pixels: RGB) -> Faces:
        boxes, scores = look(pixels)
        return Faces(boxes, _landmarks(dlib, predictor, pixels, boxes, POINTS), scores)

    def cut(pixels: RGB, faces: Faces) -> Chips:
        chips = [
            dlib.get_face_chip(pixels, _shape(dlib, *both), CHIP_SIDE, PADDING)
            for both in zip(faces.boxes, faces.landmarks, strict=True)
        ]
        return np.stack(chips) if chips else np.zeros((0, CHIP_SIDE, CHIP_SIDE, 3), np.uint8)

    def embed(chips: Chips) -> Floats:
        found = [np.asarray(network.compute_face_descriptor(chip), np.float32) for chip in chips]
        return of_length_one(np.stack(found) if found else np.zeros((0, EMBEDDING_DIM), np.float32))

    return Engine("dlib", find, cut, embed, 1, f"dlib, {detector}")


def import_dlib() -> Any:
    """The package. Raises: MissingExtraError: It is not installed."""
    try:
        import dlib
    except ImportError as error:
        raise MissingExtraError("Engine dlib is not installed: pip install 'seodang[dlib]'.") from error
    return dlib


def hog(dlib: Any) -> Callable[[RGB], tuple[Floats, Floats]]:
    """Histograms of oriented gradients: Dalal & Triggs 2005, CVPR."""
    detector = dlib.get_frontal_face_detector()

    def look(pixels: RGB) -> tuple[Floats, Floats]:
        found, scores, _ = detector.run(pixels, UPSAMPLED, 0.0)
        return _boxes(found), _squeezed(scores)

    return look


def mmod(dlib: Any) -> Callable[[RGB], tuple[Floats, Floats]]:
    """Max-margin object detection with a convolutional network: King 2015, arXiv:1502.00046."""
    detector = dlib.cnn_face_detection_model_v1(str(weights.fetch(weights.MMOD)))

    def look(pixels: RGB) -> tuple[Floats, Floats]:
        found = detector(pixels, UPSAMPLED)
        return _boxes([one.rect for one in found]), _squeezed([one.confidence for one in found])

    return look


def open_landmarks68() -> Callable[[RGB, Floats], Floats]:
    """What finds the 68 landmarks of each face, (faces, 68, 2); see `weights.SIXTY_EIGHT_POINTS` for the licence.

    Raises: MissingExtraError: dlib is not installed. MachineError: Weights cannot be fetched.
    """
    dlib = import_dlib()
    predictor = dlib.shape_predictor(str(weights.fetch(weights.SIXTY_EIGHT_POINTS)))
    return lambda pixels, boxes: _landmarks(dlib, predictor, pixels, boxes, MANY_POINTS)


def _landmarks(dlib: Any, predictor: Any, pixels: RGB, boxes: Floats, count: int) -> Floats:
    """(faces, count, 2): x, y of each."""
    found = np.zeros((len(boxes), count, 2), np.float32)
    for number, box in enumerate(boxes):
        shape = predictor(pixels, _rectangle(dlib, box))
        found[number] = [(point.x, point.y) for point in shape.parts()]
    return found


def _squeezed(confidences: Sequence[float]) -> Floats:
    """dlib's own confidences, which have no bounds, from 0 to 1 in the same order."""
    return np.asarray(expit(np.array(confidences, np.float32)))


def _boxes(rectangles: Any) -> Floats:
    edges = [(one.left(), one.top(), one.right() + 1, one.bottom() + 1) for one in rectangles]
    return np.array(edges, np.float32).reshape(-1, 4)


def _shape(dlib: Any, box: Floats, landmarks: Floats) -> Any:
    return dlib.full_object_detection(_rectangle(dlib, box), [dlib.point(int(x), int(y)) for x, y in landmarks])


def _rectangle(dlib: Any, box: Floats) -> Any:
    left, top, right, bottom = (round(float(edge)) for edge in box)
    return dlib.rectangle(left, top, right - 1, bottom - 1)
