"""Batch plans: the same everywhere and for ever, every row once."""

from __future__ import annotations

import numpy as np
import pytest

from seodang.core.seeds import mix
from seodang.data.sampling import bucketed_batches, permutation, sequential_batches, shard, shuffled_batches

SIZES = [(1, 1), (5, 2), (64, 64), (1_000, 32), (1_001, 7)]


def test_mix_is_stable_and_tells_parts_apart() -> None:
    assert mix(1, 2, "noise") == 3208296630019729094
    others = [mix(1, 2), mix(2, 1), mix(12), mix("1", 2), mix("a", "bc"), mix("ab", "c"), mix()]
    assert len(set(others)) == len(others)
    assert all(0 <= value < 2**63 for value in others)


def test_permutation_is_stable_across_versions() -> None:
    assert permutation(8, seed=0, epoch=0).tolist() == [0, 7, 3, 2, 6, 1, 5, 4]
    assert permutation(8, seed=0, epoch=1).tolist() == [5, 6, 3, 2, 1, 7, 4, 0]


@pytest.mark.parametrize("n", [0, 1, 2, 1_000])
def test_permutation_holds_every_row_once(n: int) -> None:
    assert sorted(permutation(n, 3, 4).tolist()) == list(range(n))


def test_first_places_are_uniform() -> None:
    first = np.array([permutation(10, seed, 0)[0] for seed in range(2_000)])
    assert np.bincount(first, minlength=10).min() > 140  # expected 200, standard deviation 13.4


@pytest.mark.parametrize(("n", "size"), SIZES)
def test_batches_hold_every_row_once(n: int, size: int) -> None:
    lengths = [(row * 37) % 101 for row in range(n)]
    for batches in (shuffled_batches(n, size, 1, 2), bucketed_batches(lengths, size, 1, 2, pool_batches=4)):
        assert sorted(np.concatenate(batches).tolist()) == list(range(n))
        assert sorted(len(batch) for batch in batches)[1:] == [size] * (len(batches) - 1)


@pytest.mark.parametrize(("n", "size"), SIZES)
def test_drop_last_leaves_full_batches(n: int, size: int) -> None:
    lengths = np.arange(n)
    for batches in (shuffled_batches(n, size, 1, 2, drop_last=True), bucketed_batches(lengths, size, 1, 2, 4, drop_last=True)):
        assert [len(batch) for batch in batches] == [size] * (n // size)


def test_plan_depends_on_seed_and_epoch_alone() -> None:
    def plan(seed: int, epoch: int) -> list[list[int]]:
        return [batch.tolist() for batch in bucketed_batches(np.arange(500) % 90, 16, seed, epoch)]

    np.random.seed(7)
    first = plan(1, 1)
    np.random.seed(8)
    assert plan(1, 1) == first
    assert plan(1, 2) != first
    assert plan(2, 1) != first


def test_buckets_save_padding_and_stay_shuffled() -> None:
    lengths = np.random.default_rng(0).integers(1, 400, 5_000)

    def padded(batches: list[np.ndarray]) -> int:
        return int(sum(lengths[batch].max() * len(batch) for batch in batches))

    buckets = bucketed_batches(lengths, 32, 0, 0)
    assert padded(buckets) < 1.05 * lengths.sum() < padded(shuffled_batches(5_000, 32, 0, 0)) / 1.7
    means = [lengths[batch].mean() for batch in buckets]
    assert abs(np.corrcoef(means[:-1], means[1:])[0, 1]) < 0.3


def test_shards_of_a_batch_are_disjoint_and_complete() -> None:
    rows = permutation(13, 0, 0)
    shards = [shard(rows, rank, 4) for rank in range(4)]
    assert sorted(np.concatenate(shards).tolist()) == list(range(13))
    assert shards[1].tolist() == rows[1::4].tolist()
    with pytest.raises(ValueError, match="rank must be between 0 and 3"):
        shard(rows, 4, 4)


def test_sequential_batches() -> None:
    assert [batch.tolist() for batch in sequential_batches(5, 2)] == [[0, 1], [2, 3], [4]]
    with pytest.raises(ValueError, match="at least 1"):
        sequential_batches(5, 0)
