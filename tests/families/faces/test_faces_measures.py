"""Measures of face embeddings: values worked out by hand, and intervals that speak of people."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from seodang.core.errors import DataError, ShapeError
from seodang.families.faces.scores.measures import (
    PairScores,
    best_by_person,
    best_threshold,
    check_embeddings,
    cumulative_match,
    det_curve,
    draw_pairs,
    equal_error_rate,
    fold_accuracy,
    open_set,
    pair_scores,
    person_codes,
    roc_curve,
    score_pairs,
)

Rows = NDArray[np.float32]


def at(*degrees: float) -> Rows:
    """Embeddings on a circle; the score of two is the cosine of the angle between them."""
    angles = np.deg2rad(np.array(degrees))
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def album(people: int, faces: int, spread: float, seed: int = 0, dimensions: int = 32) -> tuple[Rows, list[str]]:
    """Faces of people, scattered around each person's own direction."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(people, dimensions))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    rows = np.repeat(centres, faces, axis=0) + spread * random.normal(size=(people * faces, dimensions))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float32), [f"p{person:03}" for person in range(people) for _ in range(faces)]


def scored(genuine: list[float], impostor: list[float], people: int = 2) -> PairScores:
    """Pairs with given scores: genuine ones of each person in turn, impostors of neighbours."""
    own = np.arange(len(genuine)) % people
    one = np.arange(len(impostor)) % people
    scores = np.array(genuine + impostor, np.float32)
    return PairScores(scores, np.concatenate([own, one]), np.concatenate([own, (one + 1) % people]))


def test_all_pairs_are_scored_once_and_sorted_into_kinds() -> None:
    # Angles between the four: 0-60 of ann; 90 and 180, 30 and 120 across; 90 of bob.
    found = pair_scores(at(0, 60, 90, 180), ["ann", "ann", "bob", "bob"])
    assert sorted(found.genuine.tolist()) == pytest.approx([0.0, 0.5], abs=1e-6)
    expected = sorted(np.cos(np.deg2rad([90, 180, 30, 120])).tolist())
    assert sorted(found.impostor.tolist()) == pytest.approx(expected, abs=1e-6)


def test_blocks_give_the_same_scores_as_one_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, labels = album(7, 5, 0.2)
    whole = pair_scores(rows, labels)
    monkeypatch.setattr("seodang.families.faces.scores.measures.CELLS_AT_ONCE", 80)
    pieces = pair_scores(rows, labels)
    np.testing.assert_allclose(np.sort(whole.genuine), np.sort(pieces.genuine), atol=1e-6)
    np.testing.assert_allclose(np.sort(whole.impostor), np.sort(pieces.impostor), atol=1e-6)


def test_of_very_many_impostors_a_share_is_kept_and_every_genuine_pair() -> None:
    rows, labels = album(40, 5, 0.2)
    found = pair_scores(rows, labels, most_impostors=2000)
    assert len(found.genuine) == 40 * 10
    assert 1800 < len(found.impostor) < 2200


@pytest.mark.parametrize(
    ("labels", "message"),
    [(["ann", "bob", "eve"], "nobody has more than one"), (["ann"] * 3, "all are of one")],
)
def test_one_kind_of_pair_is_not_enough(labels: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        pair_scores(at(0, 10, 20), labels)


def test_wrong_embeddings_are_refused() -> None:
    with pytest.raises(ShapeError, match="one label a face"):
        check_embeddings(at(0, 1), ["ann"])
    with pytest.raises(DataError, match="At least one face expected"):
        check_embeddings(np.zeros((0, 2), np.float32), [])
    with pytest.raises(DataError, match="Embedding 1 has length 2, expected 1"):
        check_embeddings(at(0, 1) * np.array([[1], [2]], np.float32), ["ann", "bob"])
    with pytest.raises(DataError, match="Embedding 0 has length nan"):
        check_embeddings(np.full((1, 2), np.nan, np.float32), ["ann"])


def test_drawn_pairs_are_of_their_kind_and_none_comes_twice() -> None:
    labels = np.array(["ann"] * 5 + ["bob"] * 4 + ["eve"])
    pairs = draw_pairs(labels, 16, seed=3)  # all 10 + 6 genuine pairs there are
    same = labels[pairs.first] == labels[pairs.second]
    assert same.tolist() == [True] * 16 + [False] * 16
    assert (pairs.first < pairs.second).all()
    assert len({*zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)}) == 32
    again = draw_pairs(labels, 16, seed=3)
    np.testing.assert_array_equal(pairs.first, again.first)
    assert not np.array_equal(pairs.second, draw_pairs(labels, 16, seed=4).second)


def test_more_pairs_than_there_are_cannot_be_drawn() -> None:
    with pytest.raises(DataError, match="these 4 faces have 2 of one person and 4 of two people"):
        draw_pairs(["ann", "ann", "bob", "bob"], 3, seed=0)


def test_every_pair_is_drawn_equally_often() -> None:
    labels = ["ann"] * 3 + ["bob"] * 2
    counts: dict[tuple[int, int], int] = {}
    for seed in range(2000):
        pairs = draw_pairs(labels, 1, seed)
        for pair in zip(pairs.first.tolist(), pairs.second.tolist(), strict=True):
            counts[pair] = counts.get(pair, 0) + 1
    genuine = [counts[pair] for pair in [(0, 1), (0, 2), (1, 2), (3, 4)]]
    impostor = [counts[one, other] for one in range(3) for other in (3, 4)]
    assert min(genuine) > 430  # 500 expected, deviation 19
    assert max(genuine) < 570
    assert min(impostor) > 270  # 333 expected, deviation 17
    assert max(impostor) < 400


def test_scores_of_chosen_pairs() -> None:
    labels = ["ann", "ann", "bob", "bob"]
    found = score_pairs(at(0, 60, 90, 180), labels, draw_pairs(labels, 2, seed=0))
    assert sorted(found.genuine.tolist()) == pytest.approx([0.0, 0.5], abs=1e-6)


def test_roc_curve_by_hand() -> None:
    # 10 impostors 0.0 .. 0.9: at 10 % one may match, so the threshold lies above 0.8; 2 of 4 genuine pairs do.
    curve = roc_curve(scored([0.95, 0.85, 0.75, 0.2], [place / 10 for place in range(10)]))
    assert curve.x[0] == pytest.approx(0.1)
    assert curve.y[0] == 0.5
    assert curve.y[np.isclose(curve.x, 0.2)] == 0.75  # above 0.7
    assert curve.y[-1] == 1.0
    assert np.isnan(curve.lower).all()  # two people tell no interval


def test_det_curve_is_the_roc_curve_upside_down() -> None:
    rows, labels = album(12, 4, 0.25)
    pairs = pair_scores(rows, labels)
    roc, det = roc_curve(pairs), det_curve(pairs)
    np.testing.assert_allclose(det.y, 1 - roc.y)
    assert (det.lower <= det.y).all()
    assert (det.y <= det.upper).all()


def test_equal_error_rate_by_hand() -> None:
    # From 0.5 on: one of 4 impostors (0.6) matches, one of 4 genuine pairs (0.4) does not.
    assert equal_error_rate(scored([0.4, 0.7, 0.8, 0.9], [0.1, 0.2, 0.3, 0.6])).value == 0.25
    assert equal_error_rate(scored([0.7, 0.8], [0.1, 0.2])).value == 0


def test_best_threshold_cuts_the_widest_gap_and_no_ties() -> None:
    assert best_threshold(np.array([0.1, 0.2, 0.6, 0.7]), np.array([False, False, True, True])) == pytest.approx(0.4)
    # One of two equal scores is genuine: the cut may not lie between them.
    assert best_threshold(np.array([0.1, 0.5, 0.5, 0.9]), np.array([False, False, True, True])) in (
        pytest.approx(0.3),
        pytest.approx(0.7),
    )


def test_fold_accuracy_by_hand() -> None:
    # Fold 1 learns from fold 0 to cut at 0.45 and takes 0.4 for two people; fold 0 learns to cut at 0.375 and is all right.
    found = fold_accuracy(scored([0.6, 0.4], [0.3, 0.35]), [0, 1, 0, 1])
    assert found.thresholds == pytest.approx((0.375, 0.45))
    assert found.folds == (1.0, 0.5)
    assert found.accuracy.value == 0.75


def test_dealt_folds_are_even_and_the_accuracy_has_an_interval() -> None:
    rows, labels = album(30, 5, 0.25)
    pairs = score_pairs(rows, labels, draw_pairs(labels, 200, seed=0))
    found = fold_accuracy(pairs)
    assert len(found.folds) == 10
    assert found.accuracy.lower is not None
    assert found.accuracy.upper is not None
    assert found.accuracy.lower < found.accuracy.value < found.accuracy.upper
    assert fold_accuracy(pairs) == found


def test_folds_must_belong_to_pairs() -> None:
    with pytest.raises(ShapeError, match="One fold a pair"):
        fold_accuracy(scored([0.5], [0.1]), [0])
    with pytest.raises(DataError, match="two folds expected, got 1"):
        fold_accuracy(scored([0.5], [0.1]), [3, 3])


def test_best_score_with_each_person_leaves_out_the_face_itself() -> None:
    rows, codes = at(0, 60, 90), np.array([1, 1, 0])
    best = best_by_person(rows, rows, codes, leave_out=True)
    np.testing.assert_allclose(best[:, 1], [0.5, 0.5, np.cos(np.pi / 6)], atol=1e-6)
    np.testing.assert_allclose(best[:2, 0], [0, np.cos(np.pi / 6)], atol=1e-6)
    assert best[2, 0] == -np.inf


def test_cumulative_match_by_hand() -> None:
    # ann at 0, bob at 90, eve at 180; probes of ann at 10 (rank 1), 50 (bob is nearer, rank 2) and 170 (rank 3).
    gallery, names = at(0, 90, 180), ["ann", "bob", "eve"]
    curve = cumulative_match(gallery, names, at(10, 50, 170, 45), ["ann", "ann", "ann", "stranger"])
    assert curve.x.tolist() == [1, 2, 3]
    assert curve.y.tolist() == pytest.approx([1 / 3, 2 / 3, 1])


def test_cumulative_match_within_a_gallery_leaves_single_faces_out() -> None:
    curve = cumulative_match(at(0, 5, 90, 40), ["ann", "ann", "bob", "eve"])
    assert curve.y.tolist() == [1, 1, 1]
    with pytest.raises(DataError, match="No probe is of a person in the gallery"):
        cumulative_match(at(0, 90), ["ann", "bob"])


def test_open_set_by_hand() -> None:
    # Strangers score cos 80, 60, 40 and 20 with ann; two probes of ann score cos 30 and cos 70.
    gallery, names = at(0, 180), ["ann", "bob"]
    probes, people = at(80, 60, 40, 20, 30, 70), ["s1", "s2", "s3", "s4", "ann", "ann"]
    curve = open_set(gallery, names, probes, people)
    rates = {round(float(rate), 4): share for rate, share in zip(curve.x, curve.y, strict=True)}
    assert rates[0.25] == 0.5  # above cos 40, which only cos 30 is
    assert rates[0.5] == 0.5  # above cos 60
    assert rates[0.75] == 1.0  # above cos 80
    assert rates[1.0] == 1.0


def test_open_set_counts_a_wrong_name_as_a_miss() -> None:
    curve = open_set(at(0, 90), ["ann", "bob"], at(80, 45), ["ann", "stranger"])
    assert curve.y.tolist() == [0] * len(curve.x)


def test_open_set_needs_both_kinds_of_probes() -> None:
    with pytest.raises(DataError, match="somebody enrolled and of strangers"):
        open_set(at(0, 90), ["ann", "bob"], at(1), ["ann"])
    with pytest.raises(DataError, match="somebody enrolled and of strangers"):
        open_set(at(0, 90), ["ann", "bob"])


def test_open_set_within_a_gallery_equals_leaving_people_out_by_hand() -> None:
    rows, labels = album(10, 3, 0.22)
    curve = open_set(rows, labels)
    _, codes = person_codes(labels)
    scores = rows @ rows.T
    own = np.where((codes[:, None] == codes) & ~np.eye(len(rows), dtype=bool), scores, -1).max(1)
    other = np.where(codes[:, None] != codes, scores, -1).max(1)
    threshold = np.sort(other)[-4]  # three of thirty strangers lie above
    place = int(np.argmin(np.abs(curve.x - 0.1)))
    assert curve.y[place] == pytest.approx(float(np.mean((own > other) & (own > threshold))))


def test_intervals_are_over_people_and_wider_than_over_pairs() -> None:
    """Half of the people are hard: pairs are many, people few, so the truth moves by far more than pairs suggest."""
    random = np.random.default_rng(0)
    people = np.repeat(np.arange(10), 200)
    genuine = np.where(people % 2, 0.9, 0.3) + 0.02 * random.normal(size=len(people))
    first, second = random.integers(0, 10, 4000), random.integers(1, 10, 4000)
    scores = np.concatenate([genuine, 0.5 + 0.02 * random.normal(size=4000)]).astype(np.float32)
    pairs = PairScores(scores, np.concatenate([people, first]), np.concatenate([people, (first + second) % 10]))
    curve = roc_curve(pairs)
    place = int(np.argmin(np.abs(curve.x - 0.01)))
    assert curve.y[place] == pytest.approx(0.5)
    assert curve.lower[place] < 0.3  # over 2,000 pairs it would be 0.48
    assert curve.upper[place] > 0.7


def test_an_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """Rank-1 of a known rate: each person is found or not at all, 30 people, 70 % found."""
    covered = 0
    for seed in range(100):
        found = np.random.default_rng(seed).random(30) < 0.7
        degrees = np.where(found, 0.0, 1.0)
        # Every probe stands between its own person and a look-alike, nearer to the one or the other.
        gallery = np.repeat(np.eye(60, dtype=np.float32)[:30], 2, axis=0) * np.float32(np.sqrt(0.5))
        gallery[::2, 30], gallery[1::2, 31] = np.sqrt(0.5), np.sqrt(0.5)
        probes = np.eye(60, dtype=np.float32)[:30] * np.float32(0.8)
        probes[np.arange(30), np.where(degrees == 0, 30, 31)] = 0.6
        names = [f"{kind}{person:02}" for person in range(30) for kind in ("own", "like")]
        curve = cumulative_match(gallery, names, probes, [f"own{person:02}" for person in range(30)], seed=seed)
        assert curve.y[0] == pytest.approx(found.mean())
        covered += bool(curve.lower[0] <= 0.7 <= curve.upper[0])
    assert 86 <= covered <= 99  # the bootstrap of 30 people covers 92 to 95 %, deviation 2.5


def test_where_nobody_fails_the_interval_still_has_a_width() -> None:
    rows, labels = album(8, 3, 0.02)
    curve = cumulative_match(rows, labels)
    assert curve.y[0] == 1
    assert curve.lower[0] == pytest.approx(0.6756, abs=1e-3)  # Wilson's of 8 of 8 people
    assert equal_error_rate(pair_scores(rows, labels)).upper == pytest.approx(0.3244, abs=1e-3)


def test_many_people_are_drawn_in_groups_and_agree_with_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, labels = album(80, 4, 0.28)
    pairs = pair_scores(rows, labels)
    alone = equal_error_rate(pairs)
    monkeypatch.setattr("seodang.families.faces.scores.measures.MOST_GROUPS", 40)
    grouped = equal_error_rate(pairs)
    assert alone.value == grouped.value
    assert alone.lower is not None and grouped.lower is not None
    assert alone.upper is not None and grouped.upper is not None
    assert grouped.upper - grouped.lower == pytest.approx(alone.upper - alone.lower, rel=0.35)  # both of 300 draws
