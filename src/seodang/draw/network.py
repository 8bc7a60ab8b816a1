"""Any torch module as a `Network`: one run on example inputs, following every value from layer to layer.

Forward hooks see the layers that are modules; a torch-function mode sees the functions between them. Each tensor carries the
set of boxes it came from: a function that joins several boxes, uses weights or is worth naming becomes a box, any other
passes its sources on. So control flow in Python, skips and functional calls are followed as they run, which symbolic
tracing (torch.fx) cannot do.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.overrides import TorchFunctionMode
from torch.utils.hooks import RemovableHandle

from seodang.draw.diagram import network_picture
from seodang.draw.graph import Kind, Layer, Network
from seodang.draw.words import describe_function, describe_join, describe_module

__all__ = ["Layer", "Network", "network_picture", "trace"]

_LOOP = 4  # uses of the same weights from which they are one box "x4" instead of a box each
_TORCH = str(Path(torch.__file__).parent)
_FIRST_ONLY = frozenset({"__getitem__", "gather", "index_select", "take_along_dim", "masked_fill", "masked_fill_"})


def trace(module: nn.Module, inputs: tuple[Any, ...]) -> Network:
    """Run the module once, as for prediction, and return its layers with shapes, parameters and connections.

    Weights, running means, training mode and the random state are as before afterwards.

    Args:
        module: Any module; on the device of the inputs.
        inputs: What its `forward` takes, in order; the first axis of the first tensor is the batch.

    Returns:
        The network; `Network.parameters` equals the module's own count.
    """
    tensors = list(_tensors(inputs))
    recorder = _Recorder(module, batch=tensors[0].shape[0] if tensors and tensors[0].dim() else 1)
    recorder.note_inputs(inputs)
    devices = sorted({tensor.device.index for tensor in tensors if tensor.is_cuda})
    modes = {child: child.training for child in module.modules()}
    module.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=devices), recorder:
            result = module(*inputs)
    finally:
        for handle in recorder.handles:
            handle.remove()
        for child, training in modes.items():
            child.training = training
    return recorder.network(result)


@dataclass
class _Box:
    """A layer while it is being recorded."""

    name: str
    kind: Kind
    label: str
    shape: tuple[int, ...]
    sources: frozenset[int]
    weights: frozenset[int]
    owner: object  # what must be equal for two boxes to be the same box in a loop
    several: bool = False  # puts out several tensors, so its shape is that of the one that is read
    repeats: int = 1


@dataclass
class _Origin:
    """Where a tensor comes from: boxes, and weights that no box counts yet."""

    sources: frozenset[int] = frozenset()
    weights: frozenset[int] = frozenset()


@dataclass
class _Call:
    """A module that is running."""

    module: nn.Module
    path: str
    versions: dict[int, int] = field(default_factory=dict)


class _Recorder(TorchFunctionMode):
    """Hooks and function mode of one run."""

    def __init__(self, module: nn.Module, batch: int) -> None:
        super().__init__()
        self.root = module
        self.batch = batch
        self.boxes: list[_Box] = []
        self.origins: dict[int, _Origin] = {}
        self.alive: list[Tensor] = []  # ids stay valid only while their tensors live
        self.sizes = {id(weight): weight.numel() for weight in module.parameters()}
        self.calls: list[_Call] = []
        self.leaf_depth = 0
        self.handles: list[RemovableHandle] = []
        for path, child in module.named_modules():
            self._hook(path, child)

    def _hook(self, path: str, module: nn.Module) -> None:
        leaf = _is_leaf(module, self.root)

        def before(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            versions = {id(tensor): tensor._version for tensor in _tensors((args, kwargs))}
            self.calls.append(_Call(module, path, versions))
            self.leaf_depth += leaf

        def after(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
            call = self.calls.pop()
            self.leaf_depth -= leaf
            if leaf and not self.leaf_depth and not isinstance(module, nn.Identity):
                return self._record_module(call, (args, kwargs), output)
            return output

        self.handles.append(module.register_forward_pre_hook(before, with_kwargs=True))
        self.handles.append(module.register_forward_hook(after, with_kwargs=True))

    def note_inputs(self, inputs: tuple[Any, ...]) -> None:
        """One box a tensor given to the module, named as in its `forward` when there are several."""
        names = list(inspect.signature(self.root.forward).parameters)
        several = sum(1 for _ in _tensors(inputs)) > 1
        for number, value in enumerate(inputs):
            name = names[number] if number < len(names) else f"input {number + 1}"
            for tensor in _tensors(value):
                label = f"input: {name.replace('_', ' ')}" if several else "input"
                box = _Box(name, "input", label, self._shape(tensor), frozenset(), frozenset(), object())
                self._mark(tensor, self._add(box))

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        arguments = (args, kwargs or {})
        if self.leaf_depth:
            return func(*args, **(kwargs or {}))
        versions = {id(tensor): tensor._version for tensor in _tensors(arguments)}
        result = func(*args, **(kwargs or {}))
        self._record_function(func.__name__, arguments, result, versions)
        return result

    def _record_function(self, name: str, arguments: Any, result: Any, versions: dict[int, int]) -> None:
        given = list(_tensors(arguments))
        changed = [tensor for tensor in given if tensor._version != versions[id(tensor)]]
        outputs = [tensor for tensor in _tensors(result) if tensor.dtype is not torch.bool]
        if not outputs and not changed:
            return
        origin = self._origin(self._values(name, given))
        described = self._describe(name, origin)
        if described is not None and outputs:
            kind, label = described
            path = ".".join(filter(None, (self.calls[-1].path if self.calls else "", name.strip("_"))))
            owner = (path, id(self.calls[-1].module) if self.calls else 0, _call_site())
            several = len(outputs) > 1
            self._settle_shapes(origin, given)
            box = _Box(path, kind, label, self._shape(outputs[0]), origin.sources, origin.weights, owner, several)
            origin = _Origin(frozenset({self._add(box)}))
        for tensor in [*outputs, *changed]:
            self._remember(tensor, origin)

    def _values(self, name: str, given: list[Tensor]) -> list[Tensor]:
        """The arguments that carry values; whole numbers beside them (lengths, places to look up) only steer."""
        if name in _FIRST_ONLY and self._origin(given[:1]).sources:
            return given[:1]
        numbers = [tensor for tensor in given if tensor.is_floating_point() or tensor.is_complex()]
        return numbers if self._origin(numbers).sources else given

    def _describe(self, name: str, origin: _Origin) -> tuple[Kind, str] | None:
        """Kind and label of a function's box, or None when it is passed over."""
        if not origin.sources or name == "__setitem__":
            return None
        if len(origin.sources) > 1:
            return describe_join(name)
        known = describe_function(name)
        if not origin.weights:
            return None if known and known[1] == "matrix product" else known
        if known and known[1] in ("dense", "matrix product"):
            return "dense", "dense"
        kind, label = known or describe_join(name)
        return ("other" if kind == "join" else kind), label if known else f"{label} weights"

    def _record_module(self, call: _Call, arguments: Any, output: Any) -> Any:
        given = list(_tensors(arguments))
        origin = self._origin(given)
        output = _renewed(output, {id(tensor) for tensor in given})
        outputs = list(_tensors(output))
        if not outputs:
            return output
        self._settle_shapes(origin, given)
        kind, label = describe_module(call.module)
        weights = frozenset(map(id, call.module.parameters())) | origin.weights
        owner = ("module", id(call.module))
        several = len(outputs) > 1
        box = _Box(call.path, kind, label, self._shape(outputs[0]), origin.sources, weights, owner, several)
        position = self._add(box)
        for tensor in [*outputs, *(tensor for tensor in given if tensor._version != call.versions.get(id(tensor)))]:
            self._mark(tensor, position)
        return output

    def _settle_shapes(self, origin: _Origin, given: list[Tensor]) -> None:
        """A layer that puts out several tensors (an LSTM) shows the shape of what the next box reads of it."""
        for tensor in given:
            sources = self.origins.get(id(tensor), _Origin()).sources
            for source in sources & origin.sources:
                if self.boxes[source].several and len(sources) == 1 and tensor.is_floating_point():
                    self.boxes[source].shape = self._shape(tensor)
                    self.boxes[source].several = False

    def _origin(self, tensors: list[Tensor]) -> _Origin:
        """What several tensors together come from; a weight comes from itself."""
        origins = [self.origins.get(id(tensor), _Origin()) for tensor in tensors]
        own = {id(tensor) for tensor in tensors if id(tensor) in self.sizes}
        sources = frozenset[int]().union(*(origin.sources for origin in origins))
        return _Origin(sources, frozenset(own).union(*(origin.weights for origin in origins)))

    def _add(self, box: _Box) -> int:
        self.boxes.append(box)
        return len(self.boxes) - 1

    def _mark(self, tensor: Tensor, position: int) -> None:
        self._remember(tensor, _Origin(frozenset({position})))

    def _remember(self, tensor: Tensor, origin: _Origin) -> None:
        if id(tensor) not in self.sizes:
            self.alive.append(tensor)
            self.origins[id(tensor)] = origin

    def _shape(self, tensor: Tensor) -> tuple[int, ...]:
        """The shape without its batch axis: the first axis as long as the batch."""
        shape = tuple(tensor.shape)
        axis = shape.index(self.batch) if self.batch in shape else None
        return shape if axis is None else shape[:axis] + shape[axis + 1 :]

    def network(self, result: Any) -> Network:
        """The finished network, loops folded and boxes that lead nowhere left out."""
        results = list(_tensors(result))
        self._settle_shapes(self._origin(results), results)
        ends = self._origin(results).sources
        boxes, ends = _fold_loops(self.boxes, ends)
        kept = _useful(boxes, ends)
        return _finish(boxes, kept, ends, self.sizes)


def _is_leaf(module: nn.Module, root: nn.Module) -> bool:
    """Whether a module is one box: it says so, or holds no modules of its own."""
    if getattr(module, "drawn_as", None) or isinstance(module, nn.MultiheadAttention) or parametrize.is_parametrized(module):
        return True
    if module is root and not type(module).__module__.startswith("torch.nn"):
        return False
    return next(module.children(), None) is None


def _tensors(value: Any) -> Iterator[Tensor]:
    """Every tensor in nested tuples, lists, mappings and plain objects with tensors in them."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _tensors(item)
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from _tensors(item)
    elif hasattr(value, "__dataclass_fields__"):
        for name in value.__dataclass_fields__:
            yield from _tensors(getattr(value, name))


def _renewed(output: Any, given: set[int]) -> Any:
    """The output as a new tensor object where a layer (dropout in evaluation) hands back its input itself.

    Otherwise a skip around that layer and the path through it could not be told apart.
    """
    return output.view_as(output) if isinstance(output, Tensor) and id(output) in given else output


def _call_site() -> tuple[str, int]:
    """File and line of the model's code that called the function being recorded."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith((__file__, _TORCH)):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


def _fold_loops(boxes: list[_Box], ends: frozenset[int]) -> tuple[list[_Box], frozenset[int]]:
    """Boxes of a loop over the same weights (a cell run over 400 steps) become one box that says how often it ran.

    A box without weights belongs to the loop when it stands at one place in the code and reads the loop's boxes; the
    same pooling layer between different convolutions stays as many boxes as it is.
    """
    groups: dict[object, list[int]] = {}
    for position, box in enumerate(boxes):
        groups.setdefault(box.owner, []).append(position)
    repeated = {owner: members for owner, members in groups.items() if len(members) >= _LOOP}
    folded = {owner for owner, members in repeated.items() if boxes[members[0]].weights}
    inside = {position for owner in folded for position in repeated[owner]}
    grew = bool(folded)
    while grew:
        grew = False
        for owner, members in repeated.items():
            if owner not in folded and sum(bool(boxes[member].sources & inside) for member in members) >= len(members) - 1:
                folded.add(owner)
                inside.update(members)
                grew = True
    first = {member: repeated[owner][0] for owner in folded for member in repeated[owner]}
    return _merged(boxes, first), frozenset(first.get(end, end) for end in ends)


def _merged(boxes: list[_Box], first: dict[int, int]) -> list[_Box]:
    """Every box of a loop read as the first of its group; what flows back into the loop is not drawn."""
    for position, box in enumerate(boxes):
        into = boxes[first.get(position, position)]
        sources = {first.get(source, source) for source in box.sources}
        if into is box:
            box.sources = frozenset(source for source in sources if source < position)
        else:
            into.sources |= {source for source in sources if source < first[position]}
            into.weights |= box.weights
            into.repeats += 1
            box.weights = frozenset()
    return boxes


def _useful(boxes: list[_Box], ends: frozenset[int]) -> list[int]:
    """Positions of the boxes that lead to an output, have weights of their own, or are all there is."""
    reached: set[int] = set()
    waiting = list(ends)
    while waiting:
        position = waiting.pop()
        if position not in reached:
            reached.add(position)
            waiting += boxes[position].sources
    waiting = [position for position, box in enumerate(boxes) if box.weights and position not in reached]
    while waiting:
        position = waiting.pop()
        if position not in reached:
            reached.add(position)
            waiting += boxes[position].sources
    return sorted(reached | {0} if boxes else reached)


def _finish(boxes: list[_Box], kept: list[int], ends: frozenset[int], sizes: dict[int, int]) -> Network:
    """Number the boxes anew and count every weight where it is first used."""
    place = {old: new for new, old in enumerate(kept)}
    counted: dict[int, int] = {}
    layers = []
    for new, old in enumerate(kept):
        box = boxes[old]
        fresh = [weight for weight in sorted(box.weights) if weight not in counted and weight in sizes]
        known = [counted[weight] for weight in box.weights if weight in counted]
        counted.update(dict.fromkeys(fresh, new))
        layers.append(
            Layer(
                name=box.name or "(whole module)",
                kind=box.kind,
                label=box.label,
                shape=box.shape,
                parameters=sum(sizes[weight] for weight in fresh),
                inputs=tuple(sorted(place[source] for source in box.sources if source in place)),
                repeats=box.repeats,
                shared_with=min(known) if known and not fresh else None,
            )
        )
    unused = sum(size for weight, size in sizes.items() if weight not in counted)
    return Network(tuple(layers), tuple(sorted(place[end] for end in ends)), unused)
