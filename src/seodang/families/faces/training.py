"""The stages of training: a head on embeddings, or a network on faces; then how sure it may be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from seodang.core.checkpoint import restore_modules
from seodang.core.family import Stage, StageContext
from seodang.core.learner import BatchSource, Budget, Work
from seodang.core.step import Stepper
from seodang.families.faces.batches import ChipSource, EmbeddingSource
from seodang.families.faces.cnn import FaceCnn
from seodang.families.faces.data import FacesData, Part
from seodang.families.faces.embedding import embedded
from seodang.families.faces.engine.embedders import EMBEDDING_DIM
from seodang.families.faces.head import CosineHead
from seodang.families.faces.learner import PeopleLearner, PeopleValidation, Score, fit_temperature, logits_of
from seodang.families.faces.settings import FacesSettings
from seodang.nn.oneshot import Once, OneShot

TRAIN, CALIBRATE = "train", "calibrate"
Context = StageContext[FacesSettings, FacesData]


def stages() -> tuple[Stage[FacesSettings, FacesData], ...]:
    """In order."""
    return Stage(TRAIN, train_network), Stage(CALIBRATE, calibrate)


def train_network(context: Context) -> Work:
    """Everything that `fit` needs."""
    settings, data, device = context.settings, context.data, context.device
    training, train, validation = settings.training, data.parts["train"], data.parts["validation"]
    assert training.learning_rate is not None and training.epochs is not None and training.batch_size is not None
    network = build_network(settings, context.preprocessing).to(device.torch)
    inputs, labels = inputs_of(train, settings), torch.from_numpy(train.labels)
    score: Score
    source: BatchSource
    if isinstance(network, CosineHead):
        head, margin = network, settings.model.margin
        head.imprint(inputs.to(device.torch), labels.to(device.torch))
        score = lambda embeddings, numbers: head.with_margin(embeddings, numbers, margin)  # noqa: E731
        source = EmbeddingSource(inputs, labels, training.batch_size, device.torch)
    else:
        score = lambda chips, _: network(chips)  # noqa: E731
        source = ChipSource(train.chips, train.labels, training.batch_size, settings.augmentation, device.torch)
    by_batch = settings.model.model == "cnn" and settings.model.normalisation == "batch"
    stepper = Stepper(device, training.clip_norm, splittable=not by_batch)
    return Work(
        PeopleLearner(network, score, training.learning_rate, training.weight_decay, stepper),
        source,
        Budget(training.epochs, training.seed, training.schedule, training.warmup_fraction, training.patience),
        PeopleValidation(network, inputs_of(validation, settings), torch.from_numpy(validation.labels), device),
    )


def calibrate(context: Context) -> Work:
    """The temperature, fitted to the validation faces in one step."""
    validation = context.data.parts["validation"]

    def fit() -> tuple[dict[str, Tensor], Tensor]:
        network = trained_network(context.settings, context.preprocessing, context.finished[TRAIN]).to(context.device.torch)
        logits = logits_of(network, inputs_of(validation, context.settings), context.device.exact())
        return fit_temperature(logits, torch.from_numpy(validation.labels))

    learner = OneShot({"temperature": torch.ones(())}, fit)
    return Work(learner, Once(len(validation.labels)), Budget(1, context.settings.training.seed, "constant"))


def build_network(settings: FacesSettings, preprocessing: Mapping[str, Any]) -> CosineHead | FaceCnn:
    """The network that resolved settings ask for."""
    people, model = len(preprocessing["people"]), settings.model
    if model.model == "head":
        return CosineHead(EMBEDDING_DIM, people)
    network = FaceCnn(people, model.base_channels, model.normalisation, model.dropout)
    placed: FaceCnn = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return placed


def trained_network(
    settings: FacesSettings, preprocessing: Mapping[str, Any], weights: Mapping[str, Tensor]
) -> CosineHead | FaceCnn:
    """The same with the weights of a checkpoint, in evaluation mode."""
    network = build_network(settings, preprocessing)
    restore_modules({"network": network}, weights)
    network.eval()
    return network


def temperature_of(weights: Mapping[str, Mapping[str, Tensor]]) -> Tensor:
    """The temperature, 0-d, as its stage stored it."""
    return weights[CALIBRATE]["learner/temperature"]


def inputs_of(part: Part, settings: FacesSettings) -> Tensor:
    """What the network reads of the faces of a part: embeddings, (faces, 128), or bytes, (faces, 3, side, side)."""
    if settings.model.model == "head":
        return torch.from_numpy(embedded(part, settings.model.embedder))
    return torch.from_numpy(part.chips).permute(0, 3, 1, 2)
