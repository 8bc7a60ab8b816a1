"""Measures, worked out by hand, and Otsu's threshold against trying all of them."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from seodang.families.segmentation.data import Labelled
from seodang.families.segmentation.evaluation import evaluate_scores, score_images
from seodang.families.segmentation.masks import IGNORED
from seodang.families.segmentation.measures import Confusion, foreground, outline_f
from seodang.families.segmentation.yardstick import otsu_threshold


def mask(*rows: str) -> np.ndarray:
    """A mask drawn in digits; x is not to be judged."""
    return np.array([[IGNORED if place == "x" else int(place) for place in row] for row in rows], np.uint8)


def test_overlap_by_hand() -> None:
    found = Confusion.of(mask("0110", "0110"), mask("0011", "0011"), 2)
    # Two pixels right of four and four; background two of four and four.
    assert found.dice.tolist() == [0.5, 0.5]
    assert found.iou.tolist() == pytest.approx([2 / 6, 2 / 6])
    assert found.accuracy == 0.5


def test_pixels_of_which_nothing_is_known_do_not_count() -> None:
    assert Confusion.of(mask("0011"), mask("x011"), 2).accuracy == 1.0
    assert Confusion.of(mask("1011"), mask("x011"), 2).dice.tolist() == [1.0, 1.0]


def test_a_class_in_neither_mask_does_not_count_and_nothing_found_in_nothing_is_right() -> None:
    found = Confusion.of(mask("0011"), mask("0011"), 3)
    assert np.isnan(found.dice[2]) and foreground(found.dice) == 1.0
    assert foreground(Confusion.of(mask("0000"), mask("0000"), 2).dice) == 1.0
    assert foreground(Confusion.of(mask("0001"), mask("0000"), 2).dice) == 0.0


def test_outlines_by_hand() -> None:
    true = np.zeros((20, 20), np.uint8)
    true[5:15, 5:15] = 1
    moved = np.roll(true, 2, 1)
    assert outline_f(true, true, 2, 1.0).tolist() == [1.0, 1.0]
    assert outline_f(moved, true, 2, 2.0)[1] == 1.0  # two pixels away is near enough
    # One pixel is too near: of 36 outline pixels the two upper and lower rows overlap in 8 each, and next to these lies one
    # pixel of the other's on either side.
    assert 0.4 < outline_f(moved, true, 2, 1.0)[1] < 0.7
    nothing = np.zeros_like(true)
    assert outline_f(nothing, true, 2, 2.0)[1] == 0.0
    assert np.isnan(outline_f(nothing, nothing, 2, 2.0)[1])


def test_the_edge_of_the_image_is_no_outline() -> None:
    half = np.zeros((8, 8), np.uint8)
    half[:, 4:] = 1
    other = half.copy()
    other[0, 4:] = 1  # the same
    assert outline_f(half, other, 2, 0.0)[1] == 1.0


def test_tables_say_what_was_found_of_small_and_large_objects() -> None:
    true = np.zeros((30, 30), np.uint8)
    true[2:4, 2:4] = 1  # 4 pixels, missed
    true[10:20, 10:20] = 1  # 100 pixels, found
    found = np.zeros_like(true)
    found[10:20, 10:20] = 1
    scores = score_images([Labelled("one", np.zeros((30, 30, 3), np.uint8), true)], lambda image: found, 2)
    told = evaluate_scores("here", scores, ("ground", "cell"), "", ())
    rows = told.tables["sizes"].rows
    assert [row[1:] for row in rows] == [(1, 0.0, 0.0, 0.0), (1, 1.0, 1.0, 1.0)]
    assert told.measures["dice"].value == pytest.approx(200 / 204)
    assert [row[0] for row in told.tables["classes"].rows] == ["ground", "cell"]


def test_dice_of_an_object_counts_what_was_found_beside_it_and_nearer_to_it_than_to_others() -> None:
    true = np.zeros((30, 60), np.uint8)
    true[10:20, 10:20] = 1  # 100 pixels, all found and 50 more beside them
    true[10:20, 40:46] = 1  # 60 pixels, half of them found
    found = np.zeros_like(true)
    found[10:20, 10:25] = found[10:20, 40:43] = 1
    scores = score_images([Labelled("one", np.zeros((30, 60, 3), np.uint8), true)], lambda image: found, 2)
    rows = evaluate_scores("here", scores, ("ground", "cell"), "", ()).tables["sizes"].rows
    assert [row[2] for row in rows] == pytest.approx([2 * 30 / (60 + 30), 2 * 100 / (100 + 150)])


def test_otsu_equals_trying_every_threshold() -> None:
    random = np.random.default_rng(0)
    grey = np.concatenate([random.normal(60, 12, 3000), random.normal(150, 20, 1000)]).clip(0, 255).round().astype(np.float32)

    def within(threshold: float) -> float:
        parts = grey[grey < threshold], grey[grey >= threshold]
        return sum(len(part) * part.var() for part in parts if len(part))

    best = min(within(threshold) for threshold in range(1, 256))
    assert within(otsu_threshold(grey)) == pytest.approx(best, rel=1e-3)


def test_otsu_of_an_image_of_one_grey_is_no_error() -> None:
    assert np.isfinite(otsu_threshold(np.full((4, 4), 7.0, np.float32)))


ALONG_THE_EDGE = """
import numpy as np
import torch
from seodang.families.segmentation.measures import outline_f

torch.set_flush_denormal(True)
mask = np.zeros((60, 100), np.uint8)
mask[:, 0] = mask[5:8, 90:93] = 1
print(outline_f(mask, mask, 2, 1.0).tolist())
"""


def test_outlines_along_the_first_column_where_denormals_are_flushed_as_in_training() -> None:
    """A tree of points at 0 parts them at a denormal number; in a process of its own, because it ended with that."""
    found = subprocess.run([sys.executable, "-c", ALONG_THE_EDGE], capture_output=True, text=True)
    assert (found.returncode, found.stdout.strip()) == (0, "[1.0, 1.0]")
