"""Flags read off the settings: every kind of leaf, bounds, help, and what is wrong said in one line."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from toy import ToySettings

from command_line import Seodang
from seodang.cli.flags import Parser, add_settings, given, help_text, merged
from seodang.core.errors import SeodangError

LEAVES = ToySettings.leaves()


def parse(*words: str) -> dict[str, Any]:
    parser = Parser(prog="seodang train toy")
    add_settings(parser, LEAVES)
    args, unknown = parser.parse_known_args(words)
    if unknown:
        parser.refuse(unknown)
    return given(args, LEAVES)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], {}),
        (["--depth", "3"], {"depth": 3}),
        (["--depth=3"], {"depth": 3}),
        (["--learning-rate", "1e-3"], {"learning_rate": 0.001}),
        (["--learning-rate", "none"], {"learning_rate": None}),
        (["--cut", "None"], {"cut": None}),
        (["--skip-bad-rows"], {"skip_bad_rows": True}),
        (["--no-skip-bad-rows"], {"skip_bad_rows": False}),
        (["--variant", "deep"], {"variant": "deep"}),
        (["--column", "Überschrift 1"], {"column": "Überschrift 1"}),
        (["--sizes", "3", "4", "5"], {"sizes": (3, 4, 5)}),
        (["--sizes", "7"], {"sizes": (7,)}),
        (["--depth", "2", "--depth", "5"], {"depth": 5}),
    ],
)
def test_each_kind_of_setting_is_read(words: list[str], expected: dict[str, Any]) -> None:
    flat = parse(*words)
    assert flat == expected
    ToySettings.from_flat(flat)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--depth", "9"], "--depth must be between 1 and 6, got 9."),
        (["--depth", "-1"], "--depth must be between 1 and 6, got -1."),
        (["--depth", "two"], "--depth must be a whole number between 1 and 6, got 'two'."),
        (["--depth", "2.5"], "--depth must be a whole number between 1 and 6, got '2.5'."),
        (["--rate", "nan"], "--rate must be above 0, got nan."),
        (["--variant", "dep"], "--variant must be one of wide or deep, got 'dep'. Did you mean deep?"),
        (["--variant", "deep", "--width", "9"], "--width is read only when --variant is wide, but --variant is deep"),
        (["--depht", "3"], "No setting --depht. Did you mean --depth?"),
        (["--dept", "3"], "No setting --dept. Did you mean --depth?"),  # no abbreviations: --dep could become ambiguous later
        (["--devise", "cpu"], "No setting --devise. Did you mean --device?"),
        (["--zzz"], "No setting --zzz. See seodang train toy --help."),
        (["--depth"], "--depth needs one value."),
        (["--sizes"], "--sizes needs at least one value."),
        (["--threads", "0"], "--threads must be a whole number of at least 1, got '0'."),
        (["--checkpoint-seconds", "soon"], "--checkpoint-seconds must be a number of at least 0, got 'soon'."),
        (["--preset", "huge"], "--preset must be one of smoke, got 'huge'."),
        (["more.txt"], "Unexpected argument 'more.txt'"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(seodang: Seodang, words: list[str], message: str) -> None:
    outcome = seodang("train", "toy", "rows.txt", *words)
    assert outcome.code == 2
    assert outcome.err.startswith(f"seodang: {message}")
    assert outcome.err.count("\n") == 1
    assert outcome.out == ""


def test_nothing_is_written_when_a_setting_is_wrong(seodang: Seodang, tmp_path: Any) -> None:
    seodang("train", "toy", "rows.txt", "--depth", "9")
    assert [path.name for path in tmp_path.iterdir()] == ["rows.txt"]


def test_help_shows_description_choices_default_and_bounds() -> None:
    texts = {leaf.name: help_text(leaf) for leaf in LEAVES}
    assert texts["depth"] == "layers; 100 %% of them dense (default 2; between 1 and 6)"
    assert texts["rate"] == "how fast (default: derived; above 0)"
    assert texts["cut"] == "where to cut (default 1.5, or none)"
    assert texts["variant"] == "which model (one of wide, deep; default wide)"
    assert texts["width"] == "units (default 8; at least 1; for --variant wide)"
    assert texts["sizes"] == "sizes of filters (default 3 4)"
    assert texts["skip_bad_rows"] == "leave out bad rows (default off)"
    assert texts["column"] == "column to read; else the first"


def test_help_of_a_family_has_every_setting_under_its_group(seodang: Seodang) -> None:
    text = seodang("train", "toy", "--help").out
    for leaf in LEAVES:
        assert re.search(rf"^  --{leaf.name.replace('_', '-')}\b", text, re.MULTILINE), leaf.name
    assert "Data: what is read:" in text
    assert "layers; 100 % of them dense (default 2; between 1 and 6)" in text
    assert "smoke" in text  # the preset
    assert max(map(len, text.splitlines())) <= 100


def test_check_takes_the_settings_of_the_data_only(seodang: Seodang) -> None:
    text = seodang("check", "toy", "--help").out
    assert "--skip-bad-rows" in text
    assert "--depth" not in text


def test_flags_go_before_a_preset_and_choose_another_variant() -> None:
    base = {"depth": 1, "width": 5}
    assert merged(base, {"depth": 4}, LEAVES) == {"depth": 4, "width": 5}
    assert merged(base, {"variant": "deep"}, LEAVES) == {"depth": 1, "variant": "deep"}
    assert merged(base, {"variant": "deep", "width": 3}, LEAVES) == {"depth": 1, "variant": "deep", "width": 3}  # refused later


def test_a_missing_argument_is_named() -> None:
    parser = Parser(prog="seodang evaluate")
    parser.add_argument("run", metavar="RUN")
    with pytest.raises(SeodangError, match=r"^RUN is missing; see seodang evaluate --help\.$"):
        parser.parse_args([])


@pytest.mark.parametrize(
    "words",
    [
        ("--depth", "3", "toy", "rows.txt", "--quiet"),
        ("toy", "--depth", "3", "--quiet", "rows.txt"),
        ("toy", "rows.txt", "--quiet", "--depth", "3"),
    ],
)
def test_words_may_stand_before_and_behind_flags(seodang: Seodang, words: tuple[str, ...]) -> None:
    assert seodang("train", *words).code == 0
    record = json.loads(Path("runs/toy-1/settings.json").read_text())
    assert record["given"] == {"depth": 3}
    assert record["source"].endswith("rows.txt")
