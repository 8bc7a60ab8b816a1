"""How surprising each token of a text is to a network, with everything before it remembered."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from seodang.core.device import Device
from seodang.families.language.model import LanguageNetwork
from seodang.families.language.stepping import Steps

Nats = NDArray[np.float64]
Tokens = NDArray[np.int32]

SCORING_STREAMS = 32  # a text is scored in so many pieces at once
SCORING_CHUNK = 64
WARM_UP = 1024  # tokens read, unscored, before each piece: what came earlier no longer moves the fourth decimal


def token_nats(
    network: LanguageNetwork,
    numbers: Tokens,
    device: Device,
    history: Tokens | None = None,
    streams: int = SCORING_STREAMS,
    warm_up: int = WARM_UP,
) -> Nats:
    """Minus the log-probability of every token of a text, given all before it.

    The text is read as parallel pieces; each first reads, unscored, the `warm_up` tokens before it, so that it begins with a
    state as full as one carried from the beginning.

    Args:
        network: In any mode; left in evaluation mode.
        numbers: (tokens,), the text.
        device: Where and how to compute.
        history: (any,), the text before it, of which the end is read; without one the first token is not scored.
        streams: How many pieces.
        warm_up: Tokens read before each.

    Returns: (tokens,), float64, or (tokens - 1,) without a history.
    """
    before = np.empty(0, np.int32) if history is None else history[-warm_up - 1 :]
    text = np.concatenate([before, numbers])
    first = max(len(before) - 1, 0)  # the place whose next token is the first that is scored
    steps = len(text) - 1
    if steps <= first:
        return np.zeros(0)
    # Whole chunks everywhere behind the first tokens that fill none, so that each stands either before their end or behind it.
    begun = first % SCORING_CHUNK
    length = -(-(steps - first) // (streams * SCORING_CHUNK)) * SCORING_CHUNK
    begins = torch.arange(first, steps, length).unsqueeze(1)
    reach = -(-warm_up // SCORING_CHUNK) * SCORING_CHUNK
    read = torch.from_numpy(text.astype(np.int64)).to(device.torch)
    nats = np.zeros(steps)
    network.eval()
    with torch.inference_mode(), device.autocast():
        fresh = network.start(1) if not begun else network(read[:begun].unsqueeze(0), network.start(1))[1]
        state = [part.expand(len(begins), -1) for part in fresh]
        for done in range(-reach, length, SCORING_CHUNK):
            here = begins + done + torch.arange(SCORING_CHUNK)
            logits, state = network(read[here.clamp(0, steps - 1)], state)
            # A piece that the text's beginning has not reached yet remembers no more than the first tokens.
            reached = (here[:, -1:] >= begun).to(device.torch)
            state = [torch.where(reached, part, start) for part, start in zip(state, fresh, strict=True)]
            if done >= 0:
                inside = here < steps
                surprise = _surprise(logits, read[(here + 1).clamp(1, steps)])
                nats[here[inside].numpy()] = surprise[inside.to(surprise.device)].cpu().double().numpy()
    return nats[first:]


def stepped_nats(
    steps: Steps, numbers: Tokens, history: Tokens | None = None, streams: int = SCORING_STREAMS, warm_up: int = WARM_UP
) -> Nats:
    """The same of a model that reads one token at a time; see `token_nats`."""
    before = np.empty(0, np.int32) if history is None else history[-warm_up - 1 :]
    text = np.concatenate([before, numbers]).astype(np.int64)
    first, last = max(len(before) - 1, 0), len(text) - 1
    length = -(-(last - first) // streams)
    begins = np.arange(first, last, max(length, 1))
    nats = np.zeros(max(last, 0))
    state = steps.start(len(begins))
    for here in (begins + done for done in range(-warm_up, length)):
        logits, state = steps.step(text[here.clip(0, last)], state)
        state = [part * (here >= 0)[:, None].astype(np.float32) for part in state]
        rows = np.flatnonzero((here >= begins) & (here < last))
        scores = logits[rows].astype(np.float64)
        scores -= scores.max(1, keepdims=True)
        nats[here[rows]] = np.log(np.exp(scores).sum(1)) - scores[np.arange(len(rows)), text[here[rows] + 1]]
    return nats[first:]


def _surprise(logits: Tensor, targets: Tensor) -> Tensor:
    """Nats of each target, (batch, length)."""
    flat = functional.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), reduction="none")
    return flat.view(targets.shape)
