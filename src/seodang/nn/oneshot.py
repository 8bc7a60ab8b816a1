"""Fits that take one step: a solver that sees all rows at once, as a Learner, so that they are stages like any other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from torch import Tensor, nn
from torch.optim import Optimizer

from seodang.core.learner import BatchSource, Learner


class OneShot(Learner):
    """Tensors that one call fills.

    Args:
        tensors: What is stored, in its final shapes; written in place.
        fit: Computes the same tensors, and the loss that it ended with.
    """

    def __init__(self, tensors: dict[str, Tensor], fit: Callable[[], tuple[dict[str, Tensor], Tensor]]) -> None:
        self._tensors = tensors
        self._fit = fit

    def modules(self) -> Mapping[str, nn.Module]:
        """None."""
        return {}

    def optimizers(self) -> Mapping[str, Optimizer]:
        """None."""
        return {}

    def tensors(self) -> dict[str, Tensor]:
        """What was fitted."""
        return self._tensors

    def update(self, batch: None) -> dict[str, Tensor]:
        """The fit."""
        fitted, loss = self._fit()
        for name, tensor in fitted.items():
            self._tensors[name].copy_(tensor)
        return {"loss": loss}


class Once(BatchSource):
    """One batch, which is everything."""

    def __init__(self, rows: int) -> None:
        self._rows = rows

    def plan(self, seed: int, epoch: int) -> Sequence[None]:
        """One step."""
        return [None]

    def batch(self, work: None) -> None:
        """Nothing: the fit holds its rows."""

    def rows(self, work: None) -> int:
        """All rows."""
        return self._rows
