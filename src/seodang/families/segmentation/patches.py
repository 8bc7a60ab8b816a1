"""Pieces of images and masks, cut, bent and coloured while the network learns from the batch before."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seodang.core.learner import BatchSource
from seodang.core.seeds import mix
from seodang.data.augmentation import Augmentation, Floats, Warp, pieces, recoloured
from seodang.data.images import with_channels
from seodang.data.sampling import permutation
from seodang.families.segmentation.data import Seen, SegmentationData
from seodang.families.segmentation.difficulty import Difficulty
from seodang.families.segmentation.masks import IGNORED, Classes
from seodang.families.segmentation.scaling import Scaling

FOREGROUND_SHARE = 1 / 3  # of the pieces are laid around a pixel of a class drawn at random, as in nnU-Net
REMEMBERED = 512  # places of each class in an image that pieces may be laid around


class PatchBatch(NamedTuple):
    """Pieces to learn from."""

    images: Tensor
    """(batch, channels, size, size), float32, laid out with channels last."""
    classes: Tensor
    """(batch, size, size), uint8."""
    numbers: Tensor
    """Of the images that the pieces are from, (batch,), int64."""


class Cut(NamedTuple):
    """The pieces of one step: number in the plan, and image, centre row and centre column of each."""

    seed: int
    epoch: int
    number: int
    places: NDArray[np.int64]


class PatchSource(BatchSource):
    """Pieces from all over the images of one part: of each image the root of how many fit into it, others every epoch.

    As many as fit would drown small images, which count as much as large ones in every measure. Images that are still badly
    segmented give more pieces than others.

    A piece depends on (seed, epoch, its number) alone. The next batch is cut while the network learns from this one, by a
    thread of its own: nothing waits, and nothing depends on who was faster.
    """

    def __init__(
        self,
        data: SegmentationData,
        seen: Sequence[Seen],
        scaling: Scaling,
        size: int,
        batch_size: int,
        augmentation: Augmentation,
        device: torch.device,
        difficulty: Difficulty,
    ) -> None:
        self.data, self.seen, self.scaling, self.size, self.batch_size = data, seen, scaling, size, batch_size
        self.augmentation, self.device, self.difficulty = augmentation, device, difficulty
        self.places: dict[int, list[NDArray[np.int64]]] = {}
        self.centres = np.array(
            [
                (number, row, column)
                for number, one in enumerate(seen)
                for row in pieces(one.shape[0], size)
                for column in pieces(one.shape[1], size)
            ],
            np.int64,
        )
        self.fitting = np.bincount(self.centres[:, 0])
        self.usual = np.ceil(np.sqrt(self.fitting))
        self.cutter = ThreadPoolExecutor(1, thread_name_prefix="cutter")
        self.planned: list[Cut] = []
        self.ahead: tuple[Cut, Future[tuple[NDArray[np.float32], Classes]]] | None = None

    def plan(self, seed: int, epoch: int) -> Sequence[Cut]:
        """As many pieces in every epoch, in any order; the last batch is filled up from the beginning, so that all are full."""
        counts = shared_out(self.usual * self.difficulty.often(epoch), int(self.usual.sum()), seed, epoch)
        turns = range(int((-(-counts // self.fitting)).max()))  # an image gives its pieces again when all were taken
        order = np.concatenate([permutation(len(self.centres), seed, mix(epoch, turn)) for turn in turns])
        order = order[_rank_of_equals(self.centres[order, 0]) < counts[self.centres[order, 0]]]
        order = order[permutation(len(order), seed, epoch)]
        order = np.resize(order, -(-len(order) // self.batch_size) * self.batch_size)
        batches = np.split(self.centres[order], len(order) // self.batch_size)
        self.planned = [Cut(seed, epoch, number, places) for number, places in enumerate(batches)]
        return self.planned

    def tensors(self) -> dict[str, Tensor]:
        """How hard each image is, and was as the epoch began."""
        return {"dice": self.difficulty.dice, "planned": self.difficulty.planned}

    def state(self) -> dict[str, Any]:
        """The epoch that was planned last."""
        return {"epoch": self.difficulty.epoch}

    def load_state(self, state: dict[str, Any]) -> None:
        """Take back what `state` gave."""
        self.difficulty.epoch = state["epoch"]

    def batch(self, work: Cut) -> PatchBatch:
        """The pieces of one step."""
        ahead, self.ahead = self.ahead, None
        if ahead is not None and ahead[0][:3] == work[:3]:
            images, classes = ahead[1].result()
        else:
            images, classes = self._cut(work)
        if work.number + 1 < len(self.planned) and self.planned[work.number][:3] == work[:3]:
            following = self.planned[work.number + 1]
            self.ahead = following, self.cutter.submit(self._cut, following)
        # Pixels stand as they were cut, channels last, which is also how convolutions on a CPU are fastest.
        tensor = torch.from_numpy(images).permute(0, 3, 1, 2)
        numbers = torch.from_numpy(work.places[:, 0].copy())
        return PatchBatch(*(one.to(self.device) for one in (tensor, torch.from_numpy(classes), numbers)))

    def rows(self, work: Cut) -> int:
        """Pieces learned from."""
        return len(work.places)

    def _cut(self, work: Cut) -> tuple[NDArray[np.float32], Classes]:
        size, count = self.size, len(work.places)
        images = np.empty((count, size, size, self.scaling.channels), np.float32)
        classes = np.empty((count, size, size), np.uint8)
        for place in range(count):
            random = np.random.Generator(np.random.Philox(key=mix("piece", work.seed, work.epoch, work.number, place)))
            images[place], classes[place] = self._piece(work.places[place], random)
        return images, classes

    def _piece(self, place: NDArray[np.int64], random: np.random.Generator) -> tuple[Floats, Classes]:
        number, row, column = place.tolist()
        image, mask = self.data.picture(self.seen[number])
        centre = np.array([row, column], np.float64) + random.uniform(-0.5, 0.5, 2) * self.size
        if random.random() < FOREGROUND_SHARE:
            centre = self._around_a_class(number, mask, random, centre)
        warp = Warp.draw(random, (self.size, self.size), (float(centre[0]), float(centre[1])), self.augmentation)
        scale = self.scaling.of_moments(self.seen[number].moments)
        piece = scale(warp.smooth(with_channels(image, self.scaling.channels)))
        return recoloured(piece, random, self.augmentation), warp.nearest(mask)

    def _around_a_class(
        self, number: int, mask: Classes, random: np.random.Generator, otherwise: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """A pixel of one of the image's classes but the background, each as likely; large images have many of all."""
        if number not in self.places:
            self.places[number] = _class_places(mask)
        places = self.places[number]
        if not places:
            return otherwise
        chosen = places[random.integers(len(places))]
        place: NDArray[np.float64] = chosen[random.integers(len(chosen))] + random.uniform(-0.25, 0.25, 2) * self.size
        return place


def shared_out(shares: NDArray[np.float64], total: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """Whole numbers in proportion to shares that add up to a total; over the epochs, parts of one come to their due.

    Args: shares: (images,), positive.
    Returns: (images,).
    """
    random = np.random.Generator(np.random.Philox(key=mix("share", seed, epoch)))
    ends = np.floor(np.cumsum(shares) * (total / shares.sum()) + random.random()).astype(np.int64)
    ends[-1] = total  # which sums may miss by their rounding
    counts: NDArray[np.int64] = np.diff(ends, prepend=0)
    return counts


def _rank_of_equals(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many equal numbers stand before each."""
    by_number = np.argsort(numbers, kind="stable")
    ordered = numbers[by_number]
    ranks = np.empty_like(numbers)
    ranks[by_number] = np.arange(len(numbers)) - np.searchsorted(ordered, ordered)
    return ranks


def _class_places(mask: Classes) -> list[NDArray[np.int64]]:
    """Some places of every class but the background, (places, 2) each, spread evenly over all that there are."""
    found = []
    for one in np.unique(mask):
        if one not in (0, IGNORED):
            places = np.flatnonzero(mask == one)
            some = places[np.linspace(0, len(places) - 1, min(REMEMBERED, len(places))).astype(np.int64)]
            found.append(np.stack(np.divmod(some, mask.shape[1]), 1))
    return found
