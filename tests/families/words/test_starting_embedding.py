"""From text to numbers: words, phrases, vocabulary, pieces, and what chance decides, each by its formula."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from seodang.core.errors import DataError, SettingsError
from seodang.families.words import data as words_data
from seodang.families.words.data import EncodedText, encode, read_data
from seodang.families.words.derive import prepare
from seodang.families.words.ngrams import Pieces
from seodang.families.words.phrases import find_phrases, join_phrases
from seodang.families.words.sampling import Sampler, shared_negatives
from seodang.families.words.settings import SETTINGS, WordsSettings
from seodang.families.words.vocabulary import WordVocabulary, alias_table


def settings(**given: object) -> WordsSettings:
    return SETTINGS.from_flat({"min_count": 1, **given})


def encoded(text: str, **given: object) -> EncodedText:
    return encode(iter([text]), settings(**given))


def spelled(text: EncodedText) -> list[str]:
    return [text.words[number] if number >= 0 else "|" for number in text.numbers.tolist()]


def test_lines_end_windows_unless_told_otherwise() -> None:
    assert spelled(encoded("The cat\nthe DOG\n")) == ["the", "cat", "|", "the", "dog", "|"]
    assert spelled(encoded("The cat\nthe DOG\n", line_ends=False)) == ["the", "cat", "the", "dog"]
    assert spelled(encoded("The cat.\n", tokens="spaces")) == ["The", "cat.", "|"]


def test_blocks_cut_no_word_and_a_spilled_text_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "text.txt"
    path.write_text(" ".join(f"word{n % 97}" for n in range(5000)) + "\nlast line", encoding="utf-8")
    whole = read_data(str(path), settings()).encoded
    monkeypatch.setenv("SEODANG_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(words_data, "BLOCK_CHARACTERS", 100)
    monkeypatch.setattr(words_data, "IN_MEMORY_BYTES", 1000)
    cut = read_data(str(path), settings()).encoded
    assert isinstance(cut.numbers, np.memmap) and cut.words == whole.words
    assert np.array_equal(cut.numbers, whole.numbers)


def test_phrases_by_hand() -> None:
    text = encoded("new york is big and new york is old and a new york day\n" * 4)
    # new york: (12 - 1) / (12 * 12) * 56 words = 4.28; york is: (8 - 1) / (12 * 8) * 56 = 4.08.
    found = find_phrases(text, 1, 4.2)
    assert ("new", "york") in found and ("york", "is") not in found
    joined = spelled(join_phrases(text, [("new", "york")]))
    assert joined[:5] == ["new_york", "is", "big", "and", "new_york"]


def test_of_overlapping_pairs_the_first_is_joined() -> None:
    text = encoded("a a a a a b\n")
    assert spelled(join_phrases(text, [("a", "a"), ("a", "b")])) == ["a_a", "a_a", "a_b", "|"]


def test_the_vocabulary_is_ranked_pruned_and_closes_over_what_it_leaves_out() -> None:
    text = encoded("b b b a a a c c d\n")
    vocabulary = WordVocabulary.fit(text, settings(min_count=2), "text")
    assert vocabulary.words == ("a", "b", "c") and vocabulary.counts.tolist() == [3, 3, 2]
    assert WordVocabulary.fit(text, settings(max_vocabulary=2), "text").words == ("a", "b")
    assert vocabulary.encode(encoded("a d b\nd c\n")).tolist() == [0, 1, -1, 2, -1]
    again = WordVocabulary.from_json(vocabulary.to_json())
    assert again.words == vocabulary.words and again.counts.tolist() == vocabulary.counts.tolist()


def test_subsampling_follows_its_formula() -> None:
    vocabulary = WordVocabulary(("the", "rare"), np.array([900, 100]))
    ratio = 0.01 / 0.9
    assert vocabulary.keep_chances(0.01)[0] == pytest.approx(ratio**0.5 + ratio)
    assert vocabulary.keep_chances(0.5)[1] == 1
    sampler = Sampler(vocabulary, settings(sample=0.01))
    kept = sampler.block(np.zeros(200_000, np.int32), np.random.default_rng(0)).numbers
    assert len(kept) / 200_000 == pytest.approx(ratio**0.5 + ratio, abs=0.003)  # three standard deviations


def test_negatives_are_drawn_by_counts_to_the_power() -> None:
    vocabulary = WordVocabulary(("a", "b", "c"), np.array([1000, 100, 1]))
    chances = np.array([1000, 100, 1]) ** 0.75
    chances /= chances.sum()
    assert vocabulary.noise(0.75) == pytest.approx(chances)
    keeps, others = alias_table(chances)
    exact = [(keeps[k] + sum(1 - keeps[j] for j in range(3) if others[j] == k and j != k)) / 3 for k in range(3)]
    assert exact == pytest.approx(chances.tolist(), abs=1e-7)
    drawn = Sampler(vocabulary, settings()).negatives(20_000, np.random.default_rng(0))
    assert drawn.shape == (20_000, shared_negatives(5))
    assert np.bincount(drawn.ravel(), minlength=3) / drawn.size == pytest.approx(chances, abs=0.003)


def test_windows_reach_as_far_as_drawn_and_stop_at_line_ends() -> None:
    vocabulary = WordVocabulary(("a", "b"), np.array([5, 5]))
    numbers = np.array([0, 1, 0, -1, 1, 0, -1], np.int32)
    found = Sampler(vocabulary, settings(sample=0.0, window=3)).block(np.tile(numbers, 2000), np.random.default_rng(0))
    places = torch.arange(len(found.numbers))
    lines = places // 5 * 2 + (places % 5 >= 3)
    assert (lines[found.begins.long()] == lines).all() and (lines[found.ends.long() - 1] == lines).all()
    free = Sampler(vocabulary, settings(sample=0.0, window=3)).block(np.zeros(30_000, np.int32), np.random.default_rng(0))
    reach = (free.ends - torch.arange(30_000) - 1)[:-3]
    assert torch.bincount(reach.long(), minlength=4)[1:].div(30_000).tolist() == pytest.approx([1 / 3] * 3, abs=0.01)


def test_pieces_are_those_that_words_share() -> None:
    pieces = Pieces(("walked", "talked", "sea"), 3, 4)
    assert "<wa" not in pieces.rows and {"alk", "lked", "ed>"} <= set(pieces.rows)
    offsets, parts = pieces.table()
    assert parts[offsets[2] :].tolist() == [2]  # sea shares nothing
    assert set(pieces.known("baked")) == {pieces.rows["ked"], pieces.rows["ed>"], pieces.rows["ked>"]}


def test_korean_gets_pieces_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "korean.txt"
    path.write_text("나는 학교에 갔다 너는 학교에서 왔다\n" * 10, encoding="utf-8")
    given = settings()
    prepared = prepare(read_data(str(path), given), given)
    assert prepared.settings.model.ngrams and prepared.settings.model.min_ngram == 1
    assert "Hangul" in prepared.reasons["ngrams"]


def test_words_too_rare_are_refused_with_the_most_frequent(tmp_path: Path) -> None:
    path = tmp_path / "rare.txt"
    path.write_text("one two three three\n", encoding="utf-8")
    given = SETTINGS.from_flat({})
    with pytest.raises(DataError, match=r"no word appears 5 times or more; the most frequent, 'three', appears 2 times"):
        prepare(read_data(str(path), given), given)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty"),
        (b"a b\0c d", "NUL"),
        (b"caf\xe9 au lait", "not UTF-8"),
        (b"\x1f\x8bxx", "gzip"),
        (b"... !!", "no words"),
    ],
)
def test_what_is_no_text_is_refused(content: bytes, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=complaint):
        _ = read_data(str(path), settings()).encoded


def test_pieces_must_have_room() -> None:
    with pytest.raises(SettingsError, match=r"min_ngram \(5\) must not exceed max_ngram \(4\)"):
        path = Path(__file__)
        given = settings(ngrams=True, min_ngram=5, max_ngram=4)
        prepare(read_data(str(path), given), given)
