"""Dropout against what it promises."""

from __future__ import annotations

import pytest
import torch

from seodang.nn.dropout import Dropout


def test_dropout_keeps_the_mean_and_follows_the_seed() -> None:
    layer, ones = Dropout(0.2), torch.ones(1000, 999, requires_grad=True)
    torch.manual_seed(3)
    dropped = layer(ones)
    assert dropped.mean().item() == pytest.approx(1, abs=0.002)
    assert (dropped == 0).float().mean().item() == pytest.approx(0.2, abs=0.002)
    dropped.sum().backward()
    assert ones.grad is not None and torch.equal(ones.grad, dropped.detach())
    torch.manual_seed(3)
    assert torch.equal(layer(ones), dropped)
    assert not torch.equal(layer(ones), dropped)
    assert layer.eval()(ones) is ones
