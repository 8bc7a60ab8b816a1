"""What all tests share: one thread and flushed denormals, as a training has them, and a run folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from seodang.core.run import RunFolder


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Tests share the machine; tiny models gain nothing from a second thread."""
    torch.set_flush_denormal(True)
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flushing to the disk guards against a power cut, which no test makes; it would take most of the time."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A new run folder."""
    return RunFolder.create(tmp_path / "runs", "test")
