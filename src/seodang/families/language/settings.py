"""Every setting of language models, and its presets."""

from __future__ import annotations

from typing import Any, Literal

from seodang.core.settings import Field, Settings, TrainingSettings

CellName = Literal["rnn", "lstm", "gru", "minlstm"]


class DataSettings(Settings):
    """Data: what is read, and as what."""

    text: str | None = Field(
        None,
        description="a text of your own instead of SOURCE, to be learned by heart: it is repeated, and nothing is held out",
    )
    tokens: Literal["characters", "bytes", "words", "jamo"] = Field(
        "characters", description="what a token is; jamo are the letters that Korean syllables are made of"
    )
    vocabulary_size: int = Field(
        20_000, ge=10, le=1_000_000, description="most frequent words that get a number", read_by={"tokens": ("words",)}
    )
    held_out: float = Field(
        0.1,
        gt=0,
        lt=0.5,
        description="part of SOURCE, its end, that is never learned from and measured at the end",
    )


class ModelSettings(Settings):
    """The network."""

    model: CellName = Field("lstm", description="which recurrent cell")
    embedding_dim: int | None = Field(None, ge=1, le=8192, description="numbers that stand for a token")
    hidden_size: int | None = Field(None, ge=1, le=8192, description="numbers of the state of each layer")
    num_layers: int = Field(1, ge=1, le=16, description="recurrent layers, one on another")
    dropout: float | None = Field(
        None, ge=0, lt=1, description="part of what layers hand on switched off while training, of words too"
    )
    weight_dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="part of the state's weights switched off while training",
        read_by={"model": ("rnn", "lstm", "gru")},
    )
    tie_weights: bool | None = Field(
        None, description="read and write tokens with one table; needs embedding_dim = hidden_size"
    )
    layer_norm: bool = Field(False, description="normalise what each layer hands on")
    ngrams: int | None = Field(
        None, ge=0, le=8, description="tokens of the longest of the n-grams that the network builds on; 0: the network alone"
    )


class LanguageTrainingSettings(TrainingSettings):
    """Training."""

    epochs: int | None = Field(None, ge=1, le=10_000, description="passes over the training text")
    batch_size: int | None = Field(None, ge=1, le=65_536, description="streams read side by side")
    chunk_length: int | None = Field(
        None, ge=1, le=10_000, description="steps that a gradient flows back; the state is carried further"
    )
    minutes: float | None = Field(
        None, gt=0, le=100_000, description="train for about so long; becomes a number of steps before the first one"
    )
    steps: int | None = Field(None, ge=1, description="steps of the optimizer, if that is sooner than the end of all epochs")
    weight_decay: float = Field(0.0, ge=0, le=1, description="decoupled weight decay (AdamW) of the weight matrices")


class LanguageSettings(Settings):
    """Language models."""

    data: DataSettings = DataSettings()
    model: ModelSettings = ModelSettings()
    training: LanguageTrainingSettings = LanguageTrainingSettings()


SETTINGS = LanguageSettings


def smoke() -> dict[str, Any]:
    """The smallest network that still learns something, in seconds."""
    return {"hidden_size": 32, "embedding_dim": 16, "epochs": 2, "batch_size": 8, "chunk_length": 20, "learning_rate": 1e-2}


def classic() -> dict[str, Any]:
    """The network of the first tutorials: one plain recurrent layer over characters (Elman 1990; Karpathy 2015)."""
    return {
        "model": "rnn",
        "hidden_size": 100,
        "embedding_dim": 100,
        "dropout": 0.0,
        "chunk_length": 25,
        "batch_size": 16,
        "ngrams": 0,
    }


PRESETS = {"smoke": smoke, "classic": classic}

READING: tuple[str, ...] = ()
OWN_DATA = ("text",)
