"""What a segmentation network is trained by: cross-entropy of every pixel, and the overlap of every class."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from seodang.families.segmentation.masks import IGNORED

SMOOTH = 1.0  # pixels added to both areas, so that a class that is nowhere has an overlap


def dice_and_cross_entropy(logits: Tensor, classes: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean cross-entropy plus mean Dice loss, as in nnU-Net (Isensee et al. 2021, arXiv:1809.10486).

    The Dice loss is 1 - Dice of chances instead of certain classes (Milletari et al. 2016, arXiv:1606.04797), of each piece and
    each class but the background. Over all pixels of a batch together, what is wrong in a piece with little foreground would
    hardly count, and every measure is of each image.

    Args:
        logits: (batch, outputs, height, width), one output for two classes, else one a class.
        classes: (batch, height, width), uint8, `IGNORED` where nothing is known.
        weights: (num_classes,), how much each class counts in the cross-entropy; equally without.

    Returns: 0-d, float32.
    """
    logits = logits.float()  # sums over so many pixels are too long for bf16
    known = classes != IGNORED
    targets = torch.where(known, classes, 0).long()
    if logits.shape[1] == 1:
        scores = logits[:, 0]
        entropy = functional.binary_cross_entropy_with_logits(scores, targets.float(), reduction="none")
        chances, truths = torch.sigmoid(scores).unsqueeze(1), targets.unsqueeze(1)
    else:
        entropy = functional.cross_entropy(logits, targets, reduction="none")
        chances = torch.softmax(logits, 1)[:, 1:]
        truths = functional.one_hot(targets, logits.shape[1]).permute(0, 3, 1, 2)[:, 1:]
    counted = known.float() if weights is None else known * weights[targets]
    mean = (entropy * counted).sum() / counted.sum().clamp(min=1)
    seen = known.unsqueeze(1)
    chances, truths = chances * seen, truths * seen
    axes = (2, 3)
    overlap = (chances * truths).sum(axes)
    dice = (2 * overlap + SMOOTH) / (chances.sum(axes) + truths.sum(axes) + SMOOTH)
    return mean + 1 - dice.mean()
