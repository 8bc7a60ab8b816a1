"""The main job of a family on real data, from nothing to a report: `python examples/demo.py text`."""

from __future__ import annotations

import sys
from pathlib import Path

from seodang.cli.main import main
from seodang.core.run import list_runs

SOURCES = {"text": "rotten-tomatoes"}
EXAMPLES = {"text": ["A quiet, lovely film that stays with you.", "Loud, clumsy and far too long."]}


def demo(family: str) -> int:
    """Train on the family's demo data, predict, explain, export; returns the exit code."""
    code = main(["train", family, SOURCES[family]])
    if code != 0:
        return code
    newest = max((folder.path for folder in list_runs(Path("runs"))), key=lambda path: path.stat().st_mtime)
    main(["predict", str(newest), *EXAMPLES[family]])
    main(["explain", str(newest)])
    return main(["export", str(newest)])


if __name__ == "__main__":
    sys.exit(demo(sys.argv[1] if len(sys.argv) > 1 else "text"))
