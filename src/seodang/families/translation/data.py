"""Images of both kinds: found, read once from end to end, checked, split, and kept in memory."""

from __future__ import annotations

import hashlib
import shlex
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from seodang.core.errors import DataError
from seodang.core.values import Finding
from seodang.data.image_strips import halves
from seodang.data.images import Pixels, read_image
from seodang.data.records import counted, listed
from seodang.data.splits import PARTS, complete_parts
from seodang.families.translation.piles import Found, Piles, View, find_piles
from seodang.families.translation.pixels import Kind, middle_square, to_tensor
from seodang.families.translation.settings import DataSettings, TranslationSettings

MOST_BYTES = 4 << 30
"""Of all images together, which stay in memory; more are refused."""
LEAST_SIDE, MOST_SIDE = 16, 1024  # of an image that is learned from
READING_THREADS = 4  # unpacking is done outside Python's lock
FEWEST_OF_PILE = 2  # images that can be compared as a crowd
FEWEST_TESTED = 5  # images tell little about others when they are fewer
MOST_UPRIGHT = 1.5  # times as high as wide, that a half of a strip usually is
SAME_SHAPE = 0.02  # part by which the proportions of a pair may differ where both are resized
_NAMED, _LONG = 3, 200  # names in a finding, and letters of each
RESIZED = "give {resize} the size that all are to have"
SCALED = f"bring all to one size of {LEAST_SIDE} to {MOST_SIDE} pixels: {{resize}} stays as it was in training"


class Picture(NamedTuple):
    """One image as it is kept."""

    name: str
    where: str
    pixels: Tensor
    """(channels, height, width), uint8, or from -1 to 1 where it has 16 bits."""
    size: tuple[int, int]
    """Height and width in the file."""
    kind: Kind
    digest: str


Sides = tuple[tuple[Picture, ...], tuple[Picture, ...]]
"""Sources and targets."""


class Pair(NamedTuple):
    """A source and its target."""

    source: Picture
    target: Picture

    @property
    def name(self) -> str:
        """What both are called."""
        return self.source.name

    @property
    def digest(self) -> str:
        """Of the source: two pairs of one source must not be parted."""
        return self.source.digest


@dataclass(frozen=True)
class Part:
    """The images of training, validation or test; with pairs, row for row."""

    names: tuple[str, ...]
    """Of the sources."""
    sources: Tensor
    """(images, channels, height, width), uint8, or from -1 to 1 where they have 16 bits."""
    targets: Tensor
    digests: tuple[str, ...]
    """Of the sources."""
    source_kind: Kind
    target_kind: Kind

    def __len__(self) -> int:
        return len(self.sources)


@dataclass(frozen=True)
class TranslationData:
    """Images of each part, what they have in common, and what was noticed."""

    source: str
    parts: Mapping[str, Part]
    digest: str
    notes: tuple[str, ...]
    licence: str = ""

    @property
    def source_kind(self) -> Kind:
        """Of all sources."""
        return self.parts["train"].source_kind

    @property
    def target_kind(self) -> Kind:
        """Of all targets."""
        return self.parts["train"].target_kind

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of all images."""
        height, width = self.parts["train"].sources.shape[-2:]
        return height, width


@dataclass(frozen=True)
class Looked:
    """Every image that can be read, by part, and everything noticed."""

    pictures: Mapping[str, Sides]
    findings: tuple[Finding, ...]
    strips: bool
    """Whether two of them are in one file."""
    name: str = ""
    licence: str = ""

    @property
    def errors(self) -> list[Finding]:
        """What stops training."""
        return [finding for finding in self.findings if finding.severity == "error"]


def read_data(source: str, settings: TranslationSettings) -> TranslationData:
    """Find, read and split all images.

    Raises: DataError: The first thing that is wrong; `check` tells all.
    """
    looked = look(source, settings)
    refuse_errors(looked.errors, source, settings)
    return put_together(looked, source, settings)


def put_together(looked: Looked, source: str, settings: TranslationSettings) -> TranslationData:
    """The images of a source without errors, split."""
    split = split_pictures(looked.pictures, settings.data.unpaired)
    parts = {part: _stacked(*split[part]) for part in PARTS}
    notes = tuple(f"{finding.where}: {finding.what}" for finding in looked.findings if finding.severity != "error")
    return TranslationData(looked.name or Path(source).name, parts, _digest(split), notes, looked.licence)


def read_others(source: str, settings: TranslationSettings, *, strips: bool = True) -> Part:
    """All images of another source, to measure on.

    Args: strips: Whether two of them may be in one file; in a named data set they may.
    Raises: DataError: Something is wrong with one of them.
    """
    looked = look(source, settings, training=False)
    if looked.strips and not strips and not looked.name:
        raise DataError(
            f"{source}: this run learned from a folder whose answers lie in another; give {{targets}} the folder of the "
            "answers to these",
            settings=("targets",),
        )
    refuse_errors(looked.errors, source, settings)
    sources = [picture for pictures, _ in looked.pictures.values() for picture in pictures]
    targets = [picture for _, pictures in looked.pictures.values() for picture in pictures]
    if settings.data.unpaired and min(len(sources), len(targets)) < FEWEST_OF_PILE:
        have = f"{counted(len(sources), 'source')} and {counted(len(targets), 'target')}"
        raise DataError(f"{source}: {have}; {FEWEST_OF_PILE} of each at least can be compared as crowds")
    return _stacked(sources, targets)


def refuse_errors(errors: Sequence[Finding], source: str, settings: TranslationSettings) -> None:
    """Raises: DataError: There is an error; names the first, and how to see all."""
    if not errors:
        return
    more = f" ({len(errors) - 1:,} more: {_check_command(source, settings.data)})" if len(errors) > 1 else ""
    first = errors[0]
    what = f"{first.where}: {first.what}; {first.fix}{more}" if first.fix else f"{first.where}: {first.what}{more}"
    raise DataError(what, settings=("resize",))


def _check_command(source: str, settings: DataSettings) -> str:
    """What tells all that is wrong, as it is typed."""
    words = ["seodang", "check", "translation", source]
    for leaf in settings.leaves():
        value = getattr(settings, leaf.name)
        if value != leaf.default:
            words += [f"--{leaf.name.replace('_', '-')}", *([] if value is True else [str(value)])]
    return shlex.join(words)


def look(source: str, settings: TranslationSettings, *, training: bool = True) -> Looked:
    """Read every image once.

    Args: training: Whether they are to be learned from, so that a few are too few and settings may be changed for them.
    Raises: DataError: There are none.
    """
    found = find_piles(source, settings.data)
    fix = RESIZED if training else SCALED
    remedy = "give {resize} a smaller size, or fewer images" if training else "give fewer images"
    _check_room(found, settings.data.resize, remedy)
    findings = list(found.findings)
    pictures: dict[str, Sides] = {}
    for part, piles in found.parts.items():
        read, wrong = _read_piles(piles, settings.data.resize, settings.data.unpaired, fix)
        findings += wrong
        pictures[part] = read
    sources, targets = ([picture for piles in pictures.values() for picture in piles[side]] for side in (0, 1))
    findings += _tall_halves(sources, found, source)
    findings += _unlike(sources, "sources")
    findings += _unlike(targets, "targets")
    if sources and targets:
        findings += _sizes([*sources, *targets], fix)
        findings += _twins(pictures)
        findings.append(Finding("note", source, _described(sources, targets, settings.data.unpaired)))
        if training:
            findings += _too_few(pictures, settings.data.unpaired, source)
    ordered = tuple(sorted(findings, key=lambda one: ("error", "warning", "note").index(one.severity)))
    strips = any(view.half != "whole" for piles in found.parts.values() for view in piles.sources)
    return Looked(pictures, ordered, strips, found.name, found.licence)


def split_pictures(pictures: Mapping[str, Sides], unpaired: bool) -> dict[str, Sides]:
    """Training, validation and test, by a hash of the name; two piles without pairs each by themselves."""
    if unpaired:
        piles = [
            complete_parts({part: some[side] for part, some in pictures.items()}, lambda one: one.name, lambda one: one.digest)
            for side in (0, 1)
        ]
        return {part: (piles[0][part], piles[1][part]) for part in PARTS}
    pairs = {part: [Pair(*pair) for pair in zip(*some, strict=True)] for part, some in pictures.items()}
    split = complete_parts(pairs, lambda one: one.name, lambda one: one.digest)
    return {part: (tuple(pair.source for pair in some), tuple(pair.target for pair in some)) for part, some in split.items()}


def _check_room(found: Found, resize: int | None, remedy: str) -> None:
    """Raises: DataError: More than `MOST_BYTES` would stay in memory, as the first image of each side tells."""
    taken, sides = 0, []
    for number, called in enumerate(("source", "target")):
        views = [view for piles in found.parts.values() for view in piles[number]]
        first = _first_readable(views)
        if first is not None:
            height, width = (resize, resize) if resize else first.shape[:2]
            taken += len(views) * height * width * first.shape[2] * (1 if first.dtype == np.uint8 else 4)
            sides.append(f"{counted(len(views), called)} of {width} x {height} pixels")
    if taken > MOST_BYTES:
        raise DataError(
            f"{' and '.join(sides)} take {taken / 2**30:.1f} GiB of memory; at most {MOST_BYTES >> 30} GiB are kept; {remedy}",
            settings=("resize",),
        )


def _first_readable(views: Sequence[View]) -> Pixels | None:
    """The first image that is not damaged; those that are are told of when all are read."""
    for view in views:
        with suppress(DataError):
            pixels = read_image(view.file)
            return pixels if view.half == "whole" else halves(pixels, view.file.name)[0]
    return None


def _read_piles(piles: Piles, resize: int | None, unpaired: bool, fix: str) -> tuple[Sides, list[Finding]]:
    """All images of a part that can be read; of pairs, those of which both can."""
    files: dict[Path, list[View]] = defaultdict(list)
    for view in (*piles.sources, *piles.targets):
        files[view.file].append(view)
    read: dict[View, Picture] = {}
    findings: list[Finding] = []
    with ThreadPoolExecutor(READING_THREADS) as pool:
        for some in pool.map(partial(_read_file, resize=resize, fix=fix), files.values()):
            for view, one in some:
                if isinstance(one, Picture):
                    read[view] = one
                elif one not in findings:
                    findings.append(one)
    if unpaired:
        sources, targets = (tuple(read[view] for view in side if view in read) for side in piles)
        return (sources, targets), findings
    pairs = []
    for source, target in zip(*piles, strict=True):
        if source in read and target in read:
            wrong = _unequal(read[source], read[target], resized=resize is not None)
            if wrong is None:
                pairs.append((read[source], read[target]))
            else:
                findings.append(wrong)
    return (tuple(source for source, _ in pairs), tuple(target for _, target in pairs)), findings


def _read_file(views: Sequence[View], resize: int | None, fix: str) -> list[tuple[View, Picture | Finding]]:
    """The images in one file. `fix` is what mends their size."""
    file = views[0].file
    place = f"{file.parent.name}/{file.name}"
    try:
        pixels = read_image(file)
        Kind.of(pixels)
        parts = {"whole": pixels}
        if views[0].half != "whole":
            parts["left"], parts["right"] = halves(pixels, file.name)
    except DataError as error:
        what = str(error).removeprefix(file.name).lstrip(": ")
        return [(view, Finding("error", place, what)) for view in views]
    return [(view, _kept(view, parts[view.half], resize, fix)) for view in views]


def _kept(view: View, pixels: Pixels, resize: int | None, fix: str) -> Picture | Finding:
    height, width = pixels.shape[:2]
    if resize is not None:
        pixels = middle_square(pixels, resize)
    elif min(height, width) < LEAST_SIDE or max(height, width) > MOST_SIDE:
        what = f"{width} x {height} pixels; expected sides of {LEAST_SIDE} to {MOST_SIDE}"
        return Finding("error", view.where, what, fix)
    digest = hashlib.blake2b(f"{pixels.shape} {pixels.dtype.name}".encode(), digest_size=16)
    digest.update(pixels.tobytes())
    return Picture(view.name, view.where, to_tensor(pixels), (height, width), Kind.of(pixels), digest.hexdigest())


def _unequal(source: Picture, target: Picture, *, resized: bool) -> Finding | None:
    """A pair whose images are not of one size or, where both were resized, of one shape."""
    (height, width), (tall, wide) = source.size, target.size
    if source.size == target.size or (resized and abs(height * wide / (width * tall) - 1) <= SAME_SHAPE):
        return None
    what = f"{wide} x {tall} pixels, but {source.where} has {width} x {height}; expected a pair of one size"
    return Finding("error", target.where, what, "export both in one size and the same way up")


def _sizes(pictures: Sequence[Picture], fix: str) -> Iterator[Finding]:
    by_size: dict[str, list[str]] = defaultdict(list)
    for one in pictures:
        by_size[_size(one)].append(one.where)
    if len(by_size) > 1:
        usual = max(by_size, key=lambda size: len(by_size[size]))
        others = [where for size, some in by_size.items() if size != usual for where in some]
        by_count = sorted(by_size.items(), key=lambda one: -len(one[1]))
        sizes = listed([f"{len(some):,} of {size}" for size, some in by_count], _NAMED)
        what = f"images of different sizes ({sizes}), where all must have one"
        yield Finding("error", listed(others, _NAMED, _LONG), what, fix)


def _tall_halves(sources: Sequence[Picture], found: Found, source: str) -> Iterator[Finding]:
    """Halves of what is likely no strip: two images of usual shapes side by side are wider than high."""
    strips = any(view.half != "whole" for piles in found.parts.values() for view in piles.sources)
    tall = [one for one in sources if one.size[0] > MOST_UPRIGHT * one.size[1]]
    if strips and tall:
        height, width = tall[0].size
        images = f"{counted(len(tall), 'image')} of {2 * width} x {height} pixels"
        what = f"cut in the middle, {images} give halves of {width} x {height}"
        yield Finding("warning", source, what, "if these are sources alone, give {targets} the folder of their answers")


def _unlike(pictures: Sequence[Picture], called: str) -> Iterator[Finding]:
    by_kind: dict[Kind, list[str]] = defaultdict(list)
    for one in pictures:
        by_kind[one.kind].append(one.where)
    if len(by_kind) > 1:
        usual = max(by_kind, key=lambda kind: len(by_kind[kind]))
        others = [where for kind, some in by_kind.items() if kind != usual for where in some]
        kinds = ", ".join(f"{len(some):,} with {kind}" for kind, some in by_kind.items())
        what = f"{called} of different kinds ({kinds}), where all must be alike"
        yield Finding("error", listed(others, _NAMED, _LONG), what, "save all with equally many channels and bits")


def _twins(pictures: Mapping[str, Sides]) -> Iterator[Finding]:
    """Sources that stand in two parts, and those that stand twice in one."""
    where: dict[str, list[tuple[str, Picture]]] = defaultdict(list)
    for part, (sources, _) in pictures.items():
        for one in sources:
            where[one.digest].append((part, one))
    groups = [group for group in where.values() if len(group) > 1]
    across = [group for group in groups if len({part for part, _ in group}) > 1]
    for group in across:
        names = listed([f"{part}/{one.name}" for part, one in group], _NAMED, _LONG)
        yield Finding("error", names, "the same source in several parts", "keep it in one of them")
    within = [group for group in groups if group not in across]
    if within:
        names = listed([" = ".join(one.name for _, one in group) for group in within], _NAMED, _LONG)
        yield Finding("warning", names, f"{counted(len(within), 'source')} there more than once; they stay in one part")


def _too_few(pictures: Mapping[str, Sides], unpaired: bool, source: str) -> Iterator[Finding]:
    split = split_pictures(pictures, unpaired)
    fewest = FEWEST_OF_PILE if unpaired else 1
    for side, called in enumerate(("source", "target") if unpaired else ("pair",)):
        counts = {part: len(some[side]) for part, some in split.items()}
        part = next((part for part, count in counts.items() if count < fewest), None)
        if part is not None:
            gets = f"{counts[part]} of them" if counts[part] else "none"
            what = f"{counted(sum(counts.values()), called)}, so the {part} part gets {gets}; each part needs {fewest} at least"
            yield Finding("error", source, what, f"add {called}s that differ from these")
            return
    small = {part: len(some[1]) for part, some in split.items() if part != "train" and len(some[1]) < FEWEST_TESTED}
    if small:
        called = "target" if unpaired else "pair"
        sizes = " and ".join(f"the {part} part gets {counted(count, called)}" for part, count in small.items())
        yield Finding("warning", source, f"{sizes}, which will tell little about others", "add images")


def _described(sources: Sequence[Picture], targets: Sequence[Picture], unpaired: bool) -> str:
    kinds = f"sources with {sources[0].kind}, targets with {targets[0].kind}"
    if unpaired:
        return f"{counted(len(sources), 'source')} and {counted(len(targets), 'target')} of {_size(sources[0])} pixels; {kinds}"
    return f"{counted(len(sources), 'pair')} of {_size(sources[0])} pixels; {kinds}"


def _size(picture: Picture) -> str:
    height, width = picture.pixels.shape[-2:]
    return f"{width} x {height}"


def _stacked(sources: Sequence[Picture], targets: Sequence[Picture]) -> Part:
    return Part(
        tuple(one.name for one in sources),
        torch.stack([one.pixels for one in sources]),
        torch.stack([one.pixels for one in targets]),
        tuple(one.digest for one in sources),
        sources[0].kind,
        targets[0].kind,
    )


def _digest(split: Mapping[str, Iterable[Sequence[Picture]]]) -> str:
    """A hash of every pixel, by name, part and side."""
    whole = hashlib.blake2b(digest_size=16)
    for part in PARTS:
        for number, side in enumerate(split[part]):
            for one in side:
                whole.update(f"{part}\0{number}\0{one.name}\0{one.digest}\n".encode())
    return whole.hexdigest()
