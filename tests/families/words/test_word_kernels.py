"""The step of word vectors: by hand and by autograd, in C and in PyTorch, on any number of threads."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from seodang.families.words import kernels
from seodang.families.words.kernels import compiled_step, library
from seodang.families.words.learner import count_pairs, mean_loss
from seodang.families.words.tables import TILE_WORDS, Block, StepSettings, Tables, row_width, torch_step
from seodang.nn.kernels import AVX2, AVX512, BASE, Threads

VOCABULARY = 60


def tables(dimensions: int = 20, pieces: bool = False, seed: int = 0) -> Tables:
    made = torch.Generator().manual_seed(seed)
    offsets = parts = None
    rows = VOCABULARY
    if pieces:
        counts = torch.randint(1, 6, (VOCABULARY,), generator=made)
        offsets = torch.cat([torch.zeros(1, dtype=torch.int64), counts.cumsum(0)])
        rows = 40
        parts = torch.randint(0, rows, (int(counts.sum()),), generator=made).int()
    inputs, outputs = torch.zeros(rows, row_width(dimensions)), torch.zeros(VOCABULARY, row_width(dimensions))
    inputs[:, :dimensions] = 0.3 * torch.randn(rows, dimensions, generator=made)
    outputs[:, :dimensions] = 0.3 * torch.randn(VOCABULARY, dimensions, generator=made)
    return Tables(inputs, outputs, offsets, parts)


def block(words: int = 2500, window: int = 3, shared: int = 8, seed: int = 1) -> Block:
    made = torch.Generator().manual_seed(seed)
    places = torch.arange(words)
    reach = torch.randint(1, window + 1, (words,), generator=made)
    line = places // 50 * 50  # windows stop at lines of 50 words
    numbers = torch.randint(0, VOCABULARY, (words,), generator=made).int()
    begins, ends = (
        torch.maximum(places - reach, line).int(),
        torch.minimum(places + reach + 1, (line + 50).clamp(max=words)).int(),
    )
    negatives = torch.randint(0, VOCABULARY, (math.ceil(words / TILE_WORDS), shared), generator=made).int()
    return Block(numbers, begins, ends, negatives)


def slow_loss(given: Tables, words: Block, settings: StepSettings, inputs: Tensor, outputs: Tensor) -> Tensor:
    """The loss word for word, in float64."""
    total = torch.zeros((), dtype=torch.float64)
    rows = (
        [given.parts[given.offsets[w] : given.offsets[w + 1]].long() for w in range(VOCABULARY)]
        if given.parts is not None
        else None
    )

    def vector(word: int) -> Tensor:
        return inputs[word] if rows is None else inputs[rows[word]].sum(0) / math.sqrt(len(rows[word]))

    for p, word in enumerate(words.numbers.tolist()):
        near = [int(words.numbers[q]) for q in range(int(words.begins[p]), int(words.ends[p])) if q != p]
        negatives = words.negatives[p // TILE_WORDS].tolist()
        weight = settings.negatives / len(negatives)
        pairs = [(vector(word), other) for other in near]
        if settings.cbow:
            pairs = [(torch.stack([vector(other) for other in near]).mean(0), word)] if near else []
        for hidden, right in pairs:
            total = total - logsigmoid(hidden @ outputs[right])
            total = total - weight * sum(logsigmoid(-(hidden @ outputs[wrong])) for wrong in negatives)
    return total


@pytest.mark.parametrize("cbow", [False, True])
@pytest.mark.parametrize("pieces", [False, True])
def test_a_step_is_gradient_descent_on_the_loss(cbow: bool, pieces: bool) -> None:
    # So few words that no row gets the corrections from which on it is held back.
    given, words, settings, rate = tables(pieces=pieces), block(10, 2, 4), StepSettings(2, 1, cbow), 0.01
    inputs, outputs = given.inputs.double().requires_grad_(), given.outputs.double().requires_grad_()
    loss = slow_loss(given, words, settings, inputs, outputs)
    loss.backward()  # type: ignore[no-untyped-call]
    loss = loss.detach()
    assert mean_loss(given, words, settings) == pytest.approx(float(loss) / float(count_pairs(words, cbow)), rel=1e-6)
    assert inputs.grad is not None and outputs.grad is not None
    expected = (inputs - rate * inputs.grad).detach(), (outputs - rate * outputs.grad).detach()
    reported = torch_step(given, words, settings, rate)
    assert float(reported) == pytest.approx(float(loss), rel=1e-6)
    torch.testing.assert_close(given.inputs.double(), expected[0], rtol=0, atol=5e-7)  # float32 sums of numbers near 1
    torch.testing.assert_close(given.outputs.double(), expected[1], rtol=0, atol=5e-7)


@pytest.mark.parametrize("instructions", [BASE, AVX2, AVX512])
@pytest.mark.parametrize("cbow", [False, True])
@pytest.mark.parametrize("pieces", [False, True])
def test_c_gives_what_pytorch_gives(instructions: int, cbow: bool, pieces: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = library()
    if compiled is None:
        pytest.skip("installed without a C compiler")
    monkeypatch.setattr(kernels, "instructions", lambda: instructions)
    settings = StepSettings(3, 5, cbow)
    ours, theirs = tables(pieces=pieces), tables(pieces=pieces)
    loss = compiled_step(compiled, ours, block(), settings, 0.05)
    assert float(loss) == pytest.approx(float(torch_step(theirs, block(), settings, 0.05)), rel=1e-6)
    # Sums of hundreds of float32 numbers in another order.
    torch.testing.assert_close(ours.inputs, theirs.inputs, rtol=0, atol=2e-5)
    torch.testing.assert_close(ours.outputs, theirs.outputs, rtol=0, atol=2e-5)
    assert not ours.inputs[:, 20:].any() and not ours.outputs[:, 20:].any()


@pytest.mark.parametrize("cbow", [False, True])
@pytest.mark.parametrize("pieces", [False, True])
def test_any_number_of_threads_gives_the_same_bytes(cbow: bool, pieces: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = library()
    if compiled is None:
        pytest.skip("installed without a C compiler")
    found = set()
    for count in (1, 2, 3, 4):
        monkeypatch.setattr(kernels, "threads", lambda count=count: Threads(count, None))
        given = tables(pieces=pieces)
        loss = float(compiled_step(compiled, given, block(), StepSettings(3, 5, cbow), 0.05))
        found.add((given.inputs.numpy().tobytes(), given.outputs.numpy().tobytes(), loss))
    assert len(found) == 1


def test_one_pair_by_hand() -> None:
    """Two words, one negative: sigmoid(0) = 1/2 before anything is learned."""
    inputs, outputs = torch.zeros(3, 16), torch.zeros(3, 16)
    inputs[0, 0], inputs[1, 0] = 1.0, 2.0
    words = Block(torch.tensor([0, 1]).int(), torch.tensor([0, 0]).int(), torch.tensor([2, 2]).int(), torch.tensor([[2]]).int())
    loss = torch_step(Tables(inputs, outputs), words, StepSettings(1, 1, False), 0.1)
    assert float(loss) == pytest.approx(4 * math.log(2))
    assert outputs[:, 0].tolist() == pytest.approx([0.1 * 0.5 * 2, 0.1 * 0.5 * 1, -0.1 * 0.5 * 3])
    assert inputs[:, 0].tolist() == [1.0, 2.0, 0.0]  # all outputs were zero


def test_a_word_that_crowds_a_passage_does_not_blow_up() -> None:
    given = tables(seed=3)
    words = block(2048)._replace(numbers=(torch.arange(2048) % 2).int(), negatives=torch.full((256, 8), 2).int())
    for _ in range(50):
        torch_step(given, words, StepSettings(3, 5, False), 0.1)
    assert float(given.inputs.norm(dim=1).max()) < 50 and np.isfinite(given.outputs.numpy()).all()
