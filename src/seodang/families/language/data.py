"""The text of a language model: read, cut into what is learned from, what is watched, and what is measured at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from seodang.core.errors import DataError
from seodang.core.values import Finding
from seodang.data.corpus import Corpus, read_corpus
from seodang.families.language.kneser_ney import Counts
from seodang.families.language.ngram_rows import cross_fitted
from seodang.families.language.settings import LanguageSettings
from seodang.families.language.tokens import Vocabulary

WATCHED = 0.02  # of the text: enough to tell which epoch is best, and taken from what is learned from, never from the end
FEWEST_CHARACTERS = 20
FEW_CHARACTERS = 50_000
RARE, SHOWN = 2, 10
BY_HEART = 60  # characters at least of a text given with --text, repeated as often as that takes
OWN = "text"


@dataclass(frozen=True)
class LanguageData:
    """A text in three parts, one behind the other: "train", "validation", "test"."""

    parts: Mapping[str, str]
    corpus: Corpus
    by_heart: str = ""
    """The line that is learned by heart and measured on itself; empty where the parts are different texts."""
    kept: dict[tuple[object, ...], Any] = field(default_factory=dict, compare=False, repr=False)
    """N-grams as they were asked for: settings, the measuring of speed and the training all want the same."""

    def facts(self) -> dict[str, Any]:
        """Characters of each part, licence and notes, for people."""
        facts: dict[str, Any] = {"characters": {name: len(part) for name, part in self.parts.items()}}
        if self.corpus.licence:
            facts["licence"] = self.corpus.licence
        facts["notes"] = list(self.corpus.notes)
        return facts

    def counts(self, vocabulary: Vocabulary, order: int, watched: bool = False) -> Counts:
        """The n-grams of the training text, perhaps with the watched text behind it, up to an order at least, counted once."""
        key = ("counts", vocabulary.kind, vocabulary.size, watched)
        if key not in self.kept or len(self.kept[key].orders) < order:
            text = self.parts["train"] + (self.parts["validation"] if watched else "")
            self.kept[key] = Counts.of(vocabulary.encode(text), vocabulary.size, order)
        found: Counts = self.kept[key]
        return found

    def known(self, vocabulary: Vocabulary, order: int) -> Tensor:
        """What n-grams that never saw it expect in the training text, made once; see `cross_fitted`."""
        key = ("known", vocabulary.kind, vocabulary.size, order)
        if key not in self.kept:
            numbers = vocabulary.encode(self.parts["train"])
            self.kept[key] = cross_fitted(self.counts(vocabulary, order), order, numbers)
        found: Tensor = self.kept[key]
        return found


def read_data(source: str, settings: LanguageSettings) -> LanguageData:
    """Read and cut.

    Args:
        source: A file, a folder or a named data set; "" where the settings bring the text.
        settings: `text` and `held_out` are read.

    Raises: DataError: The source is missing, binary, or too short to learn from.
    """
    if settings.data.text is not None:
        return learned_by_heart(settings.data.text)
    corpus = read_corpus(source)
    length = len(corpus.text.strip())
    if length < FEWEST_CHARACTERS:
        raise DataError(
            f"{corpus.source}: {length} characters; a language model needs {FEWEST_CHARACTERS} at least to hold some out. "
            "Give more text, or {text} to learn a few words by heart.",
            settings=("text",),
        )
    return LanguageData(split_text(corpus.text, settings.data.held_out), corpus)


def learned_by_heart(text: str) -> LanguageData:
    """A text line after line again and again, measured on itself.

    Raises: DataError: It has no character, or only one.
    """
    if len(set(text)) < 2:
        raise DataError(
            f"{{text}} must have two different characters at least, got {text!r}: there is nothing to tell apart.",
            settings=("text",),
        )
    line = text.rstrip("\n") + "\n"
    times = max(2, -(-BY_HEART // len(line)))
    note = f"learned by heart: repeated {times} times, and measured on itself; nothing is held out"
    parts = {"train": line * times, "validation": line, "test": line}
    return LanguageData(parts, Corpus(line, OWN, notes=(note,)), line)


def split_text(text: str, held_out: float) -> dict[str, str]:
    """The end of a text is measured, a little before it is watched, the rest is learned from.

    Cut after a whole character and nowhere else in particular, as nanoGPT cuts Shakespeare at 90 %: the state goes on from one
    part to the next.
    """
    end = int(len(text) * (1 - held_out))
    watched = max(int(len(text) * WATCHED), 2)
    return {"train": text[: end - watched], "validation": text[end - watched : end], "test": text[end:]}


def check_source(source: str, settings: LanguageSettings) -> list[Finding]:
    """Everything noticeable about a text, errors first."""
    if settings.data.text is not None:
        try:
            data = learned_by_heart(settings.data.text)
        except DataError as error:
            return [Finding("error", OWN, str(error))]
        return [Finding("note", OWN, note) for note in data.corpus.notes]
    try:
        corpus = read_corpus(source)
    except DataError as error:
        return [Finding("error", source, str(error))]
    return [*_length_findings(corpus), *_character_findings(corpus)]


def _length_findings(corpus: Corpus) -> list[Finding]:
    length = len(corpus.text.strip())
    if length < FEWEST_CHARACTERS:
        return [Finding("error", corpus.source, f"{length} characters.", f"Give {FEWEST_CHARACTERS} at least.")]
    if length < FEW_CHARACTERS:
        what = f"{length:,} characters: the model will know them by heart."
        return [Finding("warning", corpus.source, what, f"Give {FEW_CHARACTERS:,} or more for text that is its own.")]
    return []


def _character_findings(corpus: Corpus) -> list[Finding]:
    """Characters that stand once or twice cost as much as common ones and are learned by none."""
    counts = Counter(corpus.text)
    rare = sorted(character for character, count in counts.items() if count <= RARE)
    if not rare:
        return []
    shown = " ".join(repr(character)[1:-1] for character in rare[:SHOWN]) + (" ..." if len(rare) > SHOWN else "")
    what = f"{len(rare):,} of {len(counts):,} characters stand there once or twice: {shown}"
    return [Finding("note", corpus.source, what)]
