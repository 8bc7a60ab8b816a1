"""Export: from a face to people in one ONNX file, kept only when ONNX Runtime has proven it equal.

The model takes faces that are cut out already; where they come from, and where landmarks belong, says `about.json`.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from seodang.core.device import Device
from seodang.core.errors import ExportError
from seodang.families.faces.engine.alignment import Chips
from seodang.families.faces.engine.boxes import Floats
from seodang.families.faces.engine.embedders import EMBEDDERS
from seodang.families.faces.engine.weights import fetch
from seodang.families.faces.first_stage import chip_side, open_first_stage
from seodang.families.faces.head import Chances, CosineHead, Recogniser
from seodang.families.faces.predictor import FacesPredictor
from seodang.families.faces.settings import FacesSettings
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

TOLERANCE = 1e-4  # of probabilities
PROOF_COUNTS = (1, 3, 8)  # faces of each comparison
PROOF_SEED = 0
OUTPUT = "probabilities"


def export_onnx(predictor: FacesPredictor, device: Device, folder: Path) -> Path:
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
    network = whole_network(predictor)
    with leaving_nothing(folder):
        model = onnx_model(network, chip_side(predictor.settings))
        proven = prove(network, model, chip_side(predictor.settings), device)
    return write_export(folder, model, proven, about=about(predictor))


def whole_network(predictor: FacesPredictor) -> Chances:
    """From faces to probabilities in one module, the embedder of a head within.

    Raises: ExportError: The model is in no network of PyTorch. MachineError: Weights cannot be fetched.
    """
    if predictor.network is None:
        raise ExportError("This model is exported already; load the run with engine torch.")
    network: nn.Module = copy.deepcopy(predictor.network).cpu().float()
    if isinstance(network, CosineHead):
        embedder = EMBEDDERS[predictor.settings.model.embedder]
        network = Recogniser(embedder.module(fetch(embedder.weights)), network)
    return Chances(network, torch.tensor(predictor.temperature)).eval()


def onnx_model(network: Chances, side: int) -> bytes:
    """A serialized ONNX model of any number of faces. Raises: ExportError: The exporter refuses the network."""
    return exported(network, [torch.zeros(2, 3, side, side)], {"chips": {0: torch.export.Dim("batch", min=1)}}, [OUTPUT])


def prove(network: Chances, model: bytes, side: int, device: Device) -> dict[str, Any]:
    """Ask both about the same random pictures.

    Returns: What was compared, and the largest difference of a probability.
    Raises:  ExportError: It is above the tolerance, or ONNX Runtime refuses the model.
    """
    random = np.random.default_rng(PROOF_SEED)
    session, worst = open_session(model, device.threads), 0.0
    for count in PROOF_COUNTS:
        chips = random.integers(0, 256, (count, 3, side, side)).astype(np.float32)
        with torch.inference_mode():
            expected = network(torch.from_numpy(chips)).numpy()
        (found,) = answers(session, [OUTPUT], {"chips": chips}, f"{count} faces")
        worst = float(np.max([worst, np.abs(expected - found).max()]))  # not a number if either is
    compared = "the probability of each person of ONNX Runtime and of PyTorch, in f32 on the CPU"
    return proof(worst, TOLERANCE, compared, {"faces": list(PROOF_COUNTS)})


def about(predictor: FacesPredictor) -> dict[str, Any]:
    """All that another program needs to ask the model."""
    settings, side = predictor.settings, chip_side(predictor.settings)
    found: dict[str, Any] = {
        "inputs": {"chips": f"(batch, 3, {side}, {side}), float32, red, green and blue from 0 to 255"},
        "outputs": {OUTPUT: "(batch, people), float32, in the order of people"},
        "people": list(predictor.people),
        "temperature": predictor.temperature,
    }
    if not settings.data.cut:
        return {**found, "cut": f"the whole picture, resized to {side} x {side}"}
    embedder = EMBEDDERS[settings.model.embedder]
    places = (embedder.places * np.float32(side / embedder.side)).tolist()
    found["cut"] = "turned, scaled and moved, so that the landmarks come nearest to these places (Umeyama 1991)"
    found["landmarks"] = "left eye in the picture, other eye, tip of the nose, both corners of the mouth"
    return {**found, "places": [[round(x, 3), round(y, 3)] for x, y in places]}


def open_exported(folder: Path, settings: FacesSettings, device: Device) -> FacesPredictor:
    """An exported model, ready to predict. Raises: RunError: Nothing was exported, or what belongs to it is damaged."""
    session = open_session(exported_model(folder).read_bytes(), device.threads)

    def classify(chips: Chips) -> Floats:
        inputs = np.ascontiguousarray(chips.transpose(0, 3, 1, 2), np.float32)
        found: Floats = session.run([OUTPUT], {"chips": inputs})[0]
        return found

    preprocessing = told(folder.parent / "preprocessing.json")
    return FacesPredictor(settings, preprocessing, open_first_stage(settings), classify)
