"""`seodang predict` where inputs are files: a line for each, and pictures of the answers where they are wanted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seodang.cli.flags import spell
from seodang.cli.tables import write
from seodang.cli.values import fields_of
from seodang.core.errors import DataError, MachineError, SettingsError
from seodang.core.values import Box, Boxes, Image, Mask, Refused

if TYPE_CHECKING:
    from seodang.api import Run

PNG = ".png"
Answer = Mask | Image | Boxes


@dataclass(frozen=True)
class Asked:
    """One input, and where pictures of its answer go, by the name of the flag that asks for them."""

    one: Any
    file: Path
    targets: Mapping[str, Path]


def predict_files(
    run: Run, sources: Sequence[str], wanted: Mapping[str, str], *, as_json: bool
) -> tuple[list[tuple[str, str]], int]:
    """Predict files, and all files of folders, one after another: memory holds the answer to one of them.

    Args:
        run: Of a family whose inputs are files.
        sources: Files and folders.
        wanted: Where pictures go, by the name of their flag: a PNG file for a single file, else a folder.
        as_json: Print an object for each instead of a line.

    Returns: File and reason of each that got no answer, and how many files there were.
    Raises:
        DataError: A source is not there, or a folder has nothing in it that could be read.
        SettingsError: A picture cannot go where it is to go, or would be written over an input or another picture.
        MachineError: A picture cannot be written.
    """
    asked = [one for source in sources for one in _asked(run, source, wanted, alone=len(sources) == 1)]
    _refuse_clashes(asked)
    refused = []
    for item in asked:
        output = run.predict_each([item.one])[0]
        if isinstance(output, Refused):
            refused.append((str(item.file), output.error))
        else:
            _draw(output, item.targets)
        _tell(item, output, as_json=as_json)
    return refused, len(asked)


def _asked(run: Run, source: str, wanted: Mapping[str, str], alone: bool) -> list[Asked]:
    """The files of one source, each with the places of its pictures; whether it is the only source decides what places mean."""
    inputs = run.inputs(source)
    if not inputs:
        raise DataError(f"{source}: there is no image in this folder.")
    folder = Path(source) if Path(source).is_dir() else Path(source).parent
    single = alone and not Path(source).is_dir()
    found = []
    for one in inputs:
        file = Path(one.where)
        below = file.relative_to(folder).with_suffix(PNG)
        targets = {name: _place(name, Path(place), below, single) for name, place in wanted.items()}
        found.append(Asked(one, file, targets))
    return found


def _place(name: str, place: Path, below: Path, single: bool) -> Path:
    if single and not place.is_dir():
        if place.suffix.lower() != PNG:
            raise SettingsError(f"{{{name}}} must end in .png, got {place}.", settings=(name,), value=str(place))
        if not place.parent.is_dir():
            raise SettingsError(f"{{{name}}}: there is no folder {place.parent}; make it first.", settings=(name,))
        return place
    if place.suffix.lower() == PNG or (place.exists() and not place.is_dir()):
        raise SettingsError(f"{{{name}}} must be a folder, as there are several images, got {place}.", settings=(name,))
    return place / below


def _refuse_clashes(asked: Sequence[Asked]) -> None:
    files = Counter(item.file.resolve() for item in asked)
    twice = next((item.file for item in asked if item.targets and files[item.file.resolve()] > 1), None)
    if twice is not None:
        raise SettingsError(f"{twice} is named twice; name it once.")
    targets = [(name, target, item.file) for item in asked for name, target in item.targets.items()]
    counts = Counter(target.resolve() for _, target, _ in targets)
    for name, target, file in targets:
        if target.resolve() in files:
            raise SettingsError(f"{{{name}}}: {target} is an image to be predicted; choose another place.", settings=(name,))
        if counts[target.resolve()] > 1:
            others = [f"{other} ({spell(flag)})" for flag, place, other in targets if place.resolve() == target.resolve()]
            raise SettingsError(
                f"{{{name}}}: {target} would be written for {others[0]} and for {others[1]}; choose other places, or predict "
                f"{file.name} by itself.",
                settings=(name,),
            )


def _draw(answer: Answer, targets: Mapping[str, Path]) -> None:
    from seodang.data.images import write_png

    for name, target in targets.items():
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MachineError(f"{target.parent} cannot be made: {error.strerror}.") from error
        write_png(target, answer.pictures[name]())


def _tell(item: Asked, answer: Answer | Refused, *, as_json: bool) -> None:
    if as_json:
        fields: dict[str, Any] = {"file": str(item.file)}
        if isinstance(answer, Refused):
            fields["error"] = answer.error
        else:
            fields |= _facts(answer)
            fields |= {name: str(target) for name, target in item.targets.items()}
        write(json.dumps(fields, ensure_ascii=False))
    elif isinstance(answer, Refused):
        write(f"{item.file}\t-\t[no prediction: {answer.error}]")
    else:
        write("\t".join((str(item.file), *_words(answer, item.targets))))


def _facts(answer: Answer) -> dict[str, Any]:
    """What there is to say of an answer beside its pictures."""
    if isinstance(answer, Mask):
        return {"shares": dict(answer.shares), "confidence": answer.confidence}
    if isinstance(answer, Boxes):
        return {name: value for name, value in fields_of(answer).items() if name != "file"}
    height, width, channels, bits = _size(answer)
    return {"width": width, "height": height, "channels": channels, "bits": bits}


def _words(answer: Answer, targets: Mapping[str, Path]) -> tuple[str, ...]:
    """The same for people, in the columns of a line."""
    if isinstance(answer, Mask):
        shares = ", ".join(f"{name} {share:.1%}" for name, share in answer.shares.items())
        return shares, f"confidence {answer.confidence:.3f}"
    if isinstance(answer, Boxes):
        return (", ".join(map(_named, answer.found)) or "nothing found",)
    height, width, channels, bits = _size(answer)
    size = f"{width} x {height} pixels, {channels} channel{'s' if channels > 1 else ''} of {bits} bits"
    return size, ", ".join(map(str, targets.values())) or f"not kept: give {spell('out')} FILE.png"


def _named(one: Box) -> str:
    """What is in a box, how sure that is, and where it begins."""
    chance = "" if one.probability is None else f" {one.probability:.1%}"
    return f"{one.label or 'score ' + format(one.score, '.3f')}{chance} at {one.box[0]:.0f}, {one.box[1]:.0f}"


def _size(image: Image) -> tuple[int, int, int, int]:
    """Height, width, channels and bits of an image that a model made."""
    pixels = image.source
    assert not isinstance(pixels, str | Path), "a model makes pixels, not files"
    return pixels.shape[0], pixels.shape[1], pixels.shape[2] if pixels.ndim == 3 else 1, 8 * pixels.dtype.itemsize
