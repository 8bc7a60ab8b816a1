"""Networks that read images: what their pixels count, and how finely actions are told apart where bf16 computes."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import conv2d, relu

from seodang.core.device import choose_device
from seodang.families.agents.algorithms.passes import PolicyPass, ValuesPass
from seodang.families.agents.environments.spaces import Observations, ObservationShape
from seodang.families.agents.model import ActionValues, ActorCritic, ImageFeatures

SHAPE = ObservationShape(2, ("a", "b"), 4, 44, 40)
ROWS, ACTIONS = 64, 4


def observations() -> Observations:
    random = np.random.default_rng(0)
    return Observations(
        random.normal(size=(ROWS, 2)).astype(np.float32), random.integers(0, 256, (ROWS, *SHAPE.image), np.uint8)
    )


def test_pixels_count_from_0_to_1() -> None:
    torch.manual_seed(0)
    features, seen = ImageFeatures(SHAPE), observations()
    images = torch.from_numpy(seen.images) / 255
    for place, step in ((0, 4), (2, 2), (4, 1)):
        layer = features.convolutions[place]
        images = relu(conv2d(images, layer.weight, layer.bias, step))  # type: ignore[arg-type]
    expected = torch.cat([features.dense(images.permute(0, 2, 3, 1).flatten(1)), torch.from_numpy(seen.vectors)], 1)
    found = features(torch.from_numpy(seen.vectors), torch.from_numpy(seen.images))
    assert torch.allclose(found, expected, atol=1e-5)


def test_actions_that_are_worth_nearly_the_same_are_told_apart_in_bf16() -> None:
    torch.manual_seed(1)
    network, seen = ActionValues(SHAPE, (), ACTIONS), observations()
    with torch.no_grad():
        network.values[-1].weight.mul_(0.02)  # type: ignore[union-attr, operator]
        network.values[-1].bias.fill_(2.0)  # type: ignore[union-attr, operator]
    exact, found = (ValuesPass(network, choose_device("cpu", kind, 1)).values_of(seen) for kind in ("f32", "bf16"))
    assert spread(exact) < 0.0156, "this asks for no more than bf16 tells apart by itself"
    assert np.abs(beside(found) - beside(exact)).max() < 0.1 * spread(exact)


def test_values_are_finer_than_bf16() -> None:
    torch.manual_seed(2)
    network, seen = ActorCritic(SHAPE, (), ACTIONS, continuous=False), observations()
    with torch.no_grad():
        network.value[-1].bias.fill_(2.0)  # type: ignore[union-attr, operator]
    values = PolicyPass(network, choose_device("cpu", "bf16", 1)).values_of(seen)
    assert len(np.unique(values)) == ROWS
    assert not np.array_equal(values, torch.from_numpy(values).bfloat16().float().numpy())


def beside(worths: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each action beside the others of its state."""
    found: NDArray[np.float32] = worths - worths.mean(1, keepdims=True)
    return found


def spread(worths: NDArray[np.float32]) -> float:
    """Of the actions of a state, on average."""
    return float(worths.std(1).mean())
