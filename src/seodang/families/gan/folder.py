"""A folder of images, of classes in folders of their own, or of parts: read, and brought to one size and kind of colour."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seodang.core.errors import DataError
from seodang.core.values import Finding
from seodang.data.images import Pixels, is_image, read_image, with_channels
from seodang.data.partners import PART_FOLDERS
from seodang.data.records import counted, listed

PARTS: Mapping[str, tuple[str, ...]] = {
    "train": PART_FOLDERS["train"],
    "test": PART_FOLDERS["test"] + PART_FOLDERS["validation"],  # nothing is learned from either
}
MOST_SIDE = 128  # pixels of the largest images that a GAN here makes
_READING_THREADS = 4  # unpacking is done outside Python's lock


@dataclass(frozen=True)
class Stack:
    """Images of one size, one upon another."""

    pixels: NDArray[np.uint8]
    """(images, height, width, channels)."""
    labels: tuple[str, ...] | None

    @classmethod
    def of(cls, pixels: NDArray[np.uint8], labels: Sequence[str] | None) -> Stack:
        """Pixels as they are."""
        return cls(pixels, tuple(labels) if labels is not None else None)

    def chosen(self, rows: NDArray[np.bool_]) -> Stack:
        """Some of the images."""
        labels = tuple(label for label, taken in zip(self.labels, rows, strict=True) if taken) if self.labels else None
        return Stack(self.pixels[rows], labels)

    def brought_to(self, size: int | None, channels: int | None) -> Stack:
        """Cut square and scaled to a size, with so many channels; as they are where it is None."""
        if size in (None, self.pixels.shape[1]) and channels in (None, self.pixels.shape[3]):
            return self
        images = [_fitted(image, size, channels or image.shape[2]) for image in self.pixels]
        return Stack(np.stack(images), self.labels)


def stack_folder(source: Path, size: int | None, channels: int | None) -> tuple[dict[str, Stack], list[Finding]]:
    """Read every image of a folder.

    Args:
        source: A folder of images, or of folders of images, one a class; or with train/ and test/ that are such.
        size: What images are cut and scaled to; None: they are alike already.
        channels: 1, 3, or None: they are all grey or all in colour.

    Returns: The images by part, "all" where there are no parts, and everything noticed.
    Raises:  DataError: It is no folder, or has no images.
    """
    if not source.is_dir():
        raise DataError(f"{source}: expected a folder of images, got a file")
    folders, findings = _part_folders(source)
    stacks: dict[str, Stack] = {}
    read = {part: _read_all(folder, size, channels, findings) for part, folder in folders.items()}
    images = [image for part in read.values() for image in part]
    if not images and all(finding.severity != "error" for finding in findings):
        raise DataError(f"{source}: there is no image in this folder")
    findings += _depth_findings(images) + _colour_findings(images, channels) + _shape_findings(images, size)
    if any(finding.severity == "error" for finding in findings):
        return {}, findings
    wanted = channels or max(_colours(one) for one in images)
    for part, some in read.items():
        if not some:
            raise DataError(f"{folders[part]}: there is no image in this folder")
        labels = [one.label for one in some]
        fitted = np.stack([_fitted(one.pixels, size, wanted) for one in some])
        stacks[part] = Stack.of(fitted, labels if all(labels) else None)
    if any(stack.labels is None for stack in stacks.values()):
        findings += _stray_findings(images)
        stacks = {part: Stack.of(stack.pixels, None) for part, stack in stacks.items()}
    return stacks, findings


@dataclass(frozen=True)
class _Read:
    where: str
    label: str
    shape: tuple[int, ...]
    """(height, width, channels) as it lies in the file."""
    bits: int
    pixels: Pixels
    """Cut and scaled; empty where the image is refused anyway, so that large photos do not fill the memory."""

    @classmethod
    def of(cls, where: str, label: str, image: Pixels, size: int | None, channels: int | None) -> _Read:
        """An image as it is kept."""
        shape, bits = image.shape, 8 * image.dtype.itemsize
        if bits != 8 or shape[2] > 4 or (size is None and max(shape[:2]) > MOST_SIDE):
            return cls(where, label, shape, bits, np.zeros((0, 0, shape[2]), np.uint8))
        return cls(where, label, shape, bits, _fitted(image, size, channels or (1 if shape[2] < 3 else 3)))


def _part_folders(source: Path) -> tuple[dict[str, Path], list[Finding]]:
    """The folder of each part, "all" where there is one alone; and those that could be the test part too, but are not."""
    given = {path.name.lower(): path for path in source.iterdir() if path.is_dir()}
    found = {part: [given[name] for name in known if name in given] for part, known in PARTS.items()}
    if not found["train"]:
        return {"all": source}, []
    if not found["test"]:
        return {"all": found["train"][0]}, []
    what = f"left out: {found['test'][0].name}/ is the part that is not learned from"
    return {part: some[0] for part, some in found.items()}, [Finding("warning", f"{path}", what) for path in found["test"][1:]]


def _stray_findings(images: Sequence[_Read]) -> list[Finding]:
    """Images beside folders of images: then none of the folders is a class."""
    stray = [one for one in images if not one.label]
    if len(stray) in (0, len(images)):
        return []
    what = "is in no folder of a class, so that no image has one" + _and_more(len(stray))
    return [Finding("warning", stray[0].where, what, "move it into one, or remove it")]


def _read_all(folder: Path, size: int | None, channels: int | None, findings: list[Finding]) -> list[_Read]:
    """Every image below a folder; the folder it lies in is its class, unless that is the folder itself."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not _hidden(path.relative_to(folder)))
    others = [path for path in paths if not is_image(path)]
    if others:
        what = f"{counted(len(others), 'file')} left out, no image by the name ({listed([path.name for path in others])})"
        findings.append(Finding("note", f"{folder}", what))

    def read(path: Path) -> _Read | Finding:
        inner = path.relative_to(folder)
        where = f"{folder.name}/{inner.as_posix()}"
        try:
            return _Read.of(where, inner.parts[0] if len(inner.parts) > 1 else "", read_image(path), size, channels)
        except DataError as error:
            what = str(error).removeprefix(path.name).strip()
            return Finding("error", where, what, "" if ";" in what else "repair or remove it")

    with ThreadPoolExecutor(_READING_THREADS) as pool:
        results = list(pool.map(read, filter(is_image, paths)))
    findings += [result for result in results if isinstance(result, Finding)]
    return [result for result in results if isinstance(result, _Read)]


def _hidden(relative: Path) -> bool:
    return any(part.startswith(".") for part in relative.parts)


def _depth_findings(images: Iterable[_Read]) -> list[Finding]:
    deep = [one for one in images if one.bits != 8]
    if not deep:
        return []
    what = f"pixels of {deep[0].bits} bits, expected 8" + _and_more(len(deep))
    return [Finding("error", deep[0].where, what, "save it with 8 bits a channel")]


def _colour_findings(images: Sequence[_Read], channels: int | None) -> list[Finding]:
    odd = [one for one in images if one.shape[2] > 4]
    if odd:
        what = f"{odd[0].shape[2]} channels, expected grey or colour" + _and_more(len(odd))
        return [Finding("error", odd[0].where, what, "save it in grey or in RGB")]
    found = []
    by_colour = {number: [one for one in images if _colours(one) == number] for number in (1, 3)}
    if by_colour[1] and by_colour[3] and channels is None:
        few = min(by_colour, key=lambda number: len(by_colour[number]))
        kinds = {1: "grey", 3: "in colour"}
        what = f"is {kinds[few]}, but most images are {kinds[4 - few]}" + _and_more(len(by_colour[few]))
        found.append(Finding("error", by_colour[few][0].where, what, "give {colour} grey, or rgb, to read all so"))
    clear = [one for one in images if one.shape[2] in (2, 4)]
    if clear:
        found.append(Finding("note", clear[0].where, "transparency is left out" + _and_more(len(clear))))
    return found


def _shape_findings(images: Sequence[_Read], size: int | None) -> list[Finding]:
    shapes = Counter(one.shape[:2] for one in images)
    if size is None and len(shapes) > 1:
        (height, width), _ = shapes.most_common(1)[0]
        other = next(one for one in images if one.shape[:2] != (height, width))
        tall, wide = other.shape[:2]
        alike = f"{shapes[height, width]:,} of {len(images):,} images have {width} x {height}"
        what = f"{wide} x {tall} pixels, but {alike}"
        return [Finding("error", other.where, what, "give {resize} 64, or another size, to cut and scale all to")]
    large = [one for one in images if size is None and max(one.shape[:2]) > MOST_SIDE]
    if large:
        tall, wide = large[0].shape[:2]
        what = f"{wide} x {tall} pixels, expected squares of {MOST_SIDE} at most" + _and_more(len(large))
        return [Finding("error", large[0].where, what, "give {resize} 64, or another size, to cut and scale all to")]
    small = [one for one in images if size is not None and min(one.shape[:2]) < size // 2]
    if small:
        tall, wide = small[0].shape[:2]
        what = f"{wide} x {tall} pixels, enlarged to {size} x {size}" + _and_more(len(small))
        return [Finding("warning", small[0].where, what, "a smaller {resize} loses nothing")]
    return []


def _and_more(count: int) -> str:
    """How many others are like the first."""
    return f" (and {count - 1:,} more)" if count > 1 else ""


def _colours(image: _Read) -> int:
    """Channels without transparency."""
    return 1 if image.shape[2] < 3 else 3


def _fitted(pixels: Pixels, size: int | None, channels: int) -> NDArray[np.uint8]:
    """The largest square in the middle of an image, scaled, with so many channels."""
    image = with_channels(pixels, channels)
    if size is None or image.shape[:2] == (size, size):
        return image
    side = min(image.shape[:2])
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    square = image[top : top + side, left : left + side]
    picture = Image.fromarray(square[:, :, 0] if channels == 1 else square)
    scaled = np.asarray(picture.resize((size, size), Image.Resampling.LANCZOS))
    return scaled[:, :, None] if channels == 1 else scaled
