"""What a language model can do beside what all families can: write."""

from __future__ import annotations

from seodang.core.settings import Field, Settings
from seodang.core.verb import Verb


class GenerateOptions(Settings):
    """How a text is written on."""

    prompt: str = Field("", description="what the text goes on from")
    length: int = Field(500, ge=1, le=10_000_000, description="tokens to write at most")
    temperature: float = Field(
        0.8, ge=0, le=100, description="below 1 the likely becomes likelier, 0 takes the likeliest always"
    )
    top_k: int | None = Field(None, ge=1, description="draw among so many of the likeliest tokens; none: among all")
    top_p: float = Field(1.0, gt=0, le=1, description="draw among the fewest likeliest tokens with this probability together")
    repetition_penalty: float = Field(
        1.0, ge=0.1, le=10, description="above 1, what stands among the last tokens becomes less likely"
    )
    seed: int = Field(0, ge=0, lt=2**31, description="the same seed writes the same text")
    samples: int = Field(1, ge=1, le=1000, description="how many texts to write at once")
    stop: tuple[str, ...] = Field((), description="end before the first of these texts comes up")
    stream: bool = Field(False, description="show the text as it is written; of one sample")


VERBS = (Verb("generate", "write on from a prompt, token by token", GenerateOptions),)
