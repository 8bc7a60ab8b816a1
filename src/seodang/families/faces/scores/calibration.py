"""Thresholds and probabilities of face scores, from scores of people who are known to be the same or not.

What a search asks is how high the best of N faces of strangers scores. Two things were measured on photographs of 96 public
people. People are independent: the best of P people stays below t with the P-th power of the chance of one. The faces of one
person are not: m faces raise the chance of a false match as if they were m ** 0.85 (between 0.67 and 0.92, the rarer the match
the more; 0.85 keeps the asked rate from one face a person to ten). So N faces of P people count as P * (N / P) ** 0.85, and
where it is not said how many people they are, as N people.

A rate of 0.1 % among 500 faces is one pair in half a million, which few samples hold, and what they hold there are the few
people who look most alike. Down to a rate that the sample can tell, thresholds are its own quantiles; beyond, the share of
scores above s falls as a power of 1 - s, as the part of a sphere that lies within an angle does: a generalised Pareto tail
(Pickands 1975, "Statistical inference using extreme order statistics", Annals of Statistics 3) whose end is known, 1. It is
laid through two quantiles, which a few wrongly named faces, always the very highest scores, do not move. The rarer of the two
is no rarer than two pairs of people in all pairs of people. With a free end, strangers came back as somebody two to five times
as often as asked when a few dozen people had been measured; with no end at all, far less often than asked.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import isotonic_regression

from seodang.core.errors import DataError, SettingsError
from seodang.families.faces.scores.measures import Embeddings, Floats, pair_scores, person_codes

Counts = tuple[int, ...]

BINS = 1000  # of scores from -1 to 1
EDGES = np.linspace(-1, 1, BINS + 1)
CENTRES = (EDGES[1:] + EDGES[:-1]) / 2
IMPOSTOR_EXPONENT = 0.85  # m faces of one person count as m to this power in a search; measured, see above
GENUINE_EXPONENT = 0.4  # the same of the best of one's own m faces; measured between 0.2 and 0.5 at the lower half of scores
RAREST_SHARE = 1e-4  # the rarer quantile that the tail is laid through, of samples of more than 200 people
RAREST_PAIRS = 2  # of smaller samples: so many pairs of people in all of them
TAIL_SPAN = 10.0  # the other is so many times as frequent,
FREQUENT_SHARE = 0.3  # but never more frequent than this
SMOOTHING = 0.1  # deviation of the kernel that smooths densities, in deviations of the scores
PRIOR = 0.5  # chance that a face is of somebody enrolled, where nothing else is known
ENOUGH_PEOPLE, ENOUGH_FACES = 20, 5  # from so many people of so many faces a gallery calibrates itself; see own_calibration
MOST_FACES = 5_000  # that a gallery calibrates itself by: 12 million pairs, in a third of a second
SHIPPED = Path(__file__).parent / "calibrations"


@dataclass(frozen=True)
class Calibration:
    """How scores of one person and of two people are distributed, and what follows for a search.

    Args:
        source: Whose faces, in words.
        people: How many people they are.
        faces: How many faces.
        genuine: (bins,), pairs of one person by score, over `BINS` equal bins from -1 to 1.
        impostor: (bins,), pairs of two people.

    Raises: DataError: A histogram has another number of bins, a negative count, or no pair.
    """

    source: str
    people: int
    faces: int
    genuine: Counts
    impostor: Counts

    def __post_init__(self) -> None:
        for name, counts in (("genuine", self.genuine), ("impostor", self.impostor)):
            if len(counts) != BINS or min(counts) < 0 or sum(counts) == 0:
                raise DataError(
                    f"A calibration needs {BINS} counts of {name} scores, none negative and not all 0; "
                    f"got {len(counts)} that sum to {sum(counts)}."
                )

    def threshold(self, false_match_rate: float, gallery_faces: int = 1, gallery_people: int | None = None) -> float:
        """The score from which a match is believed, so that a stranger is believed to be somebody no more often than asked.

        Args:
            false_match_rate: Asked share of strangers (of pairs of two people, where there is one face) that match.
            gallery_faces: Faces that each probe is compared with, of which the best counts; 1 compares two faces.
            gallery_people: People that those faces are of; as many as faces when left out, which is on the safe side.

        Raises: SettingsError: The rate is not between 0 and 1, or faces or people are no such counts.
        """
        if not 0 < false_match_rate < 1:
            raise SettingsError(
                f"{{false_match_rate}} must be between 0 and 1, got {false_match_rate}.",
                settings=("false_match_rate",),
                bound="between 0 and 1",
                value=false_match_rate,
            )
        count = effective_faces(gallery_faces, gallery_people)
        share = -math.expm1(math.log1p(-false_match_rate) / count)  # of single comparisons that may match
        if share < self._tail.share:
            return self._tail.score(share)
        return float(np.interp(-share, -self._exceeding, EDGES))

    def false_match_rate(self, threshold: float, gallery_faces: int = 1, gallery_people: int | None = None) -> float:
        """The share of strangers whose best score among these faces reaches the threshold; the inverse of `threshold`."""
        share = float(np.interp(threshold, EDGES, self._survival))
        return -math.expm1(effective_faces(gallery_faces, gallery_people) * math.log1p(-min(share, 1 - 1e-12)))

    def true_match_rate(self, threshold: float) -> float:
        """The share of pairs of one person whose score reaches the threshold."""
        counts = np.asarray(self.genuine, np.float64)
        return float(np.interp(threshold, EDGES, np.concatenate([[1.0], 1 - np.cumsum(counts) / counts.sum()])))

    def probability(
        self, score: float, gallery_faces: int = 1, gallery_people: int | None = None, *, prior: float = PRIOR
    ) -> float:
        """The chance that the best match of a search is the right person, see `probabilities`."""
        return float(self.probabilities([score], gallery_faces, gallery_people, prior=prior)[0])

    def probabilities(
        self, scores: ArrayLike, gallery_faces: int = 1, gallery_people: int | None = None, *, prior: float = PRIOR
    ) -> Floats:
        """The chance that the best match is the right person, for each score of a best match.

        It is right when the face is of somebody enrolled (chance `prior`), scores so with that person and lower with all
        others. It is wrong when the best of all others scores so, whether the face is a stranger's or scores lower with its
        own person. The chance never falls as the score rises, and is never nearer to 0 or 1 than the sample can tell.

        Args:
            scores: (probes,), the best score of each.
            gallery_faces: Faces that each probe is compared with.
            gallery_people: People that those faces are of; as many as faces when left out.
            prior: Chance that a probe is of somebody enrolled.

        Raises: SettingsError: The prior is not between 0 and 1, or faces or people are no such counts.
        """
        if not 0 < prior < 1:
            raise SettingsError(
                f"{{prior}} must be between 0 and 1, got {prior}.", settings=("prior",), bound="between 0 and 1", value=prior
            )
        count = effective_faces(gallery_faces, gallery_people)
        own = (gallery_faces / (gallery_people or gallery_faces)) ** GENUINE_EXPONENT
        others = (1 - self._survival) ** count
        mine = self._genuine_below**own
        wrong, right = _smooth(np.diff(others)), _smooth(np.diff(mine))
        below, lower = (others[1:] + others[:-1]) / 2, (mine[1:] + mine[:-1]) / 2
        hit = prior * right * below
        miss = prior * wrong * lower + (1 - prior) * wrong
        chance = isotonic_regression(hit / (hit + miss + 1e-300), weights=hit + miss + 1e-12).x
        nearest = 1 / (2 + min(sum(self.genuine), sum(self.impostor)))
        return np.asarray(np.interp(np.asarray(scores, np.float64), CENTRES, np.clip(chance, nearest, 1 - nearest)))

    def to_json(self) -> dict[str, Any]:
        """The calibration as plain values; histograms without their empty ends."""
        facts = {"source": self.source, "people": self.people, "faces": self.faces, "bins": BINS}
        return {**facts, "genuine": _packed(self.genuine), "impostor": _packed(self.impostor)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Calibration:
        """A calibration from what `to_json` gave.

        Raises: DataError: Something is missing or of another kind.
        """
        try:
            if value["bins"] != BINS:
                raise DataError(f"A calibration of {BINS} bins expected, got {value['bins']}; make it anew.")
            facts = str(value["source"]), int(value["people"]), int(value["faces"])
            return cls(*facts, _unpacked(value["genuine"]), _unpacked(value["impostor"]))
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(
                f"A calibration has source, people, faces, bins, genuine and impostor; wrong is {error}."
            ) from error

    @cached_property
    def _exceeding(self) -> Floats:
        """The share of impostor pairs at each edge or above, as counted."""
        counts = np.asarray(self.impostor, np.float64)
        return np.concatenate([[1.0], np.clip(1 - np.cumsum(counts) / counts.sum(), 0, 1)])

    @cached_property
    def _tail(self) -> Tail:
        return _fitted_tail(self._exceeding, self.people)

    @cached_property
    def _survival(self) -> Floats:
        """The share of impostor pairs at each edge or above, as counted below and as fitted in the tail."""
        tail = self._tail
        return np.where(tail.start <= EDGES, tail.survival(np.maximum(EDGES, tail.start)), self._exceeding)

    @cached_property
    def _genuine_below(self) -> Floats:
        counts = np.asarray(self.genuine, np.float64)
        return np.concatenate([[0.0], np.cumsum(counts) / counts.sum()])


@dataclass(frozen=True)
class Tail:
    """How rare high scores are, from a score upwards: a power of their distance from 1."""

    start: float
    share: float
    """Of all scores, above the start."""
    power: float

    def survival(self, scores: Floats) -> Floats:
        """The share of all scores above each of these, which lie between the start and 1."""
        return np.asarray(self.share * ((1 - scores) / (1 - self.start)) ** self.power)

    def score(self, share: float) -> float:
        """The score that so small a share of all scores lies above."""
        return float(1 - (1 - self.start) * (share / self.share) ** (1 / self.power))


def effective_faces(faces: int, people: int | None = None) -> float:
    """As how many faces of different people a gallery counts.

    Raises: SettingsError: There are fewer than one, or more people than faces.
    """
    if faces < 1:
        raise SettingsError(
            f"{{gallery_faces}} must be at least 1, got {faces}.", settings=("gallery_faces",), bound="at least 1", value=faces
        )
    if people is not None and not 1 <= people <= faces:
        raise SettingsError(
            f"{{gallery_people}} must be between 1 and the number of faces, {faces}, got {people}.",
            settings=("gallery_people",),
            bound=f"between 1 and {faces}",
            value=people,
        )
    among = people or faces
    return float(among * (faces / among) ** IMPOSTOR_EXPONENT)


def calibration_of(embeddings: Embeddings, labels: ArrayLike, source: str = "these faces") -> Calibration:
    """A calibration from faces whose people are known.

    Args:
        embeddings: (faces, dimensions), float32, each row of length 1.
        labels: (faces,), the person of each.
        source: Whose faces, in words.

    Raises: ShapeError, DataError: They do not belong together, or there is no pair of one person or none of two.
    """
    pairs = pair_scores(embeddings, labels)
    people = len(person_codes(labels)[0])
    return Calibration(source, people, len(embeddings), _histogram(pairs.genuine), _histogram(pairs.impostor))


def shipped_calibration(engine: str) -> Calibration:
    """The calibration that comes with an engine.

    Raises: SettingsError: There is none of that engine.
    """
    known = sorted(path.stem for path in SHIPPED.glob("*.json"))
    if engine not in known:
        raise SettingsError(
            f"{{engine}} must be one of {', '.join(known)}, got {engine!r}.",
            settings=("engine",),
            bound=f"one of {', '.join(known)}",
            value=engine,
        )
    return Calibration.from_json(json.loads((SHIPPED / f"{engine}.json").read_text("utf-8")))


def own_calibration(embeddings: Embeddings, labels: ArrayLike, engine: str) -> Calibration:
    """A calibration from a gallery's own people where they are enough to tell, otherwise the engine's.

    Enough are 20 people of 5 faces: where 1 % of strangers was asked, 0.6 % came back as somebody, and chances were off by
    0.7 % (SFace) and 2.2 % (ResNet). The engine's calibration let ten times as many strangers through as asked, and more,
    when all embeddings were moved one way, as other cameras might. Ten people gave thresholds so high that up to a tenth of
    the right matches were lost, and chances that were off by 3 to 4 %.

    Raises:
        ShapeError, DataError: Embeddings and labels do not belong together.
        SettingsError: There are too few people, and no calibration of that engine.
    """
    names, codes = person_codes(labels)
    several = int((np.bincount(codes) >= ENOUGH_FACES).sum()) if len(codes) else 0
    if several < ENOUGH_PEOPLE:
        return shipped_calibration(engine)
    rows = _some_people(codes, len(names))
    source = f"{len(rows):,} faces of {len(np.unique(codes[rows])):,} of the {len(names):,} people of this gallery"
    return calibration_of(embeddings[rows], codes[rows], source)


def _some_people(codes: NDArray[np.int64], people: int) -> NDArray[np.int64]:
    """The faces of all people, or of as many, by chance and always the same, as have `MOST_FACES` together."""
    if len(codes) <= MOST_FACES:
        return np.arange(len(codes))
    order = np.random.default_rng(0).permutation(people)
    together = np.cumsum(np.bincount(codes, minlength=people)[order])
    return np.flatnonzero(np.isin(codes, order[together <= MOST_FACES]))


def _fitted_tail(exceeding: Floats, people: int) -> Tail:
    """The tail through two quantiles; it starts at the more frequent one."""
    pairs = people * (people - 1) / 2
    rare = min(max(RAREST_SHARE, RAREST_PAIRS / max(pairs, 1)), FREQUENT_SHARE / 4)
    frequent = min(TAIL_SPAN * rare, FREQUENT_SHARE)
    low, high = (float(np.interp(-share, -exceeding, EDGES)) for share in (frequent, rare))
    width = EDGES[1] - EDGES[0]  # quantiles of a histogram are no closer than a bin, and no score is 1 but of equal pictures
    low = min(low, 1 - 3 * width)
    high = min(max(high, low + width), 1 - width)
    return Tail(low, frequent, math.log(frequent / rare) / math.log((1 - low) / (1 - high)))


def _smooth(density: Floats) -> Floats:
    """A density over the bins, smoothed by a normal kernel that is narrow beside it."""
    mass = density.sum()
    mean = (CENTRES * density).sum() / mass
    deviation = math.sqrt(max(float((density * (CENTRES - mean) ** 2).sum() / mass), 0.0))
    width = max(SMOOTHING * deviation / (EDGES[1] - EDGES[0]), 1.0)
    smoothed: Floats = gaussian_filter1d(density, width, mode="nearest", truncate=8.0)
    return smoothed


def _histogram(scores: NDArray[np.float32]) -> Counts:
    counts, _ = np.histogram(np.clip(scores, -1, 1), EDGES)
    return tuple(int(count) for count in counts)


def _packed(counts: Counts) -> dict[str, Any]:
    filled = np.flatnonzero(counts)
    return {"first_bin": int(filled[0]), "counts": list(counts[filled[0] : filled[-1] + 1])}


def _unpacked(packed: Mapping[str, Any]) -> Counts:
    counts = [int(count) for count in packed["counts"]]
    first = int(packed["first_bin"])
    return (*([0] * first), *counts, *([0] * (BINS - first - len(counts))))
