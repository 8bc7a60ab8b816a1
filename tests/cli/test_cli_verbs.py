"""The verbs that a family has of its own, and data that come with the settings."""

from __future__ import annotations

import json

import pytest

import seodang as package
from command_line import Seodang
from seodang.core.errors import SettingsError


@pytest.fixture
def trained(seodang: Seodang) -> Seodang:
    assert seodang("train", "toy", "rows.txt", "--quiet").code == 0
    return seodang


def test_help_lists_the_verb_and_its_options_with_bounds(seodang: Seodang) -> None:
    assert "say-hello" in seodang("--help").out
    text = " ".join(seodang("say-hello", "--help").out.split())
    assert "--times N how often (default 1; between 1 and 3)" in text
    assert "who is greeted" in text


def test_values_stand_on_stdout_and_notes_on_stderr(trained: Seodang) -> None:
    outcome = trained("say-hello", "runs/toy-1", "Ana", "Bo", "--times", "2")
    assert [line.split() for line in outcome.out.splitlines()] == [
        ["name", "greeting"],
        ["Ana", "hello", "hello"],
        ["Bo", "hello", "hello"],
        ["100", "rows"],
    ]
    assert outcome.err == "politely\n"


def test_pieces_join_into_a_line_and_the_text_they_make_up_is_not_said_again(trained: Seodang) -> None:
    assert trained("spell", "runs/toy-1", "--word", "abc").out == "abc\n"
    lines = [json.loads(line) for line in trained("spell", "runs/toy-1", "--json").out.splitlines()]
    assert lines == [{"piece": "t"}, {"piece": "o"}, {"piece": "y"}, {"text": "done"}]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["say-hello", "runs/toy-1", "--times", "9"], "--times must be between 1 and 3, got 9."),
        (["say-hello", "runs/toy-1", "--tmes", "1"], "Did you mean --times?"),
        (["say-helo", "runs/toy-1"], "Did you mean say-hello?"),
        (["spell", "runs/toy-1", "abc"], "Unexpected argument 'abc'"),
        (["spell", "runs/toy-9"], "runs/toy-9"),
    ],
)
def test_wrong_words_are_refused_in_one_line(trained: Seodang, words: list[str], message: str) -> None:
    outcome = trained(*words)
    assert outcome.code == 2
    assert message in outcome.err
    assert outcome.err.count("\n") == 1


def test_in_python_a_verb_is_a_method(trained: Seodang) -> None:
    run = package.load("runs/toy-1")
    table, text = run.say_hello("Ana", times=3)
    assert table.rows == (("Ana", "hello hello hello "),)
    assert text.text == "100 rows"
    with pytest.raises(SettingsError, match="No verb 'sing' for a run of family toy, which has only say-hello or spell"):
        run.perform("sing")
    with pytest.raises(SettingsError, match="spell takes no words, got 'abc'"):
        run.spell("abc")
    with pytest.raises(AttributeError, match="has no 'sing'"):
        _ = run.sing


def test_a_setting_may_bring_the_data(seodang: Seodang) -> None:
    assert seodang("train", "toy", "--rows-given", "a,b,c,d", "--quiet").code == 0
    assert seodang("check", "toy", "--rows-given", "a,b").out.startswith("info")
    assert seodang("evaluate", "runs/toy-1").code == 0
    both = seodang("train", "toy", "rows.txt", "--rows-given", "a,b,c,d")
    assert (both.code, both.err) == (
        2,
        "seodang: --rows-given brings the data itself; leave it out, or leave out rows.txt.\n",
    )
    neither = seodang("train", "toy")
    assert "SOURCE is missing" in neither.err and "--rows-given" in neither.err
