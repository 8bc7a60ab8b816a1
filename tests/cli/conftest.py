"""The command line run in this process, with the stand-in family."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import toy
from toy import Outcome, Seodang

from seodang import families
from seodang.cli.main import main


@pytest.fixture
def seodang(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Seodang:
    """Run a command in an empty folder that holds `rows.txt`; the family `toy` is there."""
    monkeypatch.setattr(families, "names", families.names)  # put back afterwards
    toy.install()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    rows = "\n".join(f"row number {number}" for number in range(100))
    (tmp_path / "rows.txt").write_text(rows + "\n", encoding="utf-8")

    def run(*words: str) -> Outcome:
        code = main([*words])
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run


@pytest.fixture
def environment() -> dict[str, str]:
    """The environment of a new process that is to behave as on any machine."""
    hidden = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TERM")
    return {name: value for name, value in os.environ.items() if name not in hidden}
