"""Animations and grids of images: what a viewer gets out of the file again."""

from __future__ import annotations

import base64
import re
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from seodang.core.errors import DataError, MissingExtraError, ShapeError
from seodang.draw import animation
from seodang.draw.animation import gif, mp4
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


@pytest.mark.parametrize("shape", [(32, 48, 3), (33, 47, 3), (32, 48)])
@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_a_film_holds_its_frames_in_order(codec: str, shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    av = pytest.importorskip("av")
    if codec not in av.codecs_available:
        pytest.skip(f"FFmpeg has no {codec} here")
    monkeypatch.setattr(animation, "ENCODERS", {codec: animation.ENCODERS[codec]})
    with av.open(BytesIO(mp4(frames(5, *shape), 0.05))) as film:
        stream = film.streams.video[0]
        assert (stream.codec.name, stream.pix_fmt) == ({"libx264": "h264"}.get(codec, codec), "yuv420p")
        assert float(stream.average_rate) == 20
        seen = [frame.to_ndarray(format="rgb24") for frame in film.decode(stream)]
    assert [one.shape for one in seen] == [(shape[0] + shape[0] % 2, shape[1] + shape[1] % 2, 3)] * 5
    # Films are not lossless, and keep 219 shades of brightness instead of 256.
    np.testing.assert_allclose([one.mean() for one in seen], [10, 50, 90, 130, 170], atol=3)


def test_a_film_without_pyav_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(animation, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'seodang\[video\]'"):
        mp4(frames(2, 8, 8), 0.1)


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
