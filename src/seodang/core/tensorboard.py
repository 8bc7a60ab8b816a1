"""TensorBoard event files of a training, for those who keep a TensorBoard open.

An event file is a row of records, each a protocol buffer between two checksums. The few fields that a scalar needs are written
here by hand: it takes neither TensorFlow nor a writer thread that could fail unseen.
"""

from __future__ import annotations

import struct
import time
from functools import cache
from pathlib import Path

from seodang.core.files import machine_errors
from seodang.core.trainer import Evaluated, Event, Started, Stepped

CRC32C = 0x82F63B78  # Castagnoli's polynomial, its bits reversed
CRC_MASK = 0xA282EAD8  # TensorFlow's record format adds it, so that a checksum of checksums stays meaningful
SESSION_START = b"\x08\x01"


class TensorBoardLog:
    """An observer of `fit` that writes scalars; a resumed run hides the steps that are taken again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path: Path | None = None

    def __call__(self, event: Event) -> None:
        """Write what the event tells.

        Raises: MachineError: The disk is full, or the folder may not be written to.
        """
        if isinstance(event, Started):
            with machine_errors(self.folder):
                (self.folder / event.stage).mkdir(parents=True, exist_ok=True)
            self.path = self.folder / event.stage / f"events.out.tfevents.{time.time():.6f}.seodang"
            self._append(_bytes(3, b"brain.Event:2"))
            if event.step:
                self._append(_whole(2, event.step) + _bytes(7, SESSION_START))
        elif isinstance(event, Stepped | Evaluated):
            prefix = "training" if isinstance(event, Stepped) else "validation"
            scalars = (_scalar(f"{prefix}/{name}", value) for name, value in event.values.items())
            self._append(_whole(2, event.step) + _bytes(5, b"".join(_bytes(1, scalar) for scalar in scalars)))

    def _append(self, fields: bytes) -> None:
        assert self.path is not None, "Started comes before every other event"
        with machine_errors(self.path), self.path.open("ab") as file:
            file.write(record(struct.pack("<Bd", 1 << 3 | 1, time.time()) + fields))


def record(data: bytes) -> bytes:
    """One record: the length and its checksum, the data and its checksum."""
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", masked_crc(length)) + data + struct.pack("<I", masked_crc(data))


def masked_crc(data: bytes) -> int:
    """CRC-32C of some bytes, turned by 15 bits and shifted by a constant as the record format wants it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _crc_table()[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + CRC_MASK) & 0xFFFFFFFF


@cache
def _crc_table() -> tuple[int, ...]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (CRC32C if value & 1 else 0)
        table.append(value)
    return tuple(table)


def _scalar(tag: str, value: float) -> bytes:
    """A protocol buffer `Summary.Value`: its tag and its number."""
    return _bytes(1, tag.encode()) + struct.pack("<Bf", 2 << 3 | 5, value)


def _bytes(field: int, data: bytes) -> bytes:
    return bytes([field << 3 | 2]) + _varint(len(data)) + data


def _whole(field: int, value: int) -> bytes:
    return bytes([field << 3]) + _varint(value)


def _varint(value: int) -> bytes:
    """A whole number in groups of seven bits, the lowest first."""
    groups = []
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])
