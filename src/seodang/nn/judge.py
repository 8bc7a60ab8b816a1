"""A judge: a small classifier of real images, in whose last hidden layer made images are compared with real ones.

Where images have classes it learns those. Without, it learns which way an image is turned, for which it must know what is in
it: Gidaris, Singh & Komodakis 2018, "Unsupervised Representation Learning by Predicting Image Rotations", arXiv:1803.07728.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

from seodang.core.device import Device
from seodang.core.learner import BatchSource, Budget, Learner, Validation, Work
from seodang.core.seeds import mix
from seodang.core.step import Stepper

ROTATIONS = 4  # by 0, 90, 180 and 270 degrees
FEATURES = 64
SMALLEST = 4  # sides are halved until they are no longer than this, so that the last level sees the whole image
MOST_CHANNELS = 128
BATCH_SIZE = 128
LEARNING_RATE = 2e-3
AT_ONCE = 500  # images of one pass when nothing is learned


class JudgeNetwork(nn.Module):
    """Convolutions with batch normalisation and a halving each, the mean of each channel, and one hidden layer.

    Args:
        in_channels: Of the images.
        num_classes: That it tells apart.
        size: Height and width of the images it learns from; others will do too.
        width: Channels of the first level, doubled at every level, up to 128.
    """

    def __init__(self, in_channels: int, num_classes: int, size: int, width: int) -> None:
        super().__init__()
        self.levels = nn.ModuleList()
        before, channels = in_channels, width
        while True:
            block = nn.Sequential(
                nn.Conv2d(before, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU(inplace=True)
            )
            self.levels.append(block)
            if size <= SMALLEST:
                break
            before, channels, size = channels, min(2 * channels, MOST_CHANNELS), -(-size // 2)
        self.hidden = nn.Linear(channels, FEATURES)
        self.score = nn.Linear(FEATURES, num_classes)

    def maps(self, images: Tensor) -> list[Tensor]:
        """What each level sees, the finest first.

        Args:    images: (batch, in_channels, height, width), from -1 to 1.
        Returns: (batch, channels, height, width) of each level, halved from one to the next.
        """
        found: list[Tensor] = []
        for level in self.levels:
            images = level(functional.max_pool2d(images, 2, ceil_mode=True) if found else images)
            found.append(images)
        return found

    def features(self, images: Tensor) -> Tensor:
        """Where images lie among others: (batch, in_channels, height, width), from -1 to 1, to (batch, 64)."""
        found: Tensor = functional.relu(self.hidden(self.maps(images)[-1].mean((2, 3))))
        return found

    def forward(self, images: Tensor) -> Tensor:
        """Logits, (batch, num_classes), of images, (batch, in_channels, height, width), from -1 to 1."""
        logits: Tensor = self.score(self.features(images))
        return logits


class Seen(NamedTuple):
    """What a judge makes of images."""

    features: NDArray[np.float32]
    """(images, 64)."""
    classes: NDArray[np.int64]
    """The likeliest class of each, (images,)."""


def look(network: JudgeNetwork, images: Tensor, device: Device) -> Seen:
    """Features and classes of many images, in f32.

    Args:
        network: A trained judge.
        images: (images, channels, height, width), uint8 or from -1 to 1.
        device: Where to compute.
    """
    features, classes = [], []
    network.eval()
    with torch.inference_mode(), device.exact().autocast():
        for some in torch.split(images, AT_ONCE):
            found = network.features(as_network_reads(some.to(device.torch)))
            features.append(found.cpu())
            classes.append(network.score(found).argmax(1).cpu())
    return Seen(torch.cat(features).numpy(), torch.cat(classes).numpy())


def perceptual_distance(network: JudgeNetwork, one: Tensor, other: Tensor) -> Tensor:
    """How differently a judge sees two images: squared differences of its maps, each pixel's channels of length 1.

    Zhang et al. 2018, "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", arXiv:1801.03924, with this
    network in place of theirs and all channels equal; figures cannot be compared with theirs.

    Args:    one, other: (batch, channels, height, width), from -1 to 1.
    Returns: (batch,).
    """
    total = torch.zeros(len(one), device=one.device)
    for first, second in zip(network.maps(one), network.maps(other), strict=True):
        apart = functional.normalize(first, dim=1, eps=1e-6) - functional.normalize(second, dim=1, eps=1e-6)
        total = total + apart.square().sum(1).mean((1, 2))
    return total / len(network.levels)


def as_network_reads(images: Tensor) -> Tensor:
    """Images of uint8 as numbers from -1 to 1, with channels last in memory; others are that already."""
    numbers = images.float().div_(127.5).sub_(1) if images.dtype == torch.uint8 else images
    return numbers.contiguous(memory_format=torch.channels_last)


class JudgeBatch(NamedTuple):
    """Images to learn from."""

    images: Tensor
    """(batch, channels, size, size), from -1 to 1."""
    classes: Tensor
    """(batch,), int64."""


class JudgeSource(BatchSource):
    """Square pieces of real images, with their classes, or turned at random.

    Args:
        images: (images, channels, height, width), uint8 or from -1 to 1.
        classes: (images,), int64; None: to tell which way they are turned.
        size: Height and width of the pieces.
        steps: Of an epoch.
        device: Where they are learned from.
    """

    def __init__(self, images: Tensor, classes: Tensor | None, size: int, steps: int, device: torch.device) -> None:
        self.images, self.classes, self.size, self.steps, self.device = images, classes, size, steps, device

    def plan(self, seed: int, epoch: int) -> Sequence[int]:
        """The key of each step's random choices."""
        return [mix("judge", seed, epoch, step) for step in range(self.steps)]

    def batch(self, work: int) -> JudgeBatch:
        """Images drawn at random."""
        random = np.random.Generator(np.random.Philox(key=work))
        rows = torch.from_numpy(random.integers(len(self.images), size=BATCH_SIZE))
        return self.cut(rows, random)

    def rows(self, work: int) -> int:
        """Images learned from."""
        return BATCH_SIZE

    def cut(self, rows: Tensor, random: np.random.Generator) -> JudgeBatch:
        """Pieces of some images, all from one place, which is drawn."""
        height, width = self.images.shape[2:]
        top, left = random.integers(height - self.size + 1), random.integers(width - self.size + 1)
        pieces = self.images[rows][:, :, top : top + self.size, left : left + self.size]
        if self.classes is not None:
            classes = self.classes[rows]
        else:
            classes = torch.from_numpy(random.integers(ROTATIONS, size=len(rows)))
            pieces = torch.stack([piece.rot90(int(turns), (1, 2)) for piece, turns in zip(pieces, classes, strict=True)])
        return JudgeBatch(as_network_reads(pieces.to(self.device)), classes.to(self.device))


class JudgeLearner(Learner):
    """A judge, trained on cross-entropy by Adam (Kingma & Ba 2015, arXiv:1412.6980)."""

    def __init__(self, network: JudgeNetwork, device: Device) -> None:
        self.network = network
        self.stepper = Stepper(device, 1.0, splittable=False)  # batch normalisation sees the whole batch
        self.optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=1e-2, fused=True)

    def modules(self) -> Mapping[str, nn.Module]:
        """The network."""
        return {"network": self.network}

    def optimizers(self) -> Mapping[str, Optimizer]:
        """Adam."""
        return {"adam": self.optimizer}

    def update(self, batch: JudgeBatch) -> dict[str, Tensor]:
        """One step."""
        self.network.train()
        return {"loss": self.stepper.descend(batch, self._loss, self.network, self.optimizer)}

    def _loss(self, batch: JudgeBatch) -> Tensor:
        return functional.cross_entropy(self.network(batch.images).float(), batch.classes)


class JudgeValidation(Validation):
    """Part of the images held out whose class, or turn, is told right."""

    monitor = "accuracy"

    def __init__(self, network: JudgeNetwork, source: JudgeSource, device: Device) -> None:
        self.network, self.source, self.device = network, source, device

    def measure(self) -> dict[str, float]:
        """Over all images held out, each once, cut and turned as at every other time."""
        random = np.random.Generator(np.random.Philox(key=mix("judged")))
        right = 0
        for rows in torch.split(torch.arange(len(self.source.images)), AT_ONCE):
            batch = self.source.cut(rows, random)
            right += int((torch.from_numpy(look(self.network, batch.images, self.device).classes) == batch.classes.cpu()).sum())
        return {"accuracy": right / len(self.source.images)}


def judge_work(
    network: JudgeNetwork,
    learned: tuple[Tensor, Tensor | None],
    held_out: tuple[Tensor, Tensor | None],
    *,
    size: int,
    steps: int,
    epochs: int,
    seed: int,
    device: Device,
) -> Work:
    """All that `fit` needs to train a judge.

    Args:
        network: Whose weights are drawn already.
        learned, held_out: Images and their classes, as `JudgeSource` takes them.
        size: Height and width of the pieces it learns from.
        steps: Of an epoch.
        epochs: How many.
        seed: Of all that is drawn.
        device: Where to compute.
    """
    placed = cast(JudgeNetwork, cast(Any, network.to(device.torch)).to(memory_format=torch.channels_last))
    source = JudgeSource(*learned, size, steps, device.torch)
    validation = JudgeValidation(placed, JudgeSource(*held_out, size, steps, device.torch), device)
    return Work(JudgeLearner(placed, device), source, Budget(epochs, seed, warmup_fraction=0.05), validation)
