"""The families: one folder each. Nothing is registered; a folder with a `family.py` is a family, imported on demand."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seodang.core.errors import SeodangError

if TYPE_CHECKING:
    from seodang.core.family import Family
    from seodang.core.settings import Settings
    from seodang.core.verb import Tool, Verb


@cache
def names() -> tuple[str, ...]:
    """The families beside this file, in alphabetical order."""
    return tuple(sorted(path.parent.name for path in Path(__file__).parent.glob("*/family.py")))


def load(name: str) -> Family[Any, Any, Any]:
    """A family by its name.

    Raises: SeodangError: There is no such family.
    """
    family: Family[Any, Any, Any] = importlib.import_module(f"{__name__}.{_known(name)}.family").FAMILY
    return family


def settings_type(name: str) -> type[Settings]:
    """A family's settings, read without importing torch: `--help` must be there at once.

    Raises: SeodangError: There is no such family.
    """
    settings: type[Settings] = importlib.import_module(f"{__name__}.{_known(name)}.settings").SETTINGS
    return settings


def presets(name: str) -> Mapping[str, Callable[[], dict[str, Any]]]:
    """A family's named sets of settings, read without importing torch.

    Raises: SeodangError: There is no such family.
    """
    found: Mapping[str, Callable[[], dict[str, Any]]] = importlib.import_module(f"{__name__}.{_known(name)}.settings").PRESETS
    return found


def reading(name: str) -> tuple[str, ...]:
    """Names of the settings that say how a file is read, which may differ from one file to the next.

    Raises: SeodangError: There is no such family.
    """
    return tuple(importlib.import_module(f"{__name__}.{_known(name)}.settings").READING)


def sources(name: str) -> str:
    """What a family learns from, in words for who left it out.

    Raises: SeodangError: There is no such family.
    """
    module = importlib.import_module(f"{__name__}.{_known(name)}.settings")
    return str(getattr(module, "SOURCES", "a file, a folder or a data set (`seodang data list`)"))


def own_data(name: str) -> tuple[str, ...]:
    """Names of the settings that bring the data themselves, so that no source is needed.

    Raises: SeodangError: There is no such family.
    """
    return tuple(getattr(importlib.import_module(f"{__name__}.{_known(name)}.settings"), "OWN_DATA", ()))


def from_files(name: str) -> bool:
    """Whether what a family predicts are files, such as images, instead of texts.

    Raises: SeodangError: There is no such family.
    """
    return bool(getattr(importlib.import_module(f"{__name__}.{_known(name)}.settings"), "FROM_FILES", False))


def predicting(name: str) -> tuple[str, ...]:
    """Names of the settings of prediction that may be changed after training.

    Raises: SeodangError: There is no such family.
    """
    return tuple(getattr(importlib.import_module(f"{__name__}.{_known(name)}.settings"), "PREDICTING", ()))


def drawings(name: str) -> Mapping[str, str]:
    """What can be drawn of a family's predictions: the name of each picture, and what is to be seen.

    Raises: SeodangError: There is no such family.
    """
    return dict(getattr(importlib.import_module(f"{__name__}.{_known(name)}.settings"), "DRAWINGS", {}))


def verbs(name: str) -> tuple[Verb, ...]:
    """What a family's runs can do beside what all can, read without importing torch.

    Raises: SeodangError: There is no such family.
    """
    module = f"{__name__}.{_known(name)}.verbs"
    if module not in sys.modules and importlib.util.find_spec(module) is None:
        return ()
    found: tuple[Verb, ...] = importlib.import_module(module).VERBS
    return found


def tools(name: str) -> tuple[Tool, ...]:
    """What a family does without a run, read without importing torch.

    Raises: SeodangError: There is no such family.
    """
    module = f"{__name__}.{_known(name)}.tools"
    if module not in sys.modules and importlib.util.find_spec(module) is None:
        return ()
    found: tuple[Tool, ...] = importlib.import_module(module).TOOLS
    return found


def summary(name: str) -> str:
    """What a family is for, in a line."""
    return str(importlib.import_module(f"{__name__}.{_known(name)}").__doc__).strip().splitlines()[0]


def _known(name: str) -> str:
    if name not in names():
        near = difflib.get_close_matches(name, names(), n=1)
        hint = f"Did you mean {near[0]}?" if near else f"There is: {', '.join(names())}."
        raise SeodangError(f"No family {name!r}. {hint}")
    return name
