"""Strips of two images: how they are cut, and the named set made of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seodang.core.errors import DataError
from seodang.data.image_strips import ImageStrips, halves, read_facades
from seodang.data.images import read_image, write_png
from seodang.data.named import load_named
from seodang.data.sources import Fetched, Source


def test_a_strip_is_cut_in_the_middle() -> None:
    strip = np.arange(2 * 6 * 3, dtype=np.uint16).reshape(2, 6, 3)
    left, right = halves(strip, "a.png")
    np.testing.assert_array_equal(left, strip[:, :3])
    np.testing.assert_array_equal(right, strip[:, 3:])


def test_a_strip_whose_halves_would_differ_is_refused() -> None:
    message = r"a\.png: 7 x 4 pixels; expected two images of one size side by side.*halves would be 3 and 4 wide\. Cut it anew"
    with pytest.raises(DataError, match=message):
        halves(np.zeros((4, 7, 3), np.uint8), "a.png")


def test_facades_without_enough_strips_are_not_those(tmp_path: Path) -> None:
    (tmp_path / "pairs").mkdir()
    write_png(tmp_path / "pairs" / "one.png", np.zeros((4, 8, 3), np.uint8))
    with pytest.raises(DataError, match=r"expected more than 400 strips in pairs/, got 1; copy it again"):
        read_facades(Fetched(Source("mirror", "facades", ()), {"all": tmp_path}))


def test_facades_from_the_mirror(mirror: Path) -> None:
    if not (mirror / "facades").is_dir():
        pytest.skip("no facades in the local mirror")
    data = load_named("facades")
    parts = {part: some for part, some in data.parts.items() if isinstance(some, ImageStrips)}
    assert (data.name, data.notes) == ("facades", ())  # so the hashes of what was read are those in the registry
    assert {part: len(some) for part, some in parts.items()} == {"train": 400, "test": 100}
    assert parts["train"].strips[0][0] < parts["train"].strips[-1][0] < parts["test"].strips[0][0]
    name, file = parts["test"].strips[0]
    photo, labels = halves(read_image(file), name)
    assert photo.shape == labels.shape == (256, 256, 3)
    assert len(np.unique(labels // 32)) <= len(np.unique(photo // 32))  # flat colours to the right
