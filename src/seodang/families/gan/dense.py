"""The plain GAN: dense layers alone, every pixel a number of its own."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seodang.families.gan.networks import SLOPE, Noise, Score

DROPOUT = 0.3


class DenseGenerator(nn.Module):
    """Three dense layers, each twice as wide as the one before, and one for the pixels.

    Goodfellow et al. 2014, "Generative Adversarial Nets", arXiv:1406.2661, with leaky rectifiers.

    Args:
        latent_dim: Numbers of noise.
        num_classes: 0 where there are none.
        size, channels: Of the images.
        units: Of the first layer.
    """

    def __init__(self, latent_dim: int, num_classes: int, size: int, channels: int, units: int) -> None:
        super().__init__()
        self.noise = Noise(latent_dim, num_classes)
        layers: list[nn.Module] = []
        before = self.noise.width
        for width in (units, 2 * units, 4 * units):
            layers += [nn.Linear(before, width), nn.LeakyReLU(SLOPE)]
            before = width
        self.layers = nn.Sequential(*layers, nn.Linear(before, channels * size * size))
        self.shape = (channels, size, size)

    def forward(self, latents: Tensor, classes: Tensor | None = None) -> Tensor:
        """Images, (batch, channels, size, size), from -1 to 1, of latents, (batch, latent_dim)."""
        pixels = torch.tanh(self.layers(self.noise(latents, classes)))
        return pixels.reshape(-1, *self.shape)


class DenseDiscriminator(nn.Module):
    """The same layers the other way round, with dropout.

    Args:
        num_classes: 0 where there are none.
        size, channels: Of the images.
        units: Of the last layer.
    """

    def __init__(self, num_classes: int, size: int, channels: int, units: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Flatten()]
        before = channels * size * size
        for width in (4 * units, 2 * units, units):
            layers += [nn.Linear(before, width), nn.LeakyReLU(SLOPE), nn.Dropout(DROPOUT)]
            before = width
        self.layers = nn.Sequential(*layers)
        self.score = Score(before, num_classes)

    def forward(self, images: Tensor, classes: Tensor | None = None) -> Tensor:
        """Scores, (batch,), of images, (batch, channels, size, size), from -1 to 1."""
        score: Tensor = self.score(self.layers(images), classes)
        return score
