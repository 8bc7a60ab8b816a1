"""dlib's files are read as dlib writes them; anything else is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seodang.core.errors import DataError
from seodang.families.faces.engine.dlib_file import read_layers
from seodang.families.faces.engine.resnet import carried_over, filled


def number(value: int) -> bytes:
    """As dlib packs a whole number: how many bytes follow, with a bit for the sign, then those bytes."""
    size = (abs(value).bit_length() + 7) // 8
    return bytes([size | (0x80 if value < 0 else 0)]) + abs(value).to_bytes(size, "little")


def tensor(values: list[float]) -> bytes:
    return b"".join(map(number, (2, 1, len(values), 1, 1))) + np.array(values, "<f4").tobytes()


def text(word: str) -> bytes:
    return number(len(word)) + word.encode()


def test_layers_are_read_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "net.dat"
    # The first tensor holds bytes that spell the name of a layer: they are numbers, not a layer.
    spelled = np.frombuffer(text("con_4") + b"\0", "<f4").tolist()
    content = b"junk" + text("con_4") + tensor([1.5, -2.0, *spelled]) + text("affine_") + tensor([3.0]) + b"more"
    content += text("fc_2") + number(128) + number(-3) + tensor([0.25, 0.5])
    path.write_bytes(content)
    layers = read_layers(path)
    assert [layer.kind for layer in layers] == ["con", "affine", "fc"]
    np.testing.assert_array_equal(layers[0].parameters[:2], [1.5, -2.0])
    np.testing.assert_array_equal(layers[1].parameters, [3.0])
    np.testing.assert_array_equal(layers[2].parameters, [0.25, 0.5])


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.dat"
    path.write_bytes((text("con_4") + tensor([1.0] * 50))[:-7])
    with pytest.raises(DataError, match=r"net\.dat: ends too soon"):
        read_layers(path)


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.dat"
    path.write_bytes(b"not a network")
    with pytest.raises(DataError, match="found no layer"):
        read_layers(path)
    path.write_bytes(text("con_4") + number(7) + number(1))
    with pytest.raises(DataError, match="a tensor of version 7, expected 2"):
        read_layers(path)


def test_another_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.dat"
    path.write_bytes(text("con_4") + tensor([1.0]))
    with pytest.raises(DataError, match="another network"):
        carried_over(read_layers(path))


def test_maps_are_filled_up_with_noughts_behind() -> None:
    import torch

    maps = filled(torch.ones(1, 1, 1, 2), (2, 2, 3))
    assert maps.tolist() == [[[[1, 1, 0], [0, 0, 0]], [[0, 0, 0], [0, 0, 0]]]]
