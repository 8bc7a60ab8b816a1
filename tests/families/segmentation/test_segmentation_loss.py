"""The loss, worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from seodang.families.segmentation.loss import dice_and_cross_entropy


def test_two_classes_by_hand() -> None:
    # Chances 0.5 and 0.75 of the foreground, truths 1 and 0.
    logits = torch.tensor([[[[0.0, math.log(3.0)]]]])
    classes = torch.tensor([[[1, 0]]], dtype=torch.uint8)
    entropy = (math.log(2.0) + math.log(4.0)) / 2
    dice = (2 * 0.5 + 1) / (0.5 + 0.75 + 1 + 1)
    assert dice_and_cross_entropy(logits, classes).item() == pytest.approx(entropy + 1 - dice, rel=1e-6)


def test_pieces_count_alike_however_little_of_a_class_they_show() -> None:
    logits = torch.zeros(2, 1, 1, 2)  # chances of one half everywhere
    classes = torch.tensor([[[1, 1]], [[0, 0]]], dtype=torch.uint8)
    dices = (2 * 1 + 1) / (1 + 2 + 1), 1 / (1 + 1)  # half of two pixels found; a pixel's worth seen where there is nothing
    assert dice_and_cross_entropy(logits, classes).item() == pytest.approx(math.log(2) + 1 - sum(dices) / 2, rel=1e-6)


def test_pixels_of_which_nothing_is_known_change_nothing() -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, 3, 4, 6)
    classes = torch.randint(0, 3, (2, 4, 6)).to(torch.uint8)
    whole = dice_and_cross_entropy(logits[:, :, :, :4], classes[:, :, :4])
    classes[:, :, 4:] = 255
    assert dice_and_cross_entropy(logits, classes).item() == pytest.approx(whole.item(), rel=1e-6)


def test_many_classes_equal_the_formula() -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, 4, 5, 7)
    classes = torch.randint(0, 4, (2, 5, 7))
    chances = logits.softmax(1)
    dices = []
    for one in range(1, 4):
        truth = (classes == one).float()
        overlap, both = (chances[:, one] * truth).sum((1, 2)), chances[:, one].sum((1, 2)) + truth.sum((1, 2))
        dices.append((2 * overlap + 1) / (both + 1))
    expected = functional.cross_entropy(logits, classes) + 1 - torch.stack(dices).mean()
    assert dice_and_cross_entropy(logits, classes.to(torch.uint8)).item() == pytest.approx(expected.item(), rel=1e-6)


def test_weights_count_as_those_of_pytorch_do() -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, 3, 5, 7)
    classes, weights = torch.randint(0, 3, (2, 5, 7)), torch.tensor([0.5, 1.0, 3.0])
    plain = dice_and_cross_entropy(logits, classes.to(torch.uint8)) - functional.cross_entropy(logits, classes)
    weighted = functional.cross_entropy(logits, classes, weights) * weights[classes].sum() / weights[classes].sum()
    found = dice_and_cross_entropy(logits, classes.to(torch.uint8), weights)
    assert (found - plain).item() == pytest.approx(weighted.item(), rel=1e-5)


def test_a_batch_without_a_known_pixel_has_a_finite_loss_and_gradient() -> None:
    logits = torch.zeros(1, 1, 2, 2, requires_grad=True)
    loss = dice_and_cross_entropy(logits, torch.full((1, 2, 2), 255, dtype=torch.uint8))
    loss.backward()
    assert math.isfinite(loss.item()) and logits.grad is not None and torch.isfinite(logits.grad).all()


def test_a_perfect_answer_costs_next_to_nothing() -> None:
    classes = torch.tensor([[[0, 1], [1, 0]]], dtype=torch.uint8)
    logits = torch.where(classes.unsqueeze(1) == 1, 30.0, -30.0)
    assert dice_and_cross_entropy(logits, classes).item() < 1e-6
