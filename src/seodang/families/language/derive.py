"""What is left open in the settings, derived from the text, each with its reason; and the vocabulary fitted to it."""

from __future__ import annotations

from typing import Any

from seodang.core.errors import DataError, SettingsError
from seodang.core.family import Prepared
from seodang.families.language.data import LanguageData
from seodang.families.language.settings import LanguageSettings
from seodang.families.language.tokens import Vocabulary

CHUNK_LENGTH = 200
STREAMS = 32
CHUNKS_A_STREAM = 4  # at least: with fewer, most of an epoch is read with next to nothing to remember
LEARNING_RATE = 2e-3
EPOCHS = 10
WORD_DIMENSIONS = 256
SIZES = ((20_000, 64), (200_000, 128), (1_000_000, 256))
"""State of a layer for texts of up to so many tokens."""
LARGEST = 512


def prepare(data: LanguageData, settings: LanguageSettings) -> Prepared[LanguageSettings]:
    """Resolve settings and fit the vocabulary to the training text.

    Raises:
        DataError: The text is too short for the chunks asked for, or of one word.
        SettingsError: Settings that do not go together.
    """
    reasons: dict[str, str] = {}
    values: dict[str, Any] = {}
    flat = settings.to_flat()

    def derive(name: str, value: Any, reason: str) -> None:
        values[name] = value if flat[name] is None else flat[name]
        if flat[name] is None:
            reasons[name] = reason

    derive("tokens", "characters", "no word is unknown to it, and spelling is learned too")
    text = data.parts["train"]
    size = settings.data.vocabulary_size if values["tokens"] == "words" else None
    vocabulary = Vocabulary.fit(text, values["tokens"], size)
    tokens = len(vocabulary.encode(text))
    _check_variety(vocabulary, data)
    hidden = next((size for most, size in SIZES if tokens <= most), LARGEST)
    derive("hidden_size", hidden, f"for {tokens:,} tokens to learn from")
    words = values["tokens"] == "words"
    derive(
        "embedding_dim", min(WORD_DIMENSIONS, values["hidden_size"]) if words else values["hidden_size"], "as wide as the state"
    )
    derive("tie_weights", words and values["embedding_dim"] == values["hidden_size"], "pays where the table is large")
    derive("dropout", 0.5 if tokens < SIZES[1][0] else 0.3, "the less text, the more is needed")
    derive("chunk_length", min(CHUNK_LENGTH, max(1, tokens // 4)), "gradients seldom reach further")
    fit = max(1, tokens // (values["chunk_length"] * CHUNKS_A_STREAM))
    derive("batch_size", min(STREAMS, fit), "streams long enough to remember something in")
    derive("learning_rate", LEARNING_RATE, "falls to 0 along a cosine, so it may start high")
    derive("epochs", EPOCHS, "the rate reaches 0 at the last")
    _check_length(tokens, values, data)
    if values["tie_weights"] and values["embedding_dim"] != values["hidden_size"]:
        raise SettingsError(
            f"{{tie_weights}} needs {{embedding_dim}} and {{hidden_size}} to be equal, got {values['embedding_dim']} and "
            f"{values['hidden_size']}.",
            settings=("tie_weights", "embedding_dim", "hidden_size"),
        )
    return Prepared(settings.replaced(**values), reasons, {"vocabulary": vocabulary.to_json()})


def _check_variety(vocabulary: Vocabulary, data: LanguageData) -> None:
    """Raises: DataError: There is nothing to tell apart."""
    used = set(vocabulary.encode(data.parts["train"]).tolist())
    if len(used) < 2:
        what = f"only one {vocabulary.kind.removesuffix('s')}"
        raise DataError(
            f"{data.corpus.source}: the training text holds {what}; a language model needs two different ones at least."
        )


def _check_length(tokens: int, values: dict[str, Any], data: LanguageData) -> None:
    """Raises: DataError: The text does not fill one chunk of each stream."""
    needed = values["batch_size"] * values["chunk_length"] + 1
    if tokens < needed:
        raise DataError(
            f"{data.corpus.source}: {tokens:,} tokens to learn from, but {values['batch_size']} streams (batch_size) of "
            f"{values['chunk_length']} steps (chunk_length) need {needed:,}; lower one of the two or give more text."
        )
