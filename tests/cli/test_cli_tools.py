"""What a family does without a run: its tools, their pictures, questions and refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import seodang as package
from command_line import Seodang
from seodang.core.errors import SettingsError
from seodang.data.images import read_image

ALLOWED = ("--permission", "Ana")


def test_help_lists_the_family_its_tools_and_their_options(seodang: Seodang) -> None:
    assert "without training: mark" in " ".join(seodang("--help").out.split())
    assert "mark: put a box into each file" in " ".join(seodang("toy", "--help").out.split())
    text = " ".join(seodang("toy", "mark", "--help").out.split())
    assert "usage: seodang toy mark FILE ... [options]" in text
    assert "--permission TEXT who allows it" in text and "--out PATH PNG file of what was marked" in text


def test_values_are_lines_for_people_or_objects(seodang: Seodang) -> None:
    outcome = seodang("toy", "mark", "a.jpg", *ALLOWED)
    assert outcome.out.splitlines() == [
        "a.jpg: 6 x 4 pixels, 1 found",
        "  Ana  probability 0.750  x 1 to 3, y 1 to 2, score 0.500",
    ]
    assert outcome.err == "softly\n"
    (said,) = map(json.loads, seodang("toy", "mark", "a.jpg", *ALLOWED, "--json").out.splitlines())
    box = {"box": [1.0, 1.0, 3.0, 2.0], "score": 0.5, "landmarks": [], "label": "Ana", "probability": 0.75}
    assert said == {"file": "a.jpg", "width": 6, "height": 4, "found": [box], "note": "softly"}


def test_pictures_go_into_a_file_or_a_folder(seodang: Seodang) -> None:
    assert "drawn: one.png" in seodang("toy", "mark", "a.jpg", *ALLOWED, "--out", "one.png").out
    assert read_image(Path("one.png")).shape == (4, 6, 3)
    assert seodang("toy", "mark", "a.jpg", "deep/a.jpg", "b.jpg", *ALLOWED, "--out", "many").code == 0
    assert sorted(path.name for path in Path("many").iterdir()) == ["a-2.png", "a.png", "b.png"]


def test_pictures_of_several_never_go_where_photos_lie(seodang: Seodang) -> None:
    """album/a.jpg drawn as album/a.png would take the place of another photo."""
    Path("album").mkdir()
    for name in ("a.jpg", "a.png"):
        Path("album", name).write_bytes(b"mine")
    both = ("album/a.jpg", "album/a.png")
    for words, out in ((("album",), "album"), (both, "album"), (("album",), "album/drawn")):
        outcome = seodang("toy", "mark", *words, *ALLOWED, "--out", out)
        assert outcome.code == 2 and "the photos themselves lie in" in outcome.err
    assert [Path(photo).read_bytes() for photo in both] == [b"mine"] * 2
    assert seodang("toy", "mark", *both, *ALLOWED, "--out", "drawn").code == 0


def test_what_gets_no_answer_is_told_after_the_others(seodang: Seodang) -> None:
    outcome = seodang("toy", "mark", "bad1.jpg", "a.jpg", "bad2.jpg", *ALLOWED)
    assert outcome.code == 2 and outcome.out.startswith("a.jpg: 6 x 4")
    assert outcome.err.splitlines()[-1] == "seodang: bad1.jpg: is damaged; and 1 more got no answer (bad2.jpg)."
    lines = [json.loads(line) for line in seodang("toy", "mark", "bad1.jpg", "a.jpg", *ALLOWED, "--json").out.splitlines()]
    assert lines[0] == {"error": "bad1.jpg is damaged", "file": "bad1.jpg"} and lines[1]["file"] == "a.jpg"


def test_a_person_at_a_terminal_is_asked_and_nobody_else(seodang: Seodang, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "--permission is missing." in seodang("toy", "mark", "a.jpg").err
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda prompt: " Bo ")
    outcome = seodang("toy", "mark", "a.jpg")
    assert outcome.err.splitlines()[0] == "Who allows it?" and "  Bo  probability" in outcome.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["toy"], "TOOL is missing"),
        (["toy", "marc"], "No tool 'marc' of toy. Did you mean mark?"),
        (["toy", "mark", "a.jpg", "--permision", "x"], "Did you mean --permission?"),
        (["toy", "mark", "a.jpg", *ALLOWED, "--out", "a.gif"], "--out must end in .png, got a.gif."),
        (["toy", "mark", "a.jpg", *ALLOWED, "--out", "gone/a.png"], "--out: there is no folder gone; make it first."),
        (["toy", "mark", "a.jpg", "b.jpg", *ALLOWED, "--out", "a.png"], "--out must be a folder, as there are several photos"),
        (["toy", "mark", "a.png", *ALLOWED, "--out", "a.png"], "a.png is the photo itself; choose another place."),
    ],
)
def test_wrong_words_are_refused_in_one_line(seodang: Seodang, words: list[str], message: str) -> None:
    outcome = seodang(*words)
    assert outcome.code == 2 and message in outcome.err


def test_python_gives_values_and_refuses_what_is_no_text(seodang: Seodang) -> None:
    (found,) = package.use("toy", "mark", Path("a.jpg"), permission="Ana")
    assert found.found[0].label == "Ana"
    with pytest.raises(SettingsError, match="mark works on texts and paths, got int"):
        package.use("toy", "mark", 3, permission="Ana")  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match=r"No setting permision\. Did you mean permission\?"):
        package.use("toy", "mark", "a.jpg", permision="Ana")
