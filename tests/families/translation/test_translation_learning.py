"""How both generators learn: losses by hand, whose bytes move when, what is averaged, and that something is learned."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seodang.core.device import Device
from seodang.core.step import NonFiniteError
from seodang.families.translation.adversarial import Rates, fooling_loss, still, telling_loss
from seodang.families.translation.batches import ImageBatch
from seodang.families.translation.contrast import PieceHeads, contrast_loss, draw_places
from seodang.families.translation.discriminator import PatchDiscriminator
from seodang.families.translation.paired import PairedLearner
from seodang.families.translation.resnet import TranslationResNet
from seodang.families.translation.unet import TranslationUNet
from seodang.families.translation.unpaired import UnpairedLearner

AnyLearner = PairedLearner | UnpairedLearner
DEVICE = Device("cpu", "f32", 1, "a test")


def rates(learning_rate: float) -> Rates:
    return Rates(learning_rate, weight_decay=0.0, clip_norm=None, adversarial_weight=1.0)


def paired(learning_rate: float = 1e-3, l1_weight: float = 100.0) -> PairedLearner:
    torch.manual_seed(0)
    networks = TranslationUNet(3, 3, (8, 16, 16), 0.5), PatchDiscriminator(6, 8, 1)
    return PairedLearner(*networks, torch.zeros(3, 32, 32), rates(learning_rate), DEVICE, l1_weight=l1_weight)


def unpaired(learning_rate: float = 1e-3) -> UnpairedLearner:
    torch.manual_seed(0)
    networks = TranslationResNet(3, 3, 4, 2), PatchDiscriminator(3, 8, 1)
    return UnpairedLearner(*networks, torch.zeros(3, 32, 32), rates(learning_rate), DEVICE, contrast_weight=1.0)


BOTH = pytest.mark.parametrize("make", [paired, unpaired])


def batch(count: int = 2, seed: int = 0) -> ImageBatch:
    drawn = torch.rand(2, count, 3, 32, 32, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return ImageBatch(*drawn)


def bytes_of(module: nn.Module) -> dict[str, bytes]:
    return {name: value.detach().numpy().tobytes() for name, value in module.state_dict().items()}


class Fixed(nn.Module):
    """A discriminator that finds every piece of an image as real as its first pixel is bright."""

    def forward(self, images: Tensor) -> Tensor:
        return images[:, :1, :1, :1]


def test_the_game_by_hand() -> None:
    real, made = torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 4, 4)
    real[:, 0, 0, 0] = torch.tensor([1.0, 0.5])
    made[:, 0, 0, 0] = torch.tensor([0.0, 1.0])
    judge: Any = Fixed()
    # The chance given to the truth is 1 / (1 + exp(-logit)) for real ones, 1 / (1 + exp(logit)) for made ones.
    of_real = (math.log(1 + math.exp(-1.0)) + math.log(1 + math.exp(-0.5))) / 2
    of_made = (math.log(2) + math.log(1 + math.exp(1.0))) / 2
    assert telling_loss(judge, real, made).item() == pytest.approx((of_real + of_made) / 2)
    assert fooling_loss(judge, made).item() == pytest.approx((math.log(2) + math.log(1 + math.exp(-1.0))) / 2)


def test_contrast_by_hand() -> None:
    corners = torch.eye(3)[None]
    likely = math.exp(1 / 0.07)
    assert contrast_loss([corners], [corners]).item() == pytest.approx(-math.log(likely / (likely + 2)), abs=1e-5)
    crossed = corners[:, [1, 0, 2]]
    right, wrong = -math.log(likely / (likely + 2)), -math.log(1 / (likely + 2))
    assert contrast_loss([crossed], [corners]).item() == pytest.approx((right + 2 * wrong) / 3, rel=1e-5)


def test_pieces_come_from_where_they_were_asked_for() -> None:
    torch.manual_seed(0)
    heads = PieceHeads([4])
    seen = torch.randn(2, 4, 5, 6)
    (found,) = heads([seen], [torch.tensor([0, 13])])
    expected = torch.stack([seen[:, :, 0, 0], seen[:, :, 2, 1]], 1)
    expected = nn.functional.normalize(heads.heads[0](expected), dim=2)
    torch.testing.assert_close(found, expected)
    (places,) = draw_places([seen])
    assert sorted(places.tolist()) == list(range(30))


def test_sources_get_no_gradient_from_being_known() -> None:
    asked, known = (torch.randn(1, 3, 4, requires_grad=True) for _ in range(2))
    contrast_loss([asked], [known]).backward()
    assert asked.grad is not None and known.grad is None


@BOTH
def test_each_step_moves_its_own_network_and_leaves_the_other_as_it_is(
    make: Callable[[], AnyLearner], monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = make()
    seen: list[dict[str, dict[str, bytes]]] = []
    descend = learner.stepper.descend

    def watched(*arguments: Any) -> Tensor:
        value = descend(*arguments)
        seen.append({name: bytes_of(module) for name, module in learner.modules().items()})
        return value

    monkeypatch.setattr(learner.stepper, "descend", watched)
    before = {name: bytes_of(module) for name, module in learner.modules().items()}
    learner.update(batch())
    after_discriminator, after_generator = seen
    assert after_discriminator["generator"] == before["generator"]
    assert after_generator["discriminator"] == after_discriminator["discriminator"]
    for name, value in before["discriminator"].items():
        assert after_discriminator["discriminator"][name] != value, name
    own = ["generator", *(["heads"] if "heads" in before else [])]
    for module in own:
        assert after_discriminator[module] == before[module]
        for name, value in before[module].items():
            assert after_generator[module][name] != value, name
    assert all(parameter.requires_grad for parameter in learner.discriminator.parameters())


@BOTH
def test_the_generator_computes_its_answers_once(make: Callable[[], AnyLearner]) -> None:
    learner = make()
    calls: list[int] = []
    learner.generator.draw.register_forward_hook(lambda *_: calls.append(1))
    learner.update(batch())
    assert len(calls) == 1


def test_the_losses_are_those_of_the_formula() -> None:
    learner, images = paired(), batch()
    learner.generator.dropout = 0.0
    with torch.no_grad():
        made = learner.generator.train()(images.sources)
        l1 = (made - images.targets).abs().mean()
        real, fake = (torch.cat([images.sources, one], 1) for one in (images.targets, made))
        judged = telling_loss(learner.discriminator, real, fake)
    values = learner.update(images)
    assert values["discriminator_loss"].item() == pytest.approx(judged.item(), rel=1e-5)
    assert values["l1"].item() == pytest.approx(l1.item() / 2, rel=1e-5)
    assert values["generator_loss"].item() > 100 * l1.item()


def test_a_discriminator_that_is_kept_still_passes_gradients_on() -> None:
    network, images = PatchDiscriminator(3, 4, 1), torch.randn(1, 3, 16, 16, requires_grad=True)
    with pytest.raises(ZeroDivisionError), still(network):
        fooling_loss(network, images).backward()
        raise ZeroDivisionError
    assert images.grad is not None and images.grad.abs().sum() > 0
    assert all(parameter.grad is None and parameter.requires_grad for parameter in network.parameters())


@BOTH
def test_what_is_not_finite_is_named_and_changes_nothing(make: Callable[[], AnyLearner]) -> None:
    learner = make()
    learner.generator.draw.weight.data[0] = math.nan
    before = bytes_of(learner.discriminator)
    with pytest.raises(NonFiniteError, match="the output of layer generator"):
        learner.update(batch())
    assert bytes_of(learner.discriminator) == before
    learner.generator.draw.weight.data[0] = 0.0
    assert all(value.isfinite() for value in learner.update(batch()).values())


@BOTH
def test_a_state_goes_on_where_it_was_taken(make: Callable[[], AnyLearner]) -> None:
    learner = make()
    for _ in range(3):
        learner.update(batch())
    other = make()
    other.load_state(learner.state())
    assert other.averaged.steps == 3


@BOTH
def test_what_predicts_has_learned_from_the_first_step_on(make: Callable[[], AnyLearner]) -> None:
    learner = make()
    untrained = bytes_of(learner.averaged.mean)
    learner.update(batch())
    assert bytes_of(learner.averaged.mean) == bytes_of(learner.generator) != untrained


def test_a_translation_of_colours_is_learned_from_pairs() -> None:
    """Answers to new images: targets are sources with red and blue swapped."""
    learner = paired(2e-3)
    for step in range(60):
        torch.manual_seed(step)
        sources = torch.randn(4, 3, 4, 4).clamp(-1, 1).repeat_interleave(8, 2).repeat_interleave(8, 3)
        values = learner.update(ImageBatch(sources, sources.flip(1)))
    new = torch.randn(2, 3, 4, 4).clamp(-1, 1).repeat_interleave(8, 2).repeat_interleave(8, 3)
    with torch.no_grad():
        answer = learner.generator.eval()(new)
    assert values["l1"] < 0.2
    assert (answer - new.flip(1)).abs().mean() < 0.7 * (new - new.flip(1)).abs().mean()


def test_light_is_learned_without_pairs() -> None:
    """Sources are dark, targets bright; answers become bright, though no source has a target of its own."""
    learner = unpaired(2e-3)
    for step in range(30):
        torch.manual_seed(step)
        shapes = torch.rand(2, 2, 3, 4, 4).repeat_interleave(8, 3).repeat_interleave(8, 4) * 0.6
        learner.update(ImageBatch(shapes[0] - 0.9, shapes[1] + 0.3))
    new = torch.rand(2, 3, 4, 4).repeat_interleave(8, 2).repeat_interleave(8, 3) * 0.6 - 0.9
    with torch.no_grad():
        answer = learner.generator.eval()(new)
    assert new.mean() < -0.5
    assert answer.mean() > 0
