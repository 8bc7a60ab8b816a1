"""How the two networks learn from each other: who changes when, what the losses are, and what a penalty costs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seodang.core.device import choose_device
from seodang.families.gan.learner import RULES, GanLearner, ImageBatch
from seodang.families.gan.model import build_networks
from seodang.families.gan.objectives import NonSaturating, Relativistic, gradient_penalty
from seodang.families.gan.settings import GanSettings

MODELS = ("dense", "dcgan", "r3gan")
PREPROCESSING = {"size": 28, "channels": 1, "class_names": ["a", "b"], "class_counts": [1, 1]}


def learner(model: str, *, conditional: bool = False, frozen: bool = False, **changed: Any) -> GanLearner:
    torch.manual_seed(0)
    settings = GanSettings.from_flat({"model": model, "base_channels": 8, "conditional": conditional})
    device = choose_device("cpu", "f32", 1)
    networks = build_networks(settings, PREPROCESSING, device.torch)
    options = {"averaging": 0.9, "penalty": 1.0, "penalty_every": 2, "learning_rate": 1e-3, **changed}
    return GanLearner(
        networks, RULES[model], latent_dim=100, conditional=conditional, weight_decay=0.0, clip_norm=None, frozen=frozen,
        device=device, **options,
    )  # fmt: skip


def batch(count: int = 6) -> ImageBatch:
    random = torch.Generator().manual_seed(1)
    return ImageBatch(torch.rand(count, 1, 28, 28, generator=random) * 2 - 1, torch.arange(count) % 2)


def state(network: nn.Module) -> dict[str, bytes]:
    return {name: value.detach().numpy().tobytes() for name, value in network.state_dict().items()}


@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize("model", MODELS)
def test_in_the_step_of_one_network_every_byte_of_the_other_stays(model: str, conditional: bool) -> None:
    learning, images = learner(model, conditional=conditional), batch()
    learning.update(images)  # residual blocks begin with weights that are nought
    discriminator = state(learning.discriminator)
    fakes = learning.make(images)
    generator = state(learning.generator)
    learning.discriminator_step(images, fakes.detach())
    assert state(learning.generator) == generator
    after = state(learning.discriminator)
    cancelled = {"score.real.bias"} if model == "r3gan" else set()  # in pairs it is added to both scores
    assert {name for name in after if after[name] == discriminator[name]} == cancelled
    learning.generator_step(images, fakes)
    assert state(learning.discriminator) == after
    moved = state(learning.generator)
    assert all(moved[name] != generator[name] for name, _ in learning.generator.named_parameters())


@pytest.mark.parametrize("model", MODELS)
def test_a_frozen_discriminator_never_changes(model: str) -> None:
    learning, images = learner(model, frozen=True), batch()
    before = state(learning.discriminator)
    for _ in range(3):
        values = learning.update(images)
    assert state(learning.discriminator) == before
    assert set(learning.optimizers()) == {"generator"} and math.isfinite(float(values["discriminator_loss"]))


def test_the_average_follows_the_generator() -> None:
    learning, images = learner("r3gan"), batch()
    name, first = next(iter(learning.averaged.mean.named_parameters()))
    expected = first.detach().clone()
    for update in range(3):
        learning.update(images)
        kept = min(0.9, update / (update + 10))
        expected = kept * expected + (1 - kept) * dict(learning.generator.named_parameters())[name].detach()
    assert torch.allclose(dict(learning.averaged.mean.named_parameters())[name], expected, atol=1e-7)


def test_losses_worked_out_by_hand() -> None:
    real, fake = torch.tensor([0.0, 2.0]), torch.tensor([0.0, -1.0])

    def cost(x: float) -> float:
        return math.log1p(math.exp(x))

    plain, paired = NonSaturating(), Relativistic()
    assert float(plain.discriminator(real, fake)) == pytest.approx((cost(0) + cost(-2)) / 2 + (cost(0) + cost(-1)) / 2)
    assert float(plain.generator(real, fake)) == pytest.approx((cost(0) + cost(1)) / 2)
    assert float(paired.discriminator(real, fake)) == pytest.approx((cost(0) + cost(-3)) / 2)
    assert float(paired.generator(real, fake)) == pytest.approx((cost(0) + cost(3)) / 2)


@pytest.mark.parametrize(
    ("score", "slopes"),
    [
        (lambda images: 3 * images.sum((1, 2, 3)), lambda images: 9.0 * images[0].numel()),
        (lambda images: images.square().sum((1, 2, 3)) / 2, lambda images: float(images.square().sum() / len(images))),
    ],
)
def test_the_penalty_is_half_the_mean_squared_slope(
    score: Callable[[Tensor], Tensor], slopes: Callable[[Tensor], float]
) -> None:
    images = torch.randn(4, 1, 3, 3, requires_grad=True)
    assert gradient_penalty(score(images), images).item() == pytest.approx(slopes(images.detach()) / 2, rel=1e-5)


def test_the_penalty_is_due_every_other_step_and_counts_twice() -> None:
    learning, images = learner("r3gan"), batch()
    penalties = [float(learning.update(images)["penalty"]) for _ in range(4)]
    assert penalties[0] > 0 and penalties[1] == 0 and penalties[2] > 0 and penalties[3] == 0
    once, twice = (learner("r3gan", penalty_every=every).update(images)["penalty"] for every in (1, 2))
    assert float(twice) == pytest.approx(2 * float(once), rel=1e-5)


def test_a_conditional_discriminator_judges_the_class_too() -> None:
    learning, images = learner("r3gan", conditional=True), batch()
    for _ in range(3):
        learning.update(images)
    with torch.no_grad():
        scores = [learning.discriminator(images.images, torch.full((6,), number)) for number in (0, 1)]
    assert not torch.allclose(*scores)


def test_what_was_learned_counts_from_where_it_was_left() -> None:
    learning = learner("r3gan")
    for _ in range(3):
        learning.update(batch())
    other = learner("r3gan")
    other.load_state(learning.state())
    assert float(other.update(batch())["penalty"]) == 0  # the fourth update, like an uninterrupted one's
