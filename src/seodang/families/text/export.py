"""Export: an ONNX model with its vocabulary, kept only when ONNX Runtime has proven it equal to the trained network."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from seodang.core.device import Device
from seodang.core.errors import ExportError, RunError
from seodang.data.tokens import TAG, WORD
from seodang.families.text.batches import EncodedTexts, Padding, reading_order
from seodang.families.text.best import BestPredictor
from seodang.families.text.head import TextNetwork
from seodang.families.text.learner import SCORING_BATCH, class_probabilities, network_logits
from seodang.families.text.mixture import mix
from seodang.families.text.onnx_best import ExportedBest, known_sequences
from seodang.families.text.onnx_graph import ExportedNetwork, onnx_model
from seodang.families.text.predictor import NetworkPredictor, TextPredictor
from seodang.families.text.settings import TextSettings
from seodang.families.text.tokens import PADDING, SPACE, UNKNOWN, TokenKind, Vocabulary
from seodang.nn.onnx import answers, exported_model, leaving_nothing, need_packages, open_session, proof, told, write_export

Exportable = NetworkPredictor | BestPredictor

VOCABULARY = "vocabulary.json"

TRACED_LENGTH = 23  # of the texts that the exporter sees; the model takes any
PROOF_TEXTS, PROOF_SEED = 1000, 0
PROOF_BATCHES = (1, 2, 3, 8, 32, 64)
TOLERANCE = 1e-4

TOKEN_RULES: dict[TokenKind, list[str]] = {
    "words": [f"tokens are the matches of the regular expression {WORD.pattern}"],
    "syllables": [f"fold each run of white space to {SPACE}, none at either end", "every character is a token"],
    "morphemes": ["split by kiwipiepy's Kiwi().tokenize; a token is form/tag"],
}


def export_onnx(predictor: TextPredictor, folder: Path) -> Path:
    """Write model.onnx, vocabulary.json and proof.json.

    Args:
        predictor: A trained classifier.
        folder: Where the files go; nothing is left there when the proof fails.

    Returns: The path of the model.
    Raises:
        MissingExtraError: onnx, onnxscript or onnxruntime is not installed.
        ExportError: The model is of a kind without an ONNX form, or ONNX Runtime disagrees with it.
    """
    need_packages()
    with leaving_nothing(folder):
        plain = _plain(predictor)
        model = onnx_model(_exported(plain), TRACED_LENGTH)
        proven = prove(plain, model)
    return write_export(folder, model, proven, vocabulary=vocabulary_json(predictor))


def prove(predictor: Exportable, model: bytes) -> dict[str, Any]:
    """Run both on the same random texts, in batches of several sizes and lengths.

    Args:
        predictor: The classifier on the CPU in f32.
        model: What `onnx_model` made of it.

    Returns: How many texts, of which lengths and batch sizes, and the largest difference of a probability or logit.
    Raises:  ExportError: The largest difference is above the tolerance.
    """
    session, random = open_session(model, predictor.device.threads), np.random.default_rng(PROOF_SEED)
    lengths = _proof_lengths(predictor.settings, random)
    sizes: list[int] = []
    differences: list[float] = []
    while sum(sizes) < PROOF_TEXTS:
        size = min(PROOF_BATCHES[len(sizes) % len(PROOF_BATCHES)], PROOF_TEXTS - sum(sizes))
        texts = _proof_texts(predictor, lengths[sum(sizes) : sum(sizes) + size], random)
        expected = _logits(predictor, texts)
        probabilities, logits = _run(session, texts, np.arange(size))
        differences.append(float(np.abs(class_probabilities(expected).numpy() - probabilities).max()))
        differences.append(float(np.abs(expected.numpy() - logits).max()))
        sizes.append(size)
    worst = float(np.max(differences))  # nan if any is
    compared = "probabilities and logits of ONNX Runtime with those of PyTorch, both in f32 on the CPU"
    on = {"texts": sum(sizes), "lengths": sorted(set(lengths.tolist())), "batch_sizes": sorted(set(sizes))}
    return proof(worst, TOLERANCE, compared, on, within=f" on {PROOF_TEXTS:,} texts")


def vocabulary_json(predictor: TextPredictor) -> dict[str, Any]:
    """All that another program needs to turn a text into the model's inputs and its outputs into a label."""
    vocabulary, reads = predictor.vocabulary, tokens_read(predictor.settings)
    rules = [
        f"replace every match of the regular expression {TAG.pattern} by a space",
        "resolve HTML entities; fold case as Unicode's full case folding does; compose letters and accents (NFC)",
        *TOKEN_RULES[vocabulary.kind],
        f"a token's number is its place in the list of tokens, from 0; {UNKNOWN} for one that is not there",
        *([] if reads is None else [f"keep the first {reads} tokens"]),
        "a text without any token is one unknown token",
        f"fill each text of a batch with {PADDING} behind its end to one length; the model pads further by itself",
    ]
    return {
        "labels": list(predictor.labels),
        "max_length": reads,
        "inputs": {
            "tokens": "(batch, length), int64, numbers of the tokens",
            "lengths": "(batch,), int64, tokens of each text",
        },
        "outputs": {
            "probabilities": "(batch, classes), float32, in the order of the labels",
            "logits": "(batch, 1), of the second label" if len(predictor.labels) == 2 else "(batch, classes)",
        },
        "text_to_tokens": rules,
        **vocabulary.to_json(),
    }


def tokens_read(settings: TextSettings) -> int | None:
    """How many tokens of a text go into the model; None for all of them."""
    return None if settings.model.model == "best" else settings.tokens.max_length


@dataclass(frozen=True)
class OnnxPredictor:
    """An exported model in ONNX Runtime; the same answers as the network it was made from."""

    settings: TextSettings
    vocabulary: Vocabulary
    labels: tuple[str, ...]
    device: Device
    model: Path

    @classmethod
    def open(cls, folder: Path, settings: TextSettings, device: Device) -> OnnxPredictor:
        """The model that `export_onnx` wrote into a folder.

        Args:
            folder: The run's export folder.
            settings: The settings of the run, as resolved.
            device: Its number of threads is used; the model runs on the CPU.

        Raises:
            MissingExtraError: onnxruntime is not installed.
            RunError: Nothing was exported, or the files are damaged.
        """
        need_packages()
        model = exported_model(folder)
        try:
            content = told(folder / VOCABULARY)
            vocabulary, labels = Vocabulary.from_json(content), tuple(content["labels"])
        except (ValueError, KeyError) as error:
            raise RunError(f"{folder / VOCABULARY}: not readable ({error}); export the run again.") from error
        return cls(settings, vocabulary, labels, device, model)

    @cached_property
    def session(self) -> Any:
        """The model, loaded on first use."""
        return open_session(self.model.read_bytes(), self.device.threads)

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The probability of each class for each text, (texts, classes), float32."""
        encoded = EncodedTexts.join(self._encode(text) for text in texts).filled()
        found = np.empty((len(texts), len(self.labels)), np.float32)
        for rows in reading_order(encoded, SCORING_BATCH):
            found[rows] = _run(self.session, encoded, rows)[0]
        return found

    def known_share(self, text: str) -> float:
        """Part of a text's tokens that the vocabulary knows, 0 to 1."""
        numbers = self._encode(text)
        return float(np.mean(numbers != UNKNOWN)) if len(numbers) else 0.0

    def _encode(self, text: str) -> NDArray[np.int32]:
        return self.vocabulary.encode(self.vocabulary.split(text)[: tokens_read(self.settings)])


def _plain(predictor: TextPredictor) -> Exportable:
    """The same classifier in f32 on the CPU."""
    device = Device("cpu", "f32", predictor.device.threads, "the proof compares f32 with f32")
    if isinstance(predictor, NetworkPredictor):
        return replace(predictor, device=device, network=_plain_network(predictor.network))
    if isinstance(predictor, BestPredictor):
        networks = {name: _plain_network(network) for name, network in predictor.networks.items()}
        return replace(predictor, device=device, networks=networks)
    raise ExportError(f"A {type(predictor).__name__} has no form in ONNX.")


def _plain_network(network: TextNetwork) -> TextNetwork:
    return copy.deepcopy(network).cpu().float().eval()


def _exported(predictor: Exportable) -> nn.Module:
    if isinstance(predictor, BestPredictor):
        return ExportedBest(predictor)
    return ExportedNetwork(predictor.network, Padding(predictor.settings))


def _logits(predictor: Exportable, texts: EncodedTexts) -> Tensor:
    """What PyTorch says, (texts, outputs)."""
    if isinstance(predictor, BestPredictor):
        return mix(predictor.member_logits(texts), predictor.weights, predictor.bias)
    return network_logits(predictor.network, texts, Padding(predictor.settings), predictor.device)


def _proof_texts(predictor: Exportable, lengths: NDArray[np.int64], random: np.random.Generator) -> EncodedTexts:
    """Random texts of some lengths: any tokens for a network, n-grams that it knows for `best`."""
    if isinstance(predictor, BestPredictor):
        return known_sequences(predictor, lengths, random)
    return EncodedTexts.join(random.integers(1, len(predictor.vocabulary), n, dtype=np.int32) for n in lengths.tolist())


def _proof_lengths(settings: TextSettings, random: np.random.Generator) -> NDArray[np.int64]:
    """Lengths of the texts of the proof: 1, shorter than a filter, the longest and one less, and many between."""
    most = settings.tokens.max_length
    special = {1, 2, max(1, settings.model.kernel_size - 1), settings.model.kernel_size, most - 1, most}
    edges = np.array(sorted(length for length in special if 1 <= length <= most))
    between = np.exp(random.uniform(0, np.log(most), 30)).astype(np.int64)
    return random.choice(np.concatenate([edges, between]), PROOF_TEXTS)


def _run(session: Any, texts: EncodedTexts, rows: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Probabilities and logits of some texts, padded no further than the longest of them."""
    lengths = texts.lengths[rows]
    inputs = {"tokens": texts.padded(rows, int(lengths.max())), "lengths": lengths}
    probabilities, logits = answers(
        session, ["probabilities", "logits"], inputs, f"{len(rows)} texts of {lengths.max()} tokens"
    )
    return probabilities, logits
