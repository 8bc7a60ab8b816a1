"""How many steps fit into the minutes that the user grants, measured before the first of them."""

from __future__ import annotations

import math
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
    fitting = found.steps_within(60 * minutes - making / SHARE)
    limits = (asked.steps, asked.epochs and asked.epochs * found.steps_of_epoch)
    steps = min((fitting, *filter(None, limits)))
    each = str(found)
    if settings.model.ngrams:
        each += f"; {making:.1f} s went to n-grams"
    fit = f"{fitting:,} steps would fit into {minutes:g} min at {each}"
    reasons = {
        "steps": fit if steps == fitting else f"{fit}, more than was asked for otherwise",
        "epochs": "as many as the steps need",
    }
    settings = settings.replaced(steps=steps, epochs=math.ceil(steps / found.steps_of_epoch))
    return Prepared(settings, {**prepared.reasons, **reasons}, prepared.preprocessing)
