"""How many steps fit into the minutes that the user grants, the judges' included, measured before the first of them."""

from __future__ import annotations

import torch

from seodang.core.device import Device
from seodang.core.family import Prepared, StageContext
from seodang.core.pacing import Pace, measured_pace
from seodang.families.translation.data import TranslationData
from seodang.families.translation.judges import CHOOSING, EPOCHS, REPORTING, train_judge
from seodang.families.translation.settings import TranslationSettings
from seodang.families.translation.training import train_translation

LEAST_SHARE = 0.1  # of the time is left for the generator, however slow the judges are


def pace(prepared: Prepared[TranslationSettings], data: TranslationData, device: Device) -> Prepared[TranslationSettings]:
    """Settings whose minutes have become steps, and epochs that hold them; as they were when there are none."""
    asked = prepared.settings.training
    if asked.minutes is None:
        return prepared
    torch.manual_seed(asked.seed)
    settings = prepared.settings.replaced(epochs=asked.epochs or 1)
    context = StageContext(settings, prepared.preprocessing, data, device, {})
    seconds = 60 * asked.minutes
    judging = sum(_judge_seconds(measured_pace(train_judge(name, context), asked.seed)) for name in (CHOOSING, REPORTING))
    found = measured_pace(train_translation(context), asked.seed)
    left = max(LEAST_SHARE * seconds, seconds - judging)
    steps, epochs, why = found.within_limits(asked.minutes, left, asked.steps, asked.epochs)
    why += f", and {judging:.0f} s for the judges"
    reasons = {**prepared.reasons, "steps": why, "epochs": "as many as the steps need"}
    return Prepared(settings.replaced(steps=steps, epochs=epochs), reasons, prepared.preprocessing)


def _judge_seconds(found: Pace) -> float:
    return EPOCHS * (found.steps_of_epoch * found.step_seconds + found.validation_seconds)
