"""`seodang data`: the named data sets in a table, and one of them fetched."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Any

from seodang.cli.tables import console, fraction_bar, write, write_table
from seodang.data.named import describe, load_named, names
from seodang.data.named_sets import NamedSet

HEADERS = ("name", "what", "from", "licence")


def write_list(name: str | None = None, *, as_json: bool) -> None:
    """All named sets, or one: what each is, where it comes from, under which licence.

    Raises: DataError: There is no set of this name; says which is meant.
    """
    entries = [describe(one) for one in (names() if name is None else [name])]
    if as_json:
        for entry in entries:
            write(json.dumps(asdict(entry), ensure_ascii=False))
    else:
        write_table(HEADERS, [(entry.name, entry.description, origins(entry), entry.licence) for entry in entries])


def origins(entry: NamedSet) -> str:
    """Where a set can be had, in the order tried; an address that nobody could try yet is marked."""
    return ", ".join(source.kind if source.tried else f"{source.kind} (untried)" for source in entry.sources)


def fetch(name: str, *, as_json: bool) -> None:
    """Fetch and read a set, and print what came."""
    describe(name)
    with fraction_bar(console(sys.stderr), f"fetching {name}") as show:
        found = load_named(name, show)
    facts: dict[str, Any] = {
        "name": found.name,
        "rows": {part: len(content) for part, content in found.parts.items()},
        "from": found.source.kind,
        "licence": found.licence,
        "checksum": found.checksum,
        "notes": list(found.notes),
    }
    if as_json:
        write(json.dumps(facts, ensure_ascii=False))
        return
    facts["rows"] = ", ".join(f"{part} {rows:,}" for part, rows in facts["rows"].items())
    notes = facts.pop("notes")
    for label, value in [*facts.items(), *(("note", note) for note in notes)]:
        write(f"{label}: {value}")
