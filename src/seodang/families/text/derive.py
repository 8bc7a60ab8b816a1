"""What is left open in the settings, derived from the data, each with its reason; and what is fitted to the data."""

from __future__ import annotations

import re
from typing import Any

from seodang.core.errors import SettingsError
from seodang.core.family import Prepared
from seodang.families.text.data import TextData
from seodang.families.text.pretrained import check_size, count_found, starting_vectors
from seodang.families.text.settings import RECURRENT, TextSettings
from seodang.families.text.tokens import SPECIAL, choose_tokens

POOLING = {"dnn": ("mean", "flatten"), **dict.fromkeys(RECURRENT, ("max", "last"))}
EMBEDDING_DIM = 128
DROPOUT = 0.5
WORD_DROPOUT, RECURRENT_WORD_DROPOUT = 0.4, 0.3
LEARNING_RATE = 2e-3
EPOCHS = 10
BEST_EPOCHS = 4
BATCH_SIZE = 32


def prepare(data: TextData, settings: TextSettings) -> Prepared[TextSettings]:
    """Resolve settings and fit vocabulary and label names to the training texts.

    Raises: SettingsError: Settings that do not go together.
    """
    reasons: dict[str, str] = {}
    values: dict[str, Any] = {}

    def derive(name: str, value: Any, reason: str) -> None:
        if flat[name] is None and name not in values:
            values[name], reasons[name] = value, reason

    flat = settings.to_flat()
    model = settings.model.model
    vectors = None if settings.model.embedding is None else starting_vectors(settings.model.embedding)
    if vectors is not None:
        check_size(settings, vectors)
    kind, why = choose_tokens(data.parts["train"].texts)
    derive("tokens", kind, why)
    if model == "best":
        derive("epochs", BEST_EPOCHS, "of each network; the mixture corrects what a longer training would")
    else:
        if vectors is not None:
            derive("embedding_dim", vectors.dimensions, "as the vectors have")
        derive("embedding_dim", EMBEDDING_DIM, "enough for a vocabulary of thousands")
        derive("dropout", DROPOUT, "usual for dense layers")
        leave_out = RECURRENT_WORD_DROPOUT if model in RECURRENT else WORD_DROPOUT
        derive("word_dropout", leave_out, "keeps the network from leaning on single words")
        derive("epochs", EPOCHS, "early stopping ends sooner when validation stops improving")
        derive("learning_rate", LEARNING_RATE, "falls to 0 along a cosine, so it may start high")
    derive("batch_size", BATCH_SIZE, "many small steps learn more from an epoch than few large ones")
    if model == "dnn":
        derive("pooling", "mean", "takes texts of any length")
    elif model in RECURRENT and settings.model.read_padding:
        derive("pooling", "last", "what a layer returns that reads the padding too")
    elif model in RECURRENT:
        derive("pooling", "max", "gives every word a short path to the loss")
    resolved = settings.replaced(**values)
    _check(resolved)
    tokens = resolved.tokens.tokens
    assert tokens is not None
    tokenised = data.tokenised("train", tokens)
    size = len(SPECIAL) + int((tokenised.counts() > 1).sum()) if model == "best" else resolved.tokens.vocabulary_size
    vocabulary = tokenised.vocabulary(size)
    labels = label_order(data.parts["train"].labels)
    if vectors is not None:
        reasons["embedding_dim"] = count_found(vocabulary, vectors)
    return Prepared(resolved, reasons, {"labels": labels, "vocabulary": vocabulary.to_json()})


def label_order(labels: list[str]) -> list[str]:
    """The classes in alphabetical order, whole numbers by value."""
    found = set(labels)
    if all(re.fullmatch(r"-?\d+", label) for label in found):
        return sorted(found, key=lambda label: (int(label), label))  # "1" and "01" are two labels, in one order
    return sorted(found)


def _check(settings: TextSettings) -> None:
    model = settings.model
    if model.model in POOLING and model.pooling not in POOLING[model.model]:
        allowed = " or ".join(POOLING[model.model])
        raise SettingsError(
            f"{{pooling}} must be {allowed} when {{model}} is {model.model}, got {model.pooling}.",
            settings=("pooling", "model"),
        )
    if model.model == "cnn" and model.kernel_size > settings.tokens.max_length:
        raise SettingsError(
            f"{{kernel_size}} ({model.kernel_size}) must not exceed {{max_length}} ({settings.tokens.max_length}).",
            settings=("kernel_size", "max_length"),
        )
