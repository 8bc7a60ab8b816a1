"""How a language model learns: cross-entropy of the next token, with the state carried from chunk to chunk."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

from seodang.core.device import Device
from seodang.core.learner import Learner, Validation
from seodang.core.step import Stepper
from seodang.families.language.generation import Generator
from seodang.families.language.model import LanguageNetwork, building_on
from seodang.families.language.ngram_rows import NgramRows
from seodang.families.language.sampling import Sampling
from seodang.families.language.scoring import Tokens, token_nats
from seodang.families.language.stepping import StepNetwork
from seodang.families.language.streams import Chunk
from seodang.families.language.tokens import Vocabulary

BETAS = (0.9, 0.99)  # of Adam; the second as in nanoGPT: texts of a few thousand steps
ALONE_SHARE = 0.5  # of the loss without n-grams in what is learned from: without it little is remembered that they know too
SAMPLE_TOKENS, SAMPLE_TEMPERATURE = 300, 0.8  # of what is written at each validation
SAMPLE_LINES = 4  # of a short text that is learned by heart are enough


class LanguageLearner(Learner):
    """Truncated backpropagation through time: gradients end at the chunk, the state does not.

    Werbos 1990; Williams & Peng 1990. Adam (Kingma & Ba 2015, arXiv:1412.6980) with weight decay on matrices alone
    (arXiv:1711.05101). With n-grams, a second loss asks for the next token without their help, by scores that are of no use
    after training (companion objectives: Lee et al. 2015, "Deeply-supervised nets", AISTATS).
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
        weight = network.output.weight
        self.alone = nn.Linear(weight.shape[1], weight.shape[0], device=weight.device) if network.ngrams is not None else None
        # A batch of streams is not split: each part would have to find its own rows of the carried state.
        self.stepper = Stepper(device, clip_norm, splittable=False)
        self.state_after = network.start(streams)
        weights = [weight for module in self.modules().values() for weight in module.parameters()]
        decayed = [weight for weight in weights if weight.ndim > 1]
        others = [weight for weight in weights if weight.ndim == 1]
        groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
        # Fused, because the other variants round a process's first step differently, which would end exact resume.
        self.optimizer = torch.optim.AdamW(groups, lr=learning_rate, betas=BETAS, fused=True)

    def modules(self) -> Mapping[str, nn.Module]:
        """The network, and with n-grams the scores of what it remembers alone."""
        return {"network": self.network} if self.alone is None else {"network": self.network, "alone": self.alone}

    def optimizers(self) -> Mapping[str, Optimizer]:
        """Adam."""
        return {"adam": self.optimizer}

    def tensors(self) -> dict[str, Tensor]:
        """What the network remembers of each stream."""
        return {f"state_{number}": part for number, part in enumerate(self.state_after)}

    def update(self, batch: Chunk) -> dict[str, Tensor]:
        """One step on the mean cross-entropy of a chunk, in nats; with n-grams, on that of the network alone too."""
        self.network.train()
        if batch.first:
            for part in self.state_after:
                part.zero_()
        before = [part.clone() for part in self.state_after]
        told: dict[str, Tensor] = {}

        def loss(chunk: Chunk) -> Tensor:
            hidden, after = self.network.remember(chunk.tokens, before)
            for kept, part in zip(self.state_after, after, strict=True):
                kept.copy_(part.detach())
            whole = cross_entropy(self.network.score(hidden, chunk.known), chunk.targets)
            if self.alone is None:
                return whole
            alone = cross_entropy(self.alone(hidden), chunk.targets)
            told["alone"] = ALONE_SHARE * alone.detach()
            return whole + ALONE_SHARE * alone

        both = self.stepper.descend(batch, loss, self.network, self.optimizer)
        return {"loss": both - told["alone"] if told else both}


class LanguageValidation(Validation):
    """Mean nats a token on the validation text after the end of the training text, and what the network writes by then."""

    monitor = "validation_nats"
    higher_is_better = False

    def __init__(
        self,
        network: LanguageNetwork,
        vocabulary: Vocabulary,
        history: Tokens,
        text: Tokens,
        device: Device,
        ngrams: NgramRows | None = None,
    ) -> None:
        self.ngrams = ngrams  # that have not read the validation text
        self.network, self.vocabulary, self.history, self.text, self.device = network, vocabulary, history, text, device

    def measure(self) -> dict[str, float]:
        """Scores by name."""
        with building_on(self.network, self.ngrams):
            return {"validation_nats": float(token_nats(self.network, self.text, self.device, self.history).mean())}

    def samples(self) -> dict[str, str]:
        """A short text written on from nothing, drawn with the same random numbers each time."""
        writer = Generator(StepNetwork(self.network), self.vocabulary, "", Sampling(SAMPLE_TEMPERATURE), seed=0)
        return {"written": writer.texts(min(SAMPLE_TOKENS, SAMPLE_LINES * len(self.text)))[0]}


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean nats a token; logits (batch, length, num_tokens), targets (batch, length), int64."""
    return functional.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())
