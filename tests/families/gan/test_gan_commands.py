"""The commands of a GAN as a user types them: grids, walks, seeds, classes, and what is refused."""

from __future__ import annotations

from pathlib import Path
from runpy import run_path

import numpy as np
import pytest
from PIL import Image

import seodang
from seodang.cli.main import main
from seodang.core.errors import DataError, SettingsError
from seodang.core.values import Seed

SAMPLE = run_path(str(Path(__file__).with_name("contract.py")))["SAMPLE"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> seodang.Run:
    folder = tmp_path_factory.mktemp("gan")
    settings = {
        "base_channels": 8,
        "batch_size": 16,
        "epochs": 2,
        "samples": 50,
        "watched_samples": 40,
        "judge_steps": 6,
        "conditional": True,
    }
    return seodang.train("gan", SAMPLE(folder), runs=folder / "runs", threads=1, precision="f32", **settings)


def test_a_grid_is_written_and_is_the_same_for_the_same_seed(run: seodang.Run, tmp_path: Path) -> None:
    for name in ("one.png", "two.png"):
        assert main(["generate", str(run.path), "--count", "9", "--seed", "3", "--out", str(tmp_path / name)]) == 0
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    with Image.open(tmp_path / "one.png") as image:
        assert image.size == (3 * 28 + 2 * 2, 3 * 28 + 2 * 2)
    with Image.open(tmp_path / "one.png") as image:
        first = np.asarray(image)[:28, :28]
    assert np.abs(run.predict(Seed(3)).source.astype(int) - first).max() <= 1  # rounding of another number of images at once


def test_a_walk_is_an_animation(run: seodang.Run, tmp_path: Path) -> None:
    assert main(["generate", str(run.path), "--walk", "3", "--steps", "4", "--out", str(tmp_path / "walk.gif")]) == 0
    with Image.open(tmp_path / "walk.gif") as image:
        assert image.n_frames >= 2


def test_a_walk_is_a_film_too(run: seodang.Run, tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    assert main(["generate", str(run.path), "--walk", "3", "--steps", "4", "--out", str(tmp_path / "walk.mp4")]) == 0
    with av.open(str(tmp_path / "walk.mp4")) as film:
        assert len(list(film.decode(video=0))) == 12


def test_images_by_themselves_fill_a_folder(run: seodang.Run, tmp_path: Path) -> None:
    assert main(["generate", str(run.path), "--count", "3", "--separate", "--out", str(tmp_path / "many")]) == 0
    assert sorted(path.name for path in (tmp_path / "many").iterdir()) == ["0001.png", "0002.png", "0003.png"]


def test_seeds_are_predicted_into_a_file_or_a_folder(run: seodang.Run, tmp_path: Path) -> None:
    assert main(["predict", str(run.path), "5:lying", "--out", str(tmp_path / "five.png")]) == 0
    assert main(["predict", str(run.path), "5", "6", "--out", str(tmp_path / "both")]) == 0
    assert len(list((tmp_path / "both").iterdir())) == 2


def test_the_same_seed_makes_another_image_of_another_class(run: seodang.Run) -> None:
    lying, standing = run.predict(["8:lying", "8:standing"])
    assert not np.array_equal(lying.source, standing.source)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ["generate", "--labels", "round", "--out", "x.png"],
            "--labels: there is no class 'round'; the classes are lying, standing",
        ),
        (["generate", "--out", "x.jpg"], "--out must be a file that ends in .png, for an image, got"),
        (["generate", "--walk", "3", "--out", "x.png"], "--out must be a file that ends in .gif or .mp4, for an animation"),
        (["generate"], "--out is missing: name the file"),
        (["generate", "--out", "nowhere/x.png"], "--out: there is no folder"),
        (["generate", "--walk", "3", "--separate", "--out", "x"], "--walk is one animation, got --separate too"),
        (["predict", "three", "--out", "x.png"], "A seed is expected, a whole number from 0"),
        (["predict", "3:round", "--out", "x.png"], "seed 3 of round: there is no class 'round'"),
        (["predict", "3"], "--out is missing"),
    ],
)
def test_what_cannot_be_made_is_refused_in_one_line(
    run: seodang.Run, words: list[str], says: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = [str(tmp_path / word) if "x" in word[:9] and "." in word else word for word in words]
    assert main([words[0], str(run.path), *words[1:]]) == 2
    error = capsys.readouterr().err.strip()
    assert says in error and "\n" not in error
    assert not list(tmp_path.iterdir())


def test_check_speaks_of_flags(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    for number in range(9):
        Image.fromarray(np.zeros((30, 30), np.uint8)).save(folder / f"{number}.png")
    assert main(["check", "gan", str(folder)]) == 2
    assert "give --resize 32" in capsys.readouterr().out


def test_a_frozen_discriminator_is_taken_from_another_run(run: seodang.Run, tmp_path: Path) -> None:
    source = run.folder.settings()["source"]
    settings = {
        "base_channels": 8,
        "batch_size": 16,
        "epochs": 1,
        "samples": 50,
        "watched_samples": 40,
        "judge_steps": 6,
        "conditional": True,
    }
    frozen = seodang.train(
        "gan", source, runs=tmp_path, threads=1, precision="f32", freeze_discriminator=str(run.path), **settings
    )
    one, other = (
        {name: value for name, value in each.trained.weights["train"].items() if "/discriminator/" in name}
        for each in (run, frozen)
    )
    assert one.keys() == other.keys() and all(one[name].equal(other[name]) for name in one)
    page = frozen.explain().read_text(encoding="utf-8")
    assert "never changed" in page and "Here it went from" in page and "After epoch 1" in page


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"freeze_discriminator": "nowhere"}, "no such run folder"),
        ({"base_channels": 4}, r"its discriminator has base_channels 8 \(here 4\), and must be like the one here"),
        ({"conditional": False}, r"its discriminator has classes 2 \(here 0\), and must be like the one here"),
    ],
)
def test_a_discriminator_that_does_not_fit_is_refused(
    run: seodang.Run, changed: dict[str, object], says: str, tmp_path: Path
) -> None:
    settings = {"base_channels": 8, "batch_size": 16, "epochs": 1, "conditional": True, "freeze_discriminator": str(run.path)}
    with pytest.raises(SettingsError, match=says):
        seodang.train("gan", run.folder.settings()["source"], runs=tmp_path, **{**settings, **changed})


def test_seeds_in_a_file_are_refused_by_line(run: seodang.Run, tmp_path: Path) -> None:
    (tmp_path / "seeds.txt").write_text("1\ntwo\n")
    with pytest.raises(DataError, match=r"seeds\.txt, line 2: A seed is expected"):
        run.inputs(tmp_path / "seeds.txt")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n")
    with pytest.raises(DataError, match=r"picture\.png: expected a text with one seed a line, got no text"):
        run.inputs(tmp_path / "picture.png")
    (tmp_path / "seeds.txt").write_text("1\n\n2\n")
    with pytest.raises(DataError, match=r"seeds\.txt, line 2: there is no seed in it; write one, or remove the line"):
        run.inputs(tmp_path / "seeds.txt")


def test_other_images_are_measured_too_when_they_have_the_size(run: seodang.Run, tmp_path: Path) -> None:
    assert any("judge gets" in note and "by chance it would be" in note for note in run.evaluation["notes"])
    found = run.evaluate(run.folder.settings()["source"])
    assert found.rows == 50 and "copies" not in found.measures
    (tmp_path / "x").mkdir()
    for number in range(60):
        Image.fromarray(np.full((32, 32), number, np.uint8)).save(tmp_path / "x" / f"{number}.png")
    with pytest.raises(DataError, match="but the model makes 28 x 28"):
        run.evaluate(tmp_path / "x")
