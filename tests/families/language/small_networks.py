"""Small networks of every kind, their weights far enough from 0 that a swapped gate shows; and the contract's small text."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import seodang
from seodang.core.device import Device
from seodang.families.language.kneser_ney import KneserNey
from seodang.families.language.model import LanguageNetwork
from seodang.families.language.ngram_rows import NgramRows
from seodang.families.language.predictor import NetworkPredictor
from seodang.families.language.settings import LanguageSettings
from seodang.families.language.tokens import Vocabulary

CELLS = ("rnn", "lstm", "gru", "minlstm")
CPU = Device("cpu", "f32", 1, "test")
LETTERS = "abcdefgh \n"


def ngrams(order: int, num_tokens: int = 11) -> NgramRows:
    """N-grams of a text that leans on the token before, all tokens but the last in it."""
    draws = np.random.default_rng(1).integers(0, num_tokens - 1, 300)
    draws[1:] = np.where(draws[1:] % 3 == 0, (draws[:-1] * 5 + 1) % (num_tokens - 1), draws[1:])
    return NgramRows.of(KneserNey.fit(draws.astype(np.int32), num_tokens, order))


def network(cell: str, num_tokens: int = 11, seed: int = 0, order: int = 0, **shape: Any) -> LanguageNetwork:
    torch.manual_seed(seed)
    shape["ngrams"] = ngrams(order, num_tokens) if order else None
    made = LanguageNetwork(num_tokens, cell, **{"embedding_dim": 6, "hidden_size": 7, **shape})  # type: ignore[arg-type]
    for parameter in made.parameters():
        parameter.data.add_(0.3 * torch.randn_like(parameter))
    return made.eval()


def predictor(cell: str = "lstm", letters: str = LETTERS, **shape: Any) -> NetworkPredictor:
    vocabulary = Vocabulary.fit(letters, "characters", None)
    made = network(cell, vocabulary.size, **shape)
    settings = LanguageSettings().replaced(model=cell, num_layers=len(made.layers), ngrams=shape.get("order", 0))
    return NetworkPredictor(settings, vocabulary, CPU, made)


def contents(run: seodang.Run) -> dict[str, bytes]:
    """All that must not depend on interruptions."""
    paths = [*(run.path / "checkpoints").glob("*-best.safetensors"), run.path / "metrics.jsonl", run.path / "evaluation.json"]
    return {path.name: path.read_bytes() for path in paths}


def sample() -> Callable[[Path], str]:
    """The maker of the contract's text; a plain import might find another family's `contract`."""
    spec = importlib.util.spec_from_file_location("language_contract", Path(__file__).with_name("contract.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made: Callable[[Path], str] = module.SAMPLE
    return made


SAMPLE = sample()
