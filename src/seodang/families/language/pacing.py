"""How many steps fit into the minutes that the user grants, measured before the first of them."""

from __future__ import annotations

import time

import torch

from seodang.core.device import Device
from seodang.core.family import Prepared, StageContext
from seodang.core.pacing import SHARE, measured_pace
from seodang.families.language.data import LanguageData
from seodang.families.language.settings import LanguageSettings
from seodang.families.language.training import train_network


def pace(prepared: Prepared[LanguageSettings], data: LanguageData, device: Device) -> Prepared[LanguageSettings]:
    """Settings whose minutes have become steps, and epochs that hold them; as they were when there are none."""
    minutes = prepared.settings.training.minutes
    if minutes is None:
        return prepared
    asked = prepared.settings.training
    torch.manual_seed(asked.seed)
    settings = prepared.settings.replaced(epochs=asked.epochs or 1)
    begun = time.monotonic()
    work = train_network(StageContext(settings, prepared.preprocessing, data, device, {}))
    making = time.monotonic() - begun  # n-grams, which training finds made
    found = measured_pace(work, asked.seed)
    steps, epochs, why = found.within_limits(minutes, 60 * minutes - making / SHARE, asked.steps, asked.epochs)
    if settings.model.ngrams:
        why += f"; {making:.1f} s went to n-grams"
    reasons = {**prepared.reasons, "steps": why, "epochs": "as many as the steps need"}
    return Prepared(settings.replaced(steps=steps, epochs=epochs), reasons, prepared.preprocessing)
