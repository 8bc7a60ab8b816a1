"""How many steps fit into the minutes that the user grants, measured before the first of them."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Iterator
from itertools import cycle, islice

import torch

from seodang.core.device import Device
from seodang.core.family import Prepared, StageContext
from seodang.core.learner import Work
from seodang.families.language.data import LanguageData
from seodang.families.language.settings import LanguageSettings
from seodang.families.language.training import train_network

WARM_UP_STEPS, TIMED_STEPS = 3, 12
TIMED_SECONDS = 8.0  # no more are spent on measuring
SHARE = 0.97  # of the time is planned; the rest is for checkpoints


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
    seconds, watching = statistics.median(_step_seconds(work)), _validation_seconds(work)
    plan = len(work.source.plan(asked.seed, 0))
    fitting = max(1, int((SHARE * 60 * minutes - making) / (seconds + watching / plan)))
    limits = (asked.steps, asked.epochs and asked.epochs * plan)
    steps = min((fitting, *filter(None, limits)))
    each = f"{1000 * seconds:.0f} ms a step and {watching:.1f} s a validation, measured as the run began"
    if settings.model.ngrams:
        each += f"; {making:.1f} s went to n-grams"
    fit = f"{fitting:,} steps would fit into {minutes:g} min at {each}"
    reasons = {
        "steps": fit if steps == fitting else f"{fit}, more than was asked for otherwise",
        "epochs": "as many as the steps need",
    }
    settings = settings.replaced(steps=steps, epochs=math.ceil(steps / plan))
    return Prepared(settings, {**prepared.reasons, **reasons}, prepared.preprocessing)


def _step_seconds(work: Work) -> Iterator[float]:
    """Time of some steps after the first, which also find their memory."""
    begun = time.monotonic()
    for number, piece in enumerate(islice(cycle(work.source.plan(0, 0)), WARM_UP_STEPS + TIMED_STEPS)):
        started = time.monotonic()
        value = work.learner.update(work.source.batch(piece))
        float(next(iter(value.values())))  # a GPU has then finished
        if number >= WARM_UP_STEPS:
            yield time.monotonic() - started
            if time.monotonic() - begun > TIMED_SECONDS:
                return


def _validation_seconds(work: Work) -> float:
    started = time.monotonic()
    if work.validation is not None:
        work.validation.measure()
        work.validation.samples()
    return time.monotonic() - started
