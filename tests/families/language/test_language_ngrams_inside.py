"""N-grams inside the network: rows of chances against the formulas, honesty about training text, and one answer everywhere."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_networks import CELLS, CPU, SAMPLE, contents, network, ngrams, predictor

import seodang
from seodang.core.errors import SettingsError
from seodang.core.family import StageContext
from seodang.families.language import derive
from seodang.families.language.data import LanguageData, learned_by_heart, read_data
from seodang.families.language.derive import prepare
from seodang.families.language.dynamic import adapting
from seodang.families.language.family import FAMILY
from seodang.families.language.kneser_ney import Counts, KneserNey
from seodang.families.language.learner import LanguageLearner, LanguageValidation, cross_entropy
from seodang.families.language.ngram_rows import FOLDS, NgramRows, NgramSteps, cross_fitted
from seodang.families.language.predictor import probabilities
from seodang.families.language.sampling import Sampling
from seodang.families.language.scoring import stepped_nats, token_nats
from seodang.families.language.settings import LanguageSettings, classic, smoke
from seodang.families.language.stepping import StepNetwork, read_prompt
from seodang.families.language.streams import StreamSource
from seodang.families.language.training import train_network

NUM_TOKENS = 11
HALF = 2e-3  # relative precision of float16, generously


def text(length: int, seed: int = 0) -> np.ndarray:
    """Tokens 0 to 9, each leaning on the one before."""
    draws = np.random.default_rng(seed).integers(0, 10, length)
    draws[1:] = np.where(draws[1:] < 6, (draws[:-1] * 3 + 1) % 10, draws[1:])
    return draws.astype(np.int32)


def row_nats(rows: NgramRows, numbers: np.ndarray) -> np.ndarray:
    """Surprise at every token but the first."""
    tokens = torch.from_numpy(numbers.astype(np.int64))[None]
    expected = rows(tokens[:, :-1], len(numbers) - 1)
    return -expected[0].gather(1, tokens[0, 1:, None])[:, 0].double().numpy()


def test_rows_by_hand() -> None:
    """0 1 0 1 1: single tokens have 2 and 2 predecessors, discount 1 (no count of 1), so 1/4 + 1/2 * 1/2 each.

    Pairs: 01 twice, 10 and 11 once; n_1 = 2, n_2 = 1, so D_1 = 1 - 2 * 1/2 * 1/2 = 1/2, and D_2 = 1 for want of an n_3.
    """
    rows = NgramRows.of(KneserNey.fit(np.array([0, 1, 0, 1, 1], np.int32), 2, 2))
    after_nothing, after_0, after_1 = rows(torch.tensor([[-1], [0], [1]]), 1).exp()[:, 0].tolist()
    assert after_nothing == pytest.approx([0.5, 0.5])
    assert after_0 == pytest.approx([1 / 2 * 1 / 2, (2 - 1) / 2 + 1 / 2 * 1 / 2])
    assert after_1 == pytest.approx([(1 - 1 / 2) / 2 + 1 / 2 * 1 / 2] * 2)


@pytest.mark.parametrize("order", [1, 2, 3, 5, 8])
def test_rows_are_probabilities_and_those_of_kneser_ney(order: int) -> None:
    fitted, other = KneserNey.fit(text(400), NUM_TOKENS, order), text(200, seed=1)
    rows = NgramRows.of(fitted)
    whole = rows(torch.from_numpy(other.astype(np.int64))[None], 200)
    np.testing.assert_allclose(whole.exp().sum(2), 1, atol=1e-5)
    np.testing.assert_allclose(row_nats(rows, other), fitted.nats(other)[1:], atol=1e-5)


def test_rows_of_a_text_shorter_than_the_order() -> None:
    rows = NgramRows.of(KneserNey.fit(text(2), NUM_TOKENS, 5))
    np.testing.assert_allclose(rows(torch.tensor([[1, 2, 3]]), 3).exp().sum(2), 1, atol=1e-6)


@pytest.mark.parametrize("order", [1, 2, 4])
def test_one_token_at_a_time_expects_the_same(order: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seodang.families.language.ngram_rows.MOST_REMEMBERED", 40 * NUM_TOKENS)  # forgets on the way
    rows = ngrams(order)
    steps = NgramSteps.of(rows)
    tokens = np.random.default_rng(2).integers(0, NUM_TOKENS, (3, 60))
    padded = np.concatenate([np.full((3, order - 1), -1), tokens], 1)
    expected, last = rows(torch.from_numpy(padded), 60), steps.start(3)
    for step in range(60):
        found, last = steps.step(tokens[:, step], last)
        np.testing.assert_allclose(found, expected[:, step], atol=1e-5)
    assert last.tolist() == (tokens[:, 60 - order + 1 :] + 1).tolist()


def test_a_piece_left_out_at_the_end_was_never_there() -> None:
    numbers, other = text(500), text(100, seed=1)
    left = Counts.of(numbers, NUM_TOKENS, 4).model(4, range(430, 500))
    np.testing.assert_allclose(left.nats(other), KneserNey.fit(numbers[:430], NUM_TOKENS, 4).nats(other), rtol=1e-12)


def test_a_piece_left_out_of_the_middle_is_counted_nowhere() -> None:
    """Token 9 stands in the piece alone: left out, it is as unlikely as token 10, which stands nowhere."""
    numbers = np.where(text(500) == 9, 8, text(500)).astype(np.int32)
    numbers[200:250:7] = 9
    left = Counts.of(numbers, NUM_TOKENS, 4).model(4, range(200, 250))
    asked = np.array([[one, token] for one in range(10) for token in (9, 10)], np.int32)
    nats = [left.nats(pair)[1] for pair in asked]
    assert nats[0::2] == nats[1::2]
    assert KneserNey.fit(numbers, NUM_TOKENS, 4).nats(np.array([9], np.int32)) < left.nats(np.array([9], np.int32))


def known(numbers: np.ndarray, order: int = 4) -> np.ndarray:
    return cross_fitted(Counts.of(numbers, NUM_TOKENS, order), order, numbers).numpy()


@pytest.mark.parametrize("fold", [0, 4, FOLDS - 1])
def test_no_token_is_foreseen_from_its_own_fold(fold: int) -> None:
    """Whatever comes later in a fold, what is expected before it within the fold stays the same bytes."""
    numbers = text(600)
    begin, end = 600 * fold // FOLDS, 600 * (fold + 1) // FOLDS
    for place in (begin, (begin + end) // 2, end - 1):
        other = numbers.copy()
        other[place:end] = (other[place:end] + 1) % 10
        asked = slice(max(begin - 1, 0), place)  # row i is what is expected of token i + 1
        assert (known(numbers)[asked] == known(other)[asked]).all()


def test_the_last_fold_is_foreseen_by_all_before_it() -> None:
    numbers = text(600)
    begin = 600 * (FOLDS - 1) // FOLDS
    expected = KneserNey.fit(numbers[:begin], NUM_TOKENS, 4).nats(numbers[begin:], history=numbers[:begin])
    found = -known(numbers)[np.arange(begin - 1, 599), numbers[begin:]]
    np.testing.assert_allclose(found, expected, rtol=HALF)


def test_n_grams_that_saw_a_text_flatter_themselves_and_cross_fitted_ones_do_not() -> None:
    numbers = text(3000)
    fitted = KneserNey.fit(numbers, NUM_TOKENS, 5)
    honest = -known(numbers, 5)[np.arange(2999), numbers[1:]].astype(float).mean()
    unseen = fitted.nats(text(3000, seed=1)).mean()
    assert abs(honest - unseen) < 0.05 < unseen - fitted.nats(numbers).mean()


def test_a_silent_network_says_what_its_n_grams_say() -> None:
    made = network("lstm", order=4)
    assert made.ngrams is not None and made.trust is not None
    for weight in (made.output.weight, made.output.bias, made.trust.weight):
        weight.data.zero_()
    made.trust.bias.data.fill_(1)
    np.testing.assert_allclose(token_nats(made, text(300), CPU), row_nats(made.ngrams, text(300)), atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_last_tokens_are_carried_from_chunk_to_chunk(cell: str) -> None:
    made = network(cell, order=5, num_layers=2)
    tokens = torch.randint(11, (4, 30))
    whole, last = made(tokens, made.start(4))
    state, pieces = made.start(4), []
    for begin, end in itertools.pairwise((0, 1, 3, 8, 21, 30)):
        logits, state = made(tokens[:, begin:end], state)
        pieces.append(logits)
    torch.testing.assert_close(torch.cat(pieces, 1), whole, rtol=1e-4, atol=1e-5)
    assert (state[-1] == last[-1]).all() and (last[-1] == tokens[:, -4:] + 1).all()


@pytest.mark.parametrize("order", [1, 4])
def test_what_writes_expects_what_is_measured(order: int) -> None:
    made, numbers = network("lstm", order=order, num_layers=2), text(150)
    measured = token_nats(made, numbers, CPU, streams=1)
    np.testing.assert_allclose(stepped_nats(StepNetwork(made), numbers, streams=1), measured, atol=1e-4)
    for place in (1, 2, 70):
        logits, _ = read_prompt(StepNetwork(made), numbers[:place].astype(np.int64))
        assert -np.log(probabilities(logits[0])[numbers[place]]) == pytest.approx(measured[place - 1], abs=1e-4)


def test_pieces_are_scored_as_one_text_and_several_samples_as_one() -> None:
    made, numbers = network("gru", order=4), text(500)
    one = token_nats(made, numbers[100:], CPU, numbers[:100], streams=1)
    np.testing.assert_allclose(token_nats(made, numbers[100:], CPU, numbers[:100], streams=3, warm_up=448), one, atol=1e-4)
    model = predictor("gru", order=3)
    first = model.generator("ab", Sampling(), seed=5).texts(40)[0]
    assert model.generator("ab", Sampling(), seed=5, samples=3).texts(40)[0] == first


def test_dynamic_evaluation_leaves_the_n_grams_alone() -> None:
    made = network("lstm", order=3)
    before = {name: tensor.clone() for name, tensor in made.named_buffers()}
    adapts = adapting(made, text(400), text(60, seed=1), CPU)
    adapts.nats(text(100, seed=2), text(30))
    assert before and all((tensor == before[name]).all() for name, tensor in made.named_buffers())
    assert all((tensor == before[name]).all() for name, tensor in adapts.network.named_buffers())


def test_gradients_have_the_size_that_they_had_while_training() -> None:
    """Of one chunk, from the definition; not the smaller one of n-grams that know the text by heart."""
    made, numbers = network("lstm", order=3), text(21)
    made.ngrams = NgramRows.of(KneserNey.fit(numbers, NUM_TOKENS, 3))
    honest = cross_fitted(Counts.of(numbers, NUM_TOKENS, 3), 3, numbers)
    read = torch.from_numpy(numbers.astype(np.int64))[None]
    hidden, _ = made.remember(read[:, :-1], made.start(1))
    expected = torch.autograd.grad(cross_entropy(made.score(hidden, honest[None].float()), read[:, 1:]), made.output.weight)[0]
    place = [name for name, _ in made.named_parameters()].index("output.weight")
    told = adapting(made, numbers, text(60, seed=1), CPU, known=honest).sizes[place]
    by_heart = adapting(made, numbers, text(60, seed=1), CPU).sizes[place]
    np.testing.assert_allclose(told, expected.abs(), rtol=1e-4, atol=1e-7)
    assert by_heart.norm() < told.norm()


def test_the_loss_is_told_without_the_companion_which_is_learned_and_thrown_away() -> None:
    made, numbers = network("lstm", order=3), text(100)
    honest = cross_fitted(Counts.of(numbers, NUM_TOKENS, 3), 3, numbers)
    source = StreamSource(numbers, 2, 20, torch.device("cpu"), honest)
    chunk = source.batch(source.plan(0, 0)[1])
    assert chunk.known is not None and (chunk.known[0] == honest[20:40].float()).all()
    with torch.no_grad():
        hidden, _ = made.remember(chunk.tokens, made.start(2))
        expected = float(cross_entropy(made.score(hidden, chunk.known), chunk.targets))
    learner = LanguageLearner(made, 2, 1e-3, 0.0, CPU, None)
    companion = learner.modules()["alone"]
    before = [weight.clone() for weight in companion.parameters()]
    assert float(learner.update(chunk)["loss"]) == pytest.approx(expected, abs=1e-5)
    assert all((weight != old).any() for weight, old in zip(companion.parameters(), before, strict=True))
    assert set(LanguageLearner(network("lstm"), 2, 1e-3, 0.0, CPU, None).modules()) == {"network"}


def test_training_is_watched_by_n_grams_that_have_not_read_the_watched_text(tmp_path: Path) -> None:
    data = read_data(SAMPLE(tmp_path), LanguageSettings())
    made = prepared(data, ngrams=4)
    work = train_network(StageContext(made.settings, made.preprocessing, data, CPU, {}))
    assert isinstance(work.learner, LanguageLearner) and isinstance(work.validation, LanguageValidation)
    own, vocabulary = work.learner.network.ngrams, work.validation.vocabulary
    train, watched = (vocabulary.encode(data.parts[name]) for name in ("train", "validation"))
    for rows, text in ((own, np.concatenate([train, watched])), (work.validation.ngrams, train)):
        assert rows is not None and rows.order == 4
        expected = NgramRows.of(KneserNey.fit(text, vocabulary.size, 4))
        for (name, tensor), (_, other) in zip(rows.named_buffers(), expected.named_buffers(), strict=True):
            assert (tensor == other).all(), name
    found = work.validation.measure()["validation_nats"]
    assert work.learner.network.ngrams is own
    assert found > float(token_nats(work.learner.network, watched, CPU, train).mean())  # which knows the answers


def prepared(data: LanguageData, **chosen: Any) -> Any:
    return prepare(data, LanguageSettings.from_flat({**smoke(), **chosen}))


def test_the_order_is_the_one_that_the_watched_text_likes(tmp_path: Path) -> None:
    data = read_data(SAMPLE(tmp_path), LanguageSettings())
    made = prepared(data)
    assert made.settings.model.ngrams in (4, 5, 6, 7) and len(made.preprocessing["ngrams"]) == made.settings.model.ngrams
    assert made.reasons["ngrams"].startswith("the order that the watched text likes best: ")
    assert "ngrams" not in prepared(data, ngrams=0).preprocessing and len(prepared(data, ngrams=3).preprocessing["ngrams"]) == 3
    assert classic()["ngrams"] == 0
    shapes = ((512, 3), (511, 3), (512, 0))
    rates = [prepare(data, LanguageSettings().replaced(hidden_size=size, ngrams=order)) for size, order in shapes]
    assert [one.settings.training.learning_rate for one in rates] == [2e-3, 4e-3, 4e-3]


def test_no_n_grams_where_a_text_is_learned_by_heart_or_chances_are_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = prepare(learned_by_heart("hello"), LanguageSettings())
    assert made.settings.model.ngrams == 0 and made.reasons["ngrams"] == "for a text that is learned by heart"
    monkeypatch.setattr(derive, "MOST_KNOWN", 1000)
    data = read_data(SAMPLE(tmp_path), LanguageSettings())
    made = prepared(data)
    assert made.settings.model.ngrams == 0 and "are too many chances to keep" in made.reasons["ngrams"]
    wanted = r"^ngrams needs a chance of each of 23 tokens at each of .*, at most 1,000 in all; .* take smaller tokens\.$"
    with pytest.raises(SettingsError, match=wanted):
        prepared(data, ngrams=5)
    with pytest.raises(SettingsError, match=r"take smaller tokens or a smaller vocabulary_size\.$"):
        prepared(data, ngrams=5, tokens="words")


def test_orders_out_of_bounds_are_refused() -> None:
    with pytest.raises(SettingsError, match="must be between 0 and 8, got 9"):
        LanguageSettings.from_flat({"ngrams": 9})


def test_n_grams_are_made_once_for_the_pace_and_the_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = read_data(SAMPLE(tmp_path), LanguageSettings())
    paced = FAMILY.pace(prepared(data, minutes=0.05, epochs=1), data, CPU)
    assert " s went to n-grams" in paced.reasons["steps"]
    kept = {key: id(value) for key, value in data.kept.items()}
    FAMILY.pace(prepared(data, minutes=0.05, epochs=1), data, CPU)
    assert {key: id(value) for key, value in data.kept.items()} == kept and len(kept) == 3


OPTIONS = {"device": "cpu", "precision": "f32", "threads": 1, **smoke(), "ngrams": 5}


@pytest.mark.parametrize("stop", [1, 11])
def test_a_stopped_run_ends_as_if_it_never_was(stop: int, tmp_path: Path) -> None:
    text = SAMPLE(tmp_path)
    whole = seodang.train("language", text, runs=tmp_path / "whole", **OPTIONS)
    calls = iter(range(1, 10_000))
    begun = seodang.train("language", text, runs=tmp_path / "cut", should_stop=lambda: next(calls) == stop, **OPTIONS)
    assert not begun.finished
    assert contents(seodang.resume(begun.path)) == contents(whole)


def test_a_run_needs_no_training_text_to_foresee_and_beats_its_n_grams(tmp_path: Path) -> None:
    source = Path(SAMPLE(tmp_path))
    run = seodang.train("language", source, runs=tmp_path / "runs", **{**OPTIONS, "epochs": 8})
    nats = {name: run.evaluation[name]["nats"]["value"] for name in ("measures", "yardstick")}
    assert nats["measures"] < nats["yardstick"]
    assert "mixed" not in run.evaluation["tables"] and "dynamic" in run.evaluation["tables"]
    before = run.predict("the old k").probabilities
    source.unlink()
    loaded = seodang.load(run.path)
    assert loaded.predict("the old k").probabilities == before
    assert loaded.explain().is_file()
