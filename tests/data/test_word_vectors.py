"""Word vectors as a table, and their files, each read back as written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seodang.core.errors import DataError
from seodang.data.word_vector_files import read_word_vectors, write_word_vectors
from seodang.data.word_vectors import WordVectors

VECTORS = WordVectors(("sea", "été", "바다"), np.array([[1, 0.1], [0, 1 / 3], [1, 0]], np.float32))


@pytest.mark.parametrize("name", ["vectors.txt", "vectors.bin"])
def test_files_are_read_as_written(name: str, tmp_path: Path) -> None:
    write_word_vectors(tmp_path / name, VECTORS)
    again = read_word_vectors(tmp_path / name)
    assert again.words == VECTORS.words and np.array_equal(again.vectors, VECTORS.vectors)


def test_word2vecs_own_binary_files_end_each_entry_with_a_line_end(tmp_path: Path) -> None:
    entries = b"".join(w.encode() + b" " + v.tobytes() + b"\n" for w, v in zip(VECTORS.words, VECTORS.vectors, strict=True))
    (tmp_path / "vectors.bin").write_bytes(b"3 2\n" + entries)
    assert read_word_vectors(tmp_path / "vectors.bin").words == VECTORS.words


def test_gensim_opens_what_we_write_and_we_open_what_it_writes(tmp_path: Path) -> None:
    gensim = pytest.importorskip("gensim.models", reason="gensim is a peer, not a dependency")
    for binary in (True, False):
        write_word_vectors(tmp_path / "ours", VECTORS, binary)
        theirs = gensim.KeyedVectors.load_word2vec_format(str(tmp_path / "ours"), binary=binary)
        assert theirs.index_to_key == list(VECTORS.words) and np.array_equal(theirs.vectors, VECTORS.vectors)
        theirs.save_word2vec_format(str(tmp_path / "theirs"), binary=binary)
        assert np.array_equal(read_word_vectors(tmp_path / "theirs").vectors, VECTORS.vectors)
        assert theirs.most_similar("sea")[0][0] == VECTORS.most_similar("sea")[0][0]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty"),
        (b"sea 1 0\n", "line 1: expected how many words"),
        (b"2 2\nsea 1 0\n", "ends after 1 of 2 words"),
        (b"2 2\nsea 1 0\nship 1\n", "line 3: expected a word and 2 numbers, got 1"),
        (b"2 2\nsea 1 0\nship 1 x\n", "line 3: expected a word and 2 numbers in UTF-8"),
        (b"1 2\nsea 1 0\nship 1 2\n", "line 3: more words than the 1"),
        (b"2 2\nsea 1 0\nsea 1 2\n", "line 3: 'sea' stands there a second time"),
        (b"1 2\nsea 1 nan\n", "line 2: a number of 'sea' is not finite"),
        (b"1 2\nsea \x00\x00\x80?", "ends at word 1 of 1"),
        (b"900000 900000\nsea 1 0\n", "which the file's size cannot hold"),
    ],
)
def test_malformed_files_are_refused_with_the_line(content: bytes, complaint: str, tmp_path: Path) -> None:
    (tmp_path / "vectors").write_bytes(content)
    with pytest.raises(DataError, match=complaint):
        read_word_vectors(tmp_path / "vectors")


def test_words_with_spaces_have_no_place_in_the_format(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="word 1, 'new york'"):
        write_word_vectors(tmp_path / "v.txt", WordVectors(("new york",), np.ones((1, 2), np.float32)))


def test_questions_are_answered_as_keyed_vectors_does() -> None:
    assert "sea" in VECTORS and "ocean" not in VECTORS and len(VECTORS) == 3
    assert VECTORS["sea"].tolist() == pytest.approx([1, 0.1])
    assert VECTORS.similarity("sea", "sea") == pytest.approx(1)
    assert VECTORS.doesnt_match(["sea", "été", "바다"]) == "été"
    with pytest.raises(DataError, match=r"'seaa' has no vector; did you mean sea\?"):
        VECTORS.similarity("seaa", "sea")
