"""The nearest people: exactly, in blocks of a matrix product, or by a graph of neighbours where faces are very many."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seodang.core.errors import DataError
from seodang.families.faces.gallery.records import Embeddings, Nearest

BLOCK_SCORES = 1 << 24  # scores held at a time: 64 MiB
APPROXIMATE_ABOVE = 100_000  # faces; fewer are searched exactly, whatever is installed
BUILD_SECONDS_A_FACE = 5e-4  # measured: 110,000 faces of 128 dimensions on one core in 54 s
GRAPH_NEIGHBOURS, GRAPH_EFFORT, SEARCH_EFFORT = 16, 200, 200  # M, ef_construction and ef of Malkov & Yashunin
MORE, MANY_MORE = 8, 256  # faces looked at for each person asked for, since one person may have several, or very many
Ranked = tuple[NDArray[np.int64], NDArray[np.float32]]
"""Numbers of people and their scores, both (count,), the highest first."""


def normalised(embeddings: Embeddings, what: str) -> Embeddings:
    """Every row at length 1.

    Raises:
        DataError: A row is zero or not finite; `what` says which rows these are.
    """
    lengths = np.linalg.norm(embeddings.astype(np.float64), axis=-1, keepdims=True)
    if not np.isfinite(lengths).all() or not lengths.all():
        raise DataError(f"{what}: expected finite numbers that are not all 0 in each embedding.")
    unit: Embeddings = (embeddings / lengths).astype(np.float32)
    return unit


class Index:
    """Searches the faces of a gallery, exactly until a graph of neighbours pays.

    A graph (Malkov & Yashunin, "Efficient and robust approximate nearest neighbor search using hierarchical navigable small
    world graphs", 2016, arXiv:1603.09320; package hnswlib) costs as much time as tens of thousands of exact searches. So it is
    built, in memory, when exact searches have taken as long as building it would: never more than twice the time of the better
    choice.

    Args:
        people: The person of each face; faces of one person stand together.
        embeddings: Of the faces, (faces, dimensions), float32.
    """

    def __init__(self, people: Sequence[str], embeddings: Embeddings) -> None:
        names = np.asarray(people, dtype=object)
        self.starts = np.flatnonzero(np.concatenate([[True], names[1:] != names[:-1]])) if len(names) else np.zeros(0, np.int64)
        self.people: list[str] = [str(names[start]) for start in self.starts]
        self.owners = np.repeat(
            np.arange(len(self.starts)), np.diff([*self.starts, len(names)])
        )  # the number of each face's person
        self.embeddings = normalised(embeddings, "the gallery")
        self.seconds = 0.0
        self.graph: Any = None
        self.note: str | None = None
        """What the user may want to know of the way of searching, or None."""

    def nearest(self, probes: Embeddings, count: int) -> Nearest:
        """The people whose best face is nearest to each probe.

        Args:
            probes: (probes, dimensions), float32.
            count: People wanted; fewer are given where fewer are known.

        Raises:
            DataError: A probe is zero, not finite, or has another number of dimensions.
        """
        count = min(count, len(self.people))
        if count < 1 or not len(probes):
            return Nearest([[] for _ in probes], np.zeros((len(probes), 0), np.float32))
        if probes.shape[1:] != self.embeddings.shape[1:]:
            wanted, got = self.embeddings.shape[1], "x".join(map(str, probes.shape[1:]))
            raise DataError(f"the probes: expected {wanted} numbers an embedding, as the gallery has, got {got}.")
        probes = normalised(probes, "the probes")
        if self._worth_a_graph():
            return self._by_graph(probes, count)
        started = time.perf_counter()
        found = self._exactly(probes, count)
        self.seconds += time.perf_counter() - started
        return found

    def _exactly(self, probes: Embeddings, count: int) -> Nearest:
        size = max(1, BLOCK_SCORES // len(self.embeddings))
        answers = []
        for at in range(0, len(probes), size):
            scores = probes[at : at + size] @ self.embeddings.T  # (probes, faces)
            first = max(0, scores.shape[1] - MORE * count)
            near = np.argpartition(scores, first, axis=1)[:, first:]
            answers += [self._best(row, faces, count) for row, faces in zip(scores, near, strict=True)]
        return self._named(answers)

    def _best(self, scores: NDArray[np.float32], near: NDArray[np.int64], count: int) -> Ranked:
        """The people of the highest scores, (faces,), of which `near` are the highest.

        Where these belong to enough people, each of these people's best face is among them. Else many more faces are looked at,
        and then all.
        """
        ranked = self._ranked(near, scores[near], count)
        if ranked is None and len(scores) > MANY_MORE * count:
            near = np.argpartition(scores, -MANY_MORE * count)[-MANY_MORE * count :]
            ranked = self._ranked(near, scores[near], count)
        if ranked is not None:
            return ranked
        best = np.maximum.reduceat(scores, self.starts)  # (people,)
        return _highest(np.arange(len(best)), best, count)

    def _ranked(self, faces: NDArray[np.int64], scores: NDArray[np.float32], count: int) -> Ranked | None:
        """The people of these faces by the highest of their scores; None where they are fewer than `count`."""
        people, places = np.unique(self.owners[faces], return_inverse=True)
        if len(people) < count:
            return None
        best = np.full(len(people), -np.inf, np.float32)
        np.maximum.at(best, places, scores)
        return _highest(people, best, count)

    def _named(self, answers: list[Ranked]) -> Nearest:
        scores = np.stack([scores for _, scores in answers])
        return Nearest([[self.people[one] for one in people] for people, _ in answers], np.clip(scores, -1, 1))

    def _worth_a_graph(self) -> bool:
        """Whether the graph is there, built now if it has become worth it and hnswlib is installed."""
        faces = len(self.embeddings)
        if (
            self.graph is None
            and self.note is None
            and faces > APPROXIMATE_ABOVE
            and self.seconds >= faces * BUILD_SECONDS_A_FACE
        ):
            self._build()
        return self.graph is not None

    def _build(self) -> None:
        faces, dimensions = self.embeddings.shape
        try:
            import hnswlib
        except ImportError:
            self.note = (
                f"{faces:,} faces are compared one by one, which is slow; pip install 'seodang[hnswlib]' searches them faster."
            )
            return
        graph = hnswlib.Index(space="ip", dim=dimensions)
        graph.init_index(max_elements=faces, M=GRAPH_NEIGHBOURS, ef_construction=GRAPH_EFFORT)
        graph.add_items(self.embeddings)
        self.graph = graph

    def _by_graph(self, probes: Embeddings, count: int) -> Nearest:
        """Candidates by the graph, their scores exactly; a probe whose candidates are too few people is searched exactly."""
        wanted = min(MORE * count, len(self.embeddings))
        self.graph.set_ef(max(SEARCH_EFFORT, wanted))
        candidates = self.graph.knn_query(probes, k=wanted)[0].astype(np.int64)  # (probes, wanted)
        answers = []
        for probe, faces in zip(probes, candidates, strict=True):
            ranked = self._ranked(faces, self.embeddings[faces] @ probe, count)
            answers.append(ranked or self._best(self.embeddings @ probe, faces, count))
        return self._named(answers)


def _highest(people: NDArray[np.int64], scores: NDArray[np.float32], count: int) -> Ranked:
    """The first `count` of some people; of equal scores the earlier person, so that the answer is one."""
    least = np.partition(scores, len(scores) - count)[len(scores) - count]
    people, scores = people[scores >= least], scores[scores >= least]
    order = np.lexsort((people, -scores))[:count]
    return people[order], scores[order]
