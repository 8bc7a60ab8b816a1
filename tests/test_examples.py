"""What the documents show can be done: examples compile, and the snippets that need no network run on a small file."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import seodang
from seodang.cli.main import main
from seodang.core.errors import MachineError
from seodang.data.images import write_png
from seodang.families.faces.engine import weights
from seodang.families.gan import derive as gan_derive
from seodang.families.language import memory
from seodang.families.translation import derive

ROOT = Path(__file__).parents[1]
DOCUMENTS = (ROOT / "README.md", *sorted(ROOT.glob("src/seodang/families/*/README.md")))
GOOD, BAD = ("lovely", "warm", "quiet", "clever"), ("dull", "loud", "far", "tired")
TOLD = (
    "the king and the queen saw a man with his cat",
    "a woman and a man drove the car to the king",
    "ROMEO: the dog ran after the cat and the car",
    "한국어 문장도 읽는다",
)
NEEDS_DOWNLOAD = (
    "imdb",
    "nsmc",
    "rotten-tomatoes",
    "newsgroups",
    "reuters",
    "tiny-shakespeare",
    "wikipedia-sample",
    "mnist",
    "facades",
    " get ",
)
CATCH = """
import gymnasium
import numpy as np


class Catch(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(0.0, 1.0, (3,))
    action_space = gymnasium.spaces.Discrete(3)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.ball, self.height, self.hand = self.np_random.integers(5), 4, 2
        return self.seen(), {}

    def step(self, action):
        self.hand = int(np.clip(self.hand + action - 1, 0, 4))
        self.height -= 1
        over = self.height == 0
        return self.seen(), float(over and self.hand == self.ball), bool(over), False, {}

    def seen(self):
        return np.array([self.ball, self.height, self.hand], np.float32) / 4
"""
PEOPLE = ("Amelie_Mauresmo", "Abdullah_Gul", "Alvaro_Uribe")
OPTIONS = {"train": "--quiet --epochs 1 --threads 1 --device cpu --precision f32"}
SHORT_EPISODES = "--steps 3000 --episodes 4 --watched-episodes 2"


def blocks(path: Path, language: str) -> list[str]:
    """The fenced blocks of a document in one language; "" is a block of commands."""
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def commands(path: Path) -> list[str]:
    """Every `seodang ...` that a document shows, without its comment; two may stand on a line."""
    lines = "\n".join([*blocks(path, ""), *blocks(path, "(?:sh|bash|console)")]).splitlines()
    parts = (part for line in lines for part in re.split(r"\s{3,}", line.split(" #")[0].strip().removeprefix("$ ")))
    return [part for part in parts if part.startswith("seodang ")]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the documents speak of."""
    rows = [f"a {(BAD, GOOD)[n % 2][n % 4]} film number {n},{('bad', 'good')[n % 2]}" for n in range(120)]
    for name in ("reviews.csv", "test.csv", "new.csv"):
        (tmp_path / name).write_text("\n".join(["text,label", *rows]) + "\n", encoding="utf-8")
    for name in ("book.txt", "shakespeare.txt", "novel.txt", "another-text.txt", "corpus.txt"):
        (tmp_path / name).write_text("\n".join(TOLD * 100) + "\n", encoding="utf-8")
    for place, name, classes in (("cells", "masks", 2), ("more-cells", "masks", 2), ("photos", "../drawn", 3)):
        _write_images(tmp_path / place, tmp_path / place / name, classes)
    shutil.copytree(tmp_path / "cells" / "images", tmp_path / "folder")
    for name in ("ada", "bo"):
        shutil.copytree(tmp_path / "cells" / "images", tmp_path / "faces" / name)
    Image.fromarray(np.zeros((50, 70, 3), np.uint8)).save(tmp_path / "photo.jpg")
    _write_pairs(tmp_path)
    _write_people(tmp_path)
    (tmp_path / "mygame.py").write_text(CATCH, encoding="utf-8")
    monkeypatch.setattr(derive, "JUDGE_STEPS", 2)  # of networks that only measure
    monkeypatch.setattr(gan_derive, "LEAST_JUDGE_STEPS", 3)
    monkeypatch.setattr(memory, "UPDATES", 2)  # what it measures is no matter here, and takes its time
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _write_images(place: Path, masks: Path, classes: int) -> None:
    """Thirty images with squares; a folder without masks in it holds them itself."""
    random = np.random.default_rng(0)
    images = place / "images" if masks.parent == place else place
    for folder in (images, masks):
        folder.mkdir(parents=True)
    for number in range(30):
        mask = np.zeros((32, 40), np.uint8)
        for one in range(1, classes):
            row, column = random.integers(0, (20, 28))
            mask[row : row + 10, column : column + 10] = one if classes > 2 else 255
        light = np.repeat(mask[:, :, None] % 100, 3, 2) + random.integers(0, 100, (32, 40, 3))
        write_png(images / f"{number}.png", light.astype(np.uint8))
        write_png(masks / f"{number}.png", mask)


def _write_pairs(place: Path) -> None:
    """Plans with what they are of: strips, two folders of equal names, and a sketch by itself."""
    random = np.random.default_rng(0)
    for number in range(40):
        plan = random.integers(0, 2, (4, 4, 3)).repeat(8, 0).repeat(8, 1).astype(np.uint8) * 200
        light = (255 - plan - random.integers(0, 50, plan.shape)).clip(0, 255).astype(np.uint8)
        for folder in ("plans", "more-plans"):
            (place / folder).mkdir(exist_ok=True)
            write_png(place / folder / f"{number}.png", np.concatenate([plan, light], 1))
        for folder, image in (("sketches", plan), ("drawings", light), ("seasons/a", plan), ("seasons/b", light)):
            (place / folder).mkdir(exist_ok=True, parents=True)
            write_png(place / folder / f"{number}.png", image)
    write_png(place / "sketch.png", plan)


def _write_people(place: Path) -> None:
    """Real faces where SEODANG_MIRROR has them: a folder a person, an album, single photos."""
    source = Path(os.environ.get("SEODANG_MIRROR", ""), "lfw", "images")
    for name, person in zip(("Ada", "Bo", "Cy"), PEOPLE, strict=True):
        (place / "people" / name).mkdir(parents=True)
        (place / "album").mkdir(exist_ok=True)
        for photo in sorted((source / person).glob("*.jpg"))[:7]:
            shutil.copy(photo, place / "people" / name)
            shutil.copy(photo, place / "album")
    others = sorted((source / PEOPLE[0]).glob("*.jpg"))[7:]
    for photo, name in zip(others, ("ada1", "ada2", "group", "a", "b"), strict=False):
        shutil.copy(photo, place / f"{name}.jpg")


def _needs_faces(command: str) -> bool:
    """Whether a command wants real faces, which are not here, or weights, which cannot be fetched."""
    if "seodang faces" not in command and "train faces" not in command and "runs/faces" not in command:
        return False
    try:
        weights.fetch(weights.YUNET)
        weights.fetch(weights.SFACE)
    except MachineError:
        return True
    return not list(Path("album").glob("*.jpg"))


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.name)
def test_examples_compile(path: Path) -> None:
    compile(path.read_text(encoding="utf-8"), str(path), "exec")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_the_commands_shown_run(document: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    offline = [command for command in commands(document) if not any(word in command for word in NEEDS_DOWNLOAD)]
    if not offline:
        pytest.skip(f"{document.name} shows no command that runs without a download")
    if not any("train" in command for command in offline):
        offline.insert(0, "seodang train text reviews.csv")
    for command in offline:
        if _needs_faces(command):
            continue
        words = shlex.split(command)[1:]
        if words[0] == "export":
            pytest.importorskip("onnxruntime")
        if words[0] == "resume":
            interrupted = seodang.train("text", "reviews.csv", model="cnn", should_stop=lambda: True)
            assert interrupted.path == Path(words[1])
        short = SHORT_EPISODES if "train agents" in command else ""
        code = main([*words, *OPTIONS.get(words[0], "").split(), *short.split()])
        assert code == 0, f"{command}: {capsys.readouterr().err}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_the_python_shown_runs(document: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snippets = [one for one in blocks(document, "python") if not any(word in one for word in NEEDS_DOWNLOAD)]
    if not snippets:
        pytest.skip(f"{document.name} shows no Python")
    main(["faces", "passphrase", "pass.txt"])
    for snippet in snippets:
        shutil.rmtree("runs", ignore_errors=True)
        exec(compile(snippet, str(document), "exec"), {})
