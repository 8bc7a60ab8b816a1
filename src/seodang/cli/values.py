"""What a verb gives, on the terminal: texts and tables as people read them, or one JSON object a value."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Any

from seodang.cli.tables import tell, write, write_table
from seodang.core.values import Boxes, Table, Text


def write_values(values: Iterable[Any], *, as_json: bool) -> None:
    """Print values one after another, and pieces of text as they come; of the text that they make up, its note alone."""
    before = None
    for value in values:
        if isinstance(value, str) and not as_json:
            sys.stdout.write(value)
            sys.stdout.flush()
        elif isinstance(before, str) and not as_json:
            write()
            write_note(value) if isinstance(value, Text) else write_value(value, as_json=False)
        else:
            if isinstance(before, Text) and isinstance(value, Text) and not as_json:
                write()  # texts may have lines of their own
            write_value(value, as_json=as_json)
        before = value
    if isinstance(before, str) and not as_json:
        write()


def write_value(value: Any, *, as_json: bool) -> None:
    """One value; what a reader should know of it goes to stderr, so that a pipe gets the value alone."""
    if as_json:
        write(json.dumps(fields_of(value), ensure_ascii=False))
    elif isinstance(value, Table):
        write_table(value.headers, value.rows)
        for note in value.notes:
            tell(note)
    elif isinstance(value, Text):
        write(value.text)
        write_note(value)
    elif isinstance(value, Boxes):
        _write_boxes(value)
    else:
        write(json.dumps(asdict(value), ensure_ascii=False))


def fields_of(value: Any) -> dict[str, Any]:
    """What a JSON object says of a value: all that is known, and no pictures."""
    if isinstance(value, str):
        return {"piece": value}
    fields = asdict(replace(value, pictures={})) if isinstance(value, Boxes) else asdict(value)
    return {name: _known(one) for name, one in fields.items() if one is not None and name != "pictures"}


def _known(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _known(one) for name, one in value.items() if one is not None}
    return [_known(one) for one in value] if isinstance(value, list | tuple) else value


def _write_boxes(value: Boxes) -> None:
    """The image, then a line for each thing in it."""
    write(f"{value.file or 'image'}: {value.width} x {value.height} pixels, {len(value.found):,} found")
    for one in value.found:
        x0, y0, x1, y1 = one.box
        label = "" if one.label is None else f"{one.label}  "
        chance = "" if one.probability is None else f"probability {one.probability:.3f}  "
        note = f"  [{one.note}]" if one.note else ""
        write(f"  {label}{chance}x {x0:.0f} to {x1:.0f}, y {y0:.0f} to {y1:.0f}, score {one.score:.3f}{note}")
    write_note(value)


def write_note(value: Text | Boxes) -> None:
    """What the reader should know of a value, where there is such a thing."""
    for note in filter(None, (getattr(value, "note", None),)):
        tell(note)
