"""Language models, tied to the core."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from seodang.core.checkpoint import restore_modules
from seodang.core.device import Device
from seodang.core.errors import DataError
from seodang.core.family import Action, Evaluation, Family, Metric, Prepared, Stage, Trained
from seodang.core.values import Finding, Refused, Scores, Text
from seodang.data.corpus import read_corpus
from seodang.families.language.data import LanguageData, check_source, read_data
from seodang.families.language.derive import prepare
from seodang.families.language.evaluation import evaluate_data, evaluate_text
from seodang.families.language.kernels import library
from seodang.families.language.model import build_network
from seodang.families.language.ngram_rows import NgramRows
from seodang.families.language.pacing import pace
from seodang.families.language.predictor import LanguagePredictor, NetworkPredictor, unseen
from seodang.families.language.settings import PRESETS, LanguageSettings
from seodang.families.language.tokens import Vocabulary
from seodang.families.language.training import train_network
from seodang.families.language.writing import generate

LanguageTrained = Trained[LanguageSettings]


class Language(Family[LanguageSettings, LanguageData, LanguagePredictor]):
    """A text in, a model of what comes next out."""

    name: ClassVar[str] = "language"
    summary: ClassVar[str] = "Language models: what comes next in a text?"
    settings_type = LanguageSettings
    presets: ClassVar[Mapping[str, Callable[[], dict[str, Any]]]] = PRESETS
    engines: ClassVar[tuple[str, ...]] = ("torch", "onnx")
    input_type: ClassVar[type] = Text
    output_type: ClassVar[type] = Scores
    actions: ClassVar[Mapping[str, Action]] = {"generate": generate}
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("nats", "nats a token", False, "surprise at the next token: minus the logarithm of its probability"),
        Metric("bits_per_character", "bits", False, "the same for each character, to base 2, whatever a token is"),
        Metric("perplexity", "", False, "among how many equally likely tokens the model as good as hesitates"),
    )

    def read(self, source: str, settings: LanguageSettings) -> LanguageData:
        """Read and cut a text."""
        return read_data(source, settings)

    def check(self, source: str, settings: LanguageSettings) -> list[Finding]:
        """All that is noticeable about a text."""
        return check_source(source, settings)

    def checksum(self, data: LanguageData) -> str:
        """A hash of the text."""
        return data.corpus.checksum

    def describe(self, data: LanguageData) -> dict[str, Any]:
        """Characters of each part, licence, notes."""
        return data.facts()

    def prepare(self, data: LanguageData, settings: LanguageSettings) -> Prepared[LanguageSettings]:
        """Vocabulary, and defaults that depend on the text."""
        return prepare(data, settings)

    def pace(self, prepared: Prepared[LanguageSettings], data: LanguageData, device: Device) -> Prepared[LanguageSettings]:
        """Minutes become steps."""
        return pace(prepared, data, device)

    def stages(self, settings: LanguageSettings) -> tuple[Stage[LanguageSettings, LanguageData], ...]:
        """One."""
        return (Stage("train", train_network),)

    def kernels(self) -> str:
        """The C library of the LSTM's steps, or none where it was not compiled; NumPy takes the steps of generation."""
        return "none" if library() is None else "C"

    def predictor(self, trained: LanguageTrained) -> LanguagePredictor:
        """The network with trained weights."""
        vocabulary = Vocabulary.from_json(trained.preprocessing["vocabulary"])
        sizes = trained.preprocessing.get("ngrams")
        ngrams = NgramRows(vocabulary.size, sizes) if sizes else None
        network = build_network(trained.settings, vocabulary.size, ngrams).to(trained.device.torch).eval()
        restore_modules({"network": network}, trained.weights["train"])
        return NetworkPredictor(trained.settings, vocabulary, trained.device, network)

    def exported_predictor(self, engine: str, folder: Path, settings: LanguageSettings, device: Device) -> LanguagePredictor:
        """The exported step in ONNX Runtime."""
        from seodang.families.language.export import open_exported  # an extra: onnxruntime

        return open_exported(folder, settings, device)

    def predict(self, predictor: LanguagePredictor, inputs: Sequence[Text]) -> list[Scores | Refused]:
        """What comes next after each text: the likeliest token, and the probability of each."""
        return [_answer(predictor, one.text) for one in inputs]

    def inputs(self, source: Path, settings: LanguageSettings) -> list[Text]:
        """The lines of a file that are not empty."""
        return [Text(line) for line in read_corpus(str(source)).text.splitlines() if line]

    def evaluate(self, predictor: LanguagePredictor, data: LanguageData) -> Evaluation:
        """Measures on the held-out end of the text, beside n-grams; dynamic evaluation in a table of its own."""
        return evaluate_data(predictor, data)

    def evaluate_source(self, predictor: LanguagePredictor, source: str, settings: LanguageSettings) -> Evaluation:
        """Measures on another text, whole, with nothing before it."""
        corpus = read_corpus(source)
        nats = predictor.nats(corpus.text)
        if not len(nats):
            raise DataError(f"{corpus.source}: one token; two are needed at least, so that one can be foreseen.")
        return evaluate_text(corpus.source, predictor.vocabulary, corpus.text, nats)

    def explain(self, trained: LanguageTrained, predictor: LanguagePredictor, data: LanguageData | None, folder: Path) -> Path:
        """The report."""
        from seodang.families.language.report import write_report  # matplotlib is loaded only by those who want pictures

        return write_report(trained, predictor, data, folder)

    def export(self, trained: LanguageTrained, predictor: LanguagePredictor, folder: Path) -> Path:
        """ONNX, one step, proven equal."""
        from seodang.families.language.export import export_onnx  # an extra: onnx, onnxscript and onnxruntime

        return export_onnx(predictor, folder)


def _answer(predictor: LanguagePredictor, text: str) -> Scores | Refused:
    if not text:
        return Refused("text is empty")
    reason = unseen(text, predictor.vocabulary)
    return predictor.next_token(text) if reason is None else Refused(reason)


FAMILY = Language()
