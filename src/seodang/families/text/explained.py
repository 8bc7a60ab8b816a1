"""A text's own words, each with what it adds to the margin of a class."""

from __future__ import annotations

import html
import re
import unicodedata
from dataclasses import dataclass

import numpy as np
import torch

from seodang.data.tokens import TAG, WORD
from seodang.families.text.attribution import (
    Contributions,
    class_margin,
    combined,
    network_contributions,
    ngram_contributions,
)
from seodang.families.text.batches import EncodedTexts, Padding
from seodang.families.text.best import BestPredictor, known_tokens, member_settings, network_texts
from seodang.families.text.linear import row_lengths
from seodang.families.text.predictor import NetworkPredictor, TextPredictor
from seodang.families.text.tokens import SPACE, Vocabulary

CHUNK = re.compile(r"\S+")


@dataclass(frozen=True)
class ExplainedText:
    """A text's words with what each adds to the margin of a class."""

    words: tuple[str, ...]
    """As they stand in the text, with the signs and spaces behind them."""
    known: tuple[bool, ...]
    """Whether the vocabulary has the word."""
    contributions: Contributions
    unread: int
    """Tokens behind the last one that the model reads."""


def explain_text(predictor: TextPredictor, text: str, class_number: int) -> ExplainedText:
    """Which words of a text speak for a class, and which against it.

    Raises: TypeError: The predictor is neither a network nor `best`.
    """
    if isinstance(predictor, BestPredictor):
        contributions = best_contributions(predictor, text, class_number)
    elif isinstance(predictor, NetworkPredictor):
        tokens = predictor.encode([text])
        contributions = network_contributions(predictor.network, tokens, Padding(predictor.settings), class_number)
    else:
        raise TypeError(f"the words of a {type(predictor).__name__} cannot be weighed")
    words = surface_words(text, predictor.vocabulary)
    known = [token in predictor.vocabulary.numbers for token in predictor.vocabulary.split(text)] or [False]
    read = len(contributions.weights)
    return ExplainedText(tuple(words[:read]), tuple(known[:read]), contributions, len(words) - read)


def best_contributions(predictor: BestPredictor, text: str, class_number: int) -> Contributions:
    """What each token adds to the mixture's margin: the members' contributions, each by its weight in the mixture.

    A network that reads a shorter piece of the text gives nothing to the tokens behind it.
    """
    encoded = predictor.encode([text])
    parts = [linear_contributions(predictor, encoded, class_number)]
    member = member_settings(predictor.settings)
    for network in predictor.networks.values():
        parts.append(network_contributions(network, network_texts(encoded, member), Padding(member), class_number))
    length = max(len(part.weights) for part in parts)
    parts = [Contributions(np.pad(one.weights, (0, length - len(one.weights))), one.start, one.end) for one in parts]
    bias = float(class_margin(predictor.bias.unsqueeze(0), class_number))
    return combined(zip(predictor.weights.tolist(), parts, strict=True), bias)


def linear_contributions(predictor: BestPredictor, text: EncodedTexts, class_number: int) -> Contributions:
    """What each token of one text adds to the linear model's margin, exactly."""
    features, model = predictor.features, predictor.linear
    known = known_tokens(text)
    present = features.transform(known)
    scores = model.ratios * model.weights / row_lengths(present, model.ratios)  # (features, scores)
    values = class_margin(torch.from_numpy(scores), class_number).numpy()
    start = float(class_margin(torch.from_numpy(model.bias).unsqueeze(0), class_number))
    places = features.columns(known, len(features.keys))
    return ngram_contributions(len(known.numbers), list(places.T), values, start)


def surface_words(text: str, vocabulary: Vocabulary) -> list[str]:
    """For each token the piece of the text that it stands for, with the signs and spaces around it; HTML is left out.

    Words are cut from the text as its author wrote it; syllables are themselves; of a morpheme its form is shown, for it may
    be contracted in the text. A text without tokens is one piece.
    """
    if vocabulary.kind == "words":
        return _cut_words(html.unescape(TAG.sub(" ", text))) or [text.strip()]
    tokens = vocabulary.split(text)
    if vocabulary.kind == "syllables":
        return [" " if token == SPACE else token for token in tokens] or [text.strip()]
    return [token.rpartition("/")[0] + " " for token in tokens] or [text.strip()]


def _cut_words(text: str) -> list[str]:
    """The words of a text, each with what follows it up to the next; no word goes past white space."""
    starts = [
        chunk.start() + _origin(chunk[0], match.start())
        for chunk in CHUNK.finditer(text)
        for match in WORD.finditer(_folded(chunk[0]))
    ]
    return [text[begin:end] for begin, end in zip([0, *starts[1:]], [*starts[1:], len(text)], strict=True)] if starts else []


def _origin(chunk: str, place: int) -> int:
    """The place in a chunk of the letter that stands at a place after cleaning, which may join letters or make more of them."""
    if place == 0 or chunk.isascii():
        return place
    return next(n for n in range(len(chunk)) if len(_folded(chunk[: n + 1])) > place)


def _folded(text: str) -> str:
    """What `clean` does to letters."""
    return unicodedata.normalize("NFC", text.casefold())
