"""What the values of masks mean: recognised from all masks together, and read by hand on small arrays."""

from __future__ import annotations

import json
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from seodang.core.errors import DataError
from seodang.data.images import Drawn, read_drawn
from seodang.families.segmentation.masks import IGNORED, MaskCode, MaskValues, recognise

RED, GREEN, BLACK, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 0), (255, 255, 255)


def grey(*rows: Sequence[int], dtype: str = "u1") -> Drawn:
    return Drawn(np.array(rows, dtype)[:, :, None], None, False)


def colours(*rows: Sequence[Sequence[int]]) -> Drawn:
    return Drawn(np.array(rows, np.uint8), None, False)


def palette(places: Sequence[Sequence[int]], *entries: Sequence[int]) -> Drawn:
    return Drawn(np.array(places, np.uint8)[:, :, None], np.array(entries, np.uint8).reshape(-1, 3), False)


def jpeg(pixels: NDArray[Any], folder: Path, quality: int = 90) -> Drawn:
    encoded = BytesIO()
    Image.fromarray(pixels).save(encoded, "JPEG", quality=quality)
    path = folder / "mask.jpg"
    path.write_bytes(encoded.getvalue())
    return read_drawn(path)


def disc(side: int = 96) -> NDArray[np.uint8]:
    rows, columns = np.mgrid[:side, :side]
    return (np.hypot(rows - side / 2, columns - side / 2) < side / 3).astype(np.uint8) * 255


def code_of(*drawn: Drawn, **options: Any) -> MaskCode:
    return recognise([MaskValues.of(one) for one in drawn], **options)


@pytest.mark.parametrize(
    ("drawn", "kind", "values", "read"),
    [
        (grey([0, 1], [1, 0]), "two values", (0, 1), [[0, 1], [1, 0]]),
        (grey([0, 255], [255, 255]), "two values", (0, 255), [[0, 1], [1, 1]]),
        (grey([0, 128], [0, 0]), "two values", (0, 128), [[0, 1], [0, 0]]),
        (grey([90, 200], [200, 90]), "grey values", (90, 200), [[0, 1], [1, 0]]),
        (grey([0, 1], [2, 3]), "class numbers", (0, 1, 2, 3), [[0, 1], [2, 3]]),
        (grey([0, 1], [4, 0]), "class numbers", (0, 1, 2, 3, 4), [[0, 1], [4, 0]]),
        (grey([1, 2], [1, 1]), "class numbers", (1, 2), [[0, 1], [0, 0]]),
        (grey([0, 30], [63, 63]), "grey values", (0, 30, 63), [[0, 1], [2, 2]]),
        (grey([0, 100], [200, 200]), "grey values", (0, 100, 200), [[0, 1], [2, 2]]),
        (grey([0, 1000], [60_000, 0], dtype="u2"), "grey values", (0, 1000, 60_000), [[0, 1], [2, 0]]),
        (grey([0, 1], [2, 1], dtype="f4"), "class numbers", (0, 1, 2), [[0, 1], [2, 1]]),
        (colours([BLACK, RED], [GREEN, BLACK]), "colours", (0, 0x00FF00, 0xFF0000), [[0, 2], [1, 0]]),
        (colours([(128, 128, 128), RED], [RED, RED]), "colours", (0x808080, 0xFF0000), [[0, 1], [1, 1]]),
        (colours([BLACK, (7, 7, 7)], [BLACK, BLACK]), "two values", (0, 7), [[0, 1], [0, 0]]),
        (colours([(*BLACK, 255), (*RED, 9)], [(*RED, 0), (*BLACK, 0)]), "colours", (0, 0xFF0000), [[0, 1], [1, 0]]),
        (colours([(0, 255), (1, 0)], [(0, 9), (1, 255)]), "two values", (0, 1), [[0, 1], [0, 1]]),
        (palette([[0, 2], [2, 0]], BLACK, GREEN, RED), "palette", (0, 2), [[0, 1], [1, 0]]),
    ],
    ids=str,
)
def test_kinds_of_masks(drawn: Drawn, kind: str, values: tuple[int, ...], read: list[list[int]]) -> None:
    code = code_of(drawn)
    assert (code.kind, code.values, code.num_classes, code.ignored) == (kind, values, len(values), None)
    found = code.read(drawn)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, read)


def test_all_masks_together_tell_the_code() -> None:
    masks = grey([0, 0]), grey([0, 3]), grey([1, 1])
    code = code_of(*masks)
    assert (code.kind, code.values) == ("class numbers", (0, 1, 2, 3))
    np.testing.assert_array_equal(code.read(masks[1]), [[0, 3]])
    mixed = grey([0, 255]), colours([BLACK, RED])  # a grey is a colour of three equal parts
    code = code_of(*mixed)
    assert code.values == (0, 0xFF0000, 0xFFFFFF)
    np.testing.assert_array_equal(code.read(mixed[0]), [[0, 2]])


def test_names() -> None:
    assert code_of(grey([0, 1])).names == ("background", "foreground")
    assert code_of(grey([0, 1, 2])).names == ("background", "class 1", "class 2")
    assert code_of(grey([0, 1]), names=("rest", "cell")).names == ("rest", "cell")
    with pytest.raises(DataError, match=r"the masks have 3 classes, class numbers \(0, 1, 2\), but 2 names are given"):
        code_of(grey([0, 1, 2]), names=("rest", "cell"))
    with pytest.raises(DataError, match=r"2 classes, colours \(#000000, #ff0000\), but 3 names are given"):
        code_of(colours([BLACK, RED]), names=("a", "b", "c"))


def test_colours_of_classes_are_remembered() -> None:
    assert code_of(colours([BLACK, RED])).colours == (BLACK, RED)
    assert code_of(palette([[0, 2]], BLACK, GREEN, RED)).colours == (BLACK, RED)
    assert code_of(grey([0, 1])).colours == ()


@pytest.mark.parametrize(
    ("drawn", "ignored", "classes", "left", "read"),
    [
        (grey([0, 1, 2, 255]), None, (0, 1, 2), 255, [[0, 1, 2, IGNORED]]),
        (grey([0, 1, 255]), None, (0, 1), 255, [[0, 1, IGNORED]]),
        (palette([[0, 1, 255]], *[BLACK] * 256), None, (0, 1), 255, [[0, 1, IGNORED]]),
        (grey([0, 100, 255]), None, (0, 100, 255), None, [[0, 1, 2]]),
        (grey([0, 1, 7]), 7, (0, 1), 7, [[0, 1, IGNORED]]),
        (grey([0, 255, 128]), 128, (0, 255), 128, [[0, 1, IGNORED]]),
        (grey([0, 1, 2, 3]), 2, (0, 1, 3), 2, [[0, 1, IGNORED, 2]]),
        (grey([0, 1, 2]), 0, (1, 2), 0, [[IGNORED, 0, 1]]),
        (colours([BLACK, RED, WHITE]), 0xFFFFFF, (0, 0xFF0000), 0xFFFFFF, [[0, 1, IGNORED]]),
    ],
    ids=str,
)
def test_ignored_values(
    drawn: Drawn, ignored: int | None, classes: tuple[int, ...], left: int | None, read: list[list[int]]
) -> None:
    code = code_of(drawn, ignored=ignored)
    assert (code.values, code.ignored) == (classes, left)
    np.testing.assert_array_equal(code.read(drawn), read)
    as_code = MaskValues.of(drawn).as_code(code)
    assert None in as_code or left is None
    assert [one for one in as_code if one is not None] == list(range(code.num_classes))


def test_ignored_value_that_training_masks_do_not_hold() -> None:
    code = code_of(grey([0, 1]), ignored=200)
    np.testing.assert_array_equal(code.read(grey([0, 200])), [[0, IGNORED]])


def test_values_are_counted() -> None:
    found = MaskValues.of(grey([0, 3, 3], [3, 9, 0]))
    assert (found.values.tolist(), found.counts.tolist(), found.coloured) == ([0, 3, 9], [2, 3, 1], False)
    found = MaskValues.of(colours([BLACK, RED], [RED, RED]))
    assert (found.values.tolist(), found.counts.tolist(), found.coloured) == ([0, 0xFF0000], [1, 3], True)


def test_black_and_white_jpeg(tmp_path: Path) -> None:
    drawn = jpeg(disc(), tmp_path)
    assert drawn.lossy and len(np.unique(drawn.values)) > 2
    code = code_of(drawn, jpeg(np.zeros((32, 32), np.uint8), tmp_path))
    assert (code.kind, code.values, code.blurred) == ("two values", (0, 255), True)
    np.testing.assert_array_equal(code.read(drawn), disc() // 255)
    assert code.described() == "two values (0, 255), blurred by JPEG and cut at the middle"
    assert set(MaskValues.of(drawn).as_code(code)) == {0, 1}
    coloured = jpeg(np.repeat(disc()[:, :, None], 3, 2), tmp_path)
    assert code_of(coloured) == code


def test_jpeg_masks_that_are_not_black_and_white(tmp_path: Path) -> None:
    photograph = np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.uint8)
    message = (
        r"256 different grey values, and at most 64 can be classes\. JPEG blurs masks: save them as PNG\. Are images and ma"
    )
    with pytest.raises(DataError, match=message):
        code_of(jpeg(photograph, tmp_path, 100))
    code = code_of(jpeg(disc(), tmp_path))
    with pytest.raises(DataError, match="it is not black and white, as these masks are"):
        code.read(jpeg(photograph, tmp_path))
    np.testing.assert_array_equal(code.read(grey([0, 1])), [[0, 1]])  # cut at the middle both would be black
    np.testing.assert_array_equal(code.read(grey([0, 255])), [[0, 1]])
    with pytest.raises(
        DataError, match=r"the masks are JPEG files, which blur values, so 7 cannot be ignored; save them as PNG"
    ):
        code_of(jpeg(disc(), tmp_path), ignored=7)


@pytest.mark.parametrize(
    ("drawn", "options", "only"),
    [
        ([grey([0, 0]), grey([0, 0])], {}, "0 alone"),
        ([grey([255, 255])], {}, "255 alone"),
        ([grey([0, 9])], {"ignored": 9}, "0 alone"),
        ([grey([9, 9])], {"ignored": 9}, "nothing alone"),
        ([colours([RED, RED])], {}, "#ff0000 alone"),
    ],
    ids=str,
)
def test_one_value_only(drawn: list[Drawn], options: dict[str, Any], only: str) -> None:
    with pytest.raises(DataError, match=f"all masks hold {only}, so there is nothing to tell apart"):
        code_of(*drawn, **options)


@pytest.mark.parametrize(("value", "word"), [(0, "black"), (255, "white")])
def test_one_value_only_in_jpeg(value: int, word: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"all masks hold {word} alone, so there is nothing to tell apart"):
        code_of(jpeg(np.full((32, 32), value, np.uint8), tmp_path))


def test_too_many_values_ask_whether_images_and_masks_are_swapped() -> None:
    with pytest.raises(
        DataError, match=r"65 different grey values, and at most 64 can be classes\. Are images and masks swapped"
    ):
        code_of(grey(range(65)))
    assert code_of(grey(range(64))).num_classes == 64
    photograph = np.random.default_rng(0).integers(0, 256, (30, 30, 3)).astype(np.uint8)
    with pytest.raises(DataError, match=r"900 different colours, and at most 64 .* or is this no segmentation\?"):
        code_of(Drawn(photograph, None, False))


@pytest.mark.parametrize(
    ("drawn", "message"),
    [
        (grey([0.0, 0.5], dtype="f4"), "it holds fractions; classes are whole numbers"),
        (grey([0.0, -1.0], dtype="f4"), "it holds numbers below 0 or none at all; classes are numbered from 0"),
        (grey([0.0, np.nan], dtype="f4"), "it holds numbers below 0 or none at all"),
        (grey([0.0, np.inf], dtype="f4"), "it holds numbers below 0 or none at all"),
        (
            Drawn(np.array([[[0, 1, 2], [60_000, 1, 2]]], np.uint16), None, False),
            "it has colours of 16 bits; give classes as col",
        ),
    ],
    ids=str,
)
def test_masks_that_hold_no_classes(drawn: Drawn, message: str) -> None:
    with pytest.raises(DataError, match=message):
        MaskValues.of(drawn)


def test_palettes_that_differ() -> None:
    one, other = palette([[0, 1]], BLACK, RED), palette([[0, 1]], RED, BLACK)
    with pytest.raises(
        DataError, match=r"place 0 is #000000 in one and #ff0000 in another; save all masks with one palette, or as"
    ):
        code_of(one, other)
    longer = palette([[0, 1, 2]], BLACK, RED, GREEN)
    assert code_of(one, longer).colours == (BLACK, RED, GREEN)
    with pytest.raises(DataError, match="some masks have a palette and others colours; save all of them in one way"):
        code_of(one, colours([BLACK, RED]))
    with pytest.raises(DataError, match=r"place 0 of its palette is #ff0000, and #000000 in these masks; save all masks"):
        code_of(one).read(other)


@pytest.mark.parametrize(
    ("train", "other", "message"),
    [
        (
            grey([0, 255]),
            grey([0, 7]),
            r"^7 is no class of the masks .*, which have 0, 255; write these masks like those$",
        ),
        (
            grey([0, 1, 2]),
            grey([0, 3, 9]),
            r"^3, 9 are no class of the masks .*, which have 0, 1, 2; write",
        ),
        (grey([0, 255]), grey(range(20)), r"^1, 2, 3, 4, 5, 6, 7, 8, \.\.\. \(19 in all\) are no class"),
        (colours([BLACK, RED]), colours([BLACK, GREEN]), r"^#00ff00 is no class of the masks that .* #000000, #ff0000;"),
        (grey([0, 255]), colours([BLACK, RED]), r"^it has colours, and these masks have two values \(0, 255\)$"),
        (grey([0, 255]), grey([0, 65_535], dtype="u2"), r"^65535 is no class of the masks"),
        (
            palette([[0, 1]], BLACK, RED),
            palette([[0, 2]], BLACK, RED, RED),
            r"^2 is no class of the masks .* 0, 1;",
        ),
    ],
    ids=str,
)
def test_masks_with_values_that_training_never_saw(train: Drawn, other: Drawn, message: str) -> None:
    with pytest.raises(DataError, match=message):
        code_of(train).read(other)


@pytest.mark.parametrize(
    "drawn",
    [grey([0, 1]), grey([0, 1, 4, 255]), colours([BLACK, RED]), palette([[0, 1]], BLACK, RED), grey([0, 900, 7], dtype="u2")],
    ids=str,
)
def test_code_survives_json(drawn: Drawn) -> None:
    code = code_of(drawn)
    again = MaskCode.from_json(json.loads(json.dumps(code.to_json())))
    assert again == code
    np.testing.assert_array_equal(again.read(drawn), code.read(drawn))


def test_blurred_code_survives_json(tmp_path: Path) -> None:
    code = code_of(jpeg(disc(), tmp_path), names=("ground", "disc"))
    assert MaskCode.from_json(json.loads(json.dumps(code.to_json()))) == code


def test_described() -> None:
    assert code_of(grey([0, 1, 2, 255])).described() == "class numbers (0, 1, 2); 255 is ignored"
    assert (
        code_of(colours([BLACK, RED, WHITE]), ignored=0xFFFFFF).described() == "colours (#000000, #ff0000); #ffffff is ignored"
    )


@pytest.mark.parametrize(("learned", "other"), [((0, 255), (0, 1)), ((0, 1), (0, 255))], ids=str)
def test_both_usual_ways_to_write_black_and_white(learned: tuple[int, int], other: tuple[int, int]) -> None:
    code = code_of(grey(learned))
    np.testing.assert_array_equal(code.read(grey(other)), [[0, 1]])
    with pytest.raises(DataError, match="is no class of the masks that were learned from"):
        code.read(grey([0, 1, 255]))  # which of the two is meant, nobody knows


def test_classes_of_one_name() -> None:
    with pytest.raises(DataError, match="names of classes must differ, got a, a"):
        recognise([MaskValues.of(grey([0, 255]))], ("a", "a"))
