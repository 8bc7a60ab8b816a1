"""How well pieces are segmented, by hand."""

from __future__ import annotations

import pytest
import torch

from seodang.families.segmentation.difficulty import FIRST_DICE, FOLLOWING, Difficulty, piece_dice


def test_dice_of_two_classes_by_hand() -> None:
    logits = torch.tensor([[[[2.0, 1.0, -1.0]]], [[[-1.0, -1.0, -1.0]]], [[[-1.0, 3.0, -1.0]]]])
    classes = torch.tensor([[[1, 0, 1]], [[0, 0, 0]], [[0, 0, 0]]], dtype=torch.uint8)
    # One of two found and one wrong; nothing there and nothing seen; one seen where there is none. One pixel is added to both.
    assert piece_dice(logits, classes).tolist() == pytest.approx([(2 + 1) / (4 + 1), 1.0, 1 / 2])


def test_dice_of_many_classes_is_the_mean_of_those_there_or_seen() -> None:
    found = torch.tensor([[[1, 1, 2, 0]], [[0, 0, 0, 0]]])
    logits = torch.nn.functional.one_hot(found, 4).permute(0, 3, 1, 2).float()
    classes = torch.tensor([[[1, 0, 0, 0]], [[0, 0, 0, 3]]], dtype=torch.uint8)
    assert piece_dice(logits, classes).tolist() == pytest.approx([((2 + 1) / (3 + 1) + 1 / (1 + 1)) / 2, 1 / (1 + 1)])


def test_pixels_of_which_nothing_is_known_do_not_count() -> None:
    logits = torch.full((1, 1, 1, 3), 1.0)
    assert piece_dice(logits, torch.tensor([[[1, 255, 255]]], dtype=torch.uint8)).item() == 1.0
    assert piece_dice(logits, torch.full((1, 1, 3), 255, dtype=torch.uint8)).item() == 1.0


def test_an_image_follows_its_pieces() -> None:
    difficulty = Difficulty(3, 1.0, torch.device("cpu"))
    difficulty.note(torch.tensor([2, 0]), torch.tensor([1.0, 0.0]))
    step = FOLLOWING * 0.5
    assert difficulty.dice.tolist() == pytest.approx([FIRST_DICE - step, FIRST_DICE, FIRST_DICE + step])


def test_without_power_all_come_alike() -> None:
    difficulty = Difficulty(4, 0.0, torch.device("cpu"))
    difficulty.note(torch.arange(4), torch.tensor([0.0, 0.1, 0.9, 1.0]))
    assert difficulty.often(1).tolist() == [1.0] * 4


def test_when_nothing_is_missed_all_come_and_none_is_lost() -> None:
    difficulty = Difficulty(2, 1.0, torch.device("cpu"))
    for _ in range(200):
        difficulty.note(torch.arange(2), torch.ones(2))
    often = difficulty.often(1)
    assert (often > 0).all() and often[0] == often[1]
