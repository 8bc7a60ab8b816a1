"""Faces to embeddings, always in f32: what the head learns from and what it is asked with."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np

from seodang.core.processors import usable_threads
from seodang.families.faces.data import Part
from seodang.families.faces.engine.alignment import Chips
from seodang.families.faces.engine.boxes import Floats
from seodang.families.faces.engine.embedders import EMBEDDERS
from seodang.families.faces.engine.engine import EMBED_BATCH, embeddings
from seodang.families.faces.engine.runtimes import Network, as_onnx, best_runtime, open_network


def embedded(part: Part, embedder: str) -> Floats:
    """The embedding of each face, (faces, 128), of length 1; computed once for a part."""
    if embedder not in part.kept:
        part.kept[embedder] = embed(part.chips, embedder)
    return part.kept[embedder]


def embed(chips: Chips, embedder: str) -> Floats:
    """The embedding of each face, (faces, 128), of length 1.

    Raises: MissingExtraError: A package is not installed. MachineError: Weights cannot be fetched.
    """
    threads = usable_threads()
    network = _opened(embedder, threads)
    pieces = [chips[start : start + EMBED_BATCH] for start in range(0, len(chips), EMBED_BATCH)]
    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(lambda piece: embeddings(piece, network), pieces))
    return np.concatenate(found) if found else embeddings(chips, network)


@cache
def _opened(embedder: str, threads: int) -> Network:
    """The network; in f32, because what is exported must give the same answers."""
    chosen = EMBEDDERS[embedder]
    return open_network(as_onnx(chosen.weights, chosen.onnx), best_runtime(), "f32", threads)
