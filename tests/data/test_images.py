"""Image files: every bit of what was written, the right way up, and one clear line about what cannot be read."""

from __future__ import annotations

import os
import struct
import warnings
import zlib
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from seodang.core.errors import DataError, MachineError
from seodang.data import images
from seodang.data.images import is_image, read_drawn, read_image, with_channels, write_png

HEIGHT, WIDTH = 5, 7
PNG_COLOURS = {1: 0, 2: 4, 3: 2, 4: 6}  # channels to the format's colour type
ORIENTATION = 0x0112


def noise(channels: int, kind: str = "u1", height: int = HEIGHT, width: int = WIDTH) -> NDArray[Any]:
    """Every bit of every channel at random."""
    bits = 8 * np.dtype(kind).itemsize
    return np.random.default_rng(channels).integers(0, 1 << bits, (height, width, channels)).astype(kind)


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(pixels: NDArray[Any], claimed: tuple[int, int] | None = None) -> bytes:
    """A PNG of 8 or 16 bits a channel, built by hand: Pillow writes no 16-bit colours."""
    width, height = claimed or (pixels.shape[1], pixels.shape[0])
    header = struct.pack(">IIBBBBB", width, height, 8 * pixels.dtype.itemsize, PNG_COLOURS[pixels.shape[2]], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(row.dtype.newbyteorder(">")).tobytes() for row in pixels)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def tiff(pixels: NDArray[Any], order: str = "<", planar: bool = False, orientation: int = 1) -> bytes:
    """An uncompressed TIFF of one strip (or one a channel), built by hand."""
    height, width, channels = pixels.shape
    planes = pixels.transpose(2, 0, 1) if planar else pixels[None]
    strips = [plane.astype(plane.dtype.newbyteorder(order)).tobytes() for plane in planes]
    short, long = "H", "I"
    tags: dict[int, tuple[str, Sequence[int]]] = {
        256: (long, [width]),
        257: (long, [height]),
        258: (short, [8 * pixels.dtype.itemsize] * channels),
        259: (short, [1]),
        262: (short, [2 if channels > 2 else 1]),
        273: (long, [0] * len(strips)),
        274: (short, [orientation]),
        277: (short, [channels]),
        278: (long, [height]),
        279: (long, [len(strip) for strip in strips]),
        284: (short, [2 if planar else 1]),
        339: (short, [{"u": 1, "f": 3}[pixels.dtype.kind]] * channels),
    }
    if channels == 4:
        tags[338] = (short, [2])
    first = 8 + 2 + 12 * len(tags) + 4
    pixels_at = first + sum(len(values) * struct.calcsize(kind) for kind, values in tags.values() if _far(kind, values))
    tags[273] = (long, [pixels_at + sum(map(len, strips[:number])) for number in range(len(strips))])
    table, far = b"", b""
    for tag, (kind, values) in sorted(tags.items()):
        content = struct.pack(f"{order}{len(values)}{kind}", *values)
        entry = struct.pack(f"{order}HHI", tag, 3 if kind == short else 4, len(values))
        table += entry + (struct.pack(f"{order}I", first + len(far)) if _far(kind, values) else content.ljust(4, b"\0"))
        far += content if _far(kind, values) else b""
    mark = b"II" if order == "<" else b"MM"
    head = mark + struct.pack(f"{order}HIH", 42, 8, len(tags))
    return head + table + struct.pack(f"{order}I", 0) + far + b"".join(strips)


def _far(kind: str, values: Sequence[int]) -> bool:
    return len(values) * struct.calcsize(kind) > 4


def saved(pixels: NDArray[Any], kind: str, mode: str | None = None, **options: Any) -> bytes:
    encoded = BytesIO()
    squeezed = pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
    image = Image.fromarray(squeezed)
    (image.convert(mode) if mode else image).save(encoded, kind, **options)
    return encoded.getvalue()


def put(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("kind", ["u1", "u2"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_bit_for_bit(channels: int, kind: str, tmp_path: Path) -> None:
    pixels = noise(channels, kind)
    found = read_image(put(tmp_path, "a.png", png(pixels)))
    assert found.dtype == pixels.dtype
    np.testing.assert_array_equal(found, pixels)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["u1", "u2"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_tiff_bit_for_bit_in_either_order_of_bytes(channels: int, kind: str, order: str, tmp_path: Path) -> None:
    pixels = noise(channels, kind)
    found = read_image(put(tmp_path, "a.tif", tiff(pixels, order)))
    assert found.dtype == np.dtype(kind)
    np.testing.assert_array_equal(found, pixels)


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits"])
@pytest.mark.parametrize(("channels", "kind"), [(1, "u1"), (3, "u1"), (1, "u2")])
def test_compressed_tiff(channels: int, kind: str, compression: str, tmp_path: Path) -> None:
    pixels = noise(channels, kind)
    found = read_image(put(tmp_path, "a.tiff", saved(pixels, "TIFF", compression=compression)))
    assert found.dtype == np.dtype(kind)
    np.testing.assert_array_equal(found, pixels)


def test_tiff_of_planes(tmp_path: Path) -> None:
    pixels = noise(3)
    np.testing.assert_array_equal(read_image(put(tmp_path, "a.tif", tiff(pixels, planar=True))), pixels)
    with pytest.raises(
        DataError, match=r"b\.tif is a 16-bit TIFF of one plane a channel, which is not read; save it with chann"
    ):
        read_image(put(tmp_path, "b.tif", tiff(noise(3, "u2"), planar=True)))


def test_float_tiff(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).normal(0, 1e3, (HEIGHT, WIDTH, 1)).astype(np.float32)
    found = read_image(put(tmp_path, "a.tif", tiff(pixels)))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, pixels)
    with pytest.raises(DataError, match=r"b\.tif is cut short, or a kind of TIFF that is not read; save it again with 8 or"):
        read_image(put(tmp_path, "b.tif", tiff(np.repeat(pixels, 3, 2))))


@pytest.mark.parametrize(("dtype", "largest", "wanted"), [("u4", 65_535, "uint16"), ("u4", 65_536, "float32")])
def test_32_bits_are_as_few_as_will_do(dtype: str, largest: int, wanted: str, tmp_path: Path) -> None:
    pixels = np.arange(HEIGHT * WIDTH, dtype=dtype).reshape(HEIGHT, WIDTH, 1)
    pixels[2, 3] = largest
    found = read_image(put(tmp_path, "a.tif", tiff(pixels)))
    assert found.dtype.name == wanted
    np.testing.assert_array_equal(found, pixels)


@pytest.mark.parametrize(
    ("name", "kind", "options"), [("a.webp", "WEBP", {"lossless": True}), ("a.bmp", "BMP", {}), ("a.PNG", "PNG", {})]
)
def test_other_formats_without_loss(name: str, kind: str, options: dict[str, Any], tmp_path: Path) -> None:
    pixels = noise(3)
    path = put(tmp_path, name, saved(pixels, kind, **options))
    assert is_image(path)
    np.testing.assert_array_equal(read_image(path), pixels)


@pytest.mark.parametrize(("name", "kind"), [("a.jpg", "JPEG"), ("a.jpeg", "MPO"), ("a.webp", "WEBP")])
def test_formats_with_loss(name: str, kind: str, tmp_path: Path) -> None:
    smooth = np.tile(np.linspace(20, 200, 32, dtype=np.uint8)[:, None, None], (1, 32, 3))
    found = read_image(put(tmp_path, name, saved(smooth, kind, quality=95)))
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - smooth).max() < 10  # what compression leaves of so smooth a picture


def test_files_that_are_no_images_by_name() -> None:
    names = ["a.png", "b.TIF", ".c.png", "d.txt", "png", "e.heic"]
    assert [name for name in names if is_image(Path(name))] == ["a.png", "b.TIF"]


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_palette_is_looked_up_in_images_and_not_in_masks(kind: str, tmp_path: Path) -> None:
    places = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)
    image = Image.frombytes("P", (3, 2), places.tobytes())
    colours = [10, 20, 30, 200, 100, 50, 0, 0, 255]
    image.putpalette(colours)
    for name, options, channels in (("a", {}, 3), ("b", {"transparency": 1}, 4)):
        path = tmp_path / f"{name}.{kind.lower()}"
        image.save(path, kind, **options)
        found = read_image(path)
        np.testing.assert_array_equal(found[:, :, :3], np.array(colours, np.uint8).reshape(3, 3)[places])
        assert found.shape == (2, 3, channels)
        if channels == 4:
            np.testing.assert_array_equal(found[:, :, 3], np.where(places == 1, 0, 255))
        drawn = read_drawn(path)
        assert drawn.palette is not None
        np.testing.assert_array_equal(drawn.palette[:3].ravel(), colours)
        np.testing.assert_array_equal(drawn.values[:, :, 0], places)


def test_one_bit(tmp_path: Path) -> None:
    black_and_white = noise(1)[:, :, 0] > 127
    for kind in ("png", "tif", "bmp"):
        path = tmp_path / f"a.{kind}"
        Image.fromarray(black_and_white).save(path)
        np.testing.assert_array_equal(read_drawn(path).values[:, :, 0] > 0, black_and_white)
        np.testing.assert_array_equal(np.unique(read_image(path)), [0, 255])


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    ink = np.zeros((2, 2, 4), np.uint8)
    ink[0, 0] = 0, 255, 255, 0  # magenta and yellow are red
    path = tmp_path / "a.tif"
    Image.frombytes("CMYK", (2, 2), ink.tobytes()).save(path)
    np.testing.assert_array_equal(read_image(path)[0], [[255, 0, 0], [255, 255, 255]])


def turned(upright: NDArray[Any], orientation: int) -> NDArray[Any]:
    """How a camera that is held so stores an upright picture: the inverse of the table in EXIF 2.32, 4.6.4 A."""
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.swapaxes(0, 1),
        6: np.rot90(upright),
        7: upright[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(upright, -1),
    }[orientation]
    return np.ascontiguousarray(stored)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("kind", "options"), [("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {}), ("JPEG", {"quality": 95})]
)
def test_all_orientations_stand_upright(kind: str, options: dict[str, Any], orientation: int, tmp_path: Path) -> None:
    corners = np.array([[[250, 0, 0], [0, 250, 0], [0, 0, 250]], [[250] * 3, [120] * 3, [0] * 3]], np.uint8)
    upright = corners.repeat(16, 0).repeat(16, 1)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    stored = saved(turned(upright, orientation), kind, exif=exif, **options)
    found = read_image(put(tmp_path, f"a.{kind.lower()}", stored))
    assert found.shape == upright.shape
    middles = found[8::16, 8::16].astype(int)  # of the six fields, where JPEG blurs least
    assert np.abs(middles - corners).max() <= (12 if kind == "JPEG" else 0)
    drawn = read_drawn(tmp_path / f"a.{kind.lower()}")
    np.testing.assert_array_equal(drawn.values, found)
    assert drawn.lossy == (kind == "JPEG")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("channels", "kind"), [(1, "u1"), (1, "u2"), (3, "u2"), (4, "u1")])
def test_tiff_bits_stand_upright(channels: int, kind: str, orientation: int, tmp_path: Path) -> None:
    upright = noise(channels, kind)
    stored = tiff(turned(upright, orientation), orientation=orientation)
    np.testing.assert_array_equal(read_image(put(tmp_path, "a.tif", stored)), upright)


def test_palette_lies_the_right_way_up(tmp_path: Path) -> None:
    places = np.array([[0, 1, 2], [2, 2, 2]], np.uint8)
    image = Image.frombytes("P", (2, 3), turned(places, 6).tobytes())
    image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    image.save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_drawn(tmp_path / "a.png").values[:, :, 0], places)


@pytest.mark.parametrize("read", [read_image, read_drawn])
def test_decompression_bomb_is_not_unpacked(read: Any, tmp_path: Path) -> None:
    path = put(tmp_path, "bomb.png", png(noise(1), claimed=(30_000, 30_000)))
    message = (
        r"bomb\.png claims 30,000 x 30,000 pixels in a file of \d+ bytes; at most 268 megapixels are read\. Cut it into pieces"
    )
    with pytest.raises(DataError, match=message):
        read(path)


def test_large_images_within_our_limit_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)  # Pillow's own, which stays as it was
    path = put(tmp_path, "a.png", png(noise(1)))
    assert read_image(path).shape == (HEIGHT, WIDTH, 1)
    assert Image.MAX_IMAGE_PIXELS == 10


PICTURE = noise(3, height=24, width=20)
WHOLE = {
    "a.png": png(PICTURE),
    "b.png": png(noise(3, "u2", 24, 20)),
    "c.png": png(noise(2, "u2", 24, 20)),
    "d.tif": tiff(PICTURE),
    "e.tif": tiff(noise(3, "u2", 24, 20), ">"),
    "f.tif": saved(PICTURE, "TIFF", compression="tiff_adobe_deflate"),
    "g.jpg": saved(PICTURE, "JPEG"),
    "h.webp": saved(PICTURE, "WEBP", lossless=True),
    "i.bmp": saved(PICTURE, "BMP"),
    "j.gif": saved(PICTURE, "GIF"),
}


@pytest.mark.parametrize("name", WHOLE)
def test_files_cut_short(name: str, tmp_path: Path) -> None:
    whole = WHOLE[name]
    refused = 0
    cuts = np.unique(np.linspace(1, len(whole) - 1, 60, dtype=int))
    for cut in cuts:
        path = put(tmp_path, name, whole[:cut])
        for read in (read_image, read_drawn):
            try:
                read(path)
            except DataError as error:
                refused += 1
                assert str(error).startswith(f"{name} is ")
                assert "\n" not in str(error)
    assert refused >= 2 * len(cuts) - 6  # the last bytes may be a mere end mark
    with pytest.raises(
        DataError, match=rf"^{name} is (damaged or cut short \(.+\); copy or export it|cut short, .*; save it) again"
    ):
        read_image(put(tmp_path, name, whole[: len(whole) * 3 // 4]))


@pytest.mark.parametrize("name", WHOLE)
def test_files_with_wrong_bytes_are_read_or_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MOST_PIXELS", 1 << 16)  # wrong bytes may claim any size, and what we take takes its time
    random = np.random.default_rng(0)
    path = tmp_path / name
    refused = 0
    for _ in range(60):
        damaged = bytearray(WHOLE[name])
        for place in random.integers(0, min(len(damaged), 200), 3):
            damaged[place] = random.integers(256)
        path.write_bytes(damaged)
        try:
            read_image(path)
        except DataError:
            refused += 1
    assert refused > 0


def test_damaged_exif_is_no_damage(tmp_path: Path) -> None:
    pixels = noise(1)
    exif = b"Exif\0\0II*\0\x08\0\0\0" + b"\xff" * 30
    damaged = saved(pixels, "JPEG", quality=95, exif=exif)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_image(put(tmp_path, "a.jpg", damaged)).shape == pixels.shape


def test_threads_that_read_leave_warnings_on(tmp_path: Path) -> None:
    path = put(tmp_path, "a.png", png(noise(3)))
    before = list(warnings.filters)
    first, second = images._opened(path), images._opened(path)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    second.__exit__(None, None, None)  # the order of two threads of which the first is done first
    assert list(warnings.filters) == before


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.png", b"", r"^a\.png is empty: expected an image, got 0 bytes$"),
        (
            "b.png",
            b"this is a text\n" * 9,
            r"^b\.png is no image that can be read \(PNG, JPEG, TIFF, WebP, BMP, GIF\), or its beg",
        ),
        (
            "c.jpg",
            b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
            r"^c\.jpg is a HEIC or AVIF image, which is not read; save it as PNG or",
        ),
        ("d.png", b"%PDF-1.7\n" + b"x" * 40, r"^d\.png is a PDF document; save its pictures as PNG$"),
        ("e.tif", b"II*\0\x08\0\0\0\0\0\0\0\0\0", r"^e\.tif is cut short, or a kind of TIFF that is not read; save it"),
    ],
)
def test_what_is_no_image(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    path = put(tmp_path, name, content)
    for read in (read_image, read_drawn):
        with pytest.raises(DataError, match=message):
            read(path)


@pytest.mark.parametrize(("name", "kind"), [("a.gif", "GIF"), ("a.tif", "TIFF"), ("a.webp", "WEBP"), ("a.png", "PNG")])
def test_several_pictures_in_one_file(name: str, kind: str, tmp_path: Path) -> None:
    frames = [Image.fromarray(noise(3, height=4 + number, width=4 + number)) for number in range(3)]
    frames = frames if kind == "TIFF" else [frame.resize((6, 6)) for frame in frames]
    frames[0].save(tmp_path / name, kind, save_all=True, append_images=frames[1:])
    with pytest.raises(DataError, match=rf"^{name} holds 3 pictures; save the one that is meant as a file of its own$"):
        read_image(tmp_path / name)


def test_files_the_machine_refuses(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=r"absent\.png cannot be read: No such file or directory"):
        read_image(tmp_path / "absent.png")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(MachineError, match=r"folder\.png cannot be read: Is a directory"):
        read_image(tmp_path / "folder.png")


def test_missing_permission(tmp_path: Path) -> None:
    path = put(tmp_path, "a.png", png(noise(1)))
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    with pytest.raises(MachineError, match=r"a\.png cannot be read: Permission denied"):
        read_image(path)


@pytest.mark.parametrize(
    ("shape", "kind"),
    [((5, 7), "u1"), ((5, 7, 1), "u1"), ((5, 7, 3), "u1"), ((5, 7, 4), "u1"), ((5, 7), "u2"), ((5, 7, 1), "u2")],
)
def test_written_png_reads_back(shape: tuple[int, ...], kind: str, tmp_path: Path) -> None:
    pixels = noise(shape[2] if len(shape) == 3 else 1, kind).reshape(shape)
    write_png(tmp_path / "a.png", pixels)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), pixels.reshape(5, 7, -1))


def test_png_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_png(tmp_path / "a.png", noise(1))
    before = (tmp_path / "a.png").read_bytes()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    for name in ("a.png", "b.png"):
        with pytest.raises(MachineError, match=rf"{name}: the disk is full; free some space\."):
            write_png(tmp_path / name, noise(3))
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == before


def test_png_into_no_folder(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=r"there is no such folder; make it first"):
        write_png(tmp_path / "absent" / "a.png", noise(1))


@pytest.mark.parametrize(("have", "wanted"), [(1, 1), (2, 1), (3, 1), (4, 1), (1, 3), (2, 3), (3, 3), (4, 3), (6, 6)])
def test_channels_by_rule(have: int, wanted: int) -> None:
    pixels = noise(have, "u2")
    found = with_channels(pixels, wanted)
    light = pixels[:, :, : {2: 1, 4: 3}.get(have, have)]  # without transparency
    if light.shape[2] == 3 and wanted == 1:
        light = light.astype(np.float64).sum(2, keepdims=True) // 3
    elif light.shape[2] == 1 and wanted == 3:
        light = np.concatenate([light] * 3, 2)
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found, light)


@pytest.mark.parametrize(("have", "wanted"), [(5, 3), (3, 5), (1, 4), (6, 1)])
def test_channels_that_mean_something_else(have: int, wanted: int) -> None:
    with pytest.raises(DataError, match=f"an image of {have} channels? where {wanted} are expected"):
        with_channels(noise(have), wanted)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_what_is_written_as_png_is_read_again_to_the_last_bit(tmp_path: Path, channels: int, kind: type) -> None:
    random = np.random.default_rng(0)
    pixels = random.integers(0, np.iinfo(kind).max, (7, 5, channels), dtype=kind, endpoint=True)
    write_png(tmp_path / "image.png", pixels)
    found = read_image(tmp_path / "image.png")
    assert found.dtype == kind
    np.testing.assert_array_equal(found, pixels)
