"""Which image goes with which mask: folders, tables, parts, endings of names."""

from __future__ import annotations

import csv
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from seodang.core.errors import DataError
from seodang.data.images import write_png
from seodang.families.segmentation.pairs import Pairs, find_pairs


def put(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_png(path, np.zeros((2, 2), np.uint8))


def fill(folder: Path, names: str = "a b c", images: str = "images", masks: str = "masks") -> Path:
    for name in names.split():
        put(folder / images / f"{name}.png", folder / masks / f"{name}.png")
    return folder


def table(path: Path, *rows: tuple[str, ...]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


def short(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def found(pairs: Pairs, part: str = "all") -> list[tuple[str, str, str]]:
    return [
        (one.name, f"{one.image.parent.name}/{one.image.name}", f"{one.mask.parent.name}/{one.mask.name}")
        for one in pairs.parts[part]
    ]


def told(pairs: Pairs) -> list[tuple[str, str, str, str]]:
    return [(one.severity, one.where, one.what, one.fix) for one in pairs.findings]


@pytest.mark.parametrize(
    ("images", "masks"),
    [("images", "masks"), ("imgs", "labels"), ("Images", "MASKS"), ("image", "annotations"), ("img", "mask")],
)
def test_two_folders(images: str, masks: str, tmp_path: Path) -> None:
    pairs = find_pairs(str(fill(tmp_path, "b a", images, masks)), None)
    assert list(pairs.parts) == ["all"]
    assert found(pairs) == [(name, f"{images}/{name}.png", f"{masks}/{name}.png") for name in "ab"]
    assert told(pairs) == []


@pytest.mark.parametrize(
    ("image", "mask", "name"),
    [
        ("cell.png", "cell_mask.png", "cell"),
        ("cell.png", "cell_gt.tif", "cell"),
        ("cell.jpg", "cell-seg.png", "cell"),
        ("cell.png", "cell_MASK.PNG", "cell"),
        ("cell_image.png", "cell_label.png", "cell"),
        ("21.png", "21_manual1.gif", "21"),
        ("cell.v2.png", "cell.v2_mask.png", "cell.v2"),
        ("deep/cell.png", "deep/cell_masks.png", "deep/cell"),
        ("gt.png", "gt.png", "gt"),
    ],
)
def test_endings_of_names(image: str, mask: str, name: str, tmp_path: Path) -> None:
    put(tmp_path / "images" / image, tmp_path / "masks" / mask)
    pairs = find_pairs(str(tmp_path), None)
    assert [(one.name, one.image, one.mask) for one in pairs.parts["all"]] == [
        (name, tmp_path / "images" / image, tmp_path / "masks" / mask)
    ]
    assert told(pairs) == []


def test_masks_elsewhere(tmp_path: Path) -> None:
    for folder, name in (("photos", "a.png"), ("photos", "b.png"), ("drawn", "a.png"), ("drawn", "b.png")):
        put(tmp_path / folder / name)
    pairs = find_pairs(str(tmp_path / "photos"), tmp_path / "drawn")
    assert found(pairs) == [(name, f"photos/{name}.png", f"drawn/{name}.png") for name in "ab"]
    with pytest.raises(DataError, match="nowhere"):
        find_pairs(str(tmp_path / "photos"), tmp_path / "nowhere")


def test_masks_in_a_folder_of_the_images_are_no_images(tmp_path: Path) -> None:
    put(tmp_path / "a.png", tmp_path / "drawn" / "a.png")
    pairs = find_pairs(str(tmp_path), tmp_path / "drawn")
    assert found(pairs) == [("a", f"{tmp_path.name}/a.png", "drawn/a.png")]
    assert told(pairs) == []


def test_other_masks_for_the_same_images(tmp_path: Path) -> None:
    fill(tmp_path, "a b")
    put(tmp_path / "second" / "a.png", tmp_path / "second" / "b.png")
    pairs = find_pairs(str(tmp_path), tmp_path / "second")
    assert found(pairs) == [(name, f"images/{name}.png", f"second/{name}.png") for name in "ab"]


def test_hidden_and_other_files_are_left_out(tmp_path: Path) -> None:
    fill(tmp_path, "a")
    images = tmp_path / "images"
    put(images / ".b.png", images / ".ipynb_checkpoints" / "a-checkpoint.png")
    for name in ("notes.txt", "Thumbs.db", ".DS_Store"):
        (images / name).write_text("x")
    pairs = find_pairs(str(tmp_path), None)
    assert found(pairs) == [("a", "images/a.png", "masks/a.png")]
    assert told(pairs) == [("note", "images/", "2 files left out, no image by the name", "")]


def test_parts(tmp_path: Path) -> None:
    for part, names in (("training", "a b"), ("val", "c"), ("Test", "d e")):
        fill(tmp_path / part, names)
    pairs = find_pairs(str(tmp_path), None)
    assert {part: [one.name for one in some] for part, some in pairs.parts.items()} == {
        "train": ["a", "b"],
        "validation": ["c"],
        "test": ["d", "e"],
    }
    (tmp_path / "val" / "masks" / "c.png").rename(tmp_path / "val" / "masks" / "x.png")
    put(tmp_path / "val" / "images" / "y.png", tmp_path / "val" / "masks" / "y.png")
    assert [one.where for one in find_pairs(str(tmp_path), None).findings] == ["c.png", "x.png"]


def test_missing_and_extra_masks_are_named(tmp_path: Path) -> None:
    fill(tmp_path, "a")
    put(*(tmp_path / "images" / f"{name}.png" for name in "bcdef"), tmp_path / "masks" / "z.png")
    pairs = find_pairs(str(tmp_path), None)
    assert [one.name for one in pairs.parts["all"]] == ["a"]
    assert told(pairs) == [
        (
            "error",
            "b.png, c.png, d.png and 2 more",
            "5 images without a mask of the same name in masks/",
            "add the masks, empty ones where there is nothing, or remove the images",
        ),
        ("error", "z.png", "1 mask without an image of the same name in images/", "add the images or remove the masks"),
    ]


def test_two_files_of_one_name(tmp_path: Path) -> None:
    fill(tmp_path, "a")
    put(tmp_path / "images" / "a.tif", tmp_path / "masks" / "a_mask.png")
    assert told(find_pairs(str(tmp_path), None)) == [
        ("error", "images/a.tif", "is called like a.png", "rename one of the two"),
        ("error", "masks/a_mask.png", "is called like a.png", "rename one of the two"),
    ]


def test_no_pair_at_all(tmp_path: Path) -> None:
    put(tmp_path / "images" / "a.png", tmp_path / "masks" / "b.png")
    with pytest.raises(DataError, match=r"images: no image has a mask of the same name in .*masks; images are called a\.png"):
        find_pairs(str(tmp_path), None)
    (tmp_path / "images" / "a.png").unlink()
    with pytest.raises(DataError, match="images: there is no image in this folder"):
        find_pairs(str(tmp_path), None)


def test_names_as_a_mac_writes_them(tmp_path: Path) -> None:
    image, mask = (unicodedata.normalize(form, "사진 é.png") for form in ("NFD", "NFC"))
    assert image != mask
    put(tmp_path / "images" / image, tmp_path / "masks" / mask)
    pairs = find_pairs(str(tmp_path), None)
    assert [one.name for one in pairs.parts["all"]] == ["사진 é"]
    assert told(pairs) == []


def test_two_folders_that_could_be_masks(tmp_path: Path) -> None:
    fill(tmp_path, "a")
    put(tmp_path / "labels" / "a.png")
    assert told(find_pairs(str(tmp_path), None)) == [
        ("note", str(tmp_path), "masks are read from masks/; labels is left aside", "")
    ]


def test_folder_without_the_two(tmp_path: Path) -> None:
    message = r"expected images/ and masks/ in it, got {}; name the folder of masks by masks, or give a table with the"
    with pytest.raises(DataError, match=message.format("nothing")):
        find_pairs(str(tmp_path), None)
    put(tmp_path / "images" / "a.png", tmp_path / "other" / "a.png")
    with pytest.raises(DataError, match=message.format("images, other")):
        find_pairs(str(tmp_path), None)


def test_table_of_pairs(tmp_path: Path) -> None:
    fill(tmp_path / "data", "a b", "x", "y")
    for columns in (("image", "mask"), ("IMAGE_PATH", "mask_path"), ("images", "masks")):
        path = table(
            tmp_path / "pairs.csv",
            (*columns, "note"),
            ("data/x/b.png", " data/y/b.png", "!"),
            ("data/x/a.png", "data/y/a.png", ""),
        )
        pairs = find_pairs(str(path), None)
        assert found(pairs) == [("data/x/b", "x/b.png", "y/b.png"), ("data/x/a", "x/a.png", "y/a.png")]
        assert told(pairs) == []


def test_table_with_rows_that_do_not_fit(tmp_path: Path) -> None:
    fill(tmp_path, "a b")
    rows = [
        ("images/a.png", "masks/a.png"),
        ("images/a.png", "masks/b.png"),
        ("images/b.png", "masks/q.png"),
        ("", "masks/b.png"),
    ]
    pairs = find_pairs(str(table(tmp_path / "pairs.csv", ("image", "mask"), *rows)), None)
    assert [one.name for one in pairs.parts["all"]] == ["images/a"]
    assert told(pairs) == [
        ("error", "pairs.csv, row 3", "a.png is there a second time", "remove one of the rows"),
        ("error", "pairs.csv, row 4", f"there is no file {tmp_path}/masks/q.png", "paths count from the folder of the table"),
        ("error", "pairs.csv, row 5", "the column image is empty", "name a file, or remove the row"),
    ]


def test_table_of_files_elsewhere_with_equal_names(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        fill(tmp_path / folder, "a")
    (tmp_path / "tables").mkdir()
    rows = [(str(tmp_path / folder / "images/a.png"), str(tmp_path / folder / "masks/a.png")) for folder in ("one", "two")]
    pairs = find_pairs(str(table(tmp_path / "tables" / "pairs.csv", ("image", "mask"), *rows)), None)
    assert len({one.name for one in pairs.parts["all"]}) == 2
    assert told(pairs) == []


def test_tables_that_cannot_be_used(tmp_path: Path) -> None:
    fill(tmp_path, "a")
    with pytest.raises(DataError, match=r"pairs\.csv: no column mask; it has image, label"):
        find_pairs(str(table(tmp_path / "pairs.csv", ("image", "label"), ("images/a.png", "masks/a.png"))), None)
    with pytest.raises(DataError, match=r"row 2: there is no file .*; no other row names an image and a mask that are there"):
        find_pairs(str(table(tmp_path / "pairs.csv", ("image", "mask"), ("x.png", "y.png"))), None)
    with pytest.raises(
        DataError, match=r"a\.png: expected a folder with images/ and masks/, or a CSV with the columns image and"
    ):
        find_pairs(str(tmp_path / "images" / "a.png"), None)
    good = table(tmp_path / "pairs.csv", ("image", "mask"), ("images/a.png", "masks/a.png"))
    with pytest.raises(DataError, match=r"masks: .*pairs\.csv is a file that names its masks itself; leave it out"):
        find_pairs(str(good), tmp_path / "masks")


@pytest.mark.parametrize(
    ("named", "masks", "message"),
    [
        ("nowhere/cells", None, "nowhere/cells: no such file or folder"),
        ("dsb2017", None, r"dsb2017: no such file, and no data set has this name\. Did you mean dsb2018\?"),
        ("drawn-cells", Path("masks"), r"masks: the data set drawn-cells has masks of its own; leave it out"),
    ],
)
def test_sources_that_are_not_there(named: str, masks: Path | None, message: str) -> None:
    with pytest.raises(DataError, match=message):
        find_pairs(named, masks)
