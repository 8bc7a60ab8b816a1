"""From a generator to images as they are kept and shown: pixels of a byte."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seodang.core.device import Device
from seodang.core.seeds import mix

AT_ONCE = 250

Make = Callable[[Tensor, Tensor | None], Tensor]
"""Latents, (images, latent_dim), and classes, (images,) or None, to images, (images, channels, size, size), uint8."""


def maker(generator: nn.Module, device: Device) -> Make:
    """Makes images by a network, some at a time."""

    def make(latents: Tensor, classes: Tensor | None) -> Tensor:
        generator.eval()
        told = None if classes is None else classes.to(device.torch)
        with torch.inference_mode(), device.autocast():
            return as_bytes(generator(latents.to(device.torch), told).float()).cpu()

    return some_at_once(make)


def some_at_once(make: Make) -> Make:
    """Makes any number of images in little memory."""

    def whole(latents: Tensor, classes: Tensor | None) -> Tensor:
        told = [None] * len(latents) if classes is None else torch.split(classes, AT_ONCE)
        return torch.cat([make(some, classes) for some, classes in zip(torch.split(latents, AT_ONCE), told, strict=False)])

    return whole


def as_bytes(images: Tensor) -> Tensor:
    """Numbers from -1 to 1 to uint8."""
    return ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def latents_of(seeds: Sequence[int], latent_dim: int) -> Tensor:
    """Noise of each seed, (seeds, latent_dim): the same for ever and everywhere, whatever was drawn before."""
    drawn = [np.random.Generator(np.random.Philox(key=mix("latent", seed))).standard_normal(latent_dim) for seed in seeds]
    return torch.from_numpy(np.stack(drawn).astype(np.float32))


def shown(images: Tensor) -> list[NDArray[np.uint8]]:
    """Images as pictures take them: (height, width) in grey or (height, width, 3)."""
    rows = images.permute(0, 2, 3, 1).numpy()
    return [row[:, :, 0] if row.shape[2] == 1 else row for row in rows]
