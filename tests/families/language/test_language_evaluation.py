"""Measures by hand; a score that knows what came before and nothing that comes after; the yardsticks beside it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from small_networks import CELLS, CPU, SAMPLE, network, predictor
from torch.nn import functional

import seodang
from seodang.core.errors import DataError
from seodang.families.language import dynamic, scoring
from seodang.families.language.dynamic import Adapting, adapting
from seodang.families.language.evaluation import (
    BLOCK,
    dynamic_table,
    evaluate_text,
    interval,
    measures,
    mixed_nats,
    mixing_share,
    yardstick_nats,
)
from seodang.families.language.kneser_ney import KneserNey
from seodang.families.language.scoring import stepped_nats, token_nats
from seodang.families.language.settings import smoke
from seodang.families.language.stepping import StepNetwork
from seodang.families.language.tokens import Vocabulary


def text(tokens: int = 400) -> np.ndarray:
    return np.random.default_rng(0).integers(1, 11, tokens).astype(np.int32)


def whole(cell: str, numbers: np.ndarray) -> np.ndarray:
    """Surprise at every token but the first, read in one go."""
    made = network(cell)
    tokens = torch.from_numpy(numbers.astype(np.int64))[None]
    with torch.no_grad():
        logits, _ = made(tokens[:, :-1], made.start(1))
    return functional.cross_entropy(logits[0], tokens[0, 1:], reduction="none").double().numpy()


@pytest.mark.parametrize("cell", CELLS)
def test_a_text_read_in_one_stream_is_scored_as_a_whole(cell: str) -> None:
    found = token_nats(network(cell), text(), CPU, streams=1)
    np.testing.assert_allclose(found, whole(cell, text()), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("streams", [2, 5])
def test_pieces_that_first_read_all_before_them_score_the_same(streams: int) -> None:
    found = token_nats(network("gru"), text(), CPU, streams=streams, warm_up=448)
    np.testing.assert_allclose(found, whole("gru", text()), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("before", [1, 2, 40, 65, 100])
def test_a_history_is_read_and_not_scored(before: int) -> None:
    numbers = text()
    found = token_nats(network("lstm"), numbers[before:], CPU, numbers[:before], streams=3, warm_up=448)
    assert len(found) == len(numbers) - before
    np.testing.assert_allclose(found, whole("lstm", numbers)[before - 1 :], rtol=1e-4, atol=1e-5)


def test_steps_score_as_the_network_does() -> None:
    numbers = text(150)
    made = network("lstm", num_layers=2)
    expected = token_nats(made, numbers[50:], CPU, numbers[:50], streams=1)
    np.testing.assert_allclose(stepped_nats(StepNetwork(made), numbers[50:], numbers[:50], 4, 150), expected, atol=1e-4)
    assert len(stepped_nats(StepNetwork(made), numbers)) == 149


@pytest.mark.parametrize("tokens", [0, 1])
def test_too_short_to_foresee_anything(tokens: int) -> None:
    assert len(token_nats(network("rnn"), text(tokens), CPU)) == 0


def test_measures_by_hand() -> None:
    nats = np.log(np.array([2.0, 8.0, 4.0, 4.0]))
    found = measures(nats, characters=8)
    assert found["nats"].value == pytest.approx(math.log(4))
    assert found["perplexity"].value == pytest.approx(4)
    assert found["bits_per_character"].value == pytest.approx(1)  # two bits a token, a token of two characters


def test_the_interval_is_of_block_means() -> None:
    blocks = np.repeat([1.0, 2.0, 3.0, 6.0], BLOCK)
    low, mean, high = interval(blocks)
    error = np.std([1, 2, 3, 6], ddof=1) / 2
    assert mean == 3 and high - mean == pytest.approx(3.182 * error, rel=1e-3)  # Student's t of 3 degrees
    assert mean - low == pytest.approx(high - mean)


def test_a_text_of_one_block_has_no_interval() -> None:
    assert interval(np.ones(2 * BLOCK - 1)) == (None, 1.0, None)
    assert measures(np.ones(10), characters=10)["nats"].low is None


def test_a_mixture_is_the_mean_of_probabilities() -> None:
    model, yardstick = -np.log([0.5, 0.1]), -np.log([0.1, 0.7])
    np.testing.assert_allclose(mixed_nats(model, yardstick, 0.25), -np.log([0.2, 0.55]))
    np.testing.assert_allclose(mixed_nats(model, yardstick, 1.0), model)
    assert mixing_share(model, model + 1) == 1.0 and mixing_share(yardstick + 1, yardstick) == 0.0
    assert 0 < mixing_share(model, yardstick) < 1


def test_bounds_stand_in_their_order_and_unseen_tokens_are_told() -> None:
    vocabulary = Vocabulary.fit("abc", "characters", None)
    evaluation = evaluate_text("here", vocabulary, "abcX", np.full(4, 0.5), np.full(4, 0.25), 3)
    names = [row[0] for row in evaluation.tables["bounds"].rows]
    assert names == ["modified Kneser-Ney n-grams of order 3", "this model", "uniform bound"]
    assert evaluation.tables["bounds"].rows[2][1] == pytest.approx(math.log(4))
    assert evaluation.notes == (
        "1 of 4 tokens (25.0 %) are not in the vocabulary and count as one and the same unknown token, which flatters the "
        "measures: 'X'",
    )


def test_the_yardstick_takes_the_order_that_the_watched_text_likes() -> None:
    vocabulary = Vocabulary.fit("abcd", "characters", None)
    train, watched, held_out = (vocabulary.encode("abcd" * 60), vocabulary.encode("abcd" * 5), vocabulary.encode("abcd" * 8))
    nats, on_watched, order = yardstick_nats(vocabulary, train, watched, held_out)
    assert len(on_watched) == len(watched)
    seen = np.concatenate([train, watched])
    np.testing.assert_allclose(nats, KneserNey.fit(seen, vocabulary.size, order).nats(held_out, history=seen[-order:]))


def adapted(numbers: np.ndarray, rate: float) -> np.ndarray:
    made = network("lstm")
    sizes = tuple(torch.ones_like(weight) for weight in made.parameters())
    return Adapting(made, sizes, rate, CPU).nats(numbers[1:], numbers[:1])


def test_without_a_rate_dynamic_evaluation_is_static() -> None:
    np.testing.assert_allclose(adapted(text(90), 0.0), whole("lstm", text(90)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("place", [1, 19, 20, 21, 45])
def test_no_token_is_seen_before_it_is_scored(place: int) -> None:
    """Changing a token changes its own score and later ones, never an earlier one."""
    numbers, other = text(90), text(90)
    other[1 + place] = other[1 + place] % 10 + 1
    one, two = adapted(numbers, 0.1), adapted(other, 0.1)
    assert (one[:place] == two[:place]).all() and one[place] != two[place] and (one[place + 1 :] != two[place + 1 :]).any()


def test_what_was_scored_is_learned_and_the_trained_network_stays() -> None:
    numbers = np.tile(text(12), 30)
    made = network("lstm")
    before = [weight.clone() for weight in made.parameters()]
    adapts = adapting(made, text(400), text(60), CPU)
    assert adapts.rate in dynamic.TRIED_RATES
    gained = whole("lstm", numbers) - adapted(numbers, 1.0)
    assert gained[-60:].mean() > 0.3
    assert all((weight == old).all() for weight, old in zip(made.parameters(), before, strict=True))


def test_one_step_of_dynamic_evaluation_by_hand() -> None:
    """Two chunks; the second is scored by weights one RMS step away from the trained ones."""
    numbers = text(2 * dynamic.CHUNK + 1)
    made = network("rnn")
    sizes = tuple(torch.full_like(weight, 2.0) for weight in made.parameters())
    found = Adapting(made, sizes, 0.1, CPU).nats(numbers[1:], numbers[:1])
    tokens = torch.from_numpy(numbers.astype(np.int64))[None]
    first, second = tokens[:, : dynamic.CHUNK + 1], tokens[:, dynamic.CHUNK :]
    logits, state = made(first[:, :-1], made.start(1))
    gradients = torch.autograd.grad(functional.cross_entropy(logits[0], first[0, 1:]), tuple(made.parameters()))
    with torch.no_grad():
        for weight, gradient in zip(made.parameters(), gradients, strict=True):
            weight += (1 - dynamic.DECAY) * (-0.1 * gradient / 2.0)  # all sizes equal: the way back is DECAY of the way
        logits, _ = made(second[:, :-1], state)
        expected = functional.cross_entropy(logits[0], second[0, 1:], reduction="none")
    np.testing.assert_allclose(found[dynamic.CHUNK :], expected.numpy(), rtol=1e-4, atol=1e-5)


def test_dynamic_evaluation_stands_apart() -> None:
    table = dynamic_table(np.full(10, 2.0), np.full(10, 1.5))
    assert [row[:3] for row in table.rows] == [
        ("as it is", 10, 2.0),
        ("adapting as it reads", 10, 1.5),
        ("gained by adapting", 10, 0.5),
    ]
    assert "a measure of its own" in table.notes[0]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> seodang.Run:
    folder = tmp_path_factory.mktemp("evaluation")
    return seodang.train("language", SAMPLE(folder), runs=folder / "runs", threads=1, device="cpu", ngrams=0, **smoke())


def test_a_run_is_measured_beside_both_yardsticks(run: seodang.Run) -> None:
    evaluation = run.evaluation
    assert set(evaluation["measures"]) == set(evaluation["yardstick"]) == {"nats", "bits_per_character", "perplexity"}
    assert [row[0] for row in evaluation["tables"]["bounds"]["rows"]][-1] == "uniform bound"
    assert {"bounds", "places", "mixed", "dynamic"} == set(evaluation["tables"])  # mixed, for the n-grams are not inside
    bits, nats = (evaluation["measures"][name]["value"] for name in ("bits_per_character", "nats"))
    assert bits == pytest.approx(nats / math.log(2))


def test_another_text_is_measured_whole(run: seodang.Run, tmp_path: Path) -> None:
    path = tmp_path / "other.txt"
    path.write_text("the cat loves the moon.\na dog hears a song.\n", encoding="utf-8")
    assert run.evaluate(path).rows == 43
    path.write_text("t", encoding="utf-8")
    with pytest.raises(DataError, match=r"other\.txt: one token; two are needed at least"):
        run.evaluate(path)


def test_warm_up_is_long_enough_for_a_network_that_remembers() -> None:
    made = network("lstm")
    numbers = text(scoring.WARM_UP + 400)
    far = token_nats(made, numbers[-100:], CPU, numbers[:-100], warm_up=2048, streams=1)
    near = token_nats(made, numbers[-100:], CPU, numbers[:-100], streams=1)
    assert abs(far.mean() - near.mean()) < 1e-4


def test_predictions_name_the_next_token_and_refuse_what_was_never_seen() -> None:
    model = predictor()
    scores = model.next_token("abc")
    assert scores.label == next(iter(scores.probabilities)) and "\ufffd" not in scores.probabilities
    assert sum(scores.probabilities.values()) == pytest.approx(1)
