"""Attribution: exact where it can be worked out, complete for every network, and lined up with the text's own words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from ensembles import WORDS, ensemble
from torch import Tensor

from seodang.core.device import Device
from seodang.families.text.attribution import (
    Contributions,
    class_margin,
    combined,
    integrate,
    network_contributions,
    ngram_contributions,
)
from seodang.families.text.batches import EncodedTexts, Padding
from seodang.families.text.best import BestPredictor, member_settings
from seodang.families.text.explained import explain_text, surface_words
from seodang.families.text.mistakes import confident_classes, confident_mistakes, likely_mislabelled
from seodang.families.text.mixture import mix
from seodang.families.text.model import build_network
from seodang.families.text.predictor import NetworkPredictor
from seodang.families.text.settings import TextSettings
from seodang.families.text.tokens import SPECIAL, Vocabulary

NETWORKS = [
    {"model": "dnn", "pooling": "mean"},
    {"model": "dnn", "pooling": "flatten"},
    {"model": "cnn"},
    {"model": "rnn", "pooling": "max"},
    {"model": "gru", "pooling": "max"},
    {"model": "lstm", "pooling": "max"},
    {"model": "lstm", "pooling": "last", "read_padding": True},
]


def predictor(classes: int = 2, **chosen: Any) -> NetworkPredictor:
    """An untrained network whose words differ enough to have something to say."""
    sizes = {"max_length": 20, "embedding_dim": 8, "hidden_size": 6, "dense_size": 12, "filters": 16, "dropout": 0.5}
    settings = TextSettings().replaced(**{**sizes, **chosen})
    torch.manual_seed(0)
    vocabulary = Vocabulary([*SPECIAL, *WORDS], "words")
    network = build_network(settings, len(vocabulary), classes).eval()
    network.embedding.weight.data.mul_(30)
    labels = tuple(f"class {number}" for number in range(classes))
    return NetworkPredictor(settings, vocabulary, labels, Device("cpu", "f32", 1, "test"), network)


def ramp(*values: float) -> Tensor:
    """Vectors of one number each, (1, places, 1)."""
    return torch.tensor(values).view(1, -1, 1)


@pytest.mark.parametrize("chosen", NETWORKS, ids=lambda chosen: "-".join(map(str, chosen.values())))
@pytest.mark.parametrize("classes", [2, 4])
def test_the_words_make_up_the_change_of_the_margin(chosen: dict[str, Any], classes: int) -> None:
    model = predictor(classes, **chosen)
    text = " ".join(WORDS[:11])
    found = explain_text(model, text, 1).contributions
    logits = model.network(*tokens_of(model, text))
    assert found.end == pytest.approx(class_margin(logits, 1).item(), abs=1e-5)
    assert found.start == pytest.approx(class_margin(baseline_logits(model, 11), 1).item(), abs=1e-5)
    assert abs(found.end - found.start) > 0.01  # or nothing is shown by this
    assert found.complete and len(found.weights) == 11


def tokens_of(model: NetworkPredictor, text: str) -> tuple[Tensor, Tensor]:
    encoded = model.encode([text])
    width = Padding(model.settings).width(int(encoded.lengths[0]))
    return torch.from_numpy(encoded.padded(np.zeros(1, np.int64), width)), torch.from_numpy(encoded.lengths)


def baseline_logits(model: NetworkPredictor, words: int) -> Tensor:
    """A text of as many paddings, which still counts as so long."""
    width = Padding(model.settings).width(words)
    return model.network(torch.zeros(1, width, dtype=torch.int64), torch.tensor([words]))


def test_the_other_of_two_classes_gets_the_opposite() -> None:
    model = predictor(model="cnn")
    first, second = (explain_text(model, " ".join(WORDS[:5]), number).contributions for number in (0, 1))
    assert first.weights == pytest.approx(-second.weights, abs=0.01)


def test_a_linear_margin_is_shared_exactly() -> None:
    found = integrate(lambda points: 2 * points[:, 0, 0] - 3 * points[:, 1, 0] + 1, ramp(1, 0), ramp(2, 5))
    assert found.weights == pytest.approx([2, -15], abs=1e-5)
    assert (found.start, found.end) == pytest.approx((3, -10))


def test_a_kink_is_found() -> None:
    """max(a, b) from (1, 0) to (2, 3) follows a up to the middle and b from there: 0.5 of a's way, half of b's."""
    found = integrate(lambda points: points[:, :, 0].amax(1), ramp(1, 0), ramp(2, 3))
    assert found.weights == pytest.approx([0.5, 1.5], abs=found.tolerance)
    assert found.complete


def test_a_curved_margin_is_integrated() -> None:
    """The integral of a ** 2 along the path is what a ** 2 gained."""
    found = integrate(lambda points: (points[:, :, 0] ** 2).sum(1), ramp(0, 1), ramp(3, 2))
    assert found.weights == pytest.approx([9, 3], abs=found.tolerance)


def test_what_stays_away_from_the_tolerance_is_called_incomplete() -> None:
    assert Contributions(np.array([1.0, 2.0]), 0.0, 3.05).complete
    found = Contributions(np.array([1.0, 2.0]), 0.0, 3.5)
    assert not found.complete and found.gap == pytest.approx(0.5)


def test_a_jump_ends_with_a_stated_gap() -> None:
    """No gradient sees a step; the sum must not be made up to fit."""
    found = integrate(lambda points: (points[:, 0, 0] > 0.3).float() + 0 * points.sum((1, 2)), ramp(0), ramp(1))
    assert found.gap == pytest.approx(1) and not found.complete


def test_words_behind_the_cut_are_counted_and_unknown_ones_marked() -> None:
    explained = explain_text(predictor(model="dnn", pooling="mean", max_length=4), "word1 strange word2 word3 word4 word5", 1)
    assert [word.strip() for word in explained.words] == ["word1", "strange", "word2", "word3"]
    assert explained.known == (True, False, True, True) and explained.unread == 2


def test_padding_gets_nothing() -> None:
    """Where a network reads its padding, the baseline has the same padding there."""
    model = predictor(model="dnn", pooling="flatten")
    text = EncodedTexts.join([np.array([5, 6, 7], np.int32)])
    found = network_contributions(model.network, text, Padding(model.settings), 1)
    assert len(found.weights) == 3 and found.complete


def test_class_margin() -> None:
    assert class_margin(torch.tensor([[2.0]]), 1).tolist() == [2]
    assert class_margin(torch.tensor([[2.0]]), 0).tolist() == [-2]
    assert class_margin(torch.tensor([[1.0, 4.0, 3.0]]), 1).tolist() == [2]  # 4 - (1 + 3) / 2


def test_an_ngram_is_shared_among_its_places_and_its_tokens() -> None:
    """Tokens a b a b: columns a, b, "a b" with values 2, 4, 6; each stands twice and counts once."""
    ones, twos = np.array([0, 1, 0, 1]), np.array([2, -1, 2, -1])
    found = ngram_contributions(4, [ones, twos], np.array([2.0, 4.0, 6.0, 100.0]), start=-1.0)
    assert found.weights.tolist() == [2.5, 3.5, 2.5, 3.5]  # a: 2 / 2 + 6 / 2 / 2
    assert (found.start, found.end) == (-1, 11) and found.gap == 0


@pytest.mark.parametrize("classes", [2, 3])
def test_the_members_of_best_add_up_to_its_margin(classes: int) -> None:
    model = ensemble(classes)
    text = "word1 word4 strange word4 word2, word7"
    explained = explain_text(model, text, 1)
    assert explained.contributions.end == pytest.approx(class_margin(model.logits([text]), 1).item(), abs=1e-4)
    assert explained.contributions.start == pytest.approx(class_margin(best_without_words(model, 6), 1).item(), abs=1e-4)
    assert explained.contributions.complete and len(explained.words) == 6


def best_without_words(model: BestPredictor, words: int) -> Tensor:
    parts = [torch.from_numpy(model.linear.bias).float().unsqueeze(0)]
    width = Padding(member_settings(model.settings)).width(words)
    for network in model.networks.values():
        parts.append(network(torch.zeros(1, width, dtype=torch.int64), torch.tensor([words])))
    return mix(torch.stack(parts), model.weights, model.bias)


def test_parts_add_up() -> None:
    parts = [(0.5, Contributions(np.array([2.0, 0.0]), 0.0, 2.0)), (2.0, Contributions(np.array([1.0, -1.0]), 1.0, 1.0))]
    found = combined(parts, bias=0.25)
    assert found.weights.tolist() == [3, -2]
    assert (found.start, found.end) == (2.25, 3.25) and found.gap == 0


def vocabulary(kind: Any = "words") -> Vocabulary:
    return Vocabulary(SPECIAL, kind)


@pytest.mark.parametrize(
    "text, pieces",
    [
        ("A quiet, LOVELY film!", ["A ", "quiet, ", "LOVELY ", "film!"]),
        ("<br />Don't &amp; won't", [" Don't & ", "won't"]),  # a tag is a space, an entity what it means
        ("Straße für İstanbul (neu)", ["Straße ", "für ", "İstanbul (", "neu)"]),  # folding makes two letters of ß and of İ
        ("e\u0301a-e\u0301b ß-x &amp;lt; y", ["e\u0301a-", "e\u0301b ", "ß-", "x &", "lt; ", "y"]),  # composing joins letters
        ("...", ["..."]),
        ("", [""]),
    ],
)
def test_surface_words_are_the_authors(text: str, pieces: list[str]) -> None:
    assert surface_words(text, vocabulary()) == pieces
    assert len(pieces) == max(len(vocabulary().split(text)), 1)  # one a token


def test_syllables_keep_their_spaces() -> None:
    assert surface_words("참  좋다", vocabulary("syllables")) == ["참", " ", "좋", "다"]


def test_morphemes_show_their_form() -> None:
    pytest.importorskip("kiwipiepy")
    words = surface_words("영화가 좋다", vocabulary("morphemes"))
    assert [word.strip() for word in words[:2]] == ["영화", "가"]


def test_the_surest_mistakes_come_first() -> None:
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.05, 0.95]], np.float32)
    assert confident_mistakes(np.array([1, 1, 0, 0]), probabilities).tolist() == [3, 0, 2]
    assert confident_mistakes(np.array([1, 1, 0, 0]), probabilities, most=1).tolist() == [3]
    assert confident_mistakes(np.array([0, 1, 1, 1]), probabilities).tolist() == []


def test_doubts_by_hand() -> None:
    """Thresholds are the classes' mean own probabilities: (0.9 + 0.8 + 0.1) / 3 = 0.6 and (0.7 + 0.9 + 0.2) / 3 = 0.6."""
    second = np.array([0.1, 0.2, 0.9, 0.7, 0.9, 0.2], np.float32)
    labels = np.array([0, 0, 0, 1, 1, 1])
    doubts = likely_mislabelled(labels, np.stack([1 - second, second], 1))
    assert doubts.rows.tolist() == [2, 5]  # margins 0.1 - 0.9 and 0.2 - 0.8
    assert doubts.suggested.tolist() == [1, 0]
    assert doubts.share == pytest.approx(2 / 6)


def test_a_row_that_reaches_no_threshold_is_not_doubted() -> None:
    probabilities = np.array([[0.95, 0.05], [0.9, 0.1], [0.1, 0.9], [0.49, 0.51]], np.float32)
    labels = np.array([0, 0, 1, 0])  # row 3 leans to class 1, by less than class 1's own rows do
    assert confident_classes(labels, probabilities).tolist() == [0, 0, 1, -1]
    assert likely_mislabelled(labels, probabilities).rows.tolist() == []


def test_doubts_equal_the_definition() -> None:
    random = np.random.default_rng(1)
    probabilities = random.dirichlet(np.ones(4), 300).astype(np.float32)
    labels = random.integers(0, 3, 300)  # nobody bears label 3
    thresholds = [np.mean([p[k] for p, label in zip(probabilities, labels, strict=True) if label == k]) for k in range(3)]
    expected = set()
    for row, (p, label) in enumerate(zip(probabilities, labels, strict=True)):
        reached = [k for k in range(3) if p[k] >= thresholds[k]]
        if reached and max(reached, key=lambda k: p[k]) != label:
            expected.add(row)
    doubts = likely_mislabelled(labels, probabilities)
    assert set(doubts.rows.tolist()) == expected
    margins = [probabilities[r, labels[r]] - np.delete(probabilities[r], labels[r]).max() for r in doubts.rows]
    assert margins == sorted(margins)
