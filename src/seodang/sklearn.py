"""Seodang's text classifier as a scikit-learn estimator: pipelines, cross-validation and grid search take it as it is.

TextClassifier(model="lstm", epochs=5).fit(texts, labels).predict(["A quiet, lovely film"])
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import assert_all_finite, check_random_state, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from seodang import api
from seodang.core.errors import DataError, SettingsError

EXPLICIT = ("model", "tokens", "vocabulary_size", "max_length", "epochs", "batch_size", "learning_rate")
SEEDS = 2**31 - 1


class TextClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A text classifier, trained as `seodang.train("text", ...)` trains one.

    A tenth of the texts is held out to stop early and a tenth for the run's own evaluation, both by a hash of the text.
    A setting left at None takes the family's default.

    Args:
        model: "best", or one network: "dnn", "cnn", "rnn", "gru", "lstm".
        tokens: What a token is: "words", "syllables" or "morphemes".
        vocabulary_size: Most frequent tokens that get a number.
        max_length: Tokens read of each text.
        epochs: Passes over the training texts.
        batch_size: Texts of one step.
        learning_rate: Highest rate of the optimizer.
        settings: Any other settings of the text family, by name.
        runs: Folder that keeps the run; None trains in a temporary one, which is deleted, and keeps the model in memory only.
        device, precision, threads: Where and how to compute; chosen by themselves when left alone.
        random_state: An int is the seed itself; a RandomState or None draws one.

    Raises: TypeError: There is no argument of that name.

    Attributes:
        classes_: The labels, sorted, (classes,).
        predictor_: The trained model (see `seodang.families.text.predictor`).
        evaluation_: What the run measured on the texts held out for that, beside the yardstick.
        run_path_: The run folder; None where it was temporary.
    """

    def __init__(
        self,
        *,
        model: str = "best",
        tokens: str | None = None,
        vocabulary_size: int | None = None,
        max_length: int | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        settings: Mapping[str, Any] | None = None,
        runs: str | Path | None = None,
        device: str = "auto",
        precision: str = "auto",
        threads: int | None = None,
        random_state: int | np.random.RandomState | None = 0,
        **unknown: Any,
    ) -> None:
        if unknown:
            name, value = next(iter(unknown.items()))
            raise TypeError(
                f"TextClassifier has no argument {name}; its arguments are {', '.join(self._get_param_names())}. "
                f"Any other setting of the text family goes into `settings`: settings={{{name!r}: {value!r}}}."
            )
        self.model = model
        self.tokens = tokens
        self.vocabulary_size = vocabulary_size
        self.max_length = max_length
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.settings = settings
        self.runs = runs
        self.device = device
        self.precision = precision
        self.threads = threads
        self.random_state = random_state

    def fit(self, X: Iterable[str], y: Iterable[Any]) -> Self:  # noqa: N803
        """Train.

        Args:
            X: Texts: a list, one-dimensional array or Series.
            y: The label of each text, of any one type.

        Raises:
            DataError: Texts and labels do not fit each other, a text is empty or not a str, or there are too few.
            SettingsError: A setting is unknown or out of bounds.
        """
        texts = texts_of(X)
        _refuse_empty(texts)
        self.classes_, numbers = np.unique(_labels_of(y, len(texts)), return_inverse=True)
        if len(self.classes_) < 2:
            raise DataError(f"A classifier needs at least two classes; y has only one class, {self.classes_[0]!r}.")
        names = _class_names(self.classes_)
        settings = self._given_settings()
        with tempfile.TemporaryDirectory(prefix="seodang-") as folder:
            source = Path(folder) / "X-and-y.jsonl"
            _write_rows(source, texts, [names[number] for number in numbers])
            run = api.train(
                "text",
                source,
                runs=Path(folder) if self.runs is None else self.runs,
                device=self.device,
                precision=self.precision,
                threads=self.threads,
                **settings,
            )
            # Loaded anew in f32, so that an answer does not depend on the texts beside it; then the folder may go.
            self.predictor_ = api.load(run.path, device=self.device, threads=self.threads).predictor
            self.evaluation_ = run.evaluation
            self.run_path_ = None if self.runs is None else run.path
        self._columns = [self.predictor_.labels.index(name) for name in names]
        return self

    def predict_proba(self, X: Iterable[str]) -> NDArray[np.float32]:  # noqa: N803
        """The probability of each class for each text, (texts, classes), float32, in the order of `classes_`.

        Raises: DataError: X is not a sequence of texts. NotFittedError: `fit` comes first.
        """
        check_is_fitted(self)
        probabilities: NDArray[np.float32] = self.predictor_.probabilities(texts_of(X))[:, self._columns]
        return probabilities

    def predict(self, X: Iterable[str]) -> NDArray[Any]:  # noqa: N803
        """The likeliest class of each text, (texts,), of the type of y.

        Raises: DataError: X is not a sequence of texts. NotFittedError: `fit` comes first.
        """
        probabilities = self.predict_proba(X)
        predicted: NDArray[Any] = self.classes_[probabilities.argmax(1)]
        return predicted

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags

    def _given_settings(self) -> dict[str, Any]:
        """The settings for `train`, without those left to the family."""
        explicit = {name: getattr(self, name) for name in EXPLICIT if getattr(self, name) is not None}
        others = dict(self.settings or {})
        twice = sorted({*EXPLICIT, "seed"} & set(others))
        if twice:
            own = "random_state" if twice[0] == "seed" else twice[0]
            raise SettingsError(f"{twice[0]} stands in `settings`, but TextClassifier has an argument {own} for it; use that.")
        return {**explicit, **others, "seed": self._seed()}

    def _seed(self) -> int:
        if isinstance(self.random_state, int | np.integer):
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(SEEDS))


def texts_of(X: Iterable[str]) -> list[str]:  # noqa: N803
    """A list of texts.

    Raises: DataError: X is one text, has more than one dimension, is empty, or holds something else than texts.
    """
    if isinstance(X, str | bytes):
        raise DataError("X must be a sequence of texts, got one text; write [text].")
    if getattr(X, "ndim", 1) != 1:
        raise DataError(f"X must be one-dimensional, a text in each place, got shape {X.shape}.")  # type: ignore[attr-defined]
    if not isinstance(X, Iterable):
        raise DataError(f"X must be a sequence of texts, got {type(X).__name__}.")
    texts = list(X)
    if not texts:
        raise DataError("X is empty: expected at least one text.")
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(f"X[{row}] must be a str, got {type(text).__name__}; leave the row out or turn it into a text.")
    return [str(text) for text in texts]


def _refuse_empty(texts: Sequence[str]) -> None:
    for row, text in enumerate(texts):
        if not text.strip():
            raise DataError(f"X[{row}] is empty; leave the row out.")


def _labels_of(y: Iterable[Any], rows: int) -> NDArray[Any]:
    """Labels as an array, (rows,).

    Raises: DataError: There are more or fewer than texts. ValueError: They are numbers of a regression, or several a text.
    """
    if y is None:
        raise DataError("TextClassifier requires y to be passed, but the target y is None.")
    labels: NDArray[Any] = column_or_1d(y, warn=True)
    if len(labels) != rows:
        raise DataError(f"X and y must be of equal length, got {rows} texts and {len(labels)} labels.")
    assert_all_finite(labels, input_name="y")
    check_classification_targets(labels)
    return labels


def _class_names(classes: NDArray[Any]) -> list[str]:
    """Names for the classes that survive a file: the labels themselves, or numbers where those would not."""
    names = [str(label).strip() for label in classes]
    return names if all(names) and len(set(names)) == len(names) else [str(number) for number in range(len(names))]


def _write_rows(path: Path, texts: Sequence[str], labels: Sequence[str]) -> None:
    rows = (json.dumps({"text": text, "label": label}) for text, label in zip(texts, labels, strict=True))
    path.write_text("".join(row + "\n" for row in rows), encoding="utf-8")
