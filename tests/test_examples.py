"""What the documents show can be done: examples compile, and the snippets that need no network run on a small file."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

import seodang
from seodang.cli.main import main

ROOT = Path(__file__).parents[1]
FAMILY = ROOT / "src/seodang/families/text/README.md"
DOCUMENTS = (ROOT / "README.md", FAMILY)
GOOD, BAD = ("lovely", "warm", "quiet", "clever"), ("dull", "loud", "far", "tired")
NEEDS_DOWNLOAD = ("imdb", "nsmc", "rotten-tomatoes", "newsgroups", "reuters", " get ")
OPTIONS = {"train": "--quiet --epochs 1 --threads 1 --device cpu --precision f32"}


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
    monkeypatch.chdir(tmp_path)
    return tmp_path


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
        words = shlex.split(command)[1:]
        if words[0] == "export":
            pytest.importorskip("onnxruntime")
        if words[0] == "resume":
            interrupted = seodang.train("text", "reviews.csv", model="cnn", should_stop=lambda: True)
            assert interrupted.path == Path(words[1])
        code = main([*words, *OPTIONS.get(words[0], "").split()])
        assert code == 0, f"{command}: {capsys.readouterr().err}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_the_python_shown_runs(document: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snippets = blocks(document, "python")
    if not snippets:
        pytest.skip(f"{document.name} shows no Python")
    for snippet in snippets:
        shutil.rmtree("runs", ignore_errors=True)
        exec(compile(snippet, str(document), "exec"), {})
