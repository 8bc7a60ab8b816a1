"""Words to numbers and back."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest

from seodang.core.errors import RunError
from seodang.families.text.tokenised import TokenisedTexts
from seodang.families.text.tokens import (
    PADDING,
    SPECIAL,
    UNKNOWN,
    Vocabulary,
    choose_tokens,
    split_morphemes,
    split_syllables,
    split_words,
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A quiet, LOVELY film!", ["a", "quiet", "lovely", "film"]),
        ("one<br />two<BR>three", ["one", "two", "three"]),
        ('<a href="x.html">link</a> text', ["link", "text"]),
        ("5 < 6 and 7 > 6", ["5", "6", "and", "7", "6"]),  # signs that are no tags
        ("Tom &amp; Jerry&#39;s", ["tom", "jerry's"]),
        ("don't 'quoted' rock'n'roll isn’t", ["don't", "quoted", "rock'n'roll", "isn’t"]),
        ("Straße STRASSE", ["strasse", "strasse"]),
        ("café naïve Ελλάδα Москва 10/10", ["café", "naïve", "ελλάδα", "москва", "10", "10"]),
        ("cafe\u0301 \u1112\u1161\u11ab\u1100\u1173\u11af", ["café", "한글"]),  # decomposed, as some file systems write
        ("नमस्ते दुनिया। हिन्दी", ["नमस्ते", "दुनिया", "हिन्दी"]),  # vowel signs are no letters
        ("wow 😀👍 so_so", ["wow", "so_so"]),
        ("재미있는 영화", ["재미있는", "영화"]),
        ("", []),
        (" \t\n...", []),
    ],
)
def test_words_by_hand(text: str, words: list[str]) -> None:
    assert split_words(text) == words


@pytest.mark.parametrize(
    ("text", "syllables"),
    [
        ("재미 있다", ["재", "미", "▁", "있", "다"]),
        ("  좋다 \n\t 정말<br>OK ", ["좋", "다", "▁", "정", "말", "▁", "o", "k"]),
        ("ㅋㅋ 😀", ["ㅋ", "ㅋ", "▁", "😀"]),
        ("", []),
    ],
)
def test_syllables_by_hand(text: str, syllables: list[str]) -> None:
    assert split_syllables(text) == syllables


def test_morphemes_carry_their_part_of_speech() -> None:
    pytest.importorskip("kiwipiepy")
    assert split_morphemes("영화가 재미있다.") == ["영화/NNG", "가/JKS", "재미있/VA", "다/EF", "./SF"]


def test_numbers_follow_frequency_and_ties_the_alphabet() -> None:
    vocabulary = TokenisedTexts(["b a b c", "d a b"], "words").vocabulary(size=5)
    assert vocabulary.tokens == (*SPECIAL, "b", "a", "c")  # c and d stand once; d found no place
    assert vocabulary.tokens[PADDING] == "<padding>" and vocabulary.tokens[UNKNOWN] == "<unknown>"
    assert len(vocabulary) == 5
    assert len(TokenisedTexts(["b a b c", "d a b"], "words").vocabulary(size=1000)) == 6  # no more than there are


def test_encode_then_decode() -> None:
    vocabulary = Vocabulary((*SPECIAL, "film", "good", "a"), "words")
    numbers = vocabulary.encode_text("A GOOD film, zebra", max_length=10)
    assert numbers.tolist() == [4, 3, 2, UNKNOWN] and numbers.dtype == np.int32
    assert vocabulary.decode(numbers) == ["a", "good", "film", "<unknown>"]
    assert vocabulary.encode_text("a good film", max_length=2).tolist() == [4, 3]
    assert vocabulary.encode_text("", max_length=10).tolist() == [UNKNOWN]


@pytest.mark.parametrize("kind", ["words", "syllables"])
def test_a_word_that_looks_like_a_special_entry_is_an_ordinary_word(kind: str) -> None:
    vocabulary = TokenisedTexts(["<unknown> padding <padding> unknown"], kind).vocabulary(100)
    assert len(set(vocabulary.tokens)) == len(vocabulary.tokens)
    assert vocabulary.tokens[:2] == SPECIAL


@pytest.mark.parametrize("kind", ["words", "syllables"])
def test_a_vocabulary_survives_json(kind: str) -> None:
    vocabulary = TokenisedTexts(["재미있는 영화 & 'café' 😀\u2028 \"quoted\""], kind).vocabulary(100)
    again = Vocabulary.from_json(json.loads(json.dumps(vocabulary.to_json())))
    assert again.tokens == vocabulary.tokens and again.kind == vocabulary.kind
    assert again.encode_text("재미 café 😀", 10).tolist() == vocabulary.encode_text("재미 café 😀", 10).tolist()


@pytest.mark.parametrize(
    "value",
    [{}, {"kind": "words"}, {"kind": "bytes", "tokens": [*SPECIAL]}, {"kind": "words", "tokens": ["a", "b"]}, ["a"], None],
)
def test_something_else_is_not_taken_for_a_vocabulary(value: object) -> None:
    with pytest.raises(RunError, match="not a vocabulary of this version"):
        Vocabulary.from_json(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["words", "syllables"])
@pytest.mark.parametrize("max_length", [1, 3, 50])
def test_all_texts_at_once_are_numbered_as_each_alone(kind: str, max_length: int) -> None:
    draw = random.Random(0)
    texts = ["".join(draw.choices("ab c<d>'가나 .", k=draw.randint(0, 12))) for _ in range(200)]
    texts = ["", *texts, "...", ""]  # empty ones at both ends
    tokenised = TokenisedTexts(texts, kind)
    vocabulary = tokenised.vocabulary(6)
    encoded = tokenised.encode(vocabulary, max_length)
    alone = [vocabulary.encode_text(text, max_length) for text in texts]
    assert encoded.lengths.tolist() == [len(numbers) for numbers in alone]
    np.testing.assert_array_equal(encoded.numbers, np.concatenate(alone))


def test_no_text_at_all() -> None:
    tokenised = TokenisedTexts([], "words")
    assert len(tokenised.encode(tokenised.vocabulary(10), 5)) == 0
    assert tokenised.vocabulary(10).tokens == SPECIAL


@pytest.mark.parametrize(
    ("texts", "kind", "reason"),
    [
        (["A quiet film"], "words", "words are separated by spaces"),
        (["정말 재미있는 영화"], "syllables", "100% of the letters are Hangul"),
        (["영화 film"] * 9, "syllables", "33% of the letters are Hangul"),
        (["영화 a lovely film in town"], "words", "only 11% of the letters are Hangul"),
        (["映画は面白い"], "words", "words are separated by spaces"),
        (["123 !!!", ""], "words", "words are separated by spaces"),
    ],
)
def test_the_kind_of_token_is_chosen_with_a_reason(texts: list[str], kind: str, reason: str) -> None:
    chosen, why = choose_tokens(texts)
    assert chosen == kind
    assert why.startswith(reason)
