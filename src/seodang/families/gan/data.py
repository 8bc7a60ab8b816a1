"""Images to learn from: read, checked, brought to one size, split, and kept in memory as they are."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seodang.core.errors import DataError, SettingsError
from seodang.core.values import Finding
from seodang.data.image_stacks import ImageStack
from seodang.data.named import load_named, looks_like_path, names
from seodang.data.records import counted, listed
from seodang.data.splits import assign
from seodang.data.tables import check_exists
from seodang.families.gan.folder import Stack, stack_folder
from seodang.families.gan.settings import GanSettings

SIZES = range(28, 129, 4)
"""Heights that can be halved twice at least."""
NINE_TO_ONE: Mapping[str, float] = {"train": 0.9, "test": 0.1}
FEWEST = 40  # training images: one half of them is held against the other
MOST_BYTES = 8 << 30  # of all images together
FEW_OF_A_CLASS = 10


@dataclass(frozen=True)
class Part:
    """Some of the images."""

    images: Tensor
    """(images, channels, size, size), uint8."""
    classes: Tensor
    """(images,), int64; 0 where there are no classes."""


@dataclass(frozen=True)
class GanData:
    """Images of one size, in a training and a test part."""

    source: str
    named: bool
    """Whether the source is a named data set, and no folder that happens to have its name."""
    train: Part
    test: Part
    class_names: tuple[str, ...]
    """Of the classes, in order; empty where there are none to tell apart."""
    notes: tuple[str, ...]
    licence: str = ""

    @property
    def size(self) -> int:
        """Height and width."""
        return int(self.train.images.shape[2])

    @property
    def channels(self) -> int:
        """1 or 3."""
        return int(self.train.images.shape[1])

    def checksum(self) -> str:
        """A hash of every pixel and class, by part."""
        whole = hashlib.blake2b("\0".join(self.class_names).encode(), digest_size=16)
        for part in (self.train, self.test):
            whole.update(f"{tuple(part.images.shape)}".encode())
            whole.update(part.images.numpy().data)
            whole.update(part.classes.numpy().data)
        return whole.hexdigest()


def read_data(source: str, settings: GanSettings) -> GanData:
    """Read, check and split all images.

    Raises: DataError: The first thing that is wrong; `check` tells all.
    """
    stacks, findings, licence = read_stacks(source, settings)
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        more = f" ({len(errors) - 1:,} more: seodang check gan {source})" if len(errors) > 1 else ""
        first = errors[0]
        raise DataError(f"{first.where}: {first.what}" + (f"; {first.fix}" if first.fix else "") + more, settings=_SPELLED)
    notes = tuple(f"{finding.where}: {finding.what}" for finding in findings)
    parts = split_stacks(stacks)
    class_names = _class_names(stacks)
    class_names = class_names if len(class_names) > 1 else ()
    train, test = (_part(parts[part], class_names) for part in ("train", "test"))
    return GanData(Path(source).name, _is_named(source), train, test, class_names, notes, licence)


_SPELLED = ("resize", "colour", "conditional")  # settings that findings speak of


def read_stacks(source: str, settings: GanSettings) -> tuple[dict[str, Stack], list[Finding], str]:
    """All images of a source by part, "all" without a split of its own; everything noticed; the licence."""
    licence = ""
    _check_size(settings.data.resize)
    if _is_named(source):
        stacks, findings, licence = _named(source, settings)
    else:
        check_exists(Path(source))
        stacks, findings = stack_folder(Path(source), settings.data.resize, channels_of(settings))
    if any(finding.severity == "error" for finding in findings):
        return stacks, findings, licence
    findings.append(Finding("note", source, _described(stacks)))
    findings += _size_findings(stacks, source)
    findings += _class_findings(stacks, source, settings.data.conditional)
    return stacks, findings, licence


def _described(stacks: Mapping[str, Stack]) -> str:
    """How many images of which kind there are."""
    _, height, width, channels = next(iter(stacks.values())).pixels.shape
    count = sum(len(stack.pixels) for stack in stacks.values())
    return f"{counted(count, 'image')} of {width} x {height} pixels, {'grey' if channels == 1 else 'in colour'}"


def _is_named(source: str) -> bool:
    return not Path(source).exists() and not looks_like_path(source)


def _check_size(resize: int | None) -> None:
    """Before images are read. Raises: SettingsError: No generator makes images of this size."""
    if resize is not None and resize not in SIZES:
        near = " or ".join(str(size) for size in SIZES if abs(size - resize) < SIZES.step)
        message = f"{{resize}} must be a multiple of {SIZES.step}, got {resize}; give {near}."
        raise SettingsError(message, settings=("resize",), value=resize)


def channels_of(settings: GanSettings) -> int | None:
    """How many are asked for."""
    return {None: None, "grey": 1, "rgb": 3}[settings.data.colour]


def as_tensor(pixels: NDArray[np.uint8]) -> Tensor:
    """(images, height, width, channels) to (images, channels, height, width), with channels first in memory."""
    return torch.from_numpy(pixels.transpose(0, 3, 1, 2).copy())


def split_stacks(stacks: Mapping[str, Stack]) -> dict[str, Stack]:
    """Training and test; nine to one by a hash of the pixels where the source does not part them: equals stay together."""
    if "all" not in stacks:
        return dict(stacks)
    whole = stacks["all"]
    keys = [hashlib.blake2b(image.tobytes(), digest_size=16).hexdigest() for image in whole.pixels]
    parts = assign(keys, NINE_TO_ONE)
    if (parts == "test").all() or (parts == "train").all():  # as happens to few images
        parts = np.array(["train"] * len(keys))
        parts[np.argsort(keys)[: max(1, len(keys) // 10)]] = "test"
    return {part: whole.chosen(parts == part) for part in NINE_TO_ONE}


def _named(name: str, settings: GanSettings) -> tuple[dict[str, Stack], list[Finding], str]:
    read = load_named(name)
    stacks = {}
    for part, some in read.parts.items():
        if not isinstance(some, ImageStack):
            raise DataError(f"data set {name} has no images to learn from; such are {', '.join(names(task='images'))}")
        stacks[part] = Stack.of(some.pixels, some.labels).brought_to(settings.data.resize, channels_of(settings))
    return stacks, [Finding("note", name, note) for note in read.notes], read.licence


def _size_findings(stacks: Mapping[str, Stack], source: str) -> list[Finding]:
    height, width = next(iter(stacks.values())).pixels.shape[1:3]
    count, learned = sum(len(stack.pixels) for stack in stacks.values()), len(split_stacks(stacks)["train"].pixels)
    found = []
    if height != width or height not in SIZES:
        near = min(SIZES, key=lambda size: (abs(size - min(height, width)), -size))
        what = f"images are {width} x {height} pixels, expected them square with sides from 28 to 128 that 4 divides"
        found.append(Finding("error", source, what, f"give {{resize}} {near}"))
    if learned < FEWEST:
        what = f"{counted(count, 'image')}, {learned} to learn from, expected {FEWEST} at least, and hundreds for anything new"
        found.append(Finding("error", source, what, "add images"))
    total = sum(stack.pixels.nbytes for stack in stacks.values())
    if total > MOST_BYTES:
        what = f"images take {total / 2**30:.1f} GiB of memory, at most {MOST_BYTES >> 30} are kept"
        found.append(Finding("error", source, what, "give a smaller {resize}, or fewer images"))
    return found


def _class_findings(stacks: Mapping[str, Stack], source: str, conditional: bool | None) -> list[Finding]:
    class_names = _class_names(stacks)
    if not class_names:
        what, fix = "the images have no classes", "leave out {conditional}, or put them into one folder a class"
        return [Finding("error", source, what, fix)] if conditional else [Finding("note", source, what)]
    if len(class_names) == 1:
        what, fix = f"all images are of one class, {class_names[0]}", "leave out {conditional}"
        return [Finding("error", source, what, fix)] if conditional else [Finding("note", source, what)]
    counts = {name: sum((stack.labels or ()).count(name) for stack in stacks.values()) for name in class_names}
    found = [Finding("note", source, f"{len(class_names)} classes: " + _listed(counts))]
    unlearned = sorted({*class_names} - set(split_stacks(stacks)["train"].labels or ()))
    if unlearned and conditional is not False:
        what, fix = f"no image to learn from in class {listed(unlearned)}", "add images of it, or remove it"
        found.append(Finding("error", source, what, fix))
    few = {name: count for name, count in counts.items() if count < FEW_OF_A_CLASS}
    if few and conditional is not False:
        found.append(Finding("warning", source, "classes of few images: " + _listed(few), "add images of them"))
    return found


def _listed(counts: Mapping[str, int], most: int = 12) -> str:
    shown = [f"{name} ({count:,})" for name, count in list(counts.items())[:most]]
    return ", ".join(shown) + (f" and {len(counts) - most:,} more" if len(counts) > most else "")


def _class_names(stacks: Mapping[str, Stack]) -> tuple[str, ...]:
    """All classes, numbers by their value."""
    found = {label for stack in stacks.values() for label in stack.labels or ()}
    return tuple(sorted(found, key=lambda name: (0, int(name), name) if name.isascii() and name.isdigit() else (1, 0, name)))


def _part(stack: Stack, class_names: Sequence[str]) -> Part:
    numbers = {name: number for number, name in enumerate(class_names)}
    classes = [numbers.get(label, 0) for label in stack.labels or [""] * len(stack.pixels)]
    return Part(as_tensor(stack.pixels), torch.tensor(classes, dtype=torch.int64))
