"""Observations that come from outside, as JSON: what a space is, written down, and whether something is one of its members."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import Space, spaces
from numpy.typing import NDArray

from seodang.core.errors import DataError


def described_space(space: Space[Any]) -> dict[str, Any]:
    """A space as JSON; bounds that are alike everywhere are written once."""
    if isinstance(space, spaces.Dict):
        return {"kind": "dict", "parts": {str(key): described_space(part) for key, part in space.spaces.items()}}
    if isinstance(space, spaces.Tuple):
        return {"kind": "tuple", "parts": [described_space(part) for part in space.spaces]}
    if isinstance(space, spaces.Discrete):
        return {"kind": "discrete", "count": int(space.n), "start": int(space.start)}
    if isinstance(space, spaces.MultiDiscrete):
        return {"kind": "multi-discrete", "counts": space.nvec.tolist(), "starts": space.start.tolist()}
    if isinstance(space, spaces.MultiBinary):
        return {"kind": "multi-binary", "shape": list(space.shape)}
    assert isinstance(space, spaces.Box) and space.shape is not None
    return {"kind": "box", "shape": list(space.shape), "dtype": str(space.dtype)}


def space_from(fields: Mapping[str, Any]) -> Space[Any]:
    """A space from JSON. Bounds of numbers are not kept: nothing that reads observations looks at them."""
    kind = fields["kind"]
    if kind == "dict":
        return spaces.Dict({name: space_from(part) for name, part in fields["parts"].items()})
    if kind == "tuple":
        return spaces.Tuple([space_from(part) for part in fields["parts"]])
    if kind == "discrete":
        return spaces.Discrete(fields["count"], start=fields["start"])
    if kind == "multi-discrete":
        return spaces.MultiDiscrete(np.array(fields["counts"]), start=np.array(fields["starts"]))
    if kind == "multi-binary":
        return spaces.MultiBinary(fields["shape"])
    low, high = (0, 255) if fields["dtype"] == "uint8" else (-np.inf, np.inf)
    dtype: Any = fields["dtype"]
    if np.issubdtype(np.dtype(dtype), np.integer) and dtype != "uint8":
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    return spaces.Box(low, high, tuple(fields["shape"]), dtype)


def fitted(space: Space[Any], content: Any, name: str = "") -> Any:
    """What was given, as a member of a space.

    Args:
        space: What an environment shows.
        content: Numbers, lists and dictionaries.
        name: Of the part, for messages.

    Raises: DataError: It is none; says what was expected and what came.
    """
    where = f" {name}" if name else ""
    if isinstance(space, spaces.Dict):
        return _fitted_parts(space, content, name)
    if isinstance(space, spaces.Tuple):
        if not isinstance(content, list | tuple) or len(content) != len(space.spaces):
            raise DataError(f"the observation{where} has {len(space.spaces)} parts in a list, got {_shown(content)}")
        parts = zip(space.spaces, content, strict=True)
        return tuple(fitted(part, one, f"{name}.{place}" if name else str(place)) for place, (part, one) in enumerate(parts))
    if isinstance(space, spaces.Discrete):
        first, last = int(space.start), int(space.start + space.n - 1)
        numbers = _numbers(content, f"the observation{where} is a whole number from {first} to {last}")
        if numbers.shape not in ((), (1,)) or not _whole_within(numbers, first, last):
            raise DataError(f"the observation{where} is a whole number from {first} to {last}, got {_shown(content)}")
        return np.int64(numbers.ravel()[0])
    shape = space.shape
    assert shape is not None
    expected = f"the observation{where} has {_counted(shape)}"
    numbers = _numbers(content, expected)
    if numbers.shape != shape and not (numbers.ndim == 0 and shape == (1,)):
        raise DataError(f"{expected}, got {_counted(numbers.shape)}")
    numbers = numbers.reshape(shape)
    if isinstance(space, spaces.MultiDiscrete | spaces.MultiBinary):
        low, high = (space.start, space.start + space.nvec - 1) if isinstance(space, spaces.MultiDiscrete) else (0, 1)
        if not _whole_within(numbers, low, high):
            raise DataError(f"the observation{where} has choices within {space}, got {_shown(content)}")
        return numbers.astype(np.int64)
    if space.dtype == np.uint8 and not _whole_within(numbers, 0, 255):
        raise DataError(f"the observation{where} has whole numbers from 0 to 255")
    return numbers.astype(space.dtype)


def _fitted_parts(space: spaces.Dict, content: Any, name: str) -> dict[str, Any]:
    names = list(map(str, space.spaces))
    where = f" {name}" if name else ""
    if not isinstance(content, Mapping) or set(content) != set(names):
        raise DataError(f"the observation{where} is a dictionary with {', '.join(names)}, got {_shown(content)}")
    return {key: fitted(part, content[str(key)], f"{name}.{key}" if name else str(key)) for key, part in space.spaces.items()}


def _numbers(content: Any, expected: str) -> NDArray[np.float64]:
    raw = content if isinstance(content, np.ndarray) else np.array(content, dtype=object)
    flat = raw.ravel().tolist()
    if not all(isinstance(one, int | float | np.number) and not isinstance(one, bool) for one in flat):
        raise DataError(f"{expected}, got {_shown(content)}")
    numbers = raw.astype(np.float64)
    if not np.isfinite(numbers).all() or (np.abs(numbers) > np.finfo(np.float32).max).any():
        raise DataError("the observation has a number that is not finite")
    return numbers


def _whole_within(numbers: NDArray[np.float64], low: Any, high: Any) -> bool:
    return bool((numbers == np.floor(numbers)).all() and (numbers >= low).all() and (numbers <= high).all())


def _counted(shape: tuple[int, ...]) -> str:
    if len(shape) > 1:
        return f"{' x '.join(map(str, shape))} numbers"
    count = shape[0] if shape else 1
    return f"{count:,} number{'s' if count != 1 else ''}"


def _shown(content: Any) -> str:
    if isinstance(content, Mapping):
        return f"one with {', '.join(map(str, content))}" if content else "an empty one"
    text = str(content)
    return text if len(text) <= 60 else f"{text[:57]}..."
