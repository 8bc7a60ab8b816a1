"""Averaged weights, step by step against their formula."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from seodang.nn.averaging import Averaged


def test_the_average_looks_back_a_tenth_of_the_way_and_later_as_far_as_asked() -> None:
    network = nn.Linear(1, 1, bias=False)
    averaged = Averaged(network, 0.9, every=10)
    expected = float("nan")
    for step in range(1, 2001):
        network.weight.data.fill_(float(step))
        averaged.count()
        looks = step // 10
        if step % 10 == 0:
            share = min(0.9, (looks - 1) / (looks + 9))
            expected = step if looks == 1 else share * expected + (1 - share) * step
            assert averaged.mean.weight.item() == pytest.approx(expected, rel=1e-5)
    assert share == 0.9 and not averaged.mean.weight.requires_grad


def test_between_two_looks_nothing_changes_and_without_keeping_it_is_the_network() -> None:
    network = nn.Linear(2, 2)
    often, seldom = Averaged(network, 0.0), Averaged(network, 0.0, every=5)
    for _ in range(5):
        seldom.count()
    before = seldom.mean.weight.clone()
    with torch.no_grad():
        network.weight.add_(1)
    often.count()
    seldom.count()
    assert torch.equal(often.mean.weight, network.weight) and torch.equal(seldom.mean.weight, before)


def test_before_the_first_look_that_is_due_each_step_counts() -> None:
    network = nn.Linear(1, 1, bias=False)
    seldom = Averaged(network, 0.99, every=10)
    expected = 0.0
    for step in range(1, 10):
        network.weight.data.fill_(float(step))
        seldom.count()
        share = (step - 1) / (step + 9)
        expected = share * expected + (1 - share) * step
        assert seldom.mean.weight.item() == pytest.approx(expected, rel=1e-5)
    network.weight.data.fill_(50.0)
    seldom.count()
    assert seldom.mean.weight.item() == 50.0  # from here on as if the steps before had not been looked at


def test_statistics_of_batch_normalisation_are_taken_as_they_are() -> None:
    network = nn.BatchNorm1d(3)
    averaged = Averaged(network, 0.99)
    network(torch.randn(20, 3) + 5)
    averaged.count()
    assert torch.equal(averaged.mean.running_mean, network.running_mean) and not averaged.mean.training
