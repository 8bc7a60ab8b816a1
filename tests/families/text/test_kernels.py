"""The C kernels and the short backward pass of the convolution, against PyTorch's own layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn

from seodang.draw.network import trace
from seodang.families.text import kernels
from seodang.families.text.cnn import ConvolutionalNetwork
from seodang.families.text.head import TextNetwork
from seodang.families.text.kernels import convolution, lstm
from seodang.families.text.lstm import LongShortTermMemoryNetwork
from seodang.nn.kernels import AVX2, AVX512, BASE, Threads

needs_library = pytest.mark.skipif(kernels.library() is None, reason="installed without a C compiler")
SETS = {"base": BASE, "avx2": AVX2, "avx512": AVX512}  # as far as this CPU has them


def reader(
    inputs: int, hidden: int, pooling: str, read_padding: bool = False, spread: float = 0.1
) -> LongShortTermMemoryNetwork:
    """An LSTM network with weights of a trained one's size; with a spread of 0.3 many gates are saturated."""
    torch.manual_seed(0)
    network = LongShortTermMemoryNetwork(50, inputs, hidden, "last" if pooling == "last" else "max", 7, 1, 0.0, read_padding)
    for layer in (network.forwards, network.backwards):
        for weight in layer.parameters():
            weight.data += torch.randn_like(weight) * spread
    return network


def texts(batch: int, length: int, channels: int) -> tuple[Tensor, Tensor]:
    """Word vectors and lengths, the first text as long as can be."""
    lengths = torch.randint(1, length + 1, (batch,))
    lengths[0] = length
    return torch.randn(batch, length, channels, requires_grad=True), lengths


def answers(network: TextNetwork, embedded: Tensor, lengths: Tensor) -> list[Tensor]:
    """Features, and gradients of the inputs and of every weight that made them."""
    embedded = embedded.detach().requires_grad_()
    network.zero_grad()
    features = network.features(embedded, lengths)
    steering = torch.randn(features.shape, generator=torch.Generator().manual_seed(1))
    (features * steering).sum().backward()
    weights = [weight.grad for weight in network.parameters() if weight.grad is not None]
    assert embedded.grad is not None
    return [features.detach(), embedded.grad, *weights]


@pytest.fixture
def two_threads() -> Iterator[Callable[[int], None]]:
    """Sets the number of threads, and puts it back."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch's own layers from here on."""
    monkeypatch.setattr("seodang.families.text.recurrence.lstm_serves", lambda layers, embedded: False)
    monkeypatch.setattr("seodang.families.text.cnn.computes_here", lambda embedded, *layers: False)


def assert_close(ours: list[Tensor], theirs: list[Tensor], forward: float, gradients: float) -> None:
    """Features by their largest difference, gradients by the length of the difference."""
    assert float((ours[0] - theirs[0]).abs().max()) <= forward
    for one, other in zip(ours[1:], theirs[1:], strict=True):
        assert float((one - other).norm()) <= gradients * float(other.norm()) + 1e-12


@needs_library
@pytest.mark.parametrize("best", SETS.values(), ids=SETS)
@pytest.mark.parametrize(
    ("batch", "length", "inputs", "hidden", "pooling", "read_padding"),
    [
        (32, 40, 64, 64, "max", False),
        (11, 23, 100, 65, "last", False),
        (5, 7, 17, 33, "max", False),
        (3, 50, 16, 16, "last", True),
        (2, 30, 20, 48, "max", False),
        (1, 9, 8, 4, "max", False),
        (1, 1, 3, 5, "last", False),
    ],
)
def test_lstm_equals_pytorch(
    batch: int,
    length: int,
    inputs: int,
    hidden: int,
    pooling: str,
    read_padding: bool,
    best: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lstm, "instructions", lambda: best)
    network = reader(inputs, hidden, pooling, read_padding)
    embedded, lengths = texts(batch, length, inputs)
    ours = answers(network, embedded, lengths)
    exact = answers(network.double(), embedded.double(), lengths)  # which the kernel leaves to PyTorch
    assert_close(ours, exact, forward=1e-6, gradients=1e-5)


@needs_library
@pytest.mark.parametrize("best", SETS.values(), ids=SETS)
def test_saturated_gates_cost_no_more_digits_than_in_pytorch(best: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lstm, "instructions", lambda: best)
    network = reader(100, 65, "last", spread=0.3)
    embedded, lengths = texts(11, 23, 100)
    ours = answers(network, embedded, lengths)
    plainly(monkeypatch)
    theirs = answers(network, embedded, lengths)
    exact = answers(network.double(), embedded.double(), lengths)
    for our, their, true in zip(ours, theirs, exact, strict=True):  # both are sums in f32, in different orders
        assert float((our - true).norm()) <= 2 * float((their - true).norm())


@needs_library
def test_lstm_in_bfloat16_errs_no_more_than_pytorch_does(monkeypatch: pytest.MonkeyPatch) -> None:
    network = reader(64, 64, "last")
    embedded, lengths = texts(16, 30, 64)
    with torch.autocast("cpu", torch.bfloat16):
        ours = answers(network, embedded, lengths)
    plainly(monkeypatch)
    exact = answers(network, embedded, lengths)
    with torch.autocast("cpu", torch.bfloat16):
        theirs = answers(network, embedded, lengths)
    for our, their, true in zip(ours, theirs, exact, strict=True):
        assert float((our - true).norm()) <= 1.5 * float((their - true).norm())


@needs_library
def test_gradients_reach_every_number_behind_a_saturated_state() -> None:
    network = reader(8, 4, "max")
    embedded, lengths = texts(2, 12, 8)
    network.features(embedded * 1e4, lengths).sum().backward()
    assert embedded.grad is not None and bool(embedded.grad.isfinite().all())


@needs_library
@pytest.mark.parametrize("bfloat16", [False, True])
@pytest.mark.parametrize("pooling", ["max", "last"])
def test_what_is_not_a_number_is_passed_on(bfloat16: bool, pooling: str) -> None:
    embedded, lengths = texts(3, 20, 16)
    embedded.data[1, 4, 2] = torch.nan
    lengths[:] = 20
    filters = ConvolutionalNetwork(50, 16, 40, 3, 7, 1, 0.0)
    for network in (reader(16, 16, pooling), filters):
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            features = network.features(embedded, lengths)
        assert bool(features[1].isnan().all()) and bool(features[[0, 2]].isfinite().all())


@needs_library
def test_a_text_alone_is_its_row_in_a_batch_bit_for_bit() -> None:
    for network in (reader(20, 24, "max"), ConvolutionalNetwork(50, 20, 40, 3, 7, 1, 0.0)):
        embedded, lengths = texts(13, 30, 20)
        together = network.features(embedded, lengths)
        for row in range(13):
            assert torch.equal(network.features(embedded[row : row + 1], lengths[row : row + 1])[0], together[row])


@needs_library
def test_padding_changes_nothing_and_receives_no_gradient() -> None:
    network = reader(16, 16, "max")
    embedded, lengths = texts(9, 25, 16)
    features, gradient, *_ = answers(network, embedded, lengths)
    behind = torch.arange(25) >= lengths.unsqueeze(1)
    embedded.data[behind] = 7.0
    assert torch.equal(network.features(embedded, lengths), features)
    assert not bool(gradient[behind].any())


@pytest.mark.parametrize("bfloat16", [False, True])
@pytest.mark.parametrize("kind", ["lstm", "cnn"])
def test_the_same_bytes_each_time_and_with_any_number_of_threads(
    kind: str, bfloat16: bool, two_threads: Callable[[int], None]
) -> None:
    network = reader(64, 64, "max") if kind == "lstm" else ConvolutionalNetwork(50, 64, 250, 3, 7, 1, 0.0)
    embedded, lengths = texts(32, 100, 64)
    runs = []
    for threads in (1, 2, 1, 2, 3):
        two_threads(threads)
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            runs.append(answers(network, embedded, lengths))
    for run in runs[1:]:
        assert all(torch.equal(one, other) for one, other in zip(run, runs[0], strict=True))


@needs_library
def test_threads_of_its_own_serve_where_openmp_cannot_be_reached(
    monkeypatch: pytest.MonkeyPatch, two_threads: Callable[[int], None]
) -> None:
    two_threads(2)
    network = reader(16, 16, "max")
    embedded, lengths = texts(32, 20, 16)
    shared = answers(network, embedded, lengths)
    monkeypatch.setattr(lstm, "threads", lambda: Threads(2, None))
    assert all(torch.equal(one, other) for one, other in zip(answers(network, embedded, lengths), shared, strict=True))


@needs_library
def test_a_second_forward_pass_leaves_the_first_ones_states_alone() -> None:
    network = reader(16, 16, "last")
    embedded, lengths = texts(8, 20, 16)
    expected = answers(network, embedded, lengths)[1]
    first = network.features(embedded, lengths)
    network.features(torch.randn(8, 20, 16), lengths)
    with torch.no_grad():
        network.features(torch.randn(8, 20, 16), lengths)
    steering = torch.randn(first.shape, generator=torch.Generator().manual_seed(1))
    (gradient,) = torch.autograd.grad((first * steering).sum(), embedded, retain_graph=True)
    assert torch.equal(gradient, expected)
    network.features(torch.randn(8, 20, 16), lengths).sum().backward()
    assert torch.equal(torch.autograd.grad((first * steering).sum(), embedded)[0], expected)


@needs_library
def test_lengths_that_do_not_fit_are_refused() -> None:
    network = reader(8, 8, "max")
    for wrong in (0, 6):
        with pytest.raises(ValueError, match=f"lengths must be between 1 and 5, got .*{wrong}"):
            network.features(torch.randn(2, 5, 8), torch.tensor([3, wrong]))


@pytest.mark.parametrize(
    ("batch", "length", "channels", "filters", "width"), [(4, 30, 16, 40, 3), (2, 5, 7, 33, 5), (1, 9, 6, 3, 1)]
)
def test_convolution_equals_pytorch(
    batch: int, length: int, channels: int, filters: int, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    network = ConvolutionalNetwork(50, channels, filters, width, 7, 1, 0.0)
    nn.init.normal_(network.convolution.bias)  # type: ignore[arg-type]
    embedded, lengths = texts(batch, length, channels)
    with monkeypatch.context() as patch:
        plainly(patch)
        theirs = answers(network, embedded, lengths)
    for best in (*SETS.values(), None):
        monkeypatch.setattr(convolution, "instructions", lambda best=best: best)
        if best is None:
            monkeypatch.setattr(convolution, "library", lambda: None)
        assert_close(answers(network, embedded, lengths), theirs, forward=2e-6, gradients=1e-5)


def test_of_equal_answers_the_first_gets_the_gradient() -> None:
    embedded = torch.ones(1, 12, 2, requires_grad=True)
    convolution.strongest_answers(embedded, torch.ones(1, 2, 3), torch.zeros(1)).sum().backward()
    expected = torch.zeros(1, 12, 2)
    expected[:, :3] = 1
    assert embedded.grad is not None and torch.equal(embedded.grad, expected)


def test_gradient_of_the_convolution_in_double_precision() -> None:
    embedded = torch.randn(3, 9, 4, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(5, 4, 3, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(convolution.strongest_answers, (embedded, weight, bias))


def test_without_a_compiler_pytorchs_layers_do_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lstm, "library", lambda: None)
    network = reader(8, 8, "max")
    embedded, lengths = texts(2, 5, 8)
    seen: list[str] = []
    monkeypatch.setattr(
        nn.LSTM, "forward", lambda self, given, forward=nn.LSTM.forward: (seen.append("LSTM"), forward(self, given))[1]
    )
    network.features(embedded, lengths).sum().backward()
    assert seen == ["LSTM", "LSTM"] and embedded.grad is not None


def test_a_picture_still_shows_the_layers() -> None:
    tokens, lengths = torch.ones(2, 9, dtype=torch.int64), torch.tensor([9, 4])
    drawn = [layer.label for layer in trace(reader(8, 6, "max"), (tokens, lengths)).layers]
    assert sum("LSTM" in label for label in drawn) == 2
    drawn = [layer.label for layer in trace(ConvolutionalNetwork(50, 8, 6, 3, 7, 1, 0.0), (tokens, lengths)).layers]
    assert any("convolution" in label.lower() for label in drawn)


@pytest.mark.filterwarnings("ignore:The tensor attributes:UserWarning")  # nn.LSTM's own bookkeeping
def test_exporting_takes_pytorchs_layers() -> None:
    for network in (reader(8, 6, "max", read_padding=True), ConvolutionalNetwork(50, 8, 6, 3, 7, 1, 0.0)):
        tokens, lengths = torch.ones(2, 9, dtype=torch.int64), torch.tensor([9, 9])
        program = torch.export.export(network.eval(), (tokens, lengths))
        assert torch.allclose(program.module()(tokens, lengths), network(tokens, lengths), atol=1e-6)
