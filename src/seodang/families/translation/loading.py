"""A trained model out of what its stages left behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from seodang.core.checkpoint import restore_modules
from seodang.core.device import Device
from seodang.core.family import Trained
from seodang.families.translation.judges import REPORTING, Judge, trained_judge
from seodang.families.translation.pixels import Kind
from seodang.families.translation.prediction import Compute, Translator, network_answers
from seodang.families.translation.predictor import TranslationPredictor
from seodang.families.translation.settings import TranslationSettings
from seodang.families.translation.training import TRAINING, build_generator, on_device

StageWeights = Callable[[str], Mapping[str, Tensor]]


def load_predictor(trained: Trained[TranslationSettings]) -> TranslationPredictor:
    """The generator with averaged weights, and the judge that reports."""
    settings, preprocessing, device = trained.settings, trained.preprocessing, trained.device
    network = on_device(build_generator(settings, preprocessing), device).eval()
    restore_modules({"averaged": network}, trained.weights[TRAINING])
    translator = translator_of(network_answers(network, device), network.stride, settings, preprocessing)
    judge = judge_of(trained.weights.__getitem__, preprocessing, device)
    return TranslationPredictor(settings, translator, judge, mean_of_run(trained.weights.__getitem__), preprocessing, network)


def translator_of(compute: Compute, stride: int, settings: TranslationSettings, preprocessing: Mapping[str, Any]) -> Translator:
    """Whatever computes the generator, for images of any size."""
    source, target = (Kind.from_json(preprocessing[side]) for side in ("source_kind", "target_kind"))
    return Translator(compute, stride, source, target, settings.data.resize if settings.prediction.rescale else None)


def judge_of(weights: StageWeights, preprocessing: Mapping[str, Any], device: Device) -> Judge:
    """The judge that reports."""
    channels = Kind.from_json(preprocessing["target_kind"]).channels
    height, width = preprocessing["size"]
    return Judge(trained_judge(REPORTING, channels, (height, width), weights(REPORTING), device), device)


def mean_of_run(weights: StageWeights) -> Tensor:
    """The mean of all training targets, (channels, height, width), from -1 to 1."""
    return weights(TRAINING)["learner/mean_target"]
