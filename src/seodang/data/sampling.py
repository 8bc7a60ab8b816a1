"""Batch plans: which rows form which batch, as pure functions of seed and epoch.

The order must be the same on every machine and for years, or a resumed run would drift. NumPy promises stable bit streams
(NEP 19) but not stable `permutation`, so an order here is a stable sort of raw Philox numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seodang.core.seeds import mix

Rows = NDArray[np.int64]


def permutation(n: int, seed: int, epoch: int) -> Rows:
    """The rows 0 to n - 1 in an order that depends on n, seed and epoch alone; (n,), int64."""
    return _shuffled(n, mix("rows", seed, epoch))


def _shuffled(n: int, key: int) -> Rows:
    random = np.random.Philox(key=key).random_raw(n)
    return np.argsort(random, kind="stable").astype(np.int64)


def shuffled_batches(n: int, batch_size: int, seed: int, epoch: int, drop_last: bool = False) -> list[Rows]:
    """Every row once, in batches of `batch_size`; the last may be smaller, or is left out with `drop_last`."""
    return _cut(permutation(n, seed, epoch), batch_size, drop_last)


def bucketed_batches(
    lengths: ArrayLike, batch_size: int, seed: int, epoch: int, pool_batches: int = 64, drop_last: bool = False
) -> list[Rows]:
    """Every row once, in batches of rows of nearly equal length, so that little of a batch is padding.

    Rows are shuffled, cut into pools of `pool_batches` batches, sorted by length inside a pool, cut into batches, and the
    batches shuffled. A larger pool pads less and mixes rows less.

    Args:
        lengths: Length of every row, (rows,).
        batch_size: Rows in a batch.
        seed: Seed of the run.
        epoch: Another epoch, another plan.
        pool_batches: Batches that are sorted together.
        drop_last: Leave out the one batch that is smaller than the others.
    """
    sizes = np.asarray(lengths)
    order = permutation(len(sizes), seed, epoch)
    batches: list[Rows] = []
    for pool in _cut(order, batch_size * pool_batches, drop_last=False):
        batches += _cut(pool[np.argsort(sizes[pool], kind="stable")], batch_size, drop_last)
    return [batches[place] for place in _shuffled(len(batches), mix("batches", seed, epoch))]


def sequential_batches(n: int, batch_size: int) -> list[Rows]:
    """Every row once, in order: for evaluation and prediction."""
    return _cut(np.arange(n, dtype=np.int64), batch_size, drop_last=False)


def shard(rows: Sequence[int] | Rows, rank: int, world: int) -> Rows:
    """The rows of one batch that process `rank` of `world` computes: every world-th, starting at its own number."""
    if not 0 <= rank < world:
        raise ValueError(f"rank must be between 0 and {world - 1}, got {rank}")
    return np.asarray(rows, dtype=np.int64)[rank::world]


def _cut(rows: Rows, size: int, drop_last: bool) -> list[Rows]:
    if size < 1:
        raise ValueError(f"batch_size must be at least 1, got {size}")
    end = len(rows) - len(rows) % size if drop_last else len(rows)
    return [rows[start : start + size] for start in range(0, end, size)]
