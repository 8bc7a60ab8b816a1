"""Photos of people: who is meant, what is refused and how, and who is learned from."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import seodang
from seodang.core.errors import DataError
from seodang.data.images import write_png
from seodang.families.faces.data import FacesData, read_data, read_others
from seodang.families.faces.engine.boxes import Faces
from seodang.families.faces.first_stage import main_face, open_first_stage
from seodang.families.faces.photos import RGB
from seodang.families.faces.settings import FacesSettings

CROPS = {"cut": False, "model": "cnn", "side": 16}


def crops(**more: Any) -> FacesSettings:
    """Settings for faces that are cut out already."""
    return FacesSettings.from_flat({**CROPS, **more})


def write(path: Path, number: int) -> None:
    """A photo that no other number gives."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_png(path, np.random.default_rng(number).integers(0, 256, (20, 24, 3)).astype(np.uint8))


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Ada and Bo, six photos each."""
    for person, first in (("Ada", 0), ("Bo", 100)):
        for number in range(6):
            write(tmp_path / "people" / person / f"{number}.png", first + number)
    return tmp_path / "people"


def boxes(*corners: tuple[float, float, float, float]) -> Faces:
    return Faces(
        np.array(corners, np.float32).reshape(-1, 4), np.zeros((len(corners), 5, 2), np.float32), np.ones(len(corners))
    )


@pytest.mark.parametrize(
    ("faces", "meant"),
    [
        (boxes(), None),
        (boxes((0, 0, 10, 10)), 0),
        (boxes((40, 40, 60, 60), (0, 0, 10, 10)), 0),
        (boxes((0, 0, 20, 20), (40, 40, 60, 60)), 1),  # as large, and in the middle
        (boxes((10, 40, 30, 60), (70, 40, 90, 60)), None),  # neither
        (boxes((10, 40, 30, 60), (60, 30, 90, 60)), 1),  # (30 / 20)² = 2.25 times as large, as far away
    ],
)
def test_the_face_that_is_meant_is_large_and_near_the_middle(faces: Faces, meant: int | None) -> None:
    assert main_face(faces, (100, 100)) == meant


def test_every_person_is_in_every_part_and_equal_files_stay_together(people: Path) -> None:
    for copy in range(3):
        shutil.copy(people / "Ada" / "0.png", people / "Ada" / f"copy-{copy}.png")
    data = read_data(str(people), crops())
    assert data.people == ("Ada", "Bo")
    places = {part: {one.digest for one in some.portraits} for part, some in data.parts.items()}
    assert not places["train"] & places["test"] and not places["train"] & places["validation"]
    assert not places["test"] & places["validation"]
    for part in data.parts.values():
        assert set(part.labels.tolist()) == {0, 1}
        assert part.chips.shape == (len(part.labels), 16, 16, 3)
    assert sum(len(part.labels) for part in data.parts.values()) == 15
    assert "3 files repeat another" in " ".join(data.notes)


def test_parts_of_the_source_stay_as_they_are(tmp_path: Path) -> None:
    for place, part in enumerate(("train", "val", "test")):
        for number, person in enumerate(("Ada", "Bo")):
            write(tmp_path / part / person / "a.jpg.png", 10 * place + number)
    data = read_data(str(tmp_path), crops())
    assert [len(data.parts[part].labels) for part in ("train", "validation", "test")] == [2, 2, 2]


def test_a_training_part_alone_gives_up_some_for_validation(tmp_path: Path) -> None:
    for number in range(8):
        for place, person in enumerate(("Ada", "Bo")):
            write(tmp_path / ("test" if number < 2 else "train") / person / f"{number}.png", 10 * number + place)
    parts = read_data(str(tmp_path), crops()).parts
    assert len(parts["test"].labels) == 4 and len(parts["train"].labels) + len(parts["validation"].labels) == 12
    assert set(parts["validation"].labels.tolist()) == {0, 1}


def test_a_training_part_by_itself_is_split_as_if_it_were_no_part(people: Path) -> None:
    (people.parent / "whole").mkdir()
    people.rename(people.parent / "whole" / "train")
    data = read_data(str(people.parent / "whole"), crops())
    assert {part: len(some.labels) > 0 for part, some in data.parts.items()} == dict.fromkeys(data.parts, True)
    assert faces_of(data) == 12


def test_folders_of_a_person_may_have_folders(people: Path) -> None:
    for number, place in enumerate(("2024", "2025")):
        write(people / "Ada" / place / "same.png", 200 + number)
    data = read_data(str(people), crops())
    names = {one.name for part in data.parts.values() for one in part.portraits}
    assert {"Ada/2024/same.png", "Ada/2025/same.png"} < names and faces_of(data) == 14 and data.people == ("Ada", "Bo")


def test_another_photo_changes_the_checksum(people: Path) -> None:
    before = read_data(str(people), crops()).checksum()
    assert read_data(str(people), crops()).checksum() == before
    write(people / "Bo" / "more.png", 999)
    assert read_data(str(people), crops()).checksum() != before


def remove_bo(people: Path) -> None:
    shutil.rmtree(people / "Bo")


def leave_two(people: Path) -> None:
    for number in range(4):
        (people / "Bo" / f"{number}.png").unlink()


def repeat_in_two(people: Path) -> None:
    shutil.copy(people / "Ada" / "3.png", people / "Bo" / "x.png")


def cut_short(people: Path) -> None:
    whole = (people / "Bo" / "2.png").read_bytes()
    (people / "Bo" / "2.png").write_bytes(whole[: len(whole) // 2])


def spell_twice(people: Path) -> None:
    write(people / "ADA" / "1.png", 7)


def break_a_name(people: Path) -> None:
    (people / "Bo").rename(people / "Bo\nb")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (remove_bo, r"only Ada has a photo with a face; two people at least are needed; make a folder for each"),
        (leave_two, r"Bo/: 2 photos with a face, 3 different ones at least are needed; add some, or remove the folder"),
        (repeat_in_two, r"Bo/x.png: is the same file as Ada/3.png; remove it from one of the two people"),
        (cut_short, r"Bo/2.png: is damaged or cut short .*; copy or export it again"),
        (spell_twice, r"Ada/: is spelled like ADA/ but for case or accents.*; join the two folders, or rename one"),
        (break_a_name, r"'Bo\\nb': has a control character in its name; rename the folder"),
    ],
)
def test_bad_data_are_refused_in_a_line(people: Path, spoil: Callable[[Path], None], says: str) -> None:
    spoil(people)
    with pytest.raises(DataError, match=says) as caught:
        read_data(str(people), crops())
    assert "\n" not in str(caught.value)
    findings = seodang.check("faces", people, **CROPS)
    assert findings[0].severity == "error"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("nowhere", "no such file or folder"),
        ("people/Ada/0.png", "expected a folder with a folder a person, got a file"),
        ("people/Ada", "there is no folder with photos in it; make one for each person"),
    ],
)
def test_a_source_that_holds_nobody_is_refused(people: Path, source: str, says: str) -> None:
    with pytest.raises(DataError, match=says):
        read_data(str(people.parent / source), crops())


def test_strangers_in_the_test_part_and_repeats_across_parts_are_refused(people: Path, tmp_path: Path) -> None:
    people.rename(tmp_path / "train")
    (tmp_path / "test").mkdir()
    shutil.copytree(tmp_path / "train" / "Ada", tmp_path / "test" / "Cleo")
    says = " ".join(f"{one.where}: {one.what}" for one in seodang.check("faces", tmp_path, **CROPS))
    assert "Cleo is in the test part, but not in the training part" in says
    shutil.move(tmp_path / "test" / "Cleo", tmp_path / "test" / "Ada")
    with pytest.raises(DataError, match="is in the test part and, the same file, in the train part; remove one of the two"):
        read_data(str(tmp_path), crops())


def test_bad_photos_can_be_skipped_and_are_counted(people: Path) -> None:
    cut_short(people)
    (people / "Bo" / "notes.txt").write_text("nothing")
    write(people / "stray.png", 55)
    data = read_data(str(people), crops(skip_bad_photos=True))
    assert faces_of(data) == 11
    says = " ".join(data.notes)
    assert "1 photo skipped: Bo/2.png (is damaged" in says and "1 file left out, no image by the name (notes.txt)" in says
    assert "1 photo in no folder of a person left out (stray.png)" in says


def test_suffixes_may_lie_and_names_may_be_of_any_letters(people: Path) -> None:
    Image.new("L", (30, 20), 90).save(people / "Ada" / "really-a-jpeg.png", "JPEG")
    Image.new("RGBA", (30, 20), (1, 2, 3, 4)).save(people / "Ada" / "SHOUTED.PNG")
    (people / "Bo").rename(people / "김 노을 & Söhne")
    data = read_data(str(people), crops())
    assert faces_of(data) == 14 and data.people == ("Ada", "김 노을 & Söhne")


def test_others_must_be_of_people_that_were_learned(people: Path) -> None:
    part, _ = read_others(str(people), crops(), ("Ada", "Bo", "Cleo"))
    assert part.labels.tolist() == [0] * 6 + [1] * 6
    with pytest.raises(DataError, match="Bo was not learned; the model knows Ada, Cleo"):
        read_others(str(people), crops(), ("Ada", "Cleo"))


def test_the_first_stage_finds_who_is_meant(face_weights: None, portrait: RGB, tmp_path: Path) -> None:
    first = open_first_stage(FacesSettings())
    faces = first.find(portrait)
    assert main_face(faces, portrait.shape[:2]) == 0
    assert first.cut(portrait, faces).shape == (1, 112, 112, 3)
    (tmp_path / "Grace").mkdir()
    write_png(tmp_path / "Grace" / "0.png", portrait)
    write_png(tmp_path / "Grace" / "1.png", np.concatenate([portrait, portrait[:, ::-1]], 1))
    write_png(tmp_path / "Grace" / "2.png", np.full((64, 64, 3), 200, np.uint8))
    findings = {one.where: one for one in seodang.check("faces", tmp_path)}
    assert findings["Grace/1.png"].what == "2 faces are found in it, and none is clearly the one that is meant"
    assert findings["Grace/2.png"].what == "no face is found in it"
    assert findings["Grace/2.png"].fix == "take another photo, or pass {skip_bad_photos}"


def faces_of(data: FacesData) -> int:
    return sum(len(part.labels) for part in data.parts.values())
