"""Writing on from a prompt, token by token, in one stream or several at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from seodang.core.seeds import mix
from seodang.families.language.sampling import Sampling
from seodang.families.language.stepping import Floats, Steps, read_prompt
from seodang.families.language.tokens import UNKNOWN, StreamDecoder, Vocabulary

RECENT = 256  # tokens that the repetition penalty remembers


class Generator:
    """Several texts written on from one prompt, each with its own random numbers.

    Args:
        network: The trained network, step by step.
        vocabulary: Of its tokens.
        prompt: What the texts go on from; when empty, the first token is drawn as after a line's end, or as after nothing.
        sampling: How to draw.
        seed: The same seed gives the same texts.
        samples: How many.
    """

    def __init__(
        self, network: Steps, vocabulary: Vocabulary, prompt: str, sampling: Sampling, seed: int, samples: int = 1
    ) -> None:
        self.network, self.vocabulary, self.sampling = network, vocabulary, sampling
        self.randoms = [np.random.default_rng(mix(seed, "sample", number)) for number in range(samples)]
        self.prompt = vocabulary.encode(prompt)
        self.recent = [self.prompt[-RECENT:].tolist() for _ in range(samples)]
        read = self.prompt if len(self.prompt) else _line_end(vocabulary)
        logits, state = read_prompt(network, read.astype(np.int64))
        self.logits, self.state = (
            without_unknown(np.repeat(logits, samples, 0), vocabulary),
            [np.repeat(part, samples, 0) for part in state],
        )

    def tokens(self, length: int) -> Iterator[list[int]]:
        """The next token of each text, `length` times."""
        with threadpool_limits(1, user_api="blas"):  # more threads wait for each other longer than a step takes
            for _ in range(length):
                drawn = [
                    self.sampling.draw(logits, random, recent)
                    for logits, random, recent in zip(self.logits, self.randoms, self.recent, strict=True)
                ]
                for recent, token in zip(self.recent, drawn, strict=True):
                    recent.append(token)
                    del recent[:-RECENT]
                yield drawn
                logits, self.state = self.network.step(np.array(drawn), self.state)
                self.logits = without_unknown(logits, self.vocabulary)

    def pieces(self, length: int, stop: Sequence[str] = ()) -> Iterator[str]:
        """The first text, the prompt too, piece by piece as it is written: `length` tokens, or until a stop string begins."""
        writer = Writer(self.vocabulary, self.prompt, stop)
        yield writer.begun
        for token, *_ in self.tokens(length):
            yield writer.push(token)
            if writer.stopped:
                return
        yield writer.finish()

    def texts(self, length: int, stop: Sequence[str] = ()) -> list[str]:
        """All texts, whole, the prompt too."""
        writers = [Writer(self.vocabulary, self.prompt, stop) for _ in self.randoms]
        written = [writer.begun for writer in writers]
        for drawn in self.tokens(length):
            for number, (writer, token) in enumerate(zip(writers, drawn, strict=True)):
                written[number] += "" if writer.stopped else writer.push(token)
            if all(writer.stopped for writer in writers):
                break
        return [text + ("" if writer.stopped else writer.finish()) for text, writer in zip(written, writers, strict=True)]


class Writer:
    """One text as its tokens come: held back as long as a next token could change it or complete a stop string.

    Args:
        vocabulary: Of the tokens.
        prompt: (length,), tokens that come before; stop strings are looked for behind them alone.
        stop: Texts before the first of which the text ends.
    """

    def __init__(self, vocabulary: Vocabulary, prompt: NDArray[np.int32], stop: Sequence[str]) -> None:
        self.decoder = StreamDecoder(vocabulary)
        self.stop = [one for one in stop if one]
        self.held = ""
        self.stopped = False
        self.begun = "".join(map(self.decoder.push, prompt.tolist()))
        """The prompt as far as it is certain: a syllable at its end may get another letter."""

    def push(self, token: int) -> str:
        """What is certain after one more token; it may be empty."""
        return self._released(self.decoder.push(token))

    def finish(self) -> str:
        """What was held back when no more tokens come."""
        return self._released(self.decoder.flush()) + self.held

    def _released(self, more: str) -> str:
        self.held += more
        ends = [place for one in self.stop if (place := self.held.find(one)) >= 0]
        ready = min(ends) if ends else len(self.held) - _begun(self.held, self.stop)
        self.stopped = bool(ends)
        released, self.held = self.held[:ready], "" if ends else self.held[ready:]
        return released


def without_unknown(logits: Floats, vocabulary: Vocabulary) -> Floats:
    """Logits that leave out the unknown token, which stands for no text; changed in place."""
    if vocabulary.kind != "bytes":
        logits[..., UNKNOWN] = -np.inf
    return logits


def _begun(text: str, stop: Sequence[str]) -> int:
    """Characters at the end that may be the beginning of a stop string."""
    longest = max((len(one) - 1 for one in stop), default=0)
    return max((n for n in range(1, min(longest, len(text)) + 1) if any(one.startswith(text[-n:]) for one in stop)), default=0)


def _line_end(vocabulary: Vocabulary) -> NDArray[np.int32]:
    """The token of a line's end, where the vocabulary has one."""
    return vocabulary.encode("" if vocabulary.unknown("\n") else "\n")
