"""Both stages over many photos: in order, nothing mixed up, a damaged photo in its place; the gate of enrolment; drawing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from seodang.core.errors import DataError
from seodang.core.values import Box
from seodang.data.images import write_png
from seodang.families.faces.actions.quality import complaint, turned
from seodang.families.faces.drawing import draw_boxes
from seodang.families.faces.engine.alignment import Chips
from seodang.families.faces.engine.boxes import Faces, Floats
from seodang.families.faces.engine.embedders import EMBEDDERS
from seodang.families.faces.photos import RGB, as_photo, find_photos
from seodang.families.faces.two_stages import look_at

PLACES = EMBEDDERS["sface"].places


def faces_of(landmarks: Floats) -> Faces:
    return Faces(np.zeros((len(landmarks), 4), np.float32), landmarks, np.ones(len(landmarks), np.float32))


def as_many_as_the_first_pixel_says(pixels: RGB) -> Faces:
    return faces_of(np.zeros((int(pixels[0, 0, 0]), 5, 2), np.float32))


def chips_of_the_second_pixel(pixels: RGB, faces: Faces) -> Chips:
    return np.full((len(faces.boxes), 2, 2, 3), pixels[0, 1, 0], np.uint8)


@pytest.mark.parametrize("threads", [1, 3])
def test_every_photo_gets_the_answers_of_its_own_pieces(tmp_path: Path, threads: int) -> None:
    """Batches run across photos: 70 photos with 0 to 4 pieces each, more than a window of one thread."""
    photos = []
    for number in range(70):
        pixels = np.zeros((3, 3, 3), np.uint8)
        pixels[0, 0], pixels[0, 1] = number % 5, number
        photos.append(tmp_path / f"{number:02}.png")
        write_png(photos[-1], pixels)
    photos[33].write_bytes(b"no photo")
    largest_batch = 0

    def classify(chips: Chips) -> Floats:
        nonlocal largest_batch
        largest_batch = max(largest_batch, len(chips))
        return chips[:, 0, 0, :1].astype(np.float32)

    seen = list(look_at(photos, as_many_as_the_first_pixel_says, chips_of_the_second_pixel, classify, threads))
    assert [one.photo for one in seen] == photos
    for number, one in enumerate(seen):
        if number == 33:
            assert "no image" in one.error and not len(one.answers)
            continue
        assert one.answers[:, 0].tolist() == [number] * (number % 5) if number % 5 else not len(one.answers)
    assert largest_batch == 16


def test_a_folder_of_nobody(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", np.zeros((3, 3, 3), np.uint8))
    (one,) = look_at([tmp_path / "a.png"], as_many_as_the_first_pixel_says, chips_of_the_second_pixel, lambda chips: chips, 1)
    assert not len(one.faces.boxes) and not one.error


def test_photos_are_found_in_folders_and_their_absence_is_told(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    write_png(tmp_path / "deep" / "er" / "b.png", np.zeros((3, 3, 3), np.uint8))
    write_png(tmp_path / "deep" / "a.png", np.zeros((3, 3, 3), np.uint8))
    (tmp_path / "deep" / ".hidden.png").write_bytes(b"")
    assert [path.name for path in find_photos([str(tmp_path / "deep")])] == ["a.png", "b.png"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="there is no photo in this folder"):
        find_photos([str(tmp_path / "empty")])
    with pytest.raises(DataError, match="no such file or folder"):
        find_photos([str(tmp_path / "gone.jpg")])


def test_photos_of_any_kind_become_colours_of_8_bits() -> None:
    deep = as_photo(np.full((2, 2, 1), 0x1234, np.uint16), "a.png")
    assert deep.dtype == np.uint8 and deep.shape == (2, 2, 3) and deep.max() == deep.min() == 0x12
    assert as_photo(np.zeros((2, 2, 4), np.uint8), "a.png").shape == (2, 2, 3)
    with pytest.raises(DataError, match=r"a\.tif: pixels of 8 or 16 bits are expected, got float32"):
        as_photo(np.zeros((2, 2, 1), np.float32), "a.tif")


def test_how_far_a_face_is_turned() -> None:
    """The nose a quarter of the eyes' distance beside their middle, whichever way the head leans."""
    points = np.array([[0, 0], [40, 0], [30, 25]], np.float32)
    assert turned(points) == pytest.approx(0.25)
    leaning = points @ np.array([[0.6, 0.8], [-0.8, 0.6]], np.float32)
    assert turned(leaning) == pytest.approx(0.25, abs=1e-6)


def detailed(side: int) -> RGB:
    """Light and shade like a face's, with fine detail over it."""
    random = np.random.default_rng(0)
    shade = gaussian_filter(random.standard_normal((side, side)), 12)
    light = 120 + 50 * shade / shade.std() + 12 * random.standard_normal((side, side))
    return np.repeat(np.clip(light, 0, 255).astype(np.uint8)[:, :, None], 3, 2)


def test_the_gate_gives_the_reason() -> None:
    sharp, landmarks = detailed(300), PLACES + 60
    assert complaint(sharp, faces_of(landmarks[None]), "sface") == ""
    small = faces_of(landmarks[None] / 2)
    assert "too small: its eyes are 18 pixels apart, at least 20" in complaint(sharp, small, "sface")
    aside = landmarks.copy()
    aside[2, 0] += 20
    assert "turned too far" in complaint(sharp, faces_of(aside[None]), "sface")
    blurred = gaussian_filter(sharp.astype(float), (4, 4, 0)).astype(np.uint8)
    assert "too blurred" in complaint(blurred, faces_of(landmarks[None]), "sface")


def test_weak_light_is_not_taken_for_blur() -> None:
    assert complaint(detailed(300) // 6, faces_of((PLACES + 60)[None]), "sface") == ""


def test_the_gate_knows_the_landmarks_of_dlib() -> None:
    """Corners of both eyes, those of the eye to the right first, and the nose."""
    left, right, nose = PLACES[:3] + 60
    aside = np.array([8, 0], np.float32)
    corners = np.stack([right + aside, right - aside, left - aside, left + aside, nose])
    assert complaint(detailed(300), faces_of(corners[None]), "dlib") == ""


def test_names_stay_within_the_photo() -> None:
    photo = np.full((80, 200, 3), 255, np.uint8)
    drawn = draw_boxes(photo, (Box((150, 2, 190, 40), 1.0, (), "Ada Lovelace", 0.98),), "unknown")
    assert drawn.shape == photo.shape and drawn.dtype == np.uint8
    assert (drawn[41:60, 60:] != 255).any(), "above the box there is no room, so the name stands below it"
    assert (photo == 255).all(), "the photo itself is not drawn on"
    unknown = draw_boxes(photo, (Box((20, 30, 60, 70), 1.0, (), "unknown", 0.9),), "unknown")
    known = draw_boxes(photo, (Box((20, 30, 60, 70), 1.0, (), "Ada", 0.9),), "unknown")
    assert unknown[30, 30].tolist() != known[30, 30].tolist()


def test_names_of_neighbours_do_not_cover_each_other() -> None:
    photo = np.full((300, 400, 3), 255, np.uint8)
    beside = tuple(Box((100 + 30 * n, 100, 125 + 30 * n, 130), 1.0, (), f"Somebody {n}", 0.5) for n in range(3))
    together = draw_boxes(photo, beside, "unknown")
    alone = [draw_boxes(photo, (one,), "unknown") for one in beside]
    grounds = [int((picture == np.array([0x00, 0x72, 0xB2])).all(2).sum()) for picture in (together, *alone)]
    assert grounds[0] > 0.9 * sum(grounds[1:]), "each name has its ground to itself, but for lines of boxes"
