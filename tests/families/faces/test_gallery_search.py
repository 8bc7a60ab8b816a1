"""The nearest people: equal to the plain formula, fast, and by a graph where faces are very many."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np
import pytest

from seodang.core.errors import DataError
from seodang.families.faces.gallery import search
from seodang.families.faces.gallery.records import Embeddings, Nearest
from seodang.families.faces.gallery.search import Index

TRIES, TIMES = 100, 4
SECONDS = 0.005  # that one probe among 100,000 faces may take


def gallery(faces: int, people: int, dimensions: int, seed: int = 0) -> tuple[list[str], Embeddings]:
    """Faces in groups of unequal size, in no order of length."""
    chance = np.random.default_rng(seed)
    owners = sorted(f"{owner:06d}" for owner in [*range(people), *chance.integers(0, people, faces - people)])
    numbers = chance.standard_normal((faces, dimensions)) * chance.uniform(0.1, 9, (faces, 1))
    return owners, numbers.astype(np.float32)


def plain(owners: list[str], embeddings: Embeddings, probes: Embeddings, count: int) -> Nearest:
    """In float64, one face after the other."""
    people, scores = [], []
    for probe in probes.astype(np.float64):
        best: dict[str, float] = {}
        for owner, face in zip(owners, embeddings.astype(np.float64), strict=True):
            score = float(probe @ face / np.linalg.norm(probe) / np.linalg.norm(face))
            best[owner] = max(score, best.get(owner, -1.0))
        ranked = sorted(best, key=lambda owner: -best[owner])[:count]
        people.append(ranked)
        scores.append([best[owner] for owner in ranked])
    return Nearest(people, np.array(scores, np.float32))


@pytest.mark.parametrize(("faces", "people", "count"), [(1, 1, 3), (300, 300, 5), (300, 40, 40), (500, 90, 7)])
@pytest.mark.parametrize("block", [1 << 24, 1000, 1])
def test_exact_search_is_the_plain_formula(
    faces: int, people: int, count: int, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "BLOCK_SCORES", block)
    owners, embeddings = gallery(faces, people, 16)
    probes = np.random.default_rng(1).standard_normal((9, 16)).astype(np.float32)
    found, expected = Index(owners, embeddings).nearest(probes, count), plain(owners, embeddings, probes, count)
    assert found.people == expected.people
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-6)  # float32 against float64


def test_people_with_very_many_faces_do_not_hide_the_others() -> None:
    """The nearest face of the second person comes after 30 of the first, that of the third after 3000 of the second."""
    sizes, angles = (30, 3000, 1, 1), (0, 0.1, 0.2, 0.3)
    owners = [name for name, size in zip("abcd", sizes, strict=True) for _ in range(size)]
    each = np.repeat(angles, sizes)
    index = Index(owners, np.stack([np.cos(each), np.sin(each)], axis=1).astype(np.float32))
    for count in range(1, 5):
        assert index.nearest(np.array([[1, 0]], np.float32), count).people == [["a", "b", "c", "d"][:count]]


def test_of_equal_scores_the_earlier_person_comes_first() -> None:
    found = Index(["c", "a", "b"], np.ones((3, 4), np.float32)).nearest(np.ones((1, 4), np.float32), 3)
    assert found.people == [["c", "a", "b"]]
    assert (found.scores <= 1).all()


def test_an_empty_gallery_and_no_probes() -> None:
    empty = Index([], np.zeros((0, 0), np.float32))
    assert empty.nearest(np.ones((2, 4), np.float32), 3).people == [[], []]
    some = Index(["a"], np.ones((1, 4), np.float32))
    assert some.nearest(np.ones((0, 4), np.float32), 3).scores.shape == (0, 0)
    assert some.nearest(np.ones((2, 4), np.float32), 0).people == [[], []]


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 0])
def test_a_probe_without_a_direction(wrong: float) -> None:
    index = Index(["a"], np.ones((1, 4), np.float32))
    with pytest.raises(DataError, match="the probes: expected finite numbers that are not all 0"):
        index.nearest(np.full((1, 4), wrong, np.float32), 1)
    with pytest.raises(DataError, match="expected 4 numbers an embedding, as the gallery has, got 5"):
        index.nearest(np.ones((1, 5), np.float32), 1)


@pytest.mark.slow
@pytest.mark.parametrize(("people", "alike"), [(100_000, 1), (30_000, 1), (30_000, 200)])
def test_a_hundred_thousand_faces_in_five_milliseconds(people: int, alike: int) -> None:
    """Also where the nearest faces are all of one person, so that the others must be looked for."""
    owners, embeddings = gallery(100_000, people, 128)
    owners[:alike], embeddings[:alike] = owners[:1] * alike, embeddings[0] + embeddings[:alike] / 100
    index = Index(owners, embeddings)
    probe = embeddings[:1]
    assert index.nearest(probe, 5).people[0][0] == owners[0]
    unit, searches, products = index.embeddings, [], []
    while len(searches) < TRIES and min(searches, default=SECONDS + 1) > SECONDS:
        searches.append(seconds(lambda: index.nearest(probe, 5)))
        products.append(seconds(lambda: probe @ unit.T))
    assert min(searches) <= SECONDS or min(searches) <= TIMES * min(products), "a busy machine is slow at the bare product too"


def seconds(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def test_a_graph_is_built_when_it_has_become_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("hnswlib", exc_type=ImportError)
    monkeypatch.setattr(search, "APPROXIMATE_ABOVE", 1000)
    owners, embeddings = gallery(4000, 1500, 32)
    index = Index(owners, embeddings)
    probes = embeddings[::40] + np.random.default_rng(2).normal(0, 0.1, (100, 32)).astype(np.float32)
    exact = index.nearest(probes, 5)
    assert index.graph is None
    index.seconds = 4000 * search.BUILD_SECONDS_A_FACE
    found = index.nearest(probes, 5)
    assert index.graph is not None
    assert index.note is None
    pairs = zip(found.people, exact.people, strict=True)
    recall = np.mean([len(set(one) & set(other)) / 5 for one, other in pairs])
    assert recall >= 0.98, recall
    assert [row[0] for row in found.people] == [row[0] for row in exact.people]
    np.testing.assert_allclose(found.scores[:, 0], exact.scores[:, 0], atol=1e-6)  # summed in another order


def test_a_graph_gives_as_many_people_as_exact_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """One person with so many faces that the nearest faces are all of that person."""
    pytest.importorskip("hnswlib", exc_type=ImportError)
    monkeypatch.setattr(search, "APPROXIMATE_ABOVE", 0)
    monkeypatch.setattr(search, "BUILD_SECONDS_A_FACE", 0)
    chance = np.random.default_rng(0)
    many = 1 + chance.normal(0, 0.01, (500, 8))
    embeddings = np.concatenate([many, -np.ones((1, 8)), chance.standard_normal((1, 8))]).astype(np.float32)
    index = Index(["a"] * 500 + ["b", "c"], embeddings)
    found = index.nearest(np.ones((2, 8), np.float32), 3)
    assert index.graph is not None
    assert found.people == [["a", "c", "b"]] * 2


def test_without_hnswlib_exact_search_goes_on_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hnswlib", None)
    monkeypatch.setattr(search, "APPROXIMATE_ABOVE", 10)
    monkeypatch.setattr(search, "BUILD_SECONDS_A_FACE", 0)
    owners, embeddings = gallery(100, 50, 16)
    index = Index(owners, embeddings)
    assert index.nearest(embeddings[:3], 4).people == plain(owners, embeddings, embeddings[:3], 4).people
    assert (
        index.note == "100 faces are compared one by one, which is slow; pip install 'seodang[hnswlib]' searches them faster."
    )
