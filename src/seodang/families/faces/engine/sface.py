"""SFace: the default network that turns a face into 128 numbers."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from seodang.core.errors import DataError
from seodang.families.faces.engine.embedders import EMBEDDING_DIM

MIDDLE, HALF = 127.5, 128.0
STAGES = ((32, 64, 1), (64, 128, 2), (128, 128, 1), (128, 256, 2), (256, 256, 1), (256, 512, 2), *((512, 512, 1),) * 5)
LAST_STAGES = ((512, 1024, 2), (1024, 1024, 1))
"""Channels before and after, and stride, of each pair of a depthwise and a pointwise convolution."""
CONVOLUTION_EPSILON, LAST_EPSILON = 1e-3, 2e-5  # of normalisation, as the file has them
LAST_SIDE = 7


class SFace(nn.Module):
    """MobileNet from aligned faces to embeddings: those of one person point the same way.

    Zhong, Deng, Hu, Zhao, Li & Wen, "SFace: Sigmoid-Constrained Hypersphere Loss for Robust Face Recognition", IEEE TIP 2021,
    arXiv:2205.12010; the network after Howard et al. 2017, arXiv:1704.04861.
    """

    def __init__(self) -> None:
        super().__init__()
        layers = [*_convolution(3, STAGES[0][0], 3)]
        for before, after, stride in (*STAGES, *LAST_STAGES):
            layers += _convolution(before, before, 3, stride, groups=before)
            layers += _convolution(before, after, 1)
        channels = LAST_STAGES[-1][1]
        self.features = nn.Sequential(*layers, nn.BatchNorm2d(channels, LAST_EPSILON))
        self.embed = nn.Linear(channels * LAST_SIDE * LAST_SIDE, EMBEDDING_DIM)
        self.scale = nn.BatchNorm1d(EMBEDDING_DIM, LAST_EPSILON)

    def forward(self, chips: Tensor) -> Tensor:
        """Embed aligned faces.

        Args:    chips: (batch, 3, 112, 112), red, green and blue from 0 to 255.
        Returns: (batch, 128), of unequal lengths; the direction is what counts.
        """
        maps = self.features((chips - MIDDLE) / HALF)
        embeddings: Tensor = self.scale(self.embed(maps.flatten(1)))
        return embeddings


def _convolution(before: int, after: int, side: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """A convolution that keeps the size, times its stride, with normalisation and PReLU."""
    convolution = nn.Conv2d(before, after, side, stride, padding=side // 2, groups=groups, bias=False)
    return [convolution, nn.BatchNorm2d(after, CONVOLUTION_EPSILON), nn.PReLU(after)]


def carried_over(tensors: Mapping[str, Tensor]) -> SFace:
    """The network with the weights of its ONNX file, as `onnx_file.read_tensors` reads them.

    Raises: DataError: The file is of another network.
    """
    network = SFace().eval()
    state: dict[str, Tensor] = {}
    layers = network.features
    names = ["conv_1"] + [name for stage in range(2, 15) for name in (f"conv_{stage}_dw", f"conv_{stage}")]
    try:
        for number, name in enumerate(names):
            state[f"features.{3 * number}.weight"] = tensors[f"{name}_conv2d_weight"]
            state |= _normalisation(f"features.{3 * number + 1}", tensors, f"{name}_batchnorm")
            state[f"features.{3 * number + 2}.weight"] = tensors[f"{name}_relu_gamma"].flatten()
        state |= _normalisation(f"features.{len(layers) - 1}", tensors, "bn1")
        state["embed.weight"], state["embed.bias"] = tensors["pre_fc1_weight"], tensors["pre_fc1_bias"]
        state |= _normalisation("scale", tensors, "fc1")
        counters = {name: torch.tensor(0) for name in network.state_dict() if name.endswith("num_batches_tracked")}
        network.load_state_dict(state | counters)
    except (KeyError, RuntimeError) as error:
        raise DataError("the file is of another network than SFace of December 2021.") from error
    return network


def _normalisation(layer: str, tensors: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """The four tensors of a normalisation, by PyTorch's names."""
    names = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_var"}
    return {f"{layer}.{ours}": tensors[f"{name}_{theirs}"] for ours, theirs in names.items()}
