"""DCGAN: convolutions that halve or double the image, batch normalisation between them."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from seodang.families.gan.networks import SLOPE, Noise, Score, as_images, as_rows, level_channels

SPREAD = 0.02  # standard deviation of all weights at the start, as in the paper


class DcganGenerator(nn.Module):
    """A dense layer and transposed convolutions, each twice as high and wide as the one before.

    Radford, Metz & Chintala 2016, "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
    Networks", arXiv:1511.06434.

    Args:
        latent_dim: Numbers of noise.
        num_classes: 0 where there are none.
        size, channels: Of the images.
        base: Channels at half the size, doubled at every level below.
    """

    def __init__(self, latent_dim: int, num_classes: int, size: int, channels: int, base: int) -> None:
        super().__init__()
        self.noise = Noise(latent_dim, num_classes)
        levels = level_channels(size, base)[::-1]
        self.first = nn.Linear(self.noise.width, levels[0] * (size >> len(levels)) ** 2, bias=False)
        self.bottom = levels[0]
        layers: list[nn.Module] = [nn.BatchNorm2d(levels[0]), nn.ReLU(inplace=True)]
        for before, after in pairwise(levels):
            layers += [nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers, nn.ConvTranspose2d(levels[-1], channels, 4, 2, 1), nn.Tanh())
        _draw(self)

    def forward(self, latents: Tensor, classes: Tensor | None = None) -> Tensor:
        """Images, (batch, channels, size, size), from -1 to 1, of latents, (batch, latent_dim)."""
        images: Tensor = self.layers(as_images(self.first(self.noise(latents, classes)), self.bottom))
        return images


class DcganDiscriminator(nn.Module):
    """Strided convolutions, each half as high and wide as the one before.

    It normalises by the batch that it sees, and keeps no statistics: they would change while the generator learns.

    Args:
        num_classes: 0 where there are none.
        size, channels: Of the images.
        base: Channels at half the size, doubled at every level below.
    """

    def __init__(self, num_classes: int, size: int, channels: int, base: int) -> None:
        super().__init__()
        levels = level_channels(size, base)
        layers: list[nn.Module] = [nn.Conv2d(channels, levels[0], 4, 2, 1), nn.LeakyReLU(SLOPE, inplace=True)]
        for before, after in pairwise(levels):
            layers += [nn.Conv2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after, track_running_stats=False)]
            layers.append(nn.LeakyReLU(SLOPE, inplace=True))
        self.layers = nn.Sequential(*layers)
        self.score = Score(levels[-1] * (size >> len(levels)) ** 2, num_classes)
        _draw(self)

    def forward(self, images: Tensor, classes: Tensor | None = None) -> Tensor:
        """Scores, (batch,), of images, (batch, channels, size, size), from -1 to 1."""
        score: Tensor = self.score(as_rows(self.layers(images)), classes)
        return score


def _draw(network: nn.Module) -> None:
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(layer.weight, std=SPREAD)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, SPREAD)
