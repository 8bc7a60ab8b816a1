"""Every setting of word vectors, and their presets."""

from __future__ import annotations

from typing import Any, Literal

from seodang.core.settings import Field, Settings


class DataSettings(Settings):
    """Data: what a word is, and which words get a vector."""

    tokens: Literal["words", "spaces"] = Field(
        "words", description="words: runs of letters and digits, case folded; spaces: whatever stands between spaces, as it is"
    )
    line_ends: bool = Field(True, description="windows stop at line ends; false where lines are wrapped anywhere")
    min_count: int = Field(5, ge=1, le=1_000_000, description="words that appear less often get no vector")
    max_vocabulary: int | None = Field(None, ge=2, le=10_000_000, description="most frequent words that get one; none: all")
    phrases: int = Field(0, ge=0, le=4, description="times that pairs of words are joined to phrases; 2 makes up to 4 words")
    phrase_threshold: float = Field(
        100.0, gt=0, le=1e9, description="score from which a pair is a phrase (Mikolov et al. 2013); higher joins fewer"
    )


class ModelSettings(Settings):
    """The vectors."""

    method: Literal["skip-gram", "cbow"] = Field("skip-gram", description="the word predicts its neighbours, or they the word")
    dimensions: int = Field(100, ge=1, le=4096, description="numbers that stand for a word")
    window: int = Field(5, ge=1, le=32, description="neighbours on either side at most; each word draws its own reach")
    negatives: int = Field(5, ge=1, le=64, description="wrong words for each right one")
    sample: float = Field(1e-3, ge=0, le=1, description="share of the text from which a word is left out at times; 0: never")
    noise_power: float = Field(0.75, ge=0, le=1, description="wrong words are drawn by frequency to this power")
    ngrams: bool | None = Field(None, description="build vectors from pieces of words too, so that unknown words get one")
    min_ngram: int | None = Field(None, ge=1, le=10, description="letters of the shortest piece")
    max_ngram: int | None = Field(None, ge=1, le=10, description="letters of the longest piece")


class TrainingSettings(Settings):
    """Training."""

    epochs: int = Field(5, ge=1, le=10_000, description="passes over the text")
    batch_size: int | None = Field(None, ge=16, le=10_000_000, description="words of one step")
    learning_rate: float | None = Field(None, gt=0, le=1, description="rate at the start; it falls to 0 along a line")
    seed: int = Field(0, ge=0, lt=2**31, description="start of every random choice")


class WordsSettings(Settings):
    """Word vectors."""

    data: DataSettings = DataSettings()
    model: ModelSettings = ModelSettings()
    training: TrainingSettings = TrainingSettings()


SETTINGS = WordsSettings


def smoke() -> dict[str, Any]:
    """The smallest vectors that still learn something, in seconds."""
    return {"dimensions": 16, "window": 3, "min_count": 2, "sample": 0.0, "epochs": 4, "batch_size": 500, "learning_rate": 0.05}


READING = ("tokens", "line_ends")
"""What may be told again when another file than the training's is read."""

PRESETS = {"smoke": smoke}
