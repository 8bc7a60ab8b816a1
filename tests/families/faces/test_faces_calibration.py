"""Calibrations: known distributions, the asked rate kept on people never seen, chances that come true."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from seodang.core.errors import DataError, SettingsError
from seodang.families.faces.scores.calibration import (
    BINS,
    CENTRES,
    ENOUGH_FACES,
    ENOUGH_PEOPLE,
    Calibration,
    calibration_of,
    effective_faces,
    own_calibration,
    shipped_calibration,
)

Rows = NDArray[np.float32]


def counts(density: NDArray[np.float64], pairs: int) -> tuple[int, ...]:
    """A histogram of a density over the bins."""
    return tuple(int(count) for count in np.round(density / density.sum() * pairs))


def normal(mean: float, deviation: float, pairs: int) -> tuple[int, ...]:
    return counts(np.exp(-0.5 * ((CENTRES - mean) / deviation) ** 2), pairs)


def two_normals(people: int = 500) -> Calibration:
    return Calibration("two normal clouds", people, 10 * people, normal(0.7, 0.08, 100_000), normal(0.1, 0.08, 10_000_000))


def album(people: int, faces: int, seed: int, spread: float = 0.09, dimensions: int = 64) -> tuple[Rows, NDArray[np.int64]]:
    """Faces of people around each person's own direction, people themselves in loose families of look-alikes."""
    random = np.random.default_rng(seed)
    families = random.normal(size=(12, dimensions))
    centres = random.normal(size=(people, dimensions)) + 0.5 * families[random.integers(0, 12, people)]
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    rows = np.repeat(centres, faces, axis=0) + spread * random.normal(size=(people * faces, dimensions))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float32), np.repeat(np.arange(people), faces)


def test_the_threshold_of_two_faces_is_the_quantile_of_impostors() -> None:
    calibration = two_normals()
    assert calibration.threshold(0.01) == pytest.approx(0.1 + 2.3263 * 0.08, abs=2e-3)  # bins are 0.002 wide
    assert calibration.threshold(0.5) == pytest.approx(0.1, abs=2e-3)


def test_the_tail_falls_as_a_power_of_the_distance_from_one() -> None:
    """Impostors whose share above s is ((1 - s) / 2) ** 12, beyond what any count in the sample shows."""
    edges = np.linspace(-1, 1, BINS + 1)
    above = ((1 - edges) / 2) ** 12
    calibration = Calibration("a power", 500, 5000, normal(0.7, 0.08, 1000), counts(-np.diff(above), 10_000_000))
    for rate in (1e-3, 1e-5, 1e-8):
        assert calibration.threshold(rate) == pytest.approx(1 - 2 * rate ** (1 / 12), abs=4e-3)  # two bins


def test_a_search_needs_a_higher_threshold_and_many_faces_of_few_people_less_so() -> None:
    calibration = two_normals()
    one, search = calibration.threshold(0.01), calibration.threshold(0.01, 100)
    assert search == pytest.approx(calibration.threshold(1 - 0.99 ** (1 / 100)))
    assert one < calibration.threshold(0.01, 100, 10) < search
    assert effective_faces(100, 10) == pytest.approx(10 * 10**0.85)
    assert effective_faces(100) == 100


def test_the_false_match_rate_is_the_inverse_of_the_threshold() -> None:
    calibration = two_normals()
    for rate in (0.2, 0.01, 1e-4):
        for faces in (1, 50, 5000):
            assert calibration.false_match_rate(calibration.threshold(rate, faces), faces) == pytest.approx(rate, rel=0.03)
    assert calibration.true_match_rate(0.7) == pytest.approx(0.5, abs=0.01)


def test_the_chance_of_two_normal_clouds_is_that_of_bayes() -> None:
    calibration = two_normals()
    for score in (0.35, 0.4, 0.45):
        ratio = np.exp(-0.5 * ((score - 0.7) / 0.08) ** 2 + 0.5 * ((score - 0.1) / 0.08) ** 2)
        # With one face compared, wrong is a stranger who scores so; the tail of a power is heavier than the normal one.
        assert calibration.probability(score) == pytest.approx(ratio / (1 + ratio), abs=0.12)
    assert calibration.probability(0.4, prior=0.9) > calibration.probability(0.4, prior=0.1)


def test_the_chance_rises_with_the_score_and_falls_with_the_gallery_and_is_never_certain() -> None:
    calibration = two_normals()
    scores = np.linspace(-1, 1, 500)
    chances = calibration.probabilities(scores, 1000, 200)
    assert (np.diff(chances) >= 0).all()
    assert chances[0] > 0
    assert chances[-1] < 1
    assert calibration.probability(0.45, 1000) < calibration.probability(0.45, 10)


@pytest.mark.parametrize(("faces_each", "people"), [(1, 20), (5, 20), (5, 40)])
def test_strangers_come_back_as_somebody_no_more_often_than_asked(faces_each: int, people: int) -> None:
    realised = []
    for seed in range(6):
        rows, labels = album(160, 6, seed)
        known = np.flatnonzero((labels < people) & (np.arange(len(labels)) % 6 < faces_each))
        makers, strangers = (labels >= 40) & (labels < 100), labels >= 100
        calibration = calibration_of(rows[makers], labels[makers])
        threshold = calibration.threshold(0.01, len(known), people)
        realised.append(float(((rows[strangers] @ rows[known].T).max(1) >= threshold).mean()))
    assert np.mean(realised) < 0.013  # 2,160 strangers of 360 people: 0.01 with a deviation of 0.003
    assert np.mean(realised) > 0.0005


def test_chances_come_true_on_people_never_seen() -> None:
    rows, labels = album(160, 6, seed=1, spread=0.13)
    makers = labels < 80
    calibration = calibration_of(rows[makers], labels[makers])
    gallery = np.flatnonzero((labels >= 80) & (labels < 110) & (np.arange(len(labels)) % 6 < 3))
    probes = np.flatnonzero((labels >= 80) & (labels < 140) & (np.arange(len(labels)) % 6 >= 3))  # half are enrolled
    scores = rows[probes] @ rows[gallery].T
    right = labels[gallery][scores.argmax(1)] == labels[probes]
    chances = calibration.probabilities(scores.max(1), len(gallery), 30)
    assert chances.mean() == pytest.approx(right.mean(), abs=0.05)
    assert np.mean((chances - right) ** 2) < 0.06
    sure = chances > 0.9
    assert right[sure].mean() > 0.9


def test_json_brings_the_same_calibration_back() -> None:
    calibration = two_normals()
    assert Calibration.from_json(json.loads(json.dumps(calibration.to_json()))) == calibration


@pytest.mark.parametrize(("engine", "faces"), [("sface", 2242), ("resnet", 2242), ("dlib", 2234)])
def test_shipped_calibrations_say_whose_faces_and_separate_people(engine: str, faces: int) -> None:
    calibration = shipped_calibration(engine)
    assert "Labeled Faces in the Wild" in calibration.source
    assert (calibration.people, calibration.faces) == (96, faces)
    threshold = calibration.threshold(0.01, 100, 20)
    assert calibration.true_match_rate(threshold) > 0.65
    assert calibration.false_match_rate(threshold, 100, 20) == pytest.approx(0.01, rel=0.05)
    assert calibration.probability(threshold, 100, 20) < calibration.probability(threshold + 0.1, 100, 20)


def test_a_gallery_of_enough_people_calibrates_itself_and_a_small_one_does_not() -> None:
    rows, labels = album(ENOUGH_PEOPLE, ENOUGH_FACES, seed=0)
    assert "this gallery" in own_calibration(rows, labels, "sface").source
    few = labels < ENOUGH_PEOPLE - 1
    assert own_calibration(rows[few], labels[few], "sface") == shipped_calibration("sface")


def test_a_large_gallery_calibrates_itself_by_some_of_its_people() -> None:
    rows, labels = album(1200, 6, seed=1)
    some, whole = own_calibration(rows, labels, "sface"), calibration_of(rows, labels)
    assert some.source == "4,998 faces of 833 of the 1,200 people of this gallery"
    assert some == own_calibration(rows, labels, "sface"), "the same people each time"
    assert some.threshold(0.01, 7200, 1200) == pytest.approx(whole.threshold(0.01, 7200, 1200), abs=0.02)


def test_wrong_questions_are_refused() -> None:
    calibration = two_normals()
    with pytest.raises(SettingsError, match="false_match_rate must be between 0 and 1, got 1"):
        calibration.threshold(1)
    with pytest.raises(SettingsError, match="gallery_faces must be at least 1, got 0"):
        calibration.threshold(0.01, 0)
    with pytest.raises(SettingsError, match="gallery_people must be between 1 and the number of faces, 5, got 6"):
        calibration.threshold(0.01, 5, 6)
    with pytest.raises(SettingsError, match="prior must be between 0 and 1, got 0"):
        calibration.probability(0.5, prior=0)
    with pytest.raises(SettingsError, match="engine must be one of dlib, resnet, sface, got 'arc'"):
        shipped_calibration("arc")


def test_damaged_calibrations_are_refused() -> None:
    good = two_normals().to_json()
    with pytest.raises(DataError, match="wrong is 'genuine'"):
        Calibration.from_json({name: value for name, value in good.items() if name != "genuine"})
    with pytest.raises(DataError, match="1000 bins expected, got 10"):
        Calibration.from_json({**good, "bins": 10})
    with pytest.raises(DataError, match="none negative and not all 0"):
        Calibration("nobody", 1, 1, (0,) * BINS, (1,) * BINS)
