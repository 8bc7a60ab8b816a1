"""Export: the averaged generator as an ONNX model, kept only when ONNX Runtime has proven it equal."""

from __future__ import annotations

import copy
import json
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from seodang.core.device import Device
from seodang.core.errors import ExportError, RunError
from seodang.core.files import write_bytes, write_json
from seodang.families.gan.making import as_bytes, latents_of
from seodang.families.gan.predictor import GanPredictor
from seodang.families.gan.settings import GanSettings
from seodang.nn.onnx import PACKAGES, exported, need_packages, open_session

MODEL, ABOUT, PROOF = "model.onnx", "about.json", "proof.json"
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
    try:
        model = onnx_model(generator, predictor)
        proof = prove(generator, model, predictor, device)
    except ExportError:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
        raise
    write_json(folder / ABOUT, about(predictor))
    write_json(folder / PROOF, proof)
    write_bytes(folder / MODEL, model)
    return folder / MODEL


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
        try:
            (found,) = session.run(["images"], fed(latents, classes))
        except Exception as error:  # ONNX Runtime's own classes, all derived from nothing but Exception
            raise ExportError(f"ONNX Runtime refuses the model: {str(error).strip().splitlines()[0][:200]}") from error
        worst = float(np.max([worst, np.abs(expected - found).max()]))  # not a number if either is
    if not worst <= TOLERANCE:
        raise ExportError(
            f"ONNX Runtime differs from the trained generator by {worst:.2g}, at most {TOLERANCE:g} is allowed; nothing was "
            "exported."
        )
    return {
        "images": list(PROOF_COUNTS),
        "largest_difference": worst,
        "allowed_difference": TOLERANCE,
        "compared": "pixels from -1 to 1 of ONNX Runtime and of PyTorch, in f32 on the CPU",
        "versions": {name: metadata.version(name) for name in ("seodang", "torch", *PACKAGES)},
    }


def about(predictor: GanPredictor) -> dict[str, Any]:
    """All that another program needs to make images."""
    inputs = {"latents": f"(batch, {predictor.settings.model.latent_dim}), float32, standard normal"}
    if predictor.class_names:
        inputs["classes"] = "(batch,), int64, places in `classes`"
    return {
        "inputs": inputs,
        "outputs": {"images": "(batch, channels, height, width), float32, from -1 (black) to 1 (white)"},
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
    path = folder / MODEL
    if not path.is_file():
        raise RunError(f"{folder.parent} has no exported model; run `seodang export {folder.parent}` first.")
    session = open_session(path.read_bytes(), device.threads)
    try:
        preprocessing = json.loads((folder.parent / "preprocessing.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{folder.parent / 'preprocessing.json'} cannot be read ({error}).") from error

    def make(latents: Tensor, classes: Tensor | None) -> Tensor:
        return as_bytes(torch.from_numpy(session.run(["images"], fed(latents, classes))[0]))

    return GanPredictor(settings, preprocessing, make, device)
