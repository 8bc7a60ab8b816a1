"""How a segmentation network learns: cross-entropy and overlap, Adam, one step a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from seodang.core.device import Device
from seodang.core.learner import Learner, Validation
from seodang.core.step import Stepper
from seodang.families.segmentation.data import Seen, SegmentationData
from seodang.families.segmentation.difficulty import Difficulty, piece_dice
from seodang.families.segmentation.loss import dice_and_cross_entropy
from seodang.families.segmentation.measures import Confusion, mean_dice
from seodang.families.segmentation.patches import PatchBatch
from seodang.families.segmentation.prediction import Segmenter
from seodang.families.segmentation.unet import UNet


class SegmentationLearner(Learner):
    """A U-Net, trained by Adam (Kingma & Ba 2015, arXiv:1412.6980) with decoupled weight decay (arXiv:1711.05101).

    Args:
        weights: How much each class counts, (num_classes,); equally without.
        difficulty: Is told how well each image is segmented.
    """

    def __init__(
        self,
        network: UNet,
        learning_rate: float,
        weight_decay: float,
        device: Device,
        clip_norm: float | None,
        weights: Tensor | None,
        difficulty: Difficulty,
    ) -> None:
        self.network, self.weights, self.difficulty = network, weights, difficulty
        self.stepper = Stepper(device, clip_norm, splittable=False)  # batch normalisation sees the whole batch
        # Fused, because the other variants round a process's first step differently, which would end exact resume.
        self.optimizer = torch.optim.AdamW(network.parameters(), lr=learning_rate, weight_decay=weight_decay, fused=True)

    def modules(self) -> Mapping[str, nn.Module]:
        """The network."""
        return {"network": self.network}

    def optimizers(self) -> Mapping[str, Optimizer]:
        """Adam."""
        return {"adam": self.optimizer}

    def update(self, batch: PatchBatch) -> dict[str, Tensor]:
        """One step on the pieces of a batch."""
        self.network.train()
        return {"loss": self.stepper.descend(batch, self._loss, self.network, self.optimizer)}

    def _loss(self, batch: PatchBatch) -> Tensor:
        logits = self.network(batch.images)
        if torch.is_grad_enabled():  # and not looking for a fault
            self.difficulty.note(batch.numbers, piece_dice(logits.detach(), batch.classes))
        return dice_and_cross_entropy(logits, batch.classes, self.weights)


class SegmentationValidation(Validation):
    """Mean Dice on whole validation images.

    Args:
        segmenter: Makes one of the network as it is by then.
        data: Has the images.
        seen: Those that are looked at.
    """

    monitor = "dice"

    def __init__(self, segmenter: Callable[[], Segmenter], data: SegmentationData, seen: Sequence[Seen]) -> None:
        self.segmenter, self.data, self.seen = segmenter, data, seen

    def measure(self) -> dict[str, float]:
        """Dice, averaged over classes of each image, then over images."""
        num_classes, segmenter = self.data.code.num_classes, self.segmenter()
        confusions = []
        for one in self.seen:
            image, classes = self.data.picture(one)
            confusions.append(Confusion.of(segmenter.classes(image), classes, num_classes))
        return {"dice": mean_dice(confusions)}
