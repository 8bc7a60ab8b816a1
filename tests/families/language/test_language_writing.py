"""Generation: repeatable, stopped where asked, composed in Korean, and honest about what is copied."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from small_networks import LETTERS, predictor

from seodang.core.errors import DataError, SettingsError
from seodang.data.corpus import Corpus
from seodang.families.language.copies import longest_copy
from seodang.families.language.data import LanguageData
from seodang.families.language.generation import Generator, Writer
from seodang.families.language.sampling import Sampling
from seodang.families.language.tokens import UNKNOWN, Vocabulary
from seodang.families.language.verbs import GenerateOptions
from seodang.families.language.writing import Written, generate


class Reciting:
    """A model that is sure of one text, whatever it reads after its prompt."""

    def __init__(self, vocabulary: Vocabulary, text: str, prompt: str) -> None:
        self.numbers, self.num_tokens = vocabulary.encode(text), vocabulary.size
        self.before = len(vocabulary.encode(prompt)) - 1

    def start(self, streams: int) -> list[Any]:
        return [np.zeros((streams, 1), np.float32)]

    def step(self, tokens: Any, state: list[Any]) -> tuple[Any, list[Any]]:
        logits = np.full((len(tokens), self.num_tokens), -50, np.float32)
        places = (state[0][:, 0].astype(int) - self.before) % len(self.numbers)
        logits[np.arange(len(tokens)), self.numbers[places]] = 50
        return logits, [state[0] + 1]


def recited(text: str, kind: Any = "characters", prompt: str = "\n", samples: int = 1) -> Generator:
    vocabulary = Vocabulary.fit(f"{text}\n{prompt}", kind, None)
    return Generator(Reciting(vocabulary, text, prompt), vocabulary, prompt, Sampling(), 0, samples)


def data(text: str) -> LanguageData:
    return LanguageData({"train": text, "validation": "", "test": ""}, Corpus(text, "test"))


def written(**options: Any) -> list[str]:
    texts = generate(predictor(), lambda: None, GenerateOptions(**options))
    assert isinstance(texts, list)
    return [one.text for one in texts]


def test_the_same_seed_writes_the_same_text_and_another_another() -> None:
    one = written(prompt="a", length=80, seed=7)
    assert one == written(prompt="a", length=80, seed=7) != written(prompt="a", length=80, seed=8)
    assert one[0][0] == "a" and len(one[0]) == 81 and set(one[0]) <= set(LETTERS)


def test_several_samples_differ_and_the_first_is_the_one_alone() -> None:
    several = written(prompt="a", length=40, samples=3)
    assert len(set(several)) == 3
    assert several[0] == written(prompt="a", length=40)[0]


def test_streamed_pieces_are_the_text() -> None:
    pieces = generate(predictor(), lambda: data("abc"), GenerateOptions(prompt="ab", length=50, stream=True))
    assert isinstance(pieces, Iterator)
    *texts, last = pieces
    assert "".join(map(str, texts)) == written(prompt="ab", length=50)[0]
    assert isinstance(last, Written) and last.text == "".join(map(str, texts)) and "copied" in str(last.note)


def test_without_a_prompt_it_begins_as_after_a_line() -> None:
    assert written(length=30, seed=3)[0] == written(prompt="\n", length=30, seed=3)[0][1:]


def test_the_unknown_token_is_never_written() -> None:
    model = predictor()
    model.network.output.bias.data[UNKNOWN] = 100.0
    writer = model.generator("a", Sampling(), 0)
    assert all(token != UNKNOWN for (token,) in writer.tokens(200))


@pytest.mark.parametrize(
    ("stop", "expected"),
    [
        ((), "\nthe end of it"),
        (("end",), "\nthe "),
        (("of", "end"), "\nthe "),
        (("endless", "it"), "\nthe end of "),  # what only began like a stop is written after all
        (("of it and more",), "\nthe end of it"),
        (("the",), "\n"),
        (("\n",), "\nthe end of it"),  # the prompt is not searched
    ],
)
def test_a_text_ends_before_the_first_stop_string(stop: tuple[str, ...], expected: str) -> None:
    assert "".join(recited("the end of it").pieces(13, stop)) == expected
    assert recited("the end of it", samples=2).texts(13, stop) == [expected] * 2


def test_nothing_is_shown_that_a_stop_string_takes_back() -> None:
    pieces = list(recited("abcabd").pieces(6, ("abd",)))
    assert "".join(pieces) == "\nabc" and "ab" not in pieces[-1]


def test_jamo_are_composed_as_they_come_and_across_the_end_of_the_prompt() -> None:
    text = "\u11a8나다"  # a final, which closes the prompt's syllable
    writer = recited(text, kind="jamo", prompt="가")
    pieces = list(writer.pieces(5))
    assert "".join(pieces) == "각나다" and pieces[0] == ""


def test_words_after_a_prompt_are_spaced() -> None:
    assert recited("fox jumps", kind="words", prompt="the").texts(2) == ["the fox jumps"]


def test_a_writer_looks_for_stops_behind_the_prompt_alone() -> None:
    vocabulary = Vocabulary.fit("abc", "characters", None)
    writer = Writer(vocabulary, vocabulary.encode("ab"), ["bc"])
    assert writer.begun == "ab"
    assert writer.push(int(vocabulary.encode("c")[0])) == "c" and not writer.stopped


def test_an_unseen_character_of_the_prompt_is_named() -> None:
    with pytest.raises(DataError, match=r"prompt: characters never seen in training: 'X', 'é'; leave them out\."):
        written(prompt="aXé")


def test_several_samples_cannot_be_streamed() -> None:
    with pytest.raises(SettingsError, match=r"stream shows one text as it is written, got samples 2"):
        generate(predictor(), lambda: None, GenerateOptions(stream=True, samples=2))


def test_what_is_copied_is_told() -> None:
    model = predictor()
    own = written(prompt="ab", length=60)[0][2:]
    (text,) = generate(model, lambda: data("xx" + own[10:25] + "yy"), GenerateOptions(prompt="ab", length=60))
    assert isinstance(text, Written)
    assert text.copied == own[10:25] and str(text.note).startswith("longest piece copied from the training text: 15 of 60")
    (gone,) = generate(model, lambda: None, GenerateOptions(length=5))
    assert isinstance(gone, Written) and gone.copied is None and "gone" in str(gone.note)


def slow_copy(text: str, source: str) -> str:
    pieces = [text[start:end] for start in range(len(text)) for end in range(start + 1, len(text) + 1)]
    return max((piece for piece in pieces if piece in source), key=len, default="")


def test_the_longest_copy_is_the_one_that_a_search_of_all_pieces_finds() -> None:
    draw = random.Random(0)
    for _ in range(200):
        text = "".join(draw.choices("abc한", k=draw.randint(0, 25)))
        source = "".join(draw.choices("abc한", k=draw.randint(0, 40)))
        assert longest_copy(text, source) == slow_copy(text, source)


def test_copies_are_found_fast_in_a_long_text() -> None:
    draw = random.Random(0)
    source = "".join(draw.choices("etaoin shrdlu", k=1_000_000))
    text = "".join(draw.choices("etaoin shrdlu", k=20_000)) + source[500_000:500_100]
    assert longest_copy(text, source).endswith(source[500_000:500_100])
