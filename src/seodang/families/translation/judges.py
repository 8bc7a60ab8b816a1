"""The judges: two networks that learn to see the targets before training, one to choose the epoch, one to measure at the end.

Who has chosen among many epochs by a measure finds it flattering; so what is reported comes from another network, which had no
say in that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seodang.core.checkpoint import restore_modules
from seodang.core.device import Device
from seodang.core.family import StageContext
from seodang.core.learner import Work
from seodang.families.translation.data import TranslationData
from seodang.families.translation.settings import TranslationSettings
from seodang.nn.judge import ROTATIONS, JudgeNetwork, judge_work, look, perceptual_distance

CHOOSING, REPORTING = "judge", "second-judge"
"""Stages of training."""
WIDTHS = {CHOOSING: 16, REPORTING: 24}  # channels of the first level: another network sees otherwise
LARGEST_PIECE = 64  # pixels: enough to tell which way up a thing is
EPOCHS = 4
PIXELS_AT_ONCE = 1 << 20  # that a judge looks at


def new_judge(name: str, channels: int, size: tuple[int, int]) -> JudgeNetwork:
    """A judge that has learned nothing, for images with so many channels."""
    return JudgeNetwork(channels, ROTATIONS, piece_size(size), WIDTHS[name])


def piece_size(size: tuple[int, int]) -> int:
    """Side of what judges learn from, for images of a height and width."""
    return min(LARGEST_PIECE, *size)


def train_judge(name: str, context: StageContext[TranslationSettings, TranslationData]) -> Work:
    """All that `fit` needs to train a judge on the training targets; validation targets say how well it learned."""
    data, training = context.data, context.settings.training
    assert training.judge_steps is not None
    return judge_work(
        new_judge(name, data.target_kind.channels, data.size),
        (data.parts["train"].targets, None),
        (data.parts["validation"].targets, None),
        size=piece_size(data.size),
        steps=max(1, training.judge_steps // EPOCHS),
        epochs=min(EPOCHS, training.judge_steps),
        seed=training.seed + list(WIDTHS).index(name),
        device=context.device,
    )


def trained_judge(
    name: str, channels: int, size: tuple[int, int], weights: Mapping[str, Tensor] | None, device: Device
) -> JudgeNetwork:
    """A judge with the weights of its stage; as it was drawn without."""
    network = new_judge(name, channels, size)
    if weights is not None:
        restore_modules({"network": network}, weights)
    placed: JudgeNetwork = network.to(device.torch).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return placed.eval()


@dataclass(frozen=True)
class Judge:
    """A trained judge that looks at images of any size, a few at a time.

    Args:
        network: Trained.
        device: Where it looks; in f32.
    """

    network: JudgeNetwork
    device: Device

    def features(self, images: Tensor) -> NDArray[np.float32]:
        """Where images lie among others: (images, channels, height, width), from -1 to 1, to (images, features)."""
        return np.concatenate(
            [look(self.network, some, self.device).features for some in torch.split(images, _at_once(images))]
        )

    def distances(self, one: Tensor, other: Tensor) -> Tensor:
        """How differently it sees two images: (images, channels, height, width) each, to (images,)."""
        count, found = _at_once(one), []
        with torch.inference_mode(), self.device.exact().autocast():
            for first, second in zip(torch.split(one, count), torch.split(other, count), strict=True):
                pair = (first.to(self.device.torch), second.to(self.device.torch))
                found.append(perceptual_distance(self.network, *pair).cpu())
        return torch.cat(found)


def _at_once(images: Tensor) -> int:
    return max(1, PIXELS_AT_ONCE // (images.shape[-2] * images.shape[-1]))
