"""The strongest classifier here without outside data: members that see a text differently, and a mixture of their votes.

Members are a linear model of n-grams and convolutional networks, which are told what usually stands around each region of
words. Each is a stage of training of its own; the last stage finds, on the validation texts, how much each is to be trusted.

Texts without labels are learned from by self-training (Yarowsky 1995; as "distillation", Hinton et al. 2015, arXiv:1503.02531):
the mixture of the members states a probability for each label of each such text, and students learn from those as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from torch import Tensor

from seodang.core.checkpoint import restore_modules
from seodang.core.device import Device
from seodang.core.family import Stage, StageContext, Trained
from seodang.core.learner import Budget, Work
from seodang.core.step import Stepper
from seodang.families.text.batches import EncodedTexts, Padding, TextSource
from seodang.families.text.data import TextData, class_numbers
from seodang.families.text.head import TextNetwork
from seodang.families.text.learner import (
    NetworkLearner,
    TextValidation,
    class_probabilities,
    cross_entropy,
    network_logits,
)
from seodang.families.text.linear import LinearModel
from seodang.families.text.mixture import fit_mixture, mix
from seodang.families.text.model import build_network
from seodang.families.text.ngrams import NONE, NgramFeatures
from seodang.families.text.predictor import label_names
from seodang.families.text.settings import TextSettings
from seodang.families.text.tokens import UNKNOWN, TokenKind, Vocabulary
from seodang.families.text.views import EPOCHS as VIEW_EPOCHS
from seodang.families.text.views import RegionSource, RegionViews, ViewLearner
from seodang.nn.oneshot import Once, OneShot

Context = StageContext[TextSettings, TextData]

ORDER: dict[TokenKind, int] = {"words": 3, "syllables": 5, "morphemes": 3}
MIN_COUNT = 2
MAX_FEATURES = 1_200_000

CNN: dict[str, Any] = {
    "model": "cnn",
    "embedding_dim": 128,
    "max_length": 1000,
    "dropout": 0.5,
    "word_dropout": 0.4,
    "learning_rate": 2e-3,
}
MEMBERS = ("cnn", "cnn-student")
"""Networks by the name of their stage."""
NETWORK_VOCABULARY = 30_000
VIEW_TENSORS = ("inputs", "bias")  # of the stage that learns the views, what is needed of them afterwards


@dataclass(frozen=True)
class BestPredictor:
    """All members and the mixture."""

    settings: TextSettings
    vocabulary: Vocabulary
    labels: tuple[str, ...]
    device: Device
    features: NgramFeatures
    linear: LinearModel
    networks: Mapping[str, TextNetwork]
    weights: Tensor
    """(members,), in the order of `member_logits`."""
    bias: Tensor
    """(outputs,)."""

    def encode(self, texts: Sequence[str]) -> EncodedTexts:
        """Texts as numbers of the vocabulary, uncut."""
        return EncodedTexts.join(self.vocabulary.encode(self.vocabulary.split(text)) for text in texts)

    def logits(self, texts: Sequence[str]) -> Tensor:
        """Scores of the mixture, (texts, outputs), float32."""
        return mix(self.member_logits(self.encode(texts)), self.weights, self.bias)

    def member_logits(self, texts: EncodedTexts) -> Tensor:
        """Scores of each member, (members, texts, outputs), float32."""
        member = member_settings(self.settings)
        return torch.stack(
            [
                linear_logits(self.features, self.linear, texts),
                *(
                    network_logits(network, network_texts(texts, member), Padding(member), self.device)
                    for network in self.networks.values()
                ),
            ]
        )

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The probability of each class for each text, (texts, classes), float32."""
        probabilities: NDArray[np.float32] = class_probabilities(self.logits(texts)).numpy()
        return probabilities

    def known_share(self, text: str) -> float:
        """Part of a text's tokens that the vocabulary knows, 0 to 1."""
        numbers = self.vocabulary.encode(self.vocabulary.split(text))
        return float(np.mean(numbers != UNKNOWN)) if len(numbers) else 0.0


def best_stages(with_unlabelled: bool) -> tuple[Stage[TextSettings, TextData], ...]:
    """A stage a member, one for the views before the networks, and one for the mixture.

    With unlabelled texts a teacher comes first and students follow. Without them the linear model is fitted once more at the
    end, on the validation texts too, now that they have served.
    """
    first = (Stage("ngrams", fit_ngrams), Stage("views", train_views), Stage("cnn", partial(train_member, "cnn")))
    if not with_unlabelled:
        return (*first, Stage("mixture", fit_members), Stage("ngrams-whole", fit_ngrams_whole))
    students = (Stage("ngrams-student", fit_ngrams_student), Stage("cnn-student", partial(train_member, "cnn-student")))
    return (*first, Stage("teacher", fit_members), *students, Stage("mixture", fit_members))


def fit_ngrams(context: Context) -> Work:
    """The linear model of n-grams, on the training texts; it knows the n-grams of the unlabelled texts as well."""
    vocabulary, labels, numbers = _labelled(context, "train")
    texts = known_tokens(_all_texts(context, vocabulary))
    features, present = NgramFeatures.fit(texts, ORDER[vocabulary.kind], MIN_COUNT, MAX_FEATURES)
    return _linear_work(context, features, present[: len(numbers)], one_hot(numbers, len(labels)))


def fit_ngrams_whole(context: Context) -> Work:
    """The linear model of n-grams on the training and the validation texts; the mixture trusts it as it did the first."""
    vocabulary, labels, numbers = _labelled(context, "train")
    _, _, held_out = _labelled(context, "validation")
    texts = joined(_encoded(context, "train", vocabulary), _encoded(context, "validation", vocabulary))
    features, present = NgramFeatures.fit(known_tokens(texts), ORDER[vocabulary.kind], MIN_COUNT, MAX_FEATURES)
    return _linear_work(context, features, present, one_hot(np.concatenate([numbers, held_out]), len(labels)))


def fit_ngrams_student(context: Context) -> Work:
    """The linear model again, on the unlabelled texts as well."""
    vocabulary = Vocabulary.from_json(context.preprocessing["vocabulary"])
    features, _ = ngram_members(context.finished["ngrams"])
    present = features.transform(known_tokens(_all_texts(context, vocabulary)))
    return _linear_work(context, features, present, taught(context))


def train_views(context: Context) -> Work:
    """What usually stands around regions of words, in all texts."""
    vocabulary = Vocabulary.from_json(context.preprocessing["vocabulary"])
    texts = network_texts(_all_texts(context, vocabulary), member_settings(context.settings))
    size = network_vocabulary(vocabulary)
    return Work(ViewLearner(size), RegionSource(texts, size), Budget(VIEW_EPOCHS, context.settings.training.seed, "linear"))


def train_member(name: str, context: Context) -> Work:
    """A network over word vectors and views; a student learns from the unlabelled texts as well."""
    settings = member_settings(context.settings)
    training = settings.training
    assert training.learning_rate is not None and training.epochs is not None and training.batch_size is not None
    vocabulary, labels, numbers = _labelled(context, "train")
    views = region_views(context.finished["views"])
    network = build_network(settings, network_vocabulary(vocabulary), len(labels), views).to(context.device.torch)
    learner = NetworkLearner(
        network, training.learning_rate, training.weight_decay, Stepper(context.device, training.clip_norm)
    )
    padding = Padding(settings)
    student = name.endswith("-student")
    texts = network_texts(_all_texts(context, vocabulary) if student else _encoded(context, "train", vocabulary), settings)
    targets = taught(context) if student else one_hot(numbers, len(labels))
    held_out = network_texts(_encoded(context, "validation", vocabulary), settings)
    return Work(
        learner,
        TextSource(texts, targets.astype(np.float32), padding, training.batch_size, context.device.torch),
        Budget(training.epochs, training.seed, training.schedule, training.warmup_fraction, training.patience),
        TextValidation(network, held_out, _labelled(context, "validation")[2], padding, context.device),
    )


def fit_members(context: Context) -> Work:
    """The mixture of all members so far, on the validation texts."""
    vocabulary, labels, numbers = _labelled(context, "validation")
    members = _members(context.settings, vocabulary, labels, context.device, context.finished)
    logits = members.member_logits(_encoded(context, "validation", vocabulary))
    tensors = {"weights": torch.zeros(len(logits)), "bias": torch.zeros(logits.shape[2])}
    return Work(OneShot(tensors, lambda: fit_mixture(logits, torch.from_numpy(numbers))), Once(len(numbers)), _once(context))


def taught(context: Context) -> NDArray[np.float64]:
    """What students learn: the labels of the training texts, and the teacher's probabilities for the unlabelled ones."""
    vocabulary, labels, numbers = _labelled(context, "train")
    before = {name: weights for name, weights in context.finished.items() if not name.endswith("-student")}
    teacher = _members(context.settings, vocabulary, labels, context.device, before)
    logits = mix(teacher.member_logits(_encoded(context, "unlabelled", vocabulary)), teacher.weights, teacher.bias)
    return np.concatenate([one_hot(numbers, len(labels)), class_probabilities(logits).double().numpy()])


def joined(first: EncodedTexts, second: EncodedTexts) -> EncodedTexts:
    """The texts of both, one behind the other."""
    numbers = np.concatenate([first.numbers, second.numbers])
    return EncodedTexts(numbers, np.concatenate([first.lengths, second.lengths]))


def one_hot(numbers: NDArray[np.int64], num_classes: int) -> NDArray[np.float64]:
    """Certain labels as probabilities, (texts, classes)."""
    return np.eye(num_classes)[numbers]


def best_predictor(trained: Trained[TextSettings]) -> BestPredictor:
    """All members with their trained weights."""
    vocabulary = Vocabulary.from_json(trained.preprocessing["vocabulary"])
    return _members(trained.settings, vocabulary, label_names(trained.preprocessing), trained.device, trained.weights)


def ngram_members(tensors: Mapping[str, Tensor]) -> tuple[NgramFeatures, LinearModel]:
    """The n-grams and the linear model that the first stage stored."""
    own = {name.removeprefix("learner/"): tensor for name, tensor in tensors.items()}
    keys = {name.removeprefix("keys_"): tensor.numpy() for name, tensor in own.items() if name.startswith("keys_")}
    return NgramFeatures.from_arrays(keys), LinearModel.from_tensors(own)


def member_settings(settings: TextSettings) -> TextSettings:
    """Settings of the members that are networks."""
    wanted = {"learning_rate": settings.training.learning_rate} if settings.training.learning_rate is not None else {}
    return settings.replaced(**{**CNN, **wanted})


def network_vocabulary(vocabulary: Vocabulary) -> int:
    """Tokens that networks have vectors for."""
    return min(len(vocabulary), NETWORK_VOCABULARY)


def region_views(tensors: Mapping[str, Tensor]) -> RegionViews:
    """The views that their stage stored."""
    return RegionViews(*(tensors[f"learner/{name}"] for name in VIEW_TENSORS))


def _linear_work(context: Context, features: NgramFeatures, present: csr_matrix, targets: NDArray[np.float64]) -> Work:
    """One fit of the linear model, stored with the n-grams that it knows."""
    outputs = 1 if targets.shape[1] == 2 else targets.shape[1]
    shapes = {"ratios": (features.size, outputs), "weights": (features.size, outputs), "bias": (outputs,)}
    # Copied, because torch gives an empty array of NumPy's a stride that a checkpoint cannot be made from.
    tensors = {
        f"keys_{name}": torch.zeros(len(keys), dtype=torch.int64).copy_(torch.from_numpy(keys))
        for name, keys in features.to_arrays().items()
    }

    def fit() -> tuple[dict[str, Tensor], Tensor]:
        model = LinearModel.fit(present, targets)
        scores = torch.from_numpy(model.scores(present))
        return model.to_tensors(), cross_entropy(scores, torch.from_numpy(targets))

    learner = OneShot({**tensors, **{name: torch.zeros(shape) for name, shape in shapes.items()}}, fit)
    return Work(learner, Once(len(targets)), _once(context))


def known_tokens(texts: EncodedTexts) -> EncodedTexts:
    """Numbers with unknown tokens as NONE, which belong to no n-gram."""
    return EncodedTexts(np.where(texts.numbers == UNKNOWN, NONE, texts.numbers), texts.lengths)


def network_texts(texts: EncodedTexts, settings: TextSettings) -> EncodedTexts:
    """The same texts for a network: only the most frequent tokens, cut; an empty text is one unknown token."""
    numbers = np.where(texts.numbers >= NETWORK_VOCABULARY, UNKNOWN, texts.numbers)
    return EncodedTexts(numbers, texts.lengths).cut(settings.tokens.max_length).filled()


def linear_logits(features: NgramFeatures, linear: LinearModel, texts: EncodedTexts) -> Tensor:
    """Scores of the linear model, (texts, outputs), float32."""
    return torch.from_numpy(linear.scores(features.transform(known_tokens(texts)))).float()


def _members(
    settings: TextSettings,
    vocabulary: Vocabulary,
    labels: tuple[str, ...],
    device: Device,
    weights: Mapping[str, Mapping[str, Tensor]],
) -> BestPredictor:
    """The members whose stages are finished, with the linear model and the mixture that were fitted last."""
    last = next(name for name in ("ngrams-student", "ngrams-whole", "ngrams") if name in weights)
    features, linear = ngram_members(weights[last])
    networks = {}
    for name in (name for name in MEMBERS if name in weights):
        views = region_views(weights["views"])
        network = build_network(member_settings(settings), network_vocabulary(vocabulary), len(labels), views)
        networks[name] = network.to(device.torch).eval()
        restore_modules({"network": networks[name]}, weights[name])
    members, outputs = 1 + len(networks), 1 if len(labels) == 2 else len(labels)
    mixture = weights.get("mixture") or weights.get("teacher", {})
    shares = mixture.get("learner/weights", torch.full((members,), 1 / members))
    bias = mixture.get("learner/bias", torch.zeros(outputs))
    return BestPredictor(settings, vocabulary, labels, device, features, linear, networks, shares, bias)


def _labelled(context: Context, part: str) -> tuple[Vocabulary, tuple[str, ...], NDArray[np.int64]]:
    labels = label_names(context.preprocessing)
    numbers = class_numbers(context.data.parts[part].labels, labels)
    return Vocabulary.from_json(context.preprocessing["vocabulary"]), labels, numbers


def _encoded(context: Context, part: str, vocabulary: Vocabulary) -> EncodedTexts:
    return context.data.tokenised(part, vocabulary.kind).number(vocabulary)


def _all_texts(context: Context, vocabulary: Vocabulary) -> EncodedTexts:
    """The training texts, and behind them the unlabelled ones."""
    train = _encoded(context, "train", vocabulary)
    if not context.data.unlabelled:
        return train
    return joined(train, _encoded(context, "unlabelled", vocabulary))


def _once(context: Context) -> Budget:
    return Budget(1, context.settings.training.seed, "constant")
