"""The networks: vectors and images in, what an algorithm needs to know of each action out."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from seodang.families.agents.environments.spaces import ObservationShape

Activation = Literal["tanh", "relu"]
ACTIVATIONS: dict[str, type[nn.Module]] = {"tanh": nn.Tanh, "relu": nn.ReLU}
FEATURES = 512  # of an image, Mnih et al. 2015
BRIGHTEST = 255.0
LEAST_SPREAD = 8.0  # of pixels, in steps from 0 to 255; where still less happens the few that change would be huge
OBSERVED_RANGE = 10.0  # standard deviations beyond which a normalised number is cut


class Mlp(nn.Sequential):
    """Linear layers with an activation between them.

    Args:
        inputs, outputs: Numbers in and out.
        hidden: Units of each layer between.
        activation: Behind each of those.
        gain: Of the last layer's orthogonal weights, the others' being that of the activation; None for PyTorch's own weights.
    """

    def __init__(self, inputs: int, hidden: Sequence[int], outputs: int, activation: Activation, gain: float | None) -> None:
        sizes = [inputs, *hidden, outputs]
        layers: list[nn.Module] = []
        for place, (before, after) in enumerate(pairwise(sizes)):
            linear = nn.Linear(before, after)
            last = place == len(sizes) - 2
            if gain is not None:
                nn.init.orthogonal_(linear.weight, gain if last else nn.init.calculate_gain(activation))
                nn.init.zeros_(linear.bias)
            layers += [linear] if last else [linear, ACTIVATIONS[activation]()]
        super().__init__(*layers)


class Moments(nn.Module):
    """Mean and variance of each number that was seen so far.

    Chan, Golub & LeVeque 1979, "Updating formulae and a pairwise algorithm for computing sample variances".

    Args:
        shape: Of the numbers.
        variance: Of each before any was seen.
        dtype: To count in.
    """

    mean: Tensor
    variance: Tensor
    count: Tensor

    def __init__(self, shape: Sequence[int], variance: float = 1.0, dtype: torch.dtype = torch.float64) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(tuple(shape), dtype=dtype))
        self.register_buffer("variance", torch.full(tuple(shape), variance, dtype=dtype))
        self.register_buffer("count", torch.zeros((), dtype=dtype))

    def learn(self, rows: Tensor) -> None:
        """Take more of them into account, (rows, *shape)."""
        variance, mean = torch.var_mean(rows.to(self.mean), 0, correction=0)
        count = float(len(rows))
        total = self.count + count
        shift = mean - self.mean
        squares = self.variance * self.count + variance * count + shift.square() * self.count * count / total
        self.mean += shift * count / total
        self.variance.copy_(squares / total)
        self.count.copy_(total)


class Normaliser(Moments):
    """Numbers of an observation, less their mean and by their standard deviation, as far as they were seen.

    Args: numbers: How many.
    """

    def __init__(self, numbers: int) -> None:
        super().__init__((numbers,))

    def forward(self, vectors: Tensor) -> Tensor:
        """(batch, numbers) -> the same, within 10 standard deviations."""
        scaled = (vectors - self.mean.float()) / (self.variance.float() + 1e-8).sqrt()
        return scaled.clamp(-OBSERVED_RANGE, OBSERVED_RANGE)


class PixelConv2d(nn.Conv2d):
    """A convolution of pixels, less the mean image and by the standard deviation of all of them, as far as they were seen.

    In a game nearly all stands still. Unless that is taken away it is nearly all that the network feels: its weights answer to
    the colour of the ground, and what moves is lost in it. Before any image was seen, pixels count from 0 to 1.

    Args:
        image: Channels, height and width.
        outputs, kernel, step: Of the convolution.
    """

    def __init__(self, image: Sequence[int], outputs: int, kernel: int, step: int) -> None:
        super().__init__(image[0], outputs, kernel, step)
        self.seen = Moments(image, BRIGHTEST**2, torch.float32)
        self.drawn_as = f"convolution {kernel}x{kernel}, stride {step}"  # one box, though it holds what was seen

    def forward(self, input: Tensor) -> Tensor:
        """(batch, channels, height, width) uint8 -> (batch, outputs, height, width), both smaller."""
        device = input.device.type
        kind = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else torch.float32
        mean = self.seen.mean.to(kind).unsqueeze(0).contiguous(memory_format=torch.channels_last)
        # Bytes are exact in bf16. Weights are few: dividing them spares dividing every pixel.
        pixels = input.to(kind, memory_format=torch.channels_last) - mean
        spread = self.seen.variance.mean().sqrt().clamp(min=LEAST_SPREAD)
        found: Tensor = self._conv_forward(pixels, self.weight / spread, self.bias)
        return found


class ImageFeatures(nn.Module):
    """Features of images and vectors: the convolutions of Mnih et al. 2015, with the vector laid beside what they find.

    Images of less than 36 pixels a side get smaller steps.
    """

    def __init__(self, shape: ObservationShape) -> None:
        super().__init__()
        small = min(shape.height, shape.width) < 36
        sizes = ((3, 2), (3, 2), (3, 1)) if small else ((8, 4), (4, 2), (3, 1))
        channels = (shape.channels, 32, 64, 64)
        layers: list[nn.Module] = [PixelConv2d(shape.image, channels[1], *sizes[0]), nn.ReLU()]
        for place, (kernel, step) in enumerate(sizes[1:], start=1):
            layers += [nn.Conv2d(channels[place], channels[place + 1], kernel, step), nn.ReLU()]
        self.convolutions = nn.Sequential(*layers)
        with torch.no_grad():
            found = self.convolutions(torch.zeros(1, *shape.image)).numel()
        self.dense = nn.Sequential(nn.Linear(found, FEATURES), nn.ReLU())
        for layer in [*self.convolutions, *self.dense]:
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.orthogonal_(layer.weight, nn.init.calculate_gain("relu"))
                nn.init.constant_(layer.bias, 0.0)  # type: ignore[arg-type]
        self.convolutions.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.size = FEATURES + shape.numbers

    def forward(self, vectors: Tensor, images: Tensor) -> Tensor:
        """(batch, numbers) float32 and (batch, channels, height, width) uint8 -> (batch, size)."""
        found = self.convolutions(images)
        # Channels are last in memory: laid out in that order, nothing is moved.
        return torch.cat([self.dense(found.permute(0, 2, 3, 1).flatten(1)), vectors], 1)

    @property
    def pixels(self) -> Moments:
        """What was seen of every pixel."""
        first = self.convolutions[0]
        assert isinstance(first, PixelConv2d)
        return first.seen


class Spread(nn.Module):
    """Means of normal distributions, with the logarithms of their standard deviations beside, which no observation changes."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.log_std = nn.Parameter(torch.zeros(width))

    def forward(self, means: Tensor) -> Tensor:
        """(batch, width) -> (batch, 2 * width)."""
        return torch.cat([means, self.log_std.expand_as(means)], 1)


class Observer(nn.Module):
    """What policies and values of actions have before they decide: features, where there are images.

    Args: shape: What is seen.
    """

    def __init__(self, shape: ObservationShape) -> None:
        super().__init__()
        self.features = ImageFeatures(shape) if shape.channels else None
        self.inputs = self.features.size if self.features else shape.numbers

    def look(self, vectors: Tensor, images: Tensor) -> Tensor:
        """What is decided by, (batch, inputs)."""
        return vectors if self.features is None else self.features(vectors, images)


class ActorCritic(Observer):
    """A policy and a value: two networks side by side for vectors, two heads of one for images.

    Args:
        shape: What is seen.
        hidden: Units of each hidden layer, behind the features of images.
        outputs: Numbers that the policy gives: a logit for each choice, or the mean of each number.
        continuous: Whether actions are numbers, whose spread is learned too.
    """

    def __init__(self, shape: ObservationShape, hidden: Sequence[int], outputs: int, continuous: bool) -> None:
        super().__init__(shape)
        self.policy = Mlp(self.inputs, hidden, outputs, "tanh", gain=0.01)
        self.spread = Spread(outputs) if continuous else None
        self.value = Mlp(self.inputs, hidden, 1, "tanh", gain=1.0)

    def forward(self, vectors: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
        """Returns: What the policy gives, (batch, outputs), or twice as many with their spread; values, (batch,)."""
        return self.decide(self.look(vectors, images))

    def decide(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        """What `forward` returns, by what `look` found."""
        policy = self.policy(seen)
        return policy if self.spread is None else self.spread(policy), self.value(seen).squeeze(1)


class ActionValues(Observer):
    """What each action is worth.

    Args:
        shape: What is seen.
        hidden: Units of each hidden layer, behind the features of images.
        actions: How many there are.
    """

    def __init__(self, shape: ObservationShape, hidden: Sequence[int], actions: int) -> None:
        super().__init__(shape)
        self.values = Mlp(self.inputs, hidden, actions, "relu", gain=None)

    def forward(self, vectors: Tensor, images: Tensor) -> Tensor:
        """(batch, actions)."""
        return self.decide(self.look(vectors, images))

    def decide(self, seen: Tensor) -> Tensor:
        """(batch, actions), by what `look` found."""
        values: Tensor = self.values(seen)
        return values


class TwinValues(nn.Module):
    """What an action of several numbers is worth, by two networks that err apart (Fujimoto et al. 2018, arXiv:1802.09477)."""

    def __init__(self, numbers: int, width: int, hidden: Sequence[int]) -> None:
        super().__init__()
        self.first = Mlp(numbers + width, hidden, 1, "relu", gain=None)
        self.second = Mlp(numbers + width, hidden, 1, "relu", gain=None)

    def forward(self, vectors: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, numbers) and (batch, width) -> (batch,) each."""
        both = torch.cat([vectors, actions], 1)
        return self.first(both).squeeze(1), self.second(both).squeeze(1)
