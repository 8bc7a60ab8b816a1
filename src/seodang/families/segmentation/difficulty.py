"""Which training images are still badly segmented: they come more often."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seodang.families.segmentation.loss import SMOOTH
from seodang.families.segmentation.masks import IGNORED

FIRST_DICE = 0.5  # of images of which nothing is known yet
FOLLOWING = 0.3  # how far an image's Dice moves towards that of its newest piece
SELDOM, OFTEN = 0.4, 5.0  # times that an image comes beside the usual, at the least and at the most


class Difficulty:
    """The Dice of each training image, from its latest pieces, and what the present epoch was planned by.

    After Loshchilov & Hutter, "Online Batch Selection for Faster Training of Neural Networks", arXiv:1511.06343, by images in
    place of rows: measures are means over images, and a few of a rare kind would fail while the many are polished.

    Args:
        images: How many.
        power: Of the part that is missed, 1 - Dice, that an image comes in proportion to; 0: all come alike.
        device: Where the network is.
    """

    def __init__(self, images: int, power: float, device: torch.device) -> None:
        self.power = power
        self.dice = torch.full((images,), FIRST_DICE, dtype=torch.float64, device=device)
        self.planned = self.dice.clone()
        self.epoch = 0

    def note(self, images: Tensor, dice: Tensor) -> None:
        """Take notice of some pieces.

        Args:
            images: The number of each piece's image, (pieces,), int64.
            dice: (pieces,).
        """
        self.dice.index_add_(0, images, FOLLOWING * (dice.double() - self.dice[images])).clamp_(0, 1)

    def often(self, epoch: int) -> NDArray[np.float64]:
        """How often each image comes beside the usual, (images,); what is noted in an epoch is heeded from the next on."""
        if epoch != self.epoch:
            self.epoch = epoch
            self.planned.copy_(self.dice)
        missed = 1 - self.planned.cpu().numpy()
        times: NDArray[np.float64] = np.clip((missed / max(missed.mean(), 1e-12)) ** self.power, SELDOM, OFTEN)
        return times


def piece_dice(logits: Tensor, classes: Tensor) -> Tensor:
    """Dice of each piece: the mean over the classes but the background that are in it or were seen in it, else 1.

    Args:
        logits: (pieces, outputs, height, width), one output for two classes, else one a class.
        classes: (pieces, height, width), uint8, `IGNORED` where nothing is known.

    Returns: (pieces,), float32.
    """
    found = logits[:, 0] > 0 if logits.shape[1] == 1 else logits.argmax(1)
    found = torch.where(classes == IGNORED, 0, found)
    total, counted = torch.zeros(2, len(classes), device=logits.device)
    for one in range(1, max(logits.shape[1], 2)):
        chosen, true = found == one, classes == one
        either = chosen.sum((1, 2)) + true.sum((1, 2))
        dice = (2 * (chosen & true).sum((1, 2)) + SMOOTH) / (either + SMOOTH)
        total, counted = total + dice * (either > 0), counted + (either > 0)
    return torch.where(counted > 0, total / counted.clamp(min=1), 1.0)
