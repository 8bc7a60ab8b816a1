"""What the values of masks mean: which value, place in a palette or colour is which class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from seodang.core.errors import DataError
from seodang.data.images import Drawn, Pixels

Classes = NDArray[np.uint8]
"""(height, width), the number of the class of each pixel; `IGNORED` where nothing is known."""

IGNORED = 255
MOST_CLASSES = 64
Kind = Literal["two values", "class numbers", "grey values", "palette", "colours"]
_BLURRED = 32  # how far JPEG may carry a value of a black and white mask away from either end
_BLURRED_SHARE = 0.05  # of the pixels, at outlines, that may lie in between
_HALF = 128
_SHOWN = 8  # values in a message
_GREY = 0x010101  # times a value, the number of the colour that is as grey


@dataclass(frozen=True)
class MaskCode:
    """Classes by their value in mask files; the first is the background.

    For palettes and grey values a class is one number, for colours red * 65,536 + green * 256 + blue.
    """

    kind: Kind
    values: tuple[int, ...]
    names: tuple[str, ...]
    ignored: int | None
    """The value of pixels of which nothing is known."""
    blurred: bool = False
    """Whether masks are JPEG files, black and white up to what their compression blurs."""
    colours: tuple[tuple[int, int, int], ...] = ()
    """Of each class, where the masks tell."""

    @property
    def num_classes(self) -> int:
        """How many there are, the background among them."""
        return len(self.values)

    def read(self, drawn: Drawn) -> Classes:
        """The classes of a mask's pixels. Raises: DataError: It has values that are no class; names some."""
        if self.kind != "colours" and _has_colour(drawn):
            raise DataError(f"it has colours, and these masks have {self.described()}")
        if drawn.palette is not None and self.colours:
            self._check_palette(drawn.values, drawn.palette)
        numbers = _numbers(drawn, self.kind == "colours")
        if self.blurred and drawn.lossy:
            if not MaskValues.of(drawn).blurred:
                raise DataError("it is not black and white, as these masks are")
            return (numbers >= _HALF).astype(np.uint8)
        order = np.argsort(self.values)
        known = np.array(self.values)[order]
        places = np.searchsorted(known, numbers).clip(max=len(known) - 1)
        found = known[places] == numbers
        classes: Classes = order.astype(np.uint8)[places]
        if self.ignored is not None:
            nothing = numbers == self.ignored
            classes[nothing] = IGNORED
            found |= nothing
        if not found.all():
            strange = np.unique(numbers[~found])
            if self._is_other_white(strange) and not (numbers == self.values[1]).any():
                classes[~found] = 1
                return classes
            raise DataError(
                f"{_listed(strange, self.kind)} {'is' if len(strange) == 1 else 'are'} no class of the masks that were learned "
                f"from, which have {_listed(self.values, self.kind)}; write these masks like those"
            )
        return classes

    def _is_other_white(self, values: NDArray[np.int64]) -> bool:
        """Whether masks of two values have another usual one for what is not background."""
        return self.kind == "two values" and values.tolist() in ([1], [255])

    def _check_palette(self, places: Pixels, palette: NDArray[np.uint8]) -> None:
        for value, colour in zip(self.values, self.colours, strict=True):
            other = palette[value] if value < len(palette) else np.zeros(3, np.uint8)
            if (other != colour).any() and (places == value).any():
                raise DataError(
                    f"place {value} of its palette is {_hexadecimal(other)}, and {_hexadecimal(colour)} in these masks; "
                    "save all masks with one palette, or as RGB"
                )

    def to_json(self) -> dict[str, Any]:
        """For `preprocessing.json`."""
        return {
            "kind": self.kind,
            "values": list(self.values),
            "names": list(self.names),
            "ignored": self.ignored,
            "blurred": self.blurred,
            "colours": [list(colour) for colour in self.colours],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> MaskCode:
        """What `to_json` gave."""
        colours = tuple((int(r), int(g), int(b)) for r, g, b in value["colours"])
        values = tuple(int(one) for one in value["values"])
        return cls(value["kind"], values, tuple(value["names"]), value["ignored"], bool(value["blurred"]), colours)

    def described(self) -> str:
        """In words: what was recognised."""
        blurred = ", blurred by JPEG and cut at the middle" if self.blurred else ""
        ignored = "" if self.ignored is None else f"; {_named(self.ignored, self.kind)} is ignored"
        return f"{self.kind} ({_listed(self.values, self.kind)}){blurred}{ignored}"

    def paired(self) -> str:
        """Which value is which class, in words."""
        pairs = [f"{_named(value, self.kind)} {name}" for value, name in zip(self.values, self.names, strict=True)]
        return ", ".join(pairs[:_SHOWN]) + (f", ... ({len(pairs)} in all)" if len(pairs) > _SHOWN else "")


@dataclass(frozen=True)
class MaskValues:
    """What one mask holds, before all of them together tell the code."""

    values: NDArray[np.int64]
    counts: NDArray[np.int64]
    coloured: bool
    palette: NDArray[np.uint8] | None
    lossy: bool

    @classmethod
    def of(cls, drawn: Drawn) -> MaskValues:
        """Count the values of a mask."""
        coloured = _has_colour(drawn)
        numbers = _numbers(drawn, coloured)
        if numbers.max(initial=0) < 1 << 16:
            counts = np.bincount(numbers.ravel())
            values = np.flatnonzero(counts)
            counts = counts[values]
        else:
            values, counts = np.unique(numbers, return_counts=True)
        return cls(values, counts, coloured, drawn.palette, drawn.lossy)

    def as_colours(self) -> NDArray[np.int64]:
        """The values in the numbers of colours: a grey is a colour of three equal parts."""
        return self.values if self.coloured else self.values * _GREY

    def as_code(self, code: MaskCode) -> list[int | None]:
        """The class of each value; None for what is ignored."""
        if code.blurred:
            return [int(value >= _HALF) for value in self.values.tolist()]
        values = self.as_colours() if code.kind == "colours" else self.values
        places = {value: number for number, value in enumerate(code.values)}
        return [places.get(value) for value in values.tolist()]

    @property
    def blurred(self) -> bool:
        """Whether this is a black and white mask up to what JPEG makes of it."""
        if not self.lossy or self.coloured:
            return False
        between = (self.values > _BLURRED) & (self.values < 255 - _BLURRED)
        return bool(self.counts[between].sum() <= _BLURRED_SHARE * self.counts.sum())


def recognise(masks: Sequence[MaskValues], names: Sequence[str] = (), ignored: int | None = None) -> MaskCode:
    """The code of masks by the values of all of them.

    Args:
        masks: What each holds; one at least.
        names: Of the classes, the background first; made up where none are given.
        ignored: The value of pixels of which nothing is known, where the user says so.

    Raises: DataError: The values tell no code, or as many classes as there are names.
    """
    if all(mask.blurred for mask in masks):
        light = np.concatenate([mask.values for mask in masks]) >= _HALF
        if ignored is not None:
            raise DataError(f"the masks are JPEG files, which blur values, so {ignored} cannot be ignored; save them as PNG")
        if light.all() or not light.any():
            raise DataError(f"all masks hold {'white' if light.all() else 'black'} alone, so there is nothing to tell apart")
        return _named_code(MaskCode("two values", (0, 255), (), None, blurred=True), names)
    coloured = any(mask.coloured for mask in masks)
    values = np.unique(np.concatenate([mask.as_colours() if coloured else mask.values for mask in masks]))
    if ignored is not None:
        values = values[values != ignored]
    if len(values) > MOST_CLASSES:
        what = "colours" if coloured else "grey values"
        lossy = " JPEG blurs masks: save them as PNG." if any(mask.lossy for mask in masks) else ""
        raise DataError(
            f"the masks hold {len(values):,} different {what}, and at most {MOST_CLASSES} can be classes.{lossy} Are images "
            "and masks swapped, or is this no segmentation?"
        )
    if len(values) < 2:
        only = _named(int(values[0]), "colours" if coloured else "grey values") if len(values) else "nothing"
        raise DataError(f"all masks hold {only} alone, so there is nothing to tell apart")
    palette = _common_palette(masks)
    if palette is not None and coloured:
        raise DataError("some masks have a palette and others colours; save all of them in one way")
    if coloured:
        kind: Kind = "colours"
    elif palette is not None:
        kind, ignored = "palette", _void(values) if ignored is None else ignored
    elif len(values) == 2 and values[0] == 0:
        kind = "two values"
    else:
        ignored = _void(values) if ignored is None else ignored
        kind = "class numbers" if _consecutive(values[values != ignored]) else "grey values"
    classes = tuple(int(value) for value in values if value != ignored)
    if kind == "class numbers":
        classes = tuple(value for value in range(classes[0], classes[-1] + 1) if value != ignored)
    colours: tuple[tuple[int, int, int], ...] = ()
    if kind == "colours":
        colours = tuple((value >> 16, value >> 8 & 255, value & 255) for value in classes)
    elif palette is not None and max(classes) < len(palette):
        colours = tuple((int(r), int(g), int(b)) for r, g, b in palette[list(classes)])
    return _named_code(MaskCode(kind, classes, (), ignored, colours=colours), names)


def _common_palette(masks: Sequence[MaskValues]) -> NDArray[np.uint8] | None:
    """The longest. Raises: DataError: A place that two masks use is of one colour in one and of another in the other."""
    colours: dict[int, NDArray[np.uint8]] = {}
    palettes = [(mask.palette, mask.values.tolist()) for mask in masks if mask.palette is not None]
    for palette, values in palettes:
        for value in values:
            colour = palette[value] if value < len(palette) else np.zeros(3, np.uint8)
            if (colours.setdefault(value, colour) != colour).any():
                raise DataError(
                    f"the palettes of the masks differ: place {value} is {_hexadecimal(colours[value])} in one and "
                    f"{_hexadecimal(colour)} in another; save all masks with one palette, or as RGB"
                )
    return max((palette for palette, _ in palettes), key=len, default=None)


def _named_code(code: MaskCode, names: Sequence[str]) -> MaskCode:
    if names and len(names) != code.num_classes:
        raise DataError(f"the masks have {code.num_classes} classes, {code.described()}, but {len(names)} names are given")
    if len(set(names)) < len(names):
        raise DataError(f"names of classes must differ, got {', '.join(names)}")
    if not names and code.num_classes == 2:
        names = ("background", "foreground")
    made_up = ["background", *(f"class {number}" for number in range(1, code.num_classes))]
    return MaskCode(code.kind, code.values, tuple(names or made_up), code.ignored, code.blurred, code.colours)


def _numbers(drawn: Drawn, coloured: bool) -> NDArray[np.int64]:
    """One number for the value of each pixel, (height, width); what is transparent is no class."""
    values = drawn.values
    if values.dtype.kind == "f":
        if not np.isfinite(values).all() or values.min(initial=0) < 0:
            raise DataError("it holds numbers below 0 or none at all; classes are numbered from 0")
        if not (values == np.round(values)).all():
            raise DataError("it holds fractions; classes are whole numbers")
        values = values.astype(np.int64)
    first = values[:, :, 0].astype(np.int64)
    if not coloured:
        return first
    if values.max(initial=0) > 255:
        raise DataError("it has colours of 16 bits; give classes as colours of 8 bits or as grey values")
    second, third = (1, 2) if values.shape[2] >= 3 else (0, 0)
    return first << 16 | values[:, :, second].astype(np.int64) << 8 | values[:, :, third].astype(np.int64)


def _has_colour(drawn: Drawn) -> bool:
    values = drawn.values
    if values.shape[2] < 3:
        return False
    return bool((values[:, :, 0] != values[:, :, 1]).any() or (values[:, :, 0] != values[:, :, 2]).any())


def _void(values: NDArray[np.int64]) -> int | None:
    """255 behind small class numbers, as Pascal VOC marks what is not to be judged."""
    others = values[values != IGNORED]
    return IGNORED if len(others) >= 2 and IGNORED in values and _consecutive(others) else None


def _consecutive(values: NDArray[np.int64]) -> bool:
    """Whether values count something: from 0 or 1 on, most of them used, though a rare class may be missing here."""
    return bool(values[0] in (0, 1) and values[-1] < min(MOST_CLASSES, 2 * len(values)))


def _listed(values: Iterable[int], kind: Kind) -> str:
    shown = [_named(int(value), kind) for value in values]
    return ", ".join(shown[:_SHOWN]) + (f", ... ({len(shown)} in all)" if len(shown) > _SHOWN else "")


def _hexadecimal(colour: Sequence[int] | NDArray[np.uint8]) -> str:
    return "#" + "".join(f"{int(part):02x}" for part in colour)


def _named(value: int, kind: Kind) -> str:
    return f"#{value:06x}" if kind == "colours" else str(value)
