"""A 3 x 3 convolution in fewer multiplications, for training in bfloat16 on CPUs."""

from __future__ import annotations

import ctypes
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from seodang.core.device import cpu_features
from seodang.families.segmentation.kernels import WinogradCall, computing_in_bfloat16, library
from seodang.nn.kernels import threads

CHANNELS = 8  # the kernels compute so many at once
FEWEST_CHANNELS = 16  # with fewer, transforming takes longer than multiplying
FEWEST_PIXELS = 128  # of a batch: with fewer, transforming the weights takes longer than multiplying


class Convolution3x3(nn.Conv2d):
    """A 3 x 3 convolution of stride 1, padded with zeros, without a bias.

    In bfloat16 it trains about twice as fast on a CPU with AVX512-BF16. One with AMX multiplies four times as fast as these
    kernels could with fewer multiplications, and is left to PyTorch.

    Args:
        in_channels: Of the images.
        out_channels: Of the answers.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 3, padding=1, bias=False)

    def forward(self, input: Tensor) -> Tensor:
        """The same as `nn.Conv2d`, up to the rounding of bfloat16.

        Args:    input: (batch, in_channels, height, width), floating point.
        Returns: (batch, out_channels, height, width), of the type that autocast asks for.
        """
        if self.training and computing_in_bfloat16() and "amx_bf16" not in cpu_features():
            return convolution_3x3(input, self.weight)
        return super().forward(input)


def convolution_3x3(images: Tensor, weight: Tensor) -> Tensor:
    """Each pixel's 3 x 3 surroundings, zeros outside of the image, times the weights.

    Where the CPU has AVX512-BF16, in 16 instead of 36 multiplications for 2 x 2 pixels: Lavin & Gray, "Fast
    Algorithms for Convolutional Neural Networks", CVPR 2016, arXiv:1509.09308. Transformed images and weights are rounded
    once more, which about doubles the error. The same bytes at any number of threads. Elsewhere it is PyTorch's convolution.

    Args:
        images: (batch, in_channels, height, width), bfloat16, best with channels last in memory.
        weight: (out_channels, in_channels, 3, 3), float32 or bfloat16, best with channels last in memory.

    Returns: (batch, out_channels, height, width), of the type of `images`, with channels last in memory.
    """
    if _computes_here(images, weight):
        return cast(Tensor, _Winograd.apply(images, weight))  # type: ignore[no-untyped-call]
    return functional.conv2d(images, weight if computing_in_bfloat16() else weight.to(images.dtype), padding=1)


def _computes_here(images: Tensor, weight: Tensor) -> bool:
    """Whether the kernels can compute it, and faster than PyTorch without AMX."""
    batch, _, height, width = images.shape
    return (
        images.device.type == weight.device.type == "cpu"
        and images.dtype is torch.bfloat16
        and weight.dtype in (torch.float32, torch.bfloat16)
        and all(channels % CHANNELS == 0 and channels >= FEWEST_CHANNELS for channels in weight.shape[:2])
        and batch * height * width >= FEWEST_PIXELS
        and library() is not None
    )


class _Winograd(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor, weight: Tensor) -> Tensor:
        images = _channels_last(images)
        ctx.save_for_backward(images, weight)
        return _answers(images, weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        images, weight = ctx.saved_tensors
        gradients = _channels_last(gradients)
        by_images = _answers(gradients, weight, turned=True) if ctx.needs_input_grad[0] else None
        by_weight = _weight_gradient(images, gradients).to(weight.dtype) if ctx.needs_input_grad[1] else None
        return by_images, by_weight


def _channels_last(tensor: Tensor) -> Tensor:
    return tensor.contiguous(memory_format=torch.channels_last)


def _answers(images: Tensor, weight: Tensor, turned: bool = False) -> Tensor:
    """The convolution, or with weights turned around the gradient by its images from that by its answers."""
    batch, _, height, width = images.shape
    weight = _channels_last(weight.float())
    answers = torch.empty((batch, weight.shape[turned], height, width), dtype=images.dtype, memory_format=torch.channels_last)
    call = _call(images, answers, weight)
    if turned:
        call.by_output, call.by_input = call.by_input, call.by_output
        call.weights += weight.element_size() * 2 * (call.by_row + call.by_column)
        call.by_row, call.by_column = -call.by_row, -call.by_column
    _run(call)
    return answers


def _weight_gradient(images: Tensor, gradients: Tensor) -> Tensor:
    """The gradient by the weights, (out_channels, in_channels, 3, 3), float32, from that by the answers."""
    size = (gradients.shape[1], images.shape[1], 3, 3)
    by_weight = torch.empty(size, memory_format=torch.channels_last)
    _run(_call(images, gradients, by_weight), backwards=True)
    return by_weight


def _call(images: Tensor, answers: Tensor, weight: Tensor) -> WinogradCall:
    batch, inputs, height, width = images.shape
    call = WinogradCall(batch, height, width, inputs, answers.shape[1])
    call.images, call.answers, call.weights = images.data_ptr(), answers.data_ptr(), weight.data_ptr()
    call.by_output, call.by_input, call.by_row, call.by_column = weight.stride()
    call.threads = threads()
    return call


def _run(call: WinogradCall, backwards: bool = False) -> None:
    kernels = library()
    assert kernels is not None
    size = (kernels.weight_gradient_scratch if backwards else kernels.winograd_scratch)(ctypes.byref(call))
    scratch = torch.empty(size, dtype=torch.uint8)  # PyTorch aligns it to 64 bytes
    call.scratch = scratch.data_ptr()
    (kernels.run_weight_gradient if backwards else kernels.run_winograd)(ctypes.byref(call))
