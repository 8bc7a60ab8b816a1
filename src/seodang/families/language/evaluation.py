"""How well a text is foreseen: nats, bits and perplexity, beside smoothed n-grams and the uniform bound."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from seodang.core.family import Evaluation, Grid, Measure
from seodang.families.language.kneser_ney import KneserNey, choose_order
from seodang.families.language.tokens import Vocabulary, utf8
from seodang.metrics.intervals import Z95

Nats = NDArray[np.float64]
Tokens = NDArray[np.int32]

BLOCK = 500  # tokens: neighbours are hard or easy together, blocks of so many nearly know nothing of each other
ORDERS: Mapping[str, tuple[int, ...]] = {
    "characters": (4, 5, 6, 7),
    "bytes": (4, 5, 6, 7),
    "jamo": (5, 6, 7, 8),
    "words": (2, 3, 4),
}
PLACES = 8  # slices of the text in the table of places
NAME = "modified Kneser-Ney n-grams"


def evaluate_text(
    source: str, vocabulary: Vocabulary, text: str, nats: Nats, yardstick: Nats | None = None, yardstick_order: int = 0
) -> Evaluation:
    """Measures with 95 % intervals, beside the yardstick's.

    Args:
        source: Where the text comes from, in words.
        vocabulary: Of its tokens.
        text: The text.
        nats: (tokens,), surprise at each token of it.
        yardstick: (tokens,), the yardstick's surprise at the same tokens.
        yardstick_order: Tokens of its longest n-gram.
    """
    uniform = math.log(vocabulary.size)
    rows: list[tuple[str, float, float]] = [("this model", nats.mean(), math.exp(nats.mean()))]
    if yardstick is not None:
        rows.append((f"{NAME} of order {yardstick_order}", yardstick.mean(), math.exp(yardstick.mean())))
    rows.append(("uniform bound", uniform, math.exp(uniform)))
    unknown = vocabulary.unknown(text)
    notes = [f"{len(unknown):,} of its tokens were unseen in training: {' '.join(map(repr, unknown[:5]))}"] if unknown else []
    return Evaluation(
        source=source,
        rows=len(nats),
        measures=measures(nats, text),
        yardstick_name=f"{NAME} of order {yardstick_order}" if yardstick is not None else "",
        yardstick={} if yardstick is None else measures(yardstick, text),
        tables={
            "bounds": Grid(("model", "nats a token", "perplexity"), tuple((a, float(b), float(c)) for a, b, c in rows)),
            "places": _place_table(nats),
        },
        notes=tuple(notes),
    )


def measures(nats: Nats, text: str) -> dict[str, Measure]:
    """Nats a token, bits a character and perplexity, each with its 95 % interval."""
    low, mean, high = _interval(nats)
    bits = len(nats) / max(len(text), 1) / math.log(2)
    return {
        "nats": Measure(mean, low, high),
        "bits_per_character": Measure(mean * bits, low * bits, high * bits),
        "perplexity": Measure(math.exp(mean), math.exp(low), math.exp(high)),
    }


def yardstick_nats(vocabulary: Vocabulary, train: Tokens, watched: Tokens, text: Tokens) -> tuple[Nats, int]:
    """The yardstick's surprise at each token of a text, and the order that was best on the watched part of the training text."""
    order, _ = choose_order(train, watched, vocabulary.size, ORDERS[vocabulary.kind])
    whole = np.concatenate([train, watched])
    return KneserNey.fit(whole, vocabulary.size, order).nats(text, history=whole[-order:]), order


def _interval(nats: Nats) -> tuple[float, float, float]:
    """Low end, mean and high end: a mean of block means, since neighbouring tokens are no independent witnesses."""
    mean = float(nats.mean())
    blocks = len(nats) // BLOCK
    if blocks < 2:
        deviation = float(nats.std()) / math.sqrt(max(len(nats), 1))
    else:
        deviation = float(nats[: blocks * BLOCK].reshape(blocks, BLOCK).mean(1).std(ddof=1)) / math.sqrt(blocks)
    return mean - Z95 * deviation, mean, mean + Z95 * deviation


def _place_table(nats: Nats) -> Grid:
    """Whether some stretch of the text is harder than the rest."""
    edges = np.linspace(0, len(nats), min(PLACES, len(nats)) + 1).astype(int)
    rows = [(f"{a:,} to {b:,}", float(nats[a:b].mean())) for a, b in zip(edges, edges[1:], strict=False) if b > a]
    return Grid(("tokens", "nats a token"), tuple(rows))
