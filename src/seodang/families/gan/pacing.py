"""How many steps fit into the minutes that the user grants, measured before the first of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from seodang.core.device import Device
from seodang.core.family import Prepared, StageContext
from seodang.core.learner import Work
from seodang.core.pacing import Pace, measured_pace, measured_step
from seodang.families.gan.data import GanData
from seodang.families.gan.judging import WIDTHS, build_judge, stage_name
from seodang.families.gan.learner import GanLearner
from seodang.families.gan.settings import GanSettings
from seodang.families.gan.training import train_networks


def pace(prepared: Prepared[GanSettings], data: GanData, device: Device) -> Prepared[GanSettings]:
    """Settings whose minutes have become steps, and epochs that hold them; as they were when there are none."""
    asked = prepared.settings.training
    if asked.minutes is None:
        return prepared
    torch.manual_seed(asked.seed)
    settings = prepared.settings.replaced(epochs=asked.epochs or 1)
    finished = _untrained_judges(prepared.preprocessing)
    work = train_networks(StageContext(settings, prepared.preprocessing, data, device, finished))
    found = _with_penalties(work, measured_pace(work, asked.seed))
    steps, epochs, why = found.within_limits(asked.minutes, 60 * asked.minutes, asked.steps, asked.epochs)
    reasons = {**prepared.reasons, "steps": why, "epochs": "as many as the steps need"}
    return Prepared(settings.replaced(steps=steps, epochs=epochs), reasons, prepared.preprocessing)


def _with_penalties(work: Work, found: Pace) -> Pace:
    """What the steps with a penalty take longer, spread over those without: few steps have one, and the median none."""
    learner = work.learner
    assert isinstance(learner, GanLearner)
    if not learner.rules.penalised:
        return found
    every, learner.penalty_every = learner.penalty_every, 1  # the learner is thrown away
    longer = max(0.0, measured_step(work) - found.step_seconds)
    return replace(found, step_seconds=found.step_seconds + longer / every)


def _untrained_judges(preprocessing: Mapping[str, Any]) -> dict[str, dict[str, Tensor]]:
    """Judges take as long before they are trained."""
    return {
        stage_name(role): {
            f"modules/network/{name}": value for name, value in build_judge(role, preprocessing).state_dict().items()
        }
        for role in WIDTHS
    }
