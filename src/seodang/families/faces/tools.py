"""What can be done with faces without training: declared here, done in the files that are imported when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seodang.core.verb import Tool
from seodang.families.faces import options

if TYPE_CHECKING:
    from collections.abc import Iterator


def _detect(chosen: options.DetectOptions) -> Iterator[Any]:
    from seodang.families.faces.detecting import detect

    return detect(chosen)


PICTURE = "PNG file of the photo with what was found; a folder where there are several photos"
TOOLS = (
    Tool(
        "detect", "find faces, each with a box and five landmarks", options.DetectOptions, _detect, "photos", "PHOTO", PICTURE
    ),
)
