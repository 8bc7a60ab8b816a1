"""Export: the chosen agent as an ONNX model, kept only when ONNX Runtime has proven it equal."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seodang.core.device import Device
from seodang.core.errors import ExportError
from seodang.core.run import RunFolder
from seodang.families.agents.actor import Array
from seodang.families.agents.algorithm import Algorithm, World, algorithm
from seodang.families.agents.environments.spaces import Observations, ObservationShape
from seodang.families.agents.predictor import AgentsPredictor, reader_of
from seodang.families.agents.settings import AgentsSettings
from seodang.nn.onnx import answers, exported, exported_model, leaving_nothing, need_packages, open_session, proof, write_export

TOLERANCE = 1e-4  # of what networks give, beside the largest of it where that is above 1
PROOF_COUNTS = (1, 7, 64)  # observations of each comparison
ACTING = {
    "discrete": "the place of the largest output, plus the first of starts",
    "multi-discrete": "of each choice the place of the largest output, plus its start",
    "continuous": "a number n, cut to -1 to 1, becomes low + (n + 1) / 2 * (high - low)",
}
"""How outputs become what the environment takes."""


class OfVectors(nn.Module):
    """A network that is given vectors alone."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, vectors: Tensor) -> Any:
        """(batch, numbers) -> what the network gives."""
        return self.network(vectors, vectors.new_zeros((1, 0, 0, 0)))


class OfImages(OfVectors):
    """A network that is given images alone."""

    def forward(self, images: Tensor) -> Any:
        """(batch, channels, height, width), uint8 -> what the network gives."""
        return self.network(images.new_zeros((images.shape[0], 0), dtype=torch.float32), images)


class OfBoth(OfVectors):
    """A network that is given both."""

    def forward(self, vectors: Tensor, images: Tensor) -> Any:  # type: ignore[override]
        """Both -> what the network gives."""
        return self.network(vectors, images)


def export_onnx(predictor: AgentsPredictor, device: Device, folder: Path) -> Path:
    """Write model.onnx, about.json and proof.json.

    Args:
        predictor: A trained run.
        device: Threads of the proof.
        folder: Where the files go; nothing is left there when the proof fails.

    Raises:
        MissingExtraError: onnx, onnxscript or onnxruntime is not installed.
        ExportError: The model is in no network of PyTorch, or ONNX Runtime disagrees with it.
    """
    need_packages()
    if not predictor.networks:
        raise ExportError("This model is exported already; load the run with engine torch.")
    world, rules = predictor.world, _rules(predictor.world)
    networks = {name: copy.deepcopy(network).cpu().eval() for name, network in predictor.networks[predictor.chosen].items()}
    network = _wrapped(rules.whole(world, networks), world.observation)
    with leaving_nothing(folder):
        batch = torch.export.Dim("batch", min=1)
        examples = _fed(_drawn(world.observation, 2))
        shapes = {name: {0: batch} for name in examples}
        model = exported(network, [torch.from_numpy(one) for one in examples.values()], shapes, rules.outputs)
        proven = prove(network, model, world, rules, device)
    return write_export(folder, model, proven, about=about(world, rules))


def prove(network: nn.Module, model: bytes, world: World, rules: Algorithm, device: Device) -> dict[str, Any]:
    """Ask both for the same observations.

    Returns: What was compared, and the largest difference.
    Raises:  ExportError: It is above the tolerance, or ONNX Runtime refuses the model.
    """
    session, worst = open_session(model, device.threads), 0.0
    for count in PROOF_COUNTS:
        given = _fed(_drawn(world.observation, count))
        with torch.inference_mode():
            expected = network(*(torch.from_numpy(one) for one in given.values()))
        tensors = expected if isinstance(expected, tuple) else (expected,)
        found = answers(session, list(rules.outputs), given, f"{count} observations")
        for one, other in zip(tensors, found, strict=True):
            scale = max(1.0, float(one.abs().max()))
            worst = float(np.max([worst, np.abs(one.numpy() - other).max() / scale]))  # not a number if either is
    compared = f"{' and '.join(rules.outputs)} of ONNX Runtime and of PyTorch, in f32 on the CPU"
    return proof(worst, TOLERANCE, compared, {"observations": list(PROOF_COUNTS)})


def about(world: World, rules: Algorithm) -> dict[str, Any]:
    """All that another program needs to act."""
    shape = world.observation
    inputs = {}
    if shape.numbers:
        inputs["vectors"] = f"(batch, {shape.numbers}), float32: {', '.join(shape.names)}"
    if shape.channels:
        inputs["images"] = f"(batch, {', '.join(map(str, shape.image))}), uint8, the newest frame last"
    return {
        "algorithm": world.settings.model.model,
        "inputs": inputs,
        "scaling": "observations go in as they are, parts end to end and choices one-hot; what scales them is inside",
        "outputs": dict(rules.told),
        "actions": world.actions.described(),
        "acting": ACTING[world.actions.kind],
    }


def open_exported(folder: Path, settings: AgentsSettings, device: Device) -> AgentsPredictor:
    """An exported agent, ready to act. Raises: RunError: Nothing was exported, or what belongs to it is damaged."""
    session = open_session(exported_model(folder).read_bytes(), device.threads)
    preprocessing = RunFolder.open(folder.parent).read_json("preprocessing.json")
    world = World.of(settings, preprocessing, device)
    rules = _rules(world)

    def run(seen: Observations) -> tuple[Array, ...]:
        return tuple(session.run(list(rules.outputs), _fed(seen)))

    return AgentsPredictor(world, (rules.exported_actor(world, run),), reader_of(preprocessing), ())


def _rules(world: World) -> Algorithm:
    assert world.settings.model.model is not None
    return algorithm(world.settings.model.model)


def _wrapped(network: nn.Module, shape: ObservationShape) -> nn.Module:
    kind = OfBoth if shape.channels and shape.numbers else OfImages if shape.channels else OfVectors
    return kind(network).eval()


def _fed(seen: Observations) -> dict[str, Any]:
    """Inputs as ONNX Runtime takes them: the parts that there are."""
    parts: dict[str, NDArray[Any]] = {"vectors": seen.vectors, "images": seen.images}
    return {name: np.ascontiguousarray(part) for name, part in parts.items() if part.shape[1]}


def _drawn(shape: ObservationShape, count: int) -> Observations:
    """Observations by chance."""
    random = np.random.default_rng(count)
    vectors = random.standard_normal((count, shape.numbers), np.float32)
    return Observations(vectors, random.integers(0, 256, (count, *shape.image)).astype(np.uint8))
