"""Event files that TensorBoard reads."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from seodang.core.errors import MachineError
from seodang.core.tensorboard import TensorBoardLog, masked_crc, record
from seodang.core.trainer import Evaluated, Finished, Started, Stepped


def write(folder: Path, first_step: int = 0) -> None:
    log = TensorBoardLog(folder)
    log(Started("train", first_step, 200, 2))
    log(Stepped("train", first_step + 10, 200, 0.1, {"loss": 0.5, "norm": 2.0}, 1.0, 1.0))
    log(Evaluated("train", first_step + 100, 1, {"accuracy": 0.75}, True))
    log(Finished("train", first_step + 100, 1, "", True))


def records(path: Path) -> list[bytes]:
    """The format by its definition: length, checksum, data, checksum."""
    data, found = path.read_bytes(), []
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        assert struct.unpack("<I", data[8:12]) == (masked_crc(data[:8]),)
        assert struct.unpack("<I", data[12 + length : 16 + length]) == (masked_crc(data[12 : 12 + length]),)
        found.append(data[12 : 12 + length])
        data = data[16 + length :]
    return found


def test_checksum_of_the_standard_example() -> None:
    """CRC-32C of thirty-two zero bytes is 8a9136aa (RFC 3720, B.4); the mask is TensorFlow's."""
    crc = 0x8A9136AA
    assert masked_crc(bytes(32)) == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def test_records_are_whole(tmp_path: Path) -> None:
    write(tmp_path)
    (path,) = (tmp_path / "train").iterdir()
    assert path.name.startswith("events.out.tfevents.")
    assert len(records(path)) == 3
    assert record(b"abc")[12:15] == b"abc"


def test_tensorboard_reads_the_scalars(tmp_path: Path) -> None:
    event_pb2 = pytest.importorskip("tensorboard.compat.proto.event_pb2")
    write(tmp_path, first_step=300)
    (path,) = (tmp_path / "train").iterdir()
    events = [event_pb2.Event.FromString(data) for data in records(path)]
    assert events[0].file_version == "brain.Event:2"
    assert events[1].step == 300 and events[1].session_log.status == event_pb2.SessionLog.START  # hides steps taken again
    assert [(e.step, {v.tag: v.simple_value for v in e.summary.value}) for e in events[2:]] == [
        (310, {"training/loss": 0.5, "training/norm": 2.0}),
        (400, {"validation/accuracy": 0.75}),
    ]
    assert all(abs(e.wall_time - events[0].wall_time) < 60 for e in events)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "tensorboard").write_text("")
    with pytest.raises(MachineError, match="in the way"):
        write(tmp_path / "tensorboard")
