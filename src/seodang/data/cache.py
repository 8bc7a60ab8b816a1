"""Where downloaded data is kept, and where a local mirror of it may stand."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from seodang.core.errors import DataError
from seodang.core.files import machine_errors

HOME_VARIABLE = "SEODANG_HOME"
MIRROR_VARIABLE = "SEODANG_MIRROR"


def home_folder() -> Path:
    """The folder that holds downloads: `SEODANG_HOME`, or the user's cache folder on this system. It need not exist yet."""
    given = os.environ.get(HOME_VARIABLE)
    return Path(given).expanduser() if given else Path(platformdirs.user_cache_dir("seodang", appauthor=False))


def data_folder(name: str) -> Path:
    """The cache folder of one named data set, made when it is missing.

    Raises:
        MachineError: It cannot be made.
    """
    folder = home_folder() / "data" / name
    with machine_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def mirror_folder() -> Path | None:
    """The folder named by `SEODANG_MIRROR`, or None when the variable is not set.

    Raises:
        DataError: The variable names something that is not a folder.
    """
    given = os.environ.get(MIRROR_VARIABLE)
    if not given:
        return None
    folder = Path(given).expanduser()
    if not folder.is_dir():
        raise DataError(f"{MIRROR_VARIABLE} is {given}, which is not a folder; correct it or unset it")
    return folder
