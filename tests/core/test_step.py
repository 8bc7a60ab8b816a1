"""One step: parts add up to the whole, clipping by hand, nothing non-finite is learned, and little memory is no end."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD

from seodang.core.device import Device
from seodang.core.errors import MachineError
from seodang.core.step import NonFiniteError, Stepper, checking_at_once, micro_batches, refuse_non_finite, set_rate

CPU = Device("cpu", "f32", 1, "for tests")


class Pair(NamedTuple):
    """Inputs and targets, and something that is not a tensor."""

    inputs: Tensor
    targets: Tensor
    note: str = "kept"


def squared(module: nn.Module, batch: Pair) -> Tensor:
    loss: Tensor = (module(batch.inputs) - batch.targets).square().mean()
    return loss


def line() -> nn.Linear:
    """y = 3 x."""
    module = nn.Linear(1, 1, bias=False)
    nn.init.constant_(module.weight, 3.0)
    return module


@pytest.mark.parametrize("parts", [2, 3, 4, 9])
def test_parts_give_the_gradient_of_the_whole(parts: int) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 1))
    batch = Pair(torch.randn(10, 3), torch.randn(10, 1))  # ten rows do not divide evenly into 3, 4 or 9 parts
    optimizer = SGD(module.parameters(), lr=0.0)
    gradients = []
    for count in (1, parts):
        loss = Stepper(CPU, parts=count).descend(batch, lambda b: squared(module, b), module, optimizer)
        gradients.append([loss, *(p.grad.clone() for p in module.parameters() if p.grad is not None)])
    for whole, summed in zip(*gradients, strict=True):
        # Ten float32 terms in another order: a few units in the last place of values below 10.
        torch.testing.assert_close(summed, whole, rtol=1e-5, atol=1e-6)


def test_micro_batches_keep_type_rows_and_shares() -> None:
    batch = Pair(torch.arange(5)[:, None], torch.arange(5))
    pieces = list(micro_batches(batch, 2))
    assert [(type(part), part.targets.tolist(), part.note, share) for part, share in pieces] == [
        (Pair, [0, 1, 2], "kept", 0.6),
        (Pair, [3, 4], "kept", 0.4),
    ]


def test_a_step_by_hand() -> None:
    """Loss (3 * 2 - 0)^2 = 36, gradient 2 * 6 * 2 = 24, weight 3 - 0.1 * 24 = 0.6."""
    module = line()
    loss = Stepper(CPU).descend(
        Pair(torch.tensor([[2.0]]), torch.tensor([[0.0]])),
        lambda b: squared(module, b),
        module,
        SGD(module.parameters(), lr=0.1),
    )
    assert float(loss) == 36.0
    assert module.weight.item() == pytest.approx(0.6, abs=1e-6)  # float32


@pytest.mark.parametrize(("clip_norm", "weight"), [(6.0, 3 - 0.1 * 6), (100.0, 0.6), (None, 0.6)])
def test_clipping_by_hand(clip_norm: float | None, weight: float) -> None:
    module = line()
    batch = Pair(torch.tensor([[2.0]]), torch.tensor([[0.0]]))
    Stepper(CPU, clip_norm).descend(batch, lambda b: squared(module, b), module, SGD(module.parameters(), lr=0.1))
    assert module.weight.item() == pytest.approx(weight, abs=1e-5)  # torch divides by the norm plus 1e-6


class Root(nn.Module):
    """A square root, whose gradient at 0 is infinite."""

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs.sqrt()


def test_a_bad_loss_changes_no_weight_and_names_the_first_layer() -> None:
    torch.manual_seed(0)
    module = nn.Sequential()
    module.add_module("before", nn.Linear(2, 2))
    module.add_module("root", Root())
    module.add_module("after", nn.Linear(2, 1))
    before = [p.detach().clone() for p in module.parameters()]
    batch = Pair(-torch.ones(4, 2) * 100, torch.zeros(4, 1))
    nn.init.constant_(module.before.weight, 1.0)
    before[0].fill_(1.0)
    with pytest.raises(NonFiniteError, match=r"^the output of layer root$"):
        Stepper(CPU, 1.0).descend(batch, lambda b: squared(module, b), module, SGD(module.parameters(), lr=0.1))
    assert all(torch.equal(p, b) for p, b in zip(module.parameters(), before, strict=True))
    assert not module.root._forward_hooks


def test_a_bad_gradient_changes_no_weight_and_names_its_layer() -> None:
    module = nn.Sequential()
    module.add_module("first", nn.Linear(1, 1, bias=False))
    module.add_module("second", nn.Linear(1, 1, bias=False))
    nn.init.constant_(module.second.weight, 0.0)
    before = [p.detach().clone() for p in module.parameters()]
    batch = Pair(torch.ones(2, 1), torch.zeros(2, 1))
    with pytest.raises(NonFiniteError, match=r"^the gradient of layer second\.weight$"):
        Stepper(CPU).descend(batch, lambda b: module(b.inputs).sqrt().mean(), module, SGD(module.parameters(), lr=0.1))
    assert all(torch.equal(p, b) for p, b in zip(module.parameters(), before, strict=True))


def test_a_loss_that_no_layer_made_bad_is_named_so() -> None:
    module = line()
    batch = Pair(torch.ones(2, 1), torch.zeros(2, 1))
    with pytest.raises(NonFiniteError, match=r"^the loss$"):
        Stepper(CPU).descend(batch, lambda b: squared(module, b) / 0, module, SGD(module.parameters(), lr=0.1))


def test_on_a_gpu_a_bad_gradient_shows_in_the_loss_that_is_read_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking at once would stop the GPU at every step. A device that calls itself a GPU stands in for one."""

    class Pretended(Device):
        torch = torch.device("cpu")

    module, stepper = line(), Stepper(Pretended("cuda", "f32", 1, "pretended"))
    nn.init.constant_(module.weight, 0.0)
    batch, optimizer = Pair(torch.ones(2, 1), torch.zeros(2, 1)), SGD(module.parameters(), lr=0.1)
    with checking_at_once(True), pytest.raises(NonFiniteError, match="the gradient of layer weight"):
        stepper.descend(batch, lambda b: module(b.inputs).sqrt().mean(), module, optimizer)
    assert module.weight.item() == 0.0
    assert stepper.descend(batch, lambda b: module(b.inputs).sqrt().mean(), module, optimizer).isnan()


class SmallMemory:
    """A loss on a GPU that holds four rows."""

    def __init__(self, module: nn.Module, rows: int) -> None:
        self.module, self.most, self.seen = module, rows, list[int]()

    def __call__(self, batch: Pair) -> Tensor:
        if len(batch.inputs) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        self.seen.append(len(batch.inputs))
        return squared(self.module, batch)


def test_out_of_memory_splits_the_batch_and_keeps_its_size() -> None:
    torch.manual_seed(0)
    small, large = nn.Linear(3, 1), nn.Linear(3, 1)
    large.load_state_dict(small.state_dict())
    batch, stepper, loss = Pair(torch.randn(16, 3), torch.randn(16, 1)), Stepper(CPU, 1.0), SmallMemory(small, 4)
    for _ in range(2):
        found = stepper.descend(batch, loss, small, SGD(small.parameters(), lr=0.1))
        expected = Stepper(CPU, 1.0).descend(batch, lambda b: squared(large, b), large, SGD(large.parameters(), lr=0.1))
        torch.testing.assert_close(found, expected)
    assert stepper.parts == 4 and loss.seen == [4] * 8  # found once, remembered in the second step
    torch.testing.assert_close(small.weight, large.weight)


@pytest.mark.parametrize(("rows", "splittable"), [(0, True), (4, False)])
def test_no_memory_for_one_row_or_for_a_batch_that_may_not_be_split(rows: int, splittable: bool) -> None:
    module = nn.Linear(3, 1)
    batch, stepper = Pair(torch.randn(16, 3), torch.randn(16, 1)), Stepper(CPU, splittable=splittable)
    with pytest.raises(MachineError, match=r"memory of the GPU is too small.*lower batch_size or give device cpu") as caught:
        stepper.descend(batch, SmallMemory(module, rows), module, SGD(module.parameters(), lr=0.1))
    assert caught.value.exit_code == 3


def test_the_rate_is_a_factor_of_each_groups_own() -> None:
    one, two = nn.Linear(1, 1), nn.Linear(1, 1)
    optimizer = SGD([{"params": one.parameters(), "lr": 0.5}, {"params": two.parameters(), "lr": 0.1}])
    for factor in (0.5, 0.25):  # a factor of the first rate, not of the last
        set_rate({"main": optimizer}, factor)
        assert [group["lr"] for group in optimizer.param_groups] == [0.5 * factor, 0.1 * factor]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_a_state_with_a_bad_number_is_refused(bad: float, dtype: torch.dtype) -> None:
    good = {"a": torch.full((3,), 3e38), "empty": torch.zeros(0), "whole": torch.arange(3), "b": torch.ones(3, dtype=dtype)}
    refuse_non_finite(good)
    good["b"][1] = bad
    with pytest.raises(NonFiniteError, match=r"^the state b$"):
        refuse_non_finite(good)
    refuse_non_finite({})
