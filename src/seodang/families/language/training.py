"""The one stage of training: a network on the training text, watched on the text behind it."""

from __future__ import annotations

from seodang.core.family import StageContext
from seodang.core.learner import Budget, Work
from seodang.families.language.data import LanguageData
from seodang.families.language.learner import LanguageLearner, LanguageValidation
from seodang.families.language.model import build_network
from seodang.families.language.ngram_rows import NgramRows
from seodang.families.language.settings import LanguageSettings
from seodang.families.language.streams import StreamSource
from seodang.families.language.tokens import Vocabulary


def train_network(context: StageContext[LanguageSettings, LanguageData]) -> Work:
    """Everything that `fit` needs."""
    settings, device = context.settings, context.device
    training = settings.training
    assert training.learning_rate is not None and training.epochs is not None
    assert training.batch_size is not None and training.chunk_length is not None
    vocabulary = Vocabulary.from_json(context.preprocessing["vocabulary"])
    train, watched = (vocabulary.encode(context.data.parts[name]) for name in ("train", "validation"))
    order, ngrams, unwatched, known = settings.model.ngrams, None, None, None
    if order:
        # The finished model's have read all before the held-out text; what watches training must not know the answers.
        ngrams = NgramRows.of(context.data.counts(vocabulary, order, watched=True).model(order))
        unwatched = NgramRows.of(context.data.counts(vocabulary, order).model(order)).to(device.torch)
        known = context.data.known(vocabulary, order)
    network = build_network(settings, vocabulary.size, ngrams).to(device.torch)
    learner = LanguageLearner(
        network, training.batch_size, training.learning_rate, training.weight_decay, device, training.clip_norm
    )
    budget = Budget(
        training.epochs, training.seed, training.schedule, training.warmup_fraction, training.patience, training.steps
    )
    return Work(
        learner,
        StreamSource(train, training.batch_size, training.chunk_length, device.torch, known),
        budget,
        LanguageValidation(network, vocabulary, train, watched, device, unwatched),
    )
