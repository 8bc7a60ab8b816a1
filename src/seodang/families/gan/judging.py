"""The networks in whose features images are compared: one that the kept weights are chosen by, another that reports on them.

A generator chosen by some features is good in those: only others tell how good it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import load
from torch import Tensor

from seodang.core.checkpoint import restore_modules
from seodang.core.device import Device
from seodang.core.errors import MachineError
from seodang.core.family import Stage, StageContext
from seodang.core.learner import Work
from seodang.core.seeds import mix
from seodang.families.gan.data import GanData, Part
from seodang.families.gan.settings import GanSettings
from seodang.nn.judge import ROTATIONS, JudgeNetwork, judge_work

SHIPPED = Path(__file__).parent / "judges"
WIDTHS: Mapping[str, int] = {"choosing": 24, "reporting": 32}
"""Channels of the first level of each: they shall not make the same mistakes."""
CHECKSUMS = {
    "choosing": "66290d08fea3b1cc993a0a636eaba78aee37547a37314ebb0fc2a58a200b8fee",
    "reporting": "a78e63a3ad7ffce7c7681089a01e1dc412460a7d79894379d55bc1c4222cd9c3",
}
"""sha256 of the files that come along, as `benchmarks/gan.py judges` writes them."""
EPOCHS = 3
SHIPPED_STEPS, SHIPPED_EPOCHS = 400, 8  # of an epoch, and how many, of those that come along


class Judges(NamedTuple):
    """Two trained networks."""

    choosing: JudgeNetwork
    reporting: JudgeNetwork


def stage_name(role: str) -> str:
    """Of the training of a judge."""
    return f"judge-{role}"


def judge_stages(settings: GanSettings) -> tuple[Stage[GanSettings, GanData], ...]:
    """The trainings of both judges, where none come along."""
    if settings.measuring.judge == "mnist":
        return ()
    return tuple(Stage(stage_name(role), partial(_train, role)) for role in WIDTHS)


def load_judges(
    settings: GanSettings, preprocessing: Mapping[str, Any], finished: Mapping[str, Mapping[str, Tensor]], device: Device
) -> Judges:
    """Both judges, those that come along or those that the run trained.

    Args:
        settings: Resolved.
        preprocessing: Of the run.
        finished: Weights of the stages, by stage.
        device: Where they compute.

    Raises: MachineError: A file that comes along is missing or damaged.
    """
    found = {}
    for role in WIDTHS:
        network = build_judge(role, preprocessing)
        if settings.measuring.judge == "mnist":
            network.load_state_dict(load(_shipped(role)))
        else:
            restore_modules({"network": network}, finished[stage_name(role)])
        found[role] = network.to(device.torch).eval()
    return Judges(**found)


def build_judge(role: str, preprocessing: Mapping[str, Any]) -> JudgeNetwork:
    """A judge for images of the run's size, with fresh weights."""
    return JudgeNetwork(
        preprocessing["channels"], len(preprocessing["class_names"]) or ROTATIONS, preprocessing["size"], WIDTHS[role]
    )


def described(preprocessing: Mapping[str, Any], judge: str) -> str:
    """What the judges are, in words."""
    if judge == "mnist":
        return "classifiers trained on MNIST's training part, which come along with Seodang"
    if preprocessing["class_names"]:
        return f"classifiers of the {len(preprocessing['class_names'])} classes, trained on the training images first"
    return "networks that tell which way an image is turned, trained on the training images first"


def train_judge(
    role: str, preprocessing: Mapping[str, Any], learned: Part, held_out: Part, device: Device, steps: int, epochs: int
) -> Work:
    """All that `fit` needs; the networks that come along were only trained for longer than those of a run.

    Args:
        role: "choosing" or "reporting".
        preprocessing: Of the run.
        learned, held_out: Real images.
        device: Where to compute.
        steps, epochs: Of an epoch, and how many.
    """
    torch.manual_seed(mix("judge", role))
    named = bool(preprocessing["class_names"])
    seen = [(part.images, part.classes if named else None) for part in (learned, held_out)]
    network, size = build_judge(role, preprocessing), preprocessing["size"]
    return judge_work(network, *seen, size=size, steps=steps, epochs=epochs, seed=mix("judge", role), device=device)


def _shipped(role: str) -> bytes:
    """The file of a judge that comes along: figures are worth nothing with any other."""
    path = SHIPPED / f"mnist-{role}.safetensors"
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MachineError(f"{path} cannot be read: {error.strerror}; install Seodang again.") from error
    if hashlib.sha256(data).hexdigest() != CHECKSUMS[role]:
        raise MachineError(f"{path} is not the file that belongs here (its checksum does not match); install Seodang again.")
    return data


def _train(role: str, context: StageContext[GanSettings, GanData]) -> Work:
    steps = context.settings.measuring.judge_steps
    assert steps is not None, "resolved"
    parts = (context.data.train, context.data.test)
    each, epochs = max(1, steps // EPOCHS), min(EPOCHS, steps)
    return train_judge(role, context.preprocessing, *parts, context.device, each, epochs)
