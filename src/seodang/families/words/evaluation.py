"""How good word vectors are: Google's analogies, people's judgements of similarity, the loss beside that of no knowledge."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from seodang.core.errors import DataError, MachineError
from seodang.core.family import Evaluation, Measure
from seodang.core.seeds import mix
from seodang.core.values import Table
from seodang.data.named import load_named
from seodang.data.tables import PlainTexts
from seodang.data.word_vectors import WordVectors
from seodang.families.words.data import WordsData
from seodang.families.words.learner import mean_loss
from seodang.families.words.predictor import WordsPredictor
from seodang.families.words.sampling import Sampler
from seodang.families.words.tables import StepSettings
from seodang.families.words.yardstick import YARDSTICK_WORDS, ppmi_vectors

SIMILARITIES = {"wordsim_353": "wordsim-353", "simlex_999": "simlex-999", "men": "men"}
ANALOGIES = "google-analogies"
ANALOGY_BATCH = 512
LEAST_PAIRS = 10  # a rank correlation of fewer says nothing
LOSS_WORDS = 200_000
Question = tuple[str, str, str, str]


@dataclass(frozen=True)
class Answered:
    """What vectors reach on a set of questions."""

    score: float | None
    covered: int
    total: int


def evaluate_vectors(predictor: WordsPredictor, data: WordsData | None) -> Evaluation:
    """All tests whose questions can be had, beside PPMI with SVD on the same text, and the loss beside that of no knowledge."""
    measures: dict[str, Measure] = {}
    yardstick: dict[str, Measure] = {}
    notes: list[str] = []
    tables: dict[str, Table] = {}
    covered = 0
    tests = {name: questions(source) for name, source in (*SIMILARITIES.items(), ("analogies", ANALOGIES))}
    missing = [name for name, lines in tests.items() if not lines]
    if missing:
        notes.append(f"without {', '.join(missing)}: the questions are neither in a mirror (SEODANG_MIRROR) nor to be fetched")
    wanted = any(lines and answer(predictor.vectors, lines).covered for lines in tests.values())
    plain = ppmi_vectors(predictor.vocabulary, data, predictor.settings) if data is not None and wanted else None
    rows = []
    for name, lines in tests.items():
        if not lines:
            continue
        found = answer(predictor.vectors, lines)
        beside = answer(plain, lines) if plain is not None else None
        covered += found.covered
        measures[name] = Measure(found.score)
        if beside is not None:
            yardstick[name] = Measure(beside.score)
        rows.append((name, found.covered, found.total, found.score, beside.score if beside is not None else None))
        if name == "analogies":
            tables["analogies by section"] = sections_table(predictor.vectors, lines)
    if rows:
        tables["tests"] = Table(("test", "covered", "questions", "score", "yardstick"), tuple(rows))
    if data is not None:
        loss, pairs = text_loss(predictor, data)
        measures["loss"], yardstick["loss"] = Measure(loss), Measure(no_knowledge(predictor.settings.model.negatives))
        covered = covered or pairs
    if plain is not None:
        notes.append(f"yardstick: counts of the first {YARDSTICK_WORDS:,} words at most; its loss is that of knowing nothing")
    name = "PPMI and SVD" if plain is not None else "no knowledge"
    source = "word tests" if rows else (data.source if data is not None else "")
    unit = "questions" if rows else "words"
    return Evaluation(source, covered, measures, name, yardstick, tables, tuple(notes), unit)


@cache
def questions(name: str) -> tuple[str, ...]:
    """The lines of a test set; nothing where it cannot be had."""
    try:
        part = load_named(name).parts["all"]
    except (DataError, MachineError):
        return ()
    return (
        tuple(line for text in part.texts for line in text.split("\n") if line.strip()) if isinstance(part, PlainTexts) else ()
    )


def answer(vectors: WordVectors, lines: Sequence[str]) -> Answered:
    """The score on a test set: share of analogies solved, or the rank correlation with people's judgements."""
    if lines[0].startswith(":"):
        solved = [one for _, right in solve(vectors, lines) for one in right]
        total = sum(not line.startswith(":") for line in lines)
        return Answered(sum(solved) / len(solved) if solved else None, len(solved), total)
    return correlate(vectors, lines)


def correlate(vectors: WordVectors, lines: Sequence[str]) -> Answered:
    """Spearman's rank correlation between similarities and people's judgements, over the pairs whose words are known."""
    ours, theirs = [], []
    for line in lines:
        first, second, judged = line.lower().split()
        if first in vectors and second in vectors:
            ours.append(vectors.similarity(first, second))
            theirs.append(float(judged))
    if len(ours) < LEAST_PAIRS or len(set(ours)) < 2:
        return Answered(None, len(ours), len(lines))
    return Answered(float(spearmanr(ours, theirs).statistic), len(ours), len(lines))


def solve(vectors: WordVectors, lines: Sequence[str]) -> list[tuple[str, list[bool]]]:
    """Which analogies of each section are solved, of those whose four words are known; the three given are no answer."""
    sections: list[tuple[str, list[Question]]] = []
    for line in lines:
        if line.startswith(":"):
            sections.append((line[1:].strip(), []))
        else:
            first, second, third, fourth = line.lower().split()
            if all(word in vectors for word in (first, second, third, fourth)):
                sections[-1][1].append((first, second, third, fourth))
    return [(name, _solved(vectors, asked)) for name, asked in sections]


def _solved(vectors: WordVectors, asked: Sequence[Question]) -> list[bool]:
    right: list[bool] = []
    for start in range(0, len(asked), ANALOGY_BATCH):
        rows = np.array([[vectors.numbers[word] for word in one] for one in asked[start : start + ANALOGY_BATCH]])
        a, b, c = (vectors.directions[rows[:, k]] for k in range(3))
        scores: NDArray[np.float32] = (b - a + c) @ vectors.directions.T
        scores[np.arange(len(rows))[:, None], rows[:, :3]] = -np.inf
        right += (scores.argmax(1) == rows[:, 3]).tolist()
    return right


def sections_table(vectors: WordVectors, lines: Sequence[str]) -> Table:
    """Analogies by section: how many are covered, and which part is solved."""
    rows = [(name, len(right), sum(right) / len(right) if right else None) for name, right in solve(vectors, lines)]
    return Table(("section", "covered", "solved"), tuple(rows))


def text_loss(predictor: WordsPredictor, data: WordsData) -> tuple[float, int]:
    """The mean loss on the beginning of the training text with draws of its own, and of how many words."""
    settings = predictor.settings
    numbers = predictor.vocabulary.encode(data.encoded)[:LOSS_WORDS]
    random = np.random.Generator(np.random.SFC64(mix(settings.training.seed, "evaluation")))
    block = Sampler(predictor.vocabulary, settings).block(numbers, random)
    model = settings.model
    step = StepSettings(model.window, model.negatives, model.method == "cbow")
    return mean_loss(predictor.tables, block, step), len(numbers)


def no_knowledge(negatives: int) -> float:
    """The least loss of a model that scores every pair alike: log(1 + k) + k log((1 + k) / k)."""
    return math.log1p(negatives) + negatives * math.log((1 + negatives) / negatives)
