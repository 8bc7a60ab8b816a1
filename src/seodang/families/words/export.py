"""Word vectors as files for other programs: ONNX with a proof, and word2vec's own formats."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from seodang.core.errors import ExportError
from seodang.core.files import write_bytes, write_json
from seodang.data.word_vector_files import write_word_vectors
from seodang.families.words.predictor import WordsPredictor
from seodang.nn.onnx import need_packages, open_session

MODEL, WORDS, PROOF, TEXT_VECTORS = "model.onnx", "words.json", "proof.json", "vectors.txt"
OPSET = 18
PROOF_WORDS, TOLERANCE = 256, 1e-5


class ExportedVectors(nn.Module):
    """Numbers of words in, their vectors and their similarity to every word out."""

    def __init__(self, vectors: Tensor, directions: Tensor) -> None:
        super().__init__()
        self.vectors, self.directions = nn.Buffer(vectors), nn.Buffer(directions)

    def forward(self, words: Tensor) -> tuple[Tensor, Tensor]:
        """Args: words: (batch,), int64. Returns: (batch, dimensions) and cosines, (batch, vocabulary), both float32."""
        return self.vectors[words], self.directions[words] @ self.directions.T


def export_vectors(predictor: WordsPredictor, folder: Path) -> Path:
    """Write model.onnx, words.json, proof.json and vectors.txt; returns the model.

    Raises:
        MissingExtraError: onnx or onnxruntime is not installed.
        ExportError: ONNX Runtime gives other numbers than PyTorch.
    """
    need_packages()
    vectors = predictor.vectors
    model = ExportedVectors(torch.from_numpy(vectors.vectors), torch.from_numpy(vectors.directions)).eval()
    folder.mkdir(parents=True, exist_ok=True)
    data = _onnx_bytes(vectors.vectors, vectors.directions)
    difference = _difference(model, data, len(vectors))
    if difference > TOLERANCE:
        raise ExportError(
            f"ONNX Runtime differs from PyTorch by {difference:.2g}, more than {TOLERANCE:g}; nothing was exported."
        )
    write_bytes(folder / MODEL, data)
    write_json(folder / WORDS, {"words": list(vectors.words), "inputs": {"words": "(batch,), int64, place in the list"}})
    write_json(
        folder / PROOF, {"words": min(PROOF_WORDS, len(vectors)), "largest difference": difference, "allowed": TOLERANCE}
    )
    write_word_vectors(folder / TEXT_VECTORS, vectors)
    return folder / MODEL


def _onnx_bytes(vectors: np.ndarray, directions: np.ndarray) -> bytes:
    from onnx import TensorProto, helper, numpy_helper

    tables = [numpy_helper.from_array(np.ascontiguousarray(vectors), "table")]
    tables += [numpy_helper.from_array(np.ascontiguousarray(directions), "directions")]
    tables += [numpy_helper.from_array(np.ascontiguousarray(directions.T), "columns")]
    nodes = [
        helper.make_node("Gather", ["table", "words"], ["vectors"]),
        helper.make_node("Gather", ["directions", "words"], ["asked"]),
        helper.make_node("MatMul", ["asked", "columns"], ["similarities"]),
    ]
    words = helper.make_tensor_value_info("words", TensorProto.INT64, ["batch"])
    outputs = [
        helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["batch", vectors.shape[1]]),
        helper.make_tensor_value_info("similarities", TensorProto.FLOAT, ["batch", len(vectors)]),
    ]
    graph = helper.make_graph(nodes, "word_vectors", [words], outputs, tables)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9, producer_name="seodang")
    return bytes(made.SerializeToString())


def _difference(model: nn.Module, data: bytes, size: int) -> float:
    session = open_session(data, torch.get_num_threads())
    largest = 0.0
    for count in (1, min(PROOF_WORDS, size)):
        words = np.linspace(0, size - 1, count).astype(np.int64)
        ours = model(torch.from_numpy(words))
        theirs = session.run(["vectors", "similarities"], {"words": words})
        largest = max(largest, *(float(np.abs(a.numpy() - b).max()) for a, b in zip(ours, theirs, strict=True)))
    return largest
