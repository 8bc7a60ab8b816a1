"""Word vectors, tied to the core."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from seodang.core.device import Device
from seodang.core.errors import DataError, RunError
from seodang.core.family import Evaluation, Family, Metric, Prepared, Stage, StageContext, Trained
from seodang.core.learner import Budget, Work
from seodang.core.values import Finding, Refused, Table, Text
from seodang.families.words.data import WordsData, folded, read_data, split
from seodang.families.words.derive import check_source, prepare
from seodang.families.words.evaluation import evaluate_vectors
from seodang.families.words.export import export_vectors
from seodang.families.words.kernels import library
from seodang.families.words.learner import BlockSource, EpochLoss, WordsLearner
from seodang.families.words.predictor import WordsPredictor, make_predictor, make_tables
from seodang.families.words.questions import ACTIONS, neighbour_table
from seodang.families.words.sampling import Sampler
from seodang.families.words.settings import PRESETS, WordsSettings
from seodang.families.words.tables import StepSettings
from seodang.families.words.vocabulary import WordVocabulary

WordsTrained = Trained[WordsSettings]
NEIGHBOURS = 10


class WordVectorFamily(Family[WordsSettings, WordsData, WordsPredictor]):
    """Running text in, a vector for each word out."""

    name: ClassVar[str] = "words"
    summary: ClassVar[str] = "Word vectors: which words are used alike? Learned from running text by word2vec."
    settings_type = WordsSettings
    presets: ClassVar[Mapping[str, Callable[[], dict[str, Any]]]] = PRESETS
    input_type: ClassVar[type] = Text
    output_type: ClassVar[type] = Table
    actions = ACTIONS
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("analogies", "", True, "part of Google's analogies solved, of those whose words are known"),
        Metric("wordsim_353", "", True, "rank correlation with people's judgements of relatedness, WordSim-353"),
        Metric("simlex_999", "", True, "rank correlation with people's judgements of likeness, SimLex-999"),
        Metric("men", "", True, "rank correlation with people's judgements of relatedness, MEN"),
        Metric("loss", "nats", False, "mean loss of a pair of words with its negatives, on the training text"),
    )

    def read(self, source: str, settings: WordsSettings) -> WordsData:
        """Find a text, a folder of texts or a named corpus."""
        return read_data(source, settings)

    def check(self, source: str, settings: WordsSettings) -> list[Finding]:
        """What would stop a training, or should be known before one."""
        return check_source(source, settings)

    def checksum(self, data: WordsData) -> str:
        """A hash of the text's files."""
        return data.checksum

    def describe(self, data: WordsData) -> dict[str, Any]:
        """Words, different words, licence, notes."""
        return data.facts()

    def prepare(self, data: WordsData, settings: WordsSettings) -> Prepared[WordsSettings]:
        """The vocabulary with its phrases, and what the settings left open."""
        return prepare(data, settings)

    def stages(self, settings: WordsSettings) -> tuple[Stage[WordsSettings, WordsData], ...]:
        """One."""
        return (Stage("train", train_vectors),)

    def kernels(self) -> str:
        """The C library, or none where it was not compiled."""
        return "none" if library() is None else "C"

    def predictor(self, trained: WordsTrained) -> WordsPredictor:
        """The vectors, by word."""
        vocabulary = WordVocabulary.from_json(trained.preprocessing["vocabulary"])
        return make_predictor(vocabulary, trained.settings, trained.weights["train"])

    def exported_predictor(self, engine: str, folder: Path, settings: WordsSettings, device: Device) -> WordsPredictor:
        """None: a table needs no other engine."""
        raise RunError(f"{folder}: word vectors are a table; PyTorch alone looks into it, not {engine}.")

    def predict(self, predictor: WordsPredictor, inputs: Sequence[Text]) -> list[Table | Refused]:
        """The nearest words to each word; one without a vector is refused, with near spellings."""
        answers: list[Table | Refused] = []
        for one in inputs:
            try:
                answers.append(neighbour_table(predictor, predictor.known(one.text), NEIGHBOURS))
            except DataError as error:
                answers.append(Refused(str(error).rstrip(".?")))
        return answers

    def inputs(self, source: Path, settings: WordsSettings) -> list[Text]:
        """The different words of a file, by first appearance."""
        words = (word for block in read_data(str(source), settings).blocks() for word in split(block, settings.data.tokens))
        return [Text(folded(word, settings.data.tokens)) for word in dict.fromkeys(words)]

    def evaluate(self, predictor: WordsPredictor, data: WordsData) -> Evaluation:
        """Analogies, similarities, and the loss on the training text."""
        return evaluate_vectors(predictor, data)

    def evaluate_source(self, predictor: WordsPredictor, source: str, settings: WordsSettings) -> Evaluation:
        """The same tests, with the loss on another text."""
        return evaluate_vectors(predictor, read_data(source, settings))

    def explain(self, trained: WordsTrained, predictor: WordsPredictor, data: WordsData | None, folder: Path) -> Path:
        """The report with the map."""
        from seodang.families.words.report import write_report  # matplotlib is loaded only by those who want pictures

        return write_report(trained, predictor, folder)

    def export(self, trained: WordsTrained, predictor: WordsPredictor, folder: Path) -> Path:
        """ONNX, proven equal, and word2vec's text format."""
        return export_vectors(predictor, folder)


def train_vectors(context: StageContext[WordsSettings, WordsData]) -> Work:
    """Pass after pass over the text, at a rate that falls along a line."""
    settings, device = context.settings, context.device.torch
    model, training = settings.model, settings.training
    assert training.batch_size is not None and training.learning_rate is not None
    vocabulary = WordVocabulary.from_json(context.preprocessing["vocabulary"])
    numbers = vocabulary.encode(context.data.encoded)
    step = StepSettings(model.window, model.negatives, model.method == "cbow")
    learner = WordsLearner(make_tables(vocabulary, settings, device), step, training.learning_rate)
    return Work(
        learner,
        BlockSource(numbers, Sampler(vocabulary, settings), training.batch_size, device),
        Budget(training.epochs, training.seed, "linear"),
        EpochLoss(learner),
    )


FAMILY = WordVectorFamily()
