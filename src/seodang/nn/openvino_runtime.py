"""OpenVINO, imported so that it tells nobody."""

from __future__ import annotations

import sys
from typing import Any

from seodang.core.errors import MissingExtraError

TELEMETRY = "openvino_telemetry"


def import_openvino() -> Any:
    """The package `openvino`.

    Importing it sends an event to its maker, unless the package that does so is not there; so for that moment it is not.
    Nothing phones home here.

    Raises: MissingExtraError: It is not installed.
    """
    loaded: dict[str, Any] = sys.modules
    hidden = TELEMETRY not in loaded
    if hidden:
        loaded[TELEMETRY] = None  # how Python is told that there is no such module
    try:
        import openvino
    except ImportError as error:
        raise MissingExtraError("OpenVINO is not installed: pip install 'seodang[openvino]'.") from error
    finally:
        if hidden:
            del loaded[TELEMETRY]
    return openvino
