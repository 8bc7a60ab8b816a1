"""The scikit-learn estimator: it does what `train` does, and what scikit-learn asks of any classifier."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted, validate_data

from seodang.core.errors import DataError, SettingsError
from seodang.sklearn import TextClassifier

SMALL = {
    "model": "dnn",
    "vocabulary_size": 500,
    "max_length": 40,
    "epochs": 12,
    "batch_size": 16,
    "learning_rate": 0.03,
    "settings": {"embedding_dim": 16, "dense_size": 16, "dropout": 0.0},
    "threads": 1,
}
COPIES = 8  # of each row, each with a word of its own, so that each class stands in each part of the split
LEVELS = 9


def reviews(seed: int, count: int = 200) -> tuple[list[str], NDArray[np.str_]]:
    """Texts whose one telling word stands among words that tell nothing."""
    random = np.random.default_rng(seed)
    labels = random.choice(["bad", "good"], count)
    words = {"bad": ["awful", "dull", "boring"], "good": ["lovely", "quiet", "brilliant"]}
    filler = [" ".join(random.choice(["the", "film", "was", "and", "seen", "in", "a"], 8)) for _ in range(count)]
    return [f"{text} {random.choice(words[label])}" for text, label in zip(filler, labels, strict=True)], labels


class OnNumbers(TextClassifier):
    """The classifier over rows of numbers: each number becomes a word that says its column and, roughly, its size."""

    def __init__(
        self,
        *,
        model: str = "dnn",
        vocabulary_size: int | None = 500,
        max_length: int | None = 40,
        epochs: int | None = 12,
        batch_size: int | None = 16,
        learning_rate: float | None = 0.01,
        threads: int | None = 1,
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        super().__init__(
            model=model,
            vocabulary_size=vocabulary_size,
            max_length=max_length,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            settings={"embedding_dim": 16, "dense_size": 16, "dropout": 0.0},
            threads=threads,
            random_state=random_state,
        )

    def fit(self, X: Any, y: Any) -> Self:  # noqa: N803
        rows, labels = validate_data(self, X, y)
        texts = [f"{text} row{number}" for number, text in enumerate(self.words(rows) * COPIES)]
        super().fit(texts, np.tile(labels, COPIES))
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float32]:  # noqa: N803
        check_is_fitted(self)
        return super().predict_proba(self.words(validate_data(self, X, reset=False)))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array, tags.input_tags.two_d_array, tags.input_tags.string = False, True, False
        return tags

    @staticmethod
    def words(rows: NDArray[np.float64]) -> list[str]:
        levels = np.clip(np.round(rows), -LEVELS, LEVELS).astype(int)
        return [" ".join(f"column{k}_{level + LEVELS}" for k, level in enumerate(row)) for row in levels]


# No check is expected to fail.
@parametrize_with_checks([OnNumbers()])
def test_scikit_learns_checks(estimator: OnNumbers, check: Any) -> None:
    check(estimator)


@pytest.fixture(scope="module")
def fitted() -> TextClassifier:
    return TextClassifier(**SMALL).fit(*reviews(0))


def test_it_learns(fitted: TextClassifier) -> None:
    texts, labels = reviews(1)
    assert fitted.classes_.tolist() == ["bad", "good"]
    assert fitted.score(texts, labels) > 0.95
    np.testing.assert_allclose(fitted.predict_proba(texts).sum(1), 1, rtol=1e-6)
    assert fitted.evaluation_["measures"]["accuracy"]["value"] > 0.9
    assert fitted.run_path_ is None


def test_a_fitted_estimator_lives_in_memory(fitted: TextClassifier) -> None:
    texts, _ = reviews(2, 10)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(texts), fitted.predict_proba(texts))


def test_the_same_seed_gives_the_same_model(fitted: TextClassifier) -> None:
    texts, _ = reviews(2, 10)
    np.testing.assert_array_equal(clone(fitted).fit(*reviews(0)).predict_proba(texts), fitted.predict_proba(texts))


def test_arguments_are_stored_untouched() -> None:
    settings = {"dropout": 0.1}
    estimator = TextClassifier(settings=settings, epochs=3)
    assert estimator.get_params()["settings"] is settings
    assert clone(estimator).get_params() == estimator.get_params()


def test_a_run_is_kept_where_asked(tmp_path: Path) -> None:
    estimator = TextClassifier(**{**SMALL, "runs": tmp_path / "runs", "epochs": 1}).fit(*reviews(0))
    assert estimator.run_path_ == tmp_path / "runs" / "text-1"
    assert (tmp_path / "runs" / "text-1" / "evaluation.json").exists()


def test_labels_keep_their_type_and_order() -> None:
    texts, labels = reviews(0, 120)
    numbers = np.where(labels == "good", 2, 10)  # as texts, "10" would come before "2"
    estimator = TextClassifier(**{**SMALL, "epochs": 20}).fit(np.array(texts, object), numbers)
    assert estimator.classes_.tolist() == [2, 10]
    assert estimator.predict(["lovely lovely", "awful awful"]).tolist() == [2, 10]


def test_grid_search_takes_it() -> None:
    search = GridSearchCV(TextClassifier(**{**SMALL, "epochs": 1}), {"learning_rate": [0.001, 0.01]}, cv=2)
    search.fit(*reviews(0, 160))
    assert search.best_params_["learning_rate"] in (0.001, 0.01)


@pytest.mark.parametrize(
    ("texts", "labels", "message"),
    [
        (["a b", "c d"], ["x"], "got 2 texts and 1 labels"),
        ([], [], "X is empty"),
        (["a", 3], ["x", "y"], r"X\[1\] must be a str, got int"),
        (["a", None], ["x", "y"], r"X\[1\] must be a str, got NoneType"),
        (["a", " "], ["x", "y"], r"X\[1\] is empty"),
        ("one text", ["x"], r"got one text; write \[text\]"),
        (np.array([["a"], ["b"]]), ["x", "y"], r"one-dimensional.*got shape \(2, 1\)"),
        (["a", "b"], ["x", "x"], "only one class"),
        (["a", "b"], [0.5, 0.25], "Unknown label type"),
        (["a", "b"], None, "requires y"),
    ],
)
def test_bad_input_is_a_value_error(texts: Any, labels: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TextClassifier(**SMALL).fit(texts, labels)


def test_too_few_texts_are_refused() -> None:
    with pytest.raises(DataError, match="too few"):
        TextClassifier(**SMALL).fit(["a b", "c d"], ["x", "y"])


def test_a_setting_given_twice_is_refused() -> None:
    with pytest.raises(SettingsError, match="epochs stands in `settings`"):
        TextClassifier(settings={"epochs": 3}).fit(*reviews(0))
    with pytest.raises(SettingsError, match="argument random_state"):
        TextClassifier(settings={"seed": 3}).fit(*reviews(0))


def test_an_unknown_setting_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"No setting droput\. Did you mean dropout"):
        TextClassifier(settings={"droput": 0.3}).fit(*reviews(0))


def test_a_setting_given_as_an_argument_is_shown_its_place() -> None:
    message = r"no argument dropout; its arguments are batch_size, .*, vocabulary_size\. .*: settings=\{'dropout': 0\.3\}"
    with pytest.raises(TypeError, match=message):
        TextClassifier(dropout=0.3)


def test_predict_before_fit_is_refused() -> None:
    with pytest.raises(NotFittedError):
        TextClassifier().predict(["a film"])
