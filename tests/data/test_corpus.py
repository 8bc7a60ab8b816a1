"""Running text from a file, a folder or a name, and what is refused."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from seodang.core.errors import DataError
from seodang.data.corpus import read_corpus


def test_a_file_is_read_as_it_stands_but_for_its_line_ends(tmp_path: Path) -> None:
    (tmp_path / "play.txt").write_bytes("one\r\n  two\rthree \n\n가나".encode())
    corpus = read_corpus(str(tmp_path / "play.txt"))
    assert corpus.text == "one\n  two\nthree \n\n가나"
    assert (corpus.source, corpus.licence, corpus.notes) == ("play.txt", "", ())


def test_a_file_may_have_any_suffix_and_be_compressed(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text("import this\n")
    (tmp_path / "play.txt.gz").write_bytes(gzip.compress(b"to be"))
    assert read_corpus(str(tmp_path / "code.py")).text == "import this\n"
    assert read_corpus(str(tmp_path / "play.txt.gz")).text == "to be"


def test_a_folder_is_joined_by_name_and_hidden_files_are_left_out(tmp_path: Path) -> None:
    for name, text in {"b.txt": "second\n\n", "a/x.md": "first", ".git/c.txt": "hidden", "d.csv": "table"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    corpus = read_corpus(str(tmp_path))
    assert corpus.text == "first\nsecond\n"
    left_out = f"2 other files in {tmp_path.name} left out: hidden, or no text by their name"
    assert corpus.notes == ("2 files joined, by name", left_out)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"a\.txt is empty: expected text, got 0 bytes"),
        (bytes(range(256)) * 40, r"a\.txt is not text: byte .* give a text file in UTF-8|NUL"),
        (bytes(b for b in range(1, 256)) * 40, r"a\.txt is not text: byte .* give a text file in UTF-8"),
        ("café naïve Größe, a règle".encode("latin-1"), "looks like CP1252"),
        ("서당 개 삼 년이면 풍월을 읊는다".encode("cp949"), "looks like CP949"),
        ("テストとカタカナ".encode("shift_jis"), "looks like SHIFT_JIS"),
        ("人之初性本善性相近習相遠".encode("gb18030"), "looks like GB18030"),
    ],
)
def test_what_is_no_utf8_text_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_corpus(str(tmp_path / "a.txt"))


def test_the_checksum_is_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "b.txt").write_text("x")
    (tmp_path / "c.txt").write_text("y")
    one, other, third = (read_corpus(str(tmp_path / f"{name}.txt")).checksum for name in "abc")
    assert one == other != third


def test_a_named_set_of_running_text(mirror: Path) -> None:
    corpus = read_corpus("tiny-shakespeare")
    assert len(corpus.text) == 1_115_394
    assert corpus.text.startswith("First Citizen:\nBefore we proceed any further, hear me speak.")
    assert corpus.licence == "public domain"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.txt", b"", r"empty\.txt is empty"),
        ("picture.txt", b"\x89PNG\r\n\x1a\n", r"picture\.txt is a PNG picture"),
        ("latin.txt", b"caf\xe9", r"latin\.txt, row 1.*not UTF-8"),
        ("zeros.txt", b"a\0b", r"zeros\.txt, row 1: holds a NUL byte"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_corpus(str(tmp_path / name))


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match=r"missing\.txt"):
        read_corpus(str(tmp_path / "missing.txt"))
    with pytest.raises(DataError, match=r"folder: no text files in it; expected \.txt"):
        read_corpus(str(tmp_path / "folder"))
    with pytest.raises(DataError, match=r"Did you mean tiny-shakespeare\?"):
        read_corpus("tiny-shakespere")


def test_a_table_of_labelled_texts_is_no_running_text(mirror: Path) -> None:
    with pytest.raises(DataError, match=r"rotten-tomatoes is a table of labelled texts.*tiny-shakespeare, wikipedia-sample"):
        read_corpus("rotten-tomatoes")
