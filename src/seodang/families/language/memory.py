"""Memory measured: how far back rnn, gru and lstm can reach, on two tasks that ask for nothing else.

Copying: one of many letters is marked, and at the end it must be told. Adding (Hochreiter &
Schmidhuber 1997, "Long short-term memory", experiment 4): two of many numbers are marked, and their sum is asked for. For each
distance back to what must be remembered: how strongly the answer still depends on it, and how often the answer is right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from seodang.families.language.cells import CELLS

Task = Literal["copying", "adding"]

TASKS: tuple[Task, ...] = ("copying", "adding")
COMPARED = ("rnn", "gru", "lstm")
LETTERS = 8
HIDDEN_SIZE = 64
LENGTH = 64  # steps of a sequence, and so the farthest distance
BATCH = 64
UPDATES = 500
RATES = {"rnn": 1e-3, "gru": 4e-3, "lstm": 4e-3}  # of 5e-4, 1e-3, 2e-3 and 4e-3 the one that takes each farthest
CLIP_NORM = 1.0
DISTANCES = (1, 2, 3, 5, 8, 12, 18, 26, 36, 48, 63)
ASKED = 256  # sequences that each distance is measured on
CLOSE = 0.1  # to the sum counts as right
SEED = 0
GUESSING = {"copying": 1 / LETTERS, "adding": 1 - (1 - CLOSE) ** 2}
"""Part of right answers of whoever answers the likeliest without having read anything."""


@dataclass(frozen=True)
class Reach:
    """What one kind of cell reaches on one task."""

    distances: tuple[int, ...]
    gradients: tuple[float, ...]
    """Mean length of the answer's gradient with respect to the input at each distance, as a part of the largest."""
    right: tuple[float, ...]
    """Part of the answers that are right, by distance."""

    @classmethod
    def from_json(cls, value: Mapping[str, Sequence[float]]) -> Reach:
        """The reach that `vars` of one gave, after a trip through JSON."""
        return cls(tuple(map(int, value["distances"])), tuple(value["gradients"]), tuple(value["right"]))


def measure_memory() -> dict[Task, dict[str, Reach]]:
    """Train each kind of cell on each task and measure it; the same numbers every time, some ten seconds a cell."""
    return {task: {cell: _reach(task, cell) for cell in COMPARED} for task in TASKS}


def protocol() -> dict[str, Any]:
    """What the measurement depends on."""
    names = ("HIDDEN_SIZE", "LENGTH", "BATCH", "UPDATES", "RATES", "DISTANCES", "ASKED", "CLOSE", "SEED")
    return {name.lower(): list(value) if isinstance(value := globals()[name], tuple) else value for name in names}


class Rememberer(nn.Module):
    """One recurrent layer that answers after its last step."""

    def __init__(self, task: Task, cell: str) -> None:
        super().__init__()
        inputs = LETTERS + 1 if task == "copying" else 2
        self.enter = nn.Linear(inputs, HIDDEN_SIZE)
        self.cell = CELLS[cell](HIDDEN_SIZE, HIDDEN_SIZE)
        self.answer = nn.Linear(HIDDEN_SIZE, LETTERS if task == "copying" else 1)

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits of the letters, or the sum; inputs (batch, length, channels)."""
        empty = inputs.new_zeros(len(inputs), HIDDEN_SIZE)
        outputs, _ = self.cell(self.enter(inputs), (empty,) * self.cell.num_states)
        answer: Tensor = self.answer(outputs[:, -1])
        return answer


def copying(distances: Tensor) -> tuple[Tensor, Tensor]:
    """Sequences of letters of which one, at a distance before the end, is marked.

    Args:    distances: (batch,), 1 to LENGTH - 1.
    Returns: Inputs, (batch, LENGTH, LETTERS + 1), the letter and its mark; the marked letters, (batch,), int64.
    """
    rows, places = torch.arange(len(distances)), LENGTH - 1 - distances
    letters, marks = torch.randint(LETTERS, (len(distances), LENGTH)), torch.zeros(len(distances), LENGTH, 1)
    marks[rows, places] = 1
    return torch.cat([functional.one_hot(letters, LETTERS).float(), marks], 2), letters[rows, places]


def adding(distances: Tensor) -> tuple[Tensor, Tensor]:
    """Sequences of numbers from 0 to 1 with two marked: one at a distance before the end, the other the last.

    Args:    distances: (batch,), 1 to LENGTH - 1.
    Returns: Inputs, (batch, LENGTH, 2), a number and its mark; the sums, (batch,).
    """
    rows = torch.arange(len(distances))
    numbers, marks = torch.rand(len(distances), LENGTH), torch.zeros(len(distances), LENGTH)
    marks[rows, LENGTH - 1 - distances] = 1
    marks[:, -1] = 1
    return torch.stack([numbers, marks], 2), (numbers * marks).sum(1)


SEQUENCES = {"copying": copying, "adding": adding}


def _reach(task: Task, cell: str) -> Reach:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        network = Rememberer(task, cell)
        _train(task, network, RATES[cell])
        gradients, right = zip(*(_ask(task, network, distance) for distance in DISTANCES), strict=True)
    most = max(gradients) or 1.0
    return Reach(DISTANCES, tuple(one / most for one in gradients), tuple(right))


def _train(task: Task, network: Rememberer, rate: float) -> None:
    """Distances are drawn evenly on a logarithmic scale, so that the near ones are learned first and show the way."""
    optimizer = torch.optim.Adam(network.parameters(), lr=rate, fused=True)
    for _ in range(UPDATES):
        distances = torch.exp(torch.rand(BATCH) * torch.log(torch.tensor(float(LENGTH)))).long().clamp(1, LENGTH - 1)
        inputs, wanted = SEQUENCES[task](distances)
        answers = network(inputs)
        loss = functional.cross_entropy(answers, wanted) if task == "copying" else functional.mse_loss(answers[:, 0], wanted)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), CLIP_NORM)
        optimizer.step()


def _ask(task: Task, network: Rememberer, distance: int) -> tuple[float, float]:
    """Mean length of the gradient at a distance, and the part of right answers."""
    inputs, wanted = SEQUENCES[task](torch.full((ASKED,), distance))
    inputs.requires_grad_()
    answers = network(inputs)
    if task == "copying":
        asked, right = answers.gather(1, wanted.unsqueeze(1)), answers.argmax(1) == wanted
    else:
        asked, right = answers, (answers[:, 0] - wanted).abs() < CLOSE
    (gradient,) = torch.autograd.grad(asked.sum(), inputs)
    length = gradient[:, LENGTH - 1 - distance].norm(dim=1).mean()
    return float(length), float(right.float().mean())
