"""What all benchmarks do with their figures: print them as a table, and keep them with the machine they belong to."""

from __future__ import annotations

import json
import platform
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

import seodang
from seodang.core.device import cpu_features
from seodang.core.processors import usable_threads

RESULTS = Path(__file__).parent / "results"


def table(headers: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a Markdown table."""
    print("| " + " | ".join(headers) + " |\n|" + "---|" * len(headers))
    for row in rows:
        print("| " + " | ".join(map(str, row)) + " |")
    sys.stdout.flush()


def spread(values: Sequence[float]) -> str:
    """Mean and standard deviation over seeds."""
    deviation = f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.4f}{deviation} ({len(values)} seed{'s' if len(values) > 1 else ''})"


def save(name: str, result: Any) -> None:
    """Write results/<name>.json."""
    machine = {
        "cpu": next(
            (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
            platform.machine(),
        ),
        "threads": usable_threads(),
        "features": cpu_features(),
        "torch": torch.__version__,
        "seodang": seodang.__version__,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps({"machine": machine, "result": result}, indent=2) + "\n")
