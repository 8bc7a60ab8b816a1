"""The gate of enrolment: a face that is too small, too blurred or turned too far would make a poor example, and is refused."""

from __future__ import annotations

import numpy as np

from seodang.families.faces.engine.alignment import cut_out
from seodang.families.faces.engine.boxes import Faces, Floats
from seodang.families.faces.engine.embedders import EMBEDDERS
from seodang.families.faces.photos import RGB

# Bounds by 2,245 photos of LFW: of each the worst are refused, 3 for their size, 1 for blur and 22 for their turn.
LEAST_EYES = 20.0  # pixels from eye to eye; an aligned chip has 35
LEAST_SHARPNESS = 0.09  # a face blurred by 2 pixels of 112 has 0.08 (median), one of LFW 0.30
MOST_TURN = 0.42  # the nose beside the middle of the eyes, in distances of the eyes; about 40 degrees
BORDER = 20  # pixels of the aligned face that may be background
GREY = (0.299, 0.587, 0.114)  # ITU-R BT.601
EYES_AND_NOSE = 3
DLIB_ORDER = ((2, 3), (0, 1), (4, 4))  # corners of the eye to the left in the image, of the other one, and the nose


def complaint(pixels: RGB, faces: Faces, engine: str) -> str:
    """Why the first of some faces should not be enrolled; nothing when it may be.

    Args:
        pixels: The photo, (height, width, 3).
        faces: Found in it.
        engine: Name of the engine that found them, whose landmarks they are.
    """
    points = eyes_and_nose(faces.landmarks[0], engine)
    eyes = float(np.hypot(*(points[1] - points[0])))
    if eyes < LEAST_EYES:
        return f"too small: its eyes are {eyes:.0f} pixels apart, at least {LEAST_EYES:.0f} are needed; take a closer photo"
    turn = turned(points)
    if abs(turn) > MOST_TURN:
        return f"turned too far to the side ({abs(turn):.3f}, at most {MOST_TURN}); take one from the front"
    sharpness = sharp(pixels, points)
    if sharpness < LEAST_SHARPNESS:
        return f"too blurred (sharpness {sharpness:.3f}, at least {LEAST_SHARPNESS}); take a sharper photo"
    return ""


def eyes_and_nose(landmarks: Floats, engine: str) -> Floats:
    """The middle of both eyes, and the nose, (3, 2).

    Args:
        landmarks: (5, 2), of a face.
        engine: Name of the engine whose landmarks they are.
    """
    if engine != "dlib":
        return landmarks[:EYES_AND_NOSE]
    return np.stack([landmarks[list(pair)].mean(0) for pair in DLIB_ORDER])


def turned(points: Floats) -> float:
    """How far the nose is beside the middle of the eyes, in distances of the eyes; 0 from the front.

    Args: points: (3, 2), both eyes and the nose.
    """
    across = points[1] - points[0]
    return float((points[2] - points[:2].mean(0)) @ across / (across @ across))


def sharp(pixels: RGB, points: Floats) -> float:
    """How strong fine detail is in the aligned face: the Laplacian's deviation by that of the light; higher is sharper.

    After Pech-Pacheco et al. 2000, "Diatom autofocusing in brightfield microscopy", ICPR; divided by the contrast, so that
    weak light is not taken for blur.

    Args:
        pixels: (height, width, 3).
        points: (3, 2), both eyes and the nose.
    """
    embedder = EMBEDDERS["sface"]
    one = Faces(np.zeros((1, 4), np.float32), points[None], np.ones(1, np.float32))
    light = cut_out(pixels, one, embedder.places[:EYES_AND_NOSE], embedder.side)[0].astype(np.float32) @ np.array(
        GREY, np.float32
    )
    inner = light[BORDER:-BORDER, BORDER:-BORDER]
    around = inner[:-2, 1:-1] + inner[2:, 1:-1] + inner[1:-1, :-2] + inner[1:-1, 2:]
    contrast = float(inner.std())
    return float((4 * inner[1:-1, 1:-1] - around).std()) / contrast if contrast > 0 else 0.0
