"""The report of a gallery: how well its people are told apart, whom it confuses, from which score a match is believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seodang.core.errors import DataError, ShapeError
from seodang.draw.charts import reliability_diagram
from seodang.draw.panels import panels
from seodang.draw.report import Report
from seodang.draw.style import Picture, width_in_columns
from seodang.draw.table import Cell, Table
from seodang.families.faces.scores.calibration import Calibration
from seodang.families.faces.scores.measures import (
    LEAST_PEOPLE,
    Codes,
    Curve,
    Embeddings,
    Estimate,
    Floats,
    PairScores,
    best_by_person,
    check_embeddings,
    cumulative_match,
    det_curve,
    draw_pairs,
    equal_error_rate,
    fold_accuracy,
    open_set,
    pair_scores,
    roc_curve,
    score_pairs,
)
from seodang.families.faces.scores.score_pictures import curve_picture, det_picture, score_histograms, similarity_picture
from seodang.metrics.classification import bin_numbers

RATES = (0.1, 0.01, 0.001, 0.0001)  # false match rates of the table of thresholds
SIZES = ((1, 1), (5, 5), (20, 20), (100, 20), (500, 100), (1000, 200), (10_000, 1000))  # faces and people of galleries
MARKED_RATE = 0.01  # whose thresholds are marked among the scores
MOST_DRAWN = 50  # people of the similarity matrix
SHOWN_PAIRS, PAIRS_A_ROW = 9, 3
MOST_FOLD_PAIRS = 3000  # of each kind; as many as the protocol of Labeled Faces in the Wild has
LEAST_FOLD_PAIRS = 50  # of each kind, five a fold
RELIABILITY_BINS = 10
LEAST_EXAMPLES = 10  # of a bin; the share of fewer jumps about
LEAST_CURVE_PAIRS = 100  # of two people, so that a curve reaches down to 1 %
LEAST_STRANGERS = 20  # faces, so that the open-set curve reaches down to 5 %
NAME_COLUMNS = 17  # of a name above a pair of pictures

Crops = Sequence[NDArray[np.uint8]] | NDArray[np.uint8]


@dataclass(frozen=True)
class _Gallery:
    """The faces of a gallery, and what several sections need."""

    names: list[str]
    """Of those who have a face."""
    embeddings: Embeddings
    codes: Codes
    """(faces,), the place in `names` of each face's person."""
    crops: Crops
    calibration: Calibration
    report: Report
    folder: Path
    photos: Sequence[str] = ()

    @cached_property
    def sizes(self) -> Codes:
        """Faces of each person."""
        return np.bincount(self.codes)

    @cached_property
    def pairs(self) -> PairScores | None:
        """Scores of all pairs; None where nobody has two faces, or there is one person."""
        if len(self.sizes) < 2 or self.sizes.max() < 2:
            return None
        # Names of digits of one width keep the order of the numbers.
        return pair_scores(self.embeddings, np.char.zfill(self.codes.astype(str), 9))

    @cached_property
    def best(self) -> NDArray[np.float32]:
        """(faces, people), the best score of each face with each person, but not with itself."""
        return best_by_person(self.embeddings, self.embeddings, self.codes, leave_out=True)

    def called(self, face: int) -> str | int:
        """The photo that a face is from, or the number of the face."""
        return self.photos[face] if len(self.photos) else face

    def picture(self, name: str, picture: Picture, caption: str = "", table: Table | None = None) -> None:
        """Add a picture, and save it beside the page as `<name>.png`."""
        picture.save(self.folder / f"{name}.png")
        self.report.picture(picture, caption, table=table)


def write_gallery_report(
    people: Sequence[str],
    embeddings: Embeddings,
    labels: ArrayLike,
    crops: Crops,
    calibration: Calibration,
    folder: Path,
    photos: Sequence[str] = (),
) -> Path:
    """Write index.html, which needs nothing else, and each of its pictures as PNG beside it.

    Args:
        people: The names of the people.
        embeddings: (faces, dimensions), float32, each row of length 1.
        labels: (faces,), whole numbers, the place in `people` of each face's person.
        crops: (faces, height, width, 3), uint8, what the embeddings were made from.
        calibration: By which matches are believed.
        folder: An existing folder.
        photos: (faces,), what the photo of each is called; left out, faces are numbered.

    Returns: The path of the page.
    Raises:
        ShapeError, DataError: These do not belong together, or there is no face.
        MachineError: The page cannot be written.
    """
    gallery = replace(_checked(people, embeddings, labels, crops, calibration, folder), photos=photos)
    _write_result(gallery, len(people))
    _write_scores(gallery)
    _write_verification(gallery)
    _write_identification(gallery)
    _write_similarity(gallery)
    _write_confusions(gallery)
    _write_reliability(gallery)
    _write_thresholds(gallery)
    gallery.report.save(folder / "index.html")
    return folder / "index.html"


def people_similarity(best: NDArray[np.float32], codes: Codes) -> Floats:
    """How alike people are: the mean, over the faces of both, of each face's best score with the other person.

    Args:
        best: (faces, people), the best score of each face with each person, -inf where there is none.
        codes: (faces,), the person of each.

    Returns: (people, people), float64, symmetric; nan on the diagonal for people of one face.
    """
    sums = np.zeros((best.shape[1], best.shape[1]))
    np.add.at(sums, codes, np.where(np.isfinite(best), best, np.nan).astype(np.float64))
    sizes = np.bincount(codes).astype(np.float64)
    both: Floats = (sums + sums.T) / (sizes[:, None] + sizes[None])
    return both


def _checked(
    people: Sequence[str], embeddings: Embeddings, labels: ArrayLike, crops: Crops, calibration: Calibration, folder: Path
) -> _Gallery:
    places = np.asarray(labels)
    check_embeddings(embeddings, places)
    if not np.issubdtype(places.dtype, np.integer) or places.min() < 0 or places.max() >= len(people):
        raise DataError(f"Labels are places in a list of {len(people)} people, from 0; got {places.min()} to {places.max()}.")
    if len(crops) != len(embeddings):
        raise ShapeError(f"One crop a face expected, got {len(crops)} for {len(embeddings)} faces.")
    present, codes = np.unique(places, return_inverse=True)
    names = [people[place] for place in present]
    report = Report("Gallery of faces", f"{len(embeddings):,} faces of {len(names):,} people")
    return _Gallery(names, embeddings, codes.ravel(), crops, calibration, report, folder)


def _write_result(gallery: _Gallery, enrolled: int) -> None:
    report, sizes = gallery.report, gallery.sizes
    report.heading("Result")
    report.facts(
        {
            "people": len(sizes),
            "faces": len(gallery.codes),
            "people with two faces or more": int((sizes > 1).sum()),
            "people without a face": enrolled - len(sizes) or None,
        }
    )
    for note in _lacking(gallery):
        report.note(note)
    rows = [[name, _per_cent(estimate.value), _interval(estimate)] for name, estimate in _measured(gallery)]
    if rows:
        report.table(
            Table(["measure", "value", "95 % interval"], rows, "Measured within the gallery; intervals are over people")
        )


def _lacking(gallery: _Gallery) -> list[str]:
    """What cannot be measured with these faces, and what would help."""
    notes = []
    sizes = gallery.sizes
    if len(sizes) < 2:
        notes.append("With one person there is nobody to confuse them with; add somebody else to measure anything.")
    if sizes.max() < 2:
        notes.append(
            "Nobody has two faces, so how often a person is recognised cannot be measured; add a second face of somebody."
        )
    elif len(sizes) < LEAST_PEOPLE:
        notes.append(f"With fewer than {LEAST_PEOPLE} people no interval can be given: the numbers speak of these people only.")
    alone = int((sizes == 1).sum())
    if sizes.max() >= 2 and alone:
        whose = "1 person has" if alone == 1 else f"{alone:,} people have"
        notes.append(f"{whose} a single face, which can be taken for others but never be recognised here.")
    return notes


def _measured(gallery: _Gallery) -> list[tuple[str, Estimate]]:
    pairs = gallery.pairs
    if pairs is None:
        return []
    found = [("equal error rate", equal_error_rate(pairs))]
    count = min(MOST_FOLD_PAIRS, len(pairs.genuine), len(pairs.impostor))
    if count >= LEAST_FOLD_PAIRS:
        drawn = score_pairs(gallery.embeddings, gallery.codes, draw_pairs(gallery.codes, count, seed=0))
        found.append((f"accuracy of {2 * count:,} pairs, ten folds", fold_accuracy(drawn).accuracy))
    match = cumulative_match(gallery.embeddings, gallery.codes)
    found.append(("recognised at first rank", _at(match, 0)))
    strangers = open_set(gallery.embeddings, gallery.codes)
    place = int(np.argmin(np.abs(strangers.x - MARKED_RATE)))
    if len(strangers.x) and abs(strangers.x[place] / MARKED_RATE - 1) < 0.01:
        found.append((f"recognised where {MARKED_RATE:.0%} of strangers are taken for somebody", _at(strangers, place)))
    return found


def _write_scores(gallery: _Gallery) -> None:
    if len(gallery.codes) < 2:
        return
    faces, people = len(gallery.codes), len(gallery.sizes)
    pairs = gallery.pairs
    scores = pairs.scores if pairs is not None else _all_scores(gallery.embeddings)
    genuine = pairs.is_genuine if pairs is not None else np.full(len(scores), people == 1)
    calibration = gallery.calibration
    marks = {
        f"1:1 at {MARKED_RATE:.0%}": calibration.threshold(MARKED_RATE),
        f"1:{faces:,} at {MARKED_RATE:.0%}": calibration.threshold(MARKED_RATE, faces, people),
    }
    gallery.report.heading("Scores")
    caption = (
        "Each kind adds up to 100 %. Where two faces are compared, the first threshold holds; where the best of "
        f"{faces:,} faces of {people:,} people is taken, chance has more tries, and the second one does."
    )
    gallery.picture("scores", score_histograms(scores[genuine], scores[~genuine], marks), caption)


def _write_verification(gallery: _Gallery) -> None:
    if gallery.pairs is None:
        return
    gallery.report.heading("Verification: are two faces one person?")
    if len(gallery.pairs.impostor) < LEAST_CURVE_PAIRS:
        needed = f"A curve needs {LEAST_CURVE_PAIRS} pairs of faces of two people"
        gallery.report.note(f"{needed}; there are {len(gallery.pairs.impostor)}. Add faces or people.")
        return
    roc = roc_curve(gallery.pairs)
    picture = curve_picture(roc, "ROC curve", "false match rate", "true match rate", log_x=True)
    gallery.picture("roc", picture, "Share of pairs of one person that match, where so many pairs of two people do.")
    det = det_curve(gallery.pairs)
    if int((det.y > 0).sum()) < 2:
        gallery.report.note("Every pair of one person scores higher than any of two people; there is no error for a DET curve.")
        return
    caption = (
        "The same as errors, on axes where two normal clouds of scores give a straight line; nearer to the corner is better."
    )
    gallery.picture("det", det_picture(det, equal_error_rate(gallery.pairs).value), caption)


def _write_identification(gallery: _Gallery) -> None:
    if gallery.pairs is None:
        return
    gallery.report.heading("Identification: who is it?")
    match = cumulative_match(gallery.embeddings, gallery.codes)
    picture = curve_picture(match, "Cumulative match curve", "rank", "recognised by this rank")
    gallery.picture("cmc", picture, "Each face against all others: share whose own person is among the first so many.")
    if len(gallery.codes) >= LEAST_STRANGERS:
        strangers = open_set(gallery.embeddings, gallery.codes)
        x_label = "strangers taken for somebody"
        picture = curve_picture(strangers, "Open-set identification", x_label, "people recognised", log_x=True)
        caption = "Each face is first looked for among all others, then in a gallery without its person, as a stranger's."
        gallery.picture("open-set", picture, caption)


def _write_similarity(gallery: _Gallery) -> None:
    people = len(gallery.sizes)
    if people < 2:
        return
    gallery.report.heading("Who is like whom")
    similarity = people_similarity(gallery.best, gallery.codes)
    title = "Similarity of people"
    chosen = np.arange(people)
    if people > MOST_DRAWN:
        nearest = np.where(np.eye(people, dtype=bool), -np.inf, similarity).max(1)
        chosen = np.sort(np.argsort(-nearest, kind="stable")[:MOST_DRAWN])
        gallery.report.note(f"Of {people:,} people the {MOST_DRAWN} are drawn who are most like somebody else.")
    threshold = gallery.calibration.threshold(MARKED_RATE, len(gallery.codes), people)
    shown = similarity[np.ix_(chosen, chosen)]
    caption = (
        "Mean, over the faces of two people, of each face's best score with the other; on the diagonal with the same person's "
        f"other faces, grey where there is none. Framed: two people at or above the threshold of {threshold:.3f}."
    )
    picture = similarity_picture(shown, [gallery.names[place] for place in chosen.tolist()], threshold, title)
    gallery.picture("similarity", picture, caption)


def _write_confusions(gallery: _Gallery) -> None:
    if len(gallery.sizes) < 2 and gallery.sizes.max() < 2:
        return
    gallery.report.heading("Worst confusions")
    alike, unlike = _most_alike(gallery), _least_alike(gallery)
    if alike:
        alt = f"The {len(alike)} pairs of faces of two people that score highest."
        caption = (
            "Of each two people the two faces that are most alike. A high score may also mean that a face is filed wrongly."
        )
        _write_pairs(gallery, "most-alike", "Most alike faces of two people", alike, alt, caption)
    if unlike:
        alt = f"The {len(unlike)} pairs of faces of one person that score lowest."
        caption = "Of each person the two faces that are least alike. A low score may also mean that a face is filed wrongly."
        _write_pairs(gallery, "least-alike", "Least alike faces of one person", unlike, alt, caption)


def _write_pairs(gallery: _Gallery, name: str, title: str, found: list[tuple[float, int, int]], alt: str, caption: str) -> None:
    """Pictures of pairs of faces, each with its score and the names, and below them the table with whole names."""
    cells = []
    rows: list[list[Cell]] = []
    for score, one, other in found:
        first, second = gallery.names[int(gallery.codes[one])], gallery.names[int(gallery.codes[other])]
        words = _short(first) if first == second else f"{_short(first)} | {_short(second)}"
        cells.append((f"{score:.3f}  {words}", _side_by_side(gallery.crops[one], gallery.crops[other])))
        rows.append([round(score, 4), first, gallery.called(one), second, gallery.called(other)])
    grid = [cells[start : start + PAIRS_A_ROW] for start in range(0, len(cells), PAIRS_A_ROW)]
    table = Table(["score", "person", "photo", "other person", "other photo"], rows, title)
    gallery.picture(name, panels(grid, title=title, alt=alt), caption, table)


def _write_reliability(gallery: _Gallery) -> None:
    faces, people = len(gallery.codes), len(gallery.sizes)
    gallery.report.heading("Are the chances true?")
    usable = gallery.sizes[gallery.codes] > 1
    if people < 2 or usable.sum() < LEAST_EXAMPLES:
        gallery.report.note(f"This needs two people, and {LEAST_EXAMPLES} faces of people who have two or more.")
        return
    rows = np.arange(faces)[usable]
    own = gallery.best[rows, gallery.codes[rows]]
    others = gallery.best[rows].copy()
    others[np.arange(len(rows)), gallery.codes[rows]] = -np.inf
    rival = others.max(1)
    scores = np.concatenate([np.maximum(own, rival), rival])
    right = np.concatenate([own > rival, np.zeros(len(rows), bool)])
    chances = gallery.calibration.probabilities(scores, faces, people)
    places = _full_bins(bin_numbers(chances, RELIABILITY_BINS))
    counts = np.bincount(places)
    stated, came = (np.bincount(places, each) / counts for each in (chances, right))
    picture = reliability_diagram(stated, came, counts, title="Chance that the best match is right")
    brier = float(np.mean((chances - right) ** 2))
    caption = (
        "Each face with another of its person is looked for twice, as somebody enrolled and as a stranger. Dots are tenths, "
        f"joined where they hold fewer than {LEAST_EXAMPLES} faces. Brier score {brier:.4f}. "
        f"Calibrated on: {gallery.calibration.source}."
    )
    gallery.picture("reliability", picture, caption)


def _full_bins(places: Codes) -> Codes:
    """Neighbouring bins joined until each holds examples enough, and numbered from 0."""
    counts = np.bincount(places)
    numbers, held = np.zeros(len(counts), np.int64), 0
    for place in range(1, len(counts)):
        held += int(counts[place - 1])
        full = held >= LEAST_EXAMPLES and int(counts[place:].sum()) >= LEAST_EXAMPLES
        numbers[place] = numbers[place - 1] + full
        held = 0 if full else held
    return numbers[places]


def _write_thresholds(gallery: _Gallery) -> None:
    gallery.report.heading("Thresholds")
    here = (len(gallery.codes), len(gallery.sizes))
    rows: list[list[Cell]] = []
    for faces, people in sorted({*SIZES, here}):
        thresholds = [round(gallery.calibration.threshold(rate, faces, people), 4) for rate in RATES]
        rows.append([f"{faces:,}" + (" (this gallery)" if (faces, people) == here else ""), people, *thresholds])
    headers = ["faces", "people", *(f"{100 * rate:g} %" for rate in RATES)]
    gallery.report.table(Table(headers, rows, "Score from which a match is believed, by the share of strangers it may admit"))
    calibration = gallery.calibration
    gallery.report.paragraph(
        f"From {sum(calibration.genuine):,} pairs of one person and {sum(calibration.impostor):,} pairs of two people; "
        f"{calibration.source}."
    )


def _most_alike(gallery: _Gallery) -> list[tuple[float, int, int]]:
    """The most alike faces of two people, one pair for each two people: score and both faces."""
    best, codes = gallery.best, gallery.codes
    people = best.shape[1]
    if people < 2:
        return []
    top = np.full((people, people), -np.inf, np.float32)
    np.maximum.at(top, codes, best)
    first, second = np.triu_indices(people, 1)
    ranked = np.argsort(-top[first, second], kind="stable")[:SHOWN_PAIRS]
    found = []
    for one, other in zip(first[ranked], second[ranked], strict=True):
        mine, theirs = np.flatnonzero(codes == one), np.flatnonzero(codes == other)
        scores = gallery.embeddings[mine] @ gallery.embeddings[theirs].T
        place = np.unravel_index(int(scores.argmax()), scores.shape)
        found.append((float(scores[place]), int(mine[place[0]]), int(theirs[place[1]])))
    return found


def _least_alike(gallery: _Gallery) -> list[tuple[float, int, int]]:
    """The least alike faces of one person, one pair a person: score and both faces."""
    found = []
    for person in np.flatnonzero(gallery.sizes > 1):
        mine = np.flatnonzero(gallery.codes == person)
        scores = gallery.embeddings[mine] @ gallery.embeddings[mine].T
        place = np.unravel_index(int(scores.argmin()), scores.shape)
        found.append((float(scores[place]), int(mine[place[0]]), int(mine[place[1]])))
    return sorted(found)[:SHOWN_PAIRS]


def _all_scores(embeddings: Embeddings) -> NDArray[np.float32]:
    """Scores of all pairs of a gallery in which every person has one face, or all faces are one person's."""
    first, second = np.triu_indices(len(embeddings), 1)
    scores: NDArray[np.float32] = (embeddings @ embeddings.T)[first, second]
    return scores


def _side_by_side(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Two crops of one size in one picture, a little white between them."""
    gap = np.full((one.shape[0], max(2, one.shape[1] // 30), *one.shape[2:]), 255, np.uint8)
    return np.concatenate([one, gap, other], axis=1)


def _short(name: str) -> str:
    """A name that fits above half a picture."""
    if width_in_columns(name) <= NAME_COLUMNS:
        return name
    cut = name
    while width_in_columns(cut) > NAME_COLUMNS - 1:
        cut = cut[:-1]
    return cut + "…"


def _at(curve: Curve, place: int) -> Estimate:
    lower, upper = float(curve.lower[place]), float(curve.upper[place])
    return Estimate(float(curve.y[place]), *((lower, upper) if np.isfinite(lower) else (None, None)))


def _per_cent(share: float) -> str:
    return f"{share:.2%}".replace("%", " %")


def _interval(estimate: Estimate) -> str | None:
    if estimate.lower is None or estimate.upper is None:
        return None
    return f"{estimate.lower:.2%} to {estimate.upper:.2%}".replace("%", " %")
