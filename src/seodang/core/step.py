"""One step of an optimizer: micro-batches, precision, gradient clipping, and a stop before anything non-finite is learned."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from seodang.core.device import Device
from seodang.core.errors import MachineError

Batch = TypeVar("Batch", bound=tuple[Any, ...])
_at_once: ContextVar[bool] = ContextVar("at_once", default=False)


class NonFiniteError(ArithmeticError):
    """A loss, gradient or weight became infinite or not a number. Caught by `fit`, which goes back and tries a lower rate."""

    def __init__(self, where: str) -> None:
        self.where = where
        super().__init__(where)


@contextmanager
def checking_at_once(wanted: bool) -> Iterator[None]:
    """Make every step look at its own loss and gradient before it changes a weight, on a GPU too.

    A GPU would stop for each look: there values are read later and `fit` goes back. Its retries look at once to name the layer.
    """
    token = _at_once.set(wanted)
    try:
        yield
    finally:
        _at_once.reset(token)


@dataclass
class Stepper:
    """Takes optimizer steps for a Learner.

    Args:
        device: Where to compute and in which precision.
        clip_norm: Longest allowed gradient (Pascanu, Mikolov & Bengio 2013, arXiv:1211.5063), or None.
        splittable: Whether a batch may be learned in parts; not so with batch normalisation.
    """

    device: Device
    clip_norm: float | None = None
    splittable: bool = True
    parts: int = 1
    """Micro-batches a batch is split into; doubled when a GPU runs out of memory."""

    def descend(self, batch: Batch, loss: Callable[[Batch], Tensor], module: nn.Module, optimizer: Optimizer) -> Tensor:
        """Compute the mean loss over a batch, its gradient, and take one optimizer step.

        Args:
            batch: A NamedTuple whose tensors share their first axis.
            loss: The mean loss over the rows of a batch, a 0-d tensor.
            module: Owner of the parameters, for naming what is not finite.
            optimizer: The optimizer to step.

        Returns: The loss before the step, 0-d, detached; not a number when the loss or a gradient is not finite.
        Raises:
            NonFiniteError: The loss or a gradient is not finite, and no parameter has changed. On a GPU this is raised only
                inside `checking_at_once(True)`.
            MachineError: The GPU's memory is too small for the batch, or for one row where it may be split.
        """
        value = self._accumulate(batch, loss, optimizer)
        parameters = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        norm = self._norm([p.grad for p in parameters if p.grad is not None])
        if (self.device.type == "cpu" or _at_once.get()) and not bool(torch.isfinite(norm + value)):
            raise NonFiniteError(self._first_bad(batch, loss, module))
        if self.clip_norm is not None:
            nn.utils.clip_grads_with_norm_(parameters, self.clip_norm, norm)
        optimizer.step()
        return value + (norm - norm)  # inf - inf is not a number: whoever reads the loss later sees a bad gradient too

    def _norm(self, gradients: list[Tensor]) -> Tensor:
        """The length of all gradients together; or, unless they are clipped by it, their sum, which is as finite."""
        if self.clip_norm is not None:
            return nn.utils.get_total_norm(gradients)
        return torch.stack([one.sum() for one in gradients]).sum()

    def _accumulate(self, batch: Batch, loss: Callable[[Batch], Tensor], optimizer: Optimizer) -> Tensor:
        while True:
            try:
                optimizer.zero_grad(set_to_none=True)
                total = torch.zeros((), device=self.device.torch)
                for part, share in micro_batches(batch, self.parts):
                    with self.device.autocast():
                        value = loss(part)
                    (value * share).backward()  # type: ignore[no-untyped-call]
                    total += value.detach() * share
                return total
            except torch.OutOfMemoryError as error:
                if not self.splittable or self.parts >= _rows(batch):
                    raise MachineError(
                        "The memory of the GPU is too small for this model and batch; lower {batch_size} or give {device} cpu.",
                        settings=("batch_size", "device"),
                    ) from error
            # Outside the handler, so that the failed pass's tensors are no longer held by the traceback.
            self.parts *= 2
            torch.cuda.empty_cache()

    def _first_bad(self, batch: Batch, loss: Callable[[Batch], Tensor], module: nn.Module) -> str:
        """The first layer with a non-finite output; with none, the gradient nearest to the loss, where it began."""
        layers: list[str] = []

        def watch(name: str) -> Callable[[nn.Module, Any, Any], None]:
            def hook(layer: nn.Module, inputs: Any, output: Any) -> None:
                outputs = output if isinstance(output, tuple) else (output,)
                if not all(bool(one.isfinite().all()) for one in outputs if isinstance(one, Tensor)):
                    layers.append(name)

            return hook

        hooks = [layer.register_forward_hook(watch(name)) for name, layer in module.named_modules() if name]
        try:
            with torch.no_grad(), self.device.autocast():
                value = sum(float(loss(part)) * share for part, share in micro_batches(batch, self.parts))
        finally:
            for hook in hooks:
                hook.remove()
        if layers:
            return f"the output of layer {layers[0]}"
        if not math.isfinite(value):
            return "the loss"
        for name, parameter in reversed(list(module.named_parameters())):
            if parameter.grad is not None and not bool(parameter.grad.isfinite().all()):
                return f"the gradient of layer {name}"
        return "the sum of all gradients"


def micro_batches(batch: Batch, parts: int) -> Iterator[tuple[Batch, float]]:
    """Split a batch along the first axis of its tensors.

    Yields: Pairs of a smaller batch of the same type and its share of the rows; shares add up to 1.
    """
    if parts == 1:
        yield batch, 1.0
        return
    pieces = [field.chunk(parts) if isinstance(field, Tensor) else None for field in batch]
    make = getattr(type(batch), "_make", type(batch))
    for index in range(len(next(p for p in pieces if p is not None))):
        part = make(field if piece is None else piece[index] for field, piece in zip(batch, pieces, strict=True))
        yield part, _rows(part) / _rows(batch)


def set_rate(optimizers: Mapping[str, Optimizer], factor: float) -> None:
    """Set every parameter group's rate to a factor of the rate it was made with."""
    for optimizer in optimizers.values():
        for group in optimizer.param_groups:
            group["lr"] = group.setdefault("initial_lr", group["lr"]) * factor


def refuse_non_finite(tensors: Mapping[str, Tensor]) -> None:
    """Look through a state before it is kept.

    Raises: NonFiniteError: A number in it is not finite.
    """
    floating = {name: tensor for name, tensor in tensors.items() if tensor.is_floating_point() and tensor.numel()}
    largest = nn.utils.get_total_norm(floating.values(), norm_type=math.inf)  # one answer to wait for, whatever the count
    if not bool(largest.isfinite()):
        bad = next(name for name, tensor in floating.items() if not bool(tensor.isfinite().all()))
        raise NonFiniteError(f"the state {bad}")


def _rows(batch: tuple[Any, ...]) -> int:
    return len(next(field for field in batch if isinstance(field, Tensor)))
