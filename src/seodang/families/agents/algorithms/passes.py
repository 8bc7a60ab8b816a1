"""Forward and backward through a network, by arrays.

Reinforcement learning takes very many very small steps: for a network of two layers of 64 units, PyTorch's autograd spends ten
times the arithmetic on keeping books. So what a loss asks of each output is written down in closed form by the algorithm, and
from there on a `HandPass` follows the chain rule through linear layers in NumPy, on the very memory of the module's parameters.
Networks that read images have enough arithmetic; they go through autograd (`AutogradPass`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from seodang.core.device import Device, one_thread
from seodang.families.agents.environments.spaces import Observations, ObservationShape
from seodang.families.agents.model import ActionValues, ActorCritic, Mlp, Observer

Array = NDArray[np.float32]
FEW_WEIGHTS = 100_000  # up to which a step by arrays is the faster one
BETAS = 0.9, 0.999  # how much of a gradient's mean and mean square each step keeps


class FlatWeights:
    """All parameters of some modules as one, and their gradients as one: a step of an optimizer is then a single call.

    The modules' parameters become views of it.

    Args: modules: Whose parameters. On one device.
    """

    def __init__(self, *modules: nn.Module) -> None:
        parameters = [parameter for module in modules for parameter in module.parameters()]
        self.all = nn.Parameter(torch.cat([parameter.detach().flatten() for parameter in parameters]))
        self.all.grad = torch.zeros_like(self.all)
        place = 0
        for parameter in parameters:
            end = place + parameter.numel()
            parameter.data = self.all.data[place:end].view(parameter.shape)
            parameter.grad = self.all.grad[place:end].view(parameter.shape)
            place = end

    def forget(self) -> None:
        """Set the gradient to 0."""
        assert self.all.grad is not None
        self.all.grad.zero_()

    def clip(self, longest: float | None) -> float:
        """Scale a gradient that is too long down; gives its length before."""
        gradient = self.all.grad
        assert gradient is not None
        length = math.sqrt(float(gradient.dot(gradient)))
        if longest is not None and not length <= longest:
            gradient.mul_(longest / (length + 1e-6))
        return length

    def approach(self, other: FlatWeights, part: float) -> None:
        """Become a little more like other weights."""
        self.all.data.lerp_(other.all.data, part)


def adam(weights: FlatWeights, learning_rate: float, epsilon: float = 1e-8) -> Optimizer:
    """What descends: PyTorch's own for many weights or a GPU, arrays for a few."""
    if weights.all.device.type == "cpu" and weights.all.numel() <= FEW_WEIGHTS:
        return FlatAdam(weights, learning_rate, epsilon)
    return Adam([weights.all], lr=learning_rate, betas=BETAS, eps=epsilon, fused=True)


class FlatAdam(Optimizer):
    """Adam by arrays (Kingma & Ba 2015, arXiv:1412.6980): PyTorch's own takes longer to find out what there is to do.

    Args:
        weights: What learns, on the CPU.
        learning_rate: As `fit` scales it.
        epsilon: Keeps the divisor from 0.
    """

    def __init__(self, weights: FlatWeights, learning_rate: float, epsilon: float) -> None:
        super().__init__([weights.all], {"lr": learning_rate, "eps": epsilon})
        moments = {name: torch.zeros_like(weights.all.data) for name in ("exp_avg", "exp_avg_sq")}
        self.state[weights.all].update(moments, step=torch.zeros(()))
        self.room = np.empty(weights.all.numel(), np.float32)

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One step along the gradient."""
        (group,) = self.param_groups
        (weights,) = group["params"]
        state, room = self.state[weights], self.room
        state["step"] += 1
        taken = float(state["step"])
        gradient, mean, squares = weights.grad.numpy(), state["exp_avg"].numpy(), state["exp_avg_sq"].numpy()
        for moment, keep in ((mean, BETAS[0]), (squares, BETAS[1])):
            np.copyto(room, gradient)
            if moment is squares:
                room *= gradient
            room -= moment
            room *= np.float32(1 - keep)
            moment += room
        np.sqrt(squares, out=room)
        room *= np.float32(1 / math.sqrt(1 - BETAS[1] ** taken))
        room += np.float32(group["eps"])
        np.divide(mean, room, out=room)
        room *= np.float32(group["lr"] / (1 - BETAS[0] ** taken))
        values = weights.detach().numpy()
        values -= room

    step.hooked = True  # type: ignore[attr-defined]  # else PyTorch wraps it in a profiler, which takes longer than the step


class HandPass:
    """The chain rule through linear layers, by hand.

    Args: layers: Linear layers and activations, on the CPU; in `FlatWeights` before this is made, if they are to learn.
    """

    def __init__(self, layers: Mlp) -> None:
        linear = [layer for layer in layers if isinstance(layer, nn.Linear)]
        self.weights = [layer.weight.detach().numpy() for layer in linear]
        self.biases = [layer.bias.detach().numpy() for layer in linear]
        self.weight_gradients = [_gradient(layer.weight) for layer in linear]
        self.bias_gradients = [_gradient(layer.bias) for layer in linear]
        self.is_tanh = any(isinstance(layer, nn.Tanh) for layer in layers)
        self.seen: list[Array] = []
        self.ones = np.ones(0, np.float32)  # times rows is their sum, faster than NumPy's own

    def forward(self, inputs: Array) -> Array:
        """(batch, inputs) -> (batch, outputs); what `backward` needs is kept."""
        seen = [inputs]
        last = len(self.weights) - 1
        for place, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            outputs = seen[-1] @ weight.T
            outputs += bias
            if place < last:
                (np.tanh if self.is_tanh else _relu)(outputs, out=outputs)
            seen.append(outputs)
        self.seen = seen
        return seen[-1]

    def backward(self, gradients: Array, *, inputs: bool = False, weights: bool = True) -> Array | None:
        """Write what a loss asks of the weights into their gradients.

        Args:
            gradients: What the loss asks of each output, (batch, outputs).
            inputs: Whether to give what it asks of the inputs.
            weights: Whether to write what it asks of the weights.
        """
        asked = gradients
        if len(asked) > len(self.ones):
            self.ones = np.ones(len(asked), np.float32)
        for place in range(len(self.weights) - 1, -1, -1):
            if weights:
                np.matmul(asked.T, self.seen[place], out=self.weight_gradients[place])
                np.dot(self.ones[: len(asked)], asked, out=self.bias_gradients[place])
            if place:
                asked = asked @ self.weights[place]
                before = self.seen[place]
                if self.is_tanh:
                    slope = before * before
                    asked *= np.subtract(1, slope, out=slope)
                else:
                    asked *= before > 0
        return asked @ self.weights[0] if inputs else None


class PolicyPass:
    """Policy and value for arrays of observations, and the way back."""

    def __init__(self, network: ActorCritic, device: Device) -> None:
        self.network, self.device = network, device
        self.by_hand = network.features is None
        if self.by_hand:
            self.policy, self.value = HandPass(network.policy), HandPass(network.value)
            self.log_std = None if network.spread is None else network.spread.log_std.detach().numpy()
            self.log_std_gradient = None if network.spread is None else _gradient(network.spread.log_std)
        self.kept: tuple[Tensor, Tensor] | None = None

    def policy_of(self, seen: Observations) -> Array:
        """What the policy gives alone, (batch, outputs)."""
        return self._spread(self.policy.forward(seen.vectors)) if self.by_hand else self.both_of(seen)[0]

    def values_of(self, seen: Observations) -> Array:
        """Values alone, (batch,)."""
        return self.value.forward(seen.vectors)[:, 0] if self.by_hand else self.both_of(seen)[1]

    def both_of(self, seen: Observations) -> tuple[Array, Array]:
        """Both, without the way back for networks of images."""
        if self.by_hand:
            return self.policy_of(seen), self.values_of(seen)
        with torch.no_grad():
            policy, values = self._forward(seen)
        return policy.cpu().numpy(), values.cpu().numpy()

    def forward(self, seen: Observations) -> tuple[Array, Array]:
        """Both, and what `backward` needs is kept."""
        if self.by_hand:
            return self.both_of(seen)
        self.kept = self._forward(seen)
        return self.kept[0].detach().cpu().numpy(), self.kept[1].detach().cpu().numpy()

    def backward(self, policy: Array, values: Array) -> None:
        """Write into the gradients what a loss asks of what the policy gave, (batch, outputs), and of values, (batch,)."""
        if self.by_hand:
            if self.log_std_gradient is not None:
                width = len(self.log_std_gradient)
                np.sum(policy[:, width:], axis=0, out=self.log_std_gradient)
                policy = policy[:, :width]
            self.policy.backward(policy)
            self.value.backward(values[:, None])
            return
        assert self.kept is not None
        asked = [torch.from_numpy(one).to(self.device.torch) for one in (policy, values)]
        torch.autograd.backward(self.kept, asked)

    def _forward(self, seen: Observations) -> tuple[Tensor, Tensor]:
        return self.network.decide(_look(self.network, seen, self.device))

    def _spread(self, means: Array) -> Array:
        return means if self.log_std is None else np.concatenate([means, np.broadcast_to(self.log_std, means.shape)], 1)


class ValuesPass:
    """What each action is worth for arrays of observations, and the way back."""

    def __init__(self, network: ActionValues, device: Device) -> None:
        self.network, self.device = network, device
        self.hand = HandPass(network.values) if network.features is None else None
        self.kept: Tensor | None = None

    def values_of(self, seen: Observations) -> Array:
        """(batch, actions)."""
        if self.hand is not None:
            return self.hand.forward(seen.vectors)
        with torch.no_grad():
            return self._forward(seen).cpu().numpy()

    def forward(self, seen: Observations) -> Array:
        """The same, and what `backward` needs is kept."""
        if self.hand is not None:
            return self.hand.forward(seen.vectors)
        self.kept = self._forward(seen)
        return self.kept.detach().cpu().numpy()

    def backward(self, asked: Array) -> None:
        """Write into the gradients what a loss asks of each value, (batch, actions)."""
        if self.hand is not None:
            self.hand.backward(asked)
            return
        assert self.kept is not None
        self.kept.backward(torch.from_numpy(asked).to(self.device.torch))  # type: ignore[no-untyped-call]

    def _forward(self, seen: Observations) -> Tensor:
        return self.network.decide(_look(self.network, seen, self.device))


def _look(network: Observer, seen: Observations, device: Device) -> Tensor:
    """What is decided by, in f32: of a value near 2 the next that bf16 knows is 0.016 away, more than most actions differ."""
    with device.autocast():
        found = network.look(*on_device(seen, device))
    return found.float()


def threads_for(shape: ObservationShape) -> AbstractContextManager[None]:
    """As many as help: one for vectors, whose networks are too small to share; all that there are for images."""
    return nullcontext() if shape.channels else one_thread()


def on_device(seen: Observations, device: Device) -> Sequence[Tensor]:
    """Vectors and images as tensors."""
    return [torch.from_numpy(np.ascontiguousarray(part)).to(device.torch) for part in seen]


def _gradient(parameter: Tensor) -> Array:
    """Where what a loss asks of a parameter is written; nowhere where it does not learn."""
    found: Array = np.empty(parameter.shape, np.float32) if parameter.grad is None else parameter.grad.numpy()
    return found


def _relu(values: Array, out: Array) -> Array:
    return np.maximum(values, 0, out=out)
