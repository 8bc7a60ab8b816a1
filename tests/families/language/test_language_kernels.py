"""The LSTM's steps, in C and as PyTorch's operations, against PyTorch's own layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from small_networks import network
from torch import Tensor, nn
from torch.nn import functional

from seodang.core.errors import ShapeError
from seodang.families.language.family import FAMILY
from seodang.families.language.kernels import library, lstm
from seodang.families.language.lstm_steps import lstm_steps, rows_of
from seodang.nn.kernels import AVX2, AVX512, BASE, Threads

kernels = library()
needs_library = pytest.mark.skipif(kernels is None, reason="installed without a C compiler")
needs_bfloat16 = pytest.mark.skipif(
    kernels is None or not kernels.multiplies_bfloat16(), reason="this CPU has no products of bfloat16"
)
SETS = {"base": BASE, "avx2": AVX2, "avx512": AVX512}  # as far as this CPU has them
NUM_TOKENS, INPUTS = 11, 7
SHAPES = [(9, 3, 5), (1, 1, 64), (1, 5, 32), (40, 1, 33), (13, 33, 100), (30, 40, 96), (5, 70, 128), (130, 33, 32)]
"""Length, batch, hidden size: rows, units and places that fill their tiles, and that do not."""
NAMES = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")


@pytest.fixture(params=["kernel", "operations"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to take the steps."""
    if request.param == "operations":
        hide_library(monkeypatch)
    elif kernels is None:
        pytest.skip("installed without a C compiler")
    return str(request.param)


@pytest.fixture
def set_threads() -> Iterator[Callable[[int], None]]:
    """Sets the number of threads, and puts it back."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def hide_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if there had been no compiler."""
    monkeypatch.setattr(lstm, "library", lambda: None)


def layer_and_state(batch: int, hidden_size: int, spread: float = 0.3) -> tuple[nn.LSTM, Tensor, Tensor]:
    """PyTorch's layer, with some of its gates saturated, and a state."""
    torch.manual_seed(0)
    layer = nn.LSTM(INPUTS, hidden_size)
    for weight in layer.parameters():
        weight.data += torch.randn_like(weight) * spread * hidden_size**-0.5
    return layer, torch.rand(batch, hidden_size) * 2 - 1, torch.randn(batch, hidden_size)


def answers(
    layer: nn.LSTM, table: Tensor, tokens: Tensor, hidden: Tensor, cell: Tensor, dtype: torch.dtype, by_token: bool
) -> list[Tensor]:
    """States, the last cell, and gradients of the inputs and of every weight, by `lstm_steps`."""
    weights = [layer.get_parameter(name) for name in NAMES]
    inputs = table if by_token else table[tokens]
    entering = functional.linear(inputs, weights[0], weights[2] + weights[3]).to(dtype)
    states, last = lstm_steps(entering, weights[1], hidden, cell, tokens if by_token else None)
    assert states.dtype is dtype and last.dtype is torch.float32 and not last.requires_grad
    return [states.detach().float(), last, *torch.autograd.grad(steered(states), [table, *weights])]


def pytorch_answers(layer: nn.LSTM, table: Tensor, tokens: Tensor, hidden: Tensor, cell: Tensor) -> list[Tensor]:
    """The same by `nn.LSTM`."""
    states, (_, last) = layer(table[tokens], (hidden[None], cell[None]))
    weights = [layer.get_parameter(name) for name in NAMES]
    return [states.detach(), last[0].detach(), *torch.autograd.grad(steered(states), [table, *weights])]


def steered(states: Tensor) -> Tensor:
    """A loss whose gradient is another number at every place."""
    return (states.float() * torch.randn(states.shape, generator=torch.Generator().manual_seed(1))).sum()


def table_and_tokens(length: int, batch: int) -> tuple[Tensor, Tensor]:
    torch.manual_seed(2)
    return torch.randn(NUM_TOKENS, INPUTS, requires_grad=True), torch.randint(NUM_TOKENS, (length, batch))


def assert_close(ours: list[Tensor], theirs: list[Tensor], forward: float, gradients: float) -> None:
    """States and cells by their largest difference, gradients by the length of the difference."""
    for one, other in zip(ours[:2], theirs[:2], strict=True):
        assert float((one - other).abs().max()) <= forward
    for one, other in zip(ours[2:], theirs[2:], strict=True):
        assert float((one - other).norm()) <= gradients * float(other.norm())


@pytest.mark.parametrize("by_token", [True, False])
@pytest.mark.parametrize(("length", "batch", "hidden_size"), SHAPES)
def test_steps_are_those_of_pytorch(length: int, batch: int, hidden_size: int, by_token: bool, way: str) -> None:
    layer, hidden, cell = layer_and_state(batch, hidden_size)
    given = (*table_and_tokens(length, batch), hidden, cell)
    ours, theirs = answers(layer, *given, torch.float32, by_token), pytorch_answers(layer, *given)
    assert_close(ours, theirs, forward=2e-6, gradients=1e-5)


@needs_library
@pytest.mark.parametrize("best", SETS.values(), ids=SETS)
@pytest.mark.parametrize(("length", "batch", "hidden_size"), SHAPES)
def test_every_instruction_set_computes_the_same(
    length: int, batch: int, hidden_size: int, best: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lstm, "instructions", lambda dtype: best)
    layer, hidden, cell = layer_and_state(batch, hidden_size)
    given = (*table_and_tokens(length, batch), hidden, cell)
    ours, theirs = answers(layer, *given, torch.float32, True), pytorch_answers(layer, *given)
    assert_close(ours, theirs, forward=2e-6, gradients=1e-5)


@pytest.mark.parametrize("by_token", [True, False])
@pytest.mark.parametrize(("length", "batch", "hidden_size"), SHAPES)
def test_steps_in_bfloat16_stay_near(length: int, batch: int, hidden_size: int, by_token: bool, way: str) -> None:
    layer, hidden, cell = layer_and_state(batch, hidden_size)
    given = (*table_and_tokens(length, batch), hidden, cell)
    ours, theirs = answers(layer, *given, torch.bfloat16, by_token), pytorch_answers(layer, *given)
    assert_close(ours, theirs, forward=0.05, gradients=0.02)  # a bfloat16 keeps 8 bits: 0.004 of each number


@needs_bfloat16
def test_a_forget_gate_near_one_keeps_its_slope() -> None:
    """In bfloat16 0.998 is 1, whose slope is zero: the kernel keeps gates otherwise."""
    layer, hidden, cell = layer_and_state(4, 32)
    layer.get_parameter("bias_ih_l0").data[32:64] = 7.0
    given = (*table_and_tokens(20, 4), hidden, cell)
    ours, theirs = answers(layer, *given, torch.bfloat16, True), pytorch_answers(layer, *given)
    gates = slice(32, 64)
    difference = float((ours[-1] - theirs[-1])[gates].norm())
    assert difference <= 0.05 * float(theirs[-1][gates].norm())  # the rounding of what enters, 7 +- 0.016


@needs_library
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_same_bytes_at_any_number_of_threads(
    dtype: torch.dtype, set_threads: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    layer, hidden, cell = layer_and_state(33, 192)
    given = (*table_and_tokens(130, 33), hidden, cell)
    weight = layer.get_parameter("weight_hh_l0")

    def bytes_of(by_token: bool) -> list[Tensor]:
        entering = torch.randn(*((NUM_TOKENS,) if by_token else (130, 33)), 4 * 192, generator=torch.Generator().manual_seed(3))
        entering = entering.to(dtype).requires_grad_()
        states, last = lstm_steps(entering, weight, hidden, cell, given[1] if by_token else None)
        return [states.detach(), last, *torch.autograd.grad(steered(states), [entering, weight])]

    for by_token in (True, False):
        once = bytes_of(by_token)
        for count in (1, 2, 3):
            set_threads(count)
            for ours, before in zip(bytes_of(by_token), once, strict=True):
                assert torch.equal(ours, before)
        with monkeypatch.context() as patched:  # threads of our own
            patched.setattr(lstm, "threads", lambda: Threads(3, None))
            for ours, before in zip(bytes_of(by_token), once, strict=True):
                assert torch.equal(ours, before)


@needs_library
def test_a_row_is_the_same_alone_and_nothing_is_kept_where_no_gradient_is_wanted() -> None:
    layer, hidden, cell = layer_and_state(13, 64)
    entering = torch.randn(10, 13, 256)
    weight = layer.get_parameter("weight_hh_l0")
    states, last = lstm_steps(entering, weight, hidden, cell)
    with torch.no_grad():
        again, _ = lstm_steps(entering, weight, hidden, cell)
        alone, its_last = lstm_steps(entering[:, 5:6], weight, hidden[5:6], cell[5:6])
    assert torch.equal(again, states) and torch.equal(alone[:, 0], states[:, 5]) and torch.equal(its_last[0], last[5])


@needs_library
def test_two_layers_and_a_carried_state_learn_the_same_both_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    made = network("lstm", num_layers=2, layer_norm=True)
    tokens = torch.randint(11, (4, 30))

    def gradients() -> list[Tensor]:
        made.zero_grad()
        _, state = made(tokens[:, :17], made.start(4))
        logits, _ = made(tokens[:, 17:], [part.detach() for part in state])
        steered(logits).backward()  # type: ignore[no-untyped-call]
        return [weight.grad for weight in made.parameters() if weight.grad is not None]

    ours = gradients()
    hide_library(monkeypatch)
    for one, other in zip(ours, gradients(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)  # sums in f32, in different orders


def test_two_graphs_at_once_do_not_share_what_they_keep(way: str) -> None:
    layer, hidden, cell = layer_and_state(3, 32)
    weight = layer.get_parameter("weight_hh_l0")
    first, second = (torch.randn(6, 3, 128, requires_grad=True) for _ in range(2))

    def gradient(loss: Tensor, entering: Tensor) -> Tensor:
        return torch.autograd.grad(loss, entering)[0]

    alone = gradient(steered(lstm_steps(first, weight, hidden, cell)[0]), first)
    losses = [steered(lstm_steps(entering, weight, hidden, cell)[0]) for entering in (first, second)]
    assert torch.equal(gradient(losses[0], first), alone)


def test_not_a_number_is_passed_on(way: str) -> None:
    layer, hidden, cell = layer_and_state(2, 32)
    entering = torch.zeros(4, 2, 128)
    entering[1, 0, 40] = torch.nan
    states, last = lstm_steps(entering, layer.get_parameter("weight_hh_l0"), hidden, cell)
    assert states[2:, 0].isnan().all() and last[0].isnan().any()
    assert states[0].isfinite().all() and states[:, 1].isfinite().all()


def test_what_does_not_belong_together_is_refused(way: str) -> None:
    entering, weight, state, tokens = torch.zeros(4, 2, 32), torch.zeros(32, 8), torch.zeros(2, 8), torch.zeros(4, 2).long()
    with pytest.raises(ShapeError, match=r"entering must be of the shape \(4, 2, 32\), got \(4, 2, 31\)"):
        lstm_steps(entering[..., 1:], weight, state, state)
    with pytest.raises(ShapeError, match=r"weight must be of the shape \(32, 8\)"):
        lstm_steps(entering, weight[1:], state, state)
    with pytest.raises(ShapeError, match=r"hidden must be of the shape \(2, 8\), got \(1, 8\)"):
        lstm_steps(entering, weight, state[:1], state)
    with pytest.raises(ShapeError, match="cell must be"):
        lstm_steps(entering, weight, state, state[:1])
    with pytest.raises(ShapeError, match="tokens must be at least 0 and below 4, got 0 to 4"):
        lstm_steps(entering[:, 0], weight, state, state, tokens + torch.tensor([0, 4]))
    with pytest.raises(TypeError, match=r"tokens must be int64, got torch\.int32"):
        lstm_steps(entering[:, 0], weight, state, state, tokens.int())
    with pytest.raises(TypeError, match="entering must be float32 or bfloat16"):
        lstm_steps(entering.double(), weight, state, state)


def test_rows_of_a_table_add_up_their_gradients_in_f32() -> None:
    table = torch.zeros(2, 1, dtype=torch.bfloat16, requires_grad=True)
    rows_of(table, torch.zeros(1, 300, dtype=torch.int64)).sum().backward()  # type: ignore[no-untyped-call]
    assert table.grad is not None and table.grad.tolist() == [[300], [0]]  # ones added up in bfloat16 end at 256


def test_the_run_says_what_computes(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seodang.families.language.family.library", lstm.library)
    assert FAMILY.kernels() == ("C" if way == "kernel" else "none")
