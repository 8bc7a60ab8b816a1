"""Writing on from a prompt, token by token, in one stream or several at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from seodang.core.seeds import mix
from seodang.families.language.sampling import Sampling
from seodang.families.language.stepping import Floats, StepNetwork
from seodang.families.language.tokens import StreamDecoder, Vocabulary

RECENT = 256  # tokens that the repetition penalty remembers


class Generator:
    """Several texts written on from one prompt, each with its own random numbers.

    Args:
        network: The trained network.
        vocabulary: Of its tokens.
        prompt: What the texts go on from; when empty, the first token is drawn as after a line's end, or as after nothing.
        sampling: How to draw.
        seed: The same seed gives the same texts; sample k of several is the text that k would be alone.
        samples: How many.
    """

    def __init__(
        self, network: StepNetwork, vocabulary: Vocabulary, prompt: str, sampling: Sampling, seed: int, samples: int = 1
    ) -> None:
        self.network, self.vocabulary, self.sampling = network, vocabulary, sampling
        self.randoms = [np.random.default_rng(mix(seed, "sample", number)) for number in range(samples)]
        read = vocabulary.encode(prompt or "\n")
        self.recent = [list(map(int, vocabulary.encode(prompt)[-RECENT:])) for _ in range(samples)]
        logits, state = network.read(read.astype(np.int64)) if len(read) else _unread(network)
        self.logits, self.state = np.repeat(logits, samples, 0), [np.repeat(part, samples, 0) for part in state]

    def tokens(self, length: int) -> Iterator[list[int]]:
        """The next token of each text, `length` times."""
        for _ in range(length):
            drawn = [
                self.sampling.draw(logits, random, recent)
                for logits, random, recent in zip(self.logits, self.randoms, self.recent, strict=True)
            ]
            for recent, token in zip(self.recent, drawn, strict=True):
                recent.append(token)
                del recent[:-RECENT]
            yield drawn
            self.logits, self.state = self.network.step(np.array(drawn), self.state)

    def pieces(self, length: int, stop: Sequence[str] = ()) -> Iterator[str]:
        """One text, piece by piece as it is written, `length` tokens or until one of the stop strings, which is left out."""
        decoder = StreamDecoder(self.vocabulary)
        held = ""
        for (token,) in self.tokens(length):
            held += decoder.push(token)
            ends = [place for one in stop if (place := held.find(one)) >= 0]
            if ends:
                yield held[: min(ends)]
                return
            ready = len(held) - _begun(held, stop)
            if ready:
                yield held[:ready]
                held = held[ready:]
        yield held + decoder.flush()

    def texts(self, length: int, stop: Sequence[str] = ()) -> list[str]:
        """All texts, whole."""
        rows = np.array(list(self.tokens(length)), np.int64).reshape(length, len(self.randoms)).T
        written = [self.vocabulary.decode(row) for row in rows]
        return [text[: min((text.find(one) for one in stop if one in text), default=len(text))] for text in written]


def _begun(text: str, stop: Sequence[str]) -> int:
    """Characters at the end that may be the beginning of a stop string."""
    longest = max((len(one) - 1 for one in stop), default=0)
    return max((n for n in range(1, min(longest, len(text)) + 1) if any(one.startswith(text[-n:]) for one in stop)), default=0)


def _unread(network: StepNetwork) -> tuple[Floats, list[Floats]]:
    """Before anything is read every token is as likely."""
    return np.zeros((1, len(network.bias)), np.float32), network.start(1)


def longest_copy(text: str, source: str) -> str:
    """The longest piece of a generated text that stands in the training text letter by letter; of equal ones, the first."""
    best, start = "", 0
    for end in range(1, len(text) + 1):
        while text[start:end] not in source:
            start += 1
        if end - start > len(best):
            best = text[start:end]
    return best
