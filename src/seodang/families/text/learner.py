"""How a text network learns: cross-entropy, Adam, one step a batch."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

from seodang.core.device import Device
from seodang.core.learner import Learner, Validation
from seodang.core.step import Stepper
from seodang.families.text.batches import EncodedTexts, Padding, TextBatch, reading_order, text_batch
from seodang.families.text.head import TextNetwork

SCORING_BATCH = 128  # texts scored at once; larger ones leave the cache


class NetworkLearner(Learner):
    """One network, trained by Adam (Kingma & Ba 2015, arXiv:1412.6980) with decoupled weight decay (arXiv:1711.05101)."""

    def __init__(self, network: TextNetwork, learning_rate: float, weight_decay: float, stepper: Stepper) -> None:
        self.network = network
        self.stepper = stepper
        # Fused, because the other variants round a process's first step differently, which would end exact resume.
        self.optimizer = torch.optim.AdamW(network.parameters(), lr=learning_rate, weight_decay=weight_decay, fused=True)

    def modules(self) -> Mapping[str, nn.Module]:
        """The network."""
        return {"network": self.network}

    def optimizers(self) -> Mapping[str, Optimizer]:
        """Adam."""
        return {"adam": self.optimizer}

    def update(self, batch: TextBatch) -> dict[str, Tensor]:
        """One step on the mean cross-entropy of a batch."""
        self.network.train()
        loss = self.stepper.descend(batch, self._loss, self.network, self.optimizer)
        return {"loss": loss}

    def _loss(self, batch: TextBatch) -> Tensor:
        return cross_entropy(self.network(batch.tokens, batch.lengths), batch.labels)


class TextValidation(Validation):
    """Accuracy and cross-entropy on the validation texts."""

    monitor = "accuracy"

    def __init__(
        self, network: TextNetwork, texts: EncodedTexts, labels: NDArray[np.int64], padding: Padding, device: Device
    ) -> None:
        self.network, self.texts, self.labels, self.padding, self.device = network, texts, labels, padding, device

    def measure(self) -> dict[str, float]:
        """Scores by name."""
        logits = network_logits(self.network, self.texts, self.padding, self.device)
        labels = torch.from_numpy(self.labels)
        right = predicted_classes(logits) == labels
        return {"accuracy": right.double().mean().item(), "validation_loss": cross_entropy(logits, labels).item()}


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy.

    Args:
        logits: (batch, 1), of the second of two classes, or (batch, classes).
        labels: (batch,), int64, number of the class; or (batch, classes), float, the probability of each.
    """
    if logits.shape[1] > 1:
        return functional.cross_entropy(logits, labels)
    second = labels[:, 1] if labels.ndim == 2 else labels
    return functional.binary_cross_entropy_with_logits(logits.squeeze(1), second.to(logits.dtype))


def predicted_classes(logits: Tensor) -> Tensor:
    """The likeliest class of each row, (batch,), int64."""
    return (logits.squeeze(1) > 0).long() if logits.shape[1] == 1 else logits.argmax(1)


def class_probabilities(logits: Tensor) -> Tensor:
    """The probability of each class, (batch, classes), float32."""
    if logits.shape[1] == 1:
        second = torch.sigmoid(logits)
        return torch.cat([1 - second, second], 1)
    return torch.softmax(logits, 1)


def network_logits(network: TextNetwork, texts: EncodedTexts, padding: Padding, device: Device) -> Tensor:
    """Scores of all texts in their order, (texts, outputs), float32, on the CPU."""
    network.eval()
    logits: Tensor | None = None
    nothing = np.zeros(len(texts), np.int64)
    with torch.inference_mode(), device.autocast():
        for rows in reading_order(texts, SCORING_BATCH):
            batch = text_batch(texts, rows, nothing[rows], padding, device.torch)
            scores = network(batch.tokens, batch.lengths).float().cpu()
            logits = torch.empty(len(texts), scores.shape[1]) if logits is None else logits
            logits[torch.from_numpy(rows)] = scores
    return torch.empty(0, 1) if logits is None else logits
