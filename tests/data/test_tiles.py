"""Tiles: what is blended is the image again, margins within it count for nothing, and rows come as soon as they are done."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from seodang.data.tiles import Tiling, blended_rows

TILING = Tiling(size=32, margin=8, stride=4)
SIZES = [(4, 4), (28, 8), (32, 32), (36, 32), (32, 200), (64, 60), (100, 36), (132, 148)]
NONSENSE = 1e6
ROUNDING = 1e-5  # sums of weighted float32 by sums of weights


def image_of(height: int, width: int) -> NDArray[np.float32]:
    return np.random.default_rng(height * 1000 + width).normal(size=(3, height, width)).astype(np.float32)


def together(height: int, width: int, tiling: Tiling, image: NDArray[np.float32]) -> NDArray[np.float32]:
    bands = blended_rows(height, width, tiling, lambda rows, columns: image[:, rows, columns])
    return np.concatenate([band for _, band in bands], 1)


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("tiling", [TILING, Tiling(16, 0, 4), Tiling(20, 8, 4), Tiling(24, 8, 8)])
def test_the_identity_gives_the_image_back(tiling: Tiling, height: int, width: int) -> None:
    height, width = (-(-length // tiling.stride) * tiling.stride for length in (height, width))
    image = image_of(height, width)
    np.testing.assert_allclose(together(height, width, tiling, image), image, atol=ROUNDING)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_margins_within_the_image_count_for_nothing(height: int, width: int) -> None:
    image = image_of(height, width)

    def compute(rows: slice, columns: slice) -> NDArray[np.float32]:
        found = image[:, rows, columns].copy()
        margin = TILING.margin
        if rows.start > 0:
            found[:, :margin] = NONSENSE
        if rows.stop < height:
            found[:, -margin:] = NONSENSE
        if columns.start > 0:
            found[:, :, :margin] = NONSENSE
        if columns.stop < width:
            found[:, :, -margin:] = NONSENSE
        return found

    bands = [band for _, band in blended_rows(height, width, TILING, compute)]
    np.testing.assert_allclose(np.concatenate(bands, 1), image, atol=ROUNDING)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_rows_come_once_in_order_and_never_more_than_a_tile(height: int, width: int) -> None:
    image, next_row = image_of(height, width), 0
    asked: list[int] = []

    def compute(rows: slice, columns: slice) -> NDArray[np.float32]:
        asked.append(rows.stop)
        return image[:, rows, columns]

    for top, band in blended_rows(height, width, TILING, compute):
        assert top == next_row
        assert band.shape[0] == 3 and band.shape[2] == width
        assert 0 < band.shape[1] <= TILING.size
        next_row = top + band.shape[1]
        assert asked[-1] - top <= TILING.size  # no tile below was computed before these rows were handed on
    assert next_row == height


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_tiles_lie_in_the_image_on_the_stride(height: int, width: int) -> None:
    def compute(rows: slice, columns: slice) -> NDArray[np.float32]:
        for place, length in ((rows, height), (columns, width)):
            assert place.start % TILING.stride == 0
            assert place.stop - place.start == min(TILING.size, length)
            assert place.start >= 0 and place.stop <= length
        return np.zeros((1, rows.stop - rows.start, columns.stop - columns.start), np.float32)

    assert sum(band.shape[1] for _, band in blended_rows(height, width, TILING, compute)) == height


def test_a_smooth_seam_between_tiles_that_disagree() -> None:
    numbers = iter(range(100))

    def compute(rows: slice, columns: slice) -> NDArray[np.float32]:
        return np.full((1, rows.stop - rows.start, columns.stop - columns.start), next(numbers), np.float32)

    row = np.concatenate([band for _, band in blended_rows(32, 52, Tiling(32, 4, 4), compute)], 1)[0, 0]
    assert row[0] == 0 and row[-1] == pytest.approx(1)  # of the first tile and of the second
    assert (np.diff(row) >= -ROUNDING).all()
    assert ((row > 0.01) & (row < 0.99)).any()


@pytest.mark.parametrize("length", [4, 28, 32, 36, 40, 64, 100, 1000])
@pytest.mark.parametrize("tiling", [TILING, Tiling(16, 0, 4), Tiling(24, 8, 8)])
def test_starts_cover_the_axis(tiling: Tiling, length: int) -> None:
    length = -(-length // tiling.stride) * tiling.stride
    starts = tiling.starts(length)
    assert starts == sorted(set(starts))
    assert starts[0] == 0 and starts[-1] == max(length - tiling.size, 0)
    total = np.zeros(length)
    for start in starts:
        weights = tiling.weights(start, length)
        assert weights.dtype == np.float32
        total[start : start + len(weights)] += weights
    assert (total > 0).all()


def test_weights_by_hand() -> None:
    within = TILING.weights(32, 200)
    assert len(within) == 32
    assert not within[:8].any() and not within[-8:].any()
    np.testing.assert_allclose(within, within[::-1], rtol=1e-6)
    middle, spread = 15.5, 16 / 8  # the used half of the tile, and an eighth of it
    assert within[15] == pytest.approx(np.exp(-0.5 * ((15 - middle) / spread) ** 2), rel=1e-6)
    assert within[8] == pytest.approx(1e-3)  # never less where it counts
    first, last = TILING.weights(0, 200), TILING.weights(168, 200)
    assert first[0] > 0 and not first[-8:].any()
    assert last[-1] > 0 and not last[:8].any()
    only = TILING.weights(0, 12)
    assert len(only) == 12 and (only > 0).all()
