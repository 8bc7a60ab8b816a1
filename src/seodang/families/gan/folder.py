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
from seodang.data.records import counted, listed

PARTS: Mapping[str, tuple[str, ...]] = {"train": ("train", "training"), "test": ("test", "testing")}
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
    given = {path.name.lower(): path for path in source.iterdir() if path.is_dir()}
    folders = {part: given[name] for part, known in PARTS.items() for name in known if name in given}
    if len(folders) < len(PARTS):
        folders = {"all": source}
    stacks: dict[str, Stack] = {}
    findings: list[Finding] = []
    read = {part: _read_all(folder, findings) for part, folder in folders.items()}
    images = [image for part in read.values() for image in part]
    if not images and not findings:
        raise DataError(f"{source}: there is no image in this folder")
    findings += _depth_findings(images) + _colour_findings(images, channels) + _shape_findings(images, size)
    if any(finding.severity == "error" for finding in findings):
        return {}, findings
    wanted = channels or max(_colours(one.pixels) for one in images)
    for part, some in read.items():
        if not some:
            raise DataError(f"{folders[part]}: there is no image in this folder")
        labels = [one.label for one in some]
        fitted = np.stack([_fitted(one.pixels, size, wanted) for one in some])
        stacks[part] = Stack.of(fitted, labels if all(labels) else None)
    if any(stack.labels is None for stack in stacks.values()):
        stacks = {part: Stack.of(stack.pixels, None) for part, stack in stacks.items()}
    return stacks, findings


@dataclass(frozen=True)
class _Read:
    where: str
    label: str
    pixels: Pixels


def _read_all(folder: Path, findings: list[Finding]) -> list[_Read]:
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
            return _Read(where, inner.parts[0] if len(inner.parts) > 1 else "", read_image(path))
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
    deep = [one for one in images if one.pixels.dtype != np.uint8]
    if not deep:
        return []
    what = f"pixels of {deep[0].pixels.dtype.itemsize * 8} bits, expected 8" + _and_more(len(deep))
    return [Finding("error", deep[0].where, what, "save it with 8 bits a channel")]


def _colour_findings(images: Sequence[_Read], channels: int | None) -> list[Finding]:
    odd = [one for one in images if one.pixels.shape[2] > 4]
    if odd:
        what = f"{odd[0].pixels.shape[2]} channels, expected grey or colour" + _and_more(len(odd))
        return [Finding("error", odd[0].where, what, "save it in grey or in RGB")]
    found = []
    by_colour = {number: [one for one in images if _colours(one.pixels) == number] for number in (1, 3)}
    if by_colour[1] and by_colour[3] and channels is None:
        few = min(by_colour, key=lambda number: len(by_colour[number]))
        kinds = {1: "grey", 3: "in colour"}
        what = f"is {kinds[few]}, but most images are {kinds[4 - few]}" + _and_more(len(by_colour[few]))
        found.append(Finding("error", by_colour[few][0].where, what, "give {colour} grey, or rgb, to read all so"))
    clear = [one for one in images if one.pixels.shape[2] in (2, 4)]
    if clear:
        found.append(Finding("note", clear[0].where, "transparency is left out" + _and_more(len(clear))))
    return found


def _shape_findings(images: Sequence[_Read], size: int | None) -> list[Finding]:
    shapes = Counter(one.pixels.shape[:2] for one in images)
    if size is None and len(shapes) > 1:
        (height, width), _ = shapes.most_common(1)[0]
        other = next(one for one in images if one.pixels.shape[:2] != (height, width))
        tall, wide = other.pixels.shape[:2]
        what = f"{wide} x {tall} pixels, but most images have {width} x {height}" + _and_more(
            len(images) - shapes[height, width]
        )
        return [Finding("error", other.where, what, "give {resize} 64, or another size, to cut and scale all to")]
    small = [one for one in images if size is not None and min(one.pixels.shape[:2]) < size // 2]
    if small:
        tall, wide = small[0].pixels.shape[:2]
        what = f"{wide} x {tall} pixels, enlarged to {size} x {size}" + _and_more(len(small))
        return [Finding("warning", small[0].where, what, "a smaller {resize} loses nothing")]
    return []


def _and_more(count: int) -> str:
    """How many others are like the first."""
    return f" (and {count - 1:,} more)" if count > 1 else ""


def _colours(pixels: Pixels) -> int:
    """Channels without transparency."""
    return 1 if pixels.shape[2] < 3 else 3


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
