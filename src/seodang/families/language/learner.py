"""How a language model learns: cross-entropy of the next token, with the state carried from chunk to chunk."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

from seodang.core.device import Device
from seodang.core.learner import Learner, Validation
from seodang.core.step import Stepper
from seodang.families.language.model import LanguageNetwork
from seodang.families.language.streams import Chunk

SCORING_STREAMS = 32  # a text is scored in so many pieces at once
SCORING_CHUNK = 256
WARM_UP = 1024  # tokens read, unscored, before each piece but the first: what came earlier no longer moves the fourth decimal


class LanguageLearner(Learner):
    """Truncated backpropagation through time (Werbos 1990; Williams & Peng 1990): gradients end at the chunk, the state does not.

    Adam (Kingma & Ba 2015, arXiv:1412.6980) with weight decay on matrices alone (arXiv:1711.05101).
    """

    def __init__(
        self,
        network: LanguageNetwork,
        streams: int,
        learning_rate: float,
        weight_decay: float,
        device: Device,
        clip_norm: float | None,
    ) -> None:
        self.network = network
        # A batch of streams is not split: each part would have to find its own rows of the carried state.
        self.stepper = Stepper(device, clip_norm, splittable=False)
        self.state_after = network.start(streams)
        decayed = [weight for weight in network.parameters() if weight.ndim > 1]
        others = [weight for weight in network.parameters() if weight.ndim == 1]
        groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
        # Fused, because the other variants round a process's first step differently, which would end exact resume.
        self.optimizer = torch.optim.AdamW(groups, lr=learning_rate, fused=True)

    def modules(self) -> Mapping[str, nn.Module]:
        """The network."""
        return {"network": self.network}

    def optimizers(self) -> Mapping[str, Optimizer]:
        """Adam."""
        return {"adam": self.optimizer}

    def tensors(self) -> dict[str, Tensor]:
        """What the network remembers of each stream."""
        return {f"state_{number}": part for number, part in enumerate(self.state_after)}

    def update(self, batch: Chunk) -> dict[str, Tensor]:
        """One step on the mean cross-entropy of a chunk, in nats."""
        self.network.train()
        if batch.first:
            for part in self.state_after:
                part.zero_()
        before = [part.clone() for part in self.state_after]

        def loss(chunk: Chunk) -> Tensor:
            logits, after = self.network(chunk.tokens, before)
            for kept, part in zip(self.state_after, after, strict=True):
                kept.copy_(part.detach())
            return cross_entropy(logits, chunk.targets)

        return {"loss": self.stepper.descend(batch, loss, self.network, self.optimizer)}


class LanguageValidation(Validation):
    """Mean nats a token on the validation text, state carried."""

    monitor = "validation_nats"
    higher_is_better = False

    def __init__(self, network: LanguageNetwork, numbers: NDArray[np.int32], device: Device) -> None:
        self.network, self.numbers, self.device = network, numbers, device

    def measure(self) -> dict[str, float]:
        """Scores by name."""
        return {"validation_nats": float(token_nats(self.network, self.numbers, self.device).mean())}


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean nats a token; logits (batch, length, num_tokens), targets (batch, length), int64."""
    return functional.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())


def token_nats(
    network: LanguageNetwork, numbers: NDArray[np.int32], device: Device, streams: int = SCORING_STREAMS, warm_up: int = WARM_UP
) -> NDArray[np.float64]:
    """Minus the log-probability of every token of a text but the first, given all before it, (tokens - 1,), float64.

    The text is read as parallel pieces; each first reads, unscored, the `warm_up` tokens before it, so that it begins with a
    state as full as one carried from the text's beginning.
    """
    network.eval()
    steps = len(numbers) - 1
    if steps < 1:
        return np.zeros(0)
    length = max(-(-steps // streams), 1)
    starts = np.arange(0, steps, length)
    nats = np.zeros(steps)
    text = torch.from_numpy(numbers.astype(np.int64)).to(device.torch)
    with torch.inference_mode(), device.autocast():
        state = network.start(len(starts))
        for done in range(-warm_up, length, SCORING_CHUNK):
            width = min(SCORING_CHUNK, (0 if done < 0 else length) - done)
            places = torch.from_numpy(starts)[:, None] + done + torch.arange(width)
            read = text[places.clamp(0, steps - 1)]
            logits, state = network(read, state)
            state = _forget_before_the_text(state, places[:, -1])
            if done >= 0:
                targets = text[(places + 1).clamp(1, steps)]
                scored = functional.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), reduction="none")
                inside = (places < steps).numpy()
                nats[places.numpy()[inside]] = scored.view(places.shape).cpu().double().numpy()[inside]
    return nats


def _forget_before_the_text(state: list[Tensor], last: Tensor) -> list[Tensor]:
    """Rows that stand before the text's beginning have read nothing yet."""
    begun = (last >= 0).to(state[0].device).unsqueeze(1)
    return [part * begun for part in state]
