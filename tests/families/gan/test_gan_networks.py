"""Shapes of all networks at all sizes, and that a class changes what is made."""

from __future__ import annotations

from itertools import product

import pytest
import torch

from seodang.families.gan.data import SIZES
from seodang.families.gan.model import build_networks
from seodang.families.gan.networks import level_channels
from seodang.families.gan.r3gan import Residual, softly_cut
from seodang.families.gan.settings import GanSettings


@pytest.mark.parametrize(("model", "size"), [*product(("r3gan", "dcgan"), SIZES), ("dense", 28), ("dense", 64)])
@pytest.mark.parametrize("channels", [1, 3])
def test_images_have_the_size_and_scores_are_one_an_image(model: str, size: int, channels: int) -> None:
    settings = GanSettings.from_flat({"model": model, "base_channels": 4, "latent_dim": 7})
    preprocessing = {"size": size, "channels": channels, "class_names": []}
    generator, discriminator = build_networks(settings, preprocessing, torch.device("cpu"))
    images = generator(torch.randn(3, 7))
    assert images.shape == (3, channels, size, size)
    assert discriminator(images).shape == (3,)


@pytest.mark.parametrize("model", ["dense", "dcgan", "r3gan"])
def test_the_same_noise_makes_another_image_of_another_class(model: str) -> None:
    torch.manual_seed(0)
    settings = GanSettings.from_flat({"model": model, "base_channels": 8, "conditional": True})
    preprocessing = {"size": 28, "channels": 1, "class_names": ["a", "b", "c"]}
    generator, discriminator = (network.eval() for network in build_networks(settings, preprocessing, torch.device("cpu")))
    latents = torch.randn(1, 100).expand(3, -1)
    images = generator(latents, torch.arange(3))
    assert len({image.detach().numpy().tobytes() for image in images}) == 3
    assert discriminator(images, torch.arange(3)).shape == (3,)


def test_a_residual_block_adds_nothing_at_the_start() -> None:
    images = torch.randn(2, 8, 5, 5)
    assert torch.equal(Residual(8)(images), images)


def test_levels_end_where_an_image_is_small() -> None:
    assert level_channels(28, 32) == [32, 64]
    assert level_channels(32, 32) == [32, 64, 128]
    assert level_channels(128, 64) == [64, 128, 256, 512, 512]
    assert level_channels(100, 32) == [32, 64]  # to 25 pixels, which are odd


def test_a_tenth_of_what_lies_beyond_black_and_white_stays_and_learns() -> None:
    drawn = torch.tensor([-3.0, -1.0, -0.25, 0.5, 1.5], requires_grad=True)
    images = softly_cut(drawn)
    assert images.tolist() == pytest.approx([-1.2, -1.0, -0.25, 0.5, 1.05])
    images.sum().backward()
    assert drawn.grad is not None and drawn.grad[[0, 2, 3, 4]].tolist() == pytest.approx([0.1, 1.0, 1.0, 0.1])
