"""How well images are translated, as measures and tables; what `evaluate` prints and the report shows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from seodang.core.family import Evaluation, Measure
from seodang.core.values import Table
from seodang.families.translation.data import Part
from seodang.families.translation.judges import Judge
from seodang.families.translation.measures import OF_PAIRS, Answers, Measured, measure
from seodang.metrics.intervals import mean_interval
from seodang.metrics.similarity import MOST_DECIBELS

LESS_IS_BETTER = {"l1": True, "psnr": False, "ssim": False, "perceptual": True, "kid": True}
WITHIN = {"l1": (0.0, 1.0), "psnr": (0.0, MOST_DECIBELS), "ssim": (-1.0, 1.0), "perceptual": (0.0, 4.0)}
"""What each measure of a pair can be; perceptual distance compares directions, which are 2 apart at most."""
INPUT, MEAN = "input itself", "mean target"
BETTER_OF_BOTH = "the better of the input itself and the mean target"


def evaluate(
    source: str, part: Part, answers: Answers, yardsticks: Mapping[str, Answers], judge: Judge, paired: bool
) -> Evaluation:
    """Measures with 95 % intervals over images, beside the best that a yardstick reaches in each."""
    model = measure(part, answers, judge, paired)
    bars = {name: measures(measure(part, yardstick, judge, paired)) for name, yardstick in yardsticks.items()}
    found = measures(model)
    yardstick = {
        name: (min if LESS_IS_BETTER[name] else max)((bar[name] for bar in bars.values()), key=lambda one: one.value or 0.0)
        for name in found
    }
    tables = {"yardsticks": _table_of({"model": found, **bars})}
    if paired:
        tables["images"] = image_table(part, model)
    return Evaluation(
        source=source,
        rows=len(part),
        unit="images",
        measures=found,
        yardstick_name=BETTER_OF_BOTH if len(bars) > 1 else f"the {next(iter(bars))}",
        yardstick=yardstick,
        tables=tables,
    )


def measures(found: Measured) -> dict[str, Measure]:
    """Those of pairs with their intervals, and the distance of the crowds."""
    values = {name: each.double().numpy() for name, each in found.each.items()}
    named = {name: Measure(float(some.mean()), *mean_interval(some, within=WITHIN[name])) for name, some in values.items()}
    if found.kernel_distance is not None:
        named["kid"] = Measure(found.kernel_distance)
    return named


def image_table(part: Part, found: Measured) -> Table:
    """Every image, the worst first by perceptual distance."""
    columns = [found.each[name].tolist() for name in OF_PAIRS]
    order = np.argsort(-found.each["perceptual"].numpy(), kind="stable")
    rows = tuple((part.names[row], *(column[row] for column in columns)) for row in order)
    return Table(("image", "L1", "PSNR", "SSIM", "perceptual distance"), rows)


def _table_of(sides: Mapping[str, Mapping[str, Measure]]) -> Table:
    names = list(next(iter(sides.values())))
    rows = tuple((side, *(some[name].value for name in names)) for side, some in sides.items())
    return Table(("what", *names), rows)
