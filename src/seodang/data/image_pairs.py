"""Readers of the named sets of images with masks: from the files of a source to pairs of image and mask."""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seodang.core.errors import DataError
from seodang.core.files import machine_errors
from seodang.data.cache import data_folder
from seodang.data.drawn_cells import draw_cells
from seodang.data.images import read_drawn, read_image, with_channels, write_png
from seodang.data.sources import Fetched
from seodang.data.splits import assign

FOUR_TO_ONE = {"train": 0.8, "test": 0.2}
DRAWN = {"train": 96, "test": 24}
_READING_THREADS = 4
_NUCLEUS = re.compile(r"([0-9a-f]{64})/(images|masks)/[0-9a-f]{64}\.png")


@dataclass(frozen=True)
class ImagePairs:
    """Images, each with a mask of the same size: name, file of the image, file of the mask."""

    pairs: tuple[tuple[str, Path, Path], ...]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.pairs)


def read_image_folder(fetched: Fetched) -> dict[str, ImagePairs]:
    """A folder with images/ and masks/ of equal names, four fifths of them to train, by a hash of the name."""
    return _split(fetched.paths["all"])


def read_dsb2018_zip(fetched: Fetched) -> dict[str, ImagePairs]:
    """The original archive, where every nucleus has a mask of its own; joined to one mask an image, in the cache, once."""
    folder = data_folder("dsb2018") / "joined"
    if not folder.is_dir():
        _once(folder, lambda place: _join_nuclei(fetched.paths["all"], place))
    return _split(folder)


def read_drawn_cells(fetched: Fetched) -> dict[str, ImagePairs]:
    """The synthetic cells, drawn into the cache at the first time."""
    folder = data_folder("drawn-cells") / "1"
    if not folder.is_dir():
        _once(folder, _draw)
    return {part: _pairs(folder / part, folder) for part in DRAWN}


def pairs_hash(part: ImagePairs) -> str:
    """sha256 of names, pixels and masks: equal for equal content, however it is packed."""
    with ThreadPoolExecutor(_READING_THREADS) as pool:
        return hashlib.sha256("".join(pool.map(_pair_hash, part.pairs)).encode()).hexdigest()


def _pair_hash(pair: tuple[str, Path, Path]) -> str:
    name, image, mask = pair
    pixels = with_channels(read_image(image), 3)
    digest = hashlib.sha256(f"{name} {pixels.shape} {pixels.dtype}".encode())
    digest.update(pixels.tobytes())
    digest.update(np.ascontiguousarray(read_drawn(mask).values).tobytes())
    return digest.hexdigest()


def _split(folder: Path) -> dict[str, ImagePairs]:
    pairs = _pairs(folder, folder).pairs
    parts = assign([name for name, _, _ in pairs], FOUR_TO_ONE)
    return {
        part: ImagePairs(tuple(pair for pair, chosen in zip(pairs, parts, strict=True) if chosen == part))
        for part in FOUR_TO_ONE
    }


def _pairs(folder: Path, whole: Path) -> ImagePairs:
    """All pairs of a folder, which is a part of what is fetched or made as a whole."""
    images = sorted((folder / "images").glob("*.png"))
    missing = next((image for image in images if not (folder / "masks" / image.name).is_file()), None)
    if missing is not None or not images:
        what = f"masks/{missing.name}" if missing is not None else "images/*.png"
        raise DataError(f"{folder}: {what} is missing; delete {whole} and ask for the data set again")
    return ImagePairs(tuple((image.stem, image, folder / "masks" / image.name) for image in images))


def _once(folder: Path, make: Callable[[Path], None]) -> None:
    """Make a folder beside its place and put it there when it is whole; two processes may do so at once."""
    with machine_errors(folder):
        beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            beside.chmod(0o755)  # the cache may be shared
            make(beside)
            try:
                beside.rename(folder)
            except OSError:
                if not folder.is_dir():  # another process was first
                    raise
        finally:
            shutil.rmtree(beside, ignore_errors=True)


def _draw(folder: Path) -> None:
    for part, count in DRAWN.items():
        for kind in ("images", "masks"):
            (folder / part / kind).mkdir(parents=True)
        for number in range(count):
            image, mask = draw_cells(part, number)
            name = f"drawn-{number:03}.png"
            write_png(folder / part / "images" / name, image)
            write_png(folder / part / "masks" / name, mask)


def _join_nuclei(path: Path, folder: Path) -> None:
    for kind in ("images", "masks"):
        (folder / kind).mkdir()
    nuclei: dict[str, list[str]] = defaultdict(list)
    try:
        with zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory() as scratch:
            for member in archive.namelist():
                if found := _NUCLEUS.fullmatch(member):
                    nuclei[found[1]].append(member)
            if not nuclei:
                raise DataError(f"{path.name}: expected ID/images/ID.png and ID/masks/*.png in it, as in stage1_train.zip")
            for name, members in nuclei.items():
                unpacked = [Path(archive.extract(member, scratch)) for member in sorted(members)]
                image = [one for one in unpacked if one.parent.name == "images"]
                masks = [one for one in unpacked if one.parent.name == "masks"]
                if len(image) != 1 or not masks:
                    raise DataError(
                        f"{path.name}: expected one image and some masks of {name}, got {len(image)} and {len(masks)}"
                    )
                pixels = with_channels(read_image(image[0]), 3)
                together = np.zeros(pixels.shape[:2], bool)
                for mask in masks:
                    nucleus = read_drawn(mask).values[:, :, 0] > 0
                    if nucleus.shape != together.shape:
                        raise DataError(f"{path.name}: a mask of {name} is not of the size of the image")
                    together |= nucleus
                write_png(folder / "images" / f"{name}.png", pixels)
                write_png(folder / "masks" / f"{name}.png", together.astype(np.uint8) * 255)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise DataError(f"{path.name}: damaged archive ({error}); delete {path} and fetch it again") from error
