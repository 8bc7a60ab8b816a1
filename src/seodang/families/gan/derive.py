"""What the data tell of the settings that the user left open, and what prediction will need again."""

from __future__ import annotations

from typing import Any

import torch

from seodang.core.errors import SettingsError
from seodang.core.family import Prepared
from seodang.core.settings import MOST_EPOCHS
from seodang.families.gan.data import GanData
from seodang.families.gan.judging import EPOCHS
from seodang.families.gan.model import build_networks
from seodang.families.gan.settings import GanSettings
from seodang.families.gan.training import take_discriminator
from seodang.nn.judge import BATCH_SIZE as JUDGE_BATCH

STEPS = {"cpu": 8000, "cuda": 40_000}
BATCH_SIZE = 64
BASES = {"r3gan": 32, "dcgan": 64, "dense": 256}
RATES = {"r3gan": 1e-3, "dcgan": 2e-4, "dense": 2e-4}
LEAST_JUDGE_STEPS, MOST_JUDGE_STEPS = 180, 1200
MNIST = ("mnist", "mnist-5k")  # named sets whose digits the judges that come along were trained on


def prepare(data: GanData, settings: GanSettings) -> Prepared[GanSettings]:
    """Resolve settings, and keep what the networks are built by.

    Raises: SettingsError: The judges that come along know other images, or a discriminator that is to be taken does not fit.
    """
    flat = settings.to_flat()
    place = "cuda" if torch.cuda.is_available() else "cpu"
    digits = data.named and data.source in MNIST and (data.size, data.channels) == (28, 1)
    if flat["judge"] == "mnist" and not digits:
        raise SettingsError(
            f"{{judge}} mnist knows the digits of {' and '.join(MNIST)}, 28 x 28 in grey, not {data.source}; leave it out.",
            settings=("judge",),
            value="mnist",
        )
    count = len(data.train.images)
    batch = flat["batch_size"] or min(BATCH_SIZE, count)
    model = settings.model.model
    steps_of_epoch = -(-count // batch)
    wanted = -(-(flat["steps"] or STEPS[place]) // steps_of_epoch)
    epochs = flat["epochs"] or (None if flat["minutes"] else min(wanted, MOST_EPOCHS))
    derived: dict[str, tuple[Any, str]] = {
        "conditional": (
            len(data.class_names) > 1,
            f"the images are of {len(data.class_names)} classes" if len(data.class_names) > 1 else "the images have no classes",
        ),
        "base_channels": (BASES[model], f"of {model}"),
        "batch_size": (batch, "usual" if batch == BATCH_SIZE else f"there are {count:,} images"),
        "learning_rate": (RATES[model], f"of {model}"),
        "epochs": (epochs, f"about {STEPS[place]:,} steps" if flat["steps"] is None else "as many as the steps need"),
        "judge": ("mnist" if digits else "own", f"for images of {data.source}"),
    }
    if (flat["judge"] or derived["judge"][0]) == "own":
        steps = min(MOST_JUDGE_STEPS, max(LEAST_JUDGE_STEPS, EPOCHS * count // JUDGE_BATCH))
        derived["judge_steps"] = steps, f"of each of the two judges, for {count:,} images"
    values = {name: value if flat[name] is None else flat[name] for name, (value, _) in derived.items()}
    reasons = {name: why for name, (value, why) in derived.items() if flat[name] is None and value is not None}
    preprocessing = {
        "size": data.size,
        "channels": data.channels,
        "class_names": list(data.class_names),
        "class_counts": torch.bincount(data.train.classes, minlength=max(1, len(data.class_names))).tolist(),
    }
    resolved = settings.replaced(**values)
    if resolved.training.freeze_discriminator is not None:  # refused now, not after the judges were trained
        discriminator = build_networks(resolved, preprocessing, torch.device("cpu")).discriminator
        take_discriminator(discriminator, resolved, preprocessing)
    return Prepared(resolved, reasons, preprocessing)
