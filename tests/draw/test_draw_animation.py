"""Animations and grids of images: what a viewer gets out of the file again."""

from __future__ import annotations

import base64
import re
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from seodang.core.errors import DataError, ShapeError
from seodang.draw.animation import gif
from seodang.draw.grids import grid
from seodang.draw.report import Report


def frames(count: int, *shape: int) -> list[np.ndarray]:
    return [np.full(shape, 40 * number + 10, np.uint8) for number in range(count)]


def test_a_gif_holds_its_frames_in_order_and_plays_for_ever() -> None:
    with Image.open(BytesIO(gif(frames(3, 6, 8, 3), 0.25))) as image:
        assert (image.format, image.size, image.n_frames, image.info["loop"]) == ("GIF", (8, 6), 3, 0)
        seen, shown = [], []
        for number in range(image.n_frames):
            image.seek(number)
            seen.append(int(np.asarray(image.convert("RGB"))[0, 0, 0]))
            shown.append(image.info["duration"])
    assert seen == [10, 50, 90]
    assert shown == [250, 250, 1000]


def test_a_grey_gif_keeps_every_shade() -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    with Image.open(BytesIO(gif([ramp, ramp[::-1]], 0.1))) as image:
        np.testing.assert_array_equal(np.asarray(image.convert("L")), ramp)


def test_a_gif_of_one_frame_and_of_equal_frames_can_be_opened() -> None:
    for some in (frames(1, 4, 4), [np.zeros((4, 4), np.uint8)] * 3):
        with Image.open(BytesIO(gif(some, 0.1))) as image:
            assert image.size == (4, 4)


def test_the_same_frames_give_the_same_bytes() -> None:
    noise = [np.random.default_rng(n).integers(0, 256, (20, 30, 3), dtype=np.uint8) for n in range(3)]
    assert gif(noise, 0.2) == gif([frame.copy() for frame in noise], 0.2)


def test_frames_that_do_not_fit_are_refused() -> None:
    with pytest.raises(DataError, match="one frame at least, got none"):
        gif([], 0.1)
    with pytest.raises(ShapeError, match=r"one shape, got \(4, 4\) and \(4, 5\)"):
        gif([np.zeros((4, 4), np.uint8), np.zeros((4, 5), np.uint8)], 0.1)
    with pytest.raises(ShapeError, match=r"got \(4, 4, 2\)"):
        gif(frames(1, 4, 4, 2), 0.1)


def test_a_grid_fills_rows_from_the_left_with_white_between() -> None:
    whole = grid(frames(3, 2, 3), columns=2, gap=1)
    white = 255
    expected = [
        [10, 10, 10, white, 50, 50, 50],
        [10, 10, 10, white, 50, 50, 50],
        [white] * 7,
        [90, 90, 90, white, white, white, white],
        [90, 90, 90, white, white, white, white],
    ]
    assert whole.tolist() == expected


def test_a_grid_of_colours_is_no_wider_than_its_images() -> None:
    assert grid(frames(2, 4, 5, 3), columns=8, gap=2).shape == (4, 12, 3)
    assert grid(frames(1, 4, 5, 3), columns=1).shape == (4, 5, 3)


def test_images_that_do_not_fit_a_grid_are_refused() -> None:
    with pytest.raises(DataError, match="one image at least, got none"):
        grid([], 3)
    with pytest.raises(ShapeError, match="one shape"):
        grid([np.zeros((4, 4), np.uint8), np.zeros((5, 4), np.uint8)], 2)


def test_a_report_carries_an_animation_in_itself() -> None:
    data = gif(frames(2, 4, 4), 0.1)
    report = Report("A run")
    report.animation(data, 'a square that gets "lighter"', "Epoch by epoch.")
    html = report.html()
    found = re.search(r'<img src="data:image/gif;base64,([^"]+)" alt="a square that gets &quot;lighter&quot;">', html)
    assert found is not None and base64.b64decode(found[1]) == data
    assert "<figcaption>Epoch by epoch.</figcaption>" in html
