"""What the images tell of the settings left open, each with its reason."""

from __future__ import annotations

from typing import Any

import torch

from seodang.core.errors import DataError, SettingsError
from seodang.core.family import Prepared
from seodang.core.settings import MOST_EPOCHS
from seodang.data.records import counted
from seodang.families.translation.data import LEAST_SIDE, MOST_SIDE, TranslationData
from seodang.families.translation.resnet import HALVINGS
from seodang.families.translation.settings import TranslationSettings

BASES = {"pairs": {"CPU": 32, "GPU": 64}, "unpaired": {"CPU": 24, "GPU": 64}}
BATCH_SIZES = {"pairs": 4, "unpaired": 1}
LEARNING_RATES = {"pairs": 4e-4, "unpaired": 2e-4}  # for batches of these sizes
LEAST_BOTTOM, MOST_DEPTH = 4, 7  # pixels that the last level has at least, and levels at most
LEAST_DEPTH = 2  # levels below which an answer sees a few pixels alone
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
    most = max(LEAST_DEPTH, min(MOST_DEPTH, (side // LEAST_BOTTOM).bit_length() - 1))
    depth = flat["depth"] or _times_halved(data.size, most)
    base = flat["base_channels"] or BASES[way][place]
    batch = flat["batch_size"] or BATCH_SIZES[way]
    plan = -(-len(data.parts["train"]) // batch)
    wanted = max(1, -(-(flat["steps"] or STEPS) // plan))
    epochs = flat["epochs"] or (None if flat["minutes"] else min(wanted, MOST_EPOCHS))
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
        "epochs": (epochs, _why_so_long(flat["steps"], wanted)),
        "judge_steps": (JUDGE_STEPS, "of each of the two judges"),
    }
    if unpaired:
        derived["contrast_weight"] = CONTRAST_WEIGHT, "as in the paper"
    else:
        derived |= {
            "depth": (depth, _why_so_deep(data.size, depth, most)),
            "dropout": (DROPOUT, "as in the paper"),
            "l1_weight": (L1_WEIGHT, "as in the paper"),
        }
    values = {name: value if flat[name] is None else flat[name] for name, (value, _) in derived.items()}
    if unpaired:
        _check_halving(data.size, HALVINGS, HALVINGS)
    else:
        _check_halving(data.size, values["depth"], flat["depth"] or most, given=flat["depth"] is not None)
    _check_discriminator(side, values["discriminator_halvings"])
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


def _times_halved(size: tuple[int, int], most: int) -> int:
    """How often both sides can be halved without a rest, up to what makes sense; `LEAST_DEPTH` where that is too often."""
    height, width = size
    fitting = (times for times in range(most, LEAST_DEPTH, -1) if not (height % 2**times or width % 2**times))
    return next(fitting, LEAST_DEPTH)


def _why_so_deep(size: tuple[int, int], depth: int, most: int) -> str:
    height, width = size
    if depth == most:
        return f"images of {width} x {height} pixels are {min(size) >> depth} high or wide at the bottom"
    near = _nearest(min(size), most)
    return f"{width} x {height} pixels can be halved no oftener; {near} x {near} could, {most} times"


def _why_so_long(steps: int | None, wanted: int) -> str:
    if wanted > MOST_EPOCHS:
        return f"the most there are; {steps or STEPS:,} steps would need {wanted:,}"
    return f"about {STEPS:,} steps" if steps is None else "as many as the steps need"


def _nearest(side: int, times: int) -> int:
    """The side nearest to another that can be halved so often and be learned from."""
    stride = int(2**times)
    return min(MOST_SIDE, max(LEAST_SIDE, stride, round(side / stride) * stride))


def _check_halving(size: tuple[int, int], times: int, better: int, *, given: bool = False) -> None:
    """Refuse sides that cannot be halved without a rest.

    Args:
        size: Height and width.
        times: How often they are to be.
        better: How often those of the size that is advised can be.
        given: Whether the user asked for so many.

    Raises: SettingsError: There is a rest.
    """
    height, width = size
    stride = 2**times
    if height % stride or width % stride:
        lower = ", or lower {depth}" if given and not (height % 2 or width % 2) else ""
        raise SettingsError(
            f"Images have {width} x {height} pixels, and the network halves them {counted(times, 'time')}: expected multiples "
            f"of {stride} (2 ** {times}). Give {{resize}} {_nearest(min(size), better)}{lower}.",
            settings=("resize", "depth"),
            value=size,
        )


def _check_discriminator(side: int, halvings: int) -> None:
    if side >> halvings < LEAST_JUDGED:
        raise SettingsError(
            f"{{discriminator_halvings}} of {halvings} leaves {side >> halvings} of {side} pixels, at least {LEAST_JUDGED} are "
            "needed; lower it.",
            settings=("discriminator_halvings",),
            value=halvings,
        )
