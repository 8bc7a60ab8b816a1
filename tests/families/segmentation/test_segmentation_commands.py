"""The commands on images: where pictures go, what is refused before anything is computed, what is said."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import seodang
from seodang.cli.main import main
from seodang.core.errors import DataError
from seodang.data.images import read_image, write_png

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> seodang.Run:
    folder = tmp_path_factory.mktemp("run")
    random = np.random.default_rng(0)
    for kind in ("images", "masks"):
        (folder / "cells" / kind).mkdir(parents=True)
    for number in range(20):
        inside = np.zeros((32, 40), bool)
        inside[8:20, 8 + number % 5 : 30] = True
        light = 50 + 120 * inside[:, :, None] + random.normal(0, 15, (32, 40, 3))
        write_png(folder / "cells" / "images" / f"{number}.png", np.clip(light, 0, 255).astype(np.uint8))
        write_png(folder / "cells" / "masks" / f"{number}.png", inside.astype(np.uint8) * 255)
    small = {"base_channels": 4, "depth": 2, "patch_size": 32, "epochs": 2}
    return seodang.train("segmentation", folder / "cells", runs=folder / "runs", threads=1, **small)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    """Run a command in a folder that holds photo.png and photos/ with two images, one of them deeper down."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    for place in ("photo.png", "photos/one.png", "photos/deep/two.png"):
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        write_png(path, random.integers(0, 256, (30, 44, 3), dtype=np.uint8))

    def execute(*words: str) -> tuple[int, str, str]:
        code = main([*words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return execute


def test_one_image_gets_a_mask_an_overlay_and_a_map_of_confidence(command: Command, run: seodang.Run) -> None:
    places = ("--out", "mask.png", "--overlay", "overlay.png", "--confidence", "sure.png")
    code, out, _ = command("predict", str(run.path), "photo.png", *places)
    assert code == 0
    assert out.startswith("photo.png\tbackground ") and "confidence 0." in out
    assert read_image(Path("mask.png")).shape == (30, 44, 1)
    assert read_image(Path("overlay.png")).shape == (30, 44, 3)
    assert read_image(Path("sure.png")).min() >= 127  # the likelier of two classes has half at least


def test_a_folder_gives_a_folder_of_masks_of_the_same_names(command: Command, run: seodang.Run) -> None:
    code, out, _ = command("predict", str(run.path), "photos", "--out", "masks", "--json")
    assert code == 0
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["out"] for row in rows] == ["masks/deep/two.png", "masks/one.png"]
    assert all(Path(row["out"]).is_file() and 0.5 <= row["confidence"] <= 1 for row in rows)
    assert sum(rows[0]["shares"].values()) == pytest.approx(1)


def test_an_image_goes_into_a_folder_that_is_there(command: Command, run: seodang.Run) -> None:
    Path("masks").mkdir()
    assert command("predict", str(run.path), "photos/one.png", "--out", "masks")[0] == 0
    assert Path("masks/one.png").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nope.png",), "nope.png: no such file or folder"),
        (("photo.png", "--out", "mask.jpg"), "--out must end in .png, got mask.jpg."),
        (("photo.png", "--out", "no/mask.png"), "--out: there is no folder no; make it first."),
        (("photo.png", "--out", "photo.png"), "--out: photo.png is an image to be predicted; choose another place."),
        (("photos", "--out", "photos"), "--out: photos/deep/two.png is an image to be predicted; choose another place."),
        (("photos", "--out", "mask.png"), "--out must be a folder, as there are several images, got mask.png."),
        (("photo.png", "photos", "--out", "x.png"), "--out must be a folder, as there are several images, got x.png."),
        (
            ("photos/one.png", "other/one.png", "--out", "masks"),
            "--out: masks/one.png would be written for photos/one.png (--out) and for other/one.png (--out); choose other "
            "places, or predict one.png by itself.",
        ),
        (
            ("photo.png", "--out", "a.png", "--overlay", "a.png"),
            "--out: a.png would be written for photo.png (--out) and for photo.png (--overlay); choose other places, or "
            "predict photo.png by itself.",
        ),
        (("photos", "photos/one.png", "--out", "masks"), "photos/one.png is named twice; name it once."),
        (("empty",), "empty: there is no image in this folder."),
        (("photo.png", "--outt", "m.png"), "No setting --outt. Did you mean --out?"),
        (("photo.png", "--tile-size", "8"), "--tile-size must be between 32 and 8192, got 8"),
    ],
)
def test_bad_input_is_told_in_a_line_before_anything_is_written(
    command: Command, run: seodang.Run, words: tuple[str, ...], message: str
) -> None:
    Path("empty").mkdir()
    Path("other").mkdir()
    Path("other/one.png").write_bytes(Path("photo.png").read_bytes())
    before = sorted(Path().rglob("*"))
    code, _, err = command("predict", str(run.path), *words)
    assert code == 2 and message in err and len(err.splitlines()) == 1
    assert sorted(Path().rglob("*")) == before


def test_a_damaged_image_among_others_is_named_and_the_others_are_predicted(command: Command, run: seodang.Run) -> None:
    Path("photos/broken.png").write_bytes(Path("photo.png").read_bytes()[:200])
    code, out, err = command("predict", str(run.path), "photos", "--out", "masks")
    assert code == 2
    assert "photos/broken.png: " in err and "(no prediction for 1 of 3 files: photos/broken.png)" in err
    assert [line.split("\t")[1] for line in out.splitlines()].count("-") == 1
    assert Path("masks/one.png").is_file() and not Path("masks/broken.png").exists()


def test_mirrors_and_tiles_may_be_chosen_at_prediction(command: Command, run: seodang.Run) -> None:
    assert command("predict", str(run.path), "photo.png", "--no-mirror", "--confidence", "once.png")[0] == 0
    assert command("predict", str(run.path), "photo.png", "--confidence", "four.png")[0] == 0
    assert (read_image(Path("once.png")) != read_image(Path("four.png"))).any()
    with pytest.raises(seodang.SeodangError, match="depth is no setting of prediction"):
        seodang.load(run.path, depth=3)


def test_folders_without_masks_and_sets_of_another_kind_are_refused(command: Command) -> None:
    code, _, err = command("train", "segmentation", "photos")
    assert (
        code == 2 and "photos: expected images/ and masks/ in it, got deep, one.png; name the folder of masks by --masks" in err
    )
    code, _, err = command("train", "segmentation", "imdbb")
    assert code == 2 and "imdbb: no such file, and no data set has this name" in err
    assert not Path("runs").exists()


def test_the_report_shows_best_median_and_worst(run: seodang.Run) -> None:
    page = run.explain().read_text(encoding="utf-8")
    for words in ("best", "median", "worst", "missed", "Confidence", "Filters of the first convolution", "pixels away"):
        assert words.lower() in page.lower(), words
    assert {"network.png", "training.png"} <= {path.name for path in (run.path / "report").rglob("*.png")}


def test_masks_elsewhere_are_found_from_any_folder_and_are_not_those_of_other_images(
    run: seodang.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cells = Path(run.folder.settings()["source"])
    for kind in ("images", "masks"):
        shutil.copytree(cells / kind, tmp_path / f"own-{kind}")
    small = {"base_channels": 4, "depth": 2, "patch_size": 32, "epochs": 1}
    own = seodang.train("segmentation", "own-images", masks="own-masks", runs=tmp_path / "runs", threads=1, **small)
    monkeypatch.chdir(tmp_path / "runs")
    assert own.folder.settings()["given"]["masks"] == str(tmp_path.resolve() / "own-masks")
    assert own.evaluate().rows == own.evaluation["rows"]
    with pytest.raises(DataError, match=r"expected images/ and masks/ in it, got .*; name the folder of masks by masks"):
        own.evaluate(tmp_path / "own-images")
    assert own.evaluate(tmp_path / "own-images", masks=str(tmp_path / "own-masks")).rows == 20
