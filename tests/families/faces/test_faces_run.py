"""Runs on people: what the commands say, what is measured on others, and both stages with real weights."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import seodang
from seodang.cli.main import main
from seodang.core.errors import DataError
from seodang.core.values import Boxes
from seodang.data.images import read_image, write_png
from seodang.families.faces.photos import RGB
from seodang.families.faces.settings import smoke

Command = Callable[..., tuple[int, str, str]]
SHADES = {"Ada": (200, 40, 40), "Bo": (40, 40, 200), "Cleo & 노을": (40, 200, 40)}


def write_people(folder: Path, count: int, first: int = 0) -> Path:
    """People who differ in colour."""
    for person, shade in SHADES.items():
        (folder / person).mkdir(parents=True)
        for number in range(first, first + count):
            noise = np.random.default_rng([number, *shade]).normal(0, 30, (30, 26, 3))
            write_png(folder / person / f"{number}.png", np.clip(np.array(shade) + noise, 0, 255).astype(np.uint8))
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> seodang.Run:
    folder = tmp_path_factory.mktemp("run")
    people = write_people(folder / "people", 10)
    return seodang.train("faces", people, runs=folder / "runs", device="cpu", threads=1, **{**smoke(), "epochs": 8})


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    """Run a command in a folder that holds others/, two more photos of each person."""
    monkeypatch.chdir(tmp_path)
    write_people(tmp_path / "others", 2, first=50)

    def execute(*words: str) -> tuple[int, str, str]:
        code = main([*words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return execute


def test_people_are_told_apart(run: seodang.Run) -> None:
    assert run.evaluation["measures"]["accuracy"]["value"] == 1.0
    assert run.evaluation["unit"] == "faces"
    assert run.evaluation["yardstick_name"] == "ridge regression on 16 x 16 pixels"


def test_a_photo_gets_a_line_and_a_picture(command: Command, run: seodang.Run) -> None:
    code, out, _ = command("predict", str(run.path), "others/Bo/50.png", "--out", "named.png")
    assert code == 0
    file, who = out.strip().split("\t")
    assert file == "others/Bo/50.png" and who.startswith("Bo ") and who.endswith("% at 0, 0")
    assert read_image(Path("named.png")).shape == (30, 26, 3)


def test_a_folder_gets_an_object_a_line_and_a_folder_of_pictures(command: Command, run: seodang.Run) -> None:
    code, out, _ = command("predict", str(run.path), "others", "--json", "--out", "named")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and len(rows) == 6
    assert rows[0]["file"] == "others/Ada/50.png" and rows[0]["width"] == 26 and rows[0]["height"] == 30
    (found,) = rows[-1]["found"]
    assert found["label"] == "Cleo & 노을" and found["box"] == [0, 0, 26, 30] and 1 / 3 < found["probability"] <= 1
    assert Path(rows[-1]["out"]).is_file() and "pictures" not in rows[0]


def test_what_is_no_photo_gets_no_answer_and_a_reason(command: Command, run: seodang.Run) -> None:
    Path("others/Ada/broken.png").write_bytes(b"no image")
    code, out, err = command("predict", str(run.path), "others/Ada")
    assert code == 2
    assert "others/Ada/broken.png\t-\t[no prediction: broken.png is no image that can be read" in out
    assert "no prediction for 1 of 3" in err


def test_an_array_is_answered_like_its_file(run: seodang.Run, tmp_path: Path) -> None:
    path = write_people(tmp_path, 1, first=70) / "Ada" / "70.png"
    from_file, from_array = run.predict(path), run.predict(read_image(path))
    assert isinstance(from_array, Boxes) and from_array.found == from_file.found and from_array.file == ""


def test_others_are_measured_and_those_learned_from_are_told(run: seodang.Run, tmp_path: Path) -> None:
    others = write_people(tmp_path / "others", 3, first=90)
    found = run.evaluate(others)
    assert found.rows == 9 and found.measures["accuracy"].value == 1.0 and not found.yardstick
    again = run.evaluate(run.path.parents[1] / "people")
    assert "were learned from" in again.notes[-1]
    shutil.copytree(others / "Ada", others / "Dora")
    with pytest.raises(DataError, match="Dora was not learned; the model knows Ada, Bo, Cleo & 노을"):
        run.evaluate(others)


def test_a_report_without_photos_says_what_it_lacks(run: seodang.Run, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run.path, copy)
    people = run.path.parents[1] / "people"
    people.rename(people.with_name("elsewhere"))
    try:
        page = seodang.load(copy, device="cpu", threads=1).explain().read_text(encoding="utf-8")
    finally:
        people.with_name("elsewhere").rename(people)
    assert "The photos are no longer at" in page and "Most confident mistakes" not in page


def shades_of(portrait: RGB, number: int) -> RGB:
    """The photo a little lighter or darker, on a larger ground."""
    lit = np.clip(portrait * (0.8 + 0.08 * number), 0, 255).astype(np.uint8)
    return np.pad(lit, ((5 * number, 20), (10, 4 * number), (0, 0)), mode="edge")


@pytest.fixture(scope="module")
def heads(face_weights: None, portrait: RGB, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos of one who is real, and of one in whose face red and blue are changed about."""
    folder = tmp_path_factory.mktemp("heads")
    for person, photo in (("Grace", portrait), ("Blue", portrait[:, :, ::-1])):
        (folder / "people" / person).mkdir(parents=True)
        for number in range(6):
            write_png(folder / "people" / person / f"{number}.png", np.ascontiguousarray(shades_of(photo, number)))
    return folder


def test_both_stages_with_real_weights(heads: Path, portrait: RGB) -> None:
    run = seodang.train("faces", heads / "people", runs=heads / "runs", device="cpu", threads=1, epochs=5)
    assert run.settings.to_flat()["model"] == "head"
    assert run.evaluation["yardstick_name"] == "the nearest mean of embeddings"
    found = run.predict(np.concatenate([portrait, portrait[:, ::-1, ::-1]], 1))
    left, right = sorted(found.found, key=lambda one: one.box[0])
    assert (left.label, right.label) == ("Grace", "Blue")
    width = portrait.shape[1]
    assert 0 < left.box[0] < left.box[2] < width < right.box[0] < right.box[2] < 2 * width
    assert len(left.landmarks) == 5 and found.pictures["out"]().shape == (portrait.shape[0], 2 * width, 3)
    assert not run.predict(np.full((80, 80, 3), 120, np.uint8)).found
    calls = itertools.count(1)
    begun = seodang.train(
        "faces", heads / "people", runs=heads / "again", device="cpu", threads=1, epochs=5, should_stop=lambda: next(calls) == 3
    )
    assert seodang.resume(begun.path).evaluation == run.evaluation
    weights = [path / "checkpoints" / "train-best.safetensors" for path in (begun.path, run.path)]
    assert weights[0].read_bytes() == weights[1].read_bytes()


@pytest.mark.slow
def test_an_exported_head_holds_the_embedder(heads: Path) -> None:
    pytest.importorskip("onnxscript")
    run = seodang.train("faces", heads / "people", runs=heads / "exported", device="cpu", threads=1, epochs=2)
    model = run.export()
    assert model.stat().st_size > 30_000_000  # SFace has 38 MB
    about = json.loads((run.path / "export" / "about.json").read_text(encoding="utf-8"))
    assert about["people"] == ["Blue", "Grace"] and about["places"][0] == [38.295, 51.696]  # as SFace was trained
    photos = run.inputs(heads / "people")[::4]
    exported = seodang.load(run.path, engine="onnx", device="cpu", threads=1)
    for one, other in zip(run.predict(photos), exported.predict(photos), strict=True):
        assert one.found[0].label == other.found[0].label
        assert one.found[0].probability == pytest.approx(other.found[0].probability, abs=1e-4)  # what export allows
    with pytest.raises(seodang.SeodangError, match="exported already"):
        exported.export()
    page = run.explain()
    assert (page.parent / "stages.png").is_file() and (page.parent / "map.png").is_file()
