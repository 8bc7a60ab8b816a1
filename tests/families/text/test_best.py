"""The ensemble: its stages, its parts against references, interruption, small and unusual data."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import sentences
import torch
from scipy.optimize import minimize
from scipy.sparse import csr_matrix
from sentences import FILLER, FIVE, KOREAN, KOREAN_FILLER
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import normalize

import seodang
from seodang.core.device import choose_device
from seodang.core.family import StageContext
from seodang.families.text.best import BestPredictor, best_stages, taught
from seodang.families.text.data import read_data
from seodang.families.text.linear import LinearModel, log_count_ratio
from seodang.families.text.mixture import PENALTY, fit_mixture, mix

STAGES = ("ngrams", "views", "cnn", "mixture", "ngrams-whole")
WITH_UNLABELLED = ("ngrams", "views", "cnn", "teacher", "ngrams-student", "cnn-student", "mixture")
SHORT = {"epochs": 2, "batch_size": 32}


def contents(run: seodang.Run) -> dict[str, bytes]:
    """All that must not depend on interruptions."""
    checkpoints = sorted(run.path.glob("checkpoints/*"))
    kept = [path for path in checkpoints if "-step-" not in path.name or path.name == newest(checkpoints, path)]
    return {path.name: path.read_bytes() for path in [*kept, run.path / "metrics.jsonl", run.path / "evaluation.json"]}


def newest(checkpoints: list[Path], path: Path) -> str:
    stage = path.name.partition("-step-")[0]
    return max(other.name for other in checkpoints if other.name.startswith(f"{stage}-step-"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> seodang.Run:
    folder = tmp_path_factory.mktemp("best")
    return sentences.train(sentences.write(folder / "rows.csv", sentences.sentences(300)), folder / "runs", **SHORT)


@pytest.fixture(scope="module")
def taught_run(tmp_path_factory: pytest.TempPathFactory) -> seodang.Run:
    """A run that learned from 100 texts without labels too, in three classes."""
    folder = tmp_path_factory.mktemp("taught")
    three = {name: FIVE[name] for name in ("food", "sky", "work")}
    source = sentences.write(folder / "rows.csv", sentences.sentences(200, telling=three))
    more = folder / "more.txt"
    more.write_text("\n".join(text for text, _ in sentences.sentences(100, 5, three)), encoding="utf-8")
    return sentences.train(source, folder / "runs", unlabelled=str(more), **SHORT)


def test_stages_in_their_order() -> None:
    assert tuple(stage.name for stage in best_stages(with_unlabelled=False)) == STAGES
    assert tuple(stage.name for stage in best_stages(with_unlabelled=True)) == WITH_UNLABELLED


def test_the_stages_leave_their_rows_and_weights_in_that_order(trained: seodang.Run, taught_run: seodang.Run) -> None:
    for run, stages in ((trained, STAGES), (taught_run, WITH_UNLABELLED)):
        rows = run.folder.rows("metrics.jsonl")
        assert tuple(dict.fromkeys(row["stage"] for row in rows)) == stages
        assert tuple(run.trained.weights) == stages


def test_it_learns(trained: seodang.Run, taught_run: seodang.Run) -> None:
    for run in (trained, taught_run):
        assert run.evaluation["measures"]["accuracy"]["value"] > 0.9
    assert trained.predict("a warm and clever film").label == "good"
    assert taught_run.predict("soup with salt").label == "food"


def test_one_text_scores_as_among_others(trained: seodang.Run, taught_run: seodang.Run) -> None:
    for run in (trained, taught_run):
        texts = [text for text, _ in sentences.sentences(30, 7)] + ["film", "film " * 500, "film zebra"]
        together = [list(one.probabilities.values()) for one in run.predict(texts)]
        alone = [list(run.predict(text).probabilities.values()) for text in texts]
        # Kernels for one row add up in another order than kernels for many.
        np.testing.assert_allclose(alone, together, rtol=0, atol=1e-5)


def test_the_mixture_is_the_weighted_sum_of_its_members(taught_run: seodang.Run) -> None:
    predictor = taught_run.predictor
    assert isinstance(predictor, BestPredictor)
    assert list(predictor.networks) == ["cnn", "cnn-student"]
    texts = [text for text, _ in sentences.sentences(5, 3)]
    members = predictor.member_logits(predictor.encode(texts))
    assert members.shape == (3, 5, 3)
    by_hand = sum(weight * member for weight, member in zip(predictor.weights.tolist(), members, strict=True))
    torch.testing.assert_close(predictor.logits(texts), by_hand + predictor.bias)


def test_students_learn_labels_where_they_are_known_and_the_teachers_probabilities_elsewhere(taught_run: seodang.Run) -> None:
    weights = taught_run.trained.weights
    before = {name: weights[name] for name in WITH_UNLABELLED[:4]}
    settings = taught_run.settings
    data = read_data(taught_run.folder.settings()["source"], settings)  # type: ignore[arg-type]
    context = StageContext(settings, taught_run.trained.preprocessing, data, choose_device("cpu", "f32", 1), before)
    targets = taught(context)  # type: ignore[arg-type]
    labels = data.parts["train"].labels
    assert targets.shape == (len(labels) + 100, 3)
    classes = taught_run.predictor.labels
    assert targets[: len(labels)].tolist() == [[float(label == name) for name in classes] for label in labels]
    teacher = BestPredictor(
        **{
            **vars(taught_run.predictor),
            "linear": LinearModel.from_tensors({k.removeprefix("learner/"): v for k, v in weights["ngrams"].items()}),
            "networks": {"cnn": taught_run.predictor.networks["cnn"]},
            "weights": weights["teacher"]["learner/weights"],
            "bias": weights["teacher"]["learner/bias"],
        }
    )
    np.testing.assert_allclose(targets[len(labels) :], teacher.probabilities(data.unlabelled), rtol=0, atol=1e-5)
    right = [classes[row.argmax()] for row in targets[len(labels) :]]
    truth = [label for _, label in sentences.sentences(100, 5, {name: FIVE[name] for name in classes})]
    assert np.mean([a == b for a, b in zip(right, truth, strict=True)]) > 0.9


def test_interrupted_again_and_again_it_ends_with_the_same_bytes(trained: seodang.Run, tmp_path: Path) -> None:
    calls = itertools.count(1)

    def should_stop() -> bool:
        return next(calls) % 13 == 0  # an epoch has 8 steps; a shorter interval would never reach the next snapshot

    source = trained.folder.settings()["source"]
    run = sentences.train(source, tmp_path, should_stop=should_stop, checkpoint_seconds=0.0, **SHORT)
    stops = 0
    while not run.finished and stops < 9:
        stops += 1
        run = seodang.resume(run.path, should_stop=should_stop, checkpoint_seconds=0.0)
    assert stops >= 2
    assert contents(run) == contents(trained)


def test_interrupted_while_students_learn(taught_run: seodang.Run, tmp_path: Path) -> None:
    record = taught_run.folder.settings()
    stages = iter(WITH_UNLABELLED)
    seen: list[str] = []
    calls = itertools.count()
    run = sentences.train(
        record["source"],
        tmp_path,
        observers=[lambda event: seen.append(getattr(event, "stage", next(stages, "")))],
        should_stop=lambda: seen[-1] == "cnn-student" and next(calls) == 2,
        **record["given"],
    )
    assert not run.finished
    resumed = seodang.resume(run.path)
    assert contents(resumed) == contents(taught_run)


def test_mixture_of_one_member_by_hand() -> None:
    # Log-odds of +-1, right three times out of four: the loss is least where sigmoid(w) - 3/4 + 2 * PENALTY * w = 0.
    logits = torch.tensor([1.0, 1, 1, 1, -1, -1, -1, -1]).view(1, 8, 1)
    labels = torch.tensor([1, 1, 1, 0, 0, 0, 0, 1])
    fitted, loss = fit_mixture(logits, labels)
    weight = fitted["weights"].item()
    assert 1 / (1 + math.exp(-weight)) - 0.75 + 2 * PENALTY * weight == pytest.approx(0, abs=1e-5)
    assert fitted["bias"].item() == pytest.approx(0, abs=1e-5)
    assert loss.item() == pytest.approx(0.75 * math.log(1 + math.exp(-weight)) + 0.25 * math.log(1 + math.exp(weight)))


@pytest.mark.parametrize("outputs", [1, 3])
def test_the_mixture_is_the_best_there_is(outputs: int) -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, max(outputs, 2), 200)
    truth = np.eye(max(outputs, 2))[labels][:, -outputs:]
    logits = np.stack([truth + random.normal(0, spread, truth.shape) for spread in (0.5, 1.0, 4.0)])
    fitted, _ = fit_mixture(torch.from_numpy(logits), torch.from_numpy(labels))

    def loss(values: np.ndarray) -> float:
        scores = np.einsum("mto,m->to", logits, values[:3]) + values[3:]
        scores = np.concatenate([np.zeros_like(scores), scores], 1) if outputs == 1 else scores
        own = scores[np.arange(200), labels]
        return float(np.mean(np.log(np.exp(scores).sum(1)) - own) + PENALTY * (values[:3] ** 2).sum())

    found = np.concatenate([fitted["weights"].numpy(), fitted["bias"].numpy()])
    assert loss(found) == pytest.approx(minimize(loss, np.zeros(3 + outputs), tol=1e-10).fun, abs=1e-6)
    assert fitted["weights"][0] > fitted["weights"][1] > fitted["weights"][2]  # the noisier, the less trusted


def test_mix_by_hand() -> None:
    logits = torch.tensor([[[1.0, 2.0]], [[10.0, 20.0]]])
    assert mix(logits, torch.tensor([0.5, 0.25]), torch.tensor([1.0, -1.0])).tolist() == [[4.0, 5.0]]


def random_presence(texts: int, features: int) -> csr_matrix:
    return csr_matrix((np.random.default_rng(0).random((texts, features)) < 0.3).astype(np.float32))


@pytest.mark.parametrize("classes", [2, 3])
def test_the_linear_model_equals_scikit_learns(classes: int) -> None:
    present, others = random_presence(120, 20), random_presence(150, 20)[120:]
    labels = (np.asarray(present[:, :classes].argmax(1)).ravel() + np.arange(120) % 7 // 5) % classes
    scores = LinearModel.fit(present, np.eye(classes)[labels]).scores(others)
    assert scores.shape == (30, 1 if classes == 2 else classes)
    for column, name in enumerate([1] if classes == 2 else range(classes)):
        inside = labels == name
        ratio = log_count_ratio(present, inside.astype(float))
        reference = LogisticRegression(C=10.0, solver="liblinear", dual=True, tol=0.1, max_iter=50, random_state=0)
        reference.fit(normalize(present.multiply(ratio).tocsr()), inside)
        expected = reference.decision_function(normalize(others.multiply(ratio).tocsr()))
        np.testing.assert_allclose(scores[:, column], expected, rtol=0, atol=1e-5)


def test_an_unsure_text_counts_for_less_in_the_linear_model() -> None:
    present = csr_matrix(np.array([[1, 0]] * 20 + [[0, 1]] * 20, np.float32))
    sure = np.eye(2)[[1] * 20 + [0] * 20]
    unsure = np.where(np.arange(40)[:, None] < 20, [[0.4, 0.6]], sure)
    first, second = (LinearModel.fit(present, targets).scores(present[:1]).item() for targets in (sure, unsure))
    assert first > second > 0


def test_the_linear_model_survives_as_tensors() -> None:
    present = random_presence(40, 10)
    model = LinearModel.fit(present, np.eye(2)[np.arange(40) % 2])
    again = LinearModel.from_tensors(model.to_tensors())
    np.testing.assert_allclose(again.scores(present), model.scores(present), rtol=1e-5, atol=1e-6)


def test_sixty_rows(tmp_path: Path) -> None:
    run = sentences.train(sentences.write(tmp_path / "rows.csv", sentences.sentences(60)), tmp_path / "runs", **SHORT)
    assert run.finished
    assert run.predict("a lovely and clever story").label == "good"


def test_five_classes(tmp_path: Path) -> None:
    source = sentences.write(tmp_path / "rows.csv", sentences.sentences(300, telling=FIVE))
    run = sentences.train(source, tmp_path / "runs", **SHORT)
    answers = run.predict(["the team and the ball", "a song with drum music", "salt bread"])
    assert [answer.label for answer in answers] == ["sport", "music", "food"]
    assert all(sum(answer.probabilities.values()) == pytest.approx(1) for answer in answers)


def test_korean(tmp_path: Path) -> None:
    rows = sentences.sentences(200, telling=KOREAN, filler=KOREAN_FILLER)
    run = sentences.train(sentences.write(tmp_path / "rows.csv", rows), tmp_path / "runs", **SHORT)
    assert run.predictor.vocabulary.kind == "syllables"
    assert [one.label for one in run.predict(["최고의 배우", "지루한 이야기였다"])] == ["좋음", "나쁨"]
    assert run.folder.settings()["reasons"]["tokens"].startswith("100% of the letters are Hangul")


def test_texts_that_share_no_word(tmp_path: Path) -> None:
    """No n-gram stands in two texts, so the linear model has nothing to go by; training says so by its measures."""
    rows = [(f"word{number}", ("a", "b")[number % 2]) for number in range(120)]
    run = sentences.train(sentences.write(tmp_path / "rows.csv", rows), tmp_path / "runs", epochs=1)
    assert run.finished


def test_classes_of_very_unequal_size(tmp_path: Path) -> None:
    """Class "rare" has 12 rows, so that validation or test may hold none of it."""
    rare = [(f"{text} oddity", "rare") for text, _ in sentences.sentences(12, 9)]
    source = sentences.write(tmp_path / "rows.csv", [*sentences.sentences(150), *rare])
    run = sentences.train(source, tmp_path / "runs", **SHORT)
    assert set(run.predict(FILLER[1]).probabilities) == {"bad", "good", "rare"}
