"""What every family promises; a new one is held to it by being there.

A family hands in one thing: `tests/families/<family>/contract.py` with `SAMPLE(folder) -> source`, a function that writes a
small data set into a folder and returns what `train` takes. Where that holds nothing that could be predicted, `INPUTS(folder)`
writes a file of inputs.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import itertools
import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seodang
from seodang import families
from seodang.core.settings import markdown_table

NAMES = families.names()
HEADINGS = ("What it does", "Run it", "Data and licence", "Method", "Settings", "Numbers to expect")
FOLDERS = Path(families.__file__).parent


def handed_in(name: str) -> Any:
    """What the family hands in."""
    path = Path(__file__).parents[1] / "families" / name / "contract.py"
    assert path.is_file(), f"{path} is missing: it hands the contract tests a small data set of the family"
    spec = importlib.util.spec_from_file_location(f"contract_{name}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclasses.dataclass(frozen=True)
class Trained:
    """A family, its small data, and a run trained on them with the `smoke` preset."""

    name: str
    source: str
    inputs: str
    settings: Mapping[str, Any]
    run: seodang.Run

    def train(self, runs: Path, **options: Any) -> seodang.Run:
        """The same training again."""
        return train(self.name, self.source, runs, self.settings, **options)


def train(name: str, source: str, runs: Path, settings: Mapping[str, Any], **options: Any) -> seodang.Run:
    return seodang.train(name, source, device="cpu", precision="f32", threads=1, runs=runs, **options, **settings)


@pytest.fixture(scope="module", params=NAMES)
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    name = request.param
    folder = tmp_path_factory.mktemp(name)
    settings = families.load(name).presets["smoke"]()
    own = handed_in(name)
    source = str(own.SAMPLE(folder))
    inputs = str(own.INPUTS(folder)) if hasattr(own, "INPUTS") else source
    return Trained(name, source, inputs, settings, train(name, source, folder / "runs", settings))


def weights(run: seodang.Run) -> dict[str, bytes]:
    """What must not depend on interruptions or on the moment: rows of metrics, last and best checkpoint of each stage."""
    names = [path.name for path in (run.path / "checkpoints").iterdir()]
    last = {name.rpartition("-step-")[0]: name for name in sorted(names) if "-step-" in name}
    kept = [*last.values(), *(name for name in names if name.endswith("-best.safetensors"))]
    found = {name: (run.path / "checkpoints" / name).read_bytes() for name in kept}
    return {**found, "metrics.jsonl": (run.path / "metrics.jsonl").read_bytes()}


def same(one: Any, other: Any, tolerance: float) -> bool:
    """Equal outputs, numbers within a tolerance."""
    if dataclasses.is_dataclass(one) and not isinstance(one, type):
        return type(one) is type(other) and same(vars(one), vars(other), tolerance)
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key], tolerance) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(same(a, b, tolerance) for a, b in zip(one, other, strict=True))
    if isinstance(one, np.ndarray):
        if one.shape != other.shape or one.dtype != other.dtype:
            return False
        if one.dtype.kind == "f":
            return bool(np.allclose(one, other, rtol=0, atol=tolerance))
        return bool((one != other).mean() <= 100 * tolerance)  # a pixel's step of grey may hang on the last digit of a float
    if callable(one):  # what draws a picture
        return same(one(), other(), tolerance)
    if isinstance(one, float):
        return math.isclose(one, other, rel_tol=0, abs_tol=tolerance)
    return bool(one == other)


@pytest.mark.parametrize("name", NAMES)
def test_presets_survive_json(name: str) -> None:
    family = families.load(name)
    assert "smoke" in family.presets
    for preset in family.presets.values():
        given = preset()
        settings = family.settings_type.from_flat(given)
        assert family.settings_type.from_flat(json.loads(json.dumps(given))) == settings
        assert family.settings_type.from_resolved(json.loads(json.dumps(settings.to_flat()))) == settings


@pytest.mark.parametrize("name", NAMES)
def test_settings_are_described_and_their_names_unique(name: str) -> None:
    leaves = families.settings_type(name).leaves()
    assert not [leaf.name for leaf in leaves if not leaf.description]
    names = [leaf.name for leaf in leaves]
    assert len(names) == len(set(names))
    for leaf in leaves:
        assert set(leaf.read_by) <= set(names), leaf.name
    assert families.load(name).settings_type is families.settings_type(name)


@pytest.mark.parametrize("name", NAMES)
def test_the_family_says_what_it_measures(name: str) -> None:
    family = families.load(name)
    assert family.name == name and family.summary
    assert family.metrics and all(metric.description for metric in family.metrics)


@pytest.mark.parametrize("name", NAMES)
def test_every_verb_is_declared_described_and_done(name: str) -> None:
    verbs = families.verbs(name)
    assert {verb.name for verb in verbs} == set(families.load(name).actions)
    for verb in verbs:
        leaves = {leaf.name: leaf for leaf in verb.options.leaves()}
        assert verb.summary and all(leaf.description for leaf in leaves.values())
        assert not verb.words or leaves[verb.words].many


@pytest.mark.parametrize("name", NAMES)
def test_every_tool_is_declared_and_described(name: str) -> None:
    for tool in families.tools(name):
        leaves = {leaf.name: leaf for leaf in tool.options.leaves()}
        assert tool.summary and callable(tool.action)
        assert all(leaf.description for leaf in leaves.values())
        assert all(leaf.default is None for leaf in leaves.values() if leaf.question), "what is asked has no answer of its own"
        assert not tool.words or leaves[tool.words].many


@pytest.mark.parametrize("name", NAMES)
def test_settings_that_bring_or_read_data_exist_and_are_off_by_default(name: str) -> None:
    leaves = {leaf.name: leaf for leaf in families.settings_type(name).leaves()}
    assert set(families.reading(name)) <= set(leaves)
    assert all(leaves[own].default is None for own in families.own_data(name))


@pytest.mark.parametrize("name", NAMES)
def test_the_readme_has_its_headings_and_the_settings_of_today(name: str) -> None:
    readme = (FOLDERS / name / "README.md").read_text(encoding="utf-8")
    assert [line.removeprefix("## ") for line in readme.splitlines() if line.startswith("## ")] == list(HEADINGS)
    assert markdown_table(families.settings_type(name)) in readme, "paste markdown_table(SETTINGS) under ## Settings"


def test_smoke_trains_and_is_evaluated(trained: Trained) -> None:
    assert trained.run.finished
    rows = trained.run.folder.rows("metrics.jsonl")
    numbers = [value for row in rows for value in row.values() if isinstance(value, float)]
    assert numbers and all(math.isfinite(value) for value in numbers)
    assert trained.run.evaluation["rows"] > 0
    declared = {metric.name for metric in families.load(trained.name).metrics}
    assert set(trained.run.evaluation["measures"]) <= declared


def test_same_seed_same_bytes(trained: Trained, tmp_path: Path) -> None:
    again = trained.train(tmp_path)
    assert weights(again) == weights(trained.run)
    assert again.evaluation == trained.run.evaluation


def test_three_updates_and_the_rest_resumed_equal_a_whole_training(trained: Trained, tmp_path: Path) -> None:
    calls = itertools.count(1)
    begun = trained.train(tmp_path, should_stop=lambda: next(calls) == 3)
    assert not begun.finished
    resumed = seodang.resume(begun.path)
    assert resumed.finished
    assert weights(resumed) == weights(trained.run)
    assert resumed.evaluation == trained.run.evaluation


def test_a_reloaded_run_predicts_the_same(trained: Trained) -> None:
    inputs = trained.run.inputs(trained.inputs)[:5]
    outputs = trained.run.predict(inputs)
    assert len(outputs) == len(inputs) and isinstance(outputs[0], families.load(trained.name).output_type)
    assert same(seodang.load(trained.run.path, device="cpu", threads=1).predict(inputs), outputs, tolerance=0.0)


def test_an_example_alone_equals_its_row_in_a_batch(trained: Trained) -> None:
    inputs = trained.run.inputs(trained.inputs)[:7]
    together = trained.run.predict(inputs)
    alone = [trained.run.predict([one])[0] for one in inputs]
    # Kernels for one row add up in another order than kernels for many: float32 keeps about seven digits.
    assert same(alone, together, tolerance=1e-5)


def test_the_report_is_written(trained: Trained) -> None:
    page = trained.run.explain()
    assert page.suffix == ".html" and page.is_relative_to(trained.run.path)
    html = page.read_text(encoding="utf-8")
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids)), "two elements of one name: a link or a script finds the wrong one"
    assert not re.search(r'(?:src|href)="(?:https?:)?//', html), "a report asks for nothing outside itself"


def test_the_export_equals_the_model(trained: Trained) -> None:
    """`export` refuses by itself a model that disagrees; here it must agree."""
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    model = trained.run.export()
    assert model.exists() and model.is_relative_to(trained.run.path)
    assert list((trained.run.path / "export").rglob("*.onnx"))
