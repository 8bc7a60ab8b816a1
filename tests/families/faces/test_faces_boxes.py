"""Overlaps and repeats, worked out by hand; what YuNet's raw answers mean."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from seodang.families.faces.engine.boxes import Faces, overlaps, without_repeats
from seodang.families.faces.engine.yunet import STRIDES, find_faces

Floats = NDArray[np.float32]


def faces(boxes: list[list[float]], scores: list[float]) -> Faces:
    count = len(boxes)
    return Faces(np.array(boxes, np.float32).reshape(-1, 4), np.zeros((count, 5, 2), np.float32), np.array(scores, np.float32))


def test_an_overlap_is_what_is_shared_by_what_either_covers() -> None:
    one = np.array([[0, 0, 10, 10]], np.float32)
    others = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [5, 5, 15, 15], [10, 0, 20, 10], [3, 3, 3, 9]], np.float32)
    np.testing.assert_allclose(overlaps(one, others), [[1, 50 / 150, 25 / 175, 0, 0]], rtol=1e-6)


def test_of_boxes_around_one_face_the_likeliest_is_kept() -> None:
    found = without_repeats(faces([[0, 0, 10, 10], [1, 0, 11, 10], [30, 0, 40, 10]], [0.7, 0.9, 0.8]), 0.3)
    np.testing.assert_array_equal(found.boxes[:, 0], [1, 30])
    np.testing.assert_allclose(found.scores, [0.9, 0.8])


def test_nobody_is_no_error() -> None:
    assert len(without_repeats(faces([], []), 0.3).boxes) == 0


def answering(stride: int, row: int, column: int, box: list[float], points: list[float], score: float) -> object:
    """A network that sees one face, in one cell."""

    def compute(image: Floats) -> Mapping[str, Floats]:
        answers: dict[str, Floats] = {}
        for one in STRIDES:
            rows, columns = image.shape[2] // one, image.shape[3] // one
            widths = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}
            for name, width in widths.items():
                answers[f"{name}_{one}"] = np.zeros((1, rows * columns, width), np.float32)
            if one == stride:
                cell = row * columns + column
                answers[f"cls_{one}"][0, cell], answers[f"obj_{one}"][0, cell] = score, 1.0
                answers[f"bbox_{one}"][0, cell], answers[f"kps_{one}"][0, cell] = box, points
        return answers

    return compute


def test_a_cell_tells_where_its_face_lies() -> None:
    """Cell (2, 3) of stride 8: the middle at (3.5 * 8, 2.25 * 8), e * 8 wide and 8 high; the score is the root of both."""
    compute = answering(8, 2, 3, [0.5, 0.25, 1.0, 0.0], [0.5, 1.0] * 5, 0.81)
    found = find_faces(np.zeros((64, 96, 3), np.uint8), compute, score=0.6, longest=1280)  # type: ignore[arg-type]
    half = np.e * 4
    np.testing.assert_allclose(found.boxes, [[28 - half, 18 - 4, 28 + half, 18 + 4]], rtol=1e-6)
    np.testing.assert_allclose(found.landmarks[0, 0], [28, 24])
    np.testing.assert_allclose(found.scores, [0.9])


def test_boxes_of_a_photo_that_was_made_smaller_are_in_its_own_pixels() -> None:
    compute = answering(8, 2, 3, [0.5, 0.25, 0.0, 0.0], [0.0, 0.0] * 5, 0.81)
    small = find_faces(np.zeros((64, 96, 3), np.uint8), compute, score=0.6, longest=1280)  # type: ignore[arg-type]
    large = find_faces(np.zeros((640, 960, 3), np.uint8), compute, score=0.6, longest=96)  # type: ignore[arg-type]
    expected = small.boxes[0] * 10
    assert np.abs(large.boxes - expected).max(1).min() < 1e-3


def test_a_face_below_the_least_score_is_none() -> None:
    compute = answering(8, 2, 3, [0.5, 0.25, 0.0, 0.0], [0.0, 0.0] * 5, 0.25)
    assert len(find_faces(np.zeros((64, 96, 3), np.uint8), compute, score=0.6, longest=1280).boxes) == 0  # type: ignore[arg-type]
