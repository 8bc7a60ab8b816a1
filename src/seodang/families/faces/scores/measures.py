"""How well embeddings tell people apart: verification, identification, and identification among strangers.

Everywhere `embeddings` is (faces, dimensions), float32, each row of length 1, and `labels` names the person of each row; a
score is the cosine similarity of two embeddings, higher for more alike. The pairs of one person are not independent of each
other, so every interval comes from drawing people anew, never pairs (Bolle, Ratha & Pankanti 2004, "Error analysis of pattern
recognition systems - the subsets bootstrap", CVIU 93). A person drawn twice counts twice, a pair of two people by the product.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seodang.core.errors import DataError, SettingsError, ShapeError
from seodang.metrics.intervals import resampled, wilson_interval

Embeddings = NDArray[np.float32]
Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
"""The number of each row's person, from 0, in the order of the sorted names."""

RESAMPLES = 300
LEAST_PEOPLE = 5  # fewer people say nothing about other people, and no interval is given
MOST_GROUPS = 100  # people are drawn anew one by one up to here, and in so many groups of people beyond
MOST_IMPOSTORS = 5_000_000  # scores of two people that are kept; of more, so many are drawn by a fixed seed
CELLS_AT_ONCE = 4_000_000  # scores in memory at once, 4 bytes each
CURVE_RATES = np.concatenate([np.logspace(-5, -1, 33), np.linspace(0.15, 1, 18)])
"""The rates at which curves are read off: eight a decade up to 10 %, then every 5 %."""
LENGTH_TOLERANCE = 1e-3  # float32 rows normalised by any engine are closer to 1 than this
_CELLS = 400  # bins of scores in which resamples are counted


@dataclass(frozen=True)
class Estimate:
    """A number and its 95 % interval; without bounds where there are too few people to tell."""

    value: float
    lower: float | None = None
    upper: float | None = None


@dataclass(frozen=True)
class Curve:
    """A line with its 95 % band, each (points,), float64; the band is nan where there are too few people to tell."""

    x: Floats
    y: Floats
    lower: Floats
    upper: Floats


@dataclass(frozen=True)
class Pairs:
    """Rows to compare, each (pairs,), int64."""

    first: Codes
    second: Codes


@dataclass(frozen=True)
class PairScores:
    """Scores of pairs of faces, and whose faces they are."""

    scores: NDArray[np.float32]
    first: Codes
    """(pairs,), the person of one face."""
    second: Codes
    """(pairs,), the person of the other."""

    @property
    def is_genuine(self) -> NDArray[np.bool_]:
        """(pairs,), whether both faces are of one person."""
        same: NDArray[np.bool_] = self.first == self.second
        return same

    @property
    def genuine(self) -> NDArray[np.float32]:
        """Scores of two faces of one person."""
        return self.scores[self.is_genuine]

    @property
    def impostor(self) -> NDArray[np.float32]:
        """Scores of faces of two people."""
        return self.scores[~self.is_genuine]

    def check(self) -> None:
        """Refuse scores from which nothing can be told.

        Raises: DataError: There is no pair of one person, or no pair of two people.
        """
        genuine = int(self.is_genuine.sum())
        if genuine == 0:
            raise DataError("Two faces of one person are needed, nobody has more than one; add a second face of somebody.")
        if genuine == len(self.scores):
            raise DataError("Faces of two people are needed, all are of one; add somebody else.")


@dataclass(frozen=True)
class FoldAccuracy:
    """Accuracy of saying "the same person" or "two people" of a pair, at thresholds chosen on other pairs."""

    accuracy: Estimate
    folds: tuple[float, ...]
    """Accuracy of each fold."""
    thresholds: tuple[float, ...]
    """From this score on, a pair of the fold is taken for one person."""


def person_codes(labels: ArrayLike) -> tuple[list[str], Codes]:
    """The names of all people, sorted, and the number of each row's person."""
    names, codes = np.unique(np.asarray(labels).astype(str), return_inverse=True)
    return [str(name) for name in names], codes.astype(np.int64).ravel()


def check_embeddings(embeddings: Embeddings, labels: ArrayLike) -> None:
    """Refuse embeddings and labels that do not belong together.

    Raises:
        ShapeError: Embeddings are not (faces, dimensions), or there is not one label a face.
        DataError: There is no face, or a row has not length 1.
    """
    rows = np.asarray(labels).shape
    if embeddings.ndim != 2 or rows != (len(embeddings),):
        raise ShapeError(f"Embeddings (faces, dimensions) and one label a face expected, got {embeddings.shape} and {rows}.")
    if len(embeddings) == 0:
        raise DataError("At least one face expected, got none.")
    wrong = np.flatnonzero(~(np.abs(np.linalg.norm(embeddings, axis=1) - 1) < LENGTH_TOLERANCE))
    if len(wrong):
        length = float(np.linalg.norm(embeddings[wrong[0]]))
        raise DataError(f"Embedding {wrong[0]} has length {length:.4g}, expected 1; divide each row by its length.")


def pair_scores(
    embeddings: Embeddings, labels: ArrayLike, *, most_impostors: int = MOST_IMPOSTORS, seed: int = 0
) -> PairScores:
    """Scores of all pairs of faces; of very many pairs of two people, as many as memory should hold.

    Args:
        embeddings: (faces, dimensions), each row of length 1.
        labels: (faces,), the person of each.
        most_impostors: Pairs of two people that are kept; of more, each is kept with the same chance.
        seed: By which they are drawn.

    Raises: ShapeError, DataError: See `check_embeddings`; or there is no pair of one person or none of two.
    """
    check_embeddings(embeddings, labels)
    _, codes = person_codes(labels)
    order = np.argsort(codes, kind="stable")
    rows, people = np.ascontiguousarray(embeddings[order]), codes[order]
    faces = len(rows)
    sizes = np.bincount(people)
    impostors = (faces * (faces - 1) - int((sizes * (sizes - 1)).sum())) // 2
    share = min(1.0, most_impostors / max(impostors, 1))
    random = np.random.default_rng(seed)
    parts = [_block_scores(rows, people, start, stop, share, random) for start, stop in _blocks(faces, faces)]
    scores, first, second = (np.concatenate([part[place] for part in parts]) for place in range(3))
    found = PairScores(scores, first, second)
    found.check()
    return found


def draw_pairs(labels: ArrayLike, count: int, seed: int) -> Pairs:
    """As many pairs of one person as pairs of two people, drawn by chance, none twice.

    Args:
        labels: (faces,), the person of each.
        count: Pairs of each kind.
        seed: The same pairs for the same seed.

    Returns: `count` pairs of one person, then `count` of two; the first row of each pair is the smaller.
    Raises: DataError: There are not so many pairs.
    """
    _, codes = person_codes(labels)
    sizes = np.bincount(codes)
    own = sizes * (sizes - 1) // 2
    genuine, every = int(own.sum()), len(codes) * (len(codes) - 1) // 2
    if not 1 <= count <= min(genuine, every - genuine):
        there = f"{genuine:,} of one person and {every - genuine:,} of two people"
        raise DataError(f"{count:,} pairs of each kind were asked for; these {len(codes):,} faces have {there}.")
    random = np.random.default_rng(seed)
    order = np.argsort(codes, kind="stable")
    numbers = random.choice(genuine, count, replace=False)
    ends = np.cumsum(own)
    person = np.searchsorted(ends, numbers, side="right")
    low, high = _pair_of(numbers - (ends - own)[person])
    start = (np.cumsum(sizes) - sizes)[person]
    same = np.sort(np.stack([order[start + low], order[start + high]]), axis=0)
    two = np.stack(_draw_impostors(codes, count, every, random))
    first, second = np.concatenate([same, two], axis=1)
    return Pairs(first, second)


def score_pairs(embeddings: Embeddings, labels: ArrayLike, pairs: Pairs) -> PairScores:
    """The scores of chosen pairs.

    Raises: ShapeError, DataError: See `check_embeddings`; or there is no pair of one person or none of two.
    """
    check_embeddings(embeddings, labels)
    _, codes = person_codes(labels)
    scores = np.concatenate(
        [
            np.einsum("pd,pd->p", embeddings[pairs.first[start:stop]], embeddings[pairs.second[start:stop]])
            for start, stop in _blocks(len(pairs.first), embeddings.shape[1])
        ]
    )
    found = PairScores(scores.astype(np.float32), codes[pairs.first], codes[pairs.second])
    found.check()
    return found


def roc_curve(pairs: PairScores, *, seed: int = 0, resamples: int = RESAMPLES) -> Curve:
    """True match rate (y) at each false match rate (x) that these pairs can tell.

    A pair matches when its score reaches the threshold, the lowest whose false match rate is at most x.

    Raises: DataError: There is no pair of one person, or none of two.
    """
    pairs.check()
    genuine, impostor = np.sort(pairs.genuine), np.sort(pairs.impostor)
    rates = CURVE_RATES[CURVE_RATES * len(impostor) >= 1]
    allowed = np.floor(rates * len(impostor) + 1e-9).astype(np.int64)
    # The threshold lies just above the highest impostor that may not match.
    highest = np.concatenate([[-np.inf], impostor])[len(impostor) - allowed]
    matched = 1 - np.searchsorted(genuine, highest, side="right") / len(genuine)
    draws = [np.interp(rates, false, true) for false, true in _drawn_rates(pairs, seed, resamples)]
    return _curve(rates, matched, draws, _with_two(pairs))


def det_curve(pairs: PairScores, *, seed: int = 0, resamples: int = RESAMPLES) -> Curve:
    """False non-match rate (y) at each false match rate (x); drawn on normal-deviate axes, two normal clouds give a line.

    Martin, Doddington, Kamm, Ordowski & Przybocki 1997, "The DET curve in assessment of detection task performance".
    """
    roc = roc_curve(pairs, seed=seed, resamples=resamples)
    return Curve(roc.x, 1 - roc.y, 1 - roc.upper, 1 - roc.lower)


def equal_error_rate(pairs: PairScores, *, seed: int = 0, resamples: int = RESAMPLES) -> Estimate:
    """The rate at which false matches are as frequent as false non-matches; between two scores, the mean of both rates.

    Raises: DataError: There is no pair of one person, or none of two.
    """
    pairs.check()
    genuine, impostor = np.sort(pairs.genuine), np.sort(pairs.impostor)
    scores = np.unique(pairs.scores)
    missed = np.searchsorted(genuine, scores) / len(genuine)
    false = 1 - np.searchsorted(impostor, scores) / len(impostor)
    value = _crossing(false, missed)
    draws = [_crossing(false[::-1], 1 - true[::-1]) for false, true in _drawn_rates(pairs, seed, resamples)]
    return _estimate(value, np.array(draws), _with_two(pairs))


def fold_accuracy(
    pairs: PairScores, folds: ArrayLike | None = None, *, count: int = 10, seed: int = 0, resamples: int = RESAMPLES
) -> FoldAccuracy:
    """Verification accuracy, each fold at the threshold that is best on all others.

    Huang, Ramesh, Berg & Learned-Miller 2007, "Labeled Faces in the Wild", UMass 07-49. Of equally good thresholds the middle
    of the widest gap between two scores is taken, so that a gap between genuine and impostor is cut in its middle.

    Args:
        pairs: Scored pairs.
        folds: (pairs,), the fold of each pair, as a published protocol gives it; dealt by chance, kind by kind, when left out.
        count: Folds to deal.
        seed: By which folds are dealt and people drawn anew.
        resamples: Times that people are drawn anew.

    Raises:
        DataError: There is no pair of one person or none of two, or fewer than two folds.
        ShapeError: There is not one fold a pair.
    """
    pairs.check()
    given = _deal_folds(pairs.is_genuine, count, seed) if folds is None else np.asarray(folds)
    if given.shape != pairs.scores.shape:
        raise ShapeError(f"One fold a pair expected, got {given.shape} for {len(pairs.scores)} pairs.")
    numbers = np.unique(given)
    if len(numbers) < 2:
        raise DataError(f"At least two folds expected, got {len(numbers)}.")
    right = np.zeros(len(pairs.scores), bool)
    thresholds = []
    for fold in numbers:
        held = given == fold
        threshold = best_threshold(pairs.scores[~held], pairs.is_genuine[~held])
        right[held] = (pairs.scores[held] >= threshold) == pairs.is_genuine[held]
        thresholds.append(threshold)
    shares = tuple(float(right[given == fold].mean()) for fold in numbers)
    draws = [float(np.average(right, weights=each)) for each in _pair_weights(pairs, seed, resamples) if each.any()]
    return FoldAccuracy(_estimate(float(np.mean(shares)), np.array(draws), _with_two(pairs)), shares, tuple(thresholds))


def best_threshold(scores: NDArray[np.floating[Any]], is_genuine: NDArray[np.bool_]) -> float:
    """The score from which "the same person" is right most often; of equally good ones the middle of the widest gap."""
    order = np.argsort(scores, kind="stable")
    ranked = scores[order].astype(np.float64)
    hit = np.where(is_genuine[order], 1, -1)
    gain = np.concatenate([[0], -np.cumsum(hit)])  # of leaving out the k lowest, against taking all
    edges = np.concatenate([[ranked[0] - 1e-6], ranked, [ranked[-1] + 1e-6]])
    gaps = np.diff(edges)
    gain = np.where(gaps > 0, gain, gain.min() - 1)  # no threshold lies between equal scores
    place = int(np.argmax(np.where(gain == gain.max(), gaps, -1.0)))
    return float((edges[place] + edges[place + 1]) / 2)


def best_by_person(probes: Embeddings, gallery: Embeddings, codes: Codes, *, leave_out: bool = False) -> NDArray[np.float32]:
    """The best score of each probe with the faces of each person.

    Args:
        probes: (probes, dimensions).
        gallery: (faces, dimensions).
        codes: (faces,), the person of each, from 0, no number left out.
        leave_out: Probes are the gallery itself, and no face is compared with itself.

    Returns: (probes, people), float32; -inf where nothing is left to compare with.
    """
    order = np.argsort(codes, kind="stable")
    rows = np.ascontiguousarray(gallery[order])
    sizes = np.bincount(codes)
    starts = np.cumsum(sizes) - sizes
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    best = np.empty((len(probes), len(sizes)), np.float32)
    for start, stop in _blocks(len(probes), len(rows)):
        scores = probes[start:stop] @ rows.T
        if leave_out:
            scores[np.arange(stop - start), place[start:stop]] = -np.inf
        best[start:stop] = np.maximum.reduceat(scores, starts, axis=1)
    return best


def cumulative_match(
    gallery: Embeddings,
    gallery_labels: ArrayLike,
    probes: Embeddings | None = None,
    probe_labels: ArrayLike | None = None,
    *,
    most_ranks: int = 20,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Curve:
    """Share of probes (y) whose own person is among the x most alike, each person by the best of their faces.

    Of equally alike people the probe's own counts last. Without probes, each face of a person who has several is one, compared
    with all faces but itself.

    Raises:
        ShapeError, DataError: See `check_embeddings`; or no probe is of anybody in the gallery.
    """
    best, true = _identified(gallery, gallery_labels, probes, probe_labels)
    known = (true >= 0) & np.isfinite(best[np.arange(len(best)), true])
    if not known.any():
        raise DataError("No probe is of a person in the gallery who has another face there; add faces or probes of them.")
    best, true = best[known], true[known]
    own = best[np.arange(len(best)), true]
    ranks = (best >= own[:, None]).sum(1)
    top = np.arange(1, min(most_ranks, best.shape[1]) + 1)
    hits = ranks[:, None] <= top
    draws = _drawn_shares(hits, true, seed, resamples)
    return _curve(top.astype(np.float64), hits.mean(0), draws, len(np.unique(true)))


def open_set(
    gallery: Embeddings,
    gallery_labels: ArrayLike,
    probes: Embeddings | None = None,
    probe_labels: ArrayLike | None = None,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Curve:
    """True positive identification rate (y) at each false positive identification rate of strangers (x).

    A stranger is falsely identified when anybody's score reaches the threshold; somebody enrolled is truly identified when the
    best score is their own and reaches it. ISO/IEC 19795-1. Without probes, each face is first a probe among all others, then
    a stranger's in a gallery without its person.

    Raises:
        ShapeError, DataError: See `check_embeddings`; or there is no stranger, or nobody known.
    """
    best, true = _identified(gallery, gallery_labels, probes, probe_labels)
    rows = np.arange(len(best))
    own = np.where(true >= 0, best[rows, true], -np.inf)
    if probes is None:
        best[rows, true] = -np.inf
        people, strangers = true, np.isfinite(best.max(1))
        known, right = np.isfinite(own), own > best.max(1)
    else:
        people = person_codes(() if probe_labels is None else probe_labels)[1]
        known, strangers = true >= 0, true < 0
        right = own >= best.max(1)
    if not known.any() or not strangers.any():
        raise DataError("Open-set rates need probes of somebody enrolled and of strangers; one of them is missing.")
    counted = np.where(right, own, -np.inf)[known]
    return _open_set_curve(counted, people[known], best[strangers].max(1), people[strangers], seed, resamples)


def _identified(
    gallery: Embeddings, gallery_labels: ArrayLike, probes: Embeddings | None, probe_labels: ArrayLike | None
) -> tuple[NDArray[np.float32], Codes]:
    """Best scores by person, and the number of each probe's person in the gallery, -1 of a stranger."""
    check_embeddings(gallery, gallery_labels)
    names, codes = person_codes(gallery_labels)
    if probes is None:
        return best_by_person(gallery, gallery, codes, leave_out=True), codes
    labels = () if probe_labels is None else probe_labels
    check_embeddings(probes, labels)
    numbers = {name: number for number, name in enumerate(names)}
    true = np.array([numbers.get(str(label), -1) for label in np.asarray(labels)], np.int64)
    return best_by_person(probes, gallery, codes), true


def _open_set_curve(
    counted: NDArray[np.float32], people: Codes, strangers: NDArray[np.float32], theirs: Codes, seed: int, resamples: int
) -> Curve:
    """The curve of TPIR over FPIR, from the right scores of known probes (-inf where wrong) and best scores of strangers."""
    rates = CURVE_RATES[CURVE_RATES * len(strangers) >= 1]
    order, known_order = np.argsort(strangers), np.argsort(counted)
    ranked, known_ranked = strangers[order], counted[known_order]
    everyone = max(int(people.max()), int(theirs.max())) + 1
    draws = []
    for weights in [np.ones(everyone), *_people_weights(everyone, seed, resamples)]:
        mine, other = weights[people[known_order]], weights[theirs[order]]
        if not mine.any() or not other.any():
            continue
        above = np.cumsum(other[::-1])[::-1] / other.sum()  # share of strangers at this score or above
        place = np.searchsorted(-above, -rates - 1e-12)  # the first that may be matched
        highest = np.concatenate([[-np.inf], ranked])[place]
        passed = np.concatenate([np.cumsum(mine[::-1])[::-1], [0.0]]) / mine.sum()
        first = np.searchsorted(known_ranked, np.maximum(highest, np.finfo(np.float32).min), side="right")
        draws.append(passed[first])
    return _curve(rates, draws[0], draws[1:], len(np.unique(people)))


def _blocks(rows: int, width: int) -> Iterator[tuple[int, int]]:
    """Ranges of rows that keep a block of `width` columns within bounds."""
    step = max(1, CELLS_AT_ONCE // max(width, 1))
    return ((start, min(start + step, rows)) for start in range(0, rows, step))


def _block_scores(
    rows: Embeddings, people: Codes, start: int, stop: int, share: float, random: np.random.Generator
) -> tuple[NDArray[np.float32], Codes, Codes]:
    """Scores of some rows with every later row; impostors thinned to a share."""
    scores = rows[start:stop] @ rows[start:].T
    kept = np.triu(np.ones(scores.shape, bool), 1)
    if share < 1:
        genuine = people[start:stop, None] == people[None, start:]
        kept &= genuine | (random.random(scores.shape, dtype=np.float32) < share)
    first, second = np.nonzero(kept)
    return scores[first, second], people[start + first], people[start + second]


def _pair_of(numbers: Codes) -> tuple[Codes, Codes]:
    """The two places, lower first, of each pair by its number: 0 is (0, 1), then (0, 2), (1, 2), (0, 3) ..."""
    high = ((1 + np.sqrt(1 + 8 * numbers.astype(np.float64))) / 2).astype(np.int64)
    high -= high * (high - 1) // 2 > numbers  # a root may round up
    high += high * (high + 1) // 2 <= numbers
    return numbers - high * (high - 1) // 2, high


def _draw_impostors(codes: Codes, count: int, every: int, random: np.random.Generator) -> tuple[Codes, Codes]:
    """Pairs of two people: pairs of any kind by chance, those of one person left out, until there are enough."""
    size = count
    while True:
        size = min(every, size * 2)
        low, high = _pair_of(random.permutation(random.choice(every, size, replace=False)))
        fit = np.flatnonzero(codes[low] != codes[high])[:count]
        if len(fit) == count:
            return low[fit], high[fit]


def _people_weights(people: int, seed: int, resamples: int) -> Iterator[Floats]:
    """How often each person counts in each resample; there is none of too few people."""
    if people < LEAST_PEOPLE:
        return
    for block in resampled(people, resamples, seed):
        yield from block


def _pair_weights(pairs: PairScores, seed: int, resamples: int) -> Iterator[Floats]:
    """How often each pair counts in each resample of people."""
    genuine = pairs.is_genuine
    for weights in _people_weights(int(max(pairs.first.max(), pairs.second.max())) + 1, seed, resamples):
        yield np.where(genuine, weights[pairs.first], weights[pairs.first] * weights[pairs.second])


def _drawn_rates(pairs: PairScores, seed: int, resamples: int) -> Iterator[tuple[Floats, Floats]]:
    """False and true match rate over falling thresholds, of each resample of people.

    Pairs are counted once by score and people, so that a resample is a product of small matrices. Beyond a hundred people,
    groups of people are drawn anew; groups of people are as independent as people are.
    """
    people = int(max(pairs.first.max(), pairs.second.max())) + 1
    groups = min(people, MOST_GROUPS)
    group = np.random.default_rng(seed).permutation(people) % groups
    edges = _score_edges(pairs)
    cells = np.searchsorted(edges, pairs.scores, side="right")
    first, second, genuine = group[pairs.first], group[pairs.second], pairs.is_genuine
    size = len(edges) + 1
    own = np.bincount(first[genuine] * size + cells[genuine], minlength=groups * size).reshape(groups, size)
    among = (first * groups + second)[~genuine] * size + cells[~genuine]
    other = np.bincount(among, minlength=groups * groups * size).reshape(groups, groups, size).astype(np.float32)
    other += other.transpose(1, 0, 2)  # each pair from both sides
    within = other[np.arange(groups), np.arange(groups)].copy()  # people of one group: counted as often as the group
    other[np.arange(groups), np.arange(groups)] = 0
    for weights in _people_weights(groups, seed, resamples):
        matches = weights @ own
        mixed = weights.astype(np.float32)
        false = np.tensordot(mixed, np.tensordot(mixed, other, 1), 1).astype(np.float64) + weights @ within
        if matches.sum() > 0 and false.sum() > 0:
            yield tuple(np.concatenate([[0.0], np.cumsum(each[::-1]) / each.sum()]) for each in (false, matches))  # type: ignore[misc]


def _score_edges(pairs: PairScores) -> Floats:
    """Edges of cells of scores: as fine where impostors are rare as where they are many."""
    shares = np.concatenate([np.linspace(0, 0.9, _CELLS // 4), 1 - np.logspace(-1, -6, _CELLS // 4)])
    impostor, genuine = np.quantile(pairs.impostor, shares), np.quantile(pairs.genuine, np.linspace(0, 1, _CELLS // 2))
    return np.unique(np.concatenate([impostor, genuine]).astype(np.float64))


def _crossing(false: Floats, missed: Floats) -> float:
    """Where the falling false match rate meets the rising false non-match rate, both over the same rising thresholds."""
    place = int(np.argmin(np.abs(false - missed)))
    return float((false[place] + missed[place]) / 2)


def _deal_folds(is_genuine: NDArray[np.bool_], count: int, seed: int) -> Codes:
    """A fold for each pair, by chance, each kind spread evenly."""
    if count < 2:
        raise SettingsError(f"At least two folds expected, got {count}.", bound="at least 2", value=count)
    random = np.random.default_rng(seed)
    folds = np.empty(len(is_genuine), np.int64)
    for kind in (True, False):
        rows = np.flatnonzero(is_genuine == kind)
        folds[rows] = random.permutation(len(rows)) % count
    return folds


def _drawn_shares(hits: NDArray[np.bool_], people: Codes, seed: int, resamples: int) -> list[Floats]:
    """The mean of each column of hits, (rows, columns), in each resample of people."""
    present, codes = np.unique(people, return_inverse=True)
    sums = np.stack([np.bincount(codes, column, len(present)) for column in hits.T.astype(np.float64)], axis=1)
    sizes = np.bincount(codes)
    return [(weights @ sums) / (weights @ sizes) for weights in _people_weights(len(present), seed, resamples)]


def _with_two(pairs: PairScores) -> int:
    """How many people have a pair of their own."""
    return len(np.unique(pairs.first[pairs.is_genuine]))


def _curve(x: Floats, y: Floats, draws: Sequence[Floats], people: int) -> Curve:
    if not len(draws):
        return Curve(x, y, np.full(len(x), np.nan), np.full(len(x), np.nan))
    lower, upper = np.quantile(np.stack(draws), [0.025, 0.975], axis=0)
    lower, upper = np.minimum(lower, y), np.maximum(upper, y)
    # Where nobody fails, drawing people anew shows no failure either; what so many people leave open is Wilson's interval.
    lower = np.where(y == 1, np.minimum(lower, wilson_interval(people, people)[0]), lower)
    upper = np.where(y == 0, np.maximum(upper, wilson_interval(0, people)[1]), upper)
    return Curve(x, y, lower, upper)


def _estimate(value: float, draws: Floats, people: int) -> Estimate:
    found = _curve(np.zeros(1), np.array([value]), [np.array([each]) for each in draws], people)
    bounds = (float(found.lower[0]), float(found.upper[0])) if len(draws) else (None, None)
    return Estimate(value, *bounds)
