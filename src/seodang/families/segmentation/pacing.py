"""How many steps fit into the minutes that the user grants, measured before the first of them."""

from __future__ import annotations

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
    steps, epochs, why = found.within_limits(asked.minutes, 60 * asked.minutes, asked.steps, asked.epochs)
    reasons = {**prepared.reasons, "steps": why, "epochs": "as many as the steps need"}
    return Prepared(settings.replaced(steps=steps, epochs=epochs), reasons, prepared.preprocessing)
