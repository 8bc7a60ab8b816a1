"""Streams in their order, a state that is carried and survives a stop, minutes that become steps, texts learned by heart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_networks import CPU, SAMPLE, contents, network

import seodang
from seodang.core.family import Prepared, StageContext
from seodang.families.language.data import learned_by_heart, read_data, split_text
from seodang.families.language.derive import prepare
from seodang.families.language.family import FAMILY
from seodang.families.language.learner import LanguageLearner, cross_entropy
from seodang.families.language.settings import LanguageSettings, smoke
from seodang.families.language.streams import StreamSource
from seodang.families.language.training import train_network


def source(tokens: int = 103, streams: int = 4, length: int = 10) -> StreamSource:
    return StreamSource(np.arange(tokens, dtype=np.int32), streams, length, torch.device("cpu"))


def learner(made: Any, streams: int, rate: float = 1e-3) -> LanguageLearner:
    return LanguageLearner(made, streams, rate, 0.0, CPU, 1.0)


@pytest.mark.parametrize("epoch", [0, 1, 2])
def test_every_stream_is_read_in_order_without_a_gap(epoch: int) -> None:
    chunks = [source().batch(work) for work in source().plan(seed=3, epoch=epoch)]
    read = torch.cat([chunk.tokens for chunk in chunks], 1)
    wanted = torch.cat([chunk.targets for chunk in chunks], 1)
    assert (read[:, 1:] == read[:, :-1] + 1).all() and (wanted == read + 1).all()
    assert (read[1:, 0] == read[:-1, -1] + 1).all()  # a stream ends where the next begins
    assert [chunk.first for chunk in chunks] == [True] + [False] * (len(chunks) - 1)
    if epoch == 0:
        assert read[0, 0] == 0 and wanted[-1, -1] >= 103 - 4


def test_epochs_begin_elsewhere_and_repeat_with_their_seed() -> None:
    begins = [source().plan(seed=3, epoch=epoch)[0].offset for epoch in range(5)]
    assert begins[0] == 0 and len(set(begins)) > 2
    assert begins == [source().plan(seed=3, epoch=epoch)[0].offset for epoch in range(5)]


def test_an_update_learns_the_chunk_after_the_state_before() -> None:
    """The loss of the second chunk is that of a network which has read the first; an epoch begins with nothing."""
    made = network("lstm", num_tokens=103)
    first, second = (source().batch(work) for work in source().plan(0, 0)[:2])
    learns = learner(made, 4, rate=1e-12)
    learns.update(first)
    loss = float(learns.update(second)["loss"])
    with torch.no_grad():
        _, state = made(first.tokens, made.start(4))
        carried = cross_entropy(made(second.tokens, state)[0], second.targets)
        alone = cross_entropy(made(second.tokens, made.start(4))[0], second.targets)
    assert loss == pytest.approx(float(carried), abs=1e-5) and abs(loss - float(alone)) > 1e-4
    learns.update(first)
    assert float(learns.update(second)["loss"]) == pytest.approx(loss, abs=1e-5)


def test_the_first_loss_is_worked_out_by_hand() -> None:
    logits = torch.log(torch.tensor([[[0.5, 0.25, 0.25], [0.1, 0.8, 0.1]]]))
    assert float(cross_entropy(logits, torch.tensor([[1, 1]]))) == pytest.approx(-(np.log(0.25) + np.log(0.8)) / 2)


def test_only_matrices_decay() -> None:
    groups = learner(network("lstm"), 2).optimizer.param_groups
    assert {weight.ndim for weight in groups[0]["params"]} == {2} and {weight.ndim for weight in groups[1]["params"]} == {1}
    assert groups[1]["weight_decay"] == 0


@pytest.mark.parametrize("stop", [1, 7, 30])
def test_a_run_stopped_within_a_stream_ends_as_if_it_never_was(stop: int, tmp_path: Path) -> None:
    """The hidden state is part of the checkpoint: without it the chunk after the stop would be learned from nothing."""
    options = {"device": "cpu", "precision": "f32", "threads": 1, **smoke(), "weight_dropout": 0.1}
    text = SAMPLE(tmp_path)
    whole = seodang.train("language", text, runs=tmp_path / "whole", **options)
    calls = iter(range(1, 10_000))
    begun = seodang.train("language", text, runs=tmp_path / "cut", should_stop=lambda: next(calls) == stop, **options)
    assert not begun.finished
    assert contents(seodang.resume(begun.path)) == contents(whole)


def test_samples_are_kept_as_training_goes_on(tmp_path: Path) -> None:
    run = seodang.train("language", SAMPLE(tmp_path), runs=tmp_path / "runs", threads=1, **smoke())
    rows = [row for row in run.folder.rows("metrics.jsonl") if row["kind"] == "evaluation"]
    assert len(rows) == 2 and all(len(row["samples"]["written"]) == 300 for row in rows)


def prepared(tmp_path: Path, **chosen: Any) -> tuple[Prepared[LanguageSettings], Any]:
    settings = LanguageSettings.from_flat({**smoke(), **chosen})
    data = read_data(SAMPLE(tmp_path), settings)
    return prepare(data, settings), data


def test_minutes_become_steps_once_and_are_stored(tmp_path: Path) -> None:
    made, data = prepared(tmp_path, minutes=0.05, epochs=1)
    paced = FAMILY.pace(made, data, CPU)
    training = paced.settings.training
    assert training.steps is not None and training.steps > 1
    plan = len(train_network(StageContext(paced.settings, paced.preprocessing, data, CPU, {})).source.plan(0, 0))
    assert training.epochs == -(-training.steps // plan)
    assert " steps would fit into 0.05 min at " in paced.reasons["steps"]
    again, _ = prepared(tmp_path)
    assert FAMILY.pace(again, data, CPU) is again


def test_minutes_bow_to_fewer_steps_or_epochs(tmp_path: Path) -> None:
    for chosen in ({"steps": 2}, {"epochs": 1}):
        made, data = prepared(tmp_path, **{"minutes": 60.0, "epochs": None, **chosen})
        training = FAMILY.pace(made, data, CPU).settings.training
        assert training.epochs == 1 and training.steps == chosen.get("steps", training.steps)


def test_an_interrupted_run_of_some_minutes_is_found_again_without_measuring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {**smoke(), "epochs": None, "minutes": 0.05, "runs": tmp_path / "runs", "threads": 1}
    calls = iter(range(1, 10_000))
    begun = seodang.train("language", SAMPLE(tmp_path), should_stop=lambda: next(calls) == 3, **options)
    assert not begun.finished
    monkeypatch.setattr(type(FAMILY), "pace", lambda *_: pytest.fail("measured again"))
    assert seodang.train("language", SAMPLE(tmp_path), resume=True, **options).path == begun.path


def test_a_run_of_some_minutes_ends_with_its_steps(tmp_path: Path) -> None:
    run = seodang.train(
        "language", SAMPLE(tmp_path), runs=tmp_path / "runs", threads=1, **{**smoke(), "epochs": None, "minutes": 0.02}
    )
    told = json.loads((run.path / "settings.json").read_text())
    assert told["given"]["minutes"] == 0.02
    assert max(row["step"] for row in run.folder.rows("metrics.jsonl")) == told["resolved"]["steps"]


def test_the_text_is_cut_where_nanogpt_cuts_it() -> None:
    text = "".join(map(chr, range(1000)))
    parts = split_text(text, 0.1)
    assert parts["test"] == text[int(0.9 * 1000) :] and len(parts["validation"]) == 20
    assert "".join(parts.values()) == text


def test_a_text_of_ones_own_is_repeated_and_measured_on_itself() -> None:
    data = learned_by_heart("hello")
    assert data.parts == {"train": "hello\n" * 10, "validation": "hello\n", "test": "hello\n"}
    assert data.corpus.notes == ("learned by heart: repeated 10 times, and measured on itself; nothing is held out",)
    assert learned_by_heart("word " * 100).parts["train"] == ("word " * 100 + "\n") * 2


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_hello_is_learned_in_a_second(cell: str, tmp_path: Path) -> None:
    run = seodang.train("language", text="hello", model=cell, runs=tmp_path, device="cpu", threads=1)
    assert [run.predict(text).label for text in ("h", "he", "hel", "hell", "hello")] == ["e", "l", "l", "o", "\n"]
    assert run.generate(prompt="h", length=9)[0].text == "hello\nhell"
    assert run.evaluation["notes"] == ["learned by heart: repeated 10 times, and measured on itself; nothing is held out"]
    assert run.evaluation["measures"]["nats"]["value"] < 0.1
