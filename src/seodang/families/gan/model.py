"""The networks that resolved settings ask for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import torch
from torch import nn

from seodang.families.gan.dcgan import DcganDiscriminator, DcganGenerator
from seodang.families.gan.dense import DenseDiscriminator, DenseGenerator
from seodang.families.gan.r3gan import R3ganDiscriminator, R3ganGenerator
from seodang.families.gan.settings import GanSettings

_NETWORKS = {
    "dense": (DenseGenerator, DenseDiscriminator),
    "dcgan": (DcganGenerator, DcganDiscriminator),
    "r3gan": (R3ganGenerator, R3ganDiscriminator),
}


class Networks(NamedTuple):
    """The two that learn from each other."""

    generator: nn.Module
    discriminator: nn.Module


def build_networks(settings: GanSettings, preprocessing: Mapping[str, Any], device: torch.device) -> Networks:
    """Generator and discriminator with fresh weights, laid out as convolutions read them fastest: channels last."""
    base = settings.model.base_channels
    assert base is not None, "resolved"
    size, channels = preprocessing["size"], preprocessing["channels"]
    num_classes = len(preprocessing["class_names"]) if settings.data.conditional else 0
    make_generator, make_discriminator = _NETWORKS[settings.model.model]
    generator = make_generator(settings.model.latent_dim, num_classes, size, channels, base)
    discriminator = make_discriminator(num_classes, size, channels, base)
    return Networks(_placed(generator, device), _placed(discriminator, device))


def _placed(network: nn.Module, device: torch.device) -> nn.Module:
    return cast(nn.Module, cast(Any, network.to(device)).to(memory_format=torch.channels_last))
