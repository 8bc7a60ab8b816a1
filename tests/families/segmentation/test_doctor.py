"""The data doctor: everything wrong with images and masks at once, with file and fix, and nothing trained on them."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import seodang
from seodang import families
from seodang.core.errors import DataError
from seodang.core.values import Finding
from seodang.data.images import write_png
from seodang.data.splits import assign
from seodang.families.segmentation.data import PictureStore, labelled_images, read_data, split_pairs
from seodang.families.segmentation.settings import SegmentationSettings

COUNT = 24
FEW = "add images, or test on others: seodang evaluate"


def settings(**given: Any) -> SegmentationSettings:
    return SegmentationSettings.from_flat(given)


def photograph(number: int, height: int = 20, width: int = 26, channels: int = 3) -> NDArray[np.uint8]:
    return np.random.default_rng(number).integers(0, 256, (height, width, channels)).astype(np.uint8)


def mask(number: int, height: int = 20, width: int = 26) -> NDArray[np.uint8]:
    drawn = np.zeros((height, width), np.uint8)
    drawn[4 : 9 + number % 6, 5:16] = 255
    return drawn


def add(folder: Path, name: str, image: NDArray[Any], drawn: NDArray[Any]) -> None:
    for kind, pixels in (("images", image), ("masks", drawn)):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        write_png(folder / kind / f"{name}.png", pixels)


def fill(folder: Path, count: int = COUNT, first: int = 0) -> Path:
    for number in range(first, first + count):
        add(folder, f"cell-{number:02}", photograph(number), mask(number))
    return folder


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    return fill(tmp_path / "cells")


def check(source: Path, **given: Any) -> list[Finding]:
    return families.load("segmentation").check(str(source), settings(**given))


def errors(source: Path, **given: Any) -> list[tuple[str, str, str]]:
    return [(one.where, one.what, one.fix) for one in check(source, **given) if one.severity == "error"]


def warned(source: Path) -> list[tuple[str, str, str]]:
    """Warnings, but for that of few test images."""
    warnings = [one for one in check(source) if one.severity == "warning"]
    return [(one.where, one.what, one.fix) for one in warnings if one.fix != FEW]


def refuse(source: Path, message: str, **given: Any) -> None:
    """Training does not begin, and leaves nothing."""
    runs = source.parent / "runs"
    with pytest.raises(DataError, match=message):
        seodang.train("segmentation", source, runs=runs, device="cpu", **given)
    assert not runs.exists()


def damaged_png(width: int, height: int) -> bytes:
    """A tiny file that claims to be large."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    content = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + content


def test_good_data_get_notes_of_what_they_are(cells: Path) -> None:
    assert check(cells) == [
        Finding("warning", str(cells), "the test part gets 4 images, which will tell little about others", FEW),
        Finding("note", str(cells), "masks are read as two values (0, 255): 0 background, 255 foreground"),
        Finding("note", str(cells), "24 images of 26 x 20, channels 3 x uint8"),
    ]
    data = read_data(str(cells), settings())
    assert sum(map(len, data.parts.values())) == COUNT
    image, classes = data.picture(data.parts["train"][0])
    number = int(data.parts["train"][0].pair.name.removeprefix("cell-"))
    np.testing.assert_array_equal(image, photograph(number))
    np.testing.assert_array_equal(classes, mask(number) // 255)


def test_everything_is_told_at_once(cells: Path) -> None:
    images, masks = cells / "images", cells / "masks"
    write_png(masks / "cell-00.png", mask(0, 26, 20))
    write_png(masks / "cell-01.png", mask(1, 20, 30))
    (masks / "cell-02.png").unlink()
    (images / "cell-03.png").unlink()
    whole = (images / "cell-04.png").read_bytes()
    (images / "cell-04.png").write_bytes(whole[:200])
    (images / "cell-05.png").write_bytes(damaged_png(30_000, 30_000))
    (masks / "cell-06.png").write_bytes(b"")
    write_png(images / "cell-07.png", photograph(7)[:, :, 0].astype(np.uint16) * 200)
    write_png(images / "cell-08.png", photograph(8)[:, :, :1])
    write_png(masks / "cell-09.png", np.zeros((20, 26), np.uint8))
    write_png(images / "cell-10.png", photograph(11))
    write_png(masks / "cell-12.png", photograph(12))
    (images / "notes.txt").write_text("x")
    found = check(cells)
    assert [one.severity for one in found] == sorted((one.severity for one in found), key=["error", "warning", "note"].index)
    lines = [f"{one.severity} {one.where}: {one.what}; {one.fix}" for one in found]
    expected = [
        "error cell-02.png: 1 image without a mask of the same name in masks/; add the masks, empty ones where",
        "error cell-03.png: 1 mask without an image of the same name in images/; add the images or remove the masks",
        "error masks/cell-00.png: 20 x 26 pixels, but cell-00.png has 26 x 20 (one lies on its side); export both in",
        "error masks/cell-01.png: 30 x 20 pixels, but cell-01.png has 26 x 20; export both in one size and the same way up",
        "error images/cell-04.png: is damaged or cut short (",
        "error images/cell-05.png: claims 30,000 x 30,000 pixels in a file of",
        "error masks/cell-06.png: is empty: expected an image, got 0 bytes",
        f"error {cells}: the masks hold ",
        "error cell-07.png, cell-08.png: images of different depths: ",
        "warning cell-10.png = cell-11.png: 1 image there more than once; they stay in one part",
        "note images/: 1 file left out, no image by the name",
        f"note {cells}: 17 images of 26 x 20, channels 1 x uint16, 1 x uint8, 3 x uint8",
        f"warning {cells}: the test part gets ",
    ]
    for start in expected:
        assert sum(line.startswith(start) for line in lines) == 1, start
    assert len(lines) == len(expected)
    refuse(cells, r"^cell-02\.png: 1 image without a mask .* \(8 more: seodang check segmentation .*cells\)$")


def test_swapped_folders(cells: Path) -> None:
    (cells / "images").rename(cells / "x")
    (cells / "masks").rename(cells / "images")
    (cells / "x").rename(cells / "masks")
    found = errors(cells)
    assert ("images/ and masks/", "images look like masks and masks like images", "swap the two folders") in found
    assert len(found) == 1  # that masks hold too many values follows from it
    refuse(cells, "images look like masks and masks like images; swap the two folders")


def test_a_mask_with_values_of_its_own(cells: Path) -> None:
    write_png(cells / "masks" / "cell-03.png", mask(3) // 2)
    assert Finding(
        "note", str(cells), "masks are read as grey values (0, 127, 255): 0 background, 127 class 1, 255 class 2"
    ) in check(cells)
    with pytest.raises(DataError, match=r"masks/cell-03\.png: 127 is no class of the masks that were learned from, which"):
        code = read_data(str(fill(cells.parent / "good")), settings()).code
        list(labelled_images(str(cells), settings(), code))


def test_a_value_of_hardly_a_pixel_is_pointed_at(cells: Path) -> None:
    drawn = mask(3)
    drawn[0, 0] = 7
    write_png(cells / "masks" / "cell-03.png", drawn)
    what = "class 1 has 1 pixel in 1 mask"
    assert Finding("warning", "cell-03.png", what, "repair these masks if it is none") in check(cells)


def test_masks_of_one_value(tmp_path: Path) -> None:
    for number in range(12):
        add(tmp_path / "cells", str(number), photograph(number), np.zeros((20, 26), np.uint8))
    assert errors(tmp_path / "cells") == [
        (str(tmp_path / "cells"), "all masks hold 0 alone, so there is nothing to tell apart", "")
    ]
    refuse(tmp_path / "cells", "all masks hold 0 alone, so there is nothing to tell apart$")


def test_empty_masks_are_a_warning(cells: Path) -> None:
    for number in (3, 7):
        write_png(cells / "masks" / f"cell-{number:02}.png", np.zeros((20, 26), np.uint8))
    assert warned(cells) == [("cell-03.png, cell-07.png", "2 masks all background", "fine where there is nothing to find")]
    assert "cell-03.png, cell-07.png: 2 masks all background" in read_data(str(cells), settings()).notes


def test_empty_masks_of_a_background_that_is_not_black(cells: Path) -> None:
    for number in range(COUNT):
        drawn = np.full((20, 26, 3), 20, np.uint8)
        if number != 3:
            drawn[mask(number) > 0] = 255, 0, 0
        write_png(cells / "masks" / f"cell-{number:02}.png", drawn)
    assert [where for where, _, _ in warned(cells)] == ["cell-03.png"]


def parted(folder: Path) -> Path:
    fill(folder / "train", 12)
    fill(folder / "test", 6, 50)
    return folder


def test_the_same_image_in_train_and_test(tmp_path: Path) -> None:
    source = parted(tmp_path / "cells")
    assert errors(source) == []
    add(source / "test", "other-name", photograph(4), mask(9))
    assert errors(source) == [
        ("train/cell-04.png, test/other-name.png", "the same image in several parts", "keep it in one of them")
    ]
    refuse(source, r"^train/cell-04\.png, test/other-name\.png: the same image in several parts; keep it in one of them$")


def test_parts_of_the_source_are_kept(tmp_path: Path) -> None:
    data = read_data(str(parted(tmp_path / "cells")), settings())
    assert {one.pair.name for one in data.parts["test"]} == {f"cell-{number}" for number in range(50, 56)}
    assert len(data.parts["train"]) + len(data.parts["validation"]) == 12


def test_blank_images_of_other_shapes_are_not_the_same(cells: Path) -> None:
    for number, (height, width) in enumerate([(20, 26), (26, 20), (10, 52)]):
        add(cells, f"blank-{number}", np.zeros((height, width, 3), np.uint8), mask(number, height, width))
    assert (errors(cells), warned(cells)) == ([], [])


def test_duplicates_stay_in_one_part(cells: Path) -> None:
    for number in range(COUNT):
        add(cells, f"copy-{number}", photograph(number), mask(number))
    data = read_data(str(cells), settings())
    place = {one.pair.name: part for part, some in data.parts.items() for one in some}
    assert len(place) == 2 * COUNT
    for number in range(COUNT):
        assert place[f"cell-{number:02}"] == place[f"copy-{number}"]
    (note,) = [note for note in data.notes if "more than once" in note]
    assert note.endswith(f"{COUNT} images there more than once; they stay in one part")


def test_split_is_a_hash_of_the_name(cells: Path) -> None:
    def places() -> Mapping[str, str]:
        data = read_data(str(cells), settings())
        return {one.pair.name: part for part, some in data.parts.items() for one in some}

    before = places()
    assert set(before.values()) == {"train", "validation", "test"}
    for name, part in before.items():  # the rule itself, computed apart
        share = int.from_bytes(hashlib.blake2b(f"\0{name}".encode(), digest_size=8).digest(), "little") / 2**64
        assert part == ("train" if share < 0.8 else "validation" if share < 0.9 else "test")
    fill(cells, 30, COUNT)
    add(cells, "a-first", photograph(900), mask(900))
    after = places()
    assert len(after) == COUNT + 31
    assert {name: after[name] for name in before} == before


def test_three_images_are_one_for_each_part(tmp_path: Path) -> None:
    data = read_data(str(fill(tmp_path / "cells", 3)), settings())
    assert [len(data.parts[part]) for part in ("train", "validation", "test")] == [1, 1, 1]
    assert len({one.image_digest for some in data.parts.values() for one in some}) == 3


def test_names_are_told_in_full(cells: Path) -> None:
    long = "0123456789abcdef" * 4
    add(cells, long, photograph(3), mask(3))
    add(cells, f"{long}-empty", photograph(70), np.zeros((20, 26), np.uint8))
    told = {one.where for one in check(cells) if one.severity == "warning"}
    assert told == {f"{long}.png = cell-03.png", f"{long}-empty.png"}


def test_too_few_images_are_told_by_the_check_too(tmp_path: Path) -> None:
    source = fill(tmp_path / "cells", 2)
    (found,) = errors(source)
    assert found[0] == str(source)
    assert found[1].endswith("part gets none of 2 images")
    assert found[2] == "add images, three different ones at least are needed"
    refuse(
        source,
        r"cells: the (validation|test) part gets none of 2 images; add images, three different ones at least are needed$",
    )


@pytest.mark.parametrize("parts", ["train validation test", "train test", "train validation", "all"])
def test_every_part_is_made(parts: str, tmp_path: Path) -> None:
    seen = read_data(str(fill(tmp_path / "cells", 60)), settings())
    everything = [one for some in seen.parts.values() for one in some]
    names = parts.split()
    given = {part: everything[number :: len(names)] for number, part in enumerate(names)}
    split = split_pairs(given)
    assert list(split) == ["train", "validation", "test"]
    assert all(split.values())
    assert sorted(one.pair.name for some in split.values() for one in some) == sorted(one.pair.name for one in everything)
    for part in names:
        if part not in ("train", "all"):
            assert list(split[part]) == given[part]


def test_mixed_channels_become_rgb_and_are_noted(cells: Path) -> None:
    write_png(cells / "images" / "cell-03.png", photograph(3)[:, :, :1])
    write_png(cells / "images" / "cell-04.png", photograph(4, channels=4))
    found = [one for one in check(cells) if "numbers of channels" in one.what]
    assert [(one.severity, one.where) for one in found] == [("note", "images")]
    assert found[0].what == "of different numbers of channels (22 of 3, 1 of 1, 1 of 4); all are read as RGB"


def test_mixed_depths_name_the_odd_ones(cells: Path) -> None:
    write_png(cells / "images" / "cell-03.png", photograph(3)[:, :, 0].astype(np.uint16) * 3)
    what = "images of different depths: 23 of 3 channels of uint8, 1 of 1 channels of uint16"
    assert errors(cells) == [("cell-03.png", what, "export all with equally many bits")]
    refuse(cells, rf"^cell-03\.png: {what}; export all with equally many bits$")


def test_pixels_that_are_no_numbers(cells: Path) -> None:
    (cells / "images" / "cell-03.png").unlink()
    light = photograph(3)[:, :, 0].astype(np.float32)
    light[5, 6] = np.nan
    Image.fromarray(light).save(cells / "images" / "cell-03.tif")
    assert errors(cells)[0] == ("images/cell-03.tif", "has pixels that are no finite number", "repair or remove it")


@pytest.mark.parametrize(
    ("drawn", "what"),
    [
        (np.full((20, 26), 0.5, np.float32), "it holds fractions; classes are whole numbers"),
        (np.full((20, 26), -1, np.float32), "it holds numbers below 0 or none at all; classes are numbered from 0"),
    ],
)
def test_masks_of_strange_numbers(drawn: NDArray[np.float32], what: str, cells: Path) -> None:
    (cells / "masks" / "cell-03.png").unlink()
    Image.fromarray(drawn).save(cells / "masks" / "cell-03.tif")
    assert errors(cells) == [("masks/cell-03.tif", what, "")]
    refuse(cells, rf"^masks/cell-03\.tif: {what}$")


def test_class_names_that_are_too_many(cells: Path) -> None:
    what = "the masks have 2 classes, two values (0, 255), but 3 names are given"
    assert errors(cells, class_names=("a", "b", "c")) == [(str(cells), what, "")]
    refuse(cells, "but 3 names are given", class_names=("a", "b", "c"))


def test_checksum_depends_on_every_pixel_and_its_part(cells: Path) -> None:
    def checksum() -> str:
        return read_data(str(cells), settings()).checksum()

    seen = {checksum()}
    assert checksum() in seen
    image = photograph(3)
    image[0, 0, 0] ^= 1
    write_png(cells / "images" / "cell-03.png", image)
    seen.add(checksum())
    drawn = mask(3)
    drawn[0, 0] = 255
    write_png(cells / "masks" / "cell-03.png", drawn)
    seen.add(checksum())
    for kind in ("images", "masks"):
        (cells / kind / "cell-03.png").rename(cells / kind / "cell-99.png")
    seen.add(checksum())
    assert len(seen) == 4


def test_other_images_are_read_in_the_classes_of_training(cells: Path) -> None:
    code = read_data(str(cells), settings()).code
    labelled = list(labelled_images(str(cells), settings(), code))
    assert [one.name for one in labelled] == [f"cell-{number:02}" for number in range(COUNT)]
    np.testing.assert_array_equal(labelled[5].classes, mask(5) // 255)
    write_png(cells / "masks" / "cell-07.png", mask(7, 26, 20))
    with pytest.raises(DataError, match=r"masks/cell-07\.png: 20 x 26 pixels, but cell-07\.png has 26 x 20 \(one lies"):
        list(labelled_images(str(cells), settings(), code))
    (cells / "masks" / "cell-07.png").unlink()
    with pytest.raises(DataError, match=r"^cell-07\.png: 1 image without a mask of the same name"):
        list(labelled_images(str(cells), settings(), code))


def test_pictures_stay_in_memory_within_bounds(cells: Path) -> None:
    data = read_data(str(cells), settings())
    one = 20 * 26 * 4  # bytes of an image and its mask
    store = PictureStore(3 * one)
    pairs = [seen.pair for seen in data.parts["train"][:5]]
    for pair in pairs:
        store.picture(pair, data.code)
    assert (list(store.kept), store.bytes) == (pairs[2:], 3 * one)
    first = store.picture(pairs[2], data.code)
    assert store.picture(pairs[2], data.code) is first
    store.picture(pairs[0], data.code)
    assert list(store.kept) == [pairs[4], pairs[2], pairs[0]]


def test_training_images_that_a_hash_of_their_names_chose_are_split_again(tmp_path: Path) -> None:
    """The same hash would put none of them into validation, as it happened to dsb2018."""
    names = [f"cell-{number}" for number in range(400)]
    own = [name for name, part in zip(names, assign(names, {"train": 0.8, "test": 0.2}), strict=True) if part == "train"]
    random = np.random.default_rng(0)
    for part, some in (("train", own), ("test", ["one", "two"])):
        for kind in ("images", "masks"):
            (tmp_path / part / kind).mkdir(parents=True)
        for name in some:
            write_png(tmp_path / part / "images" / f"{name}.png", random.integers(0, 256, (8, 8, 3), dtype=np.uint8))
            write_png(tmp_path / part / "masks" / f"{name}.png", np.eye(8, dtype=np.uint8) * 255)
    parts = read_data(str(tmp_path), SegmentationSettings()).parts
    assert 0.05 < len(parts["validation"]) / len(own) < 0.16
    assert len(parts["test"]) == 2
