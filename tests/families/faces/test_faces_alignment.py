"""Faces are turned, scaled and cut out as the formula says, and never mirrored."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from seodang.families.faces.engine.alignment import cut_out, inverse, similarity
from seodang.families.faces.engine.boxes import Faces
from seodang.families.faces.engine.embedders import EMBEDDERS

PLACES = EMBEDDERS["sface"].places


def one_face(landmarks: NDArray[np.float32]) -> Faces:
    return Faces(np.zeros((1, 4), np.float32), landmarks[None].astype(np.float32), np.ones(1, np.float32))


@pytest.mark.parametrize("degrees", [0, 30, -75, 180])
@pytest.mark.parametrize("scale", [0.3, 1.0, 4.0])
def test_a_known_turn_scale_and_shift_is_found_again(degrees: float, scale: float) -> None:
    angle = np.radians(degrees)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = PLACES @ turn.T + [7, -3]
    there = similarity(points.astype(np.float32), PLACES)
    np.testing.assert_allclose(points @ there[:, :2].T + there[:, 2], PLACES, atol=1e-3)
    back = inverse(there)
    np.testing.assert_allclose(PLACES @ back[:, :2].T + back[:, 2], points, atol=1e-2)


def test_a_mirrored_face_is_not_mirrored_back() -> None:
    mirrored = PLACES * np.array([-1, 1], np.float32)
    assert np.linalg.det(similarity(mirrored, PLACES)[:, :2]) > 0


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0, 8.0])
@pytest.mark.parametrize("degrees", [0, 40])
def test_landmarks_come_to_their_places(scale: float, degrees: float) -> None:
    """A spot painted where a landmark is in the photo lies at its place in the chip, whatever the photo's size and turn."""
    angle = np.radians(degrees)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    landmarks = (PLACES - 56) @ turn.T + 500
    rows, columns = np.mgrid[:1000, :1000]
    photo = np.zeros((1000, 1000, 3), np.uint8)
    spot = np.hypot(columns - landmarks[2, 0], rows - landmarks[2, 1]) < 2.5 * max(scale, 1)
    photo[spot] = 255
    chip = cut_out(photo, one_face(landmarks), PLACES, 112)[0].astype(float).mean(2)
    centre = np.array([(chip * axis).sum() / chip.sum() for axis in np.mgrid[:112, :112][::-1]])
    assert np.abs(centre - PLACES[2]).max() < 0.35  # of a pixel


def test_beyond_the_photo_a_chip_is_black() -> None:
    chip = cut_out(np.full((60, 60, 3), 200, np.uint8), one_face(PLACES - 60), PLACES, 112)[0]
    assert chip[:50].max() == 0 and chip.shape == (112, 112, 3)
    far = cut_out(np.full((60, 60, 3), 200, np.uint8), one_face(PLACES + 5000), PLACES, 112)[0]
    assert far.max() == 0


def test_nobody_gives_no_chips() -> None:
    nobody = Faces(np.zeros((0, 4), np.float32), np.zeros((0, 5, 2), np.float32), np.zeros(0, np.float32))
    assert cut_out(np.zeros((9, 9, 3), np.uint8), nobody, PLACES, 112).shape == (0, 112, 112, 3)
