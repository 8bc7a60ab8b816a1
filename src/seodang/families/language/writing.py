"""The verb `generate`: texts written on from a prompt, and how much of them is copied from the training text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from seodang.core.errors import DataError, SettingsError
from seodang.core.values import Text
from seodang.families.language.copies import longest_copy
from seodang.families.language.data import LanguageData
from seodang.families.language.predictor import LanguagePredictor, unseen
from seodang.families.language.sampling import Sampling
from seodang.families.language.tokens import Vocabulary
from seodang.families.language.verbs import GenerateOptions

SHOWN = 60  # characters of a copied piece that a note shows


@dataclass(frozen=True)
class Written(Text):
    """A text that a model wrote, the prompt at its beginning."""

    note: str | None = None
    """How much of it is copied."""
    copied: str | None = None
    """The longest piece behind the prompt that stands in the training text; None where nothing could be compared."""


def generate(
    predictor: LanguagePredictor, data: Callable[[], LanguageData | None], options: GenerateOptions
) -> list[Written] | Iterator[str | Written]:
    """Texts written on from a prompt.

    Args:
        predictor: The trained model.
        data: Reads the training text again, to look for copies; None when it is gone.
        options: Prompt, length, how to draw.

    Returns: The texts; or with `stream` the pieces of one as they are written, and a note at the end.
    Raises:
        DataError: The prompt holds what the model never saw.
        SettingsError: Several samples cannot be streamed.
    """
    refuse_unseen(options.prompt, predictor.vocabulary)
    if options.stream and options.samples > 1:
        raise SettingsError(
            f"{{stream}} shows one text as it is written, got {{samples}} {options.samples}; leave out one of the two.",
            settings=("stream", "samples"),
            value=options.samples,
        )
    if options.stream:
        return _streamed(predictor, data, options)
    writer = predictor.generator(options.prompt, _sampling(options), options.seed, options.samples)
    texts = writer.texts(options.length, options.stop)
    learned, begun = data(), _decoded(options.prompt, predictor.vocabulary)
    return [_written(text, begun, learned) for text in texts]


def refuse_unseen(prompt: str, vocabulary: Vocabulary) -> None:
    """Raises: DataError: The prompt holds tokens that are not in the vocabulary; names them."""
    reason = unseen(prompt, vocabulary)
    if reason:
        raise DataError(f"{{prompt}}: {reason}; leave them out.", settings=("prompt",))


def _streamed(
    predictor: LanguagePredictor, data: Callable[[], LanguageData | None], options: GenerateOptions
) -> Iterator[str | Written]:
    text = ""
    writer = predictor.generator(options.prompt, _sampling(options), options.seed)
    for piece in filter(None, writer.pieces(options.length, options.stop)):
        text += piece
        yield piece
    yield _written(text, _decoded(options.prompt, predictor.vocabulary), data())


def _decoded(prompt: str, vocabulary: Vocabulary) -> str:
    """The prompt as it stands in the text: of words, white space may differ."""
    return vocabulary.decode(vocabulary.encode(prompt))


def _sampling(options: GenerateOptions) -> Sampling:
    return Sampling(options.temperature, options.top_k, options.top_p, options.repetition_penalty)


def _written(text: str, prompt: str, learned: LanguageData | None) -> Written:
    if learned is None:
        return Written(text, "the training text is gone, so copies cannot be looked for")
    own = text[len(prompt) :]
    if not own:
        return Written(text, "nothing was written: a stop string came first")
    copied = longest_copy(own, learned.parts["train"] + learned.parts["validation"])
    shown = repr(copied if len(copied) <= SHOWN else copied[: SHOWN - 1] + "…")
    note = f"longest piece copied from the training text: {len(copied):,} of {len(own):,} characters, {shown}"
    return Written(text, note, copied)
