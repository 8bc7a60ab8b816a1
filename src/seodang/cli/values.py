"""What a verb gives, on the terminal: texts and tables as people read them, or one JSON object a value."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from seodang.cli.tables import tell, write, write_table
from seodang.core.values import Table, Text


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
        fields: dict[str, Any] = {"piece": value} if isinstance(value, str) else asdict(value)
        write(json.dumps({name: one for name, one in fields.items() if one is not None}, ensure_ascii=False))
    elif isinstance(value, Table):
        write_table(value.headers, value.rows)
        for note in value.notes:
            tell(note)
    elif isinstance(value, Text):
        write(value.text)
        write_note(value)
    else:
        write(json.dumps(asdict(value), ensure_ascii=False))


def write_note(value: Text) -> None:
    """What the reader should know of a text, where there is such a thing."""
    for note in filter(None, (getattr(value, "note", None),)):
        tell(note)
