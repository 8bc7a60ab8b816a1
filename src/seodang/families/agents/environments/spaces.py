"""What an agent sees and does, as arrays: Gymnasium's spaces read into vectors and images, and chosen actions turned back.

An observation becomes a vector, an image, or both: numbers are laid end to end, what is one of several becomes a one-hot part,
and a dictionary's or tuple's members follow each other in Gymnasium's own order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from gymnasium import Space, spaces
from numpy.typing import NDArray
from PIL import Image

from seodang.core.errors import DataError

LEAST_IMAGE_SIDE = 32  # pixels; smaller arrays of bytes are grids of a game and are read as numbers
IMAGE_SIDE = (
    84  # that larger images are scaled to (Mnih et al. 2015, "Human-level control through deep reinforcement learning")
)
LARGEST_VECTOR = 100_000


class Observations(NamedTuple):
    """Many observations at once; either part may be absent, of width 0."""

    vectors: NDArray[np.float32]
    """(environments, numbers)."""
    images: NDArray[np.uint8]
    """(environments, channels, height, width)."""

    @property
    def rows(self) -> int:
        """How many."""
        return len(self.vectors)

    def at(self, rows: Any) -> Observations:
        """Some of them."""
        return Observations(self.vectors[rows], self.images[rows])

    def same_as(self, other: Observations) -> bool:
        """Whether other observations are these, number for number."""
        return np.array_equal(self.vectors, other.vectors) and np.array_equal(self.images, other.images)

    def flat(self, axes: int) -> Observations:
        """The first axes, such as time and environment, as one."""
        lead = int(np.prod(self.vectors.shape[:axes]))
        return Observations(
            self.vectors.reshape(lead, *self.vectors.shape[axes:]), self.images.reshape(lead, *self.images.shape[axes:])
        )


@dataclass(frozen=True)
class ObservationShape:
    """How wide the vector is, and how large the image; JSON-able."""

    numbers: int
    names: tuple[str, ...]
    """Of the numbers, as far as the space names them."""
    channels: int = 0
    height: int = 0
    width: int = 0

    @property
    def image(self) -> tuple[int, int, int]:
        """Channels, height and width; zeros without an image."""
        return self.channels, self.height, self.width

    def empty(self, *lead: int) -> Observations:
        """Room for observations."""
        return Observations(np.zeros((*lead, self.numbers), np.float32), np.zeros((*lead, *self.image), np.uint8))

    def described(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "names": list(self.names)}

    @classmethod
    def from_described(cls, fields: Mapping[str, Any]) -> ObservationShape:
        """From JSON."""
        return cls(**{**fields, "names": tuple(fields["names"])})

    def words(self) -> str:
        """For people."""
        parts = [f"{self.numbers} number{'s' if self.numbers > 1 else ''}"] * bool(self.numbers)
        parts += [f"an image of {self.channels} x {self.height} x {self.width}"] * bool(self.channels)
        return " and ".join(parts) or "nothing"


class ObservationReader:
    """Writes observations of one space into rows of arrays.

    Args:
        space: What the environment gives.
        frames: Images that are shown at once, the newest last, so that motion can be seen.

    Raises: DataError: The space holds something that is neither numbers, choices nor one image.
    """

    def __init__(self, space: Space[Any], frames: int) -> None:
        self.space = space
        self.frames = frames
        self.leaves = list(_leaves(space, ""))
        images = [leaf for leaf in self.leaves if is_image(leaf.space)]
        if len(images) > 1:
            raise DataError(
                f"observations have {len(images)} images ({', '.join(one.name for one in images)}), and one can be read"
            )
        self.image = images[0] if images else None
        vectors = [leaf for leaf in self.leaves if leaf is not self.image]
        self.plain = (
            len(self.leaves) == 1 and self.image is None and isinstance(space, spaces.Box) and len(space.shape or ()) == 1
        )
        names = [name for leaf in vectors for name in _number_names(leaf)]
        if not names and self.image is None:
            raise DataError("observations hold nothing, neither a number nor an image")
        if len(names) > LARGEST_VECTOR:
            raise DataError(f"observations have {len(names):,} numbers, and {LARGEST_VECTOR:,} can be read at most")
        shape = (
            (0, 0, 0) if self.image is None else (self.frames * _channels(self.image.space), *_scaled_size(self.image.space))
        )
        self.shape = ObservationShape(len(names), tuple(names), *shape)

    def write(self, observation: Any, rows: Observations, row: int, first: bool) -> None:
        """One observation, into one row; the first of an episode is shown as often as frames are stacked."""
        if self.plain:
            rows.vectors[row] = observation
            return
        parts: list[NDArray[Any]] = []
        for leaf in self.leaves:
            value = leaf.of(observation)
            if leaf is self.image:
                self._write_image(_small(value, leaf.space), rows.images[row], first)
            else:
                parts.append(_numbers(leaf.space, value))
        if parts:
            rows.vectors[row] = np.concatenate(parts)

    def _write_image(self, image: NDArray[np.uint8], stack: NDArray[np.uint8], first: bool) -> None:
        if first:
            stack[:] = np.tile(image, (self.frames, 1, 1))
            return
        stack[: -len(image)] = stack[len(image) :].copy()
        stack[-len(image) :] = image


@dataclass(frozen=True)
class ActionShape:
    """What can be done: one of several, several such choices at once, or numbers within bounds; JSON-able."""

    kind: Literal["discrete", "multi-discrete", "continuous"]
    choices: tuple[int, ...] = ()
    """How many there are of each choice; one entry for discrete."""
    starts: tuple[int, ...] = ()
    """The number of the first of each choice in the environment."""
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    shape: tuple[int, ...] = ()
    """Of an action in the environment."""
    dtype: str = "int64"
    """Of an action in the environment."""

    @property
    def width(self) -> int:
        """Numbers that are chosen in each step."""
        return len(self.low) if self.kind == "continuous" else len(self.choices)

    def for_environment(self, actions: NDArray[Any]) -> NDArray[Any]:
        """Chosen actions as a batch that environments take.

        Args: actions: (environments, width): choices from 0, int64; or numbers from -1 to 1, float32, for the bounds.
        """
        if self.kind == "continuous":
            low, high = np.array(self.low, np.float32), np.array(self.high, np.float32)
            scaled: NDArray[Any] = low + (np.clip(actions, -1.0, 1.0) + 1.0) * (0.5 * (high - low))
            return np.clip(scaled, low, high, out=scaled).reshape(-1, *self.shape).astype(self.dtype)
        whole = actions + np.array(self.starts, np.int64)
        return (whole[:, 0] if self.kind == "discrete" else whole.reshape(-1, *self.shape)).astype(self.dtype)

    def described(self) -> dict[str, Any]:
        """As JSON."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_described(cls, fields: Mapping[str, Any]) -> ActionShape:
        """From JSON."""
        found: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
        return cls(**found)

    def words(self) -> str:
        """For people."""
        if self.kind == "discrete":
            return f"one of {self.choices[0]}"
        if self.kind == "multi-discrete":
            return f"{len(self.choices)} choices at once, of {', '.join(map(str, self.choices))}"
        return f"{len(self.low)} number{'s' if len(self.low) > 1 else ''} within bounds"


def action_shape(space: Space[Any]) -> ActionShape:
    """What can be done in a space of actions.

    Raises: DataError: No algorithm here fits it.
    """
    if space.shape is not None and 0 in space.shape:
        raise DataError(f"actions hold nothing to choose ({space})")
    if isinstance(space, spaces.Discrete):
        return ActionShape("discrete", (int(space.n),), (int(space.start),), dtype=str(space.dtype))
    if isinstance(space, spaces.MultiDiscrete):
        starts = tuple(int(one) for one in space.start.ravel())
        choices = tuple(int(one) for one in space.nvec.ravel())
        return ActionShape("multi-discrete", choices, starts, shape=space.nvec.shape, dtype=str(space.dtype))
    if isinstance(space, spaces.MultiBinary):
        count = int(np.prod(space.shape))
        return ActionShape("multi-discrete", (2,) * count, (0,) * count, shape=tuple(space.shape), dtype=str(space.dtype))
    if isinstance(space, spaces.Box) and np.issubdtype(space.dtype, np.floating):
        if not space.is_bounded():
            raise DataError(
                f"actions are numbers without bounds ({space}), and no algorithm here fits that; give the space finite bounds"
            )
        low, high = (tuple(float(one) for one in side.ravel()) for side in (space.low, space.high))
        return ActionShape("continuous", low=low, high=high, shape=tuple(space.shape), dtype=str(space.dtype))
    raise DataError(
        f"actions are {type(space).__name__} ({space}), and no algorithm here fits that; Discrete, MultiDiscrete, MultiBinary "
        "and Box of floats can be learned"
    )


@dataclass(frozen=True)
class _Leaf:
    """A part of an observation that is no dictionary or tuple, and how it is found."""

    name: str
    space: Space[Any]
    keys: tuple[Any, ...]

    def of(self, observation: Any) -> Any:
        for key in self.keys:
            observation = observation[key]
        return observation


def _leaves(space: Space[Any], name: str, keys: tuple[Any, ...] = ()) -> Iterator[_Leaf]:
    if isinstance(space, spaces.Dict):
        for key, member in space.spaces.items():
            yield from _leaves(member, f"{name}.{key}" if name else str(key), (*keys, key))
    elif isinstance(space, spaces.Tuple):
        for place, member in enumerate(space.spaces):
            yield from _leaves(member, f"{name}.{place}" if name else str(place), (*keys, place))
    elif isinstance(space, spaces.Box | spaces.Discrete | spaces.MultiDiscrete | spaces.MultiBinary):
        yield _Leaf(name, space, keys)
    else:
        where = f" in {name}" if name else ""
        known = "Box, Discrete, MultiDiscrete, MultiBinary, Dict and Tuple"
        raise DataError(f"observations are {type(space).__name__}{where}, and only {known} can be read")


def is_image(space: Space[Any]) -> bool:
    """Whether a space is one of images: bytes in two or three axes, two of them long."""
    if not isinstance(space, spaces.Box) or space.dtype != np.uint8 or len(space.shape) not in (2, 3):
        return False
    return min(_size(space)) >= LEAST_IMAGE_SIDE


def _size(space: Space[Any]) -> tuple[int, int]:
    """Height and width of an image, wherever its channels are."""
    shape = space.shape
    assert shape is not None
    if len(shape) == 2:
        return int(shape[0]), int(shape[1])
    return (int(shape[1]), int(shape[2])) if _channels_first(space) else (int(shape[0]), int(shape[1]))


def _channels_first(space: Space[Any]) -> bool:
    shape = space.shape
    assert shape is not None
    return shape[0] < shape[2]


def _channels(space: Space[Any]) -> int:
    """Of an image as it is read: colours become grey, other channels stay."""
    shape = space.shape
    assert shape is not None
    if len(shape) == 2:
        return 1
    count = int(shape[0] if _channels_first(space) else shape[2])
    return 1 if count == 3 else count


def _scaled_size(space: Space[Any]) -> tuple[int, int]:
    height, width = _size(space)
    return (height, width) if max(height, width) <= IMAGE_SIDE else (IMAGE_SIDE, IMAGE_SIDE)


def _small(image: Any, space: Space[Any]) -> NDArray[np.uint8]:
    """(channels, height, width), in grey where it had colours, scaled down where it is large."""
    array = np.asarray(image, np.uint8)
    if array.ndim == 2:
        array = array[None]
    elif not _channels_first(space):
        array = np.moveaxis(array, 2, 0)
    if len(array) == 3:
        weights = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
        array = np.einsum("c,chw->hw", weights, array.astype(np.float32))[None].round().astype(np.uint8)
    size = _scaled_size(space)
    if array.shape[1:] != size:
        scaled = [np.asarray(Image.fromarray(one).resize(size[::-1], Image.Resampling.BOX)) for one in array]
        array = np.stack(scaled)
    return array


def _numbers(space: Space[Any], value: Any) -> NDArray[np.float32]:
    if isinstance(space, spaces.Discrete):
        return _one_hot(np.array([int(value) - int(space.start)]), np.array([int(space.n)]))
    if isinstance(space, spaces.MultiDiscrete):
        return _one_hot(np.asarray(value).ravel() - space.start.ravel(), space.nvec.ravel())
    numbers = np.asarray(value, np.float32).ravel()
    if isinstance(space, spaces.Box) and space.dtype == np.uint8:
        return numbers / np.float32(255)
    return numbers


def _one_hot(values: NDArray[Any], counts: NDArray[Any]) -> NDArray[np.float32]:
    vector = np.zeros(int(counts.sum()), np.float32)
    vector[np.cumsum(counts) - counts + values] = 1.0
    return vector


def _number_names(leaf: _Leaf) -> list[str]:
    space, name = leaf.space, leaf.name
    if isinstance(space, spaces.Discrete):
        start = int(space.start)
        return [f"{name or 'state'} {value}" for value in range(start, start + int(space.n))]
    if isinstance(space, spaces.MultiDiscrete):
        parts = zip(space.nvec.ravel(), space.start.ravel(), strict=True)
        return [
            f"{name or 'part'} {place}: {value}"
            for place, (count, start) in enumerate(parts)
            for value in range(start, start + count)
        ]
    assert space.shape is not None
    count = int(np.prod(space.shape))
    if count == 1 and name:
        return [name]
    return [f"{name} {place}".strip() for place in range(count)]
