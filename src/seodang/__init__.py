"""Seodang: from your own data to a trained, measured, explained and exported model, in one command.

run = seodang.train("text", "reviews.csv", model="cnn")
run.predict(["A quiet, lovely film"])
run = seodang.load("runs/text-1")
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seodang.api import Run, check, load, resume, train, use
    from seodang.core.errors import SeodangError

__version__ = "0.1.0"
__all__ = ["Run", "SeodangError", "__version__", "check", "load", "resume", "train", "use"]


def __getattr__(name: str) -> Any:
    """Import on first use: `import seodang` alone stays instant, with no torch behind it."""
    if name in ("Run", "check", "load", "resume", "train", "use"):
        return getattr(importlib.import_module("seodang.api"), name)
    if name == "SeodangError":
        return importlib.import_module("seodang.core.errors").SeodangError
    raise AttributeError(f"module 'seodang' has no attribute {name!r}")
