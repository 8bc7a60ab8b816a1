"""Named sets of images with masks: drawn, from the mirror, from the original archive."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from seodang.core.errors import DataError, MachineError
from seodang.core.files import sha256
from seodang.data import image_pairs, named
from seodang.data.drawn_cells import SIDE, draw_cells
from seodang.data.image_pairs import ImagePairs, pairs_hash, read_drawn_cells, read_dsb2018_zip, read_image_folder
from seodang.data.images import read_image, write_png
from seodang.data.named import describe, load_named, names
from seodang.data.named_sets import NamedSet
from seodang.data.sources import Fetched, Source, SourceFile

Pixels = NDArray[np.uint8]
DRAWN_SOURCE = Source("drawn", "drawn-cells", ())
ARCHIVE_SOURCE = Source(
    "original", "dsb2018-zip", (SourceFile("all", "https://example.invalid/a.zip", None, None),), tried=False
)
FEW = {"train": 3, "test": 2}


def encoded(pixels: Pixels) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def identity(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def pictured(number: int) -> Pixels:
    """RGBA, as in the archive."""
    image = np.random.default_rng(number).integers(0, 256, (12, 16, 4)).astype(np.uint8)
    image[:, :, 3] = 255
    return image


def nuclei(number: int) -> list[Pixels]:
    """Two that touch, and one apart."""
    masks = np.zeros((3, 12, 16), np.uint8)
    masks[0, 1:4, 1:5], masks[1, 4:6, 2:6], masks[2, 8:10, 3 + number : 9 + number] = 255, 255, 255
    return list(masks)


def members(count: int = 6) -> dict[str, bytes]:
    """Of an archive in the form of stage1_train.zip."""
    inside = {}
    for number in range(count):
        name = identity(number)
        inside[f"{name}/"] = b""
        inside[f"{name}/images/{name}.png"] = encoded(pictured(number))
        for which, mask in enumerate(nuclei(number)):
            inside[f"{name}/masks/{identity(1000 + 10 * number + which)}.png"] = encoded(mask)
    return inside


def archive(path: Path, inside: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Fetched:
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in inside.items():
            file.writestr(name, content)
    return Fetched(ARCHIVE_SOURCE, {"all": path})


def make_folder(folder: Path, count: int = 12) -> Path:
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    for number in range(count):
        write_png(folder / "images" / f"cell-{number}.png", pictured(number)[:, :, :3])
        write_png(folder / "masks" / f"cell-{number}.png", np.max(nuclei(number % 6), 0))
    return folder


@pytest.fixture
def few_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_pairs, "DRAWN", FEW)


def test_sets_are_registered() -> None:
    assert names("segmentation") == ("drawn-cells", "dsb2018")
    assert describe("drawn-cells").description.startswith("synthetic")


def test_drawn_cells_are_the_same_at_every_call() -> None:
    image, mask = draw_cells("train", 3)
    again = draw_cells("train", 3)
    assert (image.shape, image.dtype, mask.shape, mask.dtype) == ((SIDE, SIDE, 3), np.uint8, (SIDE, SIDE), np.uint8)
    np.testing.assert_array_equal(image, again[0])
    np.testing.assert_array_equal(mask, again[1])
    for part, number in (("train", 4), ("test", 3)):
        assert (draw_cells(part, number)[0] != image).mean() > 0.5


def test_drawn_masks_are_cells_and_the_rest() -> None:
    shares = []
    for number in range(8):
        image, mask = draw_cells("test", number)
        np.testing.assert_array_equal(np.unique(mask), [0, 255])
        shares.append((mask > 0).mean())
        assert image[mask > 0].mean() > image[mask == 0].mean()
    assert 0.05 < np.mean(shares) < 0.6


def test_drawn_cells_have_their_parts(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flat(part: str, number: int) -> tuple[Pixels, Pixels]:
        return np.full((4, 4, 3), number + 100 * (part == "test"), np.uint8), np.zeros((4, 4), np.uint8)

    monkeypatch.setattr(image_pairs, "draw_cells", flat)
    data = load_named("drawn-cells")
    assert (data.name, data.notes) == ("drawn-cells", ())
    assert {part: len(some) for part, some in data.parts.items()} == {"train": 96, "test": 24}
    for part, some in data.parts.items():
        assert isinstance(some, ImagePairs)
        for number, (name, image, mask) in enumerate(some.pairs):
            assert (name, image.name, mask.parent.name) == (f"drawn-{number:03}", f"drawn-{number:03}.png", "masks")
            np.testing.assert_array_equal(read_image(image), flat(part, number)[0])


def test_drawn_cells_lie_in_the_cache_to_the_pixel(home: Path, few_drawn: None) -> None:
    for part, some in read_drawn_cells(Fetched(DRAWN_SOURCE, {})).items():
        for number, (_, image, mask) in enumerate(some.pairs):
            expected = draw_cells(part, number)
            np.testing.assert_array_equal(read_image(image), expected[0])
            np.testing.assert_array_equal(read_image(mask)[:, :, 0], expected[1])


def test_drawn_cells_are_made_once(home: Path, few_drawn: None, monkeypatch: pytest.MonkeyPatch) -> None:
    first = read_drawn_cells(Fetched(DRAWN_SOURCE, {}))
    monkeypatch.setattr(image_pairs, "draw_cells", lambda part, number: pytest.fail("drawn a second time"))
    assert read_drawn_cells(Fetched(DRAWN_SOURCE, {})) == first
    assert {part: len(some) for part, some in first.items()} == FEW
    assert [path.name for path in (home / "data" / "drawn-cells").iterdir()] == ["1"]


SLOW_DRAWING = """
import sys, time
from pathlib import Path
import numpy as np
from seodang.data import image_pairs
from seodang.data.sources import Fetched, Source
image_pairs.DRAWN = {"train": 3, "test": 2}
def slowly(part, number):
    print("drawing", flush=True)
    time.sleep(float(sys.argv[1]))
    return np.full((8, 8, 3), number, np.uint8), np.zeros((8, 8), np.uint8)
image_pairs.draw_cells = slowly
parts = image_pairs.read_drawn_cells(Fetched(Source("drawn", "drawn-cells", ()), {}))
print({part: len(some) for part, some in parts.items()})
"""


def draw_elsewhere(seconds: float) -> subprocess.Popen[str]:
    """Another process that draws as slowly as this; its cache is the test's."""
    return subprocess.Popen([sys.executable, "-c", SLOW_DRAWING, str(seconds)], stdout=subprocess.PIPE, text=True)


def test_drawn_cells_are_whole_when_two_draw_at_once(home: Path) -> None:
    both = [draw_elsewhere(0.1) for _ in range(2)]
    said = [one.communicate(timeout=60)[0] for one in both]
    assert [one.returncode for one in both] == [0, 0]
    assert all(out.count("drawing") in (0, 5) and out.endswith("{'train': 3, 'test': 2}\n") for out in said)
    assert [path.name for path in (home / "data" / "drawn-cells").iterdir()] == ["1"]


def test_drawn_cells_are_whole_after_a_kill(home: Path, few_drawn: None) -> None:
    killed = draw_elsewhere(60)
    assert killed.stdout is not None
    assert killed.stdout.readline() == "drawing\n"
    killed.kill()
    killed.communicate(timeout=60)
    assert not (home / "data" / "drawn-cells" / "1").exists()
    assert {part: len(some) for part, some in read_drawn_cells(Fetched(DRAWN_SOURCE, {})).items()} == FEW


def test_who_comes_second_takes_what_the_first_made(home: Path, few_drawn: None, monkeypatch: pytest.MonkeyPatch) -> None:
    place, rename = home / "data" / "drawn-cells" / "1", Path.rename

    def overtaken(path: Path, target: Path) -> Path:
        if target == place:  # another process is done a moment before us
            for name, count in FEW.items():
                make_folder(place / name, count)
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", overtaken)
    parts = read_drawn_cells(Fetched(DRAWN_SOURCE, {}))
    assert parts["train"].pairs[0][0] == "cell-0"
    assert [path.name for path in place.parent.iterdir()] == ["1"]


def test_full_disk_leaves_nothing(home: Path, few_drawn: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, pixels: Pixels) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(image_pairs, "write_png", full)
    with pytest.raises(MachineError, match="the disk is full; free some space"):
        read_drawn_cells(Fetched(DRAWN_SOURCE, {}))
    assert list((home / "data" / "drawn-cells").iterdir()) == []


def test_damaged_cache_says_what_to_delete(home: Path, few_drawn: None) -> None:
    parts = read_drawn_cells(Fetched(DRAWN_SOURCE, {}))
    parts["test"].pairs[1][2].unlink()
    message = r"drawn-cells/1/test: masks/drawn-001\.png is missing; delete .*/drawn-cells/1 and ask for the data set again$"
    with pytest.raises(DataError, match=message):
        read_drawn_cells(Fetched(DRAWN_SOURCE, {}))


def test_dsb2018_from_the_mirror(mirror: Path) -> None:
    if not (mirror / "dsb2018").is_dir():
        pytest.skip("no dsb2018 in the local mirror")
    data = load_named("dsb2018")
    parts = {part: some for part, some in data.parts.items() if isinstance(some, ImagePairs)}
    assert (data.name, {part: len(some) for part, some in parts.items()}) == ("dsb2018", {"train": 536, "test": 128})
    digests = {
        part: {hashlib.sha256(image.read_bytes()).hexdigest() for _, image, _ in some.pairs} for part, some in parts.items()
    }
    assert not digests["train"] & digests["test"]
    assert len(digests["train"] | digests["test"]) == 664
    assert data.notes == ()  # so the hashes of what was read are those in the registry
    name, image, mask = parts["test"].pairs[0]
    assert name == image.stem == mask.stem
    assert read_image(image).shape[:2] == read_image(mask).shape[:2]


def test_folder_is_split_by_a_hash_of_the_name(tmp_path: Path) -> None:
    fetched = Fetched(replace(ARCHIVE_SOURCE, reader="image-folder"), {"all": make_folder(tmp_path / "cells", 40)})
    parts = read_image_folder(fetched)
    assert sum(map(len, parts.values())) == 40
    for part, some in parts.items():
        for name, image, mask in some.pairs:
            share = int.from_bytes(hashlib.blake2b(f"\0{name}".encode(), digest_size=8).digest(), "little") / 2**64
            assert part == ("train" if share < 0.8 else "test")
            assert (image.stem, mask.stem) == (name, name)


@pytest.mark.parametrize(
    ("gone", "message"), [("masks/cell-3.png", r"masks/cell-3\.png is missing"), ("images", r"images/\*\.png is missing")]
)
def test_incomplete_folder(gone: str, message: str, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "cells")
    for path in [folder / gone] if gone.endswith("png") else list((folder / gone).iterdir()):
        path.unlink()
    with pytest.raises(DataError, match=message):
        read_image_folder(Fetched(ARCHIVE_SOURCE, {"all": folder}))


def test_hash_depends_on_content_alone(tmp_path: Path) -> None:
    first, second = (make_folder(tmp_path / name, 3) for name in ("one", "two"))
    image = second / "images" / "cell-1.png"
    Image.open(image).save(image, "PNG", compress_level=0)  # the same pixels in other bytes

    def whole(folder: Path) -> str:
        pairs = tuple((path.stem, path, folder / "masks" / path.name) for path in sorted((folder / "images").glob("*.png")))
        return pairs_hash(ImagePairs(pairs))

    assert whole(first) == whole(second)
    before = whole(first)
    write_png(first / "masks" / "cell-2.png", np.zeros((12, 16), np.uint8))
    assert whole(first) != before
    (second / "images" / "cell-1.png").rename(second / "images" / "cell-9.png")
    (second / "masks" / "cell-1.png").rename(second / "masks" / "cell-9.png")
    assert whole(second) != before


def test_archive_of_nuclei_becomes_one_mask_an_image(home: Path, tmp_path: Path) -> None:
    fetched = archive(tmp_path / "stage1_train.zip", members())
    parts = read_dsb2018_zip(fetched)
    pairs = {name: (image, mask) for some in parts.values() for name, image, mask in some.pairs}
    assert set(pairs) == {identity(number) for number in range(6)}
    for number in range(6):
        image, mask = pairs[identity(number)]
        np.testing.assert_array_equal(read_image(image), pictured(number)[:, :, :3])
        np.testing.assert_array_equal(read_image(mask)[:, :, 0], np.max(nuclei(number), 0))
    fetched.paths["all"].unlink()  # joined once, in the cache
    assert read_dsb2018_zip(fetched) == parts


def test_original_archive_has_a_name_of_its_own(home: Path, tmp_path: Path) -> None:
    folder = home / "data" / "dsb2018"
    folder.mkdir(parents=True)
    fetched = archive(folder / "stage1_train.zip", members())
    record = f'{{"sha256": "{sha256(fetched.paths["all"])}"}}'
    (folder / "stage1_train.zip.first-seen.json").write_text(record)
    data = load_named("dsb2018")
    assert data.source.kind == "original"
    assert data.name.startswith("dsb2018-")
    assert f"so it is named {data.name}" in data.notes[-1]


def without(*endings: str) -> dict[str, bytes]:
    first = identity(2)
    return {
        name: content for name, content in members().items() if not any(name.startswith(f"{first}/{end}") for end in endings)
    }


def other_size() -> dict[str, bytes]:
    inside = members()
    inside[f"{identity(2)}/masks/{identity(5)}.png"] = encoded(np.zeros((16, 12), np.uint8))
    return inside


def broken_image() -> dict[str, bytes]:
    inside = members()
    inside[f"{identity(2)}/images/{identity(2)}.png"] = b"no image"
    return inside


@pytest.mark.parametrize(
    ("inside", "message"),
    [
        ({"cells/a.png": b""}, r"^a\.zip: expected ID/images/ID\.png and ID/masks/\*\.png in it, as in stage1_train\.zip$"),
        (without("masks"), rf"^a\.zip: expected one image and some masks of {identity(2)}, got 1 and 0$"),
        (without("images"), rf"^a\.zip: expected one image and some masks of {identity(2)}, got 0 and 3$"),
        (other_size(), rf"^a\.zip: a mask of {identity(2)} is not of the size of the image$"),
        (broken_image(), rf"^{identity(2)}\.png is no image that can be read"),
    ],
)
def test_archive_with_other_content(inside: dict[str, bytes], message: str, home: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read_dsb2018_zip(archive(tmp_path / "a.zip", inside))
    assert list((home / "data" / "dsb2018").iterdir()) == []


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_damaged_archive(compression: int, home: Path, tmp_path: Path) -> None:
    fetched = archive(tmp_path / "a.zip", members(2), compression)
    path = fetched.paths["all"]
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(
        DataError, match=r"^a\.zip: damaged archive \(File is not a zip file\); delete .*a\.zip and fetch it again$"
    ):
        read_dsb2018_zip(fetched)
    refused = 0
    for place in range(0, len(whole), 289):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        shutil.rmtree(home / "data" / "dsb2018" / "joined", ignore_errors=True)
        try:
            read_dsb2018_zip(fetched)
        except DataError:
            refused += 1
    assert refused > 3


def cells_in_a_mirror(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, NamedSet]:
    folder = make_folder(tmp_path / "mirror" / "dsb2018")
    monkeypatch.setenv("SEODANG_MIRROR", str(folder.parent))
    source = Source("mirror", "image-folder", (SourceFile("all", "dsb2018", sha256(folder), 1),))
    hashes = {part: pairs_hash(some) for part, some in read_image_folder(Fetched(source, {"all": folder})).items()}
    entry = replace(describe("dsb2018"), sources=(source,), content_hashes=hashes)
    return folder, entry


def test_mirror_of_the_known_content(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, entry = cells_in_a_mirror(home, tmp_path, monkeypatch)
    monkeypatch.setattr(named, "named_sets", lambda: (entry,))
    data = load_named("dsb2018")
    assert (data.name, data.notes, sum(map(len, data.parts.values()))) == ("dsb2018", (), 12)
    assert not home.exists()  # read in place
    write_png(folder / "masks" / "cell-4.png", np.zeros((12, 16), np.uint8))
    with pytest.raises(
        DataError, match=r"dsb2018: expected sha256 [0-9a-f]{64}, got [0-9a-f]{64}; copy it again or unset SEODANG"
    ):
        load_named("dsb2018")


def test_mirror_of_another_content_is_refused(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, entry = cells_in_a_mirror(home, tmp_path, monkeypatch)
    write_png(folder / "masks" / "cell-4.png", np.zeros((12, 16), np.uint8))
    (file,) = entry.sources[0].files
    changed = replace(entry.sources[0], files=(replace(file, sha256=sha256(folder)),))
    monkeypatch.setattr(named, "named_sets", lambda: (replace(entry, sources=(changed,)),))
    with pytest.raises(
        DataError, match=r"data set dsb2018: the content of part (train|test) is not the one expected; fetch it again"
    ):
        load_named("dsb2018")
