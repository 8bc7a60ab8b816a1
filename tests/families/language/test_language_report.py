"""The report: honest in its first sentence, complete, self-contained, and able to do without the data."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_networks import SAMPLE, predictor

import seodang
from seodang.families.language import memory
from seodang.families.language.memory import COMPARED, LENGTH, TASKS, Reach, adding, copying
from seodang.families.language.report import verdict
from seodang.families.language.report_page import visible
from seodang.families.language.report_text import APART, surprising_places
from seodang.families.language.report_training import curves, spread
from seodang.families.language.settings import smoke
from seodang.families.language.unrolled import steps_of, unrolled_picture

PICTURES = {"unrolled", "chances", "copying-right", "copying-gradient", "adding-right", "adding-gradient", "training"}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory of networks that are hardly trained is measured quickly."""
    monkeypatch.setattr(memory, "UPDATES", 3)
    monkeypatch.setattr(memory, "ASKED", 8)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[seodang.Run, Path]:
    folder = tmp_path_factory.mktemp("report")
    source = Path(SAMPLE(folder))
    return seodang.train("language", source, runs=folder / "runs", device="cpu", threads=1, **smoke()), source


def test_the_page_says_all_and_needs_nothing_else(trained: tuple[seodang.Run, Path]) -> None:
    run, _ = trained
    page = run.explain()
    html = page.read_text(encoding="utf-8")
    headings = re.findall(r"<h2[^>]*>([^<]+)</h2>", html)
    assert headings == [
        "Result",
        "Step by step",
        "What it writes",
        "Chance of every token along a line",
        "Most surprising places",
        "How far memory reaches",
        "Training",
        "Data",
        "Settings",
        "Environment",
        "Use it",
    ]
    assert {path.stem for path in page.parent.glob("*.png")} == PICTURES
    assert "Dynamic evaluation" in html and "longest piece copied from the training text" in html
    assert "After epoch 1" in html and "After epoch 2" in html
    assert not re.search(r'(src|href)="(?!#|data:)', html) and "<script" not in html


def test_memory_is_measured_once(trained: tuple[seodang.Run, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    run, _ = trained
    before = (run.explain().parent / "memory.json").read_bytes()
    monkeypatch.setattr(memory, "_reach", lambda task, cell: pytest.fail("measured again"))
    assert (run.explain().parent / "memory.json").read_bytes() == before
    told = json.loads(before)
    assert set(told["reach"]) == set(TASKS) and set(told["reach"]["copying"]) == set(COMPARED)
    monkeypatch.undo()
    monkeypatch.setattr(memory, "ASKED", 9)  # another measurement
    monkeypatch.setattr(memory, "UPDATES", 1)
    run.explain()
    assert (run.path / "report" / "memory.json").read_bytes() != before


def test_a_page_without_the_text_says_what_it_lacks(trained: tuple[seodang.Run, Path], tmp_path: Path) -> None:
    run, source = trained
    shutil.move(source, tmp_path / "away.txt")
    try:
        html = seodang.load(run.path).explain().read_text(encoding="utf-8")
    finally:
        shutil.move(tmp_path / "away.txt", source)
    assert "The text is no longer at" in html and "Most surprising places" not in html
    assert "copies cannot be looked for" in html


def test_a_text_learned_by_heart_is_shown_step_by_step(tmp_path: Path) -> None:
    run = seodang.train("language", text="hello", model="rnn", runs=tmp_path, device="cpu", threads=1)
    html = run.explain().read_text(encoding="utf-8")
    assert "Measured on the very text that it learned by heart" in html and "nothing is held out" in html
    assert re.search(r"<td>h</td><td>e 0\.9\d+</td>", html) and re.search(r"<td>l</td><td>o 0\.9\d+</td>", html)


def evaluation(model: float, yardstick: float | None, half: float = 0.01) -> dict[str, Any]:
    def measure(value: float) -> dict[str, Any]:
        return {"nats": {"value": value, "low": value - half, "high": value + half}}

    beside = {} if yardstick is None else measure(yardstick)
    return {"rows": 1000, "measures": measure(model), "yardstick": beside, "yardstick_name": "n-grams"}


@pytest.mark.parametrize(
    ("model", "yardstick", "says"),
    [
        (1.4, 1.5, "The model is 0.100 nats better than the yardstick."),
        (1.6, 1.5, "The model is 0.100 nats worse than the yardstick"),
        (1.495, 1.5, "the two are equal: chance alone can make 0.014 nats."),
        (1.4, None, "1.400 nats (95 % interval 1.390 to 1.410) on average."),
    ],
)
def test_the_verdict_claims_no_more_than_was_measured(model: float, yardstick: float | None, says: str) -> None:
    assert says in verdict(evaluation(model, yardstick), by_heart=False)


def test_surprising_places_lie_apart() -> None:
    nats = np.zeros(1000)
    nats[[100, 110, 300, 700]] = [5, 4, 6, 3]
    assert surprising_places(nats, most=3) == [300, 100, 700]
    assert abs(110 - 100) < APART


def test_samples_are_spread_with_more_from_the_beginning() -> None:
    rows = [{"epoch": number} for number in range(1, 101)]
    shown = [row["epoch"] for row in spread(rows)]
    assert shown[0] == 1 and shown[-1] == 100 and len(shown) == 6 and shown[1] - shown[0] < shown[-1] - shown[-2]
    assert [row["epoch"] for row in spread(rows[:2])] == [1, 2] and spread([]) == []


def test_curves_are_read_off_the_metrics() -> None:
    rows = [
        {"kind": "step", "step": 10, "epoch": 0.5, "loss": 3.0},
        {"kind": "retry", "step": 12},
        {"kind": "evaluation", "step": 20, "epoch": 1, "validation_nats": 2.0},
        {"kind": "step", "step": 25, "epoch": 1.25, "loss": 1.5},
        {"kind": "evaluation", "step": 25, "epoch": 2, "validation_nats": 1.0},  # the last step, within epoch 2
    ]
    assert curves(rows) == {"training text": ([0.5, 1.25], [3.0, 1.5]), "watched text": ([1, 1.25], [2.0, 1.0])}


def test_white_space_is_shown() -> None:
    assert visible("\n") == "⏎" and visible(", ") == ",␣" and visible("a") == "a"


def test_the_steps_are_those_of_the_model() -> None:
    model = predictor("gru", num_layers=2)
    steps = steps_of(model, "abcd", most=3)
    assert [one.token for one in steps] == ["a", "b", "c"]
    for end, step in enumerate(steps, start=1):
        scores = model.next_token("abcd"[:end])
        assert dict(step.expected) == pytest.approx(dict(list(scores.probabilities.items())[:3]))
        _, after = model.network(
            torch.from_numpy(model.vocabulary.encode("abcd"[:end]).astype(np.int64))[None], model.network.start(1)
        )
        np.testing.assert_allclose(step.state, after[1][0].detach().numpy(), atol=1e-5)  # of the upper layer
    assert unrolled_picture(steps, "gru").table is not None


@pytest.mark.parametrize("distance", [1, 7, LENGTH - 1])
def test_tasks_ask_for_what_stands_at_the_distance(distance: int) -> None:
    inputs, letters = copying(torch.full((5,), distance))
    place = LENGTH - 1 - distance
    assert (inputs[:, place, -1] == 1).all() and inputs[:, :, -1].sum() == 5
    assert (inputs[:, place, :-1].argmax(1) == letters).all() and (inputs[:, :, :-1].sum(2) == 1).all()
    inputs, sums = adding(torch.full((5,), distance))
    assert (inputs[:, :, 1].sum(1) == 2).all()
    torch.testing.assert_close(sums, inputs[:, place, 0] + inputs[:, -1, 0])


def test_memory_is_the_same_every_time_and_leaves_randomness_alone() -> None:
    torch.manual_seed(4)
    expected = torch.rand(1)
    torch.manual_seed(4)
    found = memory._reach("copying", "lstm")
    assert torch.rand(1) == expected
    assert found == memory._reach("copying", "lstm")
    assert Reach.from_json(json.loads(json.dumps(vars(found)))) == found
    assert max(found.gradients) == 1 and all(0 <= share <= 1 for share in found.right)
