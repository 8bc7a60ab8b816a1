"""Real people must be told apart: by a head at once, by a network from nothing better than by pixels; strangers stand out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import seodang
from seodang.core.errors import MachineError, MissingExtraError
from seodang.families.faces.engine import weights

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def people() -> list[Path]:
    """Folders of 96 people of Labeled Faces in the Wild."""
    folder = Path(os.environ.get("SEODANG_MIRROR", ""), "lfw", "images")
    if "SEODANG_MIRROR" not in os.environ or not folder.is_dir():
        pytest.skip("lfw/images is not in SEODANG_MIRROR")
    try:
        weights.fetch(weights.YUNET)
        weights.fetch(weights.SFACE)
    except (MachineError, MissingExtraError) as error:
        pytest.skip(f"weights of faces: {error}")
    return sorted(path for path in folder.iterdir() if path.is_dir())


def linked(folder: Path, people: list[Path]) -> Path:
    """A folder of some of the people."""
    folder.mkdir()
    for person in people:
        (folder / person.name).symlink_to(person)
    return folder


def test_a_head_tells_people_apart_and_notes_strangers(people: list[Path], tmp_path: Path) -> None:
    """Every other person is learned; README: 118 of 118 right, 284 of 284 strangers noted, 5 of 118 of its own."""
    run = seodang.train(
        "faces", linked(tmp_path / "known", people[1::2]), skip_bad_photos=True, runs=tmp_path / "runs", device="cpu"
    )
    assert run.evaluation["measures"]["accuracy"]["value"] > 0.97
    assert run.evaluation["measures"]["calibration_error"]["value"] < 0.05
    strangers = [photo for person in people[::2] for photo in sorted(person.iterdir())]
    found = [answer.found for answer in run.predict(strangers[::12])]
    main = [max(faces, key=lambda one: one.box[2] - one.box[0]) for faces in found if faces]
    assert sum(one.note == "perhaps a stranger" for one in main) > 0.9 * len(main)


def test_a_network_learns_from_nothing_what_pixels_do_not_tell(people: list[Path], tmp_path: Path) -> None:
    """A quarter of the people, about two minutes."""
    some = linked(tmp_path / "some", people[::4])
    run = seodang.train("faces", some, model="cnn", skip_bad_photos=True, runs=tmp_path / "runs", device="cpu")
    measures, yardstick = run.evaluation["measures"], run.evaluation["yardstick"]
    assert measures["accuracy"]["value"] > yardstick["accuracy"]["value"]
