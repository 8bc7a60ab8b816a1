"""The two-view embedding: its kernel against NumPy and a sum by hand, what regions are, and that it learns without labels."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from seodang.families.text import kernels
from seodang.families.text.batches import EncodedTexts
from seodang.families.text.kernels import views as kernel
from seodang.families.text.kernels.views import Regions, Views, learn_regions
from seodang.families.text.views import EDGE, MIDDLE, REACH, WIDTH, RegionSource, RegionViews, ViewLearner
from seodang.nn.kernels import AVX2, AVX512, BASE

needs_library = pytest.mark.skipif(kernels.library() is None, reason="installed without a C compiler")


def some(size: int = 32, vocabulary: int = 40, regions: int = 30) -> tuple[Views, Regions]:
    """Views that know something already, and regions to learn from; the first has no neighbour."""
    torch.manual_seed(0)
    inputs = torch.randn(2, vocabulary, size) * 0.3
    inputs[:, 0] = 0
    views = Views(inputs, torch.randn(2, 2 * vocabulary, size) * 0.3, torch.full((2, size), 0.1))
    words = torch.randint(0, vocabulary, (regions, WIDTH), dtype=torch.int32)
    neighbours = torch.randint(-1, 2 * vocabulary, (2, regions, 2 * REACH), dtype=torch.int32)
    neighbours[:, 0] = -1
    return views, Regions(words, neighbours, torch.randint(0, 2 * vocabulary, (2, regions, 3), dtype=torch.int32))


def copied(views: Views) -> Views:
    return Views(*(part.clone() for part in views))


@needs_library
@pytest.mark.parametrize("best", [BASE, AVX2, AVX512], ids=["base", "avx2", "avx512"])
def test_the_kernel_does_what_numpy_does(best: int, monkeypatch: pytest.MonkeyPatch) -> None:
    views, regions = some()
    ours, theirs = copied(views), copied(views)
    with monkeypatch.context() as patch:
        patch.setattr(kernel, "library", lambda: None)
        expected = [learn_regions(theirs, regions, 0.2) for _ in range(3)]
    monkeypatch.setattr(kernel, "AVX512", best)
    found = [learn_regions(ours, regions, 0.2) for _ in range(3)]
    assert torch.tensor(found).tolist() == pytest.approx(torch.tensor(expected).tolist(), rel=1e-5)
    for one, other, before in zip(ours, theirs, views, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=2e-5)
        assert (one - before).abs().max() > 0.01


@needs_library
def test_any_number_of_threads_gives_the_same_bytes() -> None:
    views, regions = some()
    before, results = torch.get_num_threads(), []
    for threads in (1, 2, 4):
        torch.set_num_threads(threads)
        learned = copied(views)
        learn_regions(learned, regions, 0.2)
        results.append(learned)
    torch.set_num_threads(before)
    assert all(torch.equal(one, other) for result in results[1:] for one, other in zip(result, results[0], strict=True))


@pytest.mark.parametrize("compiled", [pytest.param(True, marks=needs_library), False])
def test_one_region_by_hand(compiled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not compiled:
        monkeypatch.setattr(kernel, "library", lambda: None)
    size = 16
    views = Views(torch.zeros(1, 4, size), torch.zeros(1, 8, size), torch.zeros(1, size))
    views.inputs[0, 2, :2] = torch.tensor([1.0, -3.0])
    views.inputs[0, 3, :2] = torch.tensor([1.0, 1.0])
    views.outputs[0, 6, 0] = 0.5
    words = torch.tensor([[0, 2, 3, 0, 0]], dtype=torch.int32)
    regions = Regions(words, torch.tensor([[[-1, 6]]], dtype=torch.int32), torch.tensor([[[1]]], dtype=torch.int32))
    loss = learn_regions(views, regions, 0.1)
    # The region is (2, -2), rectified (2, 0). Its neighbour's score is 2 * 0.5 = 1, the drawn word's 0.
    missing = 1 - 1 / (1 + math.exp(-1))
    assert loss.item() == pytest.approx(math.log(1 + math.exp(-1)) + math.log(2), rel=1e-5)
    assert views.outputs[0, 6, :2].tolist() == pytest.approx([0.5 + 0.1 * missing * 2, 0])
    assert views.outputs[0, 1, :2].tolist() == pytest.approx([-0.1 * 0.5 * 2, 0])
    # The drawn word was zero and so pulls nothing; the second number was rectified and learns nothing.
    pulled = 0.1 * missing * 0.5
    assert views.inputs[0, 2, :2].tolist() == pytest.approx([1 + pulled, -3])
    assert views.inputs[0, 3, :2].tolist() == pytest.approx([1 + pulled, 1])
    assert views.bias[0, :2].tolist() == pytest.approx([0.1 * pulled, 0])
    assert not views.inputs[0, 0].any()


def test_what_a_region_is_and_what_stands_around_it() -> None:
    first, second = np.arange(2, 14), np.array([20, 1, 21])
    source = RegionSource(EncodedTexts.join([first.astype(np.int32), second.astype(np.int32)]), 30)
    source.chances.keep[:] = 1
    torch.manual_seed(3)
    regions = source.batch(np.array([0, 1]))
    assert len(regions.words) == 15
    assert regions.words[0].tolist() == [0, 0, 2, 3, 4] and regions.words[6].tolist() == [6, 7, 8, 9, 10]
    around = regions.neighbours[0]
    assert around[6].tolist() == [5, 4, 3, 2, -1, 30 + 11, 30 + 12, 30 + 13, -1, -1]  # the nearest first
    assert (around[:3] < 0)[:, :REACH].all()  # nothing stands before the text
    assert regions.words[12].tolist() == [0, 0, 20, 0, 21]  # an unknown word is none, and texts do not touch
    assert (regions.neighbours[:, 12:] < 0).all()
    before, behind = regions.drawn[:, :, ::2], regions.drawn[:, :, 1::2]
    known = set(first.tolist()) | {20, 21}
    assert set(before.flatten().tolist()) <= known and {n - 30 for n in behind.flatten().tolist()} <= known
    assert EDGE == MIDDLE + REACH


def test_frequent_words_are_foretold_more_seldom() -> None:
    numbers = np.array([2] * 900 + [3] * 100, np.int32)
    keep = RegionSource(EncodedTexts(numbers, np.array([1000])), 4).chances.keep
    assert keep[2] == pytest.approx(math.sqrt(1e-4 / 0.9)) and keep[3] == pytest.approx(math.sqrt(1e-4 / 0.1))


def test_a_view_of_each_place() -> None:
    torch.manual_seed(0)
    inputs, bias = torch.randn(2, 9, 16), torch.randn(2, 16)
    inputs[:, :2] = 0
    module = RegionViews(inputs, bias).eval()
    assert module.channels == 32
    tokens = torch.tensor([[4, 1, 7, 8, 3, 2], [5, 6, 0, 0, 0, 0]])
    found = module(tokens)
    padded = [0, 0, *tokens[0].tolist(), 0, 0]
    for place in range(6):
        expected = torch.relu(bias + inputs[:, padded[place : place + 5]].sum(1)).flatten()
        torch.testing.assert_close(found[0, place], expected)
    torch.testing.assert_close(found[1, 1], torch.relu(bias + inputs[:, 5] + inputs[:, 6]).flatten())
    assert not found[1, 2:].any()
    assert not list(module.parameters()) and not module.state_dict()


def test_it_learns_what_stands_where_without_labels() -> None:
    random = np.random.default_rng(0)
    # Words 2 to 9 stand among 10 to 17, words 18 to 25 among 26 to 33: only their surroundings tell them apart.
    texts = [np.stack([random.integers(low, low + 8, 20), random.integers(low + 8, low + 16, 20)], 1) for low in (2, 18) * 60]
    source = RegionSource(EncodedTexts.join(text.flatten().astype(np.int32) for text in texts), 34)
    source.chances.keep[:] = 1
    torch.manual_seed(1)
    learner, losses = ViewLearner(34), []
    for epoch in range(30):
        losses += [float(learner.update(source.batch(rows))["loss"]) for rows in source.plan(0, epoch)]
    assert losses[-1] < 0.9 * losses[0]
    words = learner.views.inputs[0, 2:] - learner.views.inputs[0, 2:].mean(0)
    likeness = torch.nn.functional.normalize(words) @ torch.nn.functional.normalize(words).T
    assert torch.equal(likeness.fill_diagonal_(-1).argmax(1) // 16, torch.arange(32) // 16)
