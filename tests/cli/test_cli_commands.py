"""The commands, from training to export: what stands on stdout and stderr, and the exit codes."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from command_line import Seodang
from seodang.core.errors import DivergedError, MachineError

SMOKE = ("--preset", "smoke")


class Pipe(io.TextIOWrapper):
    """Standard input that is a pipe or a terminal."""

    def __init__(self, content: bytes, terminal: bool = False) -> None:
        super().__init__(io.BytesIO(content), encoding="utf-8")
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


def test_train_tells_run_device_data_and_reasons_and_prints_measures(seodang: Seodang) -> None:
    outcome = seodang("train", "toy", "rows.txt")
    assert outcome.code == 0
    told = outcome.err.splitlines()
    assert told[0] == "run: runs/toy-1"
    assert told[1].startswith("device: ")
    assert "rows: train 100" in told
    assert "classes: bad, good" in told
    assert "--rate 0.1: fits 100 rows" in told
    assert any("epoch 2 of 2" in line and "accuracy 0.7500" in line for line in told)
    assert "  seodang explain runs/toy-1" in told
    lines = [line.rstrip() for line in outcome.out.splitlines()]
    assert lines[0] == "held-out, 1,234 rows"
    assert lines[1].split() == ["measure", "value", "95", "%", "interval", "counting"]
    assert lines[2].split() == ["accuracy", "0.8750", "0.8500", "to", "0.9000", "0.8125"]
    assert lines[4].split() == ["roc", "auc", "-", "-"]


def test_evaluate_reads_another_file_as_its_flags_say(seodang: Seodang) -> None:
    seodang("train", "toy", "rows.txt", "--quiet")
    assert seodang("evaluate", "runs/toy-1", "rows.txt").out.startswith("rows.txt, 1,234 rows\n")
    assert seodang("evaluate", "runs/toy-1", "rows.txt", "--column", "second").out.startswith("rows.txt, second, 1,234 rows\n")


def test_quiet_prints_the_final_result_only(seodang: Seodang) -> None:
    outcome = seodang("train", "toy", "rows.txt", "--quiet")
    assert outcome.out == "runs/toy-1: accuracy 0.8750 (0.8500 to 0.9000), counting 0.8125\n"
    assert outcome.err == ""


def test_json_prints_one_object_an_event_and_nothing_else(seodang: Seodang) -> None:
    outcome = seodang("train", "toy", "rows.txt", "--json")
    assert outcome.err == ""
    events = [json.loads(line) for line in outcome.out.splitlines()]
    assert events[0]["event"] == "began"
    assert events[0]["path"] == "runs/toy-1"
    assert events[0]["device"]["type"]
    assert {"started", "stepped", "evaluated", "saved", "finished"} <= {event["event"] for event in events}
    assert events[-1]["event"] == "ended"
    assert events[-1]["evaluation"]["measures"]["accuracy"] == {"value": 0.875, "low": 0.85, "high": 0.9}


def test_flags_and_presets_reach_the_run(seodang: Seodang) -> None:
    assert seodang("train", "toy", "rows.txt", *SMOKE, "--depth", "3", "--sizes", "5", "6", "--quiet").code == 0
    given = json.loads(Path("runs/toy-1/settings.json").read_text())["given"]
    assert given == {"depth": 3, "width": 5, "epochs": 1, "sizes": [5, 6]}


@pytest.mark.parametrize("path", ["runs/toy-1/settings.json", "runs/toy-1"])
def test_settings_repeat_a_run_and_flags_go_before_them(seodang: Seodang, path: str) -> None:
    seodang("train", "toy", "rows.txt", *SMOKE, "--sizes", "5", "--quiet")
    assert seodang("train", "toy", "--settings", path, "--depth", "4", "--quiet").code == 0
    first, second = (json.loads(Path(f"runs/toy-{n}/settings.json").read_text()) for n in (1, 2))
    assert second["given"] == {**first["given"], "depth": 4}
    assert second["source"] == first["source"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file or directory"),
        ("{", "not the settings.json of a run"),
        ("[]", "not the settings.json of a run"),
        ('{"family": "text", "source": "x", "given": {}}', "a run of family text, not toy"),
    ],
)
def test_settings_of_something_else_are_refused(seodang: Seodang, content: str | None, message: str) -> None:
    if content is not None:
        Path("other.json").write_text(content)
    outcome = seodang("train", "toy", "rows.txt", "--settings", "other.json")
    assert outcome.code == 2
    assert message in outcome.err
    assert "other.json" in outcome.err


def test_settings_say_what_is_read_of_them(seodang: Seodang) -> None:
    seodang("train", "toy", "rows.txt", *SMOKE, "--quiet")
    told = seodang("train", "toy", "--settings", "runs/toy-1").err.splitlines()
    assert told[0] == "settings: what stands under 'given' in runs/toy-1; all others are chosen anew"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("epochs", 7, "--epochs is 7 under 'resolved', which is not read, and 1 by 'given' or by default; "),
        (
            "variant",
            "deep",
            "--variant is \"deep\" under 'resolved', which is not read, and \"wide\" by 'given' or by default; ",
        ),
        ("sizes", [9], "--sizes is [9] under 'resolved', which is not read, and [3, 4] by 'given' or by default; "),
    ],
)
def test_an_edit_that_would_not_be_read_is_refused(seodang: Seodang, name: str, value: Any, message: str) -> None:
    seodang("train", "toy", "rows.txt", *SMOKE, "--learning-rate", "1", "--quiet")
    path = Path("runs/toy-1/settings.json")
    record = json.loads(path.read_text())
    record["resolved"][name] = value
    path.write_text(json.dumps(record))
    outcome = seodang("train", "toy", "--settings", "runs/toy-1")
    assert outcome.code == 2
    flag = f"--{name}"
    assert outcome.err == f"seodang: --settings runs/toy-1: {message}write it under 'given', or give {flag} as a flag.\n"
    words = [str(one) for one in value] if isinstance(value, list) else [str(value)]
    flags = [*SMOKE, "--settings", "runs/toy-1", flag, *words]
    assert seodang("train", "toy", *flags, "--quiet").code == 0
    record["given"][name] = value
    path.write_text(json.dumps(record))
    if name != "variant":  # the other variant does not read the preset's width
        assert seodang("train", "toy", "--settings", "runs/toy-1", "--quiet").code == 0


@pytest.mark.parametrize(
    "words",
    [
        ["--settings", "runs/toy-1"],
        ["--settings=runs/toy-1", "rows.txt"],
        ["--settings", "runs/toy-1/settings.json", "--epochs", "1"],
        ["--quiet", "--settings", "runs/toy-1", "--depth", "3"],
    ],
)
def test_settings_without_a_family_name_the_family(seodang: Seodang, words: list[str]) -> None:
    seodang("train", "toy", "rows.txt", *SMOKE, "--quiet")
    outcome = seodang("train", *words)
    path = next(word for word in " ".join(words).replace("=", " ").split() if word.startswith("runs/"))
    assert (outcome.code, outcome.err) == (2, f"seodang: FAMILY is missing: write `seodang train toy --settings {path}`.\n")


def test_evaluate_prints_measures_tables_and_notes_as_they_are(seodang: Seodang) -> None:
    seodang("train", "toy", "rows.txt", *SMOKE, "--quiet")
    text = seodang("evaluate", "runs/toy-1").out
    assert "0.8500 to 0.9000" in text
    assert "bad [1]" in text  # no markup is read into a label
    assert "좋음" in text
    assert "Few rows." in text
    found = json.loads(seodang("evaluate", "runs/toy-1", "rows.txt", "--json").out)
    assert found["source"] == "rows.txt"
    assert found["measures"]["accuracy"]["value"] == 0.875


def test_predict_takes_texts_a_file_or_a_pipe(seodang: Seodang, monkeypatch: pytest.MonkeyPatch) -> None:
    seodang("train", "toy", "rows.txt", *SMOKE, "--quiet")
    assert (
        seodang("predict", "runs/toy-1", "a [b] :smile:", "hi").out
        == "good\t0.7500\ta [b] :smile:\ngood\t0.7500\thi  [short]\n"
    )
    rows = seodang("predict", "runs/toy-1", "--file", "rows.txt", "--json").out.splitlines()
    assert len(rows) == 100
    assert json.loads(rows[0]) == {"label": "good", "probabilities": {"bad": 0.25, "good": 0.75}}
    monkeypatch.setattr(sys, "stdin", Pipe("영화\n정말 좋다\n".encode()))
    assert len(seodang("predict", "runs/toy-1", "--json").out.splitlines()) == 2


def test_rows_without_a_prediction_are_marked_and_told_at_the_end(seodang: Seodang, monkeypatch: pytest.MonkeyPatch) -> None:
    seodang("train", "toy", "rows.txt", *SMOKE, "--quiet")
    monkeypatch.setattr(sys, "stdin", Pipe(b"fine\n\nwell\n"))
    outcome = seodang("predict", "runs/toy-1")
    assert outcome.code == 2
    assert outcome.out == "good\t0.7500\tfine\n-\t-\t  [no prediction: text is empty]\ngood\t0.7500\twell\n"
    assert outcome.err == (
        "seodang: standard input, line 2: text is empty (no prediction for 1 of 3 rows: standard input, line 2).\n"
    )
    Path("holes.txt").write_text("one\n" + "\n" * 7 + "two\n")
    outcome = seodang("predict", "runs/toy-1", "--file", "holes.txt", "--json")
    assert [sorted(json.loads(line)) for line in outcome.out.splitlines()][:2] == [["label", "probabilities"], ["error"]]
    assert json.loads(outcome.out.splitlines()[1]) == {"error": "text is empty"}
    assert outcome.err.endswith(
        "(no prediction for 7 of 9 rows: " + "; ".join(f"holes.txt, line {n}" for n in range(2, 7)) + "; ...).\n"
    )


def test_a_text_of_the_command_line_without_a_prediction_is_refused(seodang: Seodang) -> None:
    seodang("train", "toy", "rows.txt", *SMOKE, "--quiet")
    outcome = seodang("predict", "runs/toy-1", "fine", "")
    assert (outcome.code, outcome.out, outcome.err) == (2, "", "seodang: text 2 of 2: text is empty.\n")


@pytest.mark.parametrize(
    ("stdin", "message"),
    [
        (Pipe(b"", terminal=True), "Nothing to predict"),
        (Pipe(b""), "standard input: empty"),
        (Pipe(b"fine\n\xff\xfe\n"), "standard input, line 2: not UTF-8"),
    ],
)
def test_predict_without_anything_usable_says_so(
    seodang: Seodang, monkeypatch: pytest.MonkeyPatch, stdin: Pipe, message: str
) -> None:
    seodang("train", "toy", "rows.txt", *SMOKE, "--quiet")
    monkeypatch.setattr(sys, "stdin", stdin)
    outcome = seodang("predict", "runs/toy-1")
    assert outcome.code == 2
    assert message in outcome.err


def test_explain_and_export_print_where_the_result_is(seodang: Seodang) -> None:
    seodang("train", "toy", "rows.txt", *SMOKE, "--quiet")
    assert seodang("explain", "runs/toy-1").out == "runs/toy-1/report/index.html\n"
    assert seodang("export", "runs/toy-1").out == "runs/toy-1/export/model.onnx\n"


def test_check_prints_all_findings_and_exits_2_on_an_error(seodang: Seodang) -> None:
    clean = seodang("check", "toy", "rows.txt")
    assert (clean.code, clean.out) == (0, "info: rows.txt: 100 rows.\n")
    Path("holes.txt").write_text("one\n\nthree\n\n")
    bad = seodang("check", "toy", "holes.txt")
    assert bad.code == 2
    assert bad.out.count("error: ") == 2
    assert "error: holes.txt, row 2: empty. Remove it." in bad.out
    assert bad.err == ""
    assert [json.loads(line)["severity"] for line in seodang("check", "toy", "holes.txt", "--json").out.splitlines()] == [
        "error",
        "error",
        "info",
    ]


def test_runs_lists_finished_unfinished_and_damaged_runs(seodang: Seodang) -> None:
    assert "No runs in runs/ yet" in seodang("runs").err
    for _ in range(3):
        seodang("train", "toy", "rows.txt", "--quiet")
    Path("runs/toy-2/evaluation.json").unlink()
    with Path("runs/toy-2/metrics.jsonl").open("a") as file:
        file.write('{"kind": "step", "epo')  # as a training that is writing right now leaves it
    Path("runs/toy-3/settings.json").write_text("{")
    first, second, third = (json.loads(line) for line in seodang("runs", "--json").out.splitlines())
    assert first["run"] == "runs/toy-1"
    assert first["source"] == "rows.txt"
    assert first["status"] == "finished"
    assert (first["measure"], first["value"], first["yardstick"]) == ("accuracy", 0.875, 0.8125)
    assert second["status"] == "unfinished, epoch 2 of 2"
    assert third["status"].startswith("damaged: ")
    table = seodang("runs").out.splitlines()
    assert table[0].split() == ["run", "source", "status", "measure", "value", "yardstick", "date"]
    assert table[1].split()[:6] == ["runs/toy-1", "rows.txt", "finished", "accuracy", "0.8750", "0.8125"]


def test_data_lists_the_named_sets(seodang: Seodang) -> None:
    rows = [json.loads(line) for line in seodang("data", "list", "--json").out.splitlines()]
    assert {"imdb", "rotten-tomatoes"} <= {row["name"] for row in rows}
    text = seodang("data", "list").out
    assert "rotten-tomatoes" in text
    assert [json.loads(line)["name"] for line in seodang("data", "list", "imdb", "--json").out.splitlines()] == ["imdb"]
    assert "rotten-tomatoes" not in seodang("data", "list", "imdb").out
    assert "licence" in text.splitlines()[0]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["data", "get"], "NAME is missing"),
        (["data", "get", "imbd"], "Did you mean imdb?"),
        (["data", "list", "imbd"], "Did you mean imdb?"),
        (["data", "fetch"], "ACTION must be list or get, got 'fetch'."),
        (["trian", "toy", "rows.txt"], "No command 'trian'. Did you mean train?"),
        (["train", "tyo", "rows.txt"], "No family 'tyo'. Did you mean toy?"),
        (["train", "tyo", "rows.txt", "--depth", "3"], "No family 'tyo'. Did you mean toy?"),
        (["train", "toy"], "SOURCE is missing"),
        (["train", "toy", "absent.txt"], "absent.txt: no such file."),
        (["train", "toy", "rows.txt", "--device", "tpu"], "--device must be auto, cpu, cuda or mps, got 'tpu'."),
        (["evaluate", "runs/toy-9"], "runs/toy-9: no such run folder"),
        (["explain", "."], ".: not a run folder"),
        (["resume", "runs/toy-9"], "runs/toy-9: no such run folder"),
        (["predict"], "RUN is missing"),
        (["predict", "runs/toy-1", "a text", "--file", "rows.txt"], "Give either texts or --file, not both."),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(seodang: Seodang, words: list[str], message: str) -> None:
    outcome = seodang(*words)
    assert outcome.code == 2
    assert outcome.err.startswith("seodang: ")
    assert message in outcome.err
    assert outcome.err.count("\n") == 1
    assert outcome.out == ""


def test_a_finished_run_is_not_resumed(seodang: Seodang) -> None:
    seodang("train", "toy", "rows.txt", *SMOKE, "--quiet")
    outcome = seodang("resume", "runs/toy-1")
    assert outcome.code == 2
    assert "finished" in outcome.err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MachineError("runs: the disk is full; free some space."), 3),
        (MemoryError(), 3),
        (DivergedError("Give a lower {learning_rate}.", settings=("learning_rate",)), 4),
        (KeyboardInterrupt(), 130),
    ],
)
def test_exit_codes_of_the_machine_divergence_and_interruption(
    seodang: Seodang, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
) -> None:
    def fail(*_: Any) -> Any:
        raise error

    monkeypatch.setattr("seodang.api.check", fail)
    outcome = seodang("check", "toy", "rows.txt")
    assert outcome.code == code
    assert outcome.err.count("\n") == 1
    assert "{" not in outcome.err


def test_the_memory_of_the_cpu_is_one_line_too(seodang: Seodang, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Any:
        return torch.empty(1 << 50)  # more than any machine has: PyTorch's own error

    monkeypatch.setattr("seodang.api.check", fail)
    outcome = seodang("check", "toy", "rows.txt")
    assert (outcome.code, outcome.out) == (3, "")
    assert outcome.err == "seodang: out of memory; give smaller batches or less data, or close other programs.\n"


def test_another_runtime_error_keeps_its_traceback(seodang: Seodang, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Any:
        raise RuntimeError("a shape of something")

    monkeypatch.setattr("seodang.api.check", fail)
    with pytest.raises(RuntimeError, match="a shape of something"):
        seodang("check", "toy", "rows.txt")


def test_the_unforeseen_keeps_its_traceback(seodang: Seodang, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr("seodang.api.check", fail)
    with pytest.raises(ZeroDivisionError):
        seodang("check", "toy", "rows.txt")
