"""How people are learned: cross-entropy, Adam, one step a batch; and how sure to be, fitted once."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from scipy.optimize import minimize_scalar
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

from seodang.core.device import Device
from seodang.core.learner import Learner, Validation
from seodang.core.step import Stepper

SCORED_AT_ONCE = 64
COLDEST, HOTTEST = 0.02, 50.0  # temperatures that are looked at


class FaceBatch(NamedTuple):
    """Faces of one step."""

    inputs: Tensor
    """Embeddings, (batch, dimensions), or faces, (batch, 3, side, side), from 0 to 255; float32."""
    labels: Tensor
    """(batch,), int64, numbers of the true people."""


Score = Callable[[Tensor, Tensor], Tensor]
"""Inputs and true people to the logits that are learned from, (batch, people)."""


class PeopleLearner(Learner):
    """A network, trained by Adam (Kingma & Ba 2015, arXiv:1412.6980) with decoupled weight decay (arXiv:1711.05101).

    Args:
        network: Whatever gives logits.
        score: Its logits as training sees them.
        learning_rate: Of Adam.
        weight_decay: Of all weights.
        stepper: Takes the steps.
    """

    def __init__(self, network: nn.Module, score: Score, learning_rate: float, weight_decay: float, stepper: Stepper) -> None:
        self.network, self.score, self.stepper = network, score, stepper
        # Fused, because the other variants round a process's first step differently, which would end exact resume.
        self.optimizer = torch.optim.AdamW(network.parameters(), lr=learning_rate, weight_decay=weight_decay, fused=True)

    def modules(self) -> Mapping[str, nn.Module]:
        """The network."""
        return {"network": self.network}

    def optimizers(self) -> Mapping[str, Optimizer]:
        """Adam."""
        return {"adam": self.optimizer}

    def update(self, batch: FaceBatch) -> dict[str, Tensor]:
        """One step on the mean cross-entropy of a batch."""
        self.network.train()
        return {"loss": self.stepper.descend(batch, self._loss, self.network, self.optimizer)}

    def _loss(self, batch: FaceBatch) -> Tensor:
        return functional.cross_entropy(self.score(batch.inputs, batch.labels), batch.labels)


class PeopleValidation(Validation):
    """Accuracy and cross-entropy on the validation faces.

    Args:
        network: As it is by then.
        inputs: What it reads; float32, or bytes.
        labels: (faces,), int64.
        device: Where to compute.
    """

    monitor = "accuracy"

    def __init__(self, network: nn.Module, inputs: Tensor, labels: Tensor, device: Device) -> None:
        self.network, self.inputs, self.labels, self.device = network, inputs, labels, device

    def measure(self) -> dict[str, float]:
        """Scores by name."""
        logits = logits_of(self.network, self.inputs, self.device)
        right = (logits.argmax(1) == self.labels).double().mean().item()
        return {"accuracy": right, "validation_loss": functional.cross_entropy(logits, self.labels).item()}


def logits_of(network: nn.Module, inputs: Tensor, device: Device) -> Tensor:
    """Scores of all inputs in their order, (inputs, people), float32, on the CPU; the network is in evaluation mode then."""
    network.eval()
    found: list[Tensor] = []
    with torch.inference_mode(), device.autocast():
        for piece in torch.split(inputs, SCORED_AT_ONCE):
            found.append(network(piece.to(device.torch).float()).float().cpu())
    return torch.cat(found)


def fit_temperature(logits: Tensor, labels: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """The temperature with the least cross-entropy: see `Chances`.

    Where all faces are right, no temperature would be cold enough. So the truth counts for (faces + 1) / (faces + 2), and all
    others share the rest (Platt, "Probabilistic Outputs for Support Vector Machines", 1999): few faces make nobody certain.

    Args:
        logits: (faces, people), of faces that were not learned from.
        labels: (faces,), int64.

    Returns: The temperature, 0-d, by its name; and the cross-entropy with it.
    """
    people = logits.shape[1]
    sure = (len(labels) + 1) / (len(labels) + 2)
    truth = torch.full(logits.shape, (1 - sure) / (people - 1), dtype=torch.float64)
    truth[torch.arange(len(labels)), labels] = sure

    def loss(logarithm: float) -> float:
        return functional.cross_entropy(logits.double() / math.exp(logarithm), truth).item()

    best = minimize_scalar(loss, bounds=(math.log(COLDEST), math.log(HOTTEST)), method="bounded")
    return {"temperature": torch.tensor(math.exp(best.x))}, torch.tensor(float(best.fun))
