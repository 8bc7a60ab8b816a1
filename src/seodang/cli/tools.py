"""What tools give, on the terminal: values as lines or JSON, pictures into files, and questions where answers lack."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seodang.cli.tables import console, tell, write
from seodang.cli.values import write_value
from seodang.core.errors import DataError, MachineError, SettingsError
from seodang.core.settings import Leaf
from seodang.core.values import Boxes, Unread
from seodang.data.records import listed

OUT, PNG = "out", ".png"


def asked(leaves: Iterable[Leaf], given: Mapping[str, Any]) -> dict[str, str]:
    """Answers of the person at the terminal to what is asked and was not given; nothing where nobody can answer."""
    missing = [leaf for leaf in leaves if leaf.question and leaf.name not in given]
    if not missing or not sys.stdin.isatty():
        return {}
    answers: dict[str, str] = {}
    for leaf in missing:
        tell(leaf.question)
        try:
            answer = input("> ").strip()
        except EOFError:  # Ctrl-D
            answer = ""
        if not answer:  # what is missing is told by the tool
            break
        answers[leaf.name] = answer
    return answers


@contextmanager
def working(what: str) -> Iterator[None]:
    """A sign at a terminal that something is being done, until it is."""
    if not sys.stderr.isatty():
        yield
        return
    with console(sys.stderr).status(f"{what} ..."):
        yield


def write_tool_values(values: Iterable[Any], out: str | None, words: Sequence[str], *, as_json: bool) -> None:
    """Print values as they come, with their pictures written.

    Args:
        values: What a tool gives.
        out: Where pictures go: a PNG file, or a folder.
        words: What the tool worked on; of a single file there is one picture, else pictures need a folder.
        as_json: Print one JSON object a value.

    Raises:
        SettingsError: The pictures cannot go there.
        DataError: Something got no answer.
    """
    several = len(words) != 1 or Path(words[0]).is_dir()
    target = None if out is None else _target(Path(out), words if several else ())
    refused: list[Unread] = []
    taken = set[str]()
    for value in values:
        if isinstance(value, Unread):
            refused.append(value)
            if as_json:
                write_value(value, as_json=True)
            continue
        write_value(value, as_json=as_json)
        if target is not None and isinstance(value, Boxes):
            place = target / _free_name(Path(value.file).stem, taken) if several else target
            _draw(value, place)
            if not as_json:
                write(f"  drawn: {place}")
    if refused:
        sys.stdout.flush()  # what was found stands before what is said of the rest
        first = refused[0]
        reason = first.error.removeprefix(Path(first.file).name).lstrip(": ").rstrip(".")
        others = [one.file for one in refused[1:]]
        more = f"; and {len(others):,} more got no answer ({listed(others)})" if others else ""
        raise DataError(f"{first.file}: {reason}{more}.")


def _target(place: Path, words: Sequence[str]) -> Path:
    """A checked file, or where there are words a folder that is made, in which none of the photos that they name can lie."""
    if words:
        if place.suffix.lower() == PNG or (place.exists() and not place.is_dir()):
            raise SettingsError(f"{{out}} must be a folder, as there are several photos, got {place}.", settings=(OUT,))
        whole = place.resolve()
        for source in (Path(word).resolve() for word in words):
            if whole == source.parent or (source.is_dir() and source in (whole, *whole.parents)):
                raise SettingsError(f"{{out}}: the photos themselves lie in {place}; choose another folder.", settings=(OUT,))
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MachineError(f"{place} cannot be made: {error.strerror}.") from error
        return place
    if place.suffix.lower() != PNG:
        raise SettingsError(f"{{out}} must end in .png, got {place}.", settings=(OUT,))
    if not place.parent.is_dir():
        raise SettingsError(f"{{out}}: there is no folder {place.parent}; make it first.", settings=(OUT,))
    return place


def _free_name(stem: str, taken: set[str]) -> str:
    """A name of a picture that no other photo has: photos of several folders may share theirs."""
    number, name = 1, f"{stem}{PNG}"
    while name in taken:
        number += 1
        name = f"{stem}-{number}{PNG}"
    taken.add(name)
    return name


def _draw(value: Boxes, place: Path) -> None:
    from seodang.data.images import write_png

    if place.resolve() == Path(value.file).resolve():
        raise SettingsError(f"{{out}}: {place} is the photo itself; choose another place.", settings=(OUT,))
    write_png(place, value.pictures[OUT]())
