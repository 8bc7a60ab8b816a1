"""Images with their masks: found, looked at once from end to end, checked, split, and kept ready to be cut into pieces."""

from __future__ import annotations

import hashlib
from collections import OrderedDict, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import numpy as np

from seodang.core.errors import DataError
from seodang.core.values import Finding
from seodang.data.images import Drawn, Pixels, read_drawn, read_image
from seodang.data.records import counted, listed
from seodang.data.splits import PARTS, complete_parts
from seodang.families.segmentation.masks import Classes, MaskCode, MaskValues, recognise
from seodang.families.segmentation.pairs import Pair, find_pairs
from seodang.families.segmentation.scaling import PIXELS_AT_ONCE, Moments
from seodang.families.segmentation.settings import SegmentationSettings

KEPT_BYTES = 2 << 30
"""Of images and masks that stay in memory; others are read again whenever they are wanted."""
LOOKING_THREADS = 4  # unpacking is done outside Python's lock
RARE_SHARE, RARE_MASKS = 1e-4, 0.1  # a class with less of all pixels, in less of all masks, may be none
FEWEST_TESTED = 5  # images tell little about others when they are fewer
_NAMED, _LONG = 3, 200  # names in a finding, and letters of each
_MANY_VALUES = 64  # a photograph has more, a mask has fewer


class Labelled(NamedTuple):
    """One image with its true classes."""

    name: str
    image: Pixels
    classes: Classes


@dataclass(frozen=True)
class Seen:
    """What one pair looks like."""

    pair: Pair
    shape: tuple[int, int, int]
    """Height, width and channels of the image."""
    depth: str
    """Its type: "uint8", "uint16" or "float32"."""
    digest: str
    """Of the image's pixels and the mask's values."""
    image_digest: str
    values: MaskValues
    moments: Moments
    many_values: bool
    """Whether the image has more grey values than masks have."""


@dataclass(frozen=True)
class SegmentationData:
    """Pairs of each part, what masks mean, and what was noticed."""

    source: str
    parts: Mapping[str, tuple[Seen, ...]]
    code: MaskCode
    notes: tuple[str, ...]
    licence: str = ""
    store: PictureStore = field(default_factory=lambda: PictureStore(KEPT_BYTES), compare=False)

    def checksum(self) -> str:
        """A hash of every pixel, by name and part."""
        whole = hashlib.blake2b(digest_size=16)
        for part in PARTS:
            for seen in self.parts[part]:
                whole.update(f"{part}\0{seen.pair.name}\0{seen.digest}\n".encode())
        return whole.hexdigest()

    def picture(self, seen: Seen) -> tuple[Pixels, Classes]:
        """An image, (height, width, channels), and the class of each pixel, (height, width)."""
        return self.store.picture(seen.pair, self.code)


class PictureStore:
    """Pictures that were read not long ago."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes, self.bytes = most_bytes, 0
        self.kept: OrderedDict[Pair, tuple[Pixels, Classes]] = OrderedDict()
        self.lock = Lock()

    def picture(self, pair: Pair, code: MaskCode) -> tuple[Pixels, Classes]:
        """A picture from memory, or from its files."""
        with self.lock:
            if pair in self.kept:
                self.kept.move_to_end(pair)
                return self.kept[pair]
        found = read_image(pair.image), code.read(read_drawn(pair.mask))
        self.keep(pair, found)
        return found

    def keep(self, pair: Pair, found: tuple[Pixels, Classes]) -> None:
        """Remember a picture, and forget those not asked for longest when there are too many."""
        with self.lock:
            if pair not in self.kept:
                self.kept[pair] = found
                self.bytes += _bytes(found)
            while self.bytes > self.most_bytes and len(self.kept) > 1:
                self.bytes -= _bytes(self.kept.popitem(last=False)[1])


class Glance:
    """Pictures as they were read while looking, before it is known what masks mean; no more than fit."""

    def __init__(self, most_bytes: int) -> None:
        self.left = most_bytes
        self.pictures: dict[Pair, tuple[Pixels, Drawn]] = {}
        self.lock = Lock()

    def keep(self, pair: Pair, image: Pixels, drawn: Drawn) -> None:
        """Remember a picture if there is room."""
        with self.lock:
            self.left -= image.nbytes + drawn.values.nbytes
            if self.left >= 0:
                self.pictures[pair] = image, drawn

    def move_to(self, store: PictureStore, code: MaskCode) -> None:
        """Hand all pictures over, now that it is known."""
        while self.pictures:
            pair, (image, drawn) = self.pictures.popitem()
            store.keep(pair, (image, code.read(drawn)))


def read_data(source: str, settings: SegmentationSettings) -> SegmentationData:
    """Find, look at and split all pairs.

    Raises: DataError: The first thing that is wrong; `check` tells all.
    """
    glance = Glance(KEPT_BYTES)
    looked = look(source, settings, glance)
    errors = [finding for finding in looked.findings if finding.severity == "error"]
    if errors:
        more = f" ({len(errors) - 1:,} more: seodang check segmentation {source})" if len(errors) > 1 else ""
        first = errors[0]
        raise DataError(
            f"{first.where}: {first.what}; {first.fix}{more}" if first.fix else f"{first.where}: {first.what}{more}"
        )
    assert looked.code is not None, "without a code there is an error"
    parts = split_pairs(looked.seen)
    notes = tuple(f"{finding.where}: {finding.what}" for finding in looked.findings if finding.severity != "error")
    data = SegmentationData(looked.name or Path(source).name, parts, looked.code, notes, looked.licence)
    glance.move_to(data.store, data.code)
    return data


@dataclass(frozen=True)
class Looked:
    """Every pair that can be read, by part, and everything noticed."""

    seen: Mapping[str, tuple[Seen, ...]]
    code: MaskCode | None
    findings: tuple[Finding, ...]
    name: str = ""
    licence: str = ""


def look(source: str, settings: SegmentationSettings, glance: Glance | None = None) -> Looked:
    """Read every image and mask once.

    Args: glance: Keeps the pictures; without, they are forgotten.
    Raises: DataError: There are none.
    """
    masks = Path(settings.data.masks) if settings.data.masks else None
    pairs = find_pairs(source, masks)
    findings = list(pairs.findings)
    seen: dict[str, tuple[Seen, ...]] = {}
    for part, some in pairs.parts.items():
        with ThreadPoolExecutor(LOOKING_THREADS) as pool:
            results = list(pool.map(partial(_look_at, glance=glance), some))
        seen[part] = tuple(result for result in results if isinstance(result, Seen))
        findings += [result for result in results if isinstance(result, Finding)]
    everything = [one for some in seen.values() for one in some]
    if not everything:
        return Looked(seen, None, tuple(findings), pairs.name, pairs.licence)
    swapped = list(_swapped(everything))
    findings += swapped
    findings += _twins(seen)
    code: MaskCode | None = None
    try:
        code = recognise([one.values for one in everything], settings.data.class_names, settings.data.ignored_value)
    except DataError as error:
        findings += [Finding("error", source, str(error))] * (not swapped)
    if code is not None:
        findings.append(Finding("note", source, f"masks are read as {code.described()}: {code.paired()}"))
        findings += _rare(everything, code)
        findings += _empty(everything, code)
    findings.append(Finding("note", source, _described(everything)))
    findings += _channels(everything)
    findings += _too_few(seen, source)
    ordered = tuple(sorted(findings, key=lambda one: ("error", "warning", "note").index(one.severity)))
    return Looked(seen, code, ordered, pairs.name, pairs.licence)


def labelled_images(source: str, settings: SegmentationSettings, code: MaskCode) -> Iterator[Labelled]:
    """All images of another source, with the classes that training found in its masks.

    Raises: DataError: Something is wrong with a pair, or a mask has a value that is no class.
    """
    pairs = find_pairs(source, Path(settings.data.masks) if settings.data.masks else None)
    errors = [finding for finding in pairs.findings if finding.severity == "error"]
    if errors:
        raise DataError(f"{errors[0].where}: {errors[0].what}; {errors[0].fix}")
    for pair in (pair for some in pairs.parts.values() for pair in some):
        image, drawn = read_image(pair.image), read_drawn(pair.mask)
        where = f"{pair.mask.parent.name}/{pair.mask.name}"
        if image.shape[:2] != drawn.values.shape[:2]:
            found = _size_finding(where, pair, image, drawn.values)
            raise DataError(f"{found.where}: {found.what}; {found.fix}")
        try:
            yield Labelled(pair.name, image, code.read(drawn))
        except DataError as error:
            raise DataError(f"{where}: {error}") from error


def split_pairs(seen: Mapping[str, Sequence[Seen]]) -> dict[str, tuple[Seen, ...]]:
    """Training, validation and test, by a hash of the name; parts that the source has stay as they are."""
    return complete_parts(seen, lambda one: one.pair.name, lambda one: one.image_digest)


def _too_few(seen: Mapping[str, Sequence[Seen]], source: str) -> Iterator[Finding]:
    parts = split_pairs(seen)
    for part, some in parts.items():
        if not some:
            what = f"the {part} part gets none of {counted(sum(map(len, parts.values())), 'image')}"
            yield Finding("error", source, what, "add images, three different ones at least are needed")
            return
    if len(parts["test"]) < FEWEST_TESTED:
        what = f"the test part gets {counted(len(parts['test']), 'image')}, which will tell little about others"
        yield Finding("warning", source, what, "add images, or test on others: seodang evaluate")


def _look_at(pair: Pair, glance: Glance | None) -> Seen | Finding:
    where = f"{pair.image.parent.name}/{pair.image.name}"
    try:
        image = read_image(pair.image)
        where = f"{pair.mask.parent.name}/{pair.mask.name}"
        drawn = read_drawn(pair.mask)
        values = MaskValues.of(drawn)
    except DataError as error:
        what = str(error).removeprefix(pair.image.name).removeprefix(pair.mask.name).strip()
        return Finding("error", where, what)
    if image.shape[:2] != drawn.values.shape[:2]:
        return _size_finding(where, pair, image, drawn.values)
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        where = f"{pair.image.parent.name}/{pair.image.name}"
        return Finding("error", where, "has pixels that are no finite number", "repair or remove it")
    if glance is not None:
        glance.keep(pair, image, drawn)
    flat = image.reshape(-1, image.shape[2])
    pixels = _hashed(image)
    image_digest = pixels.hexdigest()
    pixels.update(drawn.values.tobytes())
    return Seen(
        pair,
        (image.shape[0], image.shape[1], image.shape[2]),
        image.dtype.name,
        pixels.hexdigest(),
        image_digest,
        values,
        Moments.of(image),
        len(np.unique(flat[:PIXELS_AT_ONCE, 0])) > _MANY_VALUES,
    )


def image_digest(image: Pixels) -> str:
    """Of an image's pixels."""
    return _hashed(image).hexdigest()


def _hashed(image: Pixels) -> hashlib.blake2b:
    pixels = hashlib.blake2b(f"{image.shape} {image.dtype.name}".encode(), digest_size=16)
    pixels.update(image.tobytes())
    return pixels


def _size_finding(where: str, pair: Pair, image: Pixels, mask: Pixels) -> Finding:
    (height, width), (tall, wide) = image.shape[:2], mask.shape[:2]
    lying = (height, width) == (wide, tall)
    what = f"{wide} x {tall} pixels, but {pair.image.name} has {width} x {height}" + (
        " (one lies on its side)" if lying else ""
    )
    return Finding("error", where, what, "export both in one size and the same way up")


def _swapped(seen: Sequence[Seen]) -> Iterator[Finding]:
    drawn_images = sum(not one.many_values for one in seen)
    painted_masks = sum(len(one.values.values) > _MANY_VALUES for one in seen)
    if drawn_images > len(seen) / 2 and painted_masks > len(seen) / 2:
        folders = f"{seen[0].pair.image.parent.name}/ and {seen[0].pair.mask.parent.name}/"
        what = "images look like masks and masks like images"
        yield Finding("error", folders, what, "swap the two folders")


def _twins(seen: Mapping[str, Sequence[Seen]]) -> Iterator[Finding]:
    """Images that stand in two parts, and those that stand twice in one source, which goes to one part."""
    where: dict[str, list[tuple[str, Seen]]] = defaultdict(list)
    for part, some in seen.items():
        for one in some:
            where[one.image_digest].append((part, one))
    groups = [group for group in where.values() if len(group) > 1]
    across = [group for group in groups if len({part for part, _ in group}) > 1]
    for group in across:
        names = listed([f"{part}/{one.pair.image.name}" for part, one in group], _NAMED, _LONG)
        yield Finding("error", names, "the same image in several parts", "keep it in one of them")
    within = [group for group in groups if group not in across]
    if within:
        names = listed([" = ".join(one.pair.image.name for _, one in group) for group in within], _NAMED, _LONG)
        yield Finding("warning", names, f"{counted(len(within), 'image')} there more than once; they stay in one part")


def _empty(seen: Sequence[Seen], code: MaskCode) -> Iterator[Finding]:
    empty = [one for one in seen if set(one.values.as_code(code)) <= {0, None}]
    if empty:
        names = listed([one.pair.mask.name for one in empty], _NAMED, _LONG)
        yield Finding("warning", names, f"{counted(len(empty), 'mask')} all background", "fine where there is nothing to find")


def _rare(seen: Sequence[Seen], code: MaskCode) -> Iterator[Finding]:
    """Classes of hardly a pixel, which a slip of the pen or a resized mask makes."""
    pixels = np.zeros(code.num_classes, np.int64)
    masks: dict[int, list[str]] = defaultdict(list)
    for one in seen:
        for number, count in zip(one.values.as_code(code), one.values.counts.tolist(), strict=True):
            if number is not None:
                pixels[number] += count
                masks[number].append(one.pair.mask.name)
    for number, names in masks.items():
        if pixels[number] < RARE_SHARE * pixels.sum() and len(names) <= RARE_MASKS * len(seen):
            what = f"{code.names[number]} has {counted(int(pixels[number]), 'pixel')} in {counted(len(names), 'mask')}"
            yield Finding("warning", listed(names, _NAMED, _LONG), what, "repair these masks if it is none")


def _described(seen: Sequence[Seen]) -> str:
    """How many images there are, and what they are like."""
    kinds = sorted({f"{one.shape[2]} x {one.depth}" for one in seen})
    heights, widths = (sorted(one.shape[axis] for one in seen) for axis in (0, 1))
    sizes = (
        f"{widths[0]} x {heights[0]}"
        if (widths[0], heights[0]) == (widths[-1], heights[-1])
        else (f"{widths[0]} to {widths[-1]} wide and {heights[0]} to {heights[-1]} high")
    )
    return f"{counted(len(seen), 'image')} of {sizes}, channels {', '.join(kinds)}"


def _channels(seen: Sequence[Seen]) -> Iterator[Finding]:
    by_count: dict[tuple[int, str], list[str]] = defaultdict(list)
    for one in seen:
        by_count[one.shape[2], one.depth].append(one.pair.image.name)
    usual = max(by_count, key=lambda kind: len(by_count[kind]))
    others = listed([name for kind, names in by_count.items() if kind != usual for name in names], _NAMED, _LONG)
    if len({depth for _, depth in by_count}) > 1:
        kinds = ", ".join(f"{len(names):,} of {channels} channels of {depth}" for (channels, depth), names in by_count.items())
        yield Finding("error", others, f"images of different depths: {kinds}", "export all with equally many bits")
    elif len(by_count) > 1 and not {channels for channels, _ in by_count} <= {1, 2, 3, 4}:
        kinds = ", ".join(f"{len(names):,} of {channels}" for (channels, _), names in by_count.items())
        yield Finding("error", others, f"images of different numbers of channels: {kinds}", "export all with equally many")
    elif len(by_count) > 1:
        kinds = ", ".join(f"{len(names):,} of {channels}" for (channels, _), names in by_count.items())
        yield Finding("note", "images", f"of different numbers of channels ({kinds}); all are read as RGB")


def _bytes(picture: tuple[Pixels, Classes]) -> int:
    return int(picture[0].nbytes + picture[1].nbytes)
