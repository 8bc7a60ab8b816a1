"""What the images tell of the settings left open, each with its reason: nnU-Net's idea (Isensee 2021, arXiv:1809.10486)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seodang.core.errors import SettingsError
from seodang.core.family import Prepared
from seodang.core.settings import MOST_EPOCHS
from seodang.families.segmentation.data import Seen, SegmentationData
from seodang.families.segmentation.scaling import Moments
from seodang.families.segmentation.settings import SegmentationSettings
from seodang.families.segmentation.yardstick import fit_yardstick

BASES = {"unet": 64, "unet-small": 24}
DEPTH, LEAST_BOTTOM = 4, 8  # levels, fewer where the bottom of a piece would be smaller than so many pixels
STRIDE = 16
LARGEST_PATCH = {"CPU": 128, "GPU": 256}
BATCH_PIXELS = {"CPU": 4 * 128**2, "GPU": 8 * 256**2}  # of a step: in a given time many small steps learn more than few large
LEAST_BATCH, MOST_BATCH = 2, 16
LEARNING_RATE = 1e-3
STEPS = 4_000  # that training takes when nothing else is said
TILE, SMALL_TILE, FEW_CLASSES = 1024, 512, 8
RARE = 0.005  # of all pixels: a class with less is weighted, lest it is never predicted
DIFFERENT_IMAGES = 0.2  # of the variance between images: they were not taken alike


def prepare(data: SegmentationData, settings: SegmentationSettings) -> Prepared[SegmentationSettings]:
    """Resolve settings, and fit what prediction needs again: grey values, classes.

    Raises: SettingsError: The pieces are too small for so many levels.
    """
    flat, train, shares = settings.to_flat(), data.parts["train"], class_shares(data)
    place = "GPU" if torch.cuda.is_available() else "CPU"
    model = flat["model"] or ("unet" if place == "GPU" else "unet-small")
    heights, widths = (np.array([one.shape[axis] for one in train]) for axis in (0, 1))
    side = int(min(np.median(heights), np.median(widths)))
    patch = flat["patch_size"] or max(STRIDE, min(LARGEST_PATCH[place], side - side % STRIDE))
    depth = flat["depth"] or max(1, min(DEPTH, int(np.log2(max(patch // LEAST_BOTTOM, 2)))))
    batch = flat["batch_size"] or int(np.clip(BATCH_PIXELS[place] // patch**2, LEAST_BATCH, MOST_BATCH))
    cut = sum(int(np.ceil(np.sqrt(-(-one.shape[0] // patch) * -(-one.shape[1] // patch)))) for one in train)
    plan = -(-cut // batch)
    wanted = max(1, -(-(flat["steps"] or STEPS) // plan))
    epochs = flat["epochs"] or (None if flat["minutes"] else min(wanted, MOST_EPOCHS))
    rarest = float(shares[shares > 0].min())
    moments = fit_moments(train)
    whole = Moments.together(moments, (heights * widths).astype(np.float64))
    between = float(np.mean(np.var([one.mean for one in moments], 0) / whole.deviation**2))
    derived: dict[str, tuple[Any, str]] = {
        "model": (model, f"for a {place}"),
        "base_channels": (BASES[model], f"of {model}"),
        "normalisation": (
            "image" if between > DIFFERENT_IMAGES else "dataset",
            f"{between:.0%} of the variance of grey values lies between images",
        ),
        "patch_size": (
            patch,
            f"the median image is {int(np.median(widths))} x {int(np.median(heights))} pixels; at most {LARGEST_PATCH[place]} "
            f"on a {place}",
        ),
        "depth": (depth, f"pieces of {patch} pixels are {patch >> depth} wide at the bottom"),
        "batch_size": (batch, f"about {BATCH_PIXELS[place]:,} pixels a step"),
        "learning_rate": (LEARNING_RATE, "falls to 0 along a cosine"),
        "epochs": (epochs, f"{STEPS:,} steps over {cut:,} pieces" if flat["steps"] is None else "as many as the steps need"),
        "class_weights": (rarest < RARE, f"the rarest class has {rarest:.2%} of all pixels"),
        "tile_size": (
            TILE if data.code.num_classes <= FEW_CLASSES else SMALL_TILE,
            f"in memory lies a row of tiles with the chances of {data.code.num_classes} classes",
        ),
    }
    values = {name: value if flat[name] is None else flat[name] for name, (value, _) in derived.items()}
    if values["patch_size"] % 2 ** values["depth"]:
        raise SettingsError(
            f"{{patch_size}} must be a multiple of 2 ** {{depth}}, {2 ** values['depth']}, got {values['patch_size']}.",
            settings=("patch_size", "depth"),
        )
    reasons = {name: why for name, (value, why) in derived.items() if flat[name] is None and value is not None}
    preprocessing = {
        "masks": data.code.to_json(),
        "mean": whole.mean.tolist(),
        "deviation": whole.deviation.tolist(),
        "shares": shares.tolist(),
        "depth": train[0].depth,
        "yardstick": fit_yardstick(data, shares).to_json(),
        "learned_from": sorted(one.image_digest for part in ("train", "validation") for one in data.parts[part]),
    }
    return Prepared(settings.replaced(**values), reasons, preprocessing)


def fit_moments(train: tuple[Seen, ...]) -> list[Moments]:
    """Of each training image, with the channels that the network reads: RGB where the images differ in channels."""
    counts = {one.shape[2] for one in train}
    channels = {1: 1, 2: 1, 3: 3, 4: 3}.get(next(iter(counts)), next(iter(counts))) if len(counts) == 1 else 3
    return [one.moments.with_channels(channels) for one in train]


def class_shares(data: SegmentationData) -> NDArray[np.float64]:
    """The part of all training pixels that each class has, (classes,); they add up to 1."""
    code = data.code
    counts = np.zeros(code.num_classes)
    for one in data.parts["train"]:
        for value, count in zip(one.values.as_code(code), one.values.counts, strict=True):
            if value is not None:
                counts[value] += count
    shares: NDArray[np.float64] = counts / max(counts.sum(), 1)
    return shares
