"""An unsorted album sorted into people, without knowing how many they are; and groups to merge, split and rename.

Groups grow by average linkage (Sokal & Michener 1958, "A statistical method for evaluating systematic relationships"): the two
whose faces are most alike on average become one, as long as that average reaches a threshold. The average of all scores of two
groups is the product of their sums over the product of their sizes, so no matrix of all scores is kept. An average at the
threshold needs one score at the threshold, so only such pairs of faces are looked at.
"""

from __future__ import annotations

import difflib
import heapq
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.cluster.hierarchy import fcluster, linkage

from seodang.core.errors import DataError, SettingsError, ShapeError
from seodang.data.records import counted
from seodang.families.faces.scores.measures import CELLS_AT_ONCE, Codes, Embeddings, check_embeddings, person_codes

GROUPING_RATE = 0.001
"""The false match rate of two faces whose threshold groups are grown by. From 0.03 % to 0.3 %, albums of 10 to 96 people came
out best; in the middle, wrong groups are rarer than divided ones, which are easier to mend."""
MOST_NEIGHBOURS = 64  # of each face that are looked at, the most alike
UNNAMED = "person {}"


@dataclass(frozen=True)
class Groups:
    """People by name, each with the numbers of their faces.

    Raises: DataError: A name is empty, a group has no face, or a face is in two places.
    """

    faces: Mapping[str, tuple[int, ...]]

    def __post_init__(self) -> None:
        seen: dict[int, str] = {}
        for name, numbers in self.faces.items():
            if not name.strip():
                raise DataError("A group needs a name, got an empty one.")
            if not numbers:
                raise DataError(f"A group needs a face; {name!r} has none.")
            for number in numbers:
                if number in seen:
                    raise DataError(f"Face {number} is in {seen[number]!r} and in {name!r}; a face is of one person.")
                seen[number] = name

    def to_json(self) -> dict[str, list[int]]:
        """The groups as plain values."""
        return {name: list(numbers) for name, numbers in self.faces.items()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Groups:
        """Groups from what `to_json` gave.

        Raises: DataError: It is no object of lists of numbers.
        """
        try:
            return cls({str(name): tuple(int(number) for number in numbers) for name, numbers in value.items()})
        except (AttributeError, TypeError, ValueError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"Groups are names with lists of face numbers; wrong is {error}.") from error


@dataclass(frozen=True)
class ClusteringScores:
    """How well groups agree with people, each from 0 to 1 (`adjusted_rand` down to -1), 1 for the same groups."""

    precision: float
    """Pairs in one group that are of one person, of all pairs in one group."""
    recall: float
    """The same of all pairs of one person."""
    f1: float
    """Harmonic mean of both."""
    b_cubed: float
    """Harmonic mean of B-cubed precision and recall: the same face by face, so that large groups count no more than others."""
    adjusted_rand: float


@dataclass
class _Linkage:
    """Groups while they grow: numbers below the count of faces are single faces, each later one a union of two."""

    sums: NDArray[np.float32]
    """(2 * faces, dimensions), the sum of each group's embeddings."""
    sizes: NDArray[np.float32]
    neighbours: dict[int, set[int]]
    """Of groups that still stand: those they may join."""
    photos: dict[int, set[Hashable]]
    """Where the faces of each group are seen; empty when nothing is known."""
    parts: dict[int, list[int]] = field(default_factory=dict)
    """The faces of each group that still stands."""

    def best(self, group: int, threshold: float) -> tuple[float, int, int] | None:
        """The partner that is most alike on average, as an entry of a heap; of equal ones the oldest."""
        near = sorted(other for other in self.neighbours[group] if self._may_join(group, other))
        if not near:
            return None
        averages = (self.sums[near] @ self.sums[group]) / (self.sizes[near] * self.sizes[group])
        place = int(averages.argmax())
        return (-float(averages[place]), group, near[place]) if averages[place] >= threshold else None

    def join(self, one: int, other: int, new: int) -> None:
        """Make two groups one."""
        self.sums[new], self.sizes[new] = self.sums[one] + self.sums[other], self.sizes[one] + self.sizes[other]
        self.parts[new] = self.parts.pop(one) + self.parts.pop(other)
        self.neighbours[new] = (self.neighbours.pop(one) | self.neighbours.pop(other)) - {one, other}
        for near in self.neighbours[new]:
            self.neighbours[near] -= {one, other}
            self.neighbours[near].add(new)
        if self.photos:
            self.photos[new] = self.photos.pop(one) | self.photos.pop(other)

    def _may_join(self, one: int, other: int) -> bool:
        return not self.photos or self.photos[one].isdisjoint(self.photos[other])


def cluster(embeddings: Embeddings, threshold: float, photos: Sequence[Hashable] | None = None) -> Codes:
    """The group of each face: the same groups for the same faces, each time.

    Args:
        embeddings: (faces, dimensions), float32, each row of length 1.
        threshold: The least average score of two groups that become one; `Calibration.threshold(GROUPING_RATE)`.
        photos: The photo of each face; two faces of one photo are never one person.

    Returns: (faces,), int64, from 0, the largest group first, of equally large ones that of the earlier face.
    Raises: ShapeError, DataError: The embeddings are not such, or there is not one photo a face.
    """
    if embeddings.ndim == 2 and len(embeddings) == 0:
        return np.zeros(0, np.int64)
    check_embeddings(embeddings, np.zeros(len(embeddings)))
    if photos is not None and len(photos) != len(embeddings):
        raise ShapeError(f"One photo a face expected, got {len(photos)} for {len(embeddings)} faces.")
    growing = _single_faces(embeddings, threshold, photos)
    entries = [entry for face in growing.neighbours if (entry := growing.best(face, threshold))]
    heapq.heapify(entries)
    new = len(embeddings)
    while entries:
        _, one, other = heapq.heappop(entries)
        if one not in growing.parts:
            continue
        if other in growing.parts:
            growing.join(one, other, new)
            one, new = new, new + 1
        # An average never exceeds the greater of its parts, so only groups that lost their partner look for another.
        if entry := growing.best(one, threshold):
            heapq.heappush(entries, entry)
    return _numbered(list(growing.parts.values()), len(embeddings))


def groups_of(labels: ArrayLike) -> Groups:
    """Groups from the number of each face's group, as `cluster` gives it, named "person 1" and so on."""
    codes = np.asarray(labels, np.int64)
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    parts = np.split(order, starts[1:]) if len(order) else []
    return Groups({UNNAMED.format(place): tuple(int(face) for face in part) for place, part in enumerate(parts, 1)})


def merge(groups: Groups, one: str, other: str) -> Groups:
    """Groups in which the faces of `other` are `one`'s.

    Raises: DataError: There is no group of a name, or both are the same.
    """
    mine, theirs = _found(groups, one), _found(groups, other)
    if one == other:
        raise DataError(f"Two groups are needed to merge, got {one!r} twice.")
    joined = tuple(sorted(mine + theirs))
    return Groups({name: joined if name == one else faces for name, faces in groups.faces.items() if name != other})


def split(groups: Groups, name: str, embeddings: Embeddings, parts: int = 2) -> Groups:
    """Groups in which one is divided into parts that are as unlike as can be.

    The largest part keeps the name, the others are named after it, with a number. Divided by Ward's rule (Ward 1963,
    "Hierarchical grouping to optimize an objective function"), which seldom cuts off a single odd face as averages do.

    Args:
        groups: All groups.
        name: The one to divide.
        embeddings: (faces, dimensions), the rows that the numbers in the groups speak of.
        parts: How many to make of it.

    Raises:
        DataError: There is no such group, it has fewer faces than parts, or a face has no embedding.
        SettingsError: `parts` is less than 2.
    """
    faces = _found(groups, name)
    if parts < 2:
        raise SettingsError(f"{{parts}} must be at least 2, got {parts}.", settings=("parts",), bound="at least 2", value=parts)
    if len(faces) < parts:
        raise DataError(f"{name!r} has {counted(len(faces), 'face')}, too few for {parts} parts.")
    if max(faces) >= len(embeddings) or min(faces) < 0:
        raise DataError(f"{name!r} has face {max(faces)}, but there are {len(embeddings)} embeddings.")
    tree = linkage(embeddings[list(faces)].astype(np.float64), "ward")
    found = _numbered_from(fcluster(tree, parts, "maxclust"))
    pieces = _pieces(faces, found, parts)
    names = [name, *_free_names(groups, name, parts - 1)]
    divided = dict(zip(names, pieces, strict=True))
    result: dict[str, tuple[int, ...]] = {}
    for each, numbers in groups.faces.items():
        result.update(divided if each == name else {each: numbers})
    return Groups(result)


def rename(groups: Groups, name: str, new: str) -> Groups:
    """Groups in which one has another name, in the same place.

    Raises: DataError: There is no group of the name, or the new one is taken or empty.
    """
    _found(groups, name)
    new = new.strip()
    if new != name and new in groups.faces:
        raise DataError(f"The name {new!r} is taken; merge {name!r} into it, or choose another.")
    return Groups({new if each == name else each: faces for each, faces in groups.faces.items()})


def clustering_scores(labels: ArrayLike, people: ArrayLike) -> ClusteringScores:
    """How well groups agree with people who are known.

    Bagga & Baldwin 1998, "Entity-based cross-document coreferencing using the vector space model" (B-cubed); Hubert & Arabie
    1985, "Comparing partitions" (adjusted Rand index).

    Args:
        labels: (faces,), the group of each face.
        people: (faces,), the person of each face.

    Raises: ShapeError: There are not as many of both, or none.
    """
    found, true = person_codes(labels)[1], person_codes(people)[1]
    if found.shape != true.shape or len(found) == 0:
        raise ShapeError(f"One group and one person a face expected, got {found.shape} and {true.shape}.")
    both = np.unique(true * (int(found.max()) + 1) + found, return_inverse=True)[1]
    cell, group, person = np.bincount(both)[both], np.bincount(found)[found], np.bincount(true)[true]
    # Summed over faces, (size - 1) of what a face is in counts each pair twice.
    together, grouped, own = (float((sizes - 1).sum()) / 2 for sizes in (cell, group, person))
    precision, recall = together / grouped if grouped else 1.0, together / own if own else 1.0
    every = len(found) * (len(found) - 1) / 2
    expected = grouped * own / every if every else 0.0
    room = (grouped + own) / 2 - expected
    rand = (together - expected) / room if room else 1.0
    b_cubed = _harmonic(float(np.mean(cell / group)), float(np.mean(cell / person)))
    return ClusteringScores(precision, recall, _harmonic(precision, recall), b_cubed, rand)


def _single_faces(embeddings: Embeddings, threshold: float, photos: Sequence[Hashable] | None) -> _Linkage:
    """Every face a group, with the faces that it may join."""
    faces = len(embeddings)
    sums = np.zeros((2 * faces, embeddings.shape[1]), np.float32)
    sums[:faces] = embeddings
    neighbours: dict[int, set[int]] = {face: set() for face in range(faces)}
    for first, second in _alike(embeddings, threshold):
        for one, other in zip(first.tolist(), second.tolist(), strict=True):
            neighbours[one].add(other)
            neighbours[other].add(one)
    seen: dict[int, set[Hashable]] = {} if photos is None else {face: {photo} for face, photo in enumerate(photos)}
    return _Linkage(sums, np.ones(2 * faces, np.float32), neighbours, seen, {face: [face] for face in range(faces)})


def _alike(embeddings: Embeddings, threshold: float) -> list[tuple[Codes, Codes]]:
    """Pairs of faces whose score reaches the threshold; of each face the most alike ones."""
    faces = len(embeddings)
    step = max(1, CELLS_AT_ONCE // faces)
    found = []
    for start in range(0, faces, step):
        scores = embeddings[start : start + step] @ embeddings.T
        scores[np.arange(len(scores)), np.arange(start, start + len(scores))] = -np.inf
        if faces > MOST_NEIGHBOURS:
            nearest = np.argpartition(scores, faces - MOST_NEIGHBOURS, axis=1)[:, faces - MOST_NEIGHBOURS :]
            reached = np.take_along_axis(scores, nearest, axis=1) >= threshold
            first, place = np.nonzero(reached)
            second = nearest[first, place]
        else:
            first, second = np.nonzero(scores >= threshold)
        found.append((first + start, second))
    return found


def _numbered(parts: Sequence[Sequence[int]], faces: int) -> Codes:
    """The number of each face's part, the largest part first, of equally large ones that of the earlier face."""
    labels = np.empty(faces, np.int64)
    for number, part in enumerate(sorted(parts, key=lambda part: (-len(part), min(part)))):
        labels[list(part)] = number
    return labels


def _numbered_from(labels: NDArray[np.integer[Any]]) -> Codes:
    parts = [np.flatnonzero(labels == number).tolist() for number in np.unique(labels)]
    return _numbered(parts, len(labels))


def _pieces(faces: tuple[int, ...], found: Codes, parts: int) -> list[tuple[int, ...]]:
    """The faces of each part; where equal embeddings left fewer parts than asked for, last faces of the largest stand alone."""
    pieces = [[faces[place] for place in np.flatnonzero(found == number)] for number in range(int(found.max()) + 1)]
    while len(pieces) < parts:
        pieces.append([max(pieces, key=len).pop()])
    return [tuple(piece) for piece in pieces]


def _free_names(groups: Groups, name: str, count: int) -> list[str]:
    free: list[str] = []
    number = 2
    while len(free) < count:
        if f"{name} {number}" not in groups.faces:
            free.append(f"{name} {number}")
        number += 1
    return free


def _found(groups: Groups, name: str) -> tuple[int, ...]:
    if name in groups.faces:
        return groups.faces[name]
    near = difflib.get_close_matches(name, groups.faces, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else f"There are {len(groups.faces)} groups."
    raise DataError(f"No group {name!r}. {hint}")


def _harmonic(one: float, other: float) -> float:
    return 2 * one * other / (one + other) if one + other > 0 else 0.0
