"""Export: the ONNX model gives the network's answers for every kind of network, or there is no ONNX model."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ensembles import WORDS, ensemble

from seodang.core.device import Device
from seodang.core.errors import ExportError, MissingExtraError, RunError
from seodang.families.text import export
from seodang.families.text.batches import EncodedTexts, Padding
from seodang.families.text.best import known_tokens
from seodang.families.text.export import OnnxPredictor, export_onnx
from seodang.families.text.model import build_network
from seodang.families.text.onnx_best import known_sequences, ngram_tokens
from seodang.families.text.onnx_graph import ExportedNetwork, onnx_model
from seodang.families.text.predictor import NetworkPredictor
from seodang.families.text.settings import TextSettings
from seodang.families.text.tokens import SPECIAL, Vocabulary
from seodang.nn.onnx import need_packages

pytest.importorskip("onnxscript")
onnxruntime = pytest.importorskip("onnxruntime")

NETWORKS = [
    {"model": "dnn", "pooling": "mean"},
    {"model": "dnn", "pooling": "flatten"},
    {"model": "cnn", "kernel_size": 5},
    {"model": "cnn", "read_padding": True},
    {"model": "rnn", "pooling": "max"},
    {"model": "gru", "pooling": "max"},
    {"model": "gru", "pooling": "last"},
    {"model": "lstm", "pooling": "max"},
    {"model": "lstm", "pooling": "last", "read_padding": True},
]
TEXTS = [
    "word1",
    "nothing known here",
    "...",
    " ".join(WORDS[:3]),
    " ".join(WORDS[:11]),  # one less than is read
    " ".join(WORDS),  # more than is read
]


def predictor(classes: int = 2, seed: int = 0, **chosen: Any) -> NetworkPredictor:
    sizes = {"max_length": 12, "embedding_dim": 8, "hidden_size": 6, "dense_size": 12, "filters": 16, "dropout": 0.5}
    settings = TextSettings().replaced(**{**sizes, **chosen})
    torch.manual_seed(seed)
    vocabulary = Vocabulary([*SPECIAL, *WORDS], "words")
    network = build_network(settings, len(vocabulary), classes).eval()
    network.embedding.weight.data.mul_(30)
    for parameter in network.parameters():
        parameter.data.add_(0.1 * torch.randn_like(parameter))  # biases too, so that a swapped gate shows
    labels = tuple(f"class {number}" for number in range(classes))
    return NetworkPredictor(settings, vocabulary, labels, Device("cpu", "f32", 1, "test"), network)


def exported(model: NetworkPredictor) -> ExportedNetwork:
    return ExportedNetwork(model.network, Padding(model.settings))


@pytest.mark.parametrize("chosen", NETWORKS, ids=lambda chosen: "-".join(map(str, chosen.values())))
def test_every_network_says_the_same_in_onnx(chosen: dict[str, Any], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    model = predictor(3 if chosen["model"] == "gru" else 2, **chosen)
    assert export_onnx(model, tmp_path) == tmp_path / "model.onnx"
    assert capfd.readouterr() == ("", "")  # the exporter likes to talk
    proof = json.loads((tmp_path / "proof.json").read_text())
    assert proof["texts"] == 1000 and proof["largest_difference"] <= 1e-4
    assert {1, 2, 11, 12} <= set(proof["lengths"]) and {1, 64} <= set(proof["batch_sizes"])
    loaded = OnnxPredictor.open(tmp_path, model.settings, model.device)
    assert loaded.labels == model.labels and loaded.vocabulary.tokens == model.vocabulary.tokens
    assert loaded.probabilities(TEXTS) == pytest.approx(model.probabilities(TEXTS), abs=1e-5)
    assert loaded.probabilities(TEXTS[:1]) == pytest.approx(model.probabilities(TEXTS[:1]), abs=1e-5)
    assert loaded.known_share("word1 other") == 0.5


@pytest.mark.parametrize("classes", [2, 3])
def test_the_ensemble_says_the_same_in_onnx(classes: int, tmp_path: Path) -> None:
    """Its n-grams are found inside the graph: repeated ones count once, and none goes past an unknown word or the end."""
    model = ensemble(classes)
    export_onnx(model, tmp_path)
    assert json.loads((tmp_path / "proof.json").read_text())["largest_difference"] <= 1e-4
    loaded = OnnxPredictor.open(tmp_path, model.settings, model.device)
    texts = [*TEXTS, "word1 word2 word1 word2 other word1 word2", "word3 " * 500]
    assert loaded.probabilities(texts) == pytest.approx(model.probabilities(texts), abs=1e-5)
    assert loaded.known_share("word1 other") == 0.5 and loaded.known_share("...") == 0


def test_the_ensembles_proof_reads_ngrams_that_it_knows() -> None:
    model = ensemble()
    for order, keys in enumerate(model.features.keys):
        tokens = ngram_tokens(model.features, order)
        one_a_text = EncodedTexts.join(tokens.astype(np.int32))
        first = model.features.columns(one_a_text, order + 1)[one_a_text.starts, order]
        assert (first >= 0).all() and len(set(first.tolist())) == len(keys) > 0
    texts = known_sequences(model, np.array([1, 5, 300]), np.random.default_rng(0))
    assert texts.lengths.tolist() == [1, 5, 300]
    assert (model.features.columns(known_tokens(texts), 3)[:, 2] >= 0).mean() > 0.1


def test_callers_may_pad_as_they_like() -> None:
    """Zeros, leftovers of another text, tokens past the length that is read: the answer is the text's own."""
    model = predictor(model="cnn", kernel_size=5)
    session = onnxruntime.InferenceSession(onnx_model(exported(model), 7))

    def logits(rows: list[list[int]], length: int) -> np.ndarray[Any, Any]:
        inputs = {"tokens": np.array(rows), "lengths": np.full(len(rows), length)}
        return session.run(["logits"], inputs)[0]

    alone = logits([[5, 6]], 2)
    assert logits([[5, 6] + [0] * 30], 2) == pytest.approx(alone, abs=1e-6)
    assert logits([[5, 6, 9, 9]], 2) == pytest.approx(alone, abs=1e-6)
    assert logits([[*range(2, 14), 7]], 13) == pytest.approx(logits([list(range(2, 14))], 12), abs=1e-6)


def test_the_vocabulary_is_enough_to_prepare_a_text(tmp_path: Path) -> None:
    model = predictor(model="dnn", pooling="mean")
    export_onnx(model, tmp_path)
    told = json.loads((tmp_path / "vocabulary.json").read_text(encoding="utf-8"))
    assert told["labels"] == ["class 0", "class 1"] and told["max_length"] == 12
    assert told["tokens"][:3] == ["<padding>", "<unknown>", "word0"] and told["kind"] == "words"
    rules = " ".join(told["text_to_tokens"])
    assert r"\w+" in rules and "first 12 tokens" in rules and "fill" in rules


def test_a_model_that_differs_is_refused_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = predictor(seed=1, model="cnn")
    monkeypatch.setattr(export, "onnx_model", lambda module, length: onnx_model(exported(other), length))
    folder = tmp_path / "export"
    folder.mkdir()
    with pytest.raises(ExportError, match=r"differs from the trained network by .* at most 0.0001 is allowed"):
        export_onnx(predictor(model="cnn"), folder)
    assert not folder.exists()


def test_a_nan_is_a_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = predictor(model="cnn")
    broken.network.output.bias.data.fill_(float("nan"))
    monkeypatch.setattr(export, "onnx_model", lambda module, length: onnx_model(exported(broken), length))
    with pytest.raises(ExportError, match="differs from the trained network by nan"):
        export_onnx(predictor(model="cnn"), tmp_path)


def test_a_network_that_the_exporter_refuses_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise RuntimeError("no such operator\nand forty more lines")

    monkeypatch.setattr(torch.onnx, "export", refuse)
    with pytest.raises(ExportError, match=r"cannot be written as ONNX: RuntimeError: no such operator$"):
        export_onnx(predictor(model="cnn"), tmp_path)


@pytest.mark.parametrize("package", ["onnx", "onnxscript", "onnxruntime"])
def test_a_missing_package_is_named(package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"{package}, which is not installed: pip install 'seodang\[onnx\]'"):
        export_onnx(predictor(model="cnn"), tmp_path)


def test_without_an_export_there_is_nothing_to_open(tmp_path: Path) -> None:
    model = predictor(model="cnn")
    with pytest.raises(RunError, match="no exported model; write one with `seodang export"):
        OnnxPredictor.open(tmp_path, model.settings, model.device)
    (tmp_path / "model.onnx").write_bytes(b"")
    (tmp_path / "vocabulary.json").write_text("{}")
    with pytest.raises(RunError, match=r"vocabulary\.json: not readable"):
        OnnxPredictor.open(tmp_path, model.settings, model.device)


def test_onnxruntime_is_told_not_to_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)
    need_packages()
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"
