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
from seodang.families.gan.folder import _Read
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
        write(tmp_path / "named" / name, 20)
    data = read(tmp_path / "named")
    assert data.class_names == ("9", "10", "cat")
    assert torch.bincount(torch.cat([data.train.classes, data.test.classes])).tolist() == [20, 20, 20]


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
    for number in range(55):
        write_png(folder / f"{number}.png", image + np.uint8(number))
    data = read(folder, resize=32)
    assert data.size == 32 and int(data.train.images.min()) >= 198


def test_colour_and_grey_are_read_together_when_asked_for(tmp_path: Path) -> None:
    write(tmp_path / "mixed", 50)
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
        (one_image, r"1 image, 0 to learn from, expected 40 at least"),
        (mixed_sizes, r"x/odd.png: 30 x 32 pixels, but 9 of 10 images have 28 x 28; give resize 64"),
        (mixed_colours, r"x/odd.png: is in colour, but most images are grey; give colour grey, or rgb"),
        (wrong_size, r"30 x 30 pixels, expected them square with sides from 28 to 128 that 4 divides; give resize 32"),
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
    write(tmp_path / "flat", 60)
    with pytest.raises(
        DataError, match="the images have no classes; leave out conditional, or put them into one folder a class"
    ):
        read(tmp_path / "flat", conditional=True)


def test_a_data_set_of_texts_is_refused() -> None:
    with pytest.raises(DataError, match=r"no such file|no images to learn from"):
        read_data("mnits", GanSettings())


def test_the_judges_of_digits_are_refused_for_other_images(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="judge mnist knows the digits of mnist and mnist-5k"):
        prepare(read(write(tmp_path / "flat", 60)), GanSettings.from_flat({"judge": "mnist"}))


def test_files_that_are_no_images_and_transparency_are_noticed(tmp_path: Path) -> None:
    write(tmp_path / "x", 10, (28, 28, 4))
    (tmp_path / "x" / "notes.txt").write_text("hello")
    _, findings, _ = read_stacks(str(tmp_path / "x"), GanSettings())
    said = " / ".join(finding.what for finding in findings)
    assert "1 file left out, no image by the name (notes.txt)" in said and "transparency is left out (and 9 more)" in said


def test_sizes_can_be_halved_twice() -> None:
    assert SIZES[0] == 28 and SIZES[-1] == 128 and 100 in SIZES and all(size % 4 == 0 for size in SIZES)


def test_a_size_that_cannot_be_halved_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    write(tmp_path / "x", 1)
    with pytest.raises(SettingsError, match=r"resize must be a multiple of 4, got 50; give 48 or 52\."):
        read(tmp_path / "x", resize=50)


def test_a_single_class_is_none_so_that_judges_learn_something(tmp_path: Path) -> None:
    write(tmp_path / "faces" / "all", 60)
    data = read(tmp_path / "faces")
    assert data.class_names == () and not data.train.classes.any()


def test_validation_images_are_held_out_and_not_a_class(tmp_path: Path) -> None:
    for part, count in (("train", 25), ("val", 5)):
        for name in ("a", "b"):
            write(tmp_path / "x" / part / name, count)
    data = read(tmp_path / "x")
    assert (len(data.train.images), len(data.test.images), data.class_names) == (50, 10, ("a", "b"))
    write(tmp_path / "x" / "test" / "a", 3)
    data = read(tmp_path / "x")
    assert len(data.test.images) == 3 and any("left out: test/ is the part" in note for note in data.notes)


def test_a_training_part_alone_is_split(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / "x" / "train" / name, 40)
    assert read(tmp_path / "x").class_names == ("a", "b")


def test_an_image_beside_the_folders_of_classes_is_named(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / "x" / name, 30)
    write_png(tmp_path / "x" / "stray.png", np.zeros((28, 28), np.uint8))
    data = read(tmp_path / "x")
    assert data.class_names == () and any("x/stray.png: is in no folder of a class" in note for note in data.notes)


def test_a_class_that_nothing_is_learned_of_is_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / "x" / "train" / name, 25)
    for name in ("a", "c"):
        write(tmp_path / "x" / "test" / name, 5)
    with pytest.raises(DataError, match="no image to learn from in class c; add images of it, or remove it"):
        read(tmp_path / "x")
    assert read(tmp_path / "x", conditional=False).class_names == ("a", "b", "c")


def test_small_classes_are_warned_of_unless_classes_are_left_out(tmp_path: Path) -> None:
    write(tmp_path / "x" / "many", 50)
    write(tmp_path / "x" / "few", 5)
    said = [read_stacks(str(tmp_path / "x"), GanSettings.from_flat(given))[1] for given in ({}, {"conditional": False})]
    assert [any("classes of few images: few (5)" in one.what for one in findings) for findings in said] == [True, False]


def test_a_folder_named_like_a_data_set_is_that_folder(tmp_path: Path) -> None:
    data = read(write(tmp_path / "mnist", 60))
    assert not data.named and prepare(data, GanSettings()).settings.measuring.judge == "own"


def test_large_photos_are_scaled_as_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[tuple[int, ...]] = []
    made = _Read.of

    def look(*given: Any) -> _Read:
        one = made(*given)
        kept.append(one.pixels.shape)
        return one

    monkeypatch.setattr(_Read, "of", look)
    write(tmp_path / "x", 60, (300, 400, 3))
    read(tmp_path / "x", resize=32)
    with pytest.raises(DataError, match=r"400 x 300 pixels, expected squares of 128 at most \(and 59 more\); give resize 64"):
        read(tmp_path / "x")
    assert set(kept[:60]) == {(32, 32, 3)} and all(shape[0] == 0 for shape in kept[60:])


def test_epochs_are_as_many_as_the_steps_need(tmp_path: Path) -> None:
    data = read(write(tmp_path / "x", 100))
    count = len(data.train.images)
    settings = prepare(data, GanSettings.from_flat({"batch_size": 64, "steps": 30})).settings.training
    assert 64 < count <= 100 and settings.epochs == 15
    assert prepare(data, GanSettings.from_flat({"batch_size": 100, "steps": 20_000})).settings.training.epochs == 10_000


def test_files_that_are_no_images_alone_are_no_images(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "photo.heic").write_bytes(b"no")
    with pytest.raises(DataError, match="there is no image in this folder"):
        read(tmp_path / "x")
