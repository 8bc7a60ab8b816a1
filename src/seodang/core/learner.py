"""Learner: a model and the rule that improves it. The training loop is shared; the update is each family's own.

Sketched against ten families before it was settled: a GAN takes two optimizer steps in `update`; an agent's batch source is an
environment with a state of its own; a language model keeps its hidden state in `tensors`; word vectors have no optimizer and
read `rate`; a whole graph is one batch. `tests/contract/learners.py` holds a stand-in of each kind.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor, nn
from torch.optim import Optimizer


class Learner(ABC):
    """What `fit` needs to know of anything that learns.

    `fit` sets `rate`, a factor of each optimizer's own rate (warm-up, schedule, retries), before every update; optimizers get
    it applied, a learner without optimizers reads it.
    """

    rate: float = 1.0

    @abstractmethod
    def modules(self) -> Mapping[str, nn.Module]:
        """Modules by name; all their parameters and buffers go into every checkpoint."""

    @abstractmethod
    def optimizers(self) -> Mapping[str, Optimizer]:
        """Optimizers by name, perhaps none."""

    @abstractmethod
    def update(self, batch: Any) -> dict[str, Tensor]:
        """Learn from one batch; returns detached 0-d tensors by name, the main one first.

        Random numbers come from torch's own generator, which `fit` seeds by the step before it asks for the batch.

        Raises:
            NonFiniteError: A loss or gradient is not finite; `fit` puts back the state of some steps ago.
        """

    def tensors(self) -> dict[str, Tensor]:
        """State beside modules and optimizers: a hidden state, averaged weights, tables; finite, and restored in place."""
        return {}

    def state(self) -> dict[str, Any]:
        """JSON state beside the tensors: positions, counters."""
        return {}

    def load_state(self, state: dict[str, Any]) -> None:
        """Take back what `state` gave."""
        if state:
            raise NotImplementedError(f"{type(self).__name__} gives a state and does not take it back")


class BatchSource(ABC):
    """Where batches come from: rows of a table, a stream, an environment."""

    @abstractmethod
    def plan(self, seed: int, epoch: int) -> Sequence[Any]:
        """The work of each step of an epoch, mostly row numbers.

        A function of its arguments, and of what `state` and `tensors` held as the epoch began: a resumed run asks again in the
        midst of it.
        """

    @abstractmethod
    def batch(self, work: Any) -> Any:
        """The batch of one step, a NamedTuple of tensors on the right device."""

    @abstractmethod
    def rows(self, work: Any) -> int:
        """How many examples a step learns from, for the speed shown."""

    def tensors(self) -> dict[str, Tensor]:
        """State of a source that has one (an environment, a replay buffer); finite, and restored in place."""
        return {}

    def state(self) -> dict[str, Any]:
        """JSON state of a source that has one."""
        return {}

    def load_state(self, state: dict[str, Any]) -> None:
        """Take back what `state` gave."""
        if state:
            raise NotImplementedError(f"{type(self).__name__} gives a state and does not take it back")


class Validation(ABC):
    """Scores a learner on rows that it does not learn from."""

    monitor: str
    higher_is_better: bool = True
    newer_when_equal: bool = False
    """Whether of epochs with the same score the last is kept, not the first."""

    @abstractmethod
    def measure(self) -> dict[str, float]:
        """Finite scores by name; `monitor` decides which epoch is best. What the rows cannot tell is left out."""

    def samples(self) -> dict[str, str]:
        """What the learner makes by now, in words, kept beside the scores; a function of the weights alone."""
        return {}

    def pictures(self) -> dict[str, bytes]:
        """What the learner makes by now, as PNG files by name, kept in `progress/`; a function of the weights alone."""
        return {}

    def alarms(self) -> Sequence[str]:
        """What the last measurement says has gone wrong, in words; kept beside the scores and told to the user."""
        return ()


@dataclass(frozen=True)
class Budget:
    """How long a stage trains, and at what rate."""

    epochs: int
    seed: int
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup_fraction: float = 0.0
    patience: int | None = None
    steps: int | None = None
    """Ends training within an epoch, if that comes before all epochs are done."""


@dataclass
class Work:
    """All that one stage of training needs; made by `Stage.build`."""

    learner: Learner
    source: BatchSource
    budget: Budget
    validation: Validation | None = None
