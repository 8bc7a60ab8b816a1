"""Albums sorted into people, and groups that are merged, split and renamed."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from sklearn.metrics import adjusted_rand_score

from seodang.core.errors import DataError, SettingsError, ShapeError
from seodang.families.faces.scores.clustering import (
    MOST_NEIGHBOURS,
    Groups,
    cluster,
    clustering_scores,
    groups_of,
    merge,
    rename,
    split,
)

Rows = NDArray[np.float32]


def at(*degrees: float) -> Rows:
    """Embeddings on a circle."""
    angles = np.deg2rad(np.array(degrees))
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def album(people: NDArray[np.int64], spread: float, seed: int = 0, dimensions: int = 64) -> Rows:
    """A face for each entry, around its person's own direction."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(int(people.max()) + 1, dimensions))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    rows = centres[people] + spread * random.normal(size=(len(people), dimensions))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def test_three_people_and_a_stranger_are_found_largest_first() -> None:
    labels = cluster(at(100, 0, 5, 10, 105, 200, 250, 205), 0.9)
    assert labels.tolist() == [1, 0, 0, 0, 1, 2, 3, 2]


def test_groups_are_those_of_average_linkage() -> None:
    """The same as SciPy makes of the matrix of all distances, where nothing is cut short."""
    random = np.random.default_rng(0)
    rows = album(random.integers(0, 12, 60), 0.16)
    assert len(rows) <= MOST_NEIGHBOURS
    tree = linkage(np.maximum(1 - rows @ rows.T, 0)[np.triu_indices(60, 1)], "average")
    for threshold in (0.2, 0.35, 0.5):
        assert adjusted_rand_score(fcluster(tree, 1 - threshold, "distance"), cluster(rows, threshold)) == 1


def test_a_chain_of_faces_is_not_one_person() -> None:
    assert cluster(at(*range(0, 180, 10)), 0.9).max() > 2


def test_two_faces_of_one_photo_are_two_people() -> None:
    rows = at(0, 1, 2, 3)
    assert cluster(rows, 0.9).tolist() == [0, 0, 0, 0]
    labels = cluster(rows, 0.9, photos=["a", "a", "b", "b"])
    assert labels[0] != labels[1]
    assert labels[2] != labels[3]
    assert labels.max() == 1


def test_the_same_faces_give_the_same_groups_in_any_order() -> None:
    random = np.random.default_rng(2)
    people = random.integers(0, 30, 400)
    rows = album(people, 0.08)
    order = random.permutation(400)
    first, again, shuffled = cluster(rows, 0.4), cluster(rows, 0.4), cluster(rows[order], 0.4)
    np.testing.assert_array_equal(first, again)
    assert adjusted_rand_score(first[order], shuffled) == 1
    assert adjusted_rand_score(first, people) == 1


def test_an_album_of_ten_thousand_faces_is_sorted_in_seconds() -> None:
    random = np.random.default_rng(1)
    people = np.concatenate([np.arange(1500), random.integers(0, 300, 8500)])
    rows = album(people, 0.065, dimensions=128)
    start = time.perf_counter()
    labels = cluster(rows, 0.37)
    assert time.perf_counter() - start < 60  # about 3 on a core of 2020
    assert clustering_scores(labels, people).f1 > 0.999


def test_no_face_and_one_face_are_albums_too() -> None:
    assert cluster(np.zeros((0, 4), np.float32), 0.5).tolist() == []
    assert cluster(at(7), 0.5).tolist() == [0]
    assert groups_of([]) == Groups({})


def test_many_equal_faces_are_one_person() -> None:
    assert set(cluster(at(*[30] * 300), 0.5).tolist()) == {0}


def test_photos_must_belong_to_faces() -> None:
    with pytest.raises(ShapeError, match="One photo a face expected, got 1 for 2"):
        cluster(at(0, 1), 0.5, ["a"])


def test_scores_of_groups_by_hand() -> None:
    # Groups {1, 2, 3} and {4, 5}; people {1, 2} and {3, 4, 5}. Pairs together in both: 12 and 45; in a group 4, of a person 4.
    found = clustering_scores([0, 0, 0, 1, 1], ["a", "a", "b", "b", "b"])
    assert (found.precision, found.recall, found.f1) == (0.5, 0.5, 0.5)
    # B-cubed precision: (2/3 + 2/3 + 1/3 + 1 + 1) / 5 = 11/15; recall: (1 + 1 + 1/3 + 2/3 + 2/3) / 5 = 11/15.
    assert found.b_cubed == pytest.approx(11 / 15)
    assert found.adjusted_rand == pytest.approx(adjusted_rand_score([0, 0, 0, 1, 1], [0, 0, 1, 1, 1]))


def test_scores_of_the_same_groups_are_one() -> None:
    found = clustering_scores([5, 5, 2, 9], ["x", "x", "y", "z"])
    assert (found.f1, found.b_cubed, found.adjusted_rand) == (1, 1, 1)
    alone = clustering_scores([0, 1, 2], [0, 1, 2])
    assert (alone.f1, alone.b_cubed, alone.adjusted_rand) == (1, 1, 1)
    with pytest.raises(ShapeError, match="One group and one person a face"):
        clustering_scores([0], [0, 1])


def people() -> Groups:
    return Groups({"ann": (0, 1), "bob": (2,), "eve": (3, 4, 5)})


def test_groups_are_named_by_size() -> None:
    assert groups_of([1, 0, 0]).faces == {"person 1": (1, 2), "person 2": (0,)}


def test_merging_keeps_the_first_name_and_its_place() -> None:
    before = people()
    assert merge(before, "eve", "ann").faces == {"bob": (2,), "eve": (0, 1, 3, 4, 5)}
    assert before == people()


def test_splitting_finds_the_two_people_in_a_group() -> None:
    rows = album(np.array([0, 0, 0, 0, 0, 1, 1]), 0.05)
    groups = Groups({"zoe": (6, 0, 1, 2, 5, 3, 4)})
    assert split(groups, "zoe", rows).faces == {"zoe": (0, 1, 2, 3, 4), "zoe 2": (6, 5)}


def test_splitting_takes_free_names_and_as_many_parts_as_asked() -> None:
    groups = Groups({"zoe": (0, 1, 2, 3), "zoe 2": (4,)})
    found = split(groups, "zoe", at(0, 60, 120, 122, 200), parts=3)
    assert found.faces == {"zoe": (2, 3), "zoe 3": (0,), "zoe 4": (1,), "zoe 2": (4,)}
    equal = split(Groups({"zoe": (0, 1, 2)}), "zoe", at(5, 5, 5), parts=3)
    assert sorted(len(faces) for faces in equal.faces.values()) == [1, 1, 1]


def test_renaming_keeps_the_place() -> None:
    assert list(rename(people(), "bob", " Robert ").faces) == ["ann", "Robert", "eve"]
    assert rename(people(), "bob", "bob") == people()


def test_json_brings_the_same_groups_back() -> None:
    assert Groups.from_json(json.loads(json.dumps(people().to_json()))) == people()
    with pytest.raises(DataError, match="names with lists of face numbers"):
        Groups.from_json({"ann": 3})


@pytest.mark.parametrize("act", [lambda groups: merge(groups, "ann", "evee"), lambda groups: rename(groups, "evee", "x")])
def test_an_unknown_name_is_refused_with_the_nearest(act: object) -> None:
    assert callable(act)
    with pytest.raises(DataError, match=r"No group 'evee'\. Did you mean 'eve'\?"):
        act(people())


def test_what_cannot_be_done_is_said() -> None:
    with pytest.raises(DataError, match="The name 'eve' is taken; merge 'bob' into it"):
        rename(people(), "bob", "eve")
    with pytest.raises(DataError, match="got an empty one"):
        rename(people(), "bob", "  ")
    with pytest.raises(DataError, match="got 'bob' twice"):
        merge(people(), "bob", "bob")
    with pytest.raises(DataError, match="'bob' has 1 face, too few for 2 parts"):
        split(people(), "bob", at(*range(6)))
    with pytest.raises(SettingsError, match="parts must be at least 2, got 1"):
        split(people(), "eve", at(*range(6)), parts=1)
    with pytest.raises(DataError, match="has face 5, but there are 4 embeddings"):
        split(people(), "eve", at(*range(4)))
    with pytest.raises(DataError, match="Face 1 is in 'ann' and in 'bob'"):
        Groups({"ann": (1,), "bob": (1,)})
    with pytest.raises(DataError, match="'ann' has none"):
        Groups({"ann": ()})
