"""A small ensemble for tests."""

from __future__ import annotations

import numpy as np
import torch

from seodang.core.device import Device
from seodang.families.text.batches import EncodedTexts
from seodang.families.text.best import MEMBERS, BestPredictor, known_tokens, member_settings
from seodang.families.text.linear import LinearModel
from seodang.families.text.model import build_network
from seodang.families.text.ngrams import NgramFeatures
from seodang.families.text.settings import TextSettings
from seodang.families.text.tokens import SPECIAL, Vocabulary
from seodang.families.text.views import RegionViews

WORDS = tuple(f"word{number}" for number in range(40))


def ensemble(classes: int = 2) -> BestPredictor:
    """An ensemble of a fitted linear model and untrained networks."""
    settings = TextSettings().replaced(model="best")
    words = Vocabulary([*SPECIAL, *WORDS], "words")
    random = np.random.default_rng(0)
    texts = EncodedTexts.join(random.integers(1, 12, 9).astype(np.int32) for _ in range(60))
    features, present = NgramFeatures.fit(known_tokens(texts), 3)
    linear = LinearModel.fit(present, np.eye(classes)[np.arange(60) % classes])
    torch.manual_seed(0)
    views = RegionViews(torch.randn(2, len(words), 16) * 0.3, torch.full((2, 16), 0.1))
    networks = {name: build_network(member_settings(settings), len(words), classes, views).eval() for name in MEMBERS}
    for network in networks.values():
        network.embedding.weight.data.mul_(30)
    labels = tuple(f"class {number}" for number in range(classes))
    device = Device("cpu", "f32", 1, "test")
    bias = torch.full((1 if classes == 2 else classes,), 0.3)
    return BestPredictor(settings, words, labels, device, features, linear, networks, torch.tensor([0.6, 0.3, 0.2]), bias)
