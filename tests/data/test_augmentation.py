"""Pieces of images: cut exactly, moved together with their masks, the same from the same generator."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from seodang.data.augmentation import Augmentation, Warp, pieces, recoloured

SIZE = (24, 32)
NOTHING = Augmentation()
EVERYTHING = Augmentation(flips=True, rotation=180, scale=1.4, elastic=0.1)


def generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=seed))


def picture(height: int = 100, width: int = 120, channels: int = 3) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (height, width, channels)).astype(np.uint8)


def centre_of(top: int, left: int) -> tuple[float, float]:
    return top + (SIZE[0] - 1) / 2, left + (SIZE[1] - 1) / 2


def blobs(height: int = 100, width: int = 120) -> NDArray[np.uint8]:
    """A mask of large smooth things."""
    smooth = gaussian_filter(np.random.default_rng(1).normal(size=(height, width)), 8)
    return (smooth > 0).astype(np.uint8)


@pytest.mark.parametrize(("top", "left"), [(0, 0), (13, 40), (76, 88)])
def test_nothing_by_itself_is_the_exact_crop(top: int, left: int) -> None:
    image, mask = picture(), picture(channels=1)[:, :, 0]
    warp = Warp.draw(generator(0), SIZE, centre_of(top, left), NOTHING)
    crop = np.s_[top : top + SIZE[0], left : left + SIZE[1]]
    piece = warp.smooth(image)
    assert piece.dtype == np.float32
    np.testing.assert_allclose(piece, image[crop], atol=0.01)  # places are scaled to -1 ... 1 and back in float32
    np.testing.assert_array_equal(warp.nearest(mask), mask[crop])


def test_half_a_pixel_further_is_the_mean_of_neighbours() -> None:
    image = picture().astype(np.float32)
    row, column = centre_of(10, 20)
    piece = Warp.draw(generator(0), SIZE, (row + 0.5, column), NOTHING).smooth(image)
    np.testing.assert_allclose(piece, (image[10:34, 20:52] + image[11:35, 20:52]) / 2, atol=0.01)


def test_flips_are_all_there_and_take_the_mask_along() -> None:
    image, mask = picture(), picture(channels=1)[:, :, 0]
    crop = np.s_[30:54, 40:72]
    ways = {(down, across): np.s_[::down, ::across] for down in (1, -1) for across in (1, -1)}
    seen = set()
    for seed in range(40):
        warp = Warp.draw(generator(seed), SIZE, centre_of(30, 40), Augmentation(flips=True))
        piece = warp.smooth(image)
        fitting = [way for way, places in ways.items() if np.allclose(piece, image[crop][places], atol=0.01)]
        assert len(fitting) == 1
        np.testing.assert_array_equal(warp.nearest(mask), mask[crop][ways[fitting[0]]])
        seen.add(fitting[0])
    assert seen == set(ways)


@pytest.mark.parametrize(
    "how",
    [Augmentation(rotation=180), Augmentation(scale=2), Augmentation(elastic=0.2), EVERYTHING],
    ids=["rotation", "scale", "elastic", "everything"],
)
@pytest.mark.parametrize("centre", [(50.0, 60.0), (0.0, 0.0), (-6.0, 70.0), (104.0, 118.0)], ids=str)
def test_image_and_mask_move_together(how: Augmentation, centre: tuple[float, float]) -> None:
    mask = blobs()
    for seed in range(10):
        warp = Warp.draw(generator(seed), SIZE, centre, how)
        smooth, nearest = warp.smooth(mask[:, :, None])[:, :, 0], warp.nearest(mask)
        clear = np.abs(smooth - 0.5) > 0.499  # all four neighbours agree
        assert clear.mean() > 0.5
        np.testing.assert_array_equal(smooth[clear] > 0.5, nearest[clear] == 1)
        assert (np.abs(smooth - nearest) <= 0.76).all()  # of a corner, a quarter is the least that nearest may weigh


@pytest.mark.parametrize("how", [Augmentation(rotation=90), Augmentation(scale=2), Augmentation(elastic=0.2)], ids=repr)
def test_pieces_really_stray(how: Augmentation) -> None:
    still = Warp.draw(generator(0), SIZE, (50, 60), NOTHING)
    moved = [Warp.draw(generator(seed), SIZE, (50, 60), how) for seed in range(5)]
    assert all(np.abs(one.rows - still.rows).max() > 0.5 for one in moved)


def test_rotation_and_scale_by_hand() -> None:
    for seed in range(20):
        warp = Warp.draw(generator(seed), SIZE, (50, 60), Augmentation(rotation=30, scale=1.5))
        down = np.array([warp.rows[1, 0] - warp.rows[0, 0], warp.columns[1, 0] - warp.columns[0, 0]])
        across = np.array([warp.rows[0, 1] - warp.rows[0, 0], warp.columns[0, 1] - warp.columns[0, 0]])
        assert down @ across == pytest.approx(0, abs=1e-4)
        assert np.linalg.norm(down) == pytest.approx(np.linalg.norm(across), abs=1e-4)
        assert 1 / 1.5 - 1e-4 <= np.linalg.norm(down) <= 1.5 + 1e-4
        assert abs(np.degrees(np.arctan2(down[1], down[0]))) <= 30.01
        assert (warp.rows.mean(), warp.columns.mean()) == pytest.approx((50, 60), abs=1e-3)


def test_same_generator_same_piece() -> None:
    image, mask = picture(), blobs()
    how = Augmentation(True, 180, 1.4, 0.1, 4, 0.2, 0.2, 0.1)

    def piece(seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
        random = generator(seed)
        warp = Warp.draw(random, SIZE, (50, 60), how)
        return recoloured(warp.smooth(image), random, how), warp.nearest(mask)

    first, again, other = piece(1), piece(1), piece(2)
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert np.abs(first[0] - other[0]).mean() > 1
    assert (first[1] != other[1]).any()


@pytest.mark.parametrize(("top", "left"), [(-10, 5), (90, 100), (-24, -32), (-30, 5), (120, -40), (-300, 500)])
def test_edges_go_on_as_in_a_mirror(top: int, left: int) -> None:
    image, mask = picture(), blobs()
    rows, columns = np.arange(top, top + SIZE[0]), np.arange(left, left + SIZE[1])
    before, after = 400, 500
    mirrored = np.pad(image, ((before, after), (before, after), (0, 0)), "reflect")
    expected = mirrored[np.ix_(rows + before, columns + before)]
    warp = Warp.draw(generator(0), SIZE, centre_of(top, left), NOTHING)
    np.testing.assert_allclose(warp.smooth(image), expected, atol=0.05)
    overlaid = np.pad(mask, ((before, after), (before, after)), "reflect")[np.ix_(rows + before, columns + before)]
    np.testing.assert_array_equal(warp.nearest(mask), overlaid)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 30), (3, 2), (10, 200)])
def test_images_smaller_than_a_piece(height: int, width: int) -> None:
    image = picture(height, width)
    mask = image[:, :, 0]
    for seed in range(5):
        warp = Warp.draw(generator(seed), SIZE, (height / 2, width / 2), EVERYTHING)
        piece = warp.smooth(image)
        assert piece.shape == (*SIZE, 3)
        assert np.isfinite(piece).all()
        assert image.min() - 0.01 <= piece.min() and piece.max() <= image.max() + 0.01
        assert set(np.unique(warp.nearest(mask))) <= set(np.unique(mask))


def test_one_pixel_fills_a_piece() -> None:
    image = np.full((1, 1, 2), 7, np.uint16)
    warp = Warp.draw(generator(0), SIZE, (0, 0), EVERYTHING)
    np.testing.assert_array_equal(warp.smooth(image), np.full((*SIZE, 2), 7))


def test_bending_is_smooth_and_of_the_size_asked_for() -> None:
    still = Warp.draw(generator(0), (64, 64), (50, 60), NOTHING)
    moves = []
    for seed in range(60):
        bent = Warp.draw(generator(seed), (64, 64), (50, 60), Augmentation(elastic=0.25))
        moves.append(bent.rows - still.rows)
        assert np.abs(np.diff(moves[-1], axis=0)).max() < 1.5
    # A cubic B-spline through normal knots has 0.38 to 0.44 of their variance in two directions, whatever the place.
    assert 0.4 < np.std(moves) / (0.25 * 64 / 4) < 0.8


def test_light_and_noise_have_the_strength_asked_for() -> None:
    piece = np.random.default_rng(0).normal(size=(48, 48, 3)).astype(np.float32)
    piece -= piece.mean((0, 1))
    many = range(300)
    brighter = np.array([recoloured(piece, generator(n), Augmentation(brightness=0.4)).mean((0, 1)) for n in many])
    assert brighter.mean() == pytest.approx(0, abs=0.06)
    assert np.std(brighter) == pytest.approx(0.4 * np.sqrt(1 + 0.5**2), rel=0.1)
    assert np.std(brighter - brighter.mean(1, keepdims=True)) == pytest.approx(0.2 * np.sqrt(2 / 3), rel=0.1)
    steeper = np.array([np.std(recoloured(piece, generator(n), Augmentation(contrast=0.3))) for n in many])
    assert np.std(np.log(steeper / piece.std())) == pytest.approx(0.3, rel=0.1)
    assert np.mean(np.log(steeper / piece.std())) == pytest.approx(0, abs=0.06)
    noise = np.array([np.std(recoloured(piece, generator(n), Augmentation(noise=0.5)) - piece) for n in many])
    assert noise.max() <= 0.51 and noise.mean() == pytest.approx(0.25, abs=0.03)


def test_recolouring_nothing_changes_nothing() -> None:
    piece = picture().astype(np.float32)
    np.testing.assert_array_equal(recoloured(piece, generator(0), NOTHING), piece)


def test_recoloured_pieces_stay_single_precision() -> None:
    piece = np.zeros((4, 4, 3), np.float32)
    how = Augmentation(brightness=0.1, contrast=0.1, noise=0.1)
    assert recoloured(piece, generator(0), how).dtype == np.float32


@pytest.mark.parametrize(
    ("length", "size", "middles"), [(100, 100, [50]), (30, 64, [15]), (128, 64, [32, 96]), (90, 30, [15, 45, 75])]
)
def test_middles_of_pieces(length: int, size: int, middles: list[int]) -> None:
    assert list(pieces(length, size)) == middles
