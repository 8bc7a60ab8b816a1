"""The network that turns a face into 128 numbers: dlib's ResNet, as a module of PyTorch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from seodang.core.errors import DataError
from seodang.families.faces.engine.dlib_file import Layer
from seodang.families.faces.engine.embedders import EMBEDDING_DIM

MEANS = (122.782, 117.001, 104.298)  # of red, green and blue, as dlib subtracts them
SCALE = 256.0
STAGES = ((32, 3, False), (64, 4, True), (128, 3, True), (256, 3, True), (256, 1, True))
"""Channels, blocks, and whether the first block halves."""


class Block(nn.Module):
    """Two convolutions of 3 x 3 beside a short cut.

    Where the two are of different sizes the smaller one is filled up with noughts, below, to the right and in more channels, as
    dlib adds them.

    Args:
        before, channels: Of what comes in and goes out.
        halves: Whether height and width are halved.
    """

    def __init__(self, before: int, channels: int, halves: bool) -> None:
        super().__init__()
        self.halves = halves
        self.first = (
            nn.Conv2d(before, channels, 3, stride=2, padding=0) if halves else nn.Conv2d(before, channels, 3, padding=1)
        )
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, maps: Tensor) -> Tensor:
        """(batch, before, height, width) to (batch, channels, rows, columns)."""
        found = self.second(functional.relu(self.first(maps)))
        short = functional.avg_pool2d(maps, 2) if self.halves else maps
        shape = [max(one, other) for one, other in zip(found.shape[1:], short.shape[1:], strict=True)]
        return functional.relu(filled(found, shape) + filled(short, shape))


def filled(maps: Tensor, shape: Sequence[int]) -> Tensor:
    """Maps with noughts behind, up to (channels, height, width)."""
    more = [want - have for want, have in zip(shape, maps.shape[1:], strict=True)]
    return functional.pad(maps, (0, more[2], 0, more[1], 0, more[0])) if any(more) else maps


class FaceResNet(nn.Module):
    """29 convolutions and a product: faces of one person lie closer than 0.6, those of two further apart.

    D. King 2017, "High Quality Face Recognition with Deep Metric Learning", dlib; after He et al. 2016, arXiv:1512.03385. The
    affine layers that stand for batch normalisation are multiplied into the convolutions.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, STAGES[0][0], 7, stride=2)
        self.blocks, before = nn.ModuleList(), STAGES[0][0]
        for channels, count, halves in STAGES:
            for number in range(count):
                self.blocks.append(Block(before, channels, halves and number == 0))
                before = channels
        self.embed = nn.Linear(before, EMBEDDING_DIM, bias=False)

    def forward(self, chips: Tensor) -> Tensor:
        """Embed aligned faces.

        Args:    chips: (batch, 3, 150, 150), red, green and blue from 0 to 255.
        Returns: (batch, 128).
        """
        means = chips.new_tensor(MEANS).reshape(1, 3, 1, 1)
        maps = functional.relu(self.stem((chips - means) / SCALE))
        maps = functional.max_pool2d(maps, 3, stride=2)
        for block in self.blocks:
            maps = block(maps)
        embeddings: Tensor = self.embed(maps.mean((2, 3)))
        return embeddings

    def convolutions(self) -> Iterator[nn.Conv2d]:
        """From the image to the answer."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                yield module


def carried_over(layers: Sequence[Layer]) -> FaceResNet:
    """The network with the weights of dlib's file.

    Raises: DataError: The layers are of another network.
    """
    network = FaceResNet()
    expected = ["con", "affine"] * len(list(network.convolutions())) + ["fc"]
    if [layer.kind for layer in layers] != expected:
        raise DataError("the file is of another network than dlib's face recognition ResNet of 2017.")
    pairs = zip(layers[0:-1:2], layers[1:-1:2], strict=True)
    with torch.no_grad():
        for convolution, (con, affine) in zip(network.convolutions(), pairs, strict=True):
            _fold(convolution, torch.from_numpy(con.parameters), torch.from_numpy(affine.parameters))
        weights = torch.from_numpy(layers[-1].parameters).reshape(network.embed.in_features, EMBEDDING_DIM)
        network.embed.weight.copy_(weights.T)  # dlib keeps (inputs, outputs)
    return network.eval()


def _fold(convolution: nn.Conv2d, con: Tensor, affine: Tensor) -> None:
    """Filters and biases, each channel multiplied and moved as the affine layer behind it does."""
    count = convolution.weight.numel()
    factors, summands = affine.chunk(2)
    filters, biases = con[:count].reshape(convolution.weight.shape), con[count:]
    assert convolution.bias is not None
    convolution.weight.copy_(filters * factors.reshape(-1, 1, 1, 1))
    convolution.bias.copy_(biases * factors + summands)
