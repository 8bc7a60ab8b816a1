"""What a user may hand in: folders of every kind, and what is said of those that cannot be used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seodang.core.errors import DataError, SettingsError
from seodang.data.images import write_png
from seodang.families.gan.data import SIZES, GanData, read_data, read_stacks
from seodang.families.gan.derive import prepare
from seodang.families.gan.settings import GanSettings

RANDOM = np.random.default_rng(0)


def write(folder: Path, count: int, shape: tuple[int, ...] = (28, 28), dtype: type = np.uint8) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        write_png(folder / f"{folder.name}-{number:03}.png", RANDOM.integers(0, 255, shape).astype(dtype))
    return folder


def read(folder: Path, **settings: Any) -> GanData:
    return read_data(str(folder), GanSettings.from_flat(settings))


def test_a_flat_folder_has_no_classes_and_is_split_nine_to_one(tmp_path: Path) -> None:
    data = read(write(tmp_path / "flat", 100))
    assert data.class_names == () and len(data.train.images) + len(data.test.images) == 100
    assert 2 <= len(data.test.images) <= 25
    assert data.train.images.dtype == torch.uint8 and data.train.images.shape[1:] == (1, 28, 28)


def test_folders_are_classes_and_numbers_are_in_order(tmp_path: Path) -> None:
    for name in ("10", "9", "cat"):
        write(tmp_path / "named" / name, 12)
    data = read(tmp_path / "named")
    assert data.class_names == ("9", "10", "cat")
    assert torch.bincount(torch.cat([data.train.classes, data.test.classes])).tolist() == [12, 12, 12]


def test_parts_stay_as_they_are(tmp_path: Path) -> None:
    for part, count in (("train", 20), ("test", 5)):
        write(tmp_path / "parted" / part / "a", count)
        write(tmp_path / "parted" / part / "b", count)
    data = read(tmp_path / "parted")
    assert (len(data.train.images), len(data.test.images)) == (40, 10) and data.class_names == ("a", "b")


def test_equal_images_are_never_on_both_sides(tmp_path: Path) -> None:
    folder = write(tmp_path / "twins", 60)
    for path in sorted(folder.glob("*.png")):
        (folder / f"copy-{path.name}").write_bytes(path.read_bytes())
    data = read(folder)
    train = {image.numpy().tobytes() for image in data.train.images}
    assert not train & {image.numpy().tobytes() for image in data.test.images}


def test_resize_cuts_a_square_out_of_the_middle_and_scales_it(tmp_path: Path) -> None:
    folder = tmp_path / "wide"
    folder.mkdir()
    image = np.zeros((60, 100), np.uint8)
    image[:, 20:80] = 200  # the square in the middle
    for number in range(10):
        write_png(folder / f"{number}.png", image + np.uint8(number))
    data = read(folder, resize=32)
    assert data.size == 32 and int(data.train.images.min()) >= 198


def test_colour_and_grey_are_read_together_when_asked_for(tmp_path: Path) -> None:
    write(tmp_path / "mixed", 10)
    for number in range(6):
        write_png(tmp_path / "mixed" / f"colour-{number}.png", RANDOM.integers(0, 255, (28, 28, 3)).astype(np.uint8))
    assert read(tmp_path / "mixed", colour="rgb").channels == 3
    assert read(tmp_path / "mixed", colour="grey").channels == 1


def one_image(folder: Path) -> None:
    write(folder, 1)


def mixed_sizes(folder: Path) -> None:
    write(folder, 9)
    write_png(folder / "odd.png", np.zeros((32, 30), np.uint8))


def mixed_colours(folder: Path) -> None:
    write(folder, 9)
    write_png(folder / "odd.png", np.zeros((28, 28, 3), np.uint8))


def wrong_size(folder: Path) -> None:
    write(folder, 9, (30, 30))


def not_square(folder: Path) -> None:
    write(folder, 9, (28, 32))


def deep(folder: Path) -> None:
    write(folder, 9, dtype=np.uint16)


def damaged(folder: Path) -> None:
    write(folder, 9)
    (folder / "zero.png").write_bytes(b"")


def empty(folder: Path) -> None:
    folder.mkdir()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (one_image, r"1 image, expected 8 at least"),
        (mixed_sizes, r"x/odd.png: 30 x 32 pixels, but most images have 28 x 28; give resize 64"),
        (mixed_colours, r"x/odd.png: is in colour, but most images are grey; give colour grey, or rgb"),
        (wrong_size, r"30 x 30 pixels, expected them square with sides of 28, 32, 40.*give resize 32"),
        (not_square, r"32 x 28 pixels, expected them square.*give resize 28"),
        (deep, r"pixels of 16 bits, expected 8 \(and 8 more\); save it with 8 bits"),
        (damaged, r"zero.png: is empty: expected an image, got 0 bytes"),
        (empty, r"there is no image in this folder"),
    ],
)
def test_what_cannot_be_learned_from_is_named(make: Callable[[Path], None], says: str, tmp_path: Path) -> None:
    make(tmp_path / "x")
    with pytest.raises(DataError, match=says):
        read(tmp_path / "x")


def test_classes_cannot_be_asked_for_where_there_are_none(tmp_path: Path) -> None:
    write(tmp_path / "flat", 20)
    with pytest.raises(
        DataError, match="the images have no classes; leave out conditional, or put them into one folder a class"
    ):
        read(tmp_path / "flat", conditional=True)


def test_a_data_set_of_texts_is_refused() -> None:
    with pytest.raises(DataError, match=r"no such file|no images to learn from"):
        read_data("mnits", GanSettings())


def test_the_judges_of_digits_are_refused_for_other_images(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="judge mnist knows the digits of mnist and mnist-5k"):
        prepare(read(write(tmp_path / "flat", 20)), GanSettings.from_flat({"judge": "mnist"}))


def test_files_that_are_no_images_and_transparency_are_noticed(tmp_path: Path) -> None:
    write(tmp_path / "x", 10, (28, 28, 4))
    (tmp_path / "x" / "notes.txt").write_text("hello")
    _, findings, _ = read_stacks(str(tmp_path / "x"), GanSettings())
    said = " / ".join(finding.what for finding in findings)
    assert "1 file left out, no image by the name (notes.txt)" in said and "transparency is left out (and 9 more)" in said


def test_sizes_halve_to_a_few_pixels() -> None:
    assert SIZES == (28, 32, 40, 48, 56, 64, 80, 96, 112, 128)
