"""Dynamic evaluation: a model that goes on learning from what it has just been scored on.

Krause, Kahembwe, Murray & Renals 2018, "Dynamic evaluation of neural sequence models", ICML, arXiv:1709.07432. It foresees
more than the same model left alone, and is another measure: it must not be compared with that of a model that stays as it is.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from seodang.core.device import Device
from seodang.families.language.model import LanguageNetwork, building_on
from seodang.families.language.ngram_rows import NgramRows
from seodang.families.language.scoring import WARM_UP, Nats, Tokens

CHUNK = 20  # tokens scored before each step; the paper takes 20 characters or 5 words
GATHERED = 50  # chunks of the training text that the size of gradients is averaged over
TRIED_RATES = (1e-4, 3e-4, 1e-3)
DECAY = 2e-3  # part of the way back to the trained weights that a step of unit size takes
EPSILON = 1e-8
TRIED_TOKENS = 3_000  # of the watched text, for each rate


@dataclass(frozen=True)
class Adapting:
    """A network with what it needs to adapt: how large its gradients usually are."""

    network: LanguageNetwork
    sizes: tuple[Tensor, ...]
    """Root of the mean square of each gradient over the training text, one tensor a parameter."""
    rate: float
    device: Device

    def nats(self, text: Tokens, history: Tokens) -> Nats:
        """Surprise at each token of a text, (tokens,), each scored before anything is learned from it.

        Args:
            text: (tokens,).
            history: (any,), one token at least, the text before it, which is read and not learned from.
        """
        network = copy.deepcopy(self.network).eval()
        trained = [weight.detach().clone() for weight in network.parameters()]
        state = _after(network, history[-WARM_UP - 1 : -1], self.device)
        read = np.concatenate([history[-1:], text])
        nats = np.empty(len(text))
        for start in range(0, len(text), CHUNK):
            surprise, state = _scored(network, read[start : start + CHUNK + 1], state, self.device)
            nats[start : start + CHUNK] = surprise.detach().double().cpu().numpy()
            gradients = torch.autograd.grad(surprise.mean(), tuple(network.parameters()))
            self._step(network, trained, gradients)
        return nats

    def _step(self, network: LanguageNetwork, trained: Sequence[Tensor], gradients: Sequence[Tensor]) -> None:
        """Against the gradient, measured by its usual size, and a little back to the trained weights (the paper's RMS rule).

        As in the paper, the way back is longer for weights with larger gradients, and never longer than the whole way.
        """
        with torch.no_grad():
            for weight, start, gradient, size in zip(network.parameters(), trained, gradients, self.sizes, strict=True):
                weight.sub_(self.rate * gradient / (size + EPSILON))
                back = (DECAY * size / (size.mean() + EPSILON)).clamp_(max=1)
                weight.add_(back * (start - weight))


def adapting(
    network: LanguageNetwork,
    learned: Tokens,
    watched: Tokens,
    device: Device,
    ngrams: NgramRows | None = None,
    known: Tensor | None = None,
) -> Adapting:
    """A network ready to adapt, with the rate that is best on the watched text.

    Args:
        network: The trained network, which is left as it is.
        learned: (tokens,), the training text.
        watched: (tokens,), the text behind it.
        device: Where to compute, in f32.
        ngrams: For a network that builds on some: such as have not read the watched text, to choose the rate with.
        known: What n-grams that have not seen it expect of the training text, as while training: its own know it by heart, and
            would leave next to no gradients to measure. (tokens - 1, num_tokens), log-probabilities.
    """
    own = copy.deepcopy(network).eval()
    sizes = _gradient_sizes(own, learned, known, device)
    tried = watched[:TRIED_TOKENS]
    rates = [Adapting(own, sizes, rate, device) for rate in TRIED_RATES]
    with building_on(own, ngrams):
        return min(rates, key=lambda one: float(one.nats(tried, learned).mean()))


def _gradient_sizes(network: LanguageNetwork, learned: Tokens, known: Tensor | None, device: Device) -> tuple[Tensor, ...]:
    """Root mean squares over chunks that lie all over the text."""
    squares = [torch.zeros_like(weight) for weight in network.parameters()]
    last = max(len(learned) - CHUNK - 1, 0)
    starts = np.unique(np.linspace(0, last, GATHERED).astype(int)).tolist()
    for start in starts:
        expected = None if known is None else known[start : start + CHUNK].to(device.torch).float().unsqueeze(0)
        surprise, _ = _scored(network, learned[start : start + CHUNK + 1], network.start(1), device, expected)
        gradients = torch.autograd.grad(surprise.mean(), tuple(network.parameters()))
        for square, gradient in zip(squares, gradients, strict=True):
            square += gradient.square()
    return tuple((square / len(starts)).sqrt() for square in squares)


def _scored(
    network: LanguageNetwork, numbers: Tokens, state: Sequence[Tensor], device: Device, known: Tensor | None = None
) -> tuple[Tensor, list[Tensor]]:
    """Nats of each token but the first, (length - 1,), and the state before the last; `known` instead of its own n-grams'."""
    tokens = torch.from_numpy(numbers.astype(np.int64)).to(device.torch).unsqueeze(0)
    if known is None:
        logits, after = network(tokens[:, :-1], state)
    else:
        hidden, after = network.remember(tokens[:, :-1], state)
        logits = network.score(hidden, known[:, : hidden.shape[1]])
    nats = functional.cross_entropy(logits[0].float(), tokens[0, 1:], reduction="none")
    return nats, [part.detach() for part in after]


def _after(network: LanguageNetwork, numbers: Tokens, device: Device) -> list[Tensor]:
    """The state after some tokens, perhaps none."""
    state = network.start(1)
    if len(numbers):
        with torch.no_grad():
            _, state = network(torch.from_numpy(numbers.astype(np.int64)).to(device.torch).unsqueeze(0), state)
    return state
