"""From settings to a network."""

from __future__ import annotations

from collections.abc import Callable

from seodang.families.text.cnn import ConvolutionalNetwork
from seodang.families.text.dnn import DenseNetwork
from seodang.families.text.gru import GatedRecurrentNetwork
from seodang.families.text.head import TextNetwork
from seodang.families.text.lstm import LongShortTermMemoryNetwork
from seodang.families.text.recurrence import RecurrentNetwork
from seodang.families.text.rnn import PlainRecurrentNetwork
from seodang.families.text.settings import TextSettings
from seodang.families.text.views import RegionViews

RECURRENT: dict[str, Callable[..., RecurrentNetwork]] = {
    "rnn": PlainRecurrentNetwork,
    "gru": GatedRecurrentNetwork,
    "lstm": LongShortTermMemoryNetwork,
}


def build_network(
    settings: TextSettings, vocabulary_size: int, num_classes: int, views: RegionViews | None = None
) -> TextNetwork:
    """The network that resolved settings describe, with fresh weights; a cnn may be given views of regions."""
    chosen = settings.model
    assert chosen.embedding_dim is not None and chosen.dropout is not None, "settings are resolved before a network is built"
    outputs = 1 if num_classes == 2 else num_classes
    if chosen.model == "cnn":
        return ConvolutionalNetwork(
            vocabulary_size,
            chosen.embedding_dim,
            chosen.filters,
            chosen.kernel_size,
            chosen.dense_size,
            outputs,
            chosen.dropout,
            chosen.word_dropout or 0.0,
            views,
        )
    if chosen.model == "dnn":
        return DenseNetwork(
            vocabulary_size,
            chosen.embedding_dim,
            settings.tokens.max_length,
            "flatten" if chosen.pooling == "flatten" else "mean",
            chosen.dense_size,
            outputs,
            chosen.dropout,
            chosen.read_padding,
            chosen.word_dropout or 0.0,
        )
    return RECURRENT[chosen.model](
        vocabulary_size,
        chosen.embedding_dim,
        chosen.hidden_size,
        "last" if chosen.pooling == "last" else "max",
        chosen.dense_size,
        outputs,
        chosen.dropout,
        chosen.read_padding,
        chosen.word_dropout or 0.0,
    )
