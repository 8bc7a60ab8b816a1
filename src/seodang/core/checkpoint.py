"""Checkpoints: one safetensors file each, with its own checksum, holding a learner's whole state and nothing that can run code.

The state that is not tensors travels as JSON in the file's metadata, under a single key because safetensors writes several in
random order, so equal states make equal bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.optim import Optimizer

from seodang.core.errors import RunError
from seodang.core.files import write_bytes
from seodang.core.learner import BatchSource, Learner

KEY = "seodang"
LENGTH_BYTES = 8  # a safetensors file begins with the length of its JSON header


def write_checkpoint(path: Path, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
    """Write tensors and a JSON state into one file, whole or not at all.

    Raises: MachineError: The disk is full or the folder may not be written to.
    """
    flat = {name: tensors[name].detach().contiguous().cpu() for name in sorted(tensors)}
    text = json.dumps({"state": state, "sha256": _digest(flat, state)}, sort_keys=True, allow_nan=False)
    write_bytes(path, save(flat, {KEY: text}))


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the state of a checkpoint.

    Raises: RunError: The file is missing, damaged, or not a checkpoint of Seodang.
    """
    try:
        data = path.read_bytes()  # not mapped: a mapped file cannot be replaced on Windows
        header = json.loads(data[LENGTH_BYTES : LENGTH_BYTES + int.from_bytes(data[:LENGTH_BYTES], "little")])
        metadata = json.loads(header["__metadata__"][KEY])
        tensors, state = load(data), metadata["state"]
        intact = metadata["sha256"] == _digest(tensors, state)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise RunError(f"{path}: not a readable checkpoint; bring the original back, or train again.") from error
    if not intact:
        raise RunError(f"{path}: the checkpoint is damaged (its checksum does not match).")
    return tensors, state


def collect(learner: Learner, source: BatchSource) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Everything that decides how training goes on: weights, optimizer moments, own tensors, random state.

    Returns: The tensors themselves, not copies, and the state in JSON.
    """
    tensors = weights(learner)
    groups = {}
    for name, optimizer in learner.optimizers().items():
        groups[name] = [{k: v for k, v in group.items() if k != "params"} for group in optimizer.param_groups]
        for index, parameter in enumerate(_parameters(optimizer)):
            for key, value in optimizer.state.get(parameter, {}).items():
                tensors[f"optimizers/{name}/{index}/{key}"] = torch.as_tensor(value)
    tensors |= {f"source/{key}": value for key, value in source.tensors().items()}
    tensors["random/cpu"] = torch.get_rng_state()
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        tensors["random/cuda"] = torch.cuda.get_rng_state()
    return tensors, {"groups": groups, "learner": learner.state(), "source": source.state()}


def weights(learner: Learner) -> dict[str, Tensor]:
    """What a trained model is made of: parameters and buffers of its modules, and the learner's own tensors.

    Returns: The tensors themselves, not copies; tied ones once, under their first name.
    """
    return _once(_named(learner.modules()) | {f"learner/{key}": value for key, value in learner.tensors().items()})


def restore(learner: Learner, source: BatchSource, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
    """Put back what `collect` took, in place.

    Raises: RunError: The checkpoint is of another model than the learner's.
    """
    _copy_into(weights(learner), tensors)
    _copy_into({f"source/{key}": value for key, value in source.tensors().items()}, tensors)
    for name, optimizer in learner.optimizers().items():
        for group, saved in zip(optimizer.param_groups, state["groups"][name], strict=True):
            group.update({key: tuple(v) if isinstance(group.get(key), tuple) else v for key, v in saved.items()})
        _restore_moments(optimizer, f"optimizers/{name}/", tensors)
    learner.load_state(state["learner"])
    source.load_state(state["source"])
    torch.set_rng_state(tensors["random/cpu"].cpu())
    if "random/cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["random/cuda"].cpu())


def restore_modules(modules: Mapping[str, nn.Module], tensors: Mapping[str, Tensor]) -> None:
    """Give modules, named as in `Learner.modules`, the weights of a checkpoint.

    Raises: RunError: The tensors are of other modules.
    """
    _copy_into(_once(_named(modules)), tensors)


class Snapshot:
    """A learner's whole state in memory, to go back to and to save from; the next `take` uses its memory again."""

    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] = {}
        self._text = ""  # as JSON, so that going back reads exactly what a resumed run would read

    def take(self, learner: Learner, source: BatchSource, more: Mapping[str, Any]) -> None:
        """Copy the state, with `more` JSON beside it."""
        tensors, state = collect(learner, source)
        self._text = json.dumps({**state, **more}, allow_nan=False)
        before, self.tensors = self.tensors, {}
        for name, tensor in tensors.items():
            copy = before.get(name)
            if copy is not None and (copy.shape, copy.dtype, copy.device) == (tensor.shape, tensor.dtype, tensor.device):
                self.tensors[name] = copy.copy_(tensor)
            else:
                self.tensors[name] = tensor.detach().clone()

    def put(self, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        """Hold what an earlier process had taken: its tensors and its JSON state."""
        self.tensors, self._text = dict(tensors), json.dumps(state, allow_nan=False)

    @property
    def state(self) -> dict[str, Any]:
        """The JSON state, a new copy each time."""
        state: dict[str, Any] = json.loads(self._text)
        return state


def _named(modules: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    return {f"modules/{name}/{key}": value for name, module in modules.items() for key, value in module.state_dict().items()}


def _once(named: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Leave out tensors that are another name for one before them (tied weights)."""
    found: dict[str, Tensor] = {}
    places: set[object] = set()
    for name, tensor in named.items():
        place = (tensor.device, tensor.dtype, tensor.data_ptr(), tensor.shape, tensor.stride())
        if tensor.numel() == 0 or place not in places:
            found[name] = tensor
        places.add(place)
    return found


def _copy_into(targets: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> None:
    with torch.no_grad():
        for name, target in targets.items():
            saved = tensors.get(name)
            if saved is None or saved.shape != target.shape:
                found = "absent" if saved is None else f"of shape {tuple(saved.shape)}"
                raise RunError(f"The checkpoint is of another model: {name} is {found}, expected {tuple(target.shape)}.")
            target.copy_(saved)


def _restore_moments(optimizer: Optimizer, prefix: str, tensors: Mapping[str, Tensor]) -> None:
    optimizer.state.clear()
    on_device = {
        id(p): group.get("fused") or group.get("capturable") for group in optimizer.param_groups for p in group["params"]
    }
    parameters = _parameters(optimizer)
    for name in (name for name in tensors if name.startswith(prefix)):
        index, _, key = name.removeprefix(prefix).partition("/")
        parameter, saved = parameters[int(index)], tensors[name]
        if saved.shape == parameter.shape and key != "step":
            # Fused Adam needs its moments in the memory layout of the weight (channels_last, say) and computes wrong
            # updates in silence otherwise; safetensors keeps only contiguous tensors, so the layout is made anew.
            moment = torch.empty_like(parameter, dtype=saved.dtype)
        else:
            # A step count stays on the CPU unless the optimizer's kernel reads it on the device.
            stays = key == "step" and not on_device[id(parameter)]
            moment = torch.empty_like(saved, device="cpu" if stays else parameter.device)
        optimizer.state[parameter][key] = moment.copy_(saved)


def _parameters(optimizer: Optimizer) -> list[Tensor]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _digest(tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(state, sort_keys=True, allow_nan=False).encode())
    for name in sorted(tensors):
        digest.update(f"\0{name}\0{tensors[name].dtype}\0{tuple(tensors[name].shape)}\0".encode())
        flat = tensors[name].contiguous().flatten()
        if flat.stride(0) != 1:  # a single element counts as contiguous whatever its stride
            flat = flat.clone(memory_format=torch.contiguous_format)
        digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()
