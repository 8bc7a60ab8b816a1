"""How many steps fit into the minutes that the user grants, the judges' included, measured before the first of them."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from seodang.core.device import Device
from seodang.core.family import Prepared, StageContext
from seodang.core.pacing import Pace, measured_pace
from seodang.families.translation.data import TranslationData
from seodang.families.translation.judges import CHOOSING, EPOCHS, REPORTING, train_judge
from seodang.families.translation.settings import TranslationSettings
from seodang.families.translation.training import train_translation

JUDGES_SHARE = 0.1  # of the time, for both together
LEAST_JUDGE_STEPS = 20
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
    paces = [measured_pace(train_judge(name, context), asked.seed) for name in (CHOOSING, REPORTING)]
    judge_steps, reasons = asked.judge_steps, dict(prepared.reasons)
    if "judge_steps" in reasons:  # derived, and not asked for
        fitting = int((JUDGES_SHARE * seconds - EPOCHS * sum(one.validation_seconds for one in paces)) / _both(paces))
        judge_steps = min(asked.judge_steps or fitting, max(LEAST_JUDGE_STEPS, fitting))
        reasons["judge_steps"] = f"of each of the two judges, which take {JUDGES_SHARE:.0%} of the time at most"
        settings = settings.replaced(judge_steps=judge_steps)
    assert judge_steps is not None, "derived or given"
    judging = judge_steps * _both(paces) + EPOCHS * sum(one.validation_seconds for one in paces)
    found = measured_pace(train_translation(context), asked.seed)
    left = max(LEAST_SHARE * seconds, seconds - judging)
    steps, epochs, why = found.within_limits(asked.minutes, left, asked.steps, asked.epochs)
    reasons |= {"steps": f"{why}; {judging:.0f} s of them for the judges", "epochs": "as many as the steps need"}
    return Prepared(settings.replaced(steps=steps, epochs=epochs), reasons, prepared.preprocessing)


def _both(paces: Sequence[Pace]) -> float:
    """Seconds of a step of each judge."""
    return sum(one.step_seconds for one in paces)
