"""What is left open in the settings, derived from the text, each with its reason; and the vocabulary fitted to it."""

from __future__ import annotations

from typing import Any

from seodang.core.errors import DataError, SettingsError
from seodang.core.family import Prepared
from seodang.families.language.data import LanguageData
from seodang.families.language.kneser_ney import ORDERS, best_order
from seodang.families.language.ngram_rows import MOST_KNOWN
from seodang.families.language.settings import LanguageSettings
from seodang.families.language.tokens import Vocabulary

CHUNK_LENGTH = 200
STREAMS = 32
CHUNKS_A_STREAM = 8  # at least: with fewer, most of an epoch is read with next to nothing to remember
LEARNING_RATE = 4e-3
LOWER_RATE, LARGE = 2e-3, 512  # of large states that build on n-grams: 1.488 nats on tiny Shakespeare's watched text, not 1.503
EPOCHS = 10
WORD_DIMENSIONS = 256
SIZES = ((20_000, 64), (200_000, 128), (1_000_000, 512))
"""State of a layer for texts of up to so many tokens."""
LARGEST = 768
DROPOUTS = ((200_000, 0.5), (2_000_000, 0.4))
"""Dropout for texts of up to so many tokens."""
LEAST_DROPOUT = 0.2
CHUNK_BY_HEART = 50
BY_HEART = {"hidden_size": 32, "embedding_dim": 16, "dropout": 0.0, "learning_rate": 1e-2, "batch_size": 1, "epochs": 30}
"""For a text that is learned by heart, in a second: nothing that keeps a network from just that."""


def prepare(data: LanguageData, settings: LanguageSettings) -> Prepared[LanguageSettings]:
    """Resolve settings and fit the vocabulary to the training text.

    Raises:
        DataError: The text is too short for the chunks asked for, or of one word.
        SettingsError: Settings that do not go together.
    """
    kind = settings.data.tokens
    vocabulary = Vocabulary.fit(data.parts["train"], kind, settings.data.vocabulary_size if kind == "words" else None)
    numbers = vocabulary.encode(data.parts["train"])
    _check_variety(len(set(numbers.tolist())), vocabulary, data)
    flat = settings.to_flat()
    _check_ngrams(settings.model.ngrams, vocabulary, len(numbers))
    ngrams: tuple[int, str] = (settings.model.ngrams or 0, "asked for")
    if settings.model.ngrams is None:
        ngrams = _ngrams(vocabulary, data, len(numbers))
    derived: dict[str, tuple[Any, str]] = {
        **_derived(flat, vocabulary, data, len(numbers), ngrams[0]),
        "ngrams": ngrams,
    }
    values = {name: value if flat[name] is None else flat[name] for name, (value, _) in derived.items()}
    reasons = {name: reason for name, (value, reason) in derived.items() if flat[name] is None and value is not None}
    _check_length(len(numbers), values, data)
    if values["tie_weights"] and values["embedding_dim"] != values["hidden_size"]:
        sizes = f"{values['embedding_dim']} and {values['hidden_size']}"
        raise SettingsError(
            f"{{tie_weights}} needs {{embedding_dim}} and {{hidden_size}} to be equal, got {sizes}.",
            settings=("tie_weights", "embedding_dim", "hidden_size"),
        )
    preprocessing: dict[str, Any] = {"vocabulary": vocabulary.to_json()}
    if order := values["ngrams"]:
        preprocessing["ngrams"] = [len(one.keys) for one in data.counts(vocabulary, order, watched=True).orders[:order]]
    return Prepared(settings.replaced(**values), reasons, preprocessing)


def _ngrams(vocabulary: Vocabulary, data: LanguageData, tokens: int) -> tuple[int, str]:
    """Which n-grams the network builds on, and why."""
    if data.by_heart:
        return 0, "for a text that is learned by heart"
    if tokens * vocabulary.size > MOST_KNOWN:
        return 0, f"{tokens:,} tokens times a vocabulary of {vocabulary.size:,} are too many chances to keep"
    orders = ORDERS[vocabulary.kind]
    watched = vocabulary.encode(data.parts["validation"])
    order, nats = best_order(data.counts(vocabulary, max(orders)), watched, orders)
    return order, f"the order that the watched text likes best: {nats:.3f} nats a token before any training"


def _check_ngrams(order: int | None, vocabulary: Vocabulary, tokens: int) -> None:
    """Raises: SettingsError: What n-grams asked for expect of the training text would not fit."""
    if order and tokens * vocabulary.size > MOST_KNOWN:
        words = vocabulary.kind == "words"
        smaller = "smaller {tokens} or a smaller {vocabulary_size}" if words else "smaller {tokens}"
        raise SettingsError(
            f"{{ngrams}} needs a chance of each of {vocabulary.size:,} tokens at each of {tokens:,} places, at most "
            f"{MOST_KNOWN:,} in all; leave it out, or take {smaller}.",
            settings=("ngrams", "tokens", *(("vocabulary_size",) if words else ())),
            value=order,
        )


def _derived(
    flat: dict[str, Any], vocabulary: Vocabulary, data: LanguageData, tokens: int, ngrams: int
) -> dict[str, tuple[Any, str]]:
    """What each open setting of the network and its training becomes, and why."""
    if data.by_heart:
        length = min(CHUNK_BY_HEART, len(vocabulary.encode(data.by_heart)))
        found = {name: (value, "for a text that is learned by heart") for name, value in BY_HEART.items()}
        if flat["minutes"]:  # `pace` turns them into epochs
            del found["epochs"]
        return {
            **found,
            "chunk_length": (length, "one repetition, if it is short"),
            "tie_weights": (False, "the table is small"),
        }
    words = vocabulary.kind == "words"
    size = flat["hidden_size"] or next((size for most, size in SIZES if tokens <= most), LARGEST)
    width = flat["embedding_dim"] or (min(WORD_DIMENSIONS, size) if words else size)
    length = flat["chunk_length"] or min(CHUNK_LENGTH, max(1, tokens // CHUNKS_A_STREAM))
    streams = max(1, min(STREAMS, tokens // (length * CHUNKS_A_STREAM)))
    dropout = next((share for most, share in DROPOUTS if tokens <= most), LEAST_DROPOUT)
    rate = LOWER_RATE if ngrams and size >= LARGE else LEARNING_RATE
    return {
        "hidden_size": (size, f"for {tokens:,} tokens to learn from"),
        "embedding_dim": (width, "tables of words are large" if words and width < size else "as wide as the state"),
        "tie_weights": (words and width == size, "pays where the table is large"),
        "dropout": (dropout, "the less text, the more is needed"),
        "chunk_length": (length, "gradients seldom reach further"),
        "batch_size": (streams, "streams long enough to remember something in"),
        "learning_rate": (rate, "falls to 0 along a cosine, so it may start high"),
        "epochs": (None if flat["minutes"] else EPOCHS, "the rate reaches 0 at the last"),
    }


def _check_variety(different: int, vocabulary: Vocabulary, data: LanguageData) -> None:
    """Raises: DataError: There is nothing to tell apart."""
    if different < 2:
        one = {"characters": "character", "bytes": "byte", "words": "word", "jamo": "letter"}[vocabulary.kind]
        raise DataError(
            f"{data.corpus.source}: the training text holds only one {one}, {vocabulary.tokens[-1]!r}, again and again; a "
            "language model needs two different ones at least."
        )


def _check_length(tokens: int, values: dict[str, Any], data: LanguageData) -> None:
    """Raises: DataError: The text does not fill one chunk of each stream."""
    needed = values["batch_size"] * values["chunk_length"] + 1
    if tokens < needed:
        raise DataError(
            f"{data.corpus.source}: {tokens:,} tokens to learn from, but {{batch_size}} {values['batch_size']} streams of "
            f"{{chunk_length}} {values['chunk_length']} steps need {needed:,}; lower one of the two or give more text.",
            settings=("batch_size", "chunk_length"),
        )
