"""The networks: their parts against PyTorch's, and whether anything of the grid they compute on shows in what they make."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from seodang.core.errors import ShapeError
from seodang.families.translation.discriminator import PatchDiscriminator
from seodang.families.translation.layers import Doubled, DrawnDoubled, InstanceNorm, MatrixConvolution
from seodang.families.translation.resnet import TranslationResNet
from seodang.families.translation.unet import TranslationUNet, level_channels

BAND = 3  # frequencies beside the highest that are its neighbours


def at_the_grid(images: Tensor) -> float:
    """Power at the frequency of every other pixel, across and down, as a multiple of the power beside it.

    A pattern of period 2, as doubling with a stride of 2 leaves, is a line at the highest frequency of each axis.

    Args: images: (images, channels, side, side), side even.
    """
    middle = images - images.mean((2, 3), keepdim=True)
    window = torch.hann_window(
        images.shape[-1], periodic=False, dtype=torch.float64
    )  # or edges would leak into all frequencies
    power = torch.fft.fft2(middle.double() * window * window[:, None]).abs().square().mean((0, 1))
    half = images.shape[-1] // 2
    # The line itself with what the window spreads of it, away from the corner where both axes are slow.
    slow = torch.arange(2, half - BAND - 4)
    line = power[half, slow].mean() + power[slow, half].mean()
    beside = torch.stack([power[half - 3 - k, slow].mean() + power[slow, half - 3 - k].mean() for k in range(BAND)]).mean()
    return float(line / beside)


class Transposed(nn.ConvTranspose2d):
    """What pix2pix doubles with."""

    def __init__(self, in_channels: int, out_channels: int, *, bias: bool) -> None:
        super().__init__(in_channels, out_channels, 4, stride=2, padding=1, bias=bias)
        nn.init.normal_(self.weight, std=0.02)


class Alone(nn.Module):
    """A way of doubling that draws an image out of smooth features, and nothing else."""

    def __init__(self, doubled: Callable[..., nn.Module]) -> None:
        super().__init__()
        self.first, self.last = doubled(16, 16, bias=False), doubled(16, 3, bias=True)

    def forward(self, features: Tensor) -> Tensor:
        drawn: Tensor = self.last(functional.relu(self.first(features)))
        return drawn


def smooth(count: int, channels: int, side: int, seed: int = 0) -> Tensor:
    noise = torch.randn(count, channels, side // 8 + 1, side // 8 + 1, generator=torch.Generator().manual_seed(seed))
    return functional.interpolate(noise, (side, side), mode="bicubic", align_corners=True)


def learned(network: nn.Module, features: Tensor, targets: Tensor, steps: int) -> Tensor:
    """What a network makes once it has learned for some steps."""
    adam = torch.optim.Adam(network.parameters(), lr=2e-3)
    for _ in range(steps):
        adam.zero_grad()
        functional.l1_loss(network(features), targets).backward()
        adam.step()
    with torch.no_grad():
        return network(features)


@pytest.mark.parametrize("steps", [0, 40])
def test_doubling_leaves_no_checkerboard_and_a_transposed_convolution_does(steps: int) -> None:
    torch.manual_seed(0)
    random = torch.Generator().manual_seed(0)
    features = torch.rand(4, 16, 16, 16, generator=random)  # of all frequencies, as those of a network are
    targets = functional.avg_pool2d(torch.rand(4, 3, 66, 66, generator=random) * 2 - 1, 3, 1)
    ours = at_the_grid(learned(Alone(Doubled), features, targets, steps))
    theirs = at_the_grid(learned(Alone(Transposed), features, targets, steps))
    assert ours < 0.1
    assert theirs > 2.0


def test_what_is_flat_stays_flat_when_doubled_and_does_not_in_a_transposed_convolution() -> None:
    torch.manual_seed(0)
    flat = torch.ones(1, 8, 8, 8)
    inner = slice(2, -2)  # at the edges there is black beyond
    ours, theirs = (layer(8, 1, bias=False)(flat)[0, 0, inner, inner].std().item() for layer in (Doubled, Transposed))
    assert ours < 1e-6
    assert theirs > 1e-2


@pytest.mark.parametrize("steps", [0, 25])
def test_generators_leave_no_checkerboard(steps: int) -> None:
    sources, targets = smooth(4, 3, 64).clamp(-1, 1), smooth(4, 3, 64, seed=1).clamp(-1, 1)
    for network in (TranslationUNet(3, 3, level_channels(8, 3)), TranslationResNet(3, 3, 8, 2)):
        torch.manual_seed(0)
        assert at_the_grid(learned(network.eval(), sources, targets, steps)) < 1.0


def test_what_is_drawn_before_doubling_is_what_would_be_drawn_after() -> None:
    torch.manual_seed(0)
    drawn, doubled = DrawnDoubled(5, 3), Doubled(5, 3, bias=True)
    doubled.convolution.load_state_dict(drawn.state_dict())
    images = torch.randn(2, 5, 6, 7, requires_grad=True)
    found, expected = drawn(images), doubled(images)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    weights = torch.randn(found.shape)
    gradients = [
        torch.autograd.grad((answer * weights).sum(), (images, *layer.parameters()), retain_graph=True)
        for answer, layer in ((found, drawn), (expected, doubled))
    ]
    torch.testing.assert_close(*gradients, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("kernel", "stride", "bias"), [(4, 2, True), (3, 1, False)])
def test_a_convolution_of_small_maps_is_that_of_torch_with_its_gradient(kernel: int, stride: int, bias: bool) -> None:
    torch.manual_seed(0)
    layer = MatrixConvolution(5, 7, kernel, stride=stride, padding=1, bias=bias)
    images = torch.randn(2, 5, 8, 6).to(memory_format=torch.channels_last).requires_grad_()
    found = []
    for mode in (True, False):
        answer = layer.train(mode)(images)
        expected = functional.conv2d(
            images, layer.pieces.weight.view(7, 5, kernel, kernel), layer.pieces.bias, stride=stride, padding=1
        )
        torch.testing.assert_close(answer, expected, atol=1e-5, rtol=1e-5)
        found.append(torch.autograd.grad(answer.square().sum(), (images, *layer.parameters())))
    torch.testing.assert_close(*found, atol=1e-4, rtol=1e-4)


def test_doubling_repeats_pixels_then_convolves() -> None:
    layer = Doubled(1, 1, bias=False)
    nn.init.zeros_(layer.convolution.weight)
    layer.convolution.weight.data[0, 0, 1, 1] = 1.0
    found = layer(torch.tensor([[[[1.0, 2.0]]]]))
    assert found.tolist() == [[[[1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 2.0, 2.0]]]]


@pytest.mark.parametrize("bias", [True, False])
def test_doubling_and_convolving_at_once_is_the_same_with_its_gradient(bias: bool) -> None:
    torch.manual_seed(0)
    layer = Doubled(3, 5, bias=bias)
    images = torch.randn(2, 3, 8, 6).to(memory_format=torch.channels_last).requires_grad_()
    weights = torch.randn(2, 5, 16, 12)
    found = []
    for mode in (True, False):  # at once while training, one after the other otherwise
        answer = layer.train(mode)(images)
        found.append((answer, *torch.autograd.grad((answer * weights).sum(), (images, *layer.parameters()))))
    torch.testing.assert_close(*found, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("count", [1, 3])
def test_instance_normalisation_is_that_of_torch_with_its_gradient(count: int) -> None:
    found, expected = InstanceNorm().train(), InstanceNorm().eval()
    drawn = torch.randn(count, 5, 6, 7, generator=torch.Generator().manual_seed(0))
    gradients = []
    for layer in (found, expected):
        images = drawn.clone().to(memory_format=torch.channels_last).requires_grad_()
        normalised = layer(images)
        (normalised**3).sum().backward()
        gradients.append((normalised.detach(), images.grad))
    # Both add up in float32, in another order.
    torch.testing.assert_close(gradients[0], gradients[1], atol=1e-5, rtol=1e-4)


def test_an_image_does_not_depend_on_those_beside_it() -> None:
    torch.manual_seed(0)
    images = torch.randn(3, 3, 32, 32)
    for network in (TranslationUNet(3, 2, (4, 8, 8)), TranslationResNet(3, 2, 4, 2), PatchDiscriminator(3, 4, 2)):
        for mode in (True, False):
            network.train(mode)
            together = network(images)
            alone = torch.cat([network(one[None]) for one in images])
            torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("size", [(8, 8), (16, 24), (40, 64)])
def test_generators_keep_the_size_and_stay_within_light(size: tuple[int, int]) -> None:
    sources = torch.randn(2, 1, *size)
    for network in (TranslationUNet(1, 4, level_channels(4, 3)), TranslationResNet(1, 4, 4, 1)):
        answer = network.eval()(sources)
        assert answer.shape == (2, 4, *size)
        assert answer.abs().max() <= 1


def test_sizes_that_cannot_be_halved_are_refused() -> None:
    with pytest.raises(ShapeError, match="height and width must be divisible by 8, got 20 x 24"):
        TranslationUNet(3, 3, (4, 4, 4))(torch.zeros(1, 3, 20, 24))
    with pytest.raises(ShapeError, match="height and width must be divisible by 4, got 18 x 24"):
        TranslationResNet(3, 3, 4, 1)(torch.zeros(1, 3, 18, 24))


def test_a_single_level_and_a_bottom_of_one_pixel_will_do() -> None:
    assert TranslationUNet(3, 3, (4,)).train()(torch.randn(2, 3, 8, 8)).shape == (2, 3, 8, 8)
    network = TranslationUNet(3, 3, level_channels(4, 4)).train()
    answer = network(torch.randn(1, 3, 16, 16))
    answer.sum().backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in network.parameters())


def test_the_unet_sees_every_level_and_the_image_itself() -> None:
    """Whatever is set to 0 on the way, the answer changes."""
    torch.manual_seed(0)
    network = TranslationUNet(2, 3, level_channels(4, 3)).eval()
    for parameter in network.parameters():  # larger than as drawn, so that all levels can be told from rounding
        parameter.data.mul_(5)
    sources = torch.randn(1, 2, 32, 32)
    plain = network(sources)
    for layer in (*network.down, *network.up):
        hook = layer.register_forward_hook(lambda _, __, output: torch.zeros_like(output))
        assert (network(sources) - plain).abs().max() > 1e-4
        hook.remove()
    moved = sources.clone()
    moved[0, 0, 5, 5] += 1
    assert (network(moved) - plain)[0, :, 5, 5].abs().max() > 1e-3


def test_dropout_is_for_training_alone() -> None:
    torch.manual_seed(0)
    network = TranslationUNet(3, 3, level_channels(8, 3), 0.5)
    sources = torch.randn(1, 3, 32, 32)
    assert not torch.equal(network.train()(sources), network(sources))
    assert torch.equal(network.eval()(sources), network(sources))


@pytest.mark.parametrize(("halvings", "expected"), [(3, 70), (2, 34), (1, 16)])
def test_pieces_of_the_discriminator_are_as_large_as_said(halvings: int, expected: int) -> None:
    """How far around a place the image still moves its answer."""
    torch.manual_seed(0)
    network = PatchDiscriminator(1, 4, halvings)
    network.normalise = nn.Identity()  # which looks at the whole image
    image = torch.randn(1, 1, 160, 160, requires_grad=True)
    judged = network(image)
    row = judged.shape[2] // 2
    judged[0, 0, row, row].backward()
    assert image.grad is not None
    rows = np.flatnonzero(image.grad[0, 0].abs().sum(1).numpy())
    assert rows[-1] - rows[0] + 1 == expected


def test_what_is_compared_is_what_was_seen_on_the_way() -> None:
    network = TranslationResNet(3, 3, 4, 6).eval()
    sources = torch.randn(2, 3, 32, 32)
    answer, seen = network.translate(sources)
    torch.testing.assert_close(answer, network(sources))
    for one, other in zip(seen, network.encode(sources), strict=True):
        torch.testing.assert_close(one, other)
    assert tuple(one.shape[1] for one in seen) == network.seen_channels == (3, 4, 8, 16, 16, 16)
