"""Export: the ONNX step gives the network's answers for every cell, or there is no ONNX model."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_networks import CELLS, LETTERS, network, predictor

from seodang.core.errors import ExportError, MissingExtraError, RunError
from seodang.families.language import export
from seodang.families.language.export import export_onnx, onnx_model, open_exported
from seodang.families.language.sampling import Sampling

pytest.importorskip("onnxscript")
onnxruntime = pytest.importorskip("onnxruntime")


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(
    "shape",
    [{}, {"num_layers": 2, "layer_norm": True}, {"order": 4}, {"order": 1}],
    ids=["one", "two-with-norm", "n-grams", "single"],
)
def test_every_cell_says_the_same_in_onnx(
    cell: str, shape: dict[str, Any], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = predictor(cell, **shape)
    assert export_onnx(model, tmp_path) == tmp_path / "model.onnx"
    assert capfd.readouterr() == ("", "")  # the exporter likes to talk
    proof = json.loads((tmp_path / "proof.json").read_text())
    assert proof["steps"] == 100 and proof["largest_difference"] <= 1e-4 and 1 in proof["streams"]
    loaded = open_exported(tmp_path, model.settings, model.device)
    text = LETTERS * 8
    np.testing.assert_allclose(loaded.nats(text), model.nats(text), rtol=0, atol=1e-4)
    np.testing.assert_allclose(loaded.nats(text, "abc"), model.nats(text, "abc"), rtol=0, atol=1e-4)
    ours, theirs = model.next_token("abc"), loaded.next_token("abc")
    assert theirs.probabilities == pytest.approx(dict(ours.probabilities), abs=1e-5)
    assert loaded.generator("a", Sampling(), 3).texts(50) == model.generator("a", Sampling(), 3).texts(50)


def test_the_state_is_handed_on_by_the_caller() -> None:
    made = network("lstm", num_layers=2)
    session = onnxruntime.InferenceSession(onnx_model(made))
    tokens, state = torch.randint(11, (5, 20)), np.zeros((4, 5, 7), np.float32)
    for step in range(20):
        logits, state = session.run(["logits", "state_after"], {"tokens": tokens[:, step].numpy(), "state": state})
    expected, last = made(tokens, made.start(5))
    np.testing.assert_allclose(logits, expected[:, -1].detach().numpy(), rtol=0, atol=1e-5)
    np.testing.assert_allclose(state, torch.stack(last).detach().numpy(), rtol=0, atol=1e-5)


def test_the_vocabulary_is_enough_to_read_a_text(tmp_path: Path) -> None:
    export_onnx(predictor("lstm"), tmp_path)
    told = json.loads((tmp_path / "vocabulary.json").read_text(encoding="utf-8"))
    assert told["kind"] == "characters" and told["tokens"][0] == "\ufffd"
    assert told["inputs"]["state"].startswith("(2, streams, 7), float32, zeros before a text")
    assert "every character" in told["text_to_tokens"][0]


def test_the_tables_of_n_grams_are_enough_to_follow_the_rules(tmp_path: Path) -> None:
    """The rules in vocabulary.json, word for word, on the written tables."""
    model = predictor("gru", order=3)
    export_onnx(model, tmp_path)
    told = json.loads((tmp_path / "vocabulary.json").read_text(encoding="utf-8"))
    assert "log-probabilities" in told["inputs"]["known"] and told["ngrams"][0].startswith("ngrams.npz holds keys_n")
    tables, size = np.load(tmp_path / "ngrams.npz"), len(told["tokens"])

    def place(tokens: list[int]) -> int | None:
        if not tokens:
            return 0
        before = place(tokens[:-1])
        keys = tables[f"keys_{len(tokens)}"].tolist()
        key = None if before is None else before * size + tokens[-1]
        return keys.index(key) if key in keys else None

    def after(tokens: list[int]) -> Any:
        lower = after(tokens[1:]) if tokens else np.full(size, 1 / size)
        history, n = place(tokens), len(tokens) + 1
        if history is None:
            return lower
        found = tables[f"weights_{n}"][history] * lower
        for key, share in zip(tables[f"keys_{n}"], tables[f"shares_{n}"][:-1], strict=True):
            if history * size <= key < (history + 1) * size:
                found[key - history * size] += share
        return found

    assert model.network.ngrams is not None
    for tokens in ([1, 2], [3, 3], [10, 10]):
        expected = model.network.ngrams(torch.tensor([tokens]), 1)[0, 0]
        np.testing.assert_allclose(np.log(after(tokens)), expected, atol=1e-5)


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"PK\x03\x04")])
def test_lost_tables_of_n_grams_are_named(damage: Callable[[Path], Any], tmp_path: Path) -> None:
    model = predictor("rnn", order=2)
    export_onnx(model, tmp_path)
    damage(tmp_path / "ngrams.npz")
    with pytest.raises(RunError, match=r"ngrams\.npz: not readable \(.*\); export the run again"):
        open_exported(tmp_path, model.settings, model.device).next_token("ab")


def test_a_model_that_differs_is_refused_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = onnx_model(network("gru", seed=1))
    monkeypatch.setattr(export, "onnx_model", lambda made: other)
    folder = tmp_path / "export"
    folder.mkdir()
    with pytest.raises(ExportError, match=r"differs from the trained network by .* at most 0\.0001 is allowed"):
        export_onnx(predictor("gru"), folder)
    assert not folder.exists()


def test_a_nan_is_a_difference(tmp_path: Path) -> None:
    broken = predictor("gru")
    broken.network.output.bias.data.fill_(float("nan"))
    with pytest.raises(ExportError, match="differs from the trained network by nan"):
        export_onnx(broken, tmp_path)


def test_a_network_that_the_exporter_refuses_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise RuntimeError("no such operator\nand forty more lines")

    monkeypatch.setattr(torch.onnx, "export", refuse)
    with pytest.raises(ExportError, match=r"cannot be written as ONNX: RuntimeError: no such operator$"):
        export_onnx(predictor("rnn"), tmp_path)


@pytest.mark.parametrize("package", ["onnx", "onnxscript", "onnxruntime"])
def test_a_missing_package_is_named(package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"{package}, which is not installed: pip install 'seodang\[onnx\]'"):
        export_onnx(predictor("rnn"), tmp_path)


def test_damaged_exports_are_named_and_exports_are_not_exported(tmp_path: Path) -> None:
    model = predictor("rnn")
    export_onnx(model, tmp_path)
    loaded = open_exported(tmp_path, model.settings, model.device)
    with pytest.raises(ExportError, match="A OnnxPredictor is exported already"):
        export_onnx(loaded, tmp_path / "again")
    (tmp_path / "vocabulary.json").write_text("{}")
    with pytest.raises(RunError, match=r"vocabulary\.json: not readable"):
        open_exported(tmp_path, model.settings, model.device)
