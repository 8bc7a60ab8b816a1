"""The verb `generate`: many images from noise in one grid, or a walk from one to the next and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seodang.core.errors import DataError, SettingsError
from seodang.core.values import Image, Video
from seodang.draw.grids import grid
from seodang.families.gan.making import latents_of, shown
from seodang.families.gan.predictor import GanPredictor
from seodang.families.gan.verbs import GenerateOptions

SECONDS_A_FRAME = 0.08
WALK_COLUMNS = 4  # walks that are shown beside each other
WALKS = 16


def generate(predictor: GanPredictor, data: Callable[[], Any], options: GenerateOptions) -> Image | Video | list[Image]:
    """Images from noise.

    Args:
        predictor: The trained model.
        data: Not looked at.
        options: How many, from which noise.

    Returns: A grid, a walk, or each image by itself.
    Raises:
        DataError: There is no such class.
        SettingsError: A walk cannot be told apart.
    """
    if options.walk is not None and options.separate:
        raise SettingsError(
            "{walk} is one animation, got {separate} too; leave out one of the two.", settings=("walk", "separate"), value=True
        )
    try:
        predictor.classes([options.seed], options.labels)
    except DataError as error:
        raise DataError(f"{{labels}}: {error}.", settings=("labels",)) from error
    if options.walk is not None:
        return walk(predictor, options.walk, options.steps, options.seed, options.labels)
    made = shown(predictor.images([options.seed + place for place in range(options.count)], options.labels))
    return [Image(one) for one in made] if options.separate else Image(grid(made, columns_of(options.count)))


def columns_of(count: int) -> int:
    """Of a grid that is about as wide as high."""
    return max(1, int(np.ceil(count**0.5)))


def walk(
    predictor: GanPredictor, points: int, steps: int, seed: int, labels: tuple[str, ...] = (), walks: int = WALKS
) -> Video:
    """Some walks beside each other, each of one class, through as many points of noise, and back to the first."""
    paths = [path(points, steps, predictor.settings.model.latent_dim, seed + place * points) for place in range(walks)]
    classes = predictor.classes(range(seed, seed + walks), labels)
    frames = []
    for number in range(points * steps):
        frames.append(grid(shown(predictor.make(torch.stack([one[number] for one in paths]), classes)), WALK_COLUMNS))
    return Video(tuple(frames), SECONDS_A_FRAME)


def path(points: int, steps: int, latent_dim: int, seed: int) -> Tensor:
    """Noise on the way through some points and back to the first, (points * steps, latent_dim).

    Along great circles: a straight line would pass close to the middle, where noise never is. White 2016, "Sampling Generative
    Networks", arXiv:1609.04468.
    """
    corners = latents_of(range(seed, seed + points), latent_dim)
    ends = corners.roll(-1, 0)
    parts = torch.arange(steps) / steps
    found = []
    for start, end in zip(corners, ends, strict=True):
        angle = torch.arccos(torch.cosine_similarity(start, end, dim=0).clamp(-1, 1))
        if float(angle.sin()) < 1e-4:  # the same direction, or the opposite one
            found.append(start + parts[:, None] * (end - start))
            continue
        weights = [torch.sin((1 - parts) * angle) / angle.sin(), torch.sin(parts * angle) / angle.sin()]
        found.append(weights[0][:, None] * start + weights[1][:, None] * end)
    return torch.cat(found)
