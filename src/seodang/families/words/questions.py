"""The verbs of word vectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from seodang.core.errors import DataError, SettingsError
from seodang.core.values import Table
from seodang.families.words.predictor import WordsPredictor
from seodang.families.words.verbs import AnalogyOptions, NeighbourOptions, OddOneOutOptions

ANALOGY_WORDS, LEAST_COMPARED = 3, 3


def neighbours(predictor: WordsPredictor, data: Callable[[], Any], options: NeighbourOptions) -> list[Table]:
    """A table for each word."""
    if not options.words:
        raise SettingsError("Expected a word after the run, such as king.", settings=("words",), bound="one word or more")
    return [neighbour_table(predictor, predictor.known(word), options.count) for word in options.words]


def analogy(predictor: WordsPredictor, data: Callable[[], Any], options: AnalogyOptions) -> Table:
    """The nearest words to second - first + third."""
    if len(options.words) != ANALOGY_WORDS:
        message = f"Expected three words, such as man king woman, got {len(options.words)}."
        raise SettingsError(message, settings=("words",), bound="three words")
    first, second, third = _known(predictor, options.words)
    found = predictor.vectors.most_similar([second, third], [first], options.count)
    return Table((f"{first} : {second} = {third} : ?", "similarity"), tuple(found))


def odd_one_out(predictor: WordsPredictor, data: Callable[[], Any], options: OddOneOutOptions) -> Table:
    """The words by how little they fit to the rest; the first is the odd one."""
    if len(options.words) < LEAST_COMPARED:
        message = f"Expected three words or more, such as cat dog car, got {len(options.words)}."
        raise SettingsError(message, settings=("words",), bound="three words or more")
    fits = sorted(predictor.vectors.fits(_known(predictor, options.words)), key=lambda item: item[1])
    return Table(("odd one first", "similarity to the mean of all"), tuple(fits))


def neighbour_table(predictor: WordsPredictor, word: str, count: int) -> Table:
    """The nearest words to one."""
    notes = () if word in predictor.vectors else (f"{word} is not in the vocabulary; its vector is made of its pieces",)
    return Table((f"near {word}", "similarity"), tuple(predictor.vectors.most_similar(word, topn=count)), notes)


def _known(predictor: WordsPredictor, words: Sequence[str]) -> list[str]:
    known = [predictor.known(word) for word in words]
    if len(set(known)) < len(known):
        twice = next(word for word in known if known.count(word) > 1)
        raise DataError(f"The word {twice!r} stands there twice; give different words.")
    return known


ACTIONS: Mapping[str, Callable[[Any, Callable[[], Any], Any], Any]] = {
    "neighbours": neighbours,
    "analogy": analogy,
    "odd-one-out": odd_one_out,
}
