"""Memory that a forward pass leaves to its backward pass, and both to the next batch."""

from __future__ import annotations

import torch
from torch import Tensor

_spare: list[Tensor] = []


class Room:
    """Memory for what one pass keeps, passed on to the next when the pass's graph is gone.

    Freed, so much memory would go back to the system, and faulting it in again takes as long as the pass itself.

    Args:
        floats: How many at least.
    """

    def __init__(self, floats: int) -> None:
        spare = _spare.pop() if _spare else None
        self.floats = spare if spare is not None and spare.numel() >= floats else torch.empty(floats)

    def __del__(self, spare: list[Tensor] = _spare) -> None:
        spare[:] = [max([self.floats, *spare], key=Tensor.numel)]
