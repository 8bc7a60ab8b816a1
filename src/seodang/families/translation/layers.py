"""What both generators and the discriminator are made of: instance normalisation, and a doubling without a checkerboard."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

EPSILON = 1e-5
WEIGHT_DEVIATION = 0.02  # of first weights, as in pix2pix


class InstanceNorm(nn.Module):
    """Each channel of each image with mean 0 and variance 1.

    Ulyanov, Vedaldi & Lempitsky 2016, "Instance Normalization: The Missing Ingredient for Fast Stylization", arXiv:1607.08022;
    without a scale and a shift of its own, as in pix2pix.
    """

    def forward(self, images: Tensor) -> Tensor:
        """(batch, channels, height, width), of more than one pixel, to the same shape."""
        if self.training and images.device.type == "cpu":
            # Of one image it is batch normalisation, for which PyTorch's kernel reads channels-last memory as it lies: a step
            # takes a third to a half of the time. `instance_norm` would sort the memory anew, there and back.
            each = [functional.batch_norm(one, None, None, training=True, eps=EPSILON) for one in torch.split(images, 1)]
            return each[0] if len(each) == 1 else torch.cat(each)
        return functional.instance_norm(images, eps=EPSILON)


class Doubled(nn.Module):
    """Twice as high and wide, each pixel repeated, then a convolution that sees all pixels alike.

    A transposed convolution of stride 2 gives every other row and column another part of its kernel, which shows as a
    checkerboard: Odena, Dumoulin & Olah 2016, "Deconvolution and Checkerboard Artifacts", Distill.

    Args:
        in_channels: Of the images.
        out_channels: Of the larger images.
        bias: Left out where a normalisation would take it away.
    """

    def __init__(self, in_channels: int, out_channels: int, *, bias: bool) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=bias)

    def forward(self, images: Tensor) -> Tensor:
        """(batch, in_channels, height, width) to (batch, out_channels, 2 * height, 2 * width)."""
        larger: Tensor = self.convolution(functional.interpolate(images, scale_factor=2.0, mode="nearest"))
        return larger


def draw_weights(network: nn.Module) -> None:
    """First weights of all convolutions and linear layers, from a narrow normal distribution; biases of 0."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.normal_(layer.weight, std=WEIGHT_DEVIATION)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
