"""Whatever is wrong with a text or with what is asked is said in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from small_networks import SAMPLE

import seodang
from seodang.core.errors import DataError, RunError, SettingsError
from seodang.core.values import Refused, Text
from seodang.families.language.family import FAMILY
from seodang.families.language.settings import smoke


def train(content: str | bytes, folder: Path, name: str = "text.txt", **settings: Any) -> seodang.Run:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return seodang.train("language", path, runs=folder / "runs", device="cpu", threads=1, **settings)


def test_a_text_shorter_than_a_chunk_of_each_stream(tmp_path: Path) -> None:
    wanted = (
        r"text\.txt: 88 tokens to learn from, but batch_size 4 streams of chunk_length 50 steps need 201; lower one of the two"
    )
    with pytest.raises(DataError, match=wanted):
        train("abcde" * 20, tmp_path, batch_size=4, chunk_length=50)


@pytest.mark.parametrize("text", ["short", "   \n  tiny  \n"])
def test_a_text_too_short_to_hold_some_out(text: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"text\.txt: \d characters; a language model needs 20 at least .* or text to learn"):
        train(text, tmp_path)


def test_an_empty_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"text\.txt is empty"):
        train("", tmp_path)


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n" + bytes(100), b"\xff\xfe\xfa" * 40, b"abc\x00def" * 20])
def test_a_binary_file(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"text\.txt.*(UTF-8|NUL|image|not a)"):
        train(content, tmp_path)


def test_words_of_a_text_of_one_word(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"text\.txt: the training text holds only one word, 'word', again and again"):
        train("word " * 100, tmp_path, tokens="words")


@pytest.mark.parametrize("kind", ["characters", "bytes"])
def test_a_text_of_one_letter(kind: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds only one (character|byte)"):
        train("a" * 100, tmp_path, tokens=kind)


@pytest.mark.parametrize("text", ["", "aaa"])
def test_a_text_of_ones_own_with_nothing_to_tell_apart(text: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"text must have two different characters at least, got '{text}'"):
        seodang.train("language", text=text, runs=tmp_path)
    (finding,) = seodang.check("language", text=text)
    assert finding.severity == "error" and "two different characters" in finding.what


def test_a_source_and_a_text_of_ones_own(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="text brings the data itself"):
        train("abc" * 30, tmp_path, text="hello")


def test_tied_weights_of_other_sizes(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"tie_weights needs embedding_dim and hidden_size to be equal, got 8 and 16\."):
        train("abcde fgh" * 50, tmp_path, tie_weights=True, embedding_dim=8, hidden_size=16)


def test_a_vocabulary_size_for_tokens_that_are_no_words(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="vocabulary_size is read only when tokens is words, but tokens is characters"):
        train("abcde fgh" * 50, tmp_path, vocabulary_size=50)


def test_a_setting_that_the_cell_does_not_read(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="weight_dropout"):
        train("abcde fgh" * 50, tmp_path, model="minlstm", weight_dropout=0.1)


def test_what_check_tells(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("tiny", encoding="utf-8")
    assert seodang.check("language", path)[0].severity == "error"
    path.write_text("a few words é\n" * 3 + "§", encoding="utf-8")
    findings = seodang.check("language", path)
    assert [finding.severity for finding in findings] == ["warning", "note"]
    assert "know them by heart" in findings[0].what and findings[1].what.endswith("once or twice: §")
    assert seodang.check("language", tmp_path / "gone.txt")[0].severity == "error"
    (note,) = seodang.check("language", text="hello")
    assert note.severity == "note" and "nothing is held out" in note.what


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> seodang.Run:
    folder = tmp_path_factory.mktemp("bad")
    return seodang.train("language", SAMPLE(folder), runs=folder / "runs", device="cpu", threads=1, **smoke())


def test_predictions_of_what_was_never_seen_say_which(run: seodang.Run) -> None:
    refused = FAMILY.predict(run.predictor, [Text("the QZ"), Text("")])
    assert refused == [Refused("characters never seen in training: 'Q', 'Z'"), Refused("text is empty")]
    with pytest.raises(DataError, match="characters never seen in training: 'Q'"):
        run.predict("Q")


def test_a_prompt_of_unseen_characters_says_which(run: seodang.Run) -> None:
    with pytest.raises(DataError, match=r"prompt: characters never seen in training: '한', '글'; leave them out"):
        run.generate(prompt="the 한글")


@pytest.mark.parametrize(
    ("option", "value", "wanted"),
    [
        ("temperature", -1.0, "temperature must be between 0 and 100, got -1.0"),
        ("top_p", 0.0, "top_p must be above 0"),
        ("top_k", 0, "top_k must be at least 1, got 0"),
        ("length", 0, "length must be between 1 and"),
        ("lenght", 5, "Did you mean length"),
    ],
)
def test_options_out_of_bounds(run: seodang.Run, option: str, value: Any, wanted: str) -> None:
    with pytest.raises(SettingsError, match=wanted):
        run.generate(**{option: value})


def test_nothing_was_exported(run: seodang.Run) -> None:
    with pytest.raises(RunError, match="no exported model; write one with `seodang export"):
        seodang.load(run.path, engine="onnx").predict("the")
