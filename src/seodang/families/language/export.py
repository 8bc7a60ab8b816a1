"""Export: one step of the network as an ONNX model, kept only when ONNX Runtime has proven it equal to the network.

The model reads one token of each stream and the state before, and gives logits, probabilities and the state after; whoever
hands that state to the next call reads a text, however long. What n-grams expect is looked up, which ONNX has no operation for:
their tables lie beside the model, and their log-probabilities are one more input.
"""

from __future__ import annotations

import copy
import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seodang.core.device import Device
from seodang.core.errors import ExportError, RunError
from seodang.core.files import write_bytes
from seodang.families.language.model import LanguageNetwork
from seodang.families.language.ngram_rows import NgramRows, NgramSteps
from seodang.families.language.onnx_step import OnnxStep
from seodang.families.language.predictor import LanguagePredictor, NetworkPredictor
from seodang.families.language.scoring import Nats, stepped_nats
from seodang.families.language.settings import LanguageSettings
from seodang.families.language.stepping import Floats
from seodang.families.language.tokens import Vocabulary
from seodang.nn.onnx import (
    answers,
    exported,
    exported_model,
    leaving_nothing,
    need_packages,
    open_session,
    proof,
    told,
    write_export,
)

VOCABULARY, NGRAMS = "vocabulary.json", "ngrams.npz"
PROOF_SEED, PROOF_STEPS, PROOF_BATCHES = 0, 100, (1, 2, 7)
TOLERANCE = 1e-4
INPUTS, OUTPUTS = ("tokens", "state", "known"), ("logits", "probabilities", "state_after")
"""`known` only of networks that build on n-grams."""

TOKEN_RULES = {
    "characters": ["every character (code point) is a token"],
    "bytes": ["every byte of the text in UTF-8 is a token, and its number is its value"],
    "jamo": ["every Hangul syllable becomes its two or three conjoining jamo (NFD); every other character is a token"],
    "words": [
        "words, numbers, marks and newlines are tokens; a mark's token is written with the spaces it has",
        'a number keeps its points and commas, a word its apostrophes; the ending of "film\'s" is a token of its own',
    ],
}


NGRAM_RULES = (
    f"{NGRAMS} holds keys_n, shares_n and weights_n of the n-grams of n = 1, 2 and so on tokens",
    "an n-gram's place is where its key stands in keys_n, from 0; the empty n-gram's place is 0",
    "its key is the place of all its tokens but the last, times the size of the vocabulary, plus its last token",
    "after no tokens: probabilities = weights_1[0] / size, plus shares_1 at the tokens keys_1",
    "after more: h is the place of the last n - 1 tokens; probabilities = weights_n[h] times those after the last n - 2,",
    "plus shares_n of the n-grams with h * size <= key < (h + 1) * size, each at the token key - h * size",
    "the last n - 1 tokens are no n-gram of the text: the probabilities are those after the last n - 2",
    "known is the logarithm of the probabilities for the largest n, or for as many tokens as were read yet",
)


def export_onnx(predictor: LanguagePredictor, folder: Path) -> Path:
    """Write model.onnx, vocabulary.json and proof.json, and ngrams.npz where the network builds on n-grams.

    Args:
        predictor: A trained model in PyTorch.
        folder: Where the files go; nothing is left there when the proof fails.

    Returns: The path of the model.
    Raises:
        MissingExtraError: onnx, onnxscript or onnxruntime is not installed.
        ExportError: The model is in no network of PyTorch, or ONNX Runtime disagrees with it.
    """
    need_packages()
    with leaving_nothing(folder):
        if not isinstance(predictor, NetworkPredictor):
            raise ExportError(f"A {type(predictor).__name__} is exported already; load the run with engine torch.")
        network = copy.deepcopy(predictor.network).cpu().float().eval()
        model = onnx_model(network)
        proven = prove(network, model, predictor.device)
    if network.ngrams is not None:
        write_bytes(folder / NGRAMS, ngram_tables(network.ngrams))
    return write_export(folder, model, proven, vocabulary=vocabulary_json(predictor.vocabulary, network))


def onnx_model(network: LanguageNetwork) -> bytes:
    """One step as a serialized ONNX model of any number of streams.

    Raises: ExportError: The exporter refuses the network.
    """
    streams = torch.export.Dim("streams")
    examples = (torch.zeros(2, dtype=torch.int64), start_state(network, 2), torch.zeros(2, network.output.out_features))
    shapes: dict[str, Any] = {"tokens": {0: streams}, "state": {1: streams}, "known": {0: streams}}
    count = len(INPUTS) if network.ngrams is not None else len(INPUTS) - 1
    return exported(OnnxStep(network), examples[:count], {name: shapes[name] for name in INPUTS[:count]}, OUTPUTS)


def prove(network: LanguageNetwork, model: bytes, device: Device) -> dict[str, Any]:
    """Read the same random tokens with both, ONNX step by step with its own state, PyTorch whole.

    Returns: What was compared, and the largest difference of a logit, a probability or the last state.
    Raises:  ExportError: It is above the tolerance, or ONNX Runtime refuses the model.
    """
    random = np.random.default_rng(PROOF_SEED)
    steps = OnnxSteps(open_session(model, device.threads), None if network.ngrams is None else NgramSteps.of(network.ngrams))
    differences = []
    for batch in PROOF_BATCHES:
        tokens = random.integers(network.embedding.num_embeddings, size=(batch, PROOF_STEPS))
        with torch.inference_mode():
            logits, after = network(torch.from_numpy(tokens), network.start(batch))
            expected = (logits.numpy(), torch.softmax(logits, 2).numpy())
        state = steps.start(batch)
        for step in range(PROOF_STEPS):
            *found, state = steps.outputs(tokens[:, step], state)
            differences += [np.abs(ours[:, step] - theirs).max() for ours, theirs in zip(expected, found, strict=True)]
        differences += [np.abs(ours.numpy() - theirs).max(initial=0) for ours, theirs in zip(after, state, strict=True)]
    worst = float(np.max(differences))  # nan if any is
    compared = "logits, probabilities and last state of ONNX Runtime, step by step, and PyTorch's, in f32 on the CPU"
    on = {"steps": PROOF_STEPS, "streams": list(PROOF_BATCHES)}
    return proof(worst, TOLERANCE, compared, on, within=f" within {PROOF_STEPS} steps")


def start_state(network: LanguageNetwork, streams: int) -> Tensor:
    """What the recurrent layers remember before anything is read, (num_layers * num_states, streams, hidden_size)."""
    return torch.stack(network.start(streams)[: len(network.layers) * network.num_states])


def ngram_tables(ngrams: NgramRows) -> bytes:
    """The tables of n-grams as an .npz file, arrays by name as in the network."""
    file = io.BytesIO()
    np.savez(file, **{name: tensor.cpu().numpy() for name, tensor in ngrams.named_buffers()})  # type: ignore[arg-type]
    return file.getvalue()


def vocabulary_json(vocabulary: Vocabulary, network: LanguageNetwork) -> dict[str, Any]:
    """All that another program needs to turn a text into the model's inputs and its outputs into text."""
    parts = len(start_state(network, 1))
    known = {
        "known": f"(streams, {vocabulary.size}), float32, log-probabilities of the n-grams after each token, from {NGRAMS}",
    }
    return {
        "inputs": {
            "tokens": "(streams,), int64, the number of one token of each stream",
            "state": f"({parts}, streams, {network.hidden_size}), float32, zeros before a text, then state_after each time",
            **({} if network.ngrams is None else known),
        },
        "outputs": {
            "logits": f"(streams, {vocabulary.size}), float32, of the token that comes next",
            "probabilities": "the same shape",
            "state_after": "the shape of state",
        },
        "text_to_tokens": [
            *TOKEN_RULES[vocabulary.kind],
            "a token's number is its place in the list of tokens, from 0",
            *([] if vocabulary.kind == "bytes" else ["0 for one that is not there"]),
        ],
        **({} if network.ngrams is None else {"ngrams": list(NGRAM_RULES)}),
        **vocabulary.to_json(),
    }


@dataclass(frozen=True)
class OnnxPredictor(LanguagePredictor):
    """An exported model in ONNX Runtime."""

    model: Path

    @cached_property
    def steps(self) -> OnnxSteps:
        """The model for one token at a time."""
        session = open_session(self.model.read_bytes(), self.device.threads)
        tables = self.model.with_name(NGRAMS)
        return OnnxSteps(session, read_ngrams(tables, self.vocabulary.size) if self.settings.model.ngrams else None)

    def nats(self, text: str, history: str = "") -> Nats:
        """Surprise at each token of a text after the text before it."""
        before = self.vocabulary.encode(history) if history else None
        return stepped_nats(self.steps, self.vocabulary.encode(text), before)


class OnnxSteps:
    """The steps of an exported model, with the n-grams that it builds on, if it does."""

    def __init__(self, session: Any, ngrams: NgramSteps | None) -> None:
        self.session, self.ngrams = session, ngrams
        inputs, outputs = session.get_inputs(), session.get_outputs()
        self.parts, _, self.hidden_size = next(one.shape for one in inputs if one.name == "state")
        self._num_tokens: int = next(one.shape[1] for one in outputs if one.name == "logits")

    @property
    def num_tokens(self) -> int:
        """Tokens of the vocabulary."""
        return self._num_tokens

    def start(self, streams: int) -> list[Floats]:
        """The state before anything is read."""
        state = [np.zeros((streams, self.hidden_size), np.float32) for _ in range(self.parts)]
        return state if self.ngrams is None else [*state, self.ngrams.start(streams)]

    def step(self, tokens: NDArray[np.int64], state: list[Floats]) -> tuple[Floats, list[Floats]]:
        """Read one token of each stream."""
        logits, _, after = self.outputs(tokens, state)
        return logits, after

    def outputs(self, tokens: NDArray[np.int64], state: list[Floats]) -> tuple[Floats, Floats, list[Floats]]:
        """The same with probabilities: logits, probabilities, state after."""
        inputs = {"tokens": tokens, "state": np.stack(state[: self.parts])}
        last = []
        if self.ngrams is not None:
            inputs["known"], after = self.ngrams.step(tokens, state[-1])
            last = [after]
        logits, probabilities, after = answers(self.session, OUTPUTS, inputs, f"{len(tokens)} streams")
        return logits, probabilities, [*after, *last]


def read_ngrams(path: Path, num_tokens: int) -> NgramSteps:
    """The n-grams that `export_onnx` wrote.

    Raises: RunError: The file is missing or damaged.
    """
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as tables:
            names = ("keys", "shares", "weights")
            levels = [tuple(tables[f"{name}_{n}"] for name in names) for n in range(1, len(tables) // len(names) + 1)]
    except (OSError, KeyError, ValueError, BadZipFile) as error:
        raise RunError(f"{path}: not readable ({error}); export the run again.") from error
    return NgramSteps(num_tokens, levels)


def open_exported(folder: Path, settings: LanguageSettings, device: Device) -> OnnxPredictor:
    """The model that `export_onnx` wrote into a folder.

    Raises:
        MissingExtraError: onnxruntime is not installed.
        RunError: Nothing was exported, or the files are damaged.
    """
    need_packages()
    model = exported_model(folder)
    try:
        vocabulary = Vocabulary.from_json(told(folder / VOCABULARY))
    except ValueError as error:
        raise RunError(f"{folder / VOCABULARY}: not readable ({error}); export the run again.") from error
    return OnnxPredictor(settings, vocabulary, device, model)
