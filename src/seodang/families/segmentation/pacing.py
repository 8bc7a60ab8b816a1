"""How many steps fit into the minutes that the user grants, measured before the first of them."""

from __future__ import annotations

import math

import torch

from seodang.core.device import Device
from seodang.core.family import Prepared, StageContext
from seodang.core.pacing import measured_pace
from seodang.families.segmentation.data import SegmentationData
from seodang.families.segmentation.settings import SegmentationSettings
from seodang.families.segmentation.training import train_network


def pace(prepared: Prepared[SegmentationSettings], data: SegmentationData, device: Device) -> Prepared[SegmentationSettings]:
    """Settings whose minutes have become steps, and epochs that hold them; as they were when there are none."""
    asked = prepared.settings.training
    if asked.minutes is None:
        return prepared
    torch.manual_seed(asked.seed)
    settings = prepared.settings.replaced(epochs=asked.epochs or 1)
    work = train_network(StageContext(settings, prepared.preprocessing, data, device, {}))
    found = measured_pace(work, asked.seed)
    fitting = found.steps_within(60 * asked.minutes)
    limits = (asked.steps, asked.epochs and asked.epochs * found.steps_of_epoch)
    steps = min((fitting, *filter(None, limits)))
    fit = f"{fitting:,} steps would fit into {asked.minutes:g} min at {found}"
    reasons = {
        "steps": fit if steps == fitting else f"{fit}, more than was asked for otherwise",
        "epochs": "as many as the steps need",
    }
    settings = settings.replaced(steps=steps, epochs=math.ceil(steps / found.steps_of_epoch))
    return Prepared(settings, {**prepared.reasons, **reasons}, prepared.preprocessing)
