"""What is read off every kind of observation, and what every kind of action becomes in the environment."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from gymnasium import Space, spaces
from numpy.typing import NDArray

from seodang.core.errors import DataError
from seodang.families.agents.environments.spaces import (
    ActionShape,
    ObservationReader,
    Observations,
    ObservationShape,
    action_shape,
)

BYTES = {"low": 0, "high": 255, "dtype": np.uint8}


def read(space: Space[Any], *seen: Any, frames: int = 1) -> tuple[ObservationShape, Observations]:
    """Observations of an episode, one after another, as the last of them leaves the row."""
    reader = ObservationReader(space, frames)
    rows = reader.shape.empty(2)
    for place, one in enumerate(seen):
        reader.write(one, rows, 1, first=place == 0)
    assert not rows.vectors[0].any() and not rows.images[0].any()  # its neighbour is left alone
    return reader.shape, rows.at(1)


def colours(height: int, width: int, value: int = 0) -> NDArray[np.uint8]:
    image = np.full((height, width, 3), value, np.uint8)
    image[0, 0] = 255, 0, 0
    return image


VECTORS: dict[str, tuple[Space[Any], Any, list[float], list[str]]] = {
    "a vector": (spaces.Box(-1, 1, (3,)), np.array([0.5, -1, 0], np.float32), [0.5, -1, 0], ["0", "1", "2"]),
    "a vector of doubles": (spaces.Box(-9, 9, (2,), np.float64), np.array([0.5, -8]), [0.5, -8], ["0", "1"]),
    "a matrix": (spaces.Box(0, 9, (2, 2)), np.array([[1, 2], [3, 4]], np.float32), [1, 2, 3, 4], ["0", "1", "2", "3"]),
    "a number alone": (spaces.Box(0, 9, ()), np.array(7, np.float32), [7], ["0"]),
    "a grid of bytes": (
        spaces.Box(shape=(2, 2), **BYTES), np.array([[0, 255], [51, 0]], np.uint8), [0, 1, 0.2, 0], ["0", "1", "2", "3"],
    ),
    "one of several": (spaces.Discrete(3, start=-1), np.int64(0), [0, 1, 0], ["state -1", "state 0", "state 1"]),
    "several choices": (
        spaces.MultiDiscrete([2, 3], start=[0, 5]), np.array([1, 5]), [0, 1, 1, 0, 0],
        ["part 0: 0", "part 0: 1", "part 1: 5", "part 1: 6", "part 1: 7"],
    ),
    "a grid of choices": (
        spaces.MultiDiscrete([[2, 2], [2, 2]]), np.array([[1, 0], [0, 1]]), [0, 1, 1, 0, 1, 0, 0, 1],
        [f"part {place}: {value}" for place in range(4) for value in range(2)],
    ),
    "yes or no": (spaces.MultiBinary(3), np.array([1, 0, 1], np.int8), [1, 0, 1], ["0", "1", "2"]),
    "a grid of yes and no": (spaces.MultiBinary([2, 2]), np.array([[1, 0], [0, 1]], np.int8), [1, 0, 0, 1], list("0123")),
    "a dictionary": (
        spaces.Dict({"speed": spaces.Box(0, 9, (1,)), "at": spaces.Box(-1, 1, (2,)), "gear": spaces.Discrete(2, start=1)}),
        {"gear": 2, "speed": np.array([3], np.float32), "at": np.array([0.5, 1], np.float32)},
        [0.5, 1, 0, 1, 3], ["at 0", "at 1", "gear 1", "gear 2", "speed"],
    ),
    "a tuple": (
        spaces.Tuple([spaces.Discrete(2), spaces.Box(0, 1, (1,))]), (1, np.array([0.5], np.float32)), [0, 1, 0.5],
        ["0 0", "0 1", "1"],
    ),
    "one in another": (
        spaces.Dict({"car": spaces.Dict({"door": spaces.Tuple([spaces.Discrete(2), spaces.Box(0, 1, (2,))])})}),
        {"car": {"door": (0, np.array([0.25, 1], np.float32))}}, [1, 0, 0.25, 1],
        ["car.door.0 0", "car.door.0 1", "car.door.1 0", "car.door.1 1"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", VECTORS)
def test_numbers_are_laid_end_to_end_and_have_names(name: str) -> None:
    space, seen, numbers, names = VECTORS[name]
    shape, row = read(space, seen)
    assert row.vectors.dtype == np.float32 and row.vectors.tolist() == pytest.approx(numbers)
    assert list(shape.names) == names and shape.numbers == len(numbers) and shape.image == (0, 0, 0)
    assert ObservationShape.from_described(json.loads(json.dumps(shape.described()))) == shape


@pytest.mark.parametrize("name", VECTORS)
def test_every_sample_of_a_space_can_be_read(name: str) -> None:
    space = VECTORS[name][0]
    space.seed(0)
    for _ in range(20):
        _, row = read(space, space.sample())
        assert np.isfinite(row.vectors).all()


@pytest.mark.parametrize(
    ("shape", "image"),
    [((40, 50), (1, 40, 50)), ((40, 50, 3), (1, 40, 50)), ((3, 40, 50), (1, 40, 50)), ((40, 50, 1), (1, 40, 50)),
     ((2, 40, 50), (2, 40, 50)), ((40, 50, 4), (4, 40, 50)), ((84, 84), (1, 84, 84)), ((96, 96, 3), (1, 84, 84)),
     ((210, 160, 3), (1, 84, 84)), ((40, 90), (1, 84, 84))],
)  # fmt: skip
def test_images_of_every_layout(shape: tuple[int, ...], image: tuple[int, int, int]) -> None:
    found, row = read(spaces.Box(shape=shape, **BYTES), np.full(shape, 200, np.uint8))
    assert found.image == image and found.numbers == 0
    assert row.images.shape == image and (row.images == 200).all()  # neither grey nor scaling changes a plain surface


def test_colours_become_grey_by_how_bright_they_look() -> None:
    last = colours(40, 40)
    for image in (last, np.moveaxis(last, 2, 0)):
        _, row = read(spaces.Box(shape=image.shape, **BYTES), image)
        assert row.images[0, 0, 0] == 76 and not row.images[0].ravel()[1:].any()  # 0.299 * 255


def test_a_large_image_is_averaged_down() -> None:
    image = np.zeros((168, 168), np.uint8)
    image[:2, :1] = 200  # half of the four pixels that become one
    _, row = read(spaces.Box(shape=image.shape, **BYTES), image)
    assert row.images[0, 0, 0] == 100 and not row.images[0].ravel()[1:].any()


def test_the_first_image_is_repeated_and_the_newest_is_last() -> None:
    space = spaces.Box(shape=(40, 40), **BYTES)
    images = [np.full((40, 40), value, np.uint8) for value in (10, 20, 30, 40, 50)]
    for seen, stack in ((1, [10, 10, 10]), (2, [10, 10, 20]), (3, [10, 20, 30]), (5, [30, 40, 50])):
        shape, row = read(space, *images[:seen], frames=3)
        assert shape.image == (3, 40, 40) and row.images[:, 7, 7].tolist() == stack


def test_a_new_episode_shows_nothing_of_the_last() -> None:
    reader = ObservationReader(spaces.Box(shape=(40, 40), **BYTES), frames=2)
    rows = reader.shape.empty(1)
    for value, first in ((10, True), (20, False), (30, True)):
        reader.write(np.full((40, 40), value, np.uint8), rows, 0, first)
    assert (rows.images == 30).all()


def test_an_image_beside_numbers() -> None:
    space = spaces.Dict({"picture": spaces.Box(shape=(40, 40, 3), **BYTES), "speed": spaces.Box(0, 9, (1,))})
    shape, row = read(space, {"picture": colours(40, 40, 9), "speed": np.array([4], np.float32)}, frames=2)
    assert shape.names == ("speed",) and row.vectors.tolist() == [4]
    assert shape.image == (2, 40, 40) and row.images[1, 5, 5] == 9
    assert shape.words() == "1 number and an image of 2 x 40 x 40"


@pytest.mark.parametrize(
    ("space", "says"),
    [
        (spaces.Text(5), "observations are Text, and only Box, Discrete, MultiDiscrete, MultiBinary, Dict and Tuple can be"),
        (spaces.Dict({"a": spaces.Dict({"b": spaces.Text(5)})}), r"observations are Text in a\.b, and only Box"),
        (
            spaces.Dict({"left": spaces.Box(shape=(40, 40), **BYTES), "right": spaces.Box(shape=(40, 40), **BYTES)}),
            r"observations have 2 images \(left, right\), and one can be read",
        ),
        (spaces.Box(0, 1, (100_001,)), "observations have 100,001 numbers, and 100,000 can be read at most"),
        (spaces.Dict({}), "observations hold nothing, neither a number nor an image"),
        (spaces.Sequence(spaces.Discrete(2)), "observations are Sequence, and only"),
    ],
)
def test_what_cannot_be_seen_is_told(space: Space[Any], says: str) -> None:
    with pytest.raises(DataError, match=says):
        ObservationReader(space, 1)


def turned(space: Space[Any], *actions: Any) -> list[Any]:
    """Chosen actions as the environment takes them, all of which its space must hold."""
    shape = action_shape(space)
    assert ActionShape.from_described(json.loads(json.dumps(shape.described()))) == shape
    kind = np.float32 if shape.kind == "continuous" else np.int64
    found = shape.for_environment(np.array(actions, kind))
    assert all(space.contains(one) for one in found)
    return list(found.tolist())


def test_one_choice_counts_from_where_the_space_begins() -> None:
    assert turned(spaces.Discrete(3, start=5), [0], [2]) == [5, 7]
    assert action_shape(spaces.Discrete(3, start=5)).words() == "one of 3"


def test_several_choices_each_from_their_own_beginning() -> None:
    assert turned(spaces.MultiDiscrete([2, 3], start=[10, 0]), [0, 2], [1, 0]) == [[10, 2], [11, 0]]
    assert turned(spaces.MultiDiscrete([[2, 2], [3, 3]], dtype=np.int32), [0, 1, 2, 0]) == [[[0, 1], [2, 0]]]
    assert action_shape(spaces.MultiDiscrete([2, 3])).words() == "2 choices at once, of 2, 3"


def test_yes_and_no() -> None:
    assert turned(spaces.MultiBinary(3), [0, 1, 1]) == [[0, 1, 1]]
    assert turned(spaces.MultiBinary([2, 2]), [0, 1, 1, 0]) == [[[0, 1], [1, 0]]]


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_numbers_fill_their_bounds_and_never_leave_them(kind: Any) -> None:
    space = spaces.Box(np.array([-2, 0], kind), np.array([2, 10], kind), dtype=kind)
    assert turned(space, [-1, -1], [0, 0], [1, 1], [7, -7], [0.5, 0.2]) == [
        [-2, 0], [0, 5], [2, 10], [2, 0], pytest.approx([1, 6])
    ]  # fmt: skip
    assert turned(spaces.Box(-1, 1, (2, 1), kind), [0.5, -0.5]) == [[[0.5], [-0.5]]]


def test_odd_bounds_are_kept_to_the_last_bit() -> None:
    third = np.float32(1) / np.float32(3)
    space = spaces.Box(-third, third * np.float32(7), (1,), np.float32)
    turned(space, *([value] for value in np.linspace(-1, 1, 101)))


@pytest.mark.parametrize(
    ("space", "says"),
    [
        (spaces.Box(-np.inf, np.inf, (2,)), "actions are numbers without bounds .*; give the space finite bounds"),
        (spaces.Box(0, 9, (2,), np.int64), r"actions are Box \(.*\), and no algorithm here fits that; Discrete, MultiDiscrete"),
        (spaces.Dict({"a": spaces.Discrete(2)}), r"actions are Dict \(.*\), and no algorithm here fits that"),
        (spaces.Box(-1, 1, (2, 0)), r"actions hold nothing to choose \(Box\("),
        (spaces.Text(3), "actions are Text .*MultiBinary and Box of floats can be learned"),
    ],
)
def test_what_cannot_be_done_is_told(space: Space[Any], says: str) -> None:
    with pytest.raises(DataError, match=says):
        action_shape(space)
