"""How well a text is foreseen: nats, bits and perplexity, beside smoothed n-grams and the uniform bound."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from scipy.stats import t as student

from seodang.core.family import Evaluation, Measure
from seodang.core.values import Table
from seodang.families.language.data import LanguageData
from seodang.families.language.dynamic import adapting
from seodang.families.language.kneser_ney import ORDERS, KneserNey, choose_order
from seodang.families.language.ngram_rows import NgramRows
from seodang.families.language.predictor import NAMED, LanguagePredictor, NetworkPredictor
from seodang.families.language.scoring import Nats, Tokens
from seodang.families.language.tokens import UNKNOWN, Vocabulary

BLOCK = 500  # tokens: neighbours are hard or easy together, blocks of so many nearly know nothing of each other
PLACES = 8  # slices of the text in the table of places
DYNAMIC_TOKENS = 5_000  # of the text, its beginning, that dynamic evaluation reads: one step after another takes its time
SHARES = tuple(np.linspace(0, 1, 21).round(2).tolist())  # of the model in a mixture with the n-grams
NAME = "modified Kneser-Ney n-grams"


def evaluate_data(predictor: LanguagePredictor, data: LanguageData) -> Evaluation:
    """Measure on the end of the text, which was never learned from, with everything before it remembered."""
    vocabulary = predictor.vocabulary
    text = data.parts["test"]
    train, watched, tokens = (vocabulary.encode(data.parts[name]) for name in ("train", "validation", "test"))
    before = np.concatenate([train, watched])
    nats = predictor.nats(text, data.parts["train"] + data.parts["validation"])
    if data.by_heart:
        return evaluate_text(data.corpus.source, vocabulary, text, nats, notes=data.corpus.notes)
    yardstick, watched_yardstick, order = yardstick_nats(vocabulary, train, watched, tokens)
    found = evaluate_text(f"the end of {data.corpus.source}", vocabulary, text, nats, yardstick, order)
    if not predictor.settings.model.ngrams:  # else they are in the model already
        share = mixing_share(predictor.nats(data.parts["validation"], data.parts["train"]), watched_yardstick)
        found = Evaluation(**{**vars(found), "tables": {**found.tables, "mixed": mixed_table(nats, yardstick, share)}})
    if not isinstance(predictor, NetworkPredictor):  # an exported model cannot learn
        return found
    read = min(DYNAMIC_TOKENS, len(tokens))
    kept = predictor.settings.model.ngrams
    ngrams = NgramRows.of(data.counts(vocabulary, kept).model(kept)).to(predictor.device.torch) if kept else None
    known = data.known(vocabulary, kept) if kept else None
    dynamic = adapting(predictor.network, train, watched, predictor.device, ngrams, known).nats(tokens[:read], before)
    table = dynamic_table(nats[:read], dynamic)
    return Evaluation(**{**vars(found), "tables": {**found.tables, "dynamic": table}})


def evaluate_text(
    source: str,
    vocabulary: Vocabulary,
    text: str,
    nats: Nats,
    yardstick: Nats | None = None,
    yardstick_order: int = 0,
    notes: tuple[str, ...] = (),
) -> Evaluation:
    """Measures with 95 % intervals, beside the yardstick's.

    Args:
        source: Where the text comes from, in words.
        vocabulary: Of its tokens.
        text: The text.
        nats: Surprise at its last tokens: at all of them, or at all but the first.
        yardstick: The yardstick's surprise at the same tokens.
        yardstick_order: Tokens of its longest n-gram.
        notes: What a reader should know.
    """
    characters = len(text) * len(nats) / max(len(vocabulary.encode(text)), 1)
    name = f"{NAME} of order {yardstick_order}" if yardstick is not None else ""
    bounds = {"this model": float(nats.mean()), "uniform bound": math.log(vocabulary.size)}
    if yardstick is not None:
        bounds = {"this model": float(nats.mean()), name: float(yardstick.mean()), "uniform bound": math.log(vocabulary.size)}
    notes = (*notes, *unknown_note(vocabulary, text))
    rows = tuple((model, value, math.exp(value)) for model, value in sorted(bounds.items(), key=lambda item: item[1]))
    return Evaluation(
        source=source,
        rows=len(nats),
        unit="tokens",
        measures=measures(nats, characters),
        yardstick_name=name,
        yardstick={} if yardstick is None else measures(yardstick, characters),
        tables={"bounds": Table(("model", "nats a token", "perplexity"), rows), "places": place_table(nats)},
        notes=notes,
    )


def unknown_note(vocabulary: Vocabulary, text: str) -> tuple[str, ...]:
    """How much of a text the vocabulary does not have, since whatever is unknown is easily foreseen as such."""
    unknown = vocabulary.unknown(text)
    if not unknown:
        return ()
    numbers = vocabulary.encode(text)
    count = int((numbers == UNKNOWN).sum())
    shown = " ".join(map(repr, unknown[:NAMED])) + (" ..." if len(unknown) > NAMED else "")
    return (
        f"{count:,} of {len(numbers):,} tokens ({100 * count / len(numbers):.1f} %) are not in the vocabulary and count as one "
        f"and the same unknown token, which flatters the measures: {shown}",
    )


def measures(nats: Nats, characters: float) -> dict[str, Measure]:
    """Nats a token, bits a character and perplexity, each with its 95 % interval."""
    low, mean, high = interval(nats)
    bits = len(nats) / max(characters, 1) / math.log(2)
    if low is None or high is None:
        return {
            "nats": Measure(mean),
            "bits_per_character": Measure(mean * bits),
            "perplexity": Measure(math.exp(mean)),
        }
    return {
        "nats": Measure(mean, low, high),
        "bits_per_character": Measure(mean * bits, low * bits, high * bits),
        "perplexity": Measure(math.exp(mean), math.exp(low), math.exp(high)),
    }


def yardstick_nats(vocabulary: Vocabulary, train: Tokens, watched: Tokens, text: Tokens) -> tuple[Nats, Nats, int]:
    """The yardstick's surprise at each token of a text and of the watched part before it, and its order, the best one there."""
    order, _ = choose_order(train, watched, vocabulary.size, ORDERS[vocabulary.kind])
    on_watched = KneserNey.fit(train, vocabulary.size, order).nats(watched, history=train[-order:])
    whole = np.concatenate([train, watched])
    return KneserNey.fit(whole, vocabulary.size, order).nats(text, history=whole[-order:]), on_watched, order


def mixing_share(model: Nats, yardstick: Nats) -> float:
    """Which part of a mixture of both probabilities should be the model's, found on the watched text; 0 to 1."""
    best: float = min(SHARES, key=lambda share: float(mixed_nats(model, yardstick, share).mean()))
    return best


def mixed_nats(model: Nats, yardstick: Nats, share: float) -> Nats:
    """Surprise at each token of a model whose probability is a weighted mean of both."""
    with np.errstate(divide="ignore"):  # a share of 0 or 1 leaves the other alone
        nats: Nats = -np.logaddexp(np.log(share) - model, np.log(1 - share) - yardstick)
    return nats


def mixed_table(model: Nats, yardstick: Nats, share: float) -> Table:
    """What model and n-grams foresee together, as Mikolov et al. 2010 mix theirs: a measure of its own."""
    low, mean, high = interval(mixed_nats(model, yardstick, share))
    note = "The mean of both probabilities, weighted as the watched text likes best; the model alone writes."
    return Table(
        ("mixture", "nats a token", "low", "high"), ((f"{share:.2f} model, {1 - share:.2f} n-grams", mean, low, high),), (note,)
    )


def dynamic_table(static: Nats, dynamic: Nats) -> Table:
    """The model as it is and while it adapts, on the same tokens, and the difference with its own interval."""
    rows = []
    for name, nats in (("as it is", static), ("adapting as it reads", dynamic), ("gained by adapting", static - dynamic)):
        low, mean, high = interval(nats)
        rows.append((name, len(nats), mean, low, high))
    note = (
        "Dynamic evaluation (Krause et al. 2018), a measure of its own: the model learns from each token after it was scored."
    )
    return Table(("model", "tokens", "nats a token", "low", "high"), tuple(rows), (note,))


def interval(nats: Nats) -> tuple[float | None, float, float | None]:
    """Low end, mean and high end: a mean of block means, since neighbouring tokens are no independent witnesses.

    Student's distribution, because few blocks know little of their own spread; a text of less than two has no interval.
    """
    mean = float(nats.mean())
    blocks = len(nats) // BLOCK
    if blocks < 2:
        return None, mean, None
    deviation = float(nats[: blocks * BLOCK].reshape(blocks, BLOCK).mean(1).std(ddof=1)) / math.sqrt(blocks)
    reach = float(student.ppf(0.975, blocks - 1)) * deviation
    return mean - reach, mean, mean + reach


def place_table(nats: Nats) -> Table:
    """Whether some stretch of the text is harder than the rest."""
    edges = np.linspace(0, len(nats), min(PLACES, len(nats)) + 1).astype(int).tolist()
    rows = [(f"{start + 1:,} to {end:,}", float(nats[start:end].mean())) for start, end in pairwise(edges)]
    return Table(("tokens", "nats a token"), tuple(rows))
