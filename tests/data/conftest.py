"""Folders for data tests: a cache of their own, and the local mirror where there is one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and no mirror."""
    folder = tmp_path / "home"
    monkeypatch.setenv("SEODANG_HOME", str(folder))
    monkeypatch.delenv("SEODANG_MIRROR", raising=False)
    return folder


@pytest.fixture
def mirror(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The local mirror of real data: `SEODANG_MIRROR`, or shared/data beside the repository."""
    beside = Path(__file__).parents[3] / "shared" / "data"
    folder = Path(_MIRROR) if _MIRROR else beside
    if not folder.is_dir():
        pytest.skip("no local mirror of the real data (SEODANG_MIRROR)")
    monkeypatch.setenv("SEODANG_MIRROR", str(folder))
    return folder


_MIRROR = os.environ.get("SEODANG_MIRROR")
