"""Splits by hash, and near-duplicates against a plain computation."""

from __future__ import annotations

import hashlib
import random
import unicodedata

import numpy as np
import pytest

from seodang.core.errors import DataError
from seodang.data.duplicates import exact_duplicates, near_duplicates
from seodang.data.splits import assign, complete_parts, fold, split, split_train_validation

TEXTS = [f"review number {row} of a long series" for row in range(4_000)]


def test_assignment_is_stable_for_ever() -> None:
    def place(text: str) -> float:
        return int.from_bytes(hashlib.blake2b(b"\0" + text.encode(), digest_size=8).digest(), "little") / 2**64

    keys = [f"film {row}" for row in range(200)]
    expected = ["train" if place(key) < 0.8 else "validation" if place(key) < 0.9 else "test" for key in keys]
    assert assign(keys).tolist() == expected


def test_shares_are_near_the_fractions() -> None:
    parts = assign(TEXTS)
    for name, share in (("train", 0.8), ("validation", 0.1), ("test", 0.1)):
        assert np.mean(parts == name) == pytest.approx(share, abs=0.02)  # 4 standard deviations of 4,000 draws


def test_a_row_stays_where_it_was_when_others_come_or_go() -> None:
    whole = assign(TEXTS)
    assert assign(TEXTS[::3]).tolist() == whole[::3].tolist()
    assert assign(["new", *TEXTS]).tolist()[1:] == whole.tolist()


def test_equal_texts_stay_together() -> None:
    variants = ["Café  au lait", unicodedata.normalize("NFD", "café au LAIT"), "\tCAFÉ au\nlait "]
    for salt in map(str, range(50)):
        assert len(set(assign(variants, salt=salt))) == 1


def test_salt_gives_another_split() -> None:
    assert (assign(TEXTS) != assign(TEXTS, salt="2")).mean() > 0.2


def test_fractions_must_sum_to_one() -> None:
    with pytest.raises(ValueError, match="sum to 1"):
        assign(TEXTS, {"train": 0.8, "test": 0.1})


def test_split_covers_every_row_once_and_keeps_groups_whole() -> None:
    groups = [f"film {row % 300}" for row in range(4_000)]
    labels = ["pos" if row % 7 < 3 else "neg" for row in range(4_000)]
    parts = split(groups, labels)
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(4_000))
    films = [{groups[row] for row in rows} for rows in parts.values()]
    assert not (films[0] & films[1] or films[0] & films[2] or films[1] & films[2])


def test_train_and_validation_only() -> None:
    parts = split_train_validation(TEXTS, ["a", "b"] * 2_000, 0.25)
    assert list(parts) == ["train", "validation"]
    assert len(parts["validation"]) == pytest.approx(1_000, abs=110)


def test_part_without_rows() -> None:
    with pytest.raises(
        DataError, match=r"reviews\.csv: the \w+ part gets no row: 2 rows with 2 different texts or groups are too few"
    ):
        split(["a", "b"], ["x", "y"], source="reviews.csv")


def test_part_without_a_class() -> None:
    labels = ["rare" if row == 5 else "usual" for row in range(4_000)]
    with pytest.raises(DataError, match=r"the \w+ part gets no row of class 'rare', which has 1 row; add rows"):
        split(TEXTS, labels, source="reviews.csv")
    assert split(TEXTS, labels, every_class_in=())


def test_fold() -> None:
    assert fold("  Straße\u00a0\n X ") == "strasse x"


def words(count: int, generator: random.Random) -> list[str]:
    return [f"w{generator.randrange(2_000)}" for _ in range(count)]


def jaccard(left: str, right: str) -> float:
    one, two = ({tuple(text.split()[at : at + 5]) for at in range(len(text.split()) - 4)} for text in (left, right))
    return len(one & two) / len(one | two)


def test_near_duplicates_of_long_texts_match_a_plain_computation() -> None:
    generator = random.Random(3)
    originals = [words(120, generator) for _ in range(300)]
    copies = []
    for row, original in enumerate(originals):
        copy = list(original)
        for place in generator.sample(range(120), row % 8):  # 0 to 7 words changed
            copy[place] = "changed"
        copies.append(" ".join(copy))
    texts = [" ".join(original) for original in originals]
    expected = {row: jaccard(texts[row], copies[row]) for row in range(300) if jaccard(texts[row], copies[row]) >= 0.8}
    found = near_duplicates(texts, copies, 0.8)
    assert {pair.j: pair.similarity for pair in found} == pytest.approx(expected)
    assert all(pair.i == pair.j for pair in found)


def test_near_duplicates_of_short_texts_are_compared_by_letters() -> None:
    texts = ["이 영화는 정말 재미있어서 두 번이나 보았습니다", "오늘은 날씨가 좋다", "굿"]
    others = ["이 영화는 정말 재미있어서 두 번이나 보았습니다!", "내일은 비가 온다", "굿", "굿굿굿굿굿굿"]
    found = near_duplicates(texts, others)
    assert [(pair.i, pair.j) for pair in found] == [(0, 0), (2, 2)]
    assert found[0].similarity == pytest.approx(22 / 23)  # 26 and 27 letters: 22 and 23 runs of 5
    assert found[1].similarity == 1.0


def test_pair_on_both_sides_of_the_length_border_is_found() -> None:
    generator = random.Random(1)
    for count in range(16, 36):
        text = words(count, generator)
        (pair,) = near_duplicates([" ".join(text)], [" ".join([*text, "more"])], 0.75)
        assert pair.similarity < 1


def test_first_of_equal_texts_is_named_and_empty_texts_are_no_pair() -> None:
    found = near_duplicates(["", "other words", "Same text", "same TEXT"], ["same  text", ""])
    assert [(pair.i, pair.j, pair.similarity) for pair in found] == [(2, 0, 1.0)]


def test_nothing_to_compare() -> None:
    assert near_duplicates([], ["a"]) == []
    assert near_duplicates(["a"], []) == []
    with pytest.raises(ValueError, match="threshold"):
        near_duplicates(["a"], ["a"], 0.3)


def test_exact_duplicates() -> None:
    assert exact_duplicates(["a b", "c", "A  b", "", " ", "c"]) == [[0, 2], [1, 5]]


def completed(given: dict[str, list[str]]) -> dict[str, tuple[str, ...]]:
    """Parts of things called by a word, whose content is the word in small letters."""
    return complete_parts(given, lambda one: one, lambda one: one.lower())


def test_parts_that_are_given_stay_and_missing_ones_are_cut_off_the_training_part() -> None:
    everything = [f"image {number}" for number in range(200)]
    whole = completed({"all": everything})
    assert sorted(one for part in whole.values() for one in part) == sorted(everything)
    assert 130 < len(whole["train"]) < 190 and whole["validation"] and whole["test"]
    tested = completed({"train": everything, "test": ["another"]})
    assert tested["test"] == ("another",) and 5 < len(tested["validation"]) < 40
    validated = completed({"train": everything, "validation": ["another"]})
    assert validated["validation"] == ("another",) and 5 < len(validated["test"]) < 40
    given = {"train": ["a"], "validation": ["b"], "test": ["c"]}
    assert completed(given) == {part: tuple(some) for part, some in given.items()}


def test_equals_stay_together_and_few_fill_every_part() -> None:
    whole = completed({"all": [f"image {n // 2}".upper() if n % 2 else f"image {n // 2}" for n in range(200)]})
    where = {one: part for part, some in whole.items() for one in some}
    assert all(where[one] == where[one.upper()] for one in where)
    few = completed({"all": ["a", "b", "c"]})
    assert all(len(some) == 1 for some in few.values())
    assert sum(bool(some) for some in completed({"all": ["a", "A", "b"]}).values()) == 2
