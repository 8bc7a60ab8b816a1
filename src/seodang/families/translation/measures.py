"""What answers are measured by: against their own targets, and as one crowd of images against another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seodang.core.errors import DataError
from seodang.data.images import with_channels
from seodang.families.translation.data import Part
from seodang.families.translation.judges import Judge
from seodang.families.translation.pixels import as_numbers, scaled
from seodang.metrics.distributions import kernel_distance
from seodang.metrics.similarity import l1_distance, peak_signal_to_noise, structural_similarity

AT_ONCE = 16  # images measured together
FEWEST = 2  # images of a crowd
OF_PAIRS = ("l1", "psnr", "ssim", "perceptual")
"""Measures of each answer against its own target."""
Answers = Callable[[Tensor], Tensor]
"""From sources to what stands for their targets: (images, channels, height, width) each, from -1 to 1."""


@dataclass(frozen=True)
class Measured:
    """What was measured of some answers."""

    each: Mapping[str, Tensor]
    """Measures of pairs, (images,) each; none without pairs."""
    kernel_distance: float | None
    """None where there are too few images."""


def measure(part: Part, answers: Answers, judge: Judge, paired: bool) -> Measured:
    """Compare answers with targets.

    Args:
        part: Sources and targets.
        answers: What is measured.
        judge: Sees both.
        paired: Whether each source has a target of its own.
    """
    made = torch.cat([answers(as_numbers(sources)).cpu() for sources in torch.split(part.sources, AT_ONCE)])
    targets = torch.cat([as_numbers(some) for some in torch.split(part.targets, AT_ONCE)])
    each: dict[str, Tensor] = {}
    if paired:
        each = {
            "l1": _piecewise(l1_distance, made, targets),
            "psnr": _piecewise(peak_signal_to_noise, made, targets),
            "ssim": _piecewise(structural_similarity, made, targets),
            "perceptual": judge.distances(made, targets),
        }
    if min(len(made), len(targets)) < FEWEST:
        return Measured(each, None)
    seen, real = judge.features(made), judge.features(targets)
    return Measured(each, kernel_distance(seen / _size(real), real / _size(real)))


def _size(features: NDArray[np.float32]) -> np.float32:
    """Root of the mean square: divided by it, features are of one size whatever the judge, and their kernel is of order 1."""
    return np.float32(np.sqrt(np.square(features, dtype=np.float64).mean()) or 1.0)


def input_itself(source_channels: int, channels: int) -> Answers | None:
    """The yardstick that leaves sources as they are; None where they cannot be shown with as many channels as targets have."""
    try:
        with_channels(np.zeros((1, 1, source_channels), np.float32), channels)
    except DataError:
        return None

    def answers(sources: Tensor) -> Tensor:
        shown = with_channels(sources.permute(0, 2, 3, 1).flatten(0, 1).numpy(), channels)
        return torch.from_numpy(shown.copy()).view(len(sources), *sources.shape[2:], channels).permute(0, 3, 1, 2)

    return answers


def mean_target(mean: Tensor) -> Answers:
    """The yardstick that answers everything with the mean of all training targets, (channels, height, width)."""

    def answers(sources: Tensor) -> Tensor:
        return scaled(mean[None].cpu(), *sources.shape[-2:]).expand(len(sources), -1, -1, -1)

    return answers


def _piecewise(compare: Callable[[Tensor, Tensor], Tensor], made: Tensor, targets: Tensor) -> Tensor:
    """A comparison of images from -1 to 1 that takes them from 0 to 1, a few at a time."""
    pairs = zip(torch.split(made, AT_ONCE), torch.split(targets, AT_ONCE), strict=True)
    return torch.cat([compare((one + 1) / 2, (other + 1) / 2) for one, other in pairs])
