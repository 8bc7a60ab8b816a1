"""The one stage of training: a U-Net on pieces of the training images, watched on whole validation images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seodang.core.device import Device
from seodang.core.family import StageContext
from seodang.core.learner import Budget, Work
from seodang.data.augmentation import Augmentation
from seodang.families.segmentation.data import SegmentationData
from seodang.families.segmentation.difficulty import Difficulty
from seodang.families.segmentation.learner import SegmentationLearner, SegmentationValidation
from seodang.families.segmentation.masks import MaskCode
from seodang.families.segmentation.patches import PatchSource
from seodang.families.segmentation.prediction import Segmenter, network_chances, tiling_for
from seodang.families.segmentation.scaling import Scale, Scaling
from seodang.families.segmentation.settings import SegmentationSettings
from seodang.families.segmentation.unet import UNet, folded, level_channels

MOST_WEIGHT = 10.0  # of the rarest class beside the commonest


def train_network(context: StageContext[SegmentationSettings, SegmentationData]) -> Work:
    """Everything that `fit` needs."""
    settings, device, data = context.settings, context.device, context.data
    training, straying = settings.training, settings.augmentation
    assert training.learning_rate is not None and training.epochs is not None
    assert training.batch_size is not None and training.patch_size is not None
    scaling = stored_scaling(context.preprocessing, settings)
    network = fast_network(build_network(settings, context.preprocessing), device)
    train, size = data.parts["train"], training.patch_size
    difficulty = Difficulty(len(train), training.hard_images, device.torch)
    learner = SegmentationLearner(
        network,
        training.learning_rate,
        training.weight_decay,
        device,
        training.clip_norm,
        class_weights(context.preprocessing).to(device.torch) if training.class_weights else None,
        difficulty,
    )
    augmentation = Augmentation(
        flips=straying.flips,
        rotation=straying.rotation,
        scale=straying.scale,
        elastic=straying.elastic,
        brightness=straying.colour,
        contrast=straying.colour,
        noise=straying.noise,
    )
    source = PatchSource(data, train, scaling, size, training.batch_size, augmentation, device.torch, difficulty)
    budget = Budget(
        training.epochs, training.seed, training.schedule, training.warmup_fraction, training.patience, training.steps
    )

    def watching() -> Segmenter:
        return make_segmenter(network, scaling, settings, network_chances(folded(network), device), mirror=False)

    return Work(learner, source, budget, SegmentationValidation(watching, data, data.parts["validation"]))


def build_network(settings: SegmentationSettings, preprocessing: Mapping[str, Any]) -> UNet:
    """The network that resolved settings ask for."""
    model = settings.model
    assert model.base_channels is not None and model.depth is not None
    num_classes = MaskCode.from_json(preprocessing["masks"]).num_classes
    channels = level_channels(model.base_channels, model.depth)
    return UNet(len(preprocessing["mean"]), 1 if num_classes == 2 else num_classes, channels)


def fast_network(network: UNet, device: Device) -> UNet:
    """A network on its device, with weights as convolutions read them fastest: channels last."""
    placed: UNet = network.to(device.torch).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return placed


def make_segmenter(network: UNet, scaling: Scaling, settings: SegmentationSettings, compute: Any, mirror: bool) -> Segmenter:
    """Whatever computes the network's chances, for images of any size."""
    assert settings.prediction.tile_size is not None
    return Segmenter(
        compute, scaling, tiling_for(network.stride, network.receptive_radius, settings.prediction.tile_size), mirror
    )


def stored_scaling(preprocessing: Mapping[str, Any], settings: SegmentationSettings) -> Scaling:
    """Grey values to numbers, as fitted to the training images."""
    whole = Scale(np.array(preprocessing["mean"], np.float32), np.array(preprocessing["deviation"], np.float32))
    return Scaling(whole, settings.model.normalisation == "image")


def class_weights(preprocessing: Mapping[str, Any]) -> Tensor:
    """The inverse root of each class's part of all pixels, at most ten times the commonest's; the mean over pixels is 1."""
    shares = np.array(preprocessing["shares"])
    weights = np.minimum(np.sqrt(shares.max() / np.maximum(shares, 1e-12)), MOST_WEIGHT)
    return torch.from_numpy(weights / (weights @ shares)).float()
