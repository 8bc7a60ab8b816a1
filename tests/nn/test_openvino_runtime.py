"""OpenVINO computes, and tells nobody that it does."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

CODE = """
import socket
def refuse(*arguments, **options):
    raise AssertionError("somebody is called")
socket.socket.connect = socket.create_connection = refuse
from seodang.nn.openvino_runtime import import_openvino
openvino = import_openvino()
import numpy
from openvino import opset13
parameter = opset13.parameter([2], numpy.float32)
model = openvino.Model([opset13.add(parameter, parameter)], [parameter])
print(openvino.Core().compile_model(model, "CPU")([numpy.array([1, 2], numpy.float32)])[0].tolist())
import sys
print([name for name in sys.modules if "openvino_telemetry" in name])
"""


def test_importing_it_sends_nothing_and_leaves_no_file(tmp_path: Path) -> None:
    if find_spec("openvino") is None or find_spec("openvino_telemetry") is None:
        pytest.skip("openvino is not installed, or not its telemetry")
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, check=True, env={**os.environ, "HOME": str(tmp_path)}
    )
    assert done.stdout.splitlines() == ["[2.0, 4.0]", "[]"]
    assert not list(tmp_path.iterdir()), "telemetry keeps the number of this user in the home folder"
