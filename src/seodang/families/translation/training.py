"""The last stage of training, and what is built for it and for prediction alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from seodang.core.device import Device
from seodang.core.family import StageContext
from seodang.core.learner import Budget, Work
from seodang.families.translation.adversarial import Rates
from seodang.families.translation.batches import Straying, TranslationSource
from seodang.families.translation.data import Part, TranslationData
from seodang.families.translation.discriminator import PatchDiscriminator
from seodang.families.translation.judges import CHOOSING, Judge, trained_judge
from seodang.families.translation.paired import PairedLearner
from seodang.families.translation.pixels import Kind, as_numbers
from seodang.families.translation.prediction import Translator, network_answers
from seodang.families.translation.resnet import TranslationResNet
from seodang.families.translation.settings import TranslationSettings
from seodang.families.translation.unet import TranslationUNet, level_channels
from seodang.families.translation.unpaired import UnpairedLearner
from seodang.families.translation.validation import TranslationValidation

Generator = TranslationUNet | TranslationResNet
N = TypeVar("N", bound=nn.Module)

TRAINING = "train"
RESIDUAL_BLOCKS = 6  # as CycleGAN has for images of 128 pixels
AT_ONCE = 64  # targets of which the mean is taken


def train_translation(context: StageContext[TranslationSettings, TranslationData]) -> Work:
    """Everything that `fit` needs to train a generator."""
    settings, device, data = context.settings, context.device, context.data
    training, paired = settings.training, not settings.data.unpaired
    assert training.epochs is not None and training.batch_size is not None
    generator = on_device(build_generator(settings, context.preprocessing), device)
    learner = make_learner(generator, data, settings, device)
    straying = Straying(settings.augmentation.mirrored, settings.augmentation.enlarged)
    source = TranslationSource(data.parts["train"], paired, training.batch_size, straying, device.torch)
    budget = Budget(
        training.epochs, training.seed, training.schedule, training.warmup_fraction, training.patience, training.steps
    )
    weights = context.finished.get(CHOOSING)
    judge = Judge(trained_judge(CHOOSING, data.target_kind.channels, data.size, weights, device), device)
    translator = Translator(
        network_answers(learner.averaged.mean, device), generator.stride, data.source_kind, data.target_kind
    )
    return Work(learner, source, budget, TranslationValidation(translator, data, judge, paired))


def make_learner(
    generator: Generator, data: TranslationData, settings: TranslationSettings, device: Device
) -> PairedLearner | UnpairedLearner:
    """The learner for pairs or for two piles, with a new discriminator."""
    training, loss = settings.training, settings.loss
    assert training.learning_rate is not None
    rates = Rates(training.learning_rate, training.weight_decay, training.clip_norm, loss.adversarial_weight)
    judged = data.target_kind.channels + (data.source_kind.channels if isinstance(generator, TranslationUNet) else 0)
    discriminator = on_device(build_discriminator(settings, judged), device)
    mean = mean_of(data.parts["train"]).to(device.torch)
    if isinstance(generator, TranslationUNet):
        assert loss.l1_weight is not None
        return PairedLearner(generator, discriminator, mean, rates, device, l1_weight=loss.l1_weight)
    assert loss.contrast_weight is not None
    return UnpairedLearner(generator, discriminator, mean, rates, device, contrast_weight=loss.contrast_weight)


def build_generator(settings: TranslationSettings, preprocessing: Mapping[str, Any]) -> Generator:
    """The network that resolved settings ask for."""
    model = settings.model
    assert model.base_channels is not None
    source, target = (Kind.from_json(preprocessing[side]).channels for side in ("source_kind", "target_kind"))
    if settings.data.unpaired:
        return TranslationResNet(source, target, model.base_channels, RESIDUAL_BLOCKS)
    assert model.depth is not None and model.dropout is not None
    return TranslationUNet(source, target, level_channels(model.base_channels, model.depth), model.dropout)


def build_discriminator(settings: TranslationSettings, in_channels: int) -> PatchDiscriminator:
    """The network that resolved settings ask for."""
    model = settings.model
    assert model.discriminator_channels is not None and model.discriminator_halvings is not None
    return PatchDiscriminator(in_channels, model.discriminator_channels, model.discriminator_halvings)


def on_device(network: N, device: Device) -> N:
    """A network on its device, with weights as convolutions read them fastest: channels last."""
    placed: N = network.to(device.torch).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return placed


def mean_of(part: Part) -> Tensor:
    """The mean of all targets, (channels, height, width), from -1 to 1."""
    total = torch.zeros(part.targets.shape[1:], dtype=torch.float64)
    for some in torch.split(part.targets, AT_ONCE):
        total += as_numbers(some).double().sum(0)
    return (total / len(part.targets)).float()
