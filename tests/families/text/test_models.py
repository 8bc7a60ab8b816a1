"""The networks: their sizes by hand, what they read and what they ignore, and that each of them learns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sentences
import torch
from sentences import FIVE, TINY
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from seodang.core.errors import SettingsError
from seodang.families.text.batches import EncodedTexts, Padding, reading_order
from seodang.families.text.data import read_data
from seodang.families.text.derive import prepare
from seodang.families.text.head import TextNetwork
from seodang.families.text.learner import class_probabilities, cross_entropy, predicted_classes
from seodang.families.text.model import build_network
from seodang.families.text.recurrence import RecurrentNetwork, reverse
from seodang.families.text.settings import TextSettings, classic

MODELS = ("dnn", "cnn", "rnn", "gru", "lstm")
VOCABULARY = 50
SMALL = {"embedding_dim": 8, "dropout": 0.5, "word_dropout": 0.0, "dense_size": 12, "max_length": 30}
OWN: dict[str, dict[str, Any]] = {
    "dnn": {"pooling": "mean"},
    "cnn": {"filters": 20},
    "rnn": {"hidden_size": 6, "pooling": "max"},
    "gru": {"hidden_size": 6, "pooling": "max"},
    "lstm": {"hidden_size": 6, "pooling": "max"},
}


def network(model: str, num_classes: int = 2, **given: Any) -> TextNetwork:
    """A small network with fresh weights, in evaluation mode."""
    torch.manual_seed(0)
    settings = TextSettings.from_flat({**SMALL, **OWN[model], "model": model, **given})
    return build_network(settings, VOCABULARY, num_classes).eval()


def texts(*lengths: int, width: int) -> tuple[Tensor, Tensor]:
    """Random texts of these lengths, zeros behind their ends."""
    torch.manual_seed(1)
    tokens = torch.zeros(len(lengths), width, dtype=torch.int64)
    for row, length in enumerate(lengths):
        tokens[row, :length] = torch.randint(1, VOCABULARY, (length,))
    return tokens, torch.tensor(lengths)


def further(tokens: Tensor, more: int) -> Tensor:
    """The same texts, padded with more zeros."""
    return nn.functional.pad(tokens, (0, more))


def scores(net: TextNetwork, tokens: Tensor, lengths: Tensor) -> Tensor:
    with torch.inference_mode():
        return net(tokens, lengths)


def parameters(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


def classic_network(model: str, num_classes: int = 2) -> TextNetwork:
    given = {**classic(), "model": model}
    if model != "cnn":
        given["pooling"] = "mean" if model == "dnn" else "last"
    return build_network(TextSettings.from_flat(given), 4000, num_classes).eval()


def test_parameters_of_the_tutorial_networks_by_hand() -> None:
    embedding, output = 4000 * 64, 250 + 1
    lstm_direction = 4 * (64 * 64 + 64 * 64 + 64)  # four gates: from the word, from the state, bias
    keras_lstm = embedding + 2 * lstm_direction + (128 * 250 + 250) + output
    assert keras_lstm == 354_549
    second_biases = 2 * 4 * 64  # PyTorch has a bias for the word and one for the state
    assert parameters(classic_network("lstm")) == keras_lstm + second_biases
    cnn = embedding + (250 * 64 * 3 + 250) + (250 * 250 + 250) + output
    assert parameters(classic_network("cnn")) == cnn == 367_251
    gru = embedding + 2 * 3 * (64 * 64 + 64 * 64 + 2 * 64) + (128 * 250 + 250) + output
    assert parameters(classic_network("gru")) == gru
    rnn = embedding + 2 * (64 * 64 + 64 * 64 + 2 * 64) + (128 * 250 + 250) + output
    assert parameters(classic_network("rnn")) == rnn
    assert parameters(classic_network("dnn")) == embedding + (64 * 250 + 250) + output
    assert parameters(classic_network("cnn", num_classes=5)) == cnn - output + 5 * output


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("num_classes", "outputs"), [(2, 1), (5, 5)])
def test_one_score_for_two_classes_else_one_a_class(model: str, num_classes: int, outputs: int) -> None:
    logits = scores(network(model, num_classes), *texts(9, 1, 4, width=12))
    assert logits.shape == (3, outputs) and logits.dtype == torch.float32
    probabilities = class_probabilities(logits)
    assert probabilities.shape == (3, num_classes)
    torch.testing.assert_close(probabilities.sum(1), torch.ones(3))
    assert predicted_classes(logits).tolist() == probabilities.argmax(1).tolist()


@pytest.mark.parametrize(
    ("model", "given"),
    [("dnn", {}), *((model, {"pooling": pooling}) for model in ("rnn", "gru", "lstm") for pooling in ("max", "last"))],
)
def test_padding_further_changes_nothing(model: str, given: dict[str, Any]) -> None:
    net = network(model, **given)
    tokens, lengths = texts(10, 3, 1, 7, width=10)
    expected = scores(net, tokens, lengths)
    for more in (1, 5, 20):
        # Another width may be summed up in another order, so the last digit is free.
        torch.testing.assert_close(scores(net, further(tokens, more), lengths), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("kernel_size", [1, 3, 5])
def test_the_convolution_ignores_padding_behind_kernel_size_zeros(kernel_size: int) -> None:
    net = network("cnn", kernel_size=kernel_size)
    tokens, lengths = texts(10, 3, 1, 7, width=10)
    expected = scores(net, further(tokens, kernel_size), lengths)
    for more in (1, 5, 20):
        torch.testing.assert_close(scores(net, further(tokens, kernel_size + more), lengths), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("model", MODELS)
def test_classic_reads_the_padding(model: str) -> None:
    given = {} if model == "cnn" else {"read_padding": True}
    if model in ("rnn", "gru", "lstm"):
        given = {**given, "pooling": "last"}
    net = network(model, **given)
    with torch.no_grad():
        net.embedding.weight[0] = 3.0  # zeros that cannot be overlooked
    tokens, lengths = texts(10, 3, width=10)
    assert not torch.allclose(scores(net, further(tokens, 8), lengths), scores(net, tokens, lengths), atol=1e-4)


@pytest.mark.parametrize("model", MODELS)
def test_a_text_alone_scores_as_among_others(model: str) -> None:
    net = network(model)
    tokens, lengths = texts(10, 3, 1, 7, width=14)
    together = scores(net, tokens, lengths)
    alone = torch.cat([scores(net, tokens[row : row + 1], lengths[row : row + 1]) for row in range(4)])
    torch.testing.assert_close(alone, together, rtol=0, atol=1e-6)


@pytest.mark.parametrize("pooling", ["max", "last"])
@pytest.mark.parametrize("model", ["rnn", "gru", "lstm"])
def test_both_directions_equal_torchs_packed_layer(model: str, pooling: str) -> None:
    net = network(model, pooling=pooling)
    assert isinstance(net, RecurrentNetwork)
    kind = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}[model]
    reference = kind(8, 6, batch_first=True, bidirectional=True)
    for suffix, layer in (("", net.forwards), ("_reverse", net.backwards)):
        for name, value in layer.named_parameters():
            getattr(reference, name + suffix).data.copy_(value)
    tokens, lengths = texts(10, 3, 1, 7, width=10)
    embedded = net.embedding(tokens).detach()
    packed = pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
    states, last = reference(packed)
    padded, _ = pad_packed_sequence(states, batch_first=True, padding_value=-2.0)  # below every state
    hidden = last[0] if model == "lstm" else last
    expected = torch.cat([hidden[0], hidden[1]], 1) if pooling == "last" else padded.amax(1)
    with torch.no_grad():
        features = net.features(embedded, lengths)
    torch.testing.assert_close(features, expected, rtol=0, atol=1e-6)


def test_reverse_by_hand() -> None:
    rows = torch.tensor([[1, 2, 3, 4], [5, 6, 0, 0], [7, 0, 0, 0]]).unsqueeze(2)
    turned = reverse(rows, torch.tensor([4, 2, 1])).squeeze(2)
    assert turned.tolist() == [[4, 3, 2, 1], [6, 5, 0, 0], [7, 0, 0, 0]]


def test_the_convolution_by_hand() -> None:
    net = network("cnn", filters=1, kernel_size=2, embedding_dim=1)
    with torch.no_grad():
        net.embedding.weight[:4, 0] = torch.tensor([0.0, 1.0, 2.0, 5.0])
        net.get_parameter("convolution.weight").copy_(torch.tensor([[[1.0, 10.0]]]))
        net.get_parameter("convolution.bias").fill_(-3.0)
        features = net.features(net.embedding(torch.tensor([[1, 3, 2, 0], [2, 1, 0, 0]])), torch.tensor([3, 2]))
    assert features.tolist() == [[1 + 50 - 3], [2 + 10 - 3]]


def test_the_mean_and_the_flattened_words_by_hand() -> None:
    tokens, lengths = torch.tensor([[1, 3, 0, 0]]), torch.tensor([2])
    for given, expected in (
        ({"pooling": "mean"}, [3.0]),
        ({"pooling": "mean", "read_padding": True}, [1.5]),
        ({"pooling": "flatten", "max_length": 4}, [1.0, 5.0, 0.0, 0.0]),
    ):
        net = network("dnn", embedding_dim=1, **given)
        with torch.no_grad():
            net.embedding.weight[:4, 0] = torch.tensor([0.0, 1.0, 2.0, 5.0])
            assert net.features(net.embedding(tokens), lengths).tolist() == [expected]


@pytest.mark.parametrize("model", MODELS)
def test_dropout_works_in_training_alone(model: str) -> None:
    net = network(model)
    batch = texts(10, 3, 1, 7, width=14)
    assert torch.equal(scores(net, *batch), scores(net, *batch))
    net.train()
    torch.manual_seed(0)
    assert not torch.equal(scores(net, *batch), scores(net, *batch))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("num_classes", [2, 5])
def test_every_parameter_learns(model: str, num_classes: int) -> None:
    net = network(model, num_classes, dropout=0.0).train()
    tokens, lengths = texts(10, 3, 5, 7, width=14)
    cross_entropy(net(tokens, lengths), torch.tensor([0, 1, 1, 0])).backward()  # type: ignore[no-untyped-call]
    still = [name for name, value in net.named_parameters() if value.grad is None or not value.grad.abs().sum()]
    assert not still


def test_cross_entropy_by_hand() -> None:
    logits, labels = torch.tensor([[0.0], [2.0]]), torch.tensor([1, 0])
    expected = (np.log(2) + np.log(1 + np.exp(2))) / 2
    assert cross_entropy(logits, labels).item() == pytest.approx(expected)
    assert cross_entropy(logits, torch.eye(2)[labels]).item() == pytest.approx(expected)  # certain labels as probabilities
    two = torch.cat([torch.zeros(2, 1), logits], 1)  # the same as two scores
    assert cross_entropy(two, labels).item() == pytest.approx(expected)
    assert cross_entropy(two, torch.eye(2)[labels]).item() == pytest.approx(expected)
    unsure = torch.tensor([[0.25, 0.75], [0.25, 0.75]])
    by_hand = (np.log(2) + 0.75 * np.log(1 + np.exp(-2)) + 0.25 * np.log(1 + np.exp(2))) / 2
    assert cross_entropy(logits, unsure).item() == pytest.approx(by_hand)


def test_how_far_batches_are_padded() -> None:
    def width(longest: int, **given: Any) -> int:
        return Padding(TextSettings.from_flat({"max_length": 30, **given})).width(longest)

    assert width(7, model="lstm") == 7
    assert width(7, model="cnn", kernel_size=5) == 12
    assert width(29, model="cnn", kernel_size=5) == 30
    assert width(7, model="lstm", read_padding=True) == 30
    assert width(7, model="dnn", pooling="flatten") == 30
    assert width(7, model="dnn", pooling="mean") == 7


def test_every_text_is_scored_once_and_like_beside_like() -> None:
    lengths = np.array([5, 1, 9, 2, 9, 3, 7])
    encoded = EncodedTexts(np.ones(lengths.sum(), np.int32), lengths)
    batches = reading_order(encoded, 3)
    assert sorted(np.concatenate(batches).tolist()) == list(range(7))
    assert [lengths[rows].tolist() for rows in batches] == [[1, 2, 3], [5, 7, 9], [9]]


def test_encoded_texts_cut_filled_and_padded_by_hand() -> None:
    encoded = EncodedTexts.join(np.array(one, np.int32) for one in ([], [5, 6, 7], [], [8]))
    filled = encoded.cut(2).filled()
    assert filled.numbers.tolist() == [1, 5, 6, 1, 8] and filled.lengths.tolist() == [1, 2, 1, 1]
    assert filled.padded(np.array([3, 1]), 3).tolist() == [[8, 0, 0], [5, 6, 0]]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"model": "dnn", "pooling": "max"}, "pooling must be mean or flatten when model is dnn, got max"),
        ({"model": "lstm", "pooling": "mean"}, "pooling must be max or last when model is lstm, got mean"),
        ({"model": "gru", "pooling": "flatten"}, "pooling must be max or last when model is gru, got flatten"),
        ({"model": "cnn", "kernel_size": 9, "max_length": 8}, r"kernel_size \(9\) must not exceed max_length \(8\)"),
    ],
)
def test_settings_that_do_not_go_together(tmp_path: Path, given: dict[str, Any], message: str) -> None:
    settings = TextSettings.from_flat(given)
    data = read_data(sentences.write(tmp_path / "rows.csv", sentences.sentences(100)), settings)
    with pytest.raises(SettingsError, match=message):
        prepare(data, settings)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"model": "cnn", "hidden_size": 8}, "hidden_size is read only when model is rnn, gru or lstm, but model is cnn"),
        ({"model": "lstm", "filters": 8}, "filters is read only when model is cnn, but model is lstm"),
        ({"max_length": 50}, "max_length is read only when model is dnn, cnn, rnn, gru or lstm, but model is best"),
        ({"model": "lstm", "unlabelled": "own"}, "unlabelled is read only when model is best, but model is lstm"),
    ],
)
def test_settings_that_the_model_does_not_read(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        TextSettings.from_flat(given)


LEARNERS: dict[str, dict[str, Any]] = {
    "dnn": {"model": "dnn"},
    "dnn flattened": {"model": "dnn", "pooling": "flatten", "epochs": 12},
    "cnn": {"model": "cnn", "filters": 24},
    "rnn": {"model": "rnn", "hidden_size": 12},
    "gru": {"model": "gru", "hidden_size": 12},
    "lstm": {"model": "lstm", "hidden_size": 12},
    "lstm, last state": {"model": "lstm", "hidden_size": 12, "pooling": "last", "epochs": 12},
    "lstm that reads padding": {"model": "lstm", "hidden_size": 12, "read_padding": True, "pooling": "max"},
}


@pytest.mark.parametrize("name", LEARNERS)
def test_every_model_learns(tmp_path: Path, name: str) -> None:
    source = sentences.write(tmp_path / "rows.csv", sentences.sentences(600))
    run = sentences.train(source, tmp_path / "runs", **{**TINY, **LEARNERS[name]})
    others = run.evaluate(sentences.write(tmp_path / "others.csv", sentences.sentences(200, seed=1)))
    assert others.measures["accuracy"].value > 0.9


@pytest.mark.parametrize("model", ["cnn", "lstm"])
def test_five_classes_are_learned(tmp_path: Path, model: str) -> None:
    source = sentences.write(tmp_path / "rows.csv", sentences.sentences(800, telling=FIVE))
    run = sentences.train(source, tmp_path / "runs", **{**TINY, "model": model, "epochs": 8})
    others = run.evaluate(sentences.write(tmp_path / "others.csv", sentences.sentences(200, 1, FIVE)))
    assert others.measures["accuracy"].value > 0.9
    (answer,) = run.predict(["the moon and a star"])
    assert answer.label == "sky" and sum(answer.probabilities.values()) == pytest.approx(1)
    assert list(answer.probabilities) == sorted(FIVE)
