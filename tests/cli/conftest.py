"""The command line run in this process, with the stand-in family."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import toy

from command_line import Seodang, commands
from seodang import families


@pytest.fixture
def seodang(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Seodang:
    """Run a command in an empty folder that holds `rows.txt`; the family `toy` is there."""
    monkeypatch.setattr(families, "names", families.names)  # put back afterwards
    toy.install()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    rows = "\n".join(f"row number {number}" for number in range(100))
    (tmp_path / "rows.txt").write_text(rows + "\n", encoding="utf-8")

    return commands(capsys)


@pytest.fixture
def environment() -> dict[str, str]:
    """The environment of a new process that is to behave as on any machine."""
    hidden = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TERM")
    return {name: value for name, value in os.environ.items() if name not in hidden}
