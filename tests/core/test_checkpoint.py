"""Checkpoints: what goes in comes out, equal states make equal bytes, and damage is noticed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from seodang.core.checkpoint import Snapshot, collect, read_checkpoint, restore, restore_modules, weights, write_checkpoint
from seodang.core.errors import RunError
from seodang.core.learner import BatchSource, Learner
from seodang.core.run import RunFolder


class Nothing(BatchSource):
    """A source without state."""

    def plan(self, seed: int, epoch: int) -> Sequence[Any]:
        return [0]

    def batch(self, work: Any) -> Any:
        return work

    def rows(self, work: Any) -> int:
        return 1


class Plain(Learner):
    """Any module with any optimizer."""

    def __init__(self, module: nn.Module, optimizer: Optimizer) -> None:
        self.module, self.optimizer = module, optimizer

    def modules(self) -> Mapping[str, nn.Module]:
        return {"net": self.module}

    def optimizers(self) -> Mapping[str, Optimizer]:
        return {"main": self.optimizer}

    def update(self, batch: Any) -> dict[str, Tensor]:
        raise NotImplementedError


TENSORS = {
    "f32": torch.tensor([[1.0, -0.0], [float("inf"), 1e-45]]),
    "f64": torch.tensor([0.1], dtype=torch.float64),
    "bf16": torch.tensor([1.5, -2.0, 3.0], dtype=torch.bfloat16),
    "f16": torch.tensor([1.5], dtype=torch.float16),
    "bool": torch.tensor([True, False, True]),
    "uint8": torch.arange(5, dtype=torch.uint8),
    "int64": torch.tensor(-(2**62)),
    "nought": torch.tensor(2.5),
    "empty": torch.zeros(0, 3),
    "turned": torch.arange(6.0).reshape(2, 3).T,
    "channels_last": torch.arange(24.0).reshape(1, 2, 3, 4).to(memory_format=torch.channels_last),
}
STATE = {"epoch": 3, "rate": 0.1, "names": ["감정", "b"], "none": None}


def test_round_trip(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "a.safetensors", TENSORS, STATE)
    tensors, state = read_checkpoint(tmp_path / "a.safetensors")
    assert state == STATE
    assert tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert tensors[name].dtype == tensor.dtype and tensors[name].shape == tensor.shape
        assert torch.equal(tensors[name], tensor)
    assert tensors["f32"].view(torch.int32).tolist() == TENSORS["f32"].view(torch.int32).tolist()


def test_equal_states_make_equal_bytes_whatever_their_order(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "a", TENSORS, STATE)
    write_checkpoint(tmp_path / "b", dict(reversed(TENSORS.items())), dict(reversed(STATE.items())))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_every_damaged_byte_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    write_checkpoint(path, {"weight": torch.arange(40.0)}, STATE)
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        with pytest.raises(RunError, match=r"a\.safetensors: (the checkpoint is damaged|not a readable checkpoint)"):
            read_checkpoint(path)
    for length in (0, 4, 8, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(RunError, match="not a readable checkpoint"):
            read_checkpoint(path)


def test_what_is_no_checkpoint(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(RunError, match=r"other\.safetensors: not a readable checkpoint"):
        read_checkpoint(tmp_path / "other.safetensors")
    with pytest.raises(RunError, match=r"missing\.safetensors: not a readable checkpoint"):
        read_checkpoint(tmp_path / "missing.safetensors")


def test_the_one_before_a_damaged_one_is_used_with_a_message(run: RunFolder) -> None:
    for step in (1, 2, 3):
        run.save_step("train", step, {"weight": torch.full((2,), float(step))}, {"step": step})
    newest = run.path / "checkpoints" / "train-step-00000003.safetensors"
    newest.write_bytes(newest.read_bytes()[:-1])
    found = run.last_checkpoint("train")
    assert found is not None
    assert found[1] == {"step": 2}
    assert len(found[2]) == 1 and "train-step-00000003" in found[2][0] and "The one before it is used." in found[2][0]
    (run.path / "checkpoints" / "train-step-00000002.safetensors").write_bytes(b"")
    with pytest.raises(RunError, match="no undamaged checkpoint is left; train again"):
        run.last_checkpoint("train")
    assert run.last_checkpoint("other") is None
    with pytest.raises(RunError, match="stage other has no checkpoint yet"):
        run.stage_weights("other")


def test_a_passed_over_checkpoint_goes_when_the_next_is_saved(run: RunFolder) -> None:
    for step in (1, 5, 2):
        run.save_step("train", step, {}, {"step": step})
    names = sorted(path.name for path in (run.path / "checkpoints").iterdir())
    assert names == ["train-step-00000001.safetensors", "train-step-00000002.safetensors"]


def steps(module: nn.Module, optimizer: Optimizer, inputs: Tensor, count: int) -> None:
    for _ in range(count):
        optimizer.zero_grad()
        module(inputs).square().mean().backward()
        optimizer.step()


@pytest.mark.parametrize("kind", ["fused", "foreach", "amsgrad", "momentum"])
def test_channels_last_weights_go_on_as_if_never_saved(kind: str, tmp_path: Path) -> None:
    """Fused Adam reads its moments in the layout of the weight; moments restored in another make wrong updates in silence."""

    def made() -> Plain:
        torch.manual_seed(0)
        module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Conv2d(8, 4, 3))
        module = module.to(memory_format=torch.channels_last)
        optimizers = {
            "fused": lambda p: AdamW(p, lr=0.01, fused=True),
            "foreach": lambda p: Adam(p, lr=0.01, foreach=True),
            "amsgrad": lambda p: Adam(p, lr=0.01, amsgrad=True, fused=True),
            "momentum": lambda p: SGD(p, lr=0.01, momentum=0.9),
        }
        return Plain(module, optimizers[kind](module.parameters()))

    inputs = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1)).to(memory_format=torch.channels_last)
    whole = made()
    steps(whole.module, whole.optimizer, inputs, 3)
    write_checkpoint(tmp_path / "a", *collect(whole, Nothing()))
    resumed = made()
    restore(resumed, Nothing(), *read_checkpoint(tmp_path / "a"))
    for learner in (whole, resumed):
        steps(learner.module, learner.optimizer, inputs, 3)
    for (name, expected), (_, found) in zip(weights(whole).items(), weights(resumed).items(), strict=True):
        # Plain kernels round a process's first step differently; the trap is far larger.
        assert torch.equal(found, expected) if kind == "fused" else torch.allclose(found, expected, atol=1e-6), name


def test_tied_weights_are_stored_once_and_stay_tied(tmp_path: Path) -> None:
    def made() -> Plain:
        module = nn.ModuleDict({"embedding": nn.Embedding(5, 3), "head": nn.Linear(3, 5, bias=False)})
        module["head"].weight = module["embedding"].weight
        return Plain(module, AdamW(module.parameters(), fused=True))

    learner, other = made(), made()
    assert list(weights(learner)) == ["modules/net/embedding.weight"]
    write_checkpoint(tmp_path / "a", weights(learner), {})
    restore_modules(other.modules(), read_checkpoint(tmp_path / "a")[0])
    assert torch.equal(other.module["head"].weight, learner.module["embedding"].weight)
    assert other.module["head"].weight is other.module["embedding"].weight


def test_a_checkpoint_of_another_model_is_refused() -> None:
    learner, wider = (Plain(m, SGD(m.parameters())) for m in (nn.Linear(2, 3), nn.Linear(2, 4)))
    with pytest.raises(RunError, match=r"another model: modules/net/weight is of shape \(3, 2\), expected \(4, 2\)"):
        restore_modules(wider.modules(), weights(learner))
    with pytest.raises(RunError, match="modules/net/bias is absent"):
        restore_modules(learner.modules(), {"modules/net/weight": torch.zeros(3, 2)})


def test_a_snapshot_is_a_copy_and_uses_its_memory_again() -> None:
    learner, snapshot = Plain(module := nn.Linear(2, 2), SGD(module.parameters())), Snapshot()
    snapshot.take(learner, Nothing(), {"list": (1, 2)})
    place = snapshot.tensors["modules/net/weight"].data_ptr()
    before = module.weight.detach().clone()
    with torch.no_grad():
        module.weight += 1
    assert torch.equal(snapshot.tensors["modules/net/weight"], before)
    snapshot.state["list"].append(3)
    assert snapshot.state["list"] == [1, 2]  # as a resumed run reads it from JSON, and new each time
    snapshot.take(learner, Nothing(), {})
    assert snapshot.tensors["modules/net/weight"].data_ptr() == place
    assert torch.equal(snapshot.tensors["modules/net/weight"], module.weight)
