"""What word vectors can be asked beside what all runs can: declared here, done in questions.py."""

from __future__ import annotations

from seodang.core.settings import Field, Settings
from seodang.core.verb import Verb


class NeighbourOptions(Settings):
    """Options of neighbours."""

    words: tuple[str, ...] = Field((), description="words to look around")
    count: int = Field(10, ge=1, le=10_000, description="neighbours of each")


class AnalogyOptions(Settings):
    """Options of analogy."""

    words: tuple[str, ...] = Field((), description="three words: man king woman asks what is to woman as king is to man")
    count: int = Field(5, ge=1, le=10_000, description="answers, best first")


class OddOneOutOptions(Settings):
    """Options of odd-one-out."""

    words: tuple[str, ...] = Field((), description="three words or more")


VERBS = (
    Verb("neighbours", "the words that are used most like a word", NeighbourOptions, "words"),
    Verb("analogy", "what is to the third word as the second is to the first", AnalogyOptions, "words"),
    Verb("odd-one-out", "the word that does not belong with the others", OddOneOutOptions, "words"),
)
