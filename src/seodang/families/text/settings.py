"""Every setting of text classification, and its presets."""

from __future__ import annotations

from typing import Any, Literal

from seodang.core.settings import Field, Settings, TrainingSettings

ModelName = Literal["best", "dnn", "cnn", "rnn", "gru", "lstm"]
NETWORKS = ("dnn", "cnn", "rnn", "gru", "lstm")
RECURRENT = ("rnn", "gru", "lstm")


class DataSettings(Settings):
    """Data: which column is what, and which rows stand together."""

    text_column: str | None = Field(None, description="column of the texts; else text, review, document or sentence")
    label_column: str | None = Field(None, description="column of the labels; else label, category, class or sentiment")
    group_by: str | None = Field(None, description="column whose rows stay on one side of the split (IMDB: title)")
    skip_bad_rows: bool = Field(False, description="leave out rows with an empty text or label, and count them")
    unlabelled: str | None = Field(
        None,
        description="file of texts without labels to learn from as well; 'own' takes those that come with a named data set",
        is_path=True,
        words=("own",),
        read_by={"model": ("best",)},
    )


class TokenSettings(Settings):
    """Words to numbers."""

    tokens: Literal["words", "syllables", "morphemes"] | None = Field(
        None, description="what a token is; syllables and morphemes are for Korean"
    )
    vocabulary_size: int = Field(
        10_000,
        ge=10,
        le=1_000_000,
        description="most frequent tokens that get a number; best takes all that training has twice",
        read_by={"model": NETWORKS},
    )
    max_length: int = Field(
        400,
        ge=4,
        le=100_000,
        description="tokens read of each text, the rest is cut off; best reads all",
        read_by={"model": NETWORKS},
    )


class ModelSettings(Settings):
    """The network."""

    model: ModelName = Field("best", description="which model; best is the strongest here, the others are single networks")
    embedding_dim: int | None = Field(
        None, ge=1, le=4096, description="numbers that stand for a word", read_by={"model": NETWORKS}
    )
    embedding: str | None = Field(
        None,
        description="run of words, or file in word2vec's format, whose vectors the embedding starts from; none: at random",
        is_path=True,
        read_by={"model": NETWORKS},
    )
    hidden_size: int = Field(
        64, ge=1, le=4096, description="state of a recurrent layer, each way", read_by={"model": RECURRENT}
    )
    filters: int = Field(250, ge=1, le=8192, description="convolution filters", read_by={"model": ("cnn",)})
    kernel_size: int = Field(3, ge=1, le=64, description="words a filter sees at once", read_by={"model": ("cnn",)})
    dense_size: int = Field(
        250, ge=1, le=8192, description="units of the dense layer before the last", read_by={"model": NETWORKS}
    )
    dropout: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="part of the dense units switched off while training, and of the embeddings where no words are left out",
        read_by={"model": NETWORKS},
    )
    word_dropout: float | None = Field(
        None, ge=0, lt=1, description="part of the words left out while training", read_by={"model": NETWORKS}
    )
    pooling: Literal["mean", "flatten", "max", "last"] | None = Field(
        None,
        description="how words are joined: mean or flatten (dnn); max over the states or the last (rnn, gru, lstm)",
        read_by={"model": ("dnn", *RECURRENT)},
    )
    read_padding: bool = Field(
        False,
        description="pad every text to max_length and let the network read the zeros, as Keras does without a mask",
        read_by={"model": NETWORKS},
    )


class TextTrainingSettings(TrainingSettings):
    """Training."""

    patience: int | None = Field(3, ge=1, description="epochs without a better validation score before stopping; none: never")


class TextSettings(Settings):
    """Text classification."""

    data: DataSettings = DataSettings()
    tokens: TokenSettings = TokenSettings()
    model: ModelSettings = ModelSettings()
    training: TextTrainingSettings = TextTrainingSettings()


SETTINGS = TextSettings


def smoke() -> dict[str, Any]:
    """The smallest network that still learns something, in seconds."""
    return {
        "model": "cnn",
        "vocabulary_size": 500,
        "max_length": 50,
        "embedding_dim": 16,
        "dense_size": 32,
        "epochs": 3,
        "batch_size": 16,
    }


def classic() -> dict[str, Any]:
    """The tutorial settings, to the letter; with `model` lstm, cnn, rnn, gru or dnn.

    Vocabulary 4,000, length 400, embedding 64, batch 32, Adam at 0.001, 10 epochs; padding is read as if it were words.
    """
    return {
        "model": "lstm",
        "vocabulary_size": 4000,
        "max_length": 400,
        "embedding_dim": 64,
        "dropout": 0.2,
        "word_dropout": 0.0,
        "read_padding": True,
        "epochs": 10,
        "batch_size": 32,
        "learning_rate": 1e-3,
        "schedule": "constant",
        "warmup_fraction": 0.0,
        "clip_norm": None,
        "patience": None,
    }


READING = ("text_column", "label_column", "skip_bad_rows")
"""What may be told again when another file than the training's is read."""

PRESETS = {"smoke": smoke, "classic": classic}
