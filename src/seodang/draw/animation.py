"""Pictures one after another, as one file that a web page plays by itself."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seodang.core.errors import DataError, ShapeError

LAST_FRAME = 4  # times as long as the others: what came of it is what one looks at
COLOURS = 256  # that a frame may have


def gif(frames: Sequence[NDArray[np.uint8]], seconds_a_frame: float) -> bytes:
    """An animated GIF that begins anew for ever; the same bytes for the same frames.

    Args:
        frames: One at least, all of one shape: (height, width) in grey or (height, width, 3) in colour.
        seconds_a_frame: How long each is shown, in steps of a hundredth; the last one four times as long.

    Raises:
        DataError: There is no frame.
        ShapeError: The frames are of different shapes, or neither grey nor in colour.
    """
    if not frames:
        raise DataError("An animation needs one frame at least, got none.")
    shape = frames[0].shape
    other = next((frame.shape for frame in frames if frame.shape != shape), None)
    if other is not None:
        raise ShapeError(f"All frames of an animation have one shape, got {shape} and {other}.")
    if len(shape) != 2 and shape[2:] != (3,):
        raise ShapeError(f"A frame is (height, width) or (height, width, 3), got {shape}.")
    # A palette for each frame: one for all would spend its colours on the noise of the first.
    small = [Image.fromarray(frame).quantize(COLOURS, dither=Image.Dither.NONE) for frame in frames]
    milliseconds = [max(10, round(100 * seconds_a_frame) * 10)] * len(small)
    milliseconds[-1] *= LAST_FRAME
    encoded = BytesIO()
    small[0].save(encoded, "GIF", save_all=True, append_images=small[1:], duration=milliseconds, loop=0, optimize=False)
    return encoded.getvalue()
