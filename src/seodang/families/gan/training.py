"""The stages of training: two judges, unless some come along, then generator and discriminator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from seodang.core.checkpoint import restore_modules
from seodang.core.errors import RunError, SettingsError
from seodang.core.family import Stage, StageContext
from seodang.core.learner import Budget, Work
from seodang.core.run import RunFolder
from seodang.core.seeds import mix
from seodang.families.gan.comparing import Reference
from seodang.families.gan.data import GanData
from seodang.families.gan.judging import judge_stages, load_judges
from seodang.families.gan.learner import RULES, GanLearner
from seodang.families.gan.model import build_networks
from seodang.families.gan.settings import GanSettings
from seodang.families.gan.source import ImageSource
from seodang.families.gan.watching import GanWatch, noise_like
from seodang.nn.averaging import Averaged

TRAIN = "train"


def stages(settings: GanSettings) -> tuple[Stage[GanSettings, GanData], ...]:
    """In order."""
    return (*judge_stages(settings), Stage(TRAIN, train_networks))


def train_networks(context: StageContext[GanSettings, GanData]) -> Work:
    """Everything that `fit` needs.

    Raises: SettingsError: The discriminator that is to be taken over does not fit.
    """
    settings, device, data, preprocessing = context.settings, context.device, context.data, context.preprocessing
    training = settings.training
    assert training.learning_rate is not None and training.epochs is not None and training.batch_size is not None
    networks = build_networks(settings, preprocessing, device.torch)
    if training.freeze_discriminator is not None:
        take_discriminator(networks.discriminator, settings, preprocessing)
    learner = GanLearner(
        networks,
        RULES[settings.model.model],
        latent_dim=settings.model.latent_dim,
        conditional=bool(settings.data.conditional),
        learning_rate=training.learning_rate,
        weight_decay=training.weight_decay,
        clip_norm=training.clip_norm,
        averaging=training.averaging,
        penalty=training.penalty,
        penalty_every=training.penalty_every,
        frozen=training.freeze_discriminator is not None,
        device=device,
    )
    source = ImageSource(data.train, training.batch_size, training.mirror, device.torch)
    budget = Budget(
        training.epochs, training.seed, training.schedule, training.warmup_fraction, training.patience, training.steps
    )
    return Work(learner, source, budget, watch(learner.averaged, context))


def watch(averaged: Averaged[nn.Module], context: StageContext[GanSettings, GanData]) -> GanWatch:
    """What measures after every epoch, by the judge that chooses."""
    settings, data, device = context.settings, context.data, context.device
    judges = load_judges(settings, context.preprocessing, context.finished, device)
    count = min(settings.measuring.watched_samples, len(data.train.images))
    images = chosen(data.train.images, count, "watched")
    reference = Reference(judges.choosing, images, device)
    hopeless = reference.fid(reference.see(noise_like(images)).features)
    classes = classes_like(context.preprocessing, range(count)) if settings.data.conditional else None
    return GanWatch(
        averaged.mean, reference, settings.model.latent_dim, classes, count, hopeless, lambda: averaged.steps, device
    )


def chosen(images: Tensor, count: int, purpose: str) -> Tensor:
    """Some images, drawn without repeats; the same for the same purpose."""
    order = np.random.Generator(np.random.Philox(key=mix("chosen", purpose))).random(len(images)).argsort(kind="stable")
    return images[torch.from_numpy(order[:count])]


def classes_like(preprocessing: Mapping[str, Any], seeds: Sequence[int]) -> Tensor:
    """The class that each seed makes where none is asked for: over seeds that follow each other as often as real: (seeds,)."""
    counts = np.array(preprocessing["class_counts"], np.float64)
    # Each class comes when its share is due; a golden step mixes them without chance.
    places = (np.array(seeds, np.float64) * ((5**0.5 - 1) / 2)) % 1
    return torch.from_numpy(np.searchsorted(np.cumsum(counts / counts.sum())[:-1], places, side="right").astype(np.int64))


def take_discriminator(discriminator: nn.Module, settings: GanSettings, preprocessing: Mapping[str, Any]) -> None:
    """Load the trained discriminator of the run that `--freeze-discriminator` names.

    Raises: SettingsError: There is no such run, it is of another family or unfinished, or its discriminator is another one.
    """
    setting, path, model = "freeze_discriminator", settings.training.freeze_discriminator, settings.model
    assert path is not None
    ours = described_discriminator(model.model, model.base_channels, settings.data.conditional, preprocessing)
    try:
        folder = RunFolder.open(Path(path))
        family = folder.settings()["family"]
        if family != "gan":
            raise RunError(f"{path} is a run of family {family}, not gan.")
        if not folder.finished:
            raise RunError(f"it is unfinished; go on with `seodang resume {path}`.")
        _check_alike(ours, folder)
        restore_modules({"discriminator": discriminator}, folder.stage_weights(TRAIN))
    except RunError as error:
        message = f"{{{setting}}} {path}: {str(error).removeprefix(f'{path}: ').rstrip('.')}."
        raise SettingsError(message, settings=(setting,), value=path) from error


def described_discriminator(
    model: str, base_channels: int | None, conditional: bool | None, preprocessing: Mapping[str, Any]
) -> dict[str, Any]:
    """What discriminators must have in common for the weights of one to fit another."""
    return {
        "model": model,
        "pixels": f"{preprocessing['size']} x {preprocessing['size']}",
        "channels": preprocessing["channels"],
        "classes": len(preprocessing["class_names"]) if conditional else 0,
        "base_channels": base_channels,
    }


def _check_alike(ours: Mapping[str, Any], folder: RunFolder) -> None:
    """Raises: RunError: The discriminator of the other run differs; says in what."""
    given = folder.settings()["resolved"]
    wanted = (given["model"], given["base_channels"], given["conditional"])
    theirs = described_discriminator(*wanted, folder.read_json("preprocessing.json"))
    differing = [f"{name} {theirs[name]} (here {ours[name]})" for name in ours if theirs[name] != ours[name]]
    if differing:
        raise RunError(f"its discriminator has {', '.join(differing)}, and must be like the one here")
