"""What an agent can do beside what all families can: be watched."""

from __future__ import annotations

from seodang.core.settings import Field, Settings
from seodang.core.verb import Verb


class WatchOptions(Settings):
    """Which episode is watched."""

    seed: int = Field(0, ge=0, lt=2**31, description="where the episode begins; the same seed begins the same one")
    sampled: bool = Field(False, description="act by chance, as in training, instead of doing what it holds for best")
    steps: int | None = Field(
        None, ge=1, le=100_000, description="most steps that are shown; none: the whole episode, or its first 1,000 steps"
    )
    beside: bool = Field(True, description="what the agent expects and chooses, drawn beside each frame")


VERBS = (
    Verb(
        "watch",
        "play one episode and write it as a film",
        WatchOptions,
        out="MP4 or GIF file of the episode",
        suffixes=(".mp4", ".gif"),
    ),
)
