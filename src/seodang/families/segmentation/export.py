"""Export: the network as an ONNX model for images of any size, kept only when ONNX Runtime has proven it equal.

The model takes scaled images and gives the chance of each class at each pixel. Large images are cut into
tiles around it, which `classes.json` describes.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from seodang.core.device import Device
from seodang.core.errors import ExportError
from seodang.data.tiles import Floats, Tiling
from seodang.families.segmentation.masks import MaskCode
from seodang.families.segmentation.prediction import Compute, Segmenter
from seodang.families.segmentation.predictor import SegmentationPredictor
from seodang.families.segmentation.scaling import LEAST_SHARE, Scaling
from seodang.families.segmentation.settings import SegmentationSettings
from seodang.families.segmentation.training import stored_scaling
from seodang.families.segmentation.unet import UNet
from seodang.nn.onnx import (
    answers,
    exported,
    exported_model,
    leaving_nothing,
    need_packages,
    open_session,
    proof,
    told,
    write_export,
)
from seodang.nn.openvino_runtime import import_openvino

CLASSES = "classes.json"
TOLERANCE = 1e-4
PROOF_SEED = 0
PROOF_UNITS = ((1, 4, 4), (2, 3, 7), (1, 9, 2))
"""Batch, height and width of what is compared, sides in multiples of the network's stride."""


class Chances(nn.Module):
    """A network from scaled images to chances: what is exported."""

    def __init__(self, network: UNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """From scaled images, (batch, channels, height, width), float32, to chances, (batch, classes, height, width)."""
        logits = self.network(images)
        if logits.shape[1] > 1:
            return torch.softmax(logits, 1)
        second = torch.sigmoid(logits)
        return torch.cat([1 - second, second], 1)


def export_onnx(predictor: SegmentationPredictor, device: Device, folder: Path) -> Path:
    """Write model.onnx, classes.json and proof.json.

    Args:
        predictor: A trained model.
        device: Threads of the proof.
        folder: Where the files go; nothing is left there when the proof fails.

    Raises:
        MissingExtraError: onnx, onnxscript or onnxruntime is not installed.
        ExportError: The model is in no network of PyTorch, or ONNX Runtime disagrees with it.
    """
    need_packages()
    network = predictor.network
    if network is None:
        raise ExportError("This model is exported already; load the run with engine torch.")
    whole = Chances(copy.deepcopy(network).cpu().float()).eval()
    with leaving_nothing(folder):
        model = onnx_model(whole)
        proven = prove(whole, model, device)
    return write_export(folder, model, proven, classes=classes_json(predictor, network))


def onnx_model(whole: Chances) -> bytes:
    """A serialized ONNX model of any number of images of any size. Raises: ExportError: The exporter refuses the network."""
    stride, channels = whole.network.stride, whole.network.first.in_channels
    batch, height, width = (torch.export.Dim(name, min=1) for name in ("batch", "rows", "columns"))
    shapes = {"images": {0: batch, 2: stride * height, 3: stride * width}}
    return exported(whole, [torch.zeros(2, channels, 3 * stride, 4 * stride)], shapes, ["chances"])


def prove(whole: Chances, model: bytes, device: Device) -> dict[str, Any]:
    """Segment the same random images with both.

    Returns: What was compared, and the largest difference of a chance.
    Raises:  ExportError: It is above the tolerance, or ONNX Runtime refuses the model.
    """
    random = np.random.default_rng(PROOF_SEED)
    session = open_session(model, device.threads)
    shapes, worst = [], 0.0
    for count, tall, wide in PROOF_UNITS:
        shape = (count, whole.network.first.in_channels, tall * whole.network.stride, wide * whole.network.stride)
        images = random.standard_normal(shape, np.float32)
        with torch.inference_mode():
            expected = whole(torch.from_numpy(images)).numpy()
        (found,) = answers(session, ["chances"], {"images": images}, f"images of {shape}")
        shapes.append(list(shape))
        worst = float(np.max([worst, np.abs(expected - found).max()]))  # not a number if either is
    compared = "the chance of each class at each pixel of ONNX Runtime and of PyTorch, in f32 on the CPU"
    return proof(worst, TOLERANCE, compared, {"images": shapes})


def classes_json(predictor: SegmentationPredictor, network: UNet) -> dict[str, Any]:
    """All that another program needs to turn an image into a mask."""
    tiling = predictor.segmenter.tiling
    return {
        "inputs": {"images": "(batch, channels, height, width), float32, scaled as `scaling` says"},
        "outputs": {"chances": "(batch, classes, height, width), float32, in the order of classes"},
        "classes": list(predictor.code.names),
        "mask_values": list(predictor.code.values),
        "channels": predictor.segmenter.scaling.channels,
        "scaling": scaling_json(predictor.segmenter.scaling),
        "sides": f"height and width are multiples of {network.stride}; lengthen an image at its right and lower edge, mirrored",
        "tiles": {"size": tiling.size, "unused_at_inner_edges": tiling.margin, "begin_at_multiples_of": tiling.stride},
    }


def scaling_json(scaling: Scaling) -> dict[str, Any]:
    """How grey values become what the model reads, in words and numbers."""
    whole = {"mean": scaling.whole.mean.tolist(), "deviation": scaling.whole.deviation.tolist()}
    if not scaling.own:
        return {"rule": "(grey value - mean) / deviation of each channel", **whole}
    least = (LEAST_SHARE * scaling.whole.deviation).tolist()
    return {"rule": "(grey value - mean) / deviation of each channel of the whole image itself", "least_deviation": least}


def open_chances(engine: str, folder: Path, device: Device) -> Compute:
    """What computes an exported model's chances.

    Args: engine: "onnx" or "openvino".
    Raises:
        RunError: Nothing was exported. MissingExtraError: The engine is not installed.
    """
    path = exported_model(folder)
    if engine == "openvino":
        return _openvino(path, device)
    session = open_session(path.read_bytes(), device.threads)

    def compute(piece: Floats) -> Floats:
        chances: Floats = session.run(["chances"], {"images": piece[None]})[0][0]
        return chances

    return compute


def _openvino(path: Path, device: Device) -> Compute:
    # In full precision: the default of some CPUs is bf16, which moves pixels whose classes are nearly as likely.
    options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": device.threads}
    model = import_openvino().Core().compile_model(path, "CPU", options)

    def compute(piece: Floats) -> Floats:
        chances: Floats = model(piece[None])[0][0]
        return chances

    return compute


def open_exported(engine: str, folder: Path, settings: SegmentationSettings, device: Device) -> SegmentationPredictor:
    """An exported model, ready to predict. Raises: RunError: Nothing was exported, or its description is damaged."""
    compute = open_chances(engine, folder, device)
    tiles = told(folder / CLASSES)["tiles"]
    tiling = Tiling(tiles["size"], tiles["unused_at_inner_edges"], tiles["begin_at_multiples_of"])
    preprocessing = told(folder.parent / "preprocessing.json")
    scaling = stored_scaling(preprocessing, settings)
    code = MaskCode.from_json(preprocessing["masks"])
    return SegmentationPredictor(settings, code, Segmenter(compute, scaling, tiling, settings.prediction.mirror), preprocessing)
