"""Whole runs: what is learned, asked and reported; and the tests of vectors on made-up sets."""

from __future__ import annotations

import importlib.util
import json
import math
from pathlib import Path

import numpy as np
import pytest

import seodang
from seodang.core.errors import DataError, SettingsError
from seodang.data.word_vectors import WordVectors
from seodang.families.words.evaluation import answer, no_knowledge, solve
from seodang.families.words.settings import smoke
from seodang.families.words.yardstick import count_neighbours, ppmi

PLANE = WordVectors(
    ("man", "king", "woman", "queen", "apple"),
    np.array([[1, 0, 0], [1, 1, 0], [1, 0, 1], [1, 1, 1], [-1, -1, -1]], np.float32),
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> seodang.Run:
    folder = tmp_path_factory.mktemp("words")
    found = importlib.util.spec_from_file_location("words_contract", Path(__file__).with_name("contract.py"))
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return seodang.train("words", module.SAMPLE(folder), device="cpu", threads=1, runs=folder / "runs", **smoke())


def test_words_of_one_topic_come_near(run: seodang.Run) -> None:
    vectors = run.predictor.vectors
    assert {word for word, _ in vectors.most_similar("sea", topn=5)} == {"ship", "wave", "sailor", "harbour", "storm"}
    assert vectors.doesnt_match(["ship", "storm", "oven", "wave"]) == "oven"


def test_the_loss_falls_below_that_of_no_knowledge(run: seodang.Run) -> None:
    rows = [row["epoch_loss"] for row in run.folder.rows("metrics.jsonl") if row["kind"] == "evaluation"]
    assert rows == sorted(rows, reverse=True)
    measures, yardstick = run.evaluation["measures"], run.evaluation["yardstick"]
    assert measures["loss"]["value"] < yardstick["loss"]["value"] == pytest.approx(no_knowledge(5))


def test_no_knowledge_is_the_best_constant() -> None:
    scores = np.linspace(-5, 3, 100_001)
    assert no_knowledge(5) == pytest.approx((np.log1p(np.exp(-scores)) + 5 * np.log1p(np.exp(scores))).min(), abs=1e-8)


def test_verbs(run: seodang.Run) -> None:
    (table,) = run.neighbours("sea")
    assert len(table.rows) == 10 and table.headers[0] == "near sea"
    assert run.odd_one_out("ship", "storm", "oven").rows[0][0] == "oven"
    assert len(run.analogy("sea", "ship", "oven", count=3).rows) == 3
    with pytest.raises(SettingsError, match="three words"):
        run.analogy("sea")
    with pytest.raises(DataError, match=r"'shipp' has no vector; did you mean ship\?"):
        run.neighbours("shipp")
    with pytest.raises(DataError, match="stands there twice"):
        run.odd_one_out("sea", "sea", "oven")


def test_the_report_has_a_map_that_asks_for_nothing_outside(run: seodang.Run) -> None:
    page = run.explain().read_text(encoding="utf-8")
    assert 'id="map-search"' in page and "t-SNE, 3-D" in page
    assert "http://" not in page.replace("http://www.w3.org", "") and "https://" not in page
    data = json.loads(page.split('id="map-data">')[1].split("</script>")[0])
    assert all(len(layout) == len(data["words"]) for layout in data["layouts"].values())


def test_unknown_words_are_answered_from_their_pieces(run: seodang.Run, tmp_path: Path) -> None:
    source = json.loads((run.path / "settings.json").read_text(encoding="utf-8"))["source"]
    made = seodang.train("words", source, device="cpu", threads=1, runs=tmp_path, **{**smoke(), "ngrams": True})
    (table,) = made.neighbours("harboured")
    assert "made of its pieces" in table.notes[0]
    with pytest.raises(DataError, match="has no vector"):
        made.neighbours("qqq")


def test_a_text_network_starts_from_the_vectors(run: seodang.Run, tmp_path: Path) -> None:
    path = tmp_path / "reviews.csv"
    rows = [f"the {('ship', 'oven')[n % 2]} and the {('wave', 'flour')[n % 2]} {n},{n % 2}" for n in range(120)]
    path.write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    options = {"device": "cpu", "threads": 1, "runs": tmp_path / "runs", "embedding": str(run.path), "epochs": 1}
    made = seodang.train("text", path, model="cnn", learning_rate=1e-6, **options)
    assert made.settings.to_flat()["embedding_dim"] == 16
    weights, vocabulary = made.predictor.network.embedding.weight, made.predictor.vocabulary
    assert weights[vocabulary.numbers["ship"]].detach().numpy() == pytest.approx(run.predictor.vectors["ship"], abs=1e-3)
    reasons = json.loads((made.path / "settings.json").read_text(encoding="utf-8"))["reasons"]
    assert "tokens start from one" in reasons["embedding_dim"]
    with pytest.raises(SettingsError, match="the vectors of embedding have 16 numbers"):
        seodang.train("text", path, model="cnn", embedding_dim=8, **options)


def test_analogies_on_a_made_up_set() -> None:
    lines = (
        ": family",
        "man king woman queen",
        "king man queen woman",
        "man king woman unheard",
        ": fruit",
        "man apple woman king",
    )
    assert solve(PLANE, lines) == [("family", [True, True]), ("fruit", [False])]
    found = answer(PLANE, lines)
    assert (found.covered, found.total, found.score) == (3, 4, 2 / 3)


def test_similarities_are_ranked() -> None:
    words = tuple(f"w{n}" for n in range(12))
    angles = np.linspace(0, 1.5, 12)
    vectors = WordVectors(words, np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32))
    lines = [f"w0\tw{n}\t{12 - n}" for n in range(1, 12)] + ["w0 unheard 3"]
    found = answer(vectors, lines)
    assert (found.score, found.covered, found.total) == (pytest.approx(1.0), 11, 12)


def test_the_yardsticks_counts_and_weights_by_hand() -> None:
    counts = count_neighbours(np.array([0, 1, 0, -1, 1], np.int32), 2, 2)
    assert counts.toarray().tolist() == [[1.0, 2.5], [2.5, 0.0]]  # distance 2 counts half; line ends are no neighbours
    table = ppmi(counts).toarray()
    contexts = np.array([3.5, 2.5]) ** 0.75
    assert table[0, 1] == pytest.approx(math.log(2.5 * contexts.sum() / (3.5 * contexts[1])), abs=1e-6)
    assert table[0, 0] == 0
