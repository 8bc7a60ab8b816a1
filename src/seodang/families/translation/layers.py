"""What both generators and the discriminator are made of: instance normalisation, and a doubling without a checkerboard."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

EPSILON = 1e-5
WEIGHT_DEVIATION = 0.02  # of first weights, as in pix2pix
SUMS = (((1.0, 0.0, 0.0), (0.0, 1.0, 1.0), (0.0, 0.0, 0.0)), ((0.0, 0.0, 0.0), (1.0, 1.0, 0.0), (0.0, 0.0, 1.0)))
"""Which rows of a kernel meet the same row once rows are doubled: for the upper copy of a row, and for the lower one."""
SPREAD = ((1.0, 0.0, 0.0), (1.0, 1.0, 0.0), (0.0, 1.0, 1.0), (0.0, 0.0, 1.0))
"""Which rows of a kernel a pixel meets in each of the four rows that it and its copies reach."""
WORTH_SPREADING = 4  # pixels for every channel that comes in, at least: below, spreading the kernel takes longer than it saves


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


class MatrixConvolution(nn.Module):
    """A convolution of maps of a few pixels: while training, one product of matrices.

    On such maps there is little to compute and much to move: all the weights, which PyTorch's convolution sorts into an order
    of its own and back in every step. Cutting the map into pieces instead takes half the time where it is 8 x 8 or
    smaller.

    Args:
        in_channels, out_channels: Of the maps.
        kernel_size, stride, padding: As those of a convolution.
        bias: Whether to add one.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, *, stride: int, padding: int, bias: bool) -> None:
        super().__init__()
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        self.pieces = nn.Linear(in_channels * kernel_size**2, out_channels, bias=bias)

    def forward(self, maps: Tensor) -> Tensor:
        """(batch, in_channels, height, width) to (batch, out_channels, rows, columns)."""
        weight, bias = self.pieces.weight, self.pieces.bias
        if not self.training:
            shape = (self.out_channels, self.in_channels, self.kernel_size, self.kernel_size)
            return functional.conv2d(maps, weight.view(shape), bias, self.stride, self.padding)
        rows, columns = ((side + 2 * self.padding - self.kernel_size) // self.stride + 1 for side in maps.shape[-2:])
        pieces = functional.unfold(maps.contiguous(), self.kernel_size, padding=self.padding, stride=self.stride)
        found = weight @ pieces if bias is None else weight @ pieces + bias[:, None]  # (batch, out_channels, places)
        return found.view(len(maps), self.out_channels, rows, columns).contiguous(memory_format=torch.channels_last)


class Doubled(nn.Module):
    """Twice as high and wide, each pixel repeated, then a convolution that sees all pixels alike.

    A transposed convolution of stride 2 gives every other row and column another part of its kernel, which shows as a
    checkerboard: Odena, Dumoulin & Olah 2016, "Deconvolution and Checkerboard Artifacts", Distill. Large images go through one
    while training all the same, with a kernel that makes it exactly this: it computes half as much.

    Args:
        in_channels: Of the images.
        out_channels: Of the larger images.
        bias: Left out where a normalisation would take it away.
        small: Whether the images have a few pixels alone.
    """

    def __init__(self, in_channels: int, out_channels: int, *, bias: bool, small: bool = False) -> None:
        super().__init__()
        if small:
            self.convolution: nn.Module = MatrixConvolution(in_channels, out_channels, 3, stride=1, padding=1, bias=bias)
        else:
            self.convolution = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=bias)

    def forward(self, images: Tensor) -> Tensor:
        """(batch, in_channels, height, width) to (batch, out_channels, 2 * height, 2 * width)."""
        plain, (height, width) = self.convolution, images.shape[-2:]
        if self.training and isinstance(plain, nn.Conv2d) and height * width >= WORTH_SPREADING * plain.in_channels:
            return functional.conv_transpose2d(images, spread(plain.weight), plain.bias, stride=2, padding=1)
        larger: Tensor = plain(functional.interpolate(images, scale_factor=2.0, mode="nearest"))
        return larger


def spread(kernel: Tensor) -> Tensor:
    """What a transposed convolution of stride 2 needs to double and then convolve: (out, in, 3, 3) to (in, out, 4, 4)."""
    rows = kernel.new_tensor(SPREAD)
    # y, x: rows and columns of the larger kernel; r, s: of the kernel, which a transposed convolution reads backwards.
    places = torch.einsum("yr,xs->rsyx", rows, rows).reshape(9, 16)
    out_channels, in_channels = kernel.shape[:2]
    backwards = kernel.flip(2, 3).transpose(0, 1).reshape(-1, 9)
    return (backwards @ places).reshape(in_channels, out_channels, 4, 4)


class DrawnDoubled(nn.Conv2d):
    """The same for images of a few channels, computed before they are doubled: exactly equal, in a third of the time.

    A pixel and its three copies see the same few pixels around them, each with other sums of the kernel: four convolutions of
    the small image, whose answers are laid side by side.

    Args:
        in_channels: Of the images.
        out_channels: Of the larger images, few.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 3, padding=1)

    def forward(self, input: Tensor) -> Tensor:
        """(batch, in_channels, height, width) to (batch, out_channels, 2 * height, 2 * width)."""
        assert self.bias is not None
        # y, x: which copy; o, i: out_channels and in_channels; r, s: rows and columns of the kernel; p, q: of the sums.
        sums = self.weight.new_tensor(SUMS)
        kernels = torch.einsum("ypr,oirs,xqs->oyxipq", sums, self.weight, sums).flatten(0, 2)
        copies = functional.conv2d(input, kernels, self.bias.repeat_interleave(4), padding=1)
        return functional.pixel_shuffle(copies, 2)


def draw_weights(network: nn.Module) -> None:
    """First weights of all convolutions and linear layers, from a narrow normal distribution; biases of 0."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.normal_(layer.weight, std=WEIGHT_DEVIATION)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
