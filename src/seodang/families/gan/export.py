"""Export: the averaged generator as an ONNX model, kept only when ONNX Runtime has proven it equal."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from seodang.core.device import Device
from seodang.core.errors import ExportError
from seodang.core.run import RunFolder
from seodang.families.gan.making import as_bytes, latents_of, some_at_once
from seodang.families.gan.predictor import GanPredictor
from seodang.families.gan.settings import GanSettings
from seodang.nn.onnx import answers, exported, exported_model, leaving_nothing, need_packages, open_session, proof, write_export

TOLERANCE = 1e-4  # of pixels from -1 to 1
PROOF_COUNTS = (1, 7, 64)  # images of each comparison


def export_onnx(predictor: GanPredictor, device: Device, folder: Path) -> Path:
    """Write model.onnx, about.json and proof.json.

    Args:
        predictor: A trained model.
        device: Threads of the proof.
        folder: Where the files go; nothing is left there when the proof fails.

    Raises:
        MissingExtraError: onnx, onnxscript or onnxruntime is not installed.
        ExportError: The model is in no network of PyTorch, or ONNX Runtime disagrees with it.
    """
    need_packages()
    if predictor.networks is None:
        raise ExportError("This model is exported already; load the run with engine torch.")
    generator = copy.deepcopy(predictor.networks.generator).cpu().float().eval()
    with leaving_nothing(folder):
        model = onnx_model(generator, predictor)
        proven = prove(generator, model, predictor, device)
    return write_export(folder, model, proven, about=about(predictor))


def onnx_model(generator: nn.Module, predictor: GanPredictor) -> bytes:
    """A serialized ONNX model of any number of images. Raises: ExportError: The exporter refuses the network."""
    batch = torch.export.Dim("batch", min=1)
    inputs, shapes = [torch.zeros(2, predictor.settings.model.latent_dim)], {"latents": {0: batch}}
    if predictor.class_names:
        inputs.append(torch.zeros(2, dtype=torch.int64))
        shapes["classes"] = {0: batch}
    return exported(generator, inputs, shapes, ["images"])


def prove(generator: nn.Module, model: bytes, predictor: GanPredictor, device: Device) -> dict[str, Any]:
    """Make the same images with both.

    Returns: What was compared, and the largest difference of a pixel.
    Raises:  ExportError: It is above the tolerance, or ONNX Runtime refuses the model.
    """
    session, worst = open_session(model, device.threads), 0.0
    for count in PROOF_COUNTS:
        latents, classes = latents_of(range(count), predictor.settings.model.latent_dim), predictor.classes(range(count))
        with torch.inference_mode():
            expected = generator(latents, classes).numpy()
        (found,) = answers(session, ["images"], fed(latents, classes), f"noise for {count}")
        worst = float(np.max([worst, np.abs(expected - found).max()]))  # not a number if either is
    compared = "pixels from -1 to 1 of ONNX Runtime and of PyTorch, in f32 on the CPU"
    return proof(worst, TOLERANCE, compared, {"images": list(PROOF_COUNTS)})


def about(predictor: GanPredictor) -> dict[str, Any]:
    """All that another program needs to make images."""
    inputs = {"latents": f"(batch, {predictor.settings.model.latent_dim}), float32, standard normal"}
    if predictor.class_names:
        inputs["classes"] = "(batch,), int64, places in `classes`"
    return {
        "inputs": inputs,
        "outputs": {"images": "(batch, channels, height, width), float32, from -1 (black) to 1 (white); cut what lies beyond"},
        "classes": list(predictor.class_names),
        "channels": predictor.preprocessing["channels"],
        "size": predictor.preprocessing["size"],
    }


def fed(latents: Tensor, classes: Tensor | None) -> dict[str, Any]:
    """Inputs as ONNX Runtime takes them."""
    found = {"latents": latents.numpy()}
    return found if classes is None else {**found, "classes": classes.numpy()}


def open_exported(folder: Path, settings: GanSettings, device: Device) -> GanPredictor:
    """An exported model, ready to make images. Raises: RunError: Nothing was exported, or what belongs to it is damaged."""
    session = open_session(exported_model(folder).read_bytes(), device.threads)

    def make(latents: Tensor, classes: Tensor | None) -> Tensor:
        return as_bytes(torch.from_numpy(session.run(["images"], fed(latents, classes))[0]))

    return GanPredictor(settings, RunFolder.open(folder.parent).read_json("preprocessing.json"), some_at_once(make), device)
