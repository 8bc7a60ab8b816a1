"""What the tests of both kernels share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
import torch


@pytest.fixture
def set_threads() -> Iterator[Callable[[int], None]]:
    """Sets the number of threads, and puts it back."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.fixture
def count_calls(monkeypatch: pytest.MonkeyPatch) -> Callable[[ModuleType], list[Any]]:
    """Gives, for a module that calls C kernels, a list that grows with every call."""

    def count(module: ModuleType) -> list[Any]:
        calls: list[Any] = []
        run = module._run

        def counting(*arguments: Any, **named: Any) -> None:
            calls.append(arguments)
            run(*arguments, **named)

        monkeypatch.setattr(module, "_run", counting)
        return calls

    return count
