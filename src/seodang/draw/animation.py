"""Pictures one after another, as one file: a GIF that a page plays by itself, or an MP4 film, smaller and in all colours."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from importlib.util import find_spec
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seodang.core.errors import DataError, MissingExtraError, ShapeError

LAST_FRAME = 4  # times as long as the others: what came of it is what one looks at
COLOURS = 256  # that a frame may have
ENCODERS = {"libx264": {"crf": "20", "preset": "veryfast"}, "mpeg4": {"q:v": "3"}}
"""What may encode a film, the best first, and how well: H.264 is played everywhere, but not every FFmpeg has it."""
TICKS = 1000  # parts of a second that the length of a frame is counted in


def gif(frames: Sequence[NDArray[np.uint8]], seconds_a_frame: float) -> bytes:
    """An animated GIF that begins anew for ever; the same bytes for the same frames.

    Args:
        frames: One at least, all of one shape: (height, width) in grey or (height, width, 3) in colour.
        seconds_a_frame: How long each is shown, in steps of a hundredth; the last one four times as long.

    Raises:
        DataError: There is no frame.
        ShapeError: The frames are of different shapes, or neither grey nor in colour.
    """
    _check_frames(frames)
    # A palette for each frame: one for all would spend its colours on the noise of the first.
    small = [Image.fromarray(frame).quantize(COLOURS, dither=Image.Dither.NONE) for frame in frames]
    milliseconds = [max(10, round(100 * seconds_a_frame) * 10)] * len(small)
    milliseconds[-1] *= LAST_FRAME
    encoded = BytesIO()
    small[0].save(encoded, "GIF", save_all=True, append_images=small[1:], duration=milliseconds, loop=0, optimize=False)
    return encoded.getvalue()


def check_mp4() -> None:
    """Whether films can be written. Raises: MissingExtraError: PyAV is not installed."""
    if find_spec("av") is None:
        raise MissingExtraError(
            "An .mp4 needs PyAV, which is not installed: pip install 'seodang[video]'. An animation can be a .gif without it."
        )


def mp4(frames: Sequence[NDArray[np.uint8]], seconds_a_frame: float) -> bytes:
    """A film, in H.264 where FFmpeg has it, else in MPEG-4.

    Colours are averaged over two by two pixels, as players expect it, so height and width are made even: the last row or
    column is shown twice where they are odd.

    Args:
        frames: One at least, all of one shape: (height, width) in grey or (height, width, 3) in colour.
        seconds_a_frame: How long each is shown.

    Raises:
        DataError: There is no frame.
        ShapeError: The frames are of different shapes, or neither grey nor in colour.
        MissingExtraError: PyAV is not installed.
    """
    _check_frames(frames)
    check_mp4()
    import av

    name = next(one for one in ENCODERS if one in av.codecs_available)
    height, width = (side + side % 2 for side in frames[0].shape[:2])
    encoded = BytesIO()
    with av.open(encoded, "w", format="mp4") as film:
        rate = Fraction(TICKS, max(1, round(TICKS * seconds_a_frame)))
        stream: Any = film.add_stream(name, rate=rate, options=ENCODERS[name])
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for frame in frames:
            film.mux(stream.encode(av.VideoFrame.from_ndarray(_even(frame), format="rgb24")))
        film.mux(stream.encode())
    return encoded.getvalue()


def _even(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """In colour, with an even number of rows and columns."""
    colour = frame if frame.ndim == 3 else np.repeat(frame[..., None], 3, 2)
    height, width = colour.shape[:2]
    return np.ascontiguousarray(np.pad(colour, ((0, height % 2), (0, width % 2), (0, 0)), "edge"))


def _check_frames(frames: Sequence[NDArray[np.uint8]]) -> None:
    if not frames:
        raise DataError("An animation needs one frame at least, got none.")
    shape = frames[0].shape
    other = next((frame.shape for frame in frames if frame.shape != shape), None)
    if other is not None:
        raise ShapeError(f"All frames of an animation have one shape, got {shape} and {other}.")
    if len(shape) != 2 and shape[2:] != (3,):
        raise ShapeError(f"A frame is (height, width) or (height, width, 3), got {shape}.")
