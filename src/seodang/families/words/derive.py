"""What is left open in the settings, derived from the text, each with its reason; and the vocabulary."""

from __future__ import annotations

from typing import Any

from seodang.core.errors import DataError, SettingsError
from seodang.core.family import Prepared
from seodang.core.values import Finding
from seodang.data.tokens import hangul_share
from seodang.families.words.data import WordsData, read_data
from seodang.families.words.settings import WordsSettings
from seodang.families.words.vocabulary import WordVocabulary

KOREAN_SHARE = 0.3  # from this share of letters on, a text is taken for Korean
LETTERS, SYLLABLES = (3, 6), (1, 4)  # lengths of pieces: in alphabets, as fastText; in Hangul, where a syllable says more
LEAST_BATCH, MOST_BATCH, STEPS = 1_000, 100_000, 200
RATES = {"skip-gram": 0.025, "cbow": 0.075}


def prepare(data: WordsData, settings: WordsSettings) -> Prepared[WordsSettings]:
    """Resolve the settings and fit the vocabulary.

    Raises:
        DataError: Fewer than two words are frequent enough.
        SettingsError: Settings that do not go together.
    """
    reasons: dict[str, str] = {}
    values: dict[str, Any] = {}
    flat = settings.to_flat()

    def derive(name: str, value: Any, reason: str) -> None:
        if flat[name] is None:
            values[name], reasons[name] = value, reason

    share = hangul_share(data.sample())
    korean = share >= KOREAN_SHARE
    why = f"{share:.0%} of the letters are Hangul; Korean words have many endings" if korean else "for Korean alone"
    derive("ngrams", korean, why)
    shortest, longest = SYLLABLES if korean else LETTERS
    if values.get("ngrams", settings.model.ngrams):
        derive("min_ngram", shortest, "syllables" if korean else "letters, as fastText")
        derive("max_ngram", longest, "syllables" if korean else "letters, as fastText")
    words = len(data.encoded.numbers)
    batch = max(LEAST_BATCH, min(MOST_BATCH, words * settings.training.epochs // STEPS))
    derive("batch_size", batch, f"about {STEPS} steps or more, so that the rate falls smoothly")
    rate = RATES[settings.model.method]
    derive(
        "learning_rate", rate, "as word2vec" if settings.model.method == "skip-gram" else "as corrected CBOW, arXiv:2012.15332"
    )
    resolved = settings.replaced(**values)
    _check(resolved)
    vocabulary = WordVocabulary.fit(data.encoded, resolved, data.source)
    return Prepared(resolved, reasons, {"vocabulary": vocabulary.to_json()})


def check_source(source: str, settings: WordsSettings) -> list[Finding]:
    """What would stop a training of this text, and how much of it the vocabulary leaves out."""
    try:
        data = read_data(source, settings)
        vocabulary = WordVocabulary.fit(data.encoded, settings, data.source)
    except DataError as error:
        return [Finding("error", source, str(error))]
    total = int(data.encoded.counts().sum())
    left_out = 1 - vocabulary.counts.sum() / total
    what = f"{total:,} words, {len(vocabulary.words):,} different ones get a vector; {left_out:.1%} of the text has none."
    return [Finding("note", source, what)]


def _check(settings: WordsSettings) -> None:
    shortest, longest = settings.model.min_ngram, settings.model.max_ngram
    if shortest is not None and longest is not None and shortest > longest:
        raise SettingsError(
            f"{{min_ngram}} ({shortest}) must not exceed {{max_ngram}} ({longest}).", settings=("min_ngram", "max_ngram")
        )
