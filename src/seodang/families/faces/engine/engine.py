"""An engine: what finds faces, where their landmarks belong in a chip, and what turns chips into embeddings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from seodang.core.processors import usable_threads
from seodang.families.faces.engine import weights
from seodang.families.faces.engine.alignment import Chips, cut_out
from seodang.families.faces.engine.boxes import Faces, Floats
from seodang.families.faces.engine.embedders import EMBEDDERS, EMBEDDING_DIM
from seodang.families.faces.engine.runtimes import as_onnx, best_precision, best_runtime, open_network
from seodang.families.faces.engine.yunet import OUTPUTS, find_faces, for_any_size
from seodang.families.faces.options import EngineOptions
from seodang.families.faces.photos import RGB
from seodang.families.faces.two_stages import Cut, Find

EMBED_BATCH = 16


@dataclass(frozen=True)
class Engine:
    """Both stages of recognition."""

    name: str
    """Embeddings of different names cannot be compared."""
    find: Find
    """The first stage: the faces in an image."""
    cut: Cut
    """Each face upright in a square."""
    embed: Callable[[Chips], Floats]
    """(faces, side, side, 3) to (faces, 128), float32, each of length 1."""
    threads: int
    """Calls that may be made at once."""
    computed_by: str
    """Runtime and precision, in words."""


def open_engine(options: EngineOptions) -> Engine:
    """The engine that is asked for.

    Raises: MissingExtraError: A package is not installed. MachineError: Weights cannot be fetched.
    """
    if options.engine == "dlib":
        from seodang.families.faces.engine.dlib_engine import open_dlib  # an extra

        return open_dlib(options.detector)
    threads = options.threads or usable_threads()
    runtime = options.runtime or best_runtime()
    precision = options.precision or best_precision(runtime)
    embedder = EMBEDDERS[options.engine]
    network = open_network(as_onnx(embedder.weights, embedder.onnx), runtime, precision, threads)

    def cut(pixels: RGB, faces: Faces) -> Chips:
        return cut_out(pixels, faces, embedder.places, embedder.side)

    words = f"{runtime}, {precision}"
    return Engine(options.engine, _yunet(options, threads), cut, lambda chips: embeddings(chips, network), threads, words)


def open_finder(options: EngineOptions) -> tuple[Find, int]:
    """The first stage alone, and how many calls may be made at once. Raises as `open_engine` does."""
    if options.engine == "dlib":
        engine = open_engine(options)
        return engine.find, engine.threads
    threads = options.threads or usable_threads()
    return _yunet(options, threads), threads


def _yunet(options: EngineOptions, threads: int) -> Find:
    """YuNet, in ONNX Runtime, where it is as fast as in OpenVINO and takes images of any size at once."""
    network = open_network(as_onnx(weights.YUNET, for_any_size), "onnx", "f32", threads)

    def compute(image: Floats) -> dict[str, Floats]:
        return dict(zip(OUTPUTS, network(image), strict=True))

    return lambda pixels: find_faces(pixels, compute, options.score, options.longest)


def embeddings(chips: Chips, network: Callable[[Floats], list[Floats]]) -> Floats:
    """Embeddings of length 1, (faces, 128), computed a few faces at a time."""
    found = [np.zeros((0, EMBEDDING_DIM), np.float32)]
    for start in range(0, len(chips), EMBED_BATCH):
        batch = chips[start : start + EMBED_BATCH].transpose(0, 3, 1, 2)
        found.append(network(np.ascontiguousarray(batch, np.float32))[0])
    return of_length_one(np.concatenate(found))


def of_length_one(vectors: Floats) -> Floats:
    """Vectors of the same directions, (faces, dimensions)."""
    lengths: Floats = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
