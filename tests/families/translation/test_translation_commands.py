"""The commands from a folder of strips to answers: pairs, unpaired images, 16 bits, other data, other engines, resumed runs."""

from __future__ import annotations

import importlib.util
import itertools
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import seodang
from seodang import families
from seodang.cli.main import main
from seodang.core.device import Device
from seodang.core.errors import DataError, RunError
from seodang.core.pacing import Pace
from seodang.data.images import read_image, write_png
from seodang.families.translation import pacing
from seodang.families.translation.settings import TranslationSettings, smoke

Command = Callable[..., tuple[int, str, str]]
SIDE = 32


def strip(random: np.random.Generator, side: int = SIDE) -> np.ndarray:
    """As in the contract tests."""
    spec = importlib.util.spec_from_file_location("translation_sample", Path(__file__).with_name("contract.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    drawn: np.ndarray = module.strip(random, side)
    return drawn


def write_strips(folder: Path, count: int, seed: int = 0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    for number in range(count):
        write_png(folder / f"{number:02}.png", strip(random))
    return folder


def write_piles(folder: Path, count: int, bits: int = 8) -> Path:
    random = np.random.default_rng(0)
    for side in "ab":
        (folder / side).mkdir(parents=True)
        for number in range(count):
            light = random.integers(0, 100) + (0 if side == "a" else 120) + random.integers(0, 30, (16, 16, 1))
            write_png(
                folder / side / f"{side}-{number}.png", light.astype(np.uint8) if bits == 8 else light.astype(np.uint16) * 257
            )
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> seodang.Run:
    folder = tmp_path_factory.mktemp("run")
    return seodang.train("translation", write_strips(folder / "plans", 40), runs=folder / "runs", threads=1, **smoke())


@pytest.fixture(scope="module")
def unpaired(tmp_path_factory: pytest.TempPathFactory) -> seodang.Run:
    folder = tmp_path_factory.mktemp("unpaired")
    settings = {"unpaired": True, "base_channels": 4, "epochs": 1, "batch_size": 8, "judge_steps": 2}
    return seodang.train("translation", write_piles(folder / "piles", 60, bits=16), runs=folder / "runs", threads=1, **settings)


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> seodang.Run:
    """Learned from sketches whose answers lie in another folder, both named from where they are."""
    folder, random = tmp_path_factory.mktemp("beside"), np.random.default_rng(0)
    for number in range(30):
        for name, half in zip(("sketches", "drawings"), np.split(strip(random), 2, 1), strict=True):
            (folder / name).mkdir(exist_ok=True)
            write_png(folder / name / f"{number:02}.png", half)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return seodang.train("translation", "sketches", targets="drawings", runs=folder / "runs", threads=1, **smoke())


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    """Run a command in a folder that holds sketch.png, grey.png and sketches/ with two images."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(5)
    for place in ("sketch.png", "sketches/one.png", "sketches/deep/two.png"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        write_png(tmp_path / place, strip(random)[:, :SIDE])
    write_png(tmp_path / "grey.png", np.zeros((20, 20), np.uint8))

    def execute(*words: str) -> tuple[int, str, str]:
        code = main([*words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return execute


def test_an_image_is_translated_into_a_file(command: Command, run: seodang.Run) -> None:
    code, out, _ = command("predict", str(run.path), "sketch.png", "--out", "photo.png")
    assert (code, out) == (0, "sketch.png\t32 x 32 pixels, 3 channels of 8 bits\tphoto.png\n")
    np.testing.assert_array_equal(read_image(Path("photo.png")), run.predict("sketch.png").source)


def test_without_a_place_the_answer_is_said_not_to_be_kept(command: Command, run: seodang.Run) -> None:
    assert command("predict", str(run.path), "sketch.png")[1].endswith("\tnot kept: give --out FILE.png\n")


def test_a_folder_gives_a_folder_of_answers(command: Command, run: seodang.Run) -> None:
    code, out, _ = command("predict", str(run.path), "sketches", "--out", "photos", "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and [row["out"] for row in rows] == ["photos/deep/two.png", "photos/one.png"]
    assert rows[0] == {
        "file": "sketches/deep/two.png",
        "width": 32,
        "height": 32,
        "channels": 3,
        "bits": 8,
        "out": rows[0]["out"],
    }
    assert read_image(Path("photos/one.png")).shape == (32, 32, 3)


def test_images_of_another_kind_are_named(command: Command, run: seodang.Run) -> None:
    code, out, err = command("predict", str(run.path), "sketch.png", "grey.png", "--out", "photos")
    assert code == 2 and "[no prediction: it has 1 channel of 8 bits, and those" in out
    assert err.startswith(
        "seodang: grey.png: it has 1 channel of 8 bits, and those that were learned from 3 channels of 8 bits"
    )
    assert Path("photos/sketch.png").is_file() and not Path("photos/grey.png").exists()


def test_check_says_what_there_is(command: Command, tmp_path: Path) -> None:
    write_strips(tmp_path / "plans", 12)
    code, out, _ = command("check", "translation", "plans")
    assert code == 0
    assert (
        "note: plans: 12 pairs of 32 x 32 pixels; sources with 3 channels of 8 bits, targets with 3 channels of 8 bits" in out
    )
    write_png(tmp_path / "plans" / "odd.png", np.zeros((32, 63, 3), np.uint8))
    code, out, _ = command("check", "translation", "plans")
    assert code == 2 and out.startswith("error: plans/odd.png: 63 x 32 pixels; expected two images of one size side by side")


def test_check_tells_what_training_would_refuse(command: Command, tmp_path: Path) -> None:
    (tmp_path / "plans").mkdir()
    for number in range(12):
        write_png(tmp_path / "plans" / f"{number}.png", strip(np.random.default_rng(number), 34))
    code, out, _ = command("check", "translation", "plans")
    what = "Images have 34 x 34 pixels, and the network halves them 2 times: expected multiples of 4 (2 ** 2). Give --resize 32"
    assert code == 2 and out.startswith(f"error: plans: {what}\n")
    assert command("train", "translation", "plans")[::2] == (2, f"seodang: {what}.\n")
    assert command("check", "translation", "plans", "--resize", "32")[0] == 0


def test_refusals_are_one_line(command: Command, tmp_path: Path) -> None:
    write_strips(tmp_path / "plans", 12)
    code, _, err = command("train", "translation", "plans", "--depth", "6")
    assert code == 2
    assert err == (
        "seodang: Images have 32 x 32 pixels, and the network halves them 6 times: expected multiples of 64 (2 ** 6). Give "
        "--resize 64, or lower --depth.\n"
    )


def test_measures_stand_beside_both_yardsticks(run: seodang.Run) -> None:
    found = run.evaluation
    assert set(found["measures"]) == set(found["yardstick"]) == {"l1", "psnr", "ssim", "perceptual", "kid"}
    table = found["tables"]["yardsticks"]
    assert [row[0] for row in table["rows"]] == ["model", "input itself", "mean target"]
    columns = dict(zip(table["headers"][1:], zip(*[row[1:] for row in table["rows"]], strict=True), strict=True))
    for name, best in {"l1": min, "psnr": max, "ssim": max, "perceptual": min, "kid": min}.items():
        assert found["yardstick"][name]["value"] == best(columns[name][1:])
    low, high = found["measures"]["psnr"]["low"], found["measures"]["psnr"]["high"]
    assert low <= found["measures"]["psnr"]["value"] <= high


def test_every_epoch_leaves_measures_and_a_picture(run: seodang.Run) -> None:
    rows = [row for row in run.folder.rows("metrics.jsonl") if row["kind"] == "evaluation" and row["stage"] == "train"]
    assert len(rows) == 3
    assert all({"l1", "psnr", "ssim", "perceptual", "kid"} <= row.keys() for row in rows)
    assert [epoch for epoch, _ in run.folder.progress("answers")] == [1, 2, 3]


def test_the_report_has_its_examples_and_an_animation(run: seodang.Run) -> None:
    html = run.explain().read_text(encoding="utf-8")
    assert "Best, median and worst" in html and "data:image/gif;base64," in html
    with Image.open(run.path / "report" / "progress.gif") as image:
        assert image.n_frames >= 2
    assert (run.path / "report" / "examples.png").is_file()


def test_other_pairs_are_measured_and_those_learned_from_counted(run: seodang.Run, tmp_path: Path) -> None:
    new = run.evaluate(write_strips(tmp_path / "new", 4, seed=9))
    assert (new.rows, new.notes) == (4, ())
    known = run.evaluate(write_strips(tmp_path / "known", 40))
    assert "were learned from: others tell more about new ones" in known.notes[0]
    assert known.notes[0].startswith(f"{40 - run.evaluation['rows']} of these 40 images")
    grey = tmp_path / "grey"
    grey.mkdir()
    write_png(grey / "one.png", np.zeros((32, 64), np.uint8))
    with pytest.raises(DataError, match=r"grey: sources have 1 channel of 8 bits, and those that were learned from 3 channels"):
        run.evaluate(grey)


def test_other_pairs_cannot_be_resized_and_are_told_what_is_wrong_with_their_sizes(run: seodang.Run, tmp_path: Path) -> None:
    mixed = write_strips(tmp_path / "mixed", 4)
    write_png(mixed / "large.png", strip(np.random.default_rng(0), 48))
    with pytest.raises(DataError, match=r"bring all to one size of 16 to 1024 pixels: resize stays as it was in training"):
        run.evaluate(mixed)


def test_a_run_finds_its_targets_from_any_folder(beside: seodang.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    record = beside.folder.settings()
    assert record["given"]["targets"] == record["resolved"]["targets"] == str(Path(record["source"]).with_name("drawings"))
    assert beside.evaluate().rows == beside.evaluation["rows"]


def test_other_sources_have_other_targets(beside: seodang.Run, tmp_path: Path) -> None:
    shutil.copytree(beside.folder.settings()["source"], tmp_path / "new")
    with pytest.raises(DataError, match="new: this run learned from a folder whose answers lie in another; give targets the"):
        beside.evaluate(tmp_path / "new")
    assert beside.evaluate(tmp_path / "new", targets=beside.folder.settings()["given"]["targets"]).rows == 30
    shutil.copytree(tmp_path / "new", tmp_path / "both" / "a")
    shutil.copytree(beside.folder.settings()["given"]["targets"], tmp_path / "both" / "b")
    assert beside.evaluate(tmp_path / "both").rows == 30


def test_two_folders_need_no_direction_whichever_half_was_learned_from(
    run: seodang.Run, beside: seodang.Run, tmp_path: Path
) -> None:
    turned = tmp_path / "turned"
    shutil.copytree(run.path, turned)
    record = json.loads((turned / "settings.json").read_text())
    record["resolved"]["direction"] = "b-to-a"
    (turned / "settings.json").write_text(json.dumps(record))
    source, targets = (beside.folder.settings()[part] for part in ("source", "given"))
    assert seodang.load(turned).evaluate(source, targets=targets["targets"]).rows == 30
    with pytest.raises(DataError, match="targets names the answers already; leave out direction"):
        run.evaluate(source, targets=targets["targets"], direction="b-to-a")


def test_an_exported_model_answers_and_measures_the_same(run: seodang.Run, command: Command) -> None:
    pytest.importorskip("onnxruntime")
    run.export()
    exported = seodang.load(run.path, engine="onnx", threads=1)
    image = read_image(Path("sketch.png"))[:27, :21]
    one, other = (each.predict(image).source.astype(int) for each in (run, exported))
    assert one.shape == (27, 21, 3) and abs(one - other).max() <= 1
    for name, measure in exported.evaluate().measures.items():
        assert measure.value == pytest.approx(run.evaluation["measures"][name]["value"], abs=2e-3), name
    proof = json.loads((run.path / "export" / "proof.json").read_text())
    assert proof["largest_difference"] <= proof["allowed_difference"]
    (run.path / "export" / "images.json").write_text("{")
    with pytest.raises(RunError, match=r"images\.json: not readable \(.*\); export the run again"):
        _ = seodang.load(run.path, engine="onnx").predictor


def test_a_damaged_checkpoint_is_said_to_be_one(run: seodang.Run, tmp_path: Path) -> None:
    copied = tmp_path / "copied"
    shutil.copytree(run.path, copied)
    path = copied / "checkpoints" / "train-best.safetensors"
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
    with pytest.raises(RunError, match=r"train-best\.safetensors: the checkpoint is damaged"):
        seodang.load(copied).predict(np.zeros((32, 32, 3), np.uint8))


def test_unpaired_images_of_16_bits_are_translated(unpaired: seodang.Run, command: Command) -> None:
    assert set(unpaired.evaluation["measures"]) == {"kid"} == set(unpaired.evaluation["yardstick"])
    assert "images" not in unpaired.evaluation["tables"]
    write_png(Path("deep.png"), np.random.default_rng(0).integers(0, 65536, (20, 30), dtype=np.uint16))
    code, out, _ = command("predict", str(unpaired.path), "deep.png", "--out", "answer.png")
    assert (code, out) == (0, "deep.png\t30 x 20 pixels, 1 channel of 16 bits\tanswer.png\n")
    assert read_image(Path("answer.png")).dtype == np.uint16
    assert "Test sources and answers" in unpaired.explain().read_text(encoding="utf-8")


def test_an_unpaired_training_goes_on_byte_for_byte(unpaired: seodang.Run, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    assert unpaired.export().is_file()
    settings = {"unpaired": True, "base_channels": 4, "epochs": 1, "batch_size": 8, "judge_steps": 2}
    calls = itertools.count(1)
    source = write_piles(tmp_path / "piles", 60, bits=16)
    begun = seodang.train(
        "translation", source, runs=tmp_path / "runs", threads=1, should_stop=lambda: next(calls) == 9, **settings
    )
    assert not begun.finished and (begun.path / "checkpoints").is_dir()
    seodang.resume(begun.path)
    for name in ("train-best.safetensors", "judge-best.safetensors"):
        one, other = ((each.path / "checkpoints" / name).read_bytes() for each in (begun, unpaired))
        assert one == other, name


def test_minutes_become_steps_and_the_judges_take_a_part_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    family, device = families.load("translation"), Device("cpu", "f32", 1, "a test")
    paces = itertools.cycle((Pace(0.1, 0.5, 30), Pace(0.2, 0.5, 30), Pace(0.5, 1.0, 10)))
    monkeypatch.setattr(pacing, "measured_pace", lambda work, seed: next(paces))
    source = str(write_strips(tmp_path / "plans", 20))

    def paced(**given: Any) -> tuple[TranslationSettings, Mapping[str, str]]:
        settings = TranslationSettings.from_flat({"minutes": 5.0, "base_channels": 4, **given})
        data = family.read(source, settings)
        found = family.pace(family.prepare(data, settings), data, device)
        return found.settings, found.reasons

    settings, reasons = paced()
    # Of 300 s a tenth is for the judges; four times two validations of half a second leave 26 s, for steps of 0.3 s together.
    assert settings.training.judge_steps == 86
    # 86 * 0.3 + 4 s are theirs; 97 % of the rest is planned, at 0.5 s a step and 1 s for every 10 steps.
    assert settings.training.steps == int(0.97 * (300 - 29.8) / 0.6)
    assert settings.training.epochs == -(-settings.training.steps // 10)
    assert reasons["judge_steps"] == "of each of the two judges, which take 10% of the time at most"
    assert reasons["steps"].endswith("; 30 s of them for the judges")
    assert paced(judge_steps=500)[0].training.judge_steps == 500


def test_the_epochs_of_the_minutes_stay_within_their_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    family, device = families.load("translation"), Device("cpu", "f32", 1, "a test")
    monkeypatch.setattr(pacing, "measured_pace", lambda work, seed: Pace(1e-5, 0.0, 1))
    settings = TranslationSettings.from_flat({"minutes": 5.0, "base_channels": 4})
    data = family.read(str(write_strips(tmp_path / "plans", 20)), settings)
    found = family.pace(family.prepare(data, settings), data, device).settings.training
    assert (found.epochs, found.steps) == (10_000, 10_000)
