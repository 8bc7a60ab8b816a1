"""Text classification, tied to the core."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from seodang.core.checkpoint import restore_modules
from seodang.core.device import Device
from seodang.core.family import Evaluation, Family, Metric, Prepared, Stage, StageContext, Trained
from seodang.core.learner import Budget, Work
from seodang.core.step import Stepper
from seodang.core.values import Finding, Refused, Scores, Text
from seodang.families.text.batches import Padding, TextSource
from seodang.families.text.best import best_predictor, best_stages
from seodang.families.text.data import (
    TextData,
    check_source,
    class_numbers,
    read_data,
    read_inputs,
    read_labelled,
    skipped_note,
)
from seodang.families.text.derive import prepare
from seodang.families.text.evaluation import evaluate_texts
from seodang.families.text.kernels import library
from seodang.families.text.learner import NetworkLearner, TextValidation
from seodang.families.text.model import build_network
from seodang.families.text.predictor import NetworkPredictor, TextPredictor, label_names, refusal, scores
from seodang.families.text.pretrained import fill_embedding, starting_vectors
from seodang.families.text.settings import PRESETS, TextSettings
from seodang.families.text.tokens import Vocabulary, choose_tokens
from seodang.families.text.yardstick import Yardstick

TextTrained = Trained[TextSettings]
TextContext = StageContext[TextSettings, TextData]


class TextClassification(Family[TextSettings, TextData, TextPredictor]):
    """Texts and labels in, a classifier of texts out."""

    name: ClassVar[str] = "text"
    summary: ClassVar[str] = "Text classification: which of several labels does a text deserve?"
    settings_type = TextSettings
    presets: ClassVar[Mapping[str, Callable[[], dict[str, Any]]]] = PRESETS
    engines: ClassVar[tuple[str, ...]] = ("torch", "onnx")
    input_type: ClassVar[type] = Text
    output_type: ClassVar[type] = Scores
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("accuracy", "", True, "part of the texts that get their own label"),
        Metric("macro_f1", "", True, "harmonic mean of precision and recall, averaged over classes"),
        Metric("roc_auc", "", True, "chance that a text of a class scores higher for it than one of another class"),
        Metric("calibration_error", "", False, "distance between stated probability and share of right answers"),
    )

    def read(self, source: str, settings: TextSettings) -> TextData:
        """Read, check and split labelled texts."""
        return read_data(source, settings)

    def check(self, source: str, settings: TextSettings) -> list[Finding]:
        """All problems of a source at once."""
        return check_source(source, settings)

    def checksum(self, data: TextData) -> str:
        """A hash of all texts and labels as read."""
        return data.checksum

    def describe(self, data: TextData) -> dict[str, Any]:
        """Rows of each part, classes, licence, notes."""
        return data.facts()

    def prepare(self, data: TextData, settings: TextSettings) -> Prepared[TextSettings]:
        """Kind of token, vocabulary, label names, and defaults that depend on the data."""
        prepared = prepare(data, settings)
        if settings.tokens.tokens == "morphemes":
            fitting, why = choose_tokens(data.parts["train"].texts)
            if fitting == "words":
                doubt = f"as asked, but {why}; morphemes are for Korean, here words would fit"
                return replace(prepared, reasons={"tokens": doubt, **prepared.reasons})
        return prepared

    def stages(self, settings: TextSettings) -> tuple[Stage[TextSettings, TextData], ...]:
        """One network is one stage; `best` has one for each of its members, one for views and one for the mixture."""
        unlabelled = settings.data.unlabelled is not None
        return best_stages(unlabelled) if settings.model.model == "best" else (Stage("train", train_network),)

    def kernels(self) -> str:
        """The C library of the LSTM, the convolution and the views, or none where it was not compiled."""
        return "none" if library() is None else "C"

    def predictor(self, trained: TextTrained) -> TextPredictor:
        """The network, or all members of `best`, with trained weights."""
        if trained.settings.model.model == "best":
            return best_predictor(trained)
        vocabulary = Vocabulary.from_json(trained.preprocessing["vocabulary"])
        labels = label_names(trained.preprocessing)
        network = build_network(trained.settings, len(vocabulary), len(labels)).to(trained.device.torch).eval()
        restore_modules({"network": network}, trained.weights["train"])
        return NetworkPredictor(trained.settings, vocabulary, labels, trained.device, network)

    def exported_predictor(self, engine: str, folder: Path, settings: TextSettings, device: Device) -> TextPredictor:
        """The exported model in ONNX Runtime."""
        from seodang.families.text.export import OnnxPredictor  # an extra: onnxruntime

        return OnnxPredictor.open(folder, settings, device)

    def predict(self, predictor: TextPredictor, inputs: Sequence[Text]) -> list[Scores | Refused]:
        """The probability of each label for each text; a text that is empty or has no known word is refused."""
        reasons = [refusal(predictor, one.text) for one in inputs]
        texts = [one.text for one, reason in zip(inputs, reasons, strict=True) if reason is None]
        answers = iter(predictor.probabilities(texts) if texts else ())
        return [scores(predictor.labels, next(answers)) if reason is None else Refused(reason) for reason in reasons]

    def inputs(self, source: Path, settings: TextSettings) -> list[Text]:
        """The texts of a file; a plain text file has one a line."""
        return list(read_inputs(source, settings))

    def evaluate(self, predictor: TextPredictor, data: TextData) -> Evaluation:
        """Measures on the test texts, beside n-grams with logistic regression fitted to the other texts."""
        train, test = data.parts["train"], data.parts["test"]
        seen = train.texts + data.parts["validation"].texts
        seen_labels = class_numbers(train.labels + data.parts["validation"].labels, predictor.labels)
        yardstick = Yardstick(predictor.vocabulary.kind)
        yardstick.fit(seen, seen_labels, len(predictor.labels))
        return evaluate_texts(
            source=test.source,
            texts=test.texts,
            labels=class_numbers(test.labels, predictor.labels),
            label_names=predictor.labels,
            probabilities=predictor.probabilities(test.texts),
            lengths=np.array([len(predictor.vocabulary.split(text)) for text in test.texts]),
            training_texts=seen,
            yardstick_probabilities=yardstick.probabilities(test.texts),
        )

    def evaluate_source(self, predictor: TextPredictor, source: str, settings: TextSettings) -> Evaluation:
        """Measures on other labelled texts."""
        part = read_labelled(source, settings, predictor.labels)
        evaluation = evaluate_texts(
            source=part.source,
            texts=part.texts,
            labels=class_numbers(part.labels, predictor.labels),
            label_names=predictor.labels,
            probabilities=predictor.probabilities(part.texts),
            lengths=np.array([len(predictor.vocabulary.split(text)) for text in part.texts]),
            training_texts=(),
            yardstick_probabilities=None,
        )
        return replace(evaluation, notes=(*evaluation.notes, *skipped_note(part)))

    def explain(self, trained: TextTrained, predictor: TextPredictor, data: TextData | None, folder: Path) -> Path:
        """The report."""
        from seodang.families.text.report import write_report  # matplotlib is loaded only by those who want pictures

        return write_report(trained, predictor, data, folder)

    def export(self, trained: TextTrained, predictor: TextPredictor, folder: Path) -> Path:
        """ONNX, proven equal."""
        from seodang.families.text.export import export_onnx  # an extra: onnx, onnxscript and onnxruntime

        return export_onnx(predictor, folder)


def train_network(context: TextContext) -> Work:
    """One network on the training texts, validated on the validation texts after each epoch."""
    settings, data, device = context.settings, context.data, context.device
    training = settings.training
    assert training.learning_rate is not None and training.epochs is not None and training.batch_size is not None
    vocabulary = Vocabulary.from_json(context.preprocessing["vocabulary"])
    labels = label_names(context.preprocessing)
    network = build_network(settings, len(vocabulary), len(labels)).to(device.torch)
    if settings.model.embedding is not None:
        fill_embedding(network.embedding, vocabulary, starting_vectors(settings.model.embedding))
    learner = NetworkLearner(network, training.learning_rate, training.weight_decay, Stepper(device, training.clip_norm))
    padding = Padding(settings)
    texts = {name: data.encode(name, vocabulary, settings.tokens.max_length) for name in ("train", "validation")}
    numbers = {name: class_numbers(data.parts[name].labels, labels) for name in ("train", "validation")}
    return Work(
        learner,
        TextSource(texts["train"], numbers["train"], padding, training.batch_size, device.torch),
        Budget(training.epochs, training.seed, training.schedule, training.warmup_fraction, training.patience),
        TextValidation(network, texts["validation"], numbers["validation"], padding, device),
    )


FAMILY = TextClassification()
