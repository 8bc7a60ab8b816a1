"""Export: the generator as an ONNX model for images of any size, kept only when ONNX Runtime has proven it equal.

The model takes sources from -1 to 1 and gives answers from -1 to 1; `images.json` says how pixels become such numbers.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seodang.core.device import Device
from seodang.core.errors import ExportError
from seodang.core.run import RunFolder
from seodang.families.translation.loading import judge_of, mean_of_run, translator_of
from seodang.families.translation.prediction import Compute
from seodang.families.translation.predictor import TranslationPredictor
from seodang.families.translation.settings import TranslationSettings
from seodang.families.translation.training import Generator
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

IMAGES = "images.json"
TOLERANCE = 1e-3  # of answers from -1 to 1, an eighth of a step of 8 bits: normalising by an image's own deviation magnifies
PROOF_SEED = 0
LEAST_PROVED = 32  # pixels: deviations of a few pixels alone would be compared otherwise
PROOF_UNITS = ((1, 1, 1), (2, 1, 2), (1, 3, 2))
"""Images, and height and width of what is compared, in multiples of the network's stride or of 32 pixels."""


def export_onnx(predictor: TranslationPredictor, device: Device, folder: Path) -> Path:
    """Write model.onnx, images.json and proof.json.

    Args:
        predictor: A trained model.
        device: Threads of the proof.
        folder: Where the files go; nothing is left there when the proof fails.

    Raises:
        MissingExtraError: onnx, onnxscript or onnxruntime is not installed.
        ExportError: The model is in no network of PyTorch, or ONNX Runtime disagrees with it.
    """
    need_packages()
    if predictor.network is None:
        raise ExportError("This model is exported already; load the run with engine torch.")
    network: Generator = copy.deepcopy(predictor.network).cpu().float().eval()  # type: ignore[assignment]
    with leaving_nothing(folder):
        model = onnx_model(network)
        proven = prove(network, model, device)
    return write_export(folder, model, proven, images=images_json(predictor))


def onnx_model(network: Generator) -> bytes:
    """A serialized ONNX model of any number of images of any size. Raises: ExportError: The exporter refuses the network."""
    batch, height, width = (torch.export.Dim(name, min=1) for name in ("batch", "rows", "columns"))
    shapes = {"sources": {0: batch, 2: network.stride * height, 3: network.stride * width}}
    # The exporter sees what `forward` calls its argument.
    return exported(network, [torch.zeros(2, network.in_channels, 3 * network.stride, 4 * network.stride)], shapes, ["answers"])


def prove(network: Generator, model: bytes, device: Device) -> dict[str, Any]:
    """Translate the same random images with both.

    Returns: What was compared, and the largest difference of a pixel.
    Raises:  ExportError: It is above the tolerance, or ONNX Runtime refuses the model.
    """
    random = np.random.default_rng(PROOF_SEED)
    session = open_session(model, device.threads)
    unit = -(-max(network.stride, LEAST_PROVED) // network.stride) * network.stride
    shapes, worst = [], 0.0
    for count, tall, wide in PROOF_UNITS:
        shape = (count, network.in_channels, tall * unit, wide * unit)
        sources = random.uniform(-1, 1, shape).astype(np.float32)
        with torch.inference_mode():
            expected = network(torch.from_numpy(sources)).numpy()
        (found,) = answers(session, ["answers"], {"sources": sources}, f"images of {shape}")
        shapes.append(list(shape))
        worst = float(np.max([worst, np.abs(expected - found).max()]))  # not a number if either is
    compared = "each pixel from -1 to 1 of ONNX Runtime and of PyTorch, in f32 on the CPU"
    return proof(worst, TOLERANCE, compared, {"images": shapes})


def images_json(predictor: TranslationPredictor) -> dict[str, Any]:
    """All that another program needs to turn an image into its answer."""
    translator = predictor.translator
    source, target = translator.source_kind, translator.target_kind
    side = translator.side
    return {
        "inputs": {"sources": f"(batch, {source.channels}, height, width), float32: pixel / {source.most / 2:g} - 1"},
        "outputs": {
            "answers": f"(batch, {target.channels}, height, width), float32: pixel is (answer + 1) * {target.most / 2:g}"
        },
        "source": source.to_json(),
        "target": target.to_json(),
        "stride": translator.stride,
        "sides": f"multiples of {translator.stride}; lengthen an image at its right and lower edge, as in a mirror",
        "scale": "as it is" if side is None else f"the shorter side has {side} pixels",
    }


def open_exported(folder: Path, settings: TranslationSettings, device: Device) -> TranslationPredictor:
    """An exported model, ready to predict and to be measured.

    Raises: RunError: Nothing was exported, or its description is damaged.
    """
    path = exported_model(folder)
    run = RunFolder.open(folder.parent)
    preprocessing = run.read_json("preprocessing.json")
    compute = _session_answers(path, device)
    translator = translator_of(compute, told(folder / IMAGES)["stride"], settings, preprocessing)
    judge = judge_of(run.stage_weights, preprocessing, device)
    return TranslationPredictor(settings, translator, judge, mean_of_run(run.stage_weights), preprocessing)


def _session_answers(path: Path, device: Device) -> Compute:
    session = open_session(path.read_bytes(), device.threads)

    def compute(sources: Tensor) -> Tensor:
        each = (one.contiguous(memory_format=torch.contiguous_format).numpy() for one in torch.split(sources, 1))
        return torch.cat([torch.from_numpy(session.run(["answers"], {"sources": one})[0]) for one in each])

    return compute
