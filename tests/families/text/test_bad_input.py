"""What a user may get wrong, through the real command line: one line on stderr, the right exit code, and no run left behind."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sentences
import torch

from command_line import Seodang, commands, refused
from seodang.core.checkpoint import write_checkpoint

ROWS = [",".join(row) for row in sentences.sentences(200)]
GOOD = "\n".join(["text,label", *ROWS]) + "\n"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    folder = tmp_path_factory.mktemp("trained")
    source = sentences.write(folder / "reviews.csv", sentences.sentences(200))
    return sentences.train(source, folder / "runs", model="dnn", **{**sentences.TINY, "epochs": 1}).path


@pytest.fixture
def seodang(tmp_path: Path, trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Seodang:
    """Run a command in a folder with good data and a copy of a finished run, called `kept`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reviews.csv").write_text(GOOD, encoding="utf-8")
    shutil.copytree(trained, tmp_path / "kept")

    return commands(capsys)


def with_row(row: str) -> str:
    """Good data with one more row, the sixth of the file."""
    return "\n".join(["text,label", *ROWS[:4], row, *ROWS[4:]]) + "\n"


FILES: dict[str, tuple[str | bytes, str]] = {
    "empty.csv": ("", r"empty\.csv is empty"),
    "header.csv": ("text,label\n", r"header\.csv holds no rows: .* got only the header \(text, label\)"),
    "no-text.csv": ("words,label\na,b\nc,d\n", r"no-text\.csv: no column is named text, review, .* Columns: words, label"),
    "no-label.csv": ("text,stars\na,b\nc,d\n", r"no-label\.csv: no column is named label, category, .* Columns: text, stars"),
    "one-class.csv": ("text,label\na,good\nb,good\n", r"one-class\.csv: every label in column label is 'good'"),
    "latin.csv": (with_row("caf\xe9,good").encode("latin-1"), r"latin\.csv, row 6: byte 0xe9 .* is not UTF-8"),
    "wide.csv": (with_row("a,b,c"), r"wide\.csv, row 6: expected 2 columns \(text, label\), got 3"),
    "narrow.csv": (with_row("a"), r"narrow\.csv, row 6: expected 2 columns \(text, label\), got 1"),
    "no-words.csv": (with_row(" ,good"), r"no-words\.csv, row 6: text is empty; remove the row or pass --skip-bad-rows"),
    "no-class.csv": (with_row("film,"), r"no-class\.csv, row 6: label is empty; remove the row or pass --skip-bad-rows"),
    "few.csv": ("text,label\na,good\nb,bad\n", r"few\.csv: the \w+ part gets no row: 2 rows .* too few to split"),
    "notes.docx": ("text", r"notes\.docx: expected a file named \.csv"),
    "fake.csv.gz": ("text", r"fake\.csv\.gz is not gzip data"),
}


@pytest.mark.parametrize("name", FILES)
def test_files_that_cannot_be_trained_on(seodang: Seodang, name: str) -> None:
    content, message = FILES[name]
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    refused(seodang("train", "text", name, "--preset", "smoke"), message)


COMMANDS: dict[str, tuple[str, str]] = {
    "a missing file": ("train text review.csv", r"review\.csv: no such file or folder\. Did you mean 'reviews\.csv'\?"),
    "a misspelt data set": ("train text rotten-tomatos", r"rotten-tomatos: no such file, .* Did you mean rotten-tomatoes\?"),
    "an unknown data set": ("train text amazon", r"amazon: no such file, and no data set has this name\. There are .*imdb, "),
    "an unknown family": ("train speech reviews.csv", r"No family 'speech'\. There is: .*text"),
    "a misspelt family": ("train txt reviews.csv", r"No family 'txt'\. Did you mean text\?"),
    "an unknown preset": ("train text reviews.csv --preset tiny", r"--preset must be one of smoke, classic, got 'tiny'"),
    "a setting out of bounds": ("train text reviews.csv --epochs 0", r"--epochs must be between 1 and 10000, got 0\."),
    "a number that is a word": (
        "train text reviews.csv --batch-size many",
        r"--batch-size must be a whole number .* got 'many'",
    ),
    "not a number": ("train text reviews.csv --learning-rate nan", r"--learning-rate must be above 0 and at most 10, got nan"),
    "an unknown choice": ("train text reviews.csv --model bert", r"--model must be one of best, dnn, .* got 'bert'"),
    "a misspelt setting": ("train text reviews.csv --dropuot 0.1", r"No setting --dropuot\. Did you mean --dropout\?"),
    "a setting of another model": (
        "train text reviews.csv --model cnn --hidden-size 8",
        r"--hidden-size is read only when --model is rnn, gru or lstm, but --model is cnn; leave --hidden-size out",
    ),
    "pooling of another model": (
        "train text reviews.csv --model lstm --pooling mean",
        r"--pooling must be max or last when --model is lstm, got mean",
    ),
    "a filter longer than a text": (
        "train text reviews.csv --model cnn --kernel-size 9 --max-length 8",
        r"--kernel-size \(9\) must not exceed --max-length \(8\)",
    ),
    "a missing text column": (
        "train text reviews.csv --text-column body",
        r"--text-column body: no such column\. Columns: text, label",
    ),
    "a missing group column": (
        "train text reviews.csv --group-by film",
        r"--group-by film: no such column\. Columns: text, label",
    ),
    "no unlabelled texts": ("train text reviews.csv --unlabelled own", r"--unlabelled own: this data set brings no texts"),
    "a missing unlabelled file": ("train text reviews.csv --unlabelled no.csv", r"no\.csv: no such file or folder"),
    "a folder that is no run": ("predict . film", r"^seodang: \.: not a run folder \(it has no settings\.json\)"),
    "a file that is no run": ("evaluate reviews.csv", r"reviews\.csv: not a run folder"),
    "a missing run": ("explain nowhere", r"nowhere: no such run folder; `seodang runs` lists"),
    "a finished run": ("resume kept", r"kept is finished; there is nothing to resume"),
    "unknown words": (
        "predict kept zzz",
        r"text 1 of 1: none of its words is known to the model, so any answer would be a guess",
    ),
    "unknown words among others": ("predict kept film zzz", r"text 2 of 2: none of its words is known"),
    "texts and a file": ("predict kept film --file reviews.csv", r"Give either texts or --file, not both"),
    "an unknown engine": ("predict kept film --engine tf", r"--engine must be torch or onnx, got 'tf'"),
    "nothing exported": ("predict kept film --engine onnx", r"no exported model; write one with `seodang export kept`"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_that_cannot_be_followed(seodang: Seodang, name: str) -> None:
    words, message = COMMANDS[name]
    refused(seodang(*words.split()), message)


@pytest.mark.parametrize(
    ("verb", "name", "content", "message"),
    [
        (
            "evaluate",
            "new.csv",
            "text,label\nfilm,good\nfilm,mixed\n",
            r"new\.csv, row 3: label 'mixed' was not in the training",
        ),
        ("evaluate", "new.csv", "text,stars\nfilm,good\n", r"new\.csv: no column is named label.* Columns: text, stars"),
        ("predict", "new.csv", "text,id\nfilm,1\n,2\n", r"new\.csv, row 3: text is empty"),
        ("predict", "new.txt", "\n\n", r"new\.txt holds no text"),
        ("predict", "new.txt", b"film\ncaf\xe9\n", r"new\.txt, row 2: byte 0xe9"),
    ],
)
def test_files_that_a_run_cannot_use(seodang: Seodang, verb: str, name: str, content: str | bytes, message: str) -> None:
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    refused(seodang(verb, "kept", *(["--file", name] if verb == "predict" else [name])), message)


def test_rows_that_get_no_answer_lose_no_other(seodang: Seodang) -> None:
    Path("new.csv").write_text("text\nfilm\nzzz\nlovely story\nqqq\n", encoding="utf-8")
    outcome = seodang("predict", "kept", "--file", "new.csv")
    assert outcome.code == 2
    assert [line.split("\t")[2] for line in outcome.out.splitlines()] == [
        "film",
        "zzz  [no prediction: none of its words is known to the model, so any answer would be a guess]",
        "lovely story",
        "qqq  [no prediction: none of its words is known to the model, so any answer would be a guess]",
    ]
    assert outcome.out.splitlines()[1].startswith("-\t-\t")
    assert outcome.err == (
        "seodang: new.csv, row 3: none of its words is known to the model, so any answer would be a guess "
        "(no prediction for 2 of 4 rows: new.csv, row 3; new.csv, row 5).\n"
    )
    outcome = seodang("predict", "kept", "--file", "new.csv", "--json")
    rows = [json.loads(line) for line in outcome.out.splitlines()]
    assert outcome.code == 2
    assert [sorted(row) for row in rows] == [["label", "probabilities"], ["error"]] * 2
    alone = seodang("predict", "kept", "film", "--json")
    assert alone.code == 0 and json.loads(alone.out)["probabilities"] == pytest.approx(rows[0]["probabilities"], abs=1e-6)


def test_an_empty_text_is_called_so(seodang: Seodang) -> None:
    refused(seodang("predict", "kept", " "), r"^seodang: text 1 of 1: text is empty\.$")


def test_a_blank_line_of_a_pipe_is_called_empty(seodang: Seodang, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"film\n\n")))
    outcome = seodang("predict", "kept")
    assert outcome.code == 2
    assert outcome.out.splitlines()[1] == "-\t-\t  [no prediction: text is empty]"
    assert outcome.err == (
        "seodang: standard input, line 2: text is empty (no prediction for 1 of 2 rows: standard input, line 2).\n"
    )


def test_a_file_without_any_known_word_is_answered_row_by_row(seodang: Seodang) -> None:
    Path("new.txt").write_text("zzz\n", encoding="utf-8")
    outcome = seodang("predict", "kept", "--file", "new.txt", "--json")
    assert (outcome.code, len(outcome.out.splitlines())) == (2, 1)
    assert outcome.err.startswith("seodang: new.txt, line 1: none of its words is known to the model")


def test_a_file_of_one_class_is_evaluated_with_a_note(seodang: Seodang) -> None:
    Path("one.csv").write_text("text,label\nlovely film,good\nwarm story,good\n", encoding="utf-8")
    outcome = seodang("evaluate", "kept", "one.csv", "--json")
    assert (outcome.code, outcome.err) == (0, "")
    found = json.loads(outcome.out)
    assert found["rows"] == 2 and found["measures"]["roc_auc"]["value"] is None
    assert "No text here is of bad, so there is no area under the ROC curve." in found["notes"]
    assert "All texts here are of good" in seodang("evaluate", "kept", "one.csv").out


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-20] ^= 255
    path.write_bytes(bytes(data))


def of_another_family(path: Path) -> None:
    write_checkpoint(path, {"modules/generator/weight": torch.zeros(3)}, {"stage": "train"})


CHECKPOINTS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "damaged": (damage, r"kept/checkpoints/train-best\.safetensors: the checkpoint is damaged"),
    "cut short": (
        lambda path: path.write_bytes(path.read_bytes()[:100]),
        r"train-best\.safetensors: not a readable checkpoint",
    ),
    "another family's": (of_another_family, r"kept: The checkpoint is of another model: modules/network/\S+ is absent"),
}


def test_deleted_checkpoints_of_a_finished_run_are_not_to_be_resumed(seodang: Seodang) -> None:
    shutil.rmtree("kept/checkpoints")
    refused(
        seodang("predict", "kept", "film"),
        r"kept: stage train has no checkpoint in kept/checkpoints, though the run is finished; bring the files back, or train "
        r"again with `seodang train text --settings kept`\.",
    )


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_checkpoints_that_are_not_the_runs(seodang: Seodang, name: str) -> None:
    change, message = CHECKPOINTS[name]
    for path in Path("kept/checkpoints").iterdir():
        change(path)
    refused(seodang("predict", "kept", "film"), message)


RECORDS: dict[str, tuple[str, Callable[[dict[str, Any]], Any], str]] = {
    "another family's run": ("settings.json", lambda v: v.update(family="speech"), r"No family 'speech'"),
    "a newer version's run": ("settings.json", lambda v: v.update(format=99), r"kept: written by another version of Seodang"),
    "no family": ("settings.json", lambda v: v.pop("family"), r"kept/settings\.json: 'family' is missing"),
    "no settings": ("settings.json", lambda v: v.pop("resolved"), r"kept/settings\.json: 'resolved' is missing"),
    "a lost setting": ("settings.json", lambda v: v["resolved"].pop("dropout"), r"the setting 'dropout' is missing"),
    "a changed setting": ("settings.json", lambda v: v["resolved"].update(dropout=7), r"kept/settings\.json: dropout must be"),
    "another size": (
        "settings.json",
        lambda v: v["resolved"].update(embedding_dim=3),
        r"kept: The checkpoint is of another model",
    ),
    "another model": ("settings.json", lambda v: v["resolved"].update(model="best"), r"kept: stage ngrams has no checkpoint"),
    "another vocabulary": (
        "preprocessing.json",
        lambda v: v.update(vocabulary={}),
        r"kept: preprocessing\.json: not a vocabulary",
    ),
    "no vocabulary": (
        "preprocessing.json",
        lambda v: v.pop("vocabulary"),
        r"kept: preprocessing\.json: 'vocabulary' is missing; bring the original file back\.",
    ),
    "no labels": (
        "preprocessing.json",
        lambda v: v.pop("labels"),
        r"kept: preprocessing\.json: 'labels' is missing; bring the original file back\.",
    ),
    "labels of another kind": (
        "preprocessing.json",
        lambda v: v.update(labels="good"),
        r"kept: preprocessing\.json: 'labels' must be a list of texts, got 'good'; bring the original back\.",
    ),
}


@pytest.mark.parametrize("name", RECORDS)
def test_run_folders_that_were_changed(seodang: Seodang, name: str) -> None:
    file, change, message = RECORDS[name]
    path = Path("kept") / file
    record = json.loads(path.read_text(encoding="utf-8"))
    change(record)
    path.write_text(json.dumps(record), encoding="utf-8")
    refused(seodang("predict", "kept", "film"), message)


def test_changed_data_is_not_resumed(seodang: Seodang, tmp_path: Path) -> None:
    calls = iter((False, True))
    run = sentences.train(
        "reviews.csv", tmp_path / "cut", model="dnn", should_stop=lambda: next(calls, True), **{**sentences.TINY, "epochs": 2}
    )
    Path("reviews.csv").write_text(GOOD.replace(ROWS[7], "another text,good"), encoding="utf-8")
    refused(
        seodang("resume", str(run.path)), r"reviews\.csv has changed since .* began; train anew, or bring the old data back"
    )
    refused(seodang("predict", str(run.path), "film"), r"is unfinished; go on with `seodang resume")
    Path("reviews.csv").write_text(GOOD, encoding="utf-8")
    (run.path / "preprocessing.json").write_text("{}", encoding="utf-8")
    refused(
        seodang("resume", str(run.path), "--quiet"),
        r"preprocessing\.json: 'vocabulary' is missing; bring the original file back",
    )


def test_check_lists_all_problems_of_a_messy_file_at_once(seodang: Seodang) -> None:
    rows = ["text,label", *ROWS[:60], ",good", "film,", "a,b,c", "<br>film,Good"]
    Path("messy.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    outcome = seodang("check", "text", "messy.csv")
    assert outcome.code == 2 and outcome.err == ""
    lines = outcome.out.splitlines()
    errors = [line for line in lines if line.startswith("error: messy.csv, row ")]
    assert [re.search(r"row (\d+)", line)[1] for line in errors] == ["64", "62", "63"]  # type: ignore[index]
    assert any("one label in several spellings: 'Good', 'good'" in line for line in lines)
    assert (
        "note: messy.csv, row 65: HTML left in the text (1 text). Tags are left out and entities read as their signs; "
        "nothing to do." in lines
    )
    assert seodang("check", "text", "reviews.csv").code == 0


def test_morphemes_of_texts_that_are_not_korean_are_doubted(seodang: Seodang) -> None:
    pytest.importorskip("kiwipiepy")
    outcome = seodang("train", "text", "reviews.csv", "--preset", "smoke", "--epochs", "1", "--tokens", "morphemes")
    assert outcome.code == 0
    assert (
        "--tokens morphemes: as asked, but words are separated by spaces; morphemes are for Korean, here words would fit"
        in outcome.err.splitlines()
    )


def test_a_process_of_its_own_says_the_same(tmp_path: Path) -> None:
    """The same door as a real process: nothing but the line, no traceback, no warning, nothing left behind."""
    (tmp_path / "holes.csv").write_text(with_row("film,"), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "seodang", "train", "text", "holes.csv", "--preset", "smoke"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr == (
        "seodang: holes.csv, row 6: label is empty; remove the row or pass --skip-bad-rows (the only such row)\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["holes.csv"]
