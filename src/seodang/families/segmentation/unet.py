"""The U-Net: every pixel gets a class, by what it is part of and by where exactly it lies."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from seodang.core.errors import ShapeError
from seodang.families.segmentation.kernels.convolution import Convolution3x3
from seodang.families.segmentation.kernels.normalisation import rectified_normalisation

MOST_CHANNELS = 512


class UNet(nn.Module):
    """Encoder and decoder joined at every resolution, for one label per pixel.

    Ronneberger, Fischer & Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation", MICCAI 2015,
    arXiv:1505.04597. Unlike the paper, convolutions are padded, so logits have the height and width of the image, and are
    followed by batch normalisation (Ioffe & Szegedy 2015, arXiv:1502.03167).

    Args:
        in_channels: Of the images.
        num_outputs: 1 for two classes, else one a class.
        channels: Of each level from the top down; the bottom, half as large again, has as many as the last.
    """

    def __init__(self, in_channels: int, num_outputs: int, channels: Sequence[int]) -> None:
        super().__init__()
        self.channels = tuple(channels)
        bottom = self.channels[-1]
        self.encoders = nn.ModuleList(
            DoubleConvolution(before, after) for before, after in zip((in_channels, *channels), channels, strict=False)
        )
        self.halve = nn.MaxPool2d(2)
        self.bottom = DoubleConvolution(bottom, bottom)
        below = (*self.channels[1:], bottom)
        self.lift = nn.ModuleList(Lift(more, here) for more, here in zip(below, channels, strict=True))
        self.decoders = nn.ModuleList(DoubleConvolution(2 * here, here) for here in channels)
        self.score = nn.Conv2d(self.channels[0], num_outputs, 1)

    @property
    def first(self) -> nn.Conv2d:
        """The convolution that looks at the image itself."""
        first = self.encoders[0].get_submodule("0")
        assert isinstance(first, nn.Conv2d), "a level begins with a convolution"
        return first

    @property
    def stride(self) -> int:
        """Pixels of the image for each of the bottom; heights and widths are multiples of it."""
        return int(2 ** len(self.channels))

    @property
    def receptive_radius(self) -> int:
        """How far from a pixel the image can lie that its logits still depend on, in pixels.

        On the way down and up two 3 x 3 convolutions a level look two of its pixels further, the pooling one at most.
        """
        levels = self.stride - 1  # 1 + 2 + 4 + ...
        return 2 * levels + levels + 2 * self.stride + 2 * levels

    def forward(self, images: Tensor) -> Tensor:
        """Score every class at every pixel.

        Args:    images: (batch, in_channels, height, width), floating point, zero mean and unit variance per channel.
        Returns: Logits, (batch, num_outputs, height, width).
        Raises:  ShapeError: Height or width is not divisible by `stride`.
        """
        height, width = images.shape[-2:]
        if height % self.stride or width % self.stride:
            raise ShapeError(f"height and width must be divisible by {self.stride}, got {height} x {width}")
        skips: list[Tensor] = []
        features = images
        for encoder in self.encoders:
            features = encoder(features)
            skips.append(features)
            features = self.halve(features)
        features = self.bottom(features)
        for lift, decoder, skip in zip(reversed(self.lift), reversed(self.decoders), reversed(skips), strict=True):
            features = decoder(torch.cat([skip, lift(features)], 1))
        scores: Tensor = self.score(features)
        return scores


class Lift(nn.ConvTranspose2d):
    """Doubles height and width: each pixel becomes 2 x 2.

    The bias is added afterwards, because PyTorch's CPU kernel takes twice as long for its gradient as for the other two.

    Args:
        in_channels: Of the images.
        out_channels: Of the larger images.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 2, stride=2)

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        """(batch, in_channels, height, width) to (batch, out_channels, 2 * height, 2 * width)."""
        assert self.bias is not None
        lifted = functional.conv_transpose2d(input, self.weight, stride=2)
        return lifted.add_(self.bias.to(lifted.dtype)[:, None, None])


class DoubleConvolution(nn.Sequential):
    """Two 3 x 3 convolutions, each normalised and rectified; biases would be taken away by the normalisation.

    Args:
        in_channels: Of the images.
        out_channels: Of the answers.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        layers: list[nn.Module] = []
        for before in (in_channels, out_channels):
            convolution = Convolution3x3(before, out_channels)
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")  # He et al. 2015, arXiv:1502.01852, as the paper
            layers += [convolution, nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True)]
        super().__init__(*layers)

    def forward(self, input: Tensor) -> Tensor:
        """(batch, in_channels, height, width) to (batch, out_channels, height, width)."""
        if not self.training:
            return cast(Tensor, super().forward(input))  # type: ignore[no-untyped-call]
        layers = iter(self)
        for convolution, normalisation, _ in zip(layers, layers, layers, strict=True):
            input = rectified_normalisation(convolution(input), cast(nn.BatchNorm2d, normalisation))
        return input


def folded(network: UNet) -> UNet:
    """A copy for prediction alone, which gives the same up to rounding, sooner: normalisation is part of its convolutions."""
    copied = deepcopy(network).eval()
    for block in (*copied.encoders, copied.bottom, *copied.decoders):
        layers = list(cast(nn.Sequential, block))
        for place, layer in enumerate(layers):
            if isinstance(layer, nn.BatchNorm2d):
                convolution = fuse_conv_bn_eval(cast(nn.Conv2d, layers[place - 1]), layer)
                block[place - 1], block[place] = convolution, nn.Identity()
    return copied


def level_channels(base: int, depth: int) -> tuple[int, ...]:
    """Channels of each level: doubled from one to the next, up to 512."""
    return tuple(min(base * 2**level, MOST_CHANNELS) for level in range(depth))
