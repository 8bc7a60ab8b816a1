"""What computes the networks: OpenVINO where it is installed, otherwise ONNX Runtime; each call on one thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from seodang.core.files import write_bytes
from seodang.data.cache import data_folder
from seodang.families.faces.engine.boxes import Floats
from seodang.families.faces.engine.weights import Weights, fetch
from seodang.nn.onnx_runtime import open_session
from seodang.nn.openvino_runtime import import_openvino

Runtime = Literal["openvino", "onnx"]
Precision = Literal["f32", "bf16"]
Network = Callable[[Floats], list[Floats]]
"""A batch, (batch, 3, height, width), to the outputs in the order of the file; several threads may call it at once."""


def best_runtime() -> Runtime:
    """OpenVINO where it is installed: it computes SFace about twice as fast in f32, and knows bf16."""
    return "onnx" if find_spec("openvino") is None else "openvino"


def best_precision(runtime: Runtime) -> Precision:
    """bf16 where the processor multiplies matrices of it, with OpenVINO; directions then change by a ten thousandth."""
    if runtime != "openvino":
        return "f32"
    return "bf16" if "BF16" in import_openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "f32"


def open_network(model: bytes, runtime: Runtime, precision: Precision, threads: int) -> Network:
    """A network ready to compute, one thread a call and `threads` calls at once.

    Raises: MissingExtraError: The runtime is not installed.
    """
    if runtime == "openvino":
        return _in_openvino(model, precision, threads)
    session = open_session(model, 1)
    (name,) = (one.name for one in session.get_inputs())
    return lambda batch: list(session.run(None, {name: batch}))


def _in_openvino(model: bytes, precision: Precision, threads: int) -> Network:
    openvino = import_openvino()
    core = openvino.Core()
    options = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": threads, "INFERENCE_PRECISION_HINT": precision}
    compiled = core.compile_model(core.read_model(model), "CPU", options)
    own = threading.local()  # a request computes one thing at a time

    def compute(batch: Floats) -> list[Floats]:
        if not hasattr(own, "request"):
            own.request = compiled.create_infer_request()
        answers = own.request.infer([batch])
        return [answers[output].copy() for output in compiled.outputs]

    return compute


def as_onnx(weights: Weights, write: Callable[[Path], bytes]) -> bytes:
    """The network of a weight file as ONNX: kept in the cache, made the first time.

    Args:
        weights: The file.
        write: Turns it into ONNX.
    """
    path = fetch(weights)
    kept = data_folder(weights.name) / f"{weights.sha256[:16]}.onnx"
    if not kept.is_file():
        write_bytes(kept, write(path))
    return kept.read_bytes()
