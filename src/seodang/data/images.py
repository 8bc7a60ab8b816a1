"""Image files as arrays: every bit of them, the right way up, and a plain reason when one cannot be read."""

from __future__ import annotations

import errno
import struct
import sys
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from PIL.ImageFile import ImageFile

from seodang.core.errors import DataError, MachineError
from seodang.core.files import write_bytes

Pixels = NDArray[Any]
"""(height, width, channels): uint8, uint16 or float32."""

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".gif")
FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF")  # MPO, of many cameras, is opened as JPEG
MOST_PIXELS = 1 << 28
"""Of one image, 268 megapixels: what claims more is refused before anything of it is unpacked."""
_ORIENTATION = 0x0112  # the EXIF tag
_BITS, _PLANAR = 258, 284  # TIFF tags
_GREY_ALPHA = "LA;16B"
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPES = {2: 4, 3: 2, 4: 6}  # of PNG, by the number of channels
_OTHER_HALF = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
_PLAIN_MODES = {"1": "L", "L": "L", "LA": "LA", "RGB": "RGB", "RGBA": "RGBA", "I;16": "I;16", "I;16B": "I;16", "F": "F"}
_DAMAGE = (  # what Pillow raises over files that are not as they should be
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    ArithmeticError,
    AttributeError,
    RuntimeError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
_limit = Lock()


def is_image(path: Path) -> bool:
    """Whether a file is an image by its name; hidden files are none."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def read_image(path: Path) -> Pixels:
    """The pixels of an image, rotated as its EXIF data say.

    Palettes are looked up and other colour spaces become RGB; 16-bit channels stay 16 bits, and transparency is a channel.

    Returns: (height, width, channels), uint8, uint16 or float32.
    Raises:
        DataError: It is no image, damaged, cut short, larger than `MOST_PIXELS`, or several pictures in one file.
        MachineError: It cannot be opened.
    """
    with _opened(path) as image:
        if _sixteen_bits(image) and image.mode in ("RGB", "RGBA", "LA"):
            return _upright(_read_sixteen(path, image), image)
        plain: Image.Image = image
        if image.mode in ("P", "PA"):
            plain = image.convert("RGBA" if "transparency" in image.info or image.mode == "PA" else "RGB")
        elif image.mode not in _PLAIN_MODES and image.mode != "I":
            plain = image.convert("RGB")
        return _upright(_array(plain), image)


@dataclass(frozen=True)
class Drawn:
    """A picture whose values are names rather than light: a mask."""

    values: Pixels
    """(height, width, channels); one channel of places in the palette where there is one."""
    palette: NDArray[np.uint8] | None
    """(entries, 3)."""
    lossy: bool
    """Whether the format blurs values: JPEG."""


def read_drawn(path: Path) -> Drawn:
    """A mask as it was drawn: places in a palette are not looked up. Raises as `read_image` does."""
    with _opened(path) as image:
        lossy = image.format in ("JPEG", "MPO")
        if image.mode == "P":
            colours = np.array(image.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
            return Drawn(_upright(_array(image), image), colours, lossy)
    return Drawn(read_image(path), None, lossy)


def write_png(path: Path, pixels: Pixels) -> None:
    """Write an image as PNG, whole or not at all; see `png_bytes`.

    Raises: MachineError: The disk is full, or the folder may not be written to.
    """
    write_bytes(path, png_bytes(pixels))


def png_bytes(pixels: Pixels) -> bytes:
    """An image of uint8 or uint16 as the bytes of a PNG file.

    Args: pixels: (height, width) or (height, width, 1 to 4): grey, grey and transparency, colours, colours and transparency.
    """
    if pixels.dtype == np.uint16 and pixels.ndim == 3 and pixels.shape[2] > 1:
        return _sixteen_bit_png(pixels)
    encoded = BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels).save(encoded, "PNG")
    return encoded.getvalue()


def _sixteen_bit_png(pixels: Pixels) -> bytes:
    """Several channels of 16 bits, which Pillow does not write: the PNG specification, third edition, sections 5 and 9."""
    height, width, channels = pixels.shape
    rows = np.ascontiguousarray(pixels.astype(">u2")).view(np.uint8).reshape(height, -1)
    # Each row as its difference to the row above (filter 2), which neighbours make small and easy to compress.
    filtered = np.empty((height, 1 + rows.shape[1]), np.uint8)
    filtered[:, 0] = 2
    filtered[0, 1:] = rows[0]
    filtered[1:, 1:] = rows[1:] - rows[:-1]
    header = struct.pack(">IIBBBBB", width, height, 16, _COLOUR_TYPES[channels], 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(filtered.tobytes())), (b"IEND", b""))
    return _PNG_SIGNATURE + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


@contextmanager
def _opened(path: Path) -> Iterator[ImageFile]:
    """An image whose size is bearable; whatever is wrong with it, now or while it is read, as an error of ours."""
    name = path.name
    try:
        with _quiet, _header(path) as image:
            _check_size(path, image)
            _check_kind(path, image)
            yield image
    except DataError:
        raise
    except UnidentifiedImageError as error:
        raise DataError(f"{name} {_what_instead(path)}") from error
    except _DAMAGE as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):  # a place before the file's beginning
            raise MachineError(f"{path} cannot be read: {error.strerror}") from error
        raise DataError(f"{name} is damaged or cut short ({error}); copy or export it again") from error


class _Quiet:
    """No warnings of damaged EXIF data, which are of no use to us, while any thread reads an image.

    `warnings.catch_warnings` alone holds for the whole process: threads that leave it in another order than they came leave
    warnings off for good.
    """

    def __init__(self) -> None:
        self.lock, self.readers, self.silence = Lock(), 0, warnings.catch_warnings()

    def __enter__(self) -> None:
        with self.lock:
            if self.readers == 0:
                self.silence = warnings.catch_warnings()
                self.silence.__enter__()
                warnings.simplefilter("ignore")
            self.readers += 1

    def __exit__(self, *raised: object) -> None:
        with self.lock:
            self.readers -= 1
            if self.readers == 0:
                self.silence.__exit__(None, None, None)


_quiet = _Quiet()


def _header(path: Path) -> ImageFile:
    """An image of which nothing is unpacked yet.

    Pillow refuses images above a limit of its own, which holds for the whole process; ours is held in `_check_size`.
    """
    with _limit:
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            image = Image.open(path, formats=FORMATS)
            image.filename = ""  # files with a name are mapped into memory, which garbles TIFF that lies on its side
            return image
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _check_size(path: Path, image: ImageFile) -> None:
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise DataError(
            f"{path.name} claims {width:,} x {height:,} pixels in a file of {path.stat().st_size:,} bytes; at most "
            f"{MOST_PIXELS / 1e6:.0f} megapixels are read. Cut it into pieces, or remove it if it is a decompression bomb"
        )
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":  # whose other frames are previews
        raise DataError(f"{path.name} holds {frames} pictures; save the one that is meant as a file of its own")


def _check_kind(path: Path, image: ImageFile) -> None:
    """Pillow reads one byte of two of such files, and does not say so."""
    tags = getattr(image, "tag_v2", {})
    if tags.get(_PLANAR) == 2 and max(tags.get(_BITS, (8,))) > 8:
        raise DataError(
            f"{path.name} is a 16-bit TIFF of one plane a channel, which is not read; save it with channels interleaved"
        )


def _what_instead(path: Path) -> str:
    if path.stat().st_size == 0:
        return "is empty: expected an image, got 0 bytes"
    with path.open("rb") as file:
        start = file.read(16)
    if start[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypavif"):
        return "is a HEIC or AVIF image, which is not read; save it as PNG or JPEG"
    if start.startswith(b"%PDF"):
        return "is a PDF document; save its pictures as PNG"
    if start[:4] in (b"II*\0", b"MM\0*"):
        return "is cut short, or a kind of TIFF that is not read; save it again with 8 or 16 bits a channel, or as PNG"
    return "is no image that can be read (PNG, JPEG, TIFF, WebP, BMP, GIF), or its beginning is damaged"


def _sixteen_bits(image: ImageFile) -> bool:
    if image.mode.startswith("I;16"):
        return True
    arguments = image.tile[0][3] if image.tile else ""
    raw = arguments if isinstance(arguments, str) else next((part for part in arguments or () if isinstance(part, str)), "")
    return ";16" in raw


def _read_sixteen(path: Path, image: ImageFile) -> Pixels:
    """Both bytes of every channel: Pillow keeps one of them, the higher, so the file is read again as if turned round."""
    higher = _array(image)
    with _header(path) as again:
        if again.tile[0].args == _GREY_ALPHA:  # has no other order, but as many bytes as four channels of one
            again.tile = [tile._replace(args="RGBA") for tile in again.tile]
            higher, lower = np.split(_array(again)[:, :, [0, 2, 1, 3]], 2, 2)
        else:
            again.tile = [tile._replace(args=_turned(tile.args)) for tile in again.tile]
            lower = _array(again)
    whole: Pixels = higher.astype(np.uint16) << 8 | lower
    return whole


def _turned(arguments: Any) -> Any:
    """The raw mode of a decoder with its bytes in the other order: RGB;16B becomes RGB;16L."""
    if isinstance(arguments, tuple):
        return tuple(_turned(part) if isinstance(part, str) and ";16" in part else part for part in arguments)
    return arguments[:-1] + _OTHER_HALF[arguments[-1]]


def _array(image: Image.Image) -> Pixels:
    pixels = np.asarray(image)
    if pixels.dtype == bool:
        pixels = pixels.astype(np.uint8) * 255
    elif image.mode == "I":  # 32 bits; what needs no more than 16 is kept so
        small = pixels.size and pixels.min() >= 0 and pixels.max() < 1 << 16
        pixels = pixels.astype(np.uint16 if small else np.float32)
    elif pixels.dtype.kind == "u" and pixels.dtype.itemsize == 2:
        pixels = pixels.astype(np.uint16)  # in the machine's own order of bytes
    return pixels[:, :, None] if pixels.ndim == 2 else pixels


def _upright(pixels: Pixels, image: Image.Image) -> Pixels:
    """Rotated and mirrored as the EXIF data ask, which Pillow has done already where it empties them."""
    turn = image.getexif().get(_ORIENTATION, 1)
    if turn in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
    if turn in (2, 6, 3, 7):
        pixels = pixels[:, ::-1]
    if turn in (4, 8, 3, 7):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def with_channels(pixels: Pixels, channels: int) -> Pixels:
    """An image with as many channels as are wanted.

    Transparency is left out, grey is repeated for colours, and colours are averaged for grey.

    Raises: DataError: It has other channels than grey and colours, and another number of them.
    """
    have = pixels.shape[2]
    if have == channels:
        return pixels
    if have in (2, 4):
        return with_channels(pixels[:, :, : have - 1], channels)
    if have == 1 and channels == 3:
        return np.repeat(pixels, 3, 2)
    if have == 3 and channels == 1:
        grey: Pixels = pixels.mean(2, keepdims=True).astype(pixels.dtype)
        return grey
    raise DataError(f"an image of {have} channels where {channels} are expected")
