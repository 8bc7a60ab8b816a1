"""What the images tell of the settings left open, each with its reason."""

from __future__ import annotations

from typing import Any

import torch

from seodang.core.errors import DataError, SettingsError
from seodang.core.family import Prepared
from seodang.families.translation.data import TranslationData
from seodang.families.translation.resnet import HALVINGS
from seodang.families.translation.settings import TranslationSettings

BASES = {"pairs": {"CPU": 32, "GPU": 64}, "unpaired": {"CPU": 24, "GPU": 64}}
BATCH_SIZES = {"pairs": 4, "unpaired": 1}
LEARNING_RATES = {"pairs": 4e-4, "unpaired": 2e-4}  # for batches of these sizes
LEAST_BOTTOM, MOST_DEPTH = 4, 7  # pixels that the last level has at least, and levels at most
PIECES = {3: 128, 2: 48}  # halvings of the discriminator, and the side of images that are large enough for them
LEAST_JUDGED = 3  # pixels that the discriminator's last two layers need
DROPOUT, L1_WEIGHT, CONTRAST_WEIGHT = 0.5, 100.0, 1.0  # as in pix2pix and CUT
STEPS = 12_000  # that training takes when nothing else is said
JUDGE_STEPS = 120
NOT_READ = {
    "pairs": ("contrast_weight",),
    "unpaired": ("l1_weight", "depth", "dropout"),
}


def prepare(data: TranslationData, settings: TranslationSettings) -> Prepared[TranslationSettings]:
    """Resolve settings, and note what prediction needs again: channels and bits of both sides.

    Raises:
        SettingsError: The images cannot be halved so often, or a setting is not read in this way of learning.
        DataError: Unpaired images have other channels on one side than on the other.
    """
    flat, unpaired = settings.to_flat(), settings.data.unpaired
    way, place = "unpaired" if unpaired else "pairs", "GPU" if torch.cuda.is_available() else "CPU"
    _refuse_unread(flat, way)
    if unpaired and data.source_kind.channels != data.target_kind.channels:
        raise DataError(
            f"sources have {data.source_kind}, targets {data.target_kind}; unpaired images need equally many channels on both "
            "sides. Save both in grey or both in colour"
        )
    side = min(data.size)
    depth = flat["depth"] or max(1, min(MOST_DEPTH, (side // LEAST_BOTTOM).bit_length() - 1))
    base = flat["base_channels"] or BASES[way][place]
    batch = flat["batch_size"] or BATCH_SIZES[way]
    plan = -(-len(data.parts["train"]) // batch)
    epochs = flat["epochs"] or (None if flat["minutes"] else max(1, -(-(flat["steps"] or STEPS) // plan)))
    halvings = next((count for count, least in PIECES.items() if side >= least), 1)
    height, width = data.size
    derived: dict[str, tuple[Any, str]] = {
        "base_channels": (base, f"for {'unpaired images' if unpaired else 'pairs'} on a {place}"),
        "discriminator_channels": (flat["base_channels"] or base, "as many as the generator"),
        "discriminator_halvings": (halvings, f"images of {width} x {height} pixels"),
        "batch_size": (
            batch,
            f"usual for {'unpaired images' if unpaired else 'pairs; a little more than the paper, for speed'}",
        ),
        "learning_rate": (LEARNING_RATES[way], f"for batches of {BATCH_SIZES[way]}; falls to 0 along a cosine"),
        "epochs": (epochs, f"about {STEPS:,} steps" if flat["steps"] is None else "as many as the steps need"),
        "judge_steps": (JUDGE_STEPS, "of each of the two judges"),
    }
    if unpaired:
        derived["contrast_weight"] = CONTRAST_WEIGHT, "as in the paper"
    else:
        derived |= {
            "depth": (depth, f"images of {width} x {height} pixels are {side >> depth} high or wide at the bottom"),
            "dropout": (DROPOUT, "as in the paper"),
            "l1_weight": (L1_WEIGHT, "as in the paper"),
        }
    values = {name: value if flat[name] is None else flat[name] for name, (value, _) in derived.items()}
    _check_sizes(data, None if unpaired else values["depth"], values["discriminator_halvings"])
    reasons = {name: why for name, (value, why) in derived.items() if flat[name] is None and value is not None}
    preprocessing = {
        "source_kind": data.source_kind.to_json(),
        "target_kind": data.target_kind.to_json(),
        "size": [height, width],
        "learned_from": sorted({digest for part in ("train", "validation") for digest in data.parts[part].digests}),
    }
    return Prepared(settings.replaced(**values), reasons, preprocessing)


def _refuse_unread(flat: dict[str, Any], way: str) -> None:
    for name in NOT_READ[way]:
        if flat[name] is not None:
            only = "only for pairs" if way == "unpaired" else "only with {unpaired}"
            raise SettingsError(f"{{{name}}} is read {only}; leave it out.", settings=(name, "unpaired"), value=flat[name])


def _check_sizes(data: TranslationData, depth: int | None, halvings: int) -> None:
    height, width = data.size
    times = HALVINGS if depth is None else depth
    stride = 2**times
    if height % stride or width % stride:
        near = max(stride, min(height, width) // stride * stride)
        lower = "" if depth is None else ", or lower {depth}"
        raise SettingsError(
            f"Images have {width} x {height} pixels, and the network halves them {times} times: expected multiples of {stride} "
            f"(2 ** {times}). Give {{resize}} {near}{lower}.",
            settings=("resize", "depth"),
            value=data.size,
        )
    if min(data.size) >> halvings < LEAST_JUDGED:
        raise SettingsError(
            f"{{discriminator_halvings}} of {halvings} leaves {min(data.size) >> halvings} of {min(data.size)} pixels, at "
            f"least {LEAST_JUDGED} are needed; lower it.",
            settings=("discriminator_halvings",),
            value=halvings,
        )
