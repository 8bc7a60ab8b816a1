"""A text to token numbers and back, whole and as a stream."""

from __future__ import annotations

import json
import random
import re
import sys
import unicodedata

import numpy as np
import pytest

from seodang.core.errors import DataError, RunError
from seodang.families.language import tokens as module
from seodang.families.language.jamo import compose, decompose, unfinished
from seodang.families.language.tokens import BYTES, UNKNOWN, UNKNOWN_TOKEN, StreamDecoder, Vocabulary, in_word, split_words

KINDS = ("characters", "bytes", "words", "jamo")
HANGUL = "\u1112\u1161\u11ab\u1100\u1173\u11af"  # 한글 taken apart
PIECES = (
    *"abcXYZ 0123456789.,;:!?'’\"()[]{}-–—/&%$_@\n\t",
    *"가각힣한글아이 \u1100\u1161\u11a8\u1112\u11c2ㅋㅎ\ua97c\ud7b0",  # jamo that make syllables, and some that never do
    *"éßДя中文हिन्दी\u0301\u200d\u00a0\u2028\r\0\u2581",
    *"😀👍🏽👨‍👩‍👧🇰🇷❤️\U0010ffff",
    "'s",
    " 's ",
    "...",
    ' "',
    '" ',
)


def random_texts(count: int, seed: int = 0) -> list[str]:
    """Texts in which everything meets everything; and any code points at all but halves of pairs and U+FFFD."""
    draw = random.Random(seed)
    met = ["".join(draw.choices(PIECES, k=draw.randint(0, 40))) for _ in range(count)]
    codes = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000 and code != ord(UNKNOWN_TOKEN)]
    return [*met, *("".join(map(chr, draw.choices(codes, k=30))) for _ in range(count))]


def array(text: str) -> np.ndarray:
    return np.array([ord(char) for char in text], np.uint32)


def apart(text: str) -> str:
    """Syllables taken apart one by one, by Python's tables."""
    return "".join(unicodedata.normalize("NFD", char) if "가" <= char <= "힣" else char for char in text)


def together(text: str) -> str:
    """Modern jamo put together one syllable after another, by Python's tables."""
    syllable = "[\u1100-\u1112][\u1161-\u1175][\u11a8-\u11c2]?"
    return re.sub(syllable, lambda match: unicodedata.normalize("NFC", match[0]), text)


def one_space(text: str) -> str:
    """What words restore of white space: one space within a line, none at its ends."""
    return "\n".join(" ".join(line.split()) for line in text.split("\n"))


RESTORED = {"characters": str, "bytes": str, "words": one_space, "jamo": lambda text: together(apart(text))}


def streamed(vocabulary: Vocabulary, numbers: np.ndarray) -> str:
    decoder = StreamDecoder(vocabulary)
    return "".join([*(decoder.push(number) for number in numbers.tolist()), decoder.flush()])


def test_characters_by_hand() -> None:
    vocabulary = Vocabulary.fit("b\nab ab", "characters", None)
    assert vocabulary.tokens == (UNKNOWN_TOKEN, "b", "a", "\n", " ")  # b thrice, a twice, the others in order
    numbers = vocabulary.encode("a b\n?")
    assert numbers.tolist() == [2, 4, 1, 3, UNKNOWN] and numbers.dtype == np.int32
    assert vocabulary.decode(numbers) == "a b\n\ufffd"
    assert vocabulary.size == 5


def test_bytes_by_hand() -> None:
    vocabulary = Vocabulary.fit("anything", "bytes", 3)  # there are always 256
    numbers = vocabulary.encode("é€\n")
    assert numbers.tolist() == [0xC3, 0xA9, 0xE2, 0x82, 0xAC, 0x0A] and numbers.dtype == np.int32
    assert vocabulary.size == 256
    assert vocabulary.decode([0xC3, 0x28, 0xE2, 0x82]) == "\ufffd(\ufffd"


def test_jamo_by_hand() -> None:
    vocabulary = Vocabulary.fit("한글", "jamo", None)
    assert vocabulary.tokens == (UNKNOWN_TOKEN, "\u1100", "\u1112", "\u1161", "\u1173", "\u11ab", "\u11af")
    assert vocabulary.encode("한글").tolist() == [2, 3, 5, 1, 4, 6]
    assert vocabulary.encode("하그").tolist() == [2, 3, 1, 4]  # syllables that training had not, of jamo that it had
    assert vocabulary.decode([2, 3, 5, 1, 4, 6]) == "한글"


@pytest.mark.parametrize(
    ("jamo", "text"),
    [
        (HANGUL, "한글"),
        (HANGUL[:5], "한그"),
        (HANGUL[:4], "한\u1100"),  # an initial alone
        (HANGUL[1:], "\u1161\u11ab글"),  # without its initial
        ("\u1100\u1100\u1161", "\u1100가"),
        ("\u1100\u1161\u11a8\u11a8", "각\u11a8"),
        ("\u1100\u1161\u1161", "가\u1161"),
        ("\u1100\u11a8", "\u1100\u11a8"),
        ("\u1113\u1161\u1100\u1176", "\u1113\u1161\u1100\u1176"),  # jamo of old spelling have no syllables
        ("\u1100 \u1161", "\u1100 \u1161"),
        ("", ""),
    ],
)
def test_jamo_are_put_together_as_far_as_they_make_syllables(jamo: str, text: str) -> None:
    assert compose(array(jamo)).tolist() == array(text).tolist()
    vocabulary = Vocabulary("jamo", (UNKNOWN_TOKEN, *sorted(set(jamo))))
    numbers = np.array([vocabulary.tokens.index(char) for char in jamo], np.int32)
    assert vocabulary.decode(numbers) == streamed(vocabulary, numbers) == text


def test_every_syllable_is_taken_apart_as_unicode_says() -> None:
    syllables = "".join(map(chr, range(0xABFE, 0xD7A6)))  # and its neighbours on both sides
    jamo = decompose(array(syllables))
    assert jamo.tolist() == array(apart(syllables)).tolist()
    assert compose(jamo).tolist() == array(syllables).tolist()


def test_the_vectorised_jamo_are_those_of_one_character_at_a_time() -> None:
    for text in random_texts(300):
        assert decompose(array(text)).tolist() == array(apart(text)).tolist()
        assert compose(array(text)).tolist() == array(together(text)).tolist()


@pytest.mark.parametrize(
    ("text", "end"), [("", 0), ("a", 1), ("a\u1100", 1), ("\u1100\u1161", 0), (HANGUL[:3], 3), ("\u1161", 1)]
)
def test_where_unfinished_jamo_begin(text: str, end: int) -> None:
    assert unfinished(text) == end


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("To be, or not.", ["To", "be", ", ", "or", "not", ". "]),
        ('He said, "Go!"', ["He", "said", ", ", ' "', "Go", "! ", '" ']),
        ("(\"'so'\")", [" (", ' "', " '", "so", "' ", '" ', ") "]),  # all lean forward, then all back
        ("well-known - or 1990–2000", ["well", "-", "known", " - ", "or", "1990", "–", "2000"]),
        ("3.14 and 1,000.5, at 10:30.", ["3.14", "and", "1,000.5", ", ", "at", "10", ":", "30", ". "]),
        ("a.b 1.b", ["a", ".", "b", "1", ".", "b"]),
        ("don't dog's rock'n'roll dogs' 'tis", ["don't", "dog", "'s", "rock'n'roll", "dogs", "' ", " '", "tis"]),
        ("it’s it's's o'sullivan's.", ["it", "’s", "it", "'s", "'s", "o'sullivan", "'s", ". "]),
        ("one\n\n  two \r\n", ["one", "\n", "\n", "two", "\n"]),
        ("end.\n- item", ["end", ". ", "\n", " - ", "item"]),
        ("Wait... $5 & 50%", ["Wait", ". ", ". ", ". ", " $", "5", " & ", "50", "% "]),
        ('said, "', ["said", ", ", ' "']),  # at the end of a prompt: about to open
        ("café cafe\u0301 हिन्दी می\u200cخواهم", ["café", "cafe\u0301", "हिन्दी", "می\u200cخواهم"]),
        ("영화를 봤다! ㅋㅋ", ["영화를", "봤다", "! ", "ㅋㅋ"]),
        ("a\u00a0\tb", ["a", "b"]),
        ("", []),
        (" \t ", []),
    ],
)
def test_words_by_hand(text: str, words: list[str]) -> None:
    assert split_words(text) == words
    vocabulary = Vocabulary.fit(text, "words", None)
    numbers = vocabulary.encode(text)
    assert [vocabulary.tokens[number] for number in numbers] == words
    assert vocabulary.decode(numbers) == one_space(text)


def test_generated_words_are_spaced_sensibly() -> None:
    vocabulary = Vocabulary("words", (UNKNOWN_TOKEN, "the", ", ", "'s", " (", ") ", ' "', '" ', "-", " - ", "\n"))
    shown = 'the \'s , the ( the ) the " the " - the the - the \n \n the'
    numbers = [1, 3, 2, 1, 4, 1, 5, 1, 6, 1, 7, 8, 1, 1, 9, 1, 10, 10, 1]
    assert len(numbers) == len(shown.split(" "))
    assert vocabulary.decode(numbers) == 'the\'s, the (the) the "the"-the the - the\n\nthe'
    assert vocabulary.decode([0, 2, 0, 0]) == "\ufffd, \ufffd \ufffd"  # an unknown token is spaced as a word


def test_only_the_most_frequent_words_are_kept() -> None:
    vocabulary = Vocabulary.fit("b a b c a b d", "words", 2)
    assert vocabulary.tokens == (UNKNOWN_TOKEN, "b", "a")
    assert vocabulary.encode("d a b zebra").tolist() == [UNKNOWN, 2, 1, UNKNOWN]
    assert vocabulary.decode(vocabulary.encode("d a b")) == "\ufffd a b"
    assert Vocabulary.fit("aab", "characters", 1).tokens == (UNKNOWN_TOKEN, "a")
    assert Vocabulary.fit("가가나", "jamo", 1).tokens == (UNKNOWN_TOKEN, "\u1161")


def test_a_mark_in_an_unseen_spacing_takes_its_most_frequent_one() -> None:
    vocabulary = Vocabulary.fit("a, b, c,d", "words", None)
    for text in ("a , b", "a ,b"):
        assert vocabulary.decode(vocabulary.encode(text)) == "a, b"
        assert vocabulary.unknown(text) == ()
    assert vocabulary.decode(vocabulary.encode("c,d")) == "c,d"
    assert vocabulary.unknown("a; b") == ("; ",)


@pytest.mark.parametrize(
    ("kind", "text", "unknown"),
    [
        ("characters", "xyzzy and more", ("x", "y", "z", "m", "o", "r", "e")),
        ("words", "and xyzzy, more xyzzy", ("xyzzy", ", ", "more")),
        ("jamo", "난 and 각", ("\u11ab", "\u1100", "\u11a8")),
        ("bytes", "xyzzy 각", ()),
        ("characters", "and\ufffd", ()),  # it says itself that it is unknown
        ("words", "and \ufffd .", (" .",)),
        ("words", "", ()),
    ],
)
def test_unknown_tokens_are_named_once_in_their_order(kind: str, text: str, unknown: tuple[str, ...]) -> None:
    assert Vocabulary.fit("and 나", kind, None).unknown(text) == unknown


@pytest.mark.parametrize("kind", ["characters", "words", "jamo"])
def test_the_unknown_token_in_a_text_is_no_token_of_its_own(kind: str) -> None:
    vocabulary = Vocabulary.fit("a\ufffdb \ufffd c\ufffd", kind, None)
    assert sum(UNKNOWN_TOKEN in token for token in vocabulary.tokens) == 1
    assert vocabulary.encode("\ufffd").tolist() == [UNKNOWN]


@pytest.mark.parametrize("kind", KINDS)
def test_round_trip_and_stream_of_any_text(kind: str) -> None:
    for text in random_texts(100):
        vocabulary = Vocabulary.fit(text, kind, None)
        numbers = vocabulary.encode(text)
        assert vocabulary.decode(numbers) == RESTORED[kind](text)
        assert streamed(vocabulary, numbers) == RESTORED[kind](text)


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_of_any_numbers_is_what_decode_gives(kind: str) -> None:
    vocabulary = Vocabulary.fit("".join(random_texts(40, seed=1)), kind, None)
    drawn = np.random.default_rng(0)
    for _ in range(300):
        numbers = drawn.integers(vocabulary.size, size=drawn.integers(30))
        assert streamed(vocabulary, numbers) == vocabulary.decode(numbers)


def test_a_stream_of_broken_utf_8_is_what_decode_gives() -> None:
    vocabulary = Vocabulary.fit("", "bytes", None)
    edges = [0x00, 0x41, 0x7F, 0x80, 0x9F, 0xA0, 0xBF, 0xC0, 0xC2, 0xE0, 0xE1, 0xED, 0xEF, 0xF0, 0xF4, 0xF5, 0xFF]
    drawn = np.random.default_rng(0)
    for _ in range(3000):
        numbers = drawn.choice(edges, size=drawn.integers(1, 9))
        assert streamed(vocabulary, numbers) == vocabulary.decode(numbers)


@pytest.mark.parametrize("kind", KINDS)
def test_texts_longer_than_a_piece_are_encoded_as_short_ones(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = random_texts(60, seed=2)
    vocabulary = Vocabulary.fit("".join(texts[::2]), kind, 150)
    whole = [vocabulary.encode(text).tolist() for text in texts]
    unknown = [vocabulary.unknown(text) for text in texts]
    monkeypatch.setattr(module, "CHUNK", 3)
    assert Vocabulary.fit("".join(texts[::2]), kind, 150) == vocabulary
    assert [vocabulary.encode(text).tolist() for text in texts] == whole
    assert [vocabulary.unknown(text) for text in texts] == unknown


@pytest.mark.parametrize("kind", ["characters", "jamo"])
def test_the_vectorised_encoder_is_that_of_one_character_at_a_time(kind: str) -> None:
    texts = random_texts(60, seed=3)
    vocabulary = Vocabulary.fit("".join(texts[::2]), kind, 100)
    number = {token: place for place, token in enumerate(vocabulary.tokens)}
    for text in texts:
        tokens = apart(text) if kind == "jamo" else text
        assert vocabulary.encode(text).tolist() == [number.get(token, UNKNOWN) for token in tokens]


def test_marks_and_words_share_all_characters_but_white_space() -> None:
    marks = module._marks()
    for char in map(chr, range(sys.maxunicode + 1)):
        if not 0xD800 <= ord(char) < 0xE000:
            assert bool(marks.match(char)) + in_word(char) + char.isspace() == 1, hex(ord(char))


def test_a_stream_holds_back_what_the_next_number_could_change() -> None:
    vocabulary = Vocabulary("jamo", (UNKNOWN_TOKEN, *HANGUL))
    decoder = StreamDecoder(vocabulary)
    assert [decoder.push(number) for number in (1, 2, 3, 4, 5, 4, 5)] == ["", "", "한", "", "", "그", ""]
    assert decoder.flush() == "그"
    assert decoder.flush() == ""
    decoder = StreamDecoder(Vocabulary.fit("", "bytes", None))
    assert [decoder.push(number) for number in "é한".encode()] == ["", "é", "", "", "한"]
    assert [decoder.push(number) for number in b"\xe2\x82"] == ["", ""]
    assert decoder.flush() == "\ufffd"
    assert decoder.push(0x41) == "A"


def test_a_stream_of_words_goes_on_from_a_prompt() -> None:
    vocabulary = Vocabulary.fit('a "b" c', "words", None)
    decoder = StreamDecoder(vocabulary)
    for number in vocabulary.encode("a"):
        decoder.push(int(number))
    assert [decoder.push(int(number)) for number in vocabulary.encode('"b" c')] == [' "', "b", '"', " c"]
    assert decoder.flush() == ""
    assert decoder.push(int(vocabulary.encode("a")[0])) == "a"  # as new


@pytest.mark.parametrize("kind", KINDS)
def test_empty_text(kind: str) -> None:
    vocabulary = Vocabulary.fit("", kind, None)
    assert vocabulary.tokens == (BYTES if kind == "bytes" else (UNKNOWN_TOKEN,))
    numbers = vocabulary.encode("")
    assert numbers.shape == (0,) and numbers.dtype == np.int32
    assert vocabulary.decode(numbers) == vocabulary.decode([]) == streamed(vocabulary, numbers) == ""
    assert vocabulary.unknown("") == ()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wrong", [-1, 256])
def test_numbers_that_are_none(kind: str, wrong: int) -> None:
    vocabulary = Vocabulary.fit("abc", kind, None)
    message = f"are 0 to {vocabulary.size - 1}, got {wrong}"
    with pytest.raises(IndexError, match=message):
        vocabulary.decode([0, wrong])
    with pytest.raises(IndexError, match=message):
        StreamDecoder(vocabulary).push(wrong)


@pytest.mark.parametrize("kind", KINDS)
def test_half_of_a_surrogate_pair_is_refused(kind: str) -> None:
    vocabulary = Vocabulary.fit("abc", kind, None)
    for read in (vocabulary.encode, vocabulary.unknown, lambda text: Vocabulary.fit(text, kind, None)):
        with pytest.raises(DataError, match=r"Line 2 of the text, character 3: U\+D83D is half of a surrogate pair"):
            read("one\ntw\ud83do")


@pytest.mark.parametrize("kind", KINDS)
def test_a_vocabulary_survives_json(kind: str) -> None:
    text = "재미있는 영화 & 'café' 😀\u2028\0 \"quoted\"\n"
    vocabulary = Vocabulary.fit(text, kind, None)
    again = Vocabulary.from_json(json.loads(json.dumps(vocabulary.to_json())))
    assert again == vocabulary
    assert again.encode(text).tolist() == vocabulary.encode(text).tolist()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "has no 'kind'"),
        ({"tokens": [UNKNOWN_TOKEN]}, "has no 'kind'"),
        ({"kind": "words"}, "has no 'tokens'"),
        ({"kind": "syllables", "tokens": []}, "must have one of characters, bytes, words, jamo for its kind, got 'syllables'"),
        ({"kind": ["words"], "tokens": []}, "for its kind, got"),
        ({"kind": "words", "tokens": "abc"}, "must have a list of texts for its tokens"),
        ({"kind": "words", "tokens": [UNKNOWN_TOKEN, 3]}, "must have a list of texts for its tokens"),
        ({"kind": "words", "tokens": [UNKNOWN_TOKEN, ""]}, "must have a list of texts for its tokens"),
        ({"kind": "words", "tokens": [UNKNOWN_TOKEN, "a", "a"]}, "has the token 'a' twice"),
        ({"kind": "words", "tokens": ["a", UNKNOWN_TOKEN]}, r"must begin with the unknown token, U\+FFFD"),
        ({"kind": "words", "tokens": []}, "must begin with the unknown token"),
        ({"kind": "characters", "tokens": [UNKNOWN_TOKEN, "ab"]}, "of characters has a token of several characters, 'ab'"),
        ({"kind": "jamo", "tokens": [UNKNOWN_TOKEN, "a", "\ud800"]}, "has half of a surrogate pair"),
        ({"kind": "bytes", "tokens": [*BYTES[:-1]]}, "must have the 256 bytes"),
        (["words"], "must be an object with kind and tokens, got list"),
        (None, "got NoneType"),
    ],
)
def test_a_damaged_vocabulary_is_refused(value: object, message: str) -> None:
    with pytest.raises(
        RunError, match=f"preprocessing.json: the vocabulary .*{message}.*; bring the original file back"
    ) as caught:
        Vocabulary.from_json(value)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
