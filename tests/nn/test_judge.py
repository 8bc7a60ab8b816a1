"""The judge: what it learns without labels, and that what it measures is nought for equals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from seodang.core.device import choose_device
from seodang.core.run import RunFolder
from seodang.core.trainer import Evaluated, fit
from seodang.nn.judge import FEATURES, JudgeNetwork, JudgeSource, as_network_reads, judge_work, look, perceptual_distance


def arrows(count: int, size: int = 16) -> torch.Tensor:
    """Images that are bright above and dark below, with noise."""
    random = np.random.default_rng(0)
    ramp = np.linspace(200, 40, size)[None, None, :, None] + np.zeros((count, 1, size, size))
    return torch.from_numpy(np.clip(ramp + random.normal(0, 20, ramp.shape), 0, 255).astype(np.uint8))


def test_it_learns_which_way_images_are_turned(tmp_path: Path) -> None:
    device = choose_device("cpu", "f32", 1)
    torch.manual_seed(0)
    network = JudgeNetwork(1, 4, 16, 8)
    learned, held_out = arrows(200), arrows(60)
    work = judge_work(network, (learned, None), (held_out, None), size=16, steps=20, epochs=2, seed=0, device=device)
    scores = [event for event in fit("judge", work, RunFolder.create(tmp_path, "x")) if isinstance(event, Evaluated)]
    assert scores[-1].values["accuracy"] > 0.95
    seen = look(network, held_out, device)
    assert seen.features.shape == (60, FEATURES) and (seen.classes == 0).mean() > 0.9  # upright


def test_turned_pieces_are_turned_by_as_many_quarters_as_their_class_says() -> None:
    image = torch.arange(16, dtype=torch.uint8).reshape(1, 1, 4, 4)
    source = JudgeSource(image, None, 4, 1, torch.device("cpu"))
    batch = source.batch(7)
    for piece, turns in zip(batch.images, batch.classes, strict=True):
        assert torch.equal(piece, as_network_reads(image[0].rot90(int(turns), (1, 2))[None])[0])
    assert len(batch.classes.unique()) == 4


def test_pieces_stay_inside_and_are_the_same_for_the_same_key() -> None:
    images = torch.randint(0, 256, (9, 3, 20, 31), dtype=torch.uint8)
    source = JudgeSource(images, torch.arange(9), 16, 5, torch.device("cpu"))
    one, other = source.batch(source.plan(1, 2)[3]), source.batch(source.plan(1, 2)[3])
    assert torch.equal(one.images, other.images) and one.images.shape == (128, 3, 16, 16)
    assert one.images.min() >= -1 and one.images.max() <= 1


def test_equal_images_are_no_distance_apart_and_the_distance_is_symmetric() -> None:
    torch.manual_seed(1)
    network = JudgeNetwork(3, 4, 32, 8).eval()
    one, other = torch.rand(2, 5, 3, 32, 32) * 2 - 1
    with torch.inference_mode():
        assert perceptual_distance(network, one, one).tolist() == [0.0] * 5
        there, back = perceptual_distance(network, one, other), perceptual_distance(network, other, one)
    assert there.shape == (5,) and torch.allclose(there, back) and bool((there > 0).all())


@pytest.mark.parametrize("size", [28, 32, 64, 128])
def test_the_last_level_is_small_for_every_size(size: int) -> None:
    network = JudgeNetwork(1, 10, size, 4).eval()
    maps = network.maps(torch.zeros(1, 1, size, size))
    assert maps[0].shape[-1] == size and maps[-1].shape[-1] == 4
