"""The network: shapes, what the paper asks for, how far a pixel sees, and the same answer however images are cut."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from seodang.core.errors import ShapeError
from seodang.families.segmentation.unet import UNet, folded, level_channels


def lively(network: UNet) -> UNet:
    """A network in use whose normalisations do something."""
    torch.manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.3, 0.3)  # type: ignore[union-attr]
            module.running_var.uniform_(0.5, 2)  # type: ignore[union-attr]
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.2, 0.2)
    return network.eval()


def test_logits_have_the_size_of_the_image() -> None:
    network = UNet(3, 5, level_channels(4, 3))
    assert network(torch.zeros(2, 3, 24, 40)).shape == (2, 5, 24, 40)


def test_the_large_network_has_the_channels_asked_for() -> None:
    network = UNet(3, 1, level_channels(64, 4))
    assert network.channels == (64, 128, 256, 512)
    assert [module.out_channels for module in network.bottom if isinstance(module, nn.Conv2d)] == [512, 512]
    assert [lift.in_channels for lift in network.lift] == [128, 256, 512, 512]
    assert network.score.kernel_size == (1, 1)
    # By hand: each 3 x 3 convolution 9 * in * out, each normalisation 2 * out, lifts 4 * in * out + out, the score 64 + 1.
    pairs = [(3, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 512), (512, 512), (512, 512), (512, 512)]
    pairs += [(1024, 512), (512, 512), (512, 256), (256, 256), (256, 128), (128, 128), (128, 64), (64, 64)]
    lifts = [(512, 512), (512, 256), (256, 128), (128, 64)]
    expected = sum(9 * i * o + 2 * o for i, o in pairs) + sum(4 * i * o + o for i, o in lifts) + 65
    assert sum(parameter.numel() for parameter in network.parameters()) == expected


def test_sides_that_cannot_be_halved_are_refused() -> None:
    with pytest.raises(ShapeError, match="divisible by 8, got 20 x 24"):
        UNet(1, 1, level_channels(2, 3))(torch.zeros(1, 1, 20, 24))


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_no_logit_sees_further_than_the_receptive_radius_and_some_see_nearly_as_far(depth: int) -> None:
    torch.manual_seed(0)
    network = UNet(1, 1, level_channels(2, depth)).double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.abs_()  # nothing cancels, and no unit is dead
    network.eval()
    radius = network.receptive_radius
    side = (2 * radius // network.stride + 4) * network.stride
    seen = 0
    for middle in range(side // 2, side // 2 + network.stride):
        image = torch.ones(1, 1, network.stride * 4, side, dtype=torch.float64, requires_grad=True)
        network(image)[0, 0, 0, middle].backward()
        assert image.grad is not None
        columns = torch.nonzero(image.grad.abs().sum((0, 1, 2))).flatten()
        reach = max(middle - int(columns.min()), int(columns.max()) - middle)
        assert reach <= radius
        seen = max(seen, reach)
    assert seen >= radius - 2 * network.stride  # the bound is no wild guess


def test_folded_for_prediction_it_answers_the_same_without_normalisations() -> None:
    network = lively(UNet(3, 2, level_channels(4, 3))).to(memory_format=torch.channels_last)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    shorter, images = folded(network), torch.randn(2, 3, 24, 40)
    with torch.inference_mode():
        torch.testing.assert_close(shorter(images), network(images), rtol=1e-5, atol=1e-5)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in shorter.modules())
    assert not shorter.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_folding_leaves_a_network_that_is_being_trained_as_it_was() -> None:
    network = lively(UNet(3, 1, level_channels(4, 2))).train()
    folded(network)
    assert network.training
    assert sum(isinstance(module, nn.BatchNorm2d) for module in network.modules()) == 10
