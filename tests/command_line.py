"""The command line as a user has it: what a command prints, its exit code, and what a refusal must look like."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from seodang.cli.main import main


class Outcome(NamedTuple):
    """What came of a command."""

    code: int
    out: str
    err: str


Seodang = Callable[..., Outcome]


def commands(capsys: pytest.CaptureFixture[str]) -> Seodang:
    """What runs a command in this process."""

    def run(*words: str) -> Outcome:
        capsys.readouterr()
        code = main(list(words))
        return Outcome(code, *capsys.readouterr())

    return run


def refused(outcome: Outcome, message: str, code: int = 2, *, shows_code: bool = False) -> None:
    """One line that says this, and nothing begun; braces stand in it only where it shows code."""
    assert outcome.code == code, outcome.err
    assert outcome.out == ""
    assert outcome.err.startswith("seodang: ") and outcome.err.endswith("\n") and outcome.err.count("\n") == 1, outcome.err
    assert re.search(message, outcome.err), outcome.err
    assert shows_code or "{" not in outcome.err, "a setting is spelled as a flag"
    assert not re.search(r"\{\w+\}", outcome.err)
    assert not Path("runs").exists()
