"""Reading and splitting labelled texts: what stands where, what is refused, what is counted."""

from __future__ import annotations

import csv
import hashlib
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from seodang.core.errors import DataError
from seodang.data.named import NamedData
from seodang.data.sources import Source, SourceFile
from seodang.data.tables import PlainTexts
from seodang.families.text import data as text_data
from seodang.families.text.data import FoundText, TextData, check_source, read_data, read_inputs, read_labelled
from seodang.families.text.derive import label_order, prepare
from seodang.families.text.settings import TextSettings

Row = Sequence[str]


def settings(**given: Any) -> TextSettings:
    return TextSettings.from_flat(given)


def table(path: Path, rows: Iterable[Row], header: Row = ("text", "label")) -> str:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return str(path)


def reviews(count: int, start: int = 0, classes: Sequence[str] = ("bad", "good")) -> list[tuple[str, str]]:
    return [(f"review number {n}", classes[n % len(classes)]) for n in range(start, start + count)]


def places(data: TextData) -> dict[str, str]:
    """The part that each text stands in."""
    return {text: name for name, part in data.parts.items() for text in part.texts}


@pytest.fixture
def file(tmp_path: Path) -> str:
    return table(tmp_path / "reviews.csv", reviews(400))


def test_a_file_is_split_80_10_10_by_hash(file: str) -> None:
    data = read_data(file, settings())
    assert list(data.parts) == ["train", "validation", "test"]
    sizes = {name: len(part) for name, part in data.parts.items()}
    assert sum(sizes.values()) == 400
    assert 290 <= sizes["train"] <= 350 and 20 <= sizes["validation"] <= 60 and 20 <= sizes["test"] <= 60
    for text, place in places(data).items():  # the rule itself, computed apart
        digest = hashlib.blake2b(f"\0{text}".encode(), digest_size=8).digest()
        share = int.from_bytes(digest, "little") / 2**64
        assert place == ("train" if share < 0.8 else "validation" if share < 0.9 else "test")


def test_labels_and_row_numbers_stay_with_their_texts(file: str) -> None:
    expected = dict(reviews(400))
    for part in read_data(file, settings()).parts.values():
        for text, label, row in zip(part.texts, part.labels, part.row_numbers, strict=True):
            assert label == expected[text]
            assert row == int(text.split()[-1]) + 2  # the header is row 1


def test_no_text_stands_on_two_sides(tmp_path: Path) -> None:
    rows = [
        (variant, label) for text, label in reviews(100) for variant in (text, text.upper(), f"  {text.replace(' ', '  ')}")
    ]
    data = read_data(table(tmp_path / "copies.csv", rows), settings())
    sides: dict[str, set[str]] = {}
    for text, place in places(data).items():
        sides.setdefault(" ".join(text.lower().split()), set()).add(place)
    assert len(sides) == 100
    assert all(len(side) == 1 for side in sides.values())


def test_no_group_stands_on_two_sides(tmp_path: Path) -> None:
    rows = [(text, label, f"film {n % 40}") for n, (text, label) in enumerate(reviews(400, classes=("a", "b", "c")))]
    source = table(tmp_path / "films.csv", rows, ("text", "label", "title"))
    data = read_data(source, settings(group_by="title"))
    groups = {name: set(part.groups or ()) for name, part in data.parts.items()}
    assert len(groups["train"] | groups["validation"] | groups["test"]) == 40
    assert sum(map(len, groups.values())) == 40
    assert set(places(read_data(source, settings())).items()) != set(places(data).items())


def test_adding_rows_moves_no_other(tmp_path: Path, file: str) -> None:
    before = places(read_data(file, settings()))
    rows = [*reviews(300, start=400), *reviews(400)]
    random.Random(0).shuffle(rows)
    after = places(read_data(table(tmp_path / "more.csv", rows), settings()))
    assert {text: after[text] for text in before} == before


def folder_of_classes(folder: Path, rows: Iterable[tuple[str, str]]) -> None:
    for number, (text, label) in enumerate(rows):
        (folder / label).mkdir(parents=True, exist_ok=True)
        (folder / label / f"{number}.txt").write_text(text, encoding="utf-8")


def test_a_test_part_of_its_own_is_kept(tmp_path: Path) -> None:
    folder_of_classes(tmp_path / "films/train", reviews(200))
    folder_of_classes(tmp_path / "films/test", reviews(30, start=500))
    data = read_data(str(tmp_path / "films"), settings())
    assert set(data.parts["test"].texts) == {text for text, _ in reviews(30, start=500)}
    assert len(data.parts["train"]) + len(data.parts["validation"]) == 200
    assert 5 <= len(data.parts["validation"]) <= 40
    assert set(read_labelled(str(tmp_path / "films"), settings(), ("bad", "good")).texts) == set(data.parts["test"].texts)


def test_a_label_of_the_test_part_that_training_lacks_is_refused(tmp_path: Path) -> None:
    folder_of_classes(tmp_path / "films/train", reviews(200))
    folder_of_classes(tmp_path / "films/test", reviews(9, classes=("bad", "good", "mixed")))
    with pytest.raises(DataError, match=r"mixed/2\.txt: label 'mixed' was not in the training data, which has bad, good"):
        read_data(str(tmp_path / "films"), settings())


def test_labels_unseen_in_training_are_refused_with_their_row(tmp_path: Path) -> None:
    source = table(tmp_path / "new.csv", [("fine", "good"), ("hm", "mixed"), ("no", "bad"), ("ah", "great"), ("so", "mixed")])
    message = (
        r"^new\.csv, row 3: label 'mixed' was not in the training data, which has bad, good; correct or remove it "
        r"\(3 rows here with an unseen label: great, mixed\)$"
    )
    with pytest.raises(DataError, match=message):
        read_labelled(source, settings(), ("bad", "good"))


@pytest.mark.parametrize("name", ["more.txt", "more.csv", "more.jsonl", "one-column.csv", "table.txt"])
def test_unlabelled_texts_come_from_a_file(tmp_path: Path, file: str, name: str) -> None:
    contents = {
        "more.txt": "first text\n\n  second text \n",
        "more.csv": "id,text\n1,first text\n2,second text\n",
        "more.jsonl": '{"text": "first text"}\n{"text": "second text"}\n',
        "one-column.csv": "anything\nfirst text\nsecond text\n",
        "table.txt": "id\tdocument\n1\tfirst text\n2\tsecond text\n",
    }
    (tmp_path / name).write_text(contents[name], encoding="utf-8")
    data = read_data(file, settings(unlabelled=str(tmp_path / name)))
    assert data.unlabelled == ("first text", "second text")
    assert data.facts()["rows"]["unlabelled"] == 2
    assert data.checksum != read_data(file, settings()).checksum


def test_own_unlabelled_texts_need_a_set_that_has_some(file: str) -> None:
    with pytest.raises(DataError, match="--unlabelled own: this data set brings no texts without labels; name a file"):
        read_data(file, settings(unlabelled="own"))


def test_own_unlabelled_texts_of_a_named_set(monkeypatch: pytest.MonkeyPatch) -> None:
    from seodang.data.named import NamedData, describe
    from seodang.data.tables import LabelledTexts, PlainTexts

    def labelled(count: int, start: int) -> LabelledTexts:
        rows = reviews(count, start)
        return LabelledTexts([t for t, _ in rows], [label for _, label in rows], None, list(range(count)), "films")

    parts = {"train": labelled(200, 0), "test": labelled(20, 300), "unlabelled": PlainTexts(["x", "y"], [1, 2], "films")}
    named = NamedData("films", parts, "", describe("imdb").sources[0], "for research", ("a note",))
    monkeypatch.setattr(text_data, "open_source", lambda *args: named)
    data = read_data("films", settings(unlabelled="own"))
    assert data.unlabelled == ("x", "y")
    assert read_data("films", settings()).unlabelled == ()
    assert data.facts()["licence"] == "for research" and data.facts()["notes"] == ["a note"]
    assert len(data.parts["test"]) == 20


def test_bad_rows_are_refused_or_left_out_and_counted(tmp_path: Path) -> None:
    rows: list[Row] = [*reviews(200), ("", "good"), ("fine", " "), ("a", "b", "c")]
    source = table(tmp_path / "holes.csv", rows)
    with pytest.raises(DataError, match=r"holes\.csv, row 204: expected 2 columns"):
        read_data(source, settings())
    data = read_data(source, settings(skip_bad_rows=True))
    assert sum(len(part) for part in data.parts.values()) == 200
    assert data.notes == ("holes.csv: 3 bad rows left out, as asked",)
    (tmp_path / "more.csv").write_text("text,id\nfine,1\n,2\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"more\.csv, row 3: text is empty"):
        read_data(str(table(tmp_path / "whole.csv", reviews(200))), settings(unlabelled=str(tmp_path / "more.csv")))
    more = read_data(source, settings(skip_bad_rows=True, unlabelled=str(tmp_path / "more.csv")))
    assert more.unlabelled == ("fine",)
    assert more.notes == (*data.notes, "more.csv: 1 bad row left out, as asked")


def test_the_checksum_knows_texts_labels_and_their_order(tmp_path: Path) -> None:
    def checksum(rows: list[tuple[str, str]]) -> str:
        return read_data(table(tmp_path / "rows.csv", rows), settings()).checksum

    rows = reviews(200)
    base = checksum(rows)
    assert checksum(rows) == base
    changed = {"label": [(rows[0][0], "good"), *rows[1:]], "text": [("other words", "bad"), *rows[1:]], "order": rows[::-1]}
    assert len({base, *(checksum(other) for other in changed.values())}) == 4


def test_the_checksum_knows_where_a_text_ends() -> None:
    from seodang.data.tables import LabelledTexts

    def checksum(texts: list[str], labels: list[str]) -> str:
        return TextData({"train": LabelledTexts(texts, labels, None, [1, 2], "rows")}).checksum

    assert checksum(["a", "b"], ["x", "y"]) != checksum(["ab", ""], ["x", "y"])
    assert checksum(["a", "b"], ["cx", "y"]) != checksum(["a", "bc"], ["x", "y"])


def test_inputs_know_where_they_stand(tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text('text,id\n"two\nlines",1\nfine,2\n', encoding="utf-8")
    found = read_inputs(tmp_path / "new.csv", settings())
    assert found == [FoundText("two\nlines", "new.csv, row 2"), FoundText("fine", "new.csv, row 4")]
    (tmp_path / "new.txt").write_text("\ufeffone\n\n two \n", encoding="utf-8")
    assert read_inputs(tmp_path / "new.txt", settings()) == [
        FoundText("one", "new.txt, line 1"),
        FoundText("two", "new.txt, line 3"),
    ]
    (tmp_path / "own.csv").write_text("id,words\n1,fine\n", encoding="utf-8")
    assert [one.text for one in read_inputs(tmp_path / "own.csv", settings(text_column="words"))] == ["fine"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("new.csv", b"text,id\nfine,1\n,2\n", r"^new\.csv, row 3: text is empty; write a text there or remove the row$"),
        ("new.txt", b"\n \n", r"^new\.txt holds no text: every line is blank"),
        ("new.txt", b"fine\ncaf\xe9\n", r"^new\.txt, row 2: byte 0xe9 at position 8 is not UTF-8"),
        ("new.txt", b"", r"^new\.txt is empty"),
        ("new.csv", b"id,words\n1,fine\n", r"no column is named text, review.* Columns: id, words"),
    ],
)
def test_inputs_that_cannot_be_read(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        # Asked for in training or not, no row of a prediction is left out: the answers stand beside the rows.
        read_inputs(tmp_path / name, settings(skip_bad_rows=True))


def test_check_lists_all_problems_in_whole_sentences(tmp_path: Path) -> None:
    rows: list[Row] = [
        *reviews(40),
        ("", "good"),
        ("fine", ""),
        ("a", "b", "c"),
        ("<br>old", "Good"),
        ("review number 0", "good"),
    ]
    findings = check_source(table(tmp_path / "messy.csv", rows), settings())
    severities = [finding.severity for finding in findings]
    assert severities == sorted(severities, key=("error", "warning", "note").index)
    lines = [f"{finding.severity}: {finding.where}: {finding.what} {finding.fix}" for finding in findings]
    assert lines[0].startswith("error: messy.csv, row 44: expected 2 columns")
    for wanted in (
        "error: messy.csv, row 42: text is empty (1 row). Remove the rows or pass --skip-bad-rows.",
        "error: messy.csv, row 43: label is empty (1 row). Remove the rows or pass --skip-bad-rows.",
        "warning: messy.csv, column label: one label in several spellings: 'Good', 'good'. Spell it one way.",
    ):
        assert wanted in lines
    assert any("equal texts with different labels" in line for line in lines)
    assert any("HTML left in the text" in line for line in lines)


def test_check_says_error_whenever_training_would(tmp_path: Path, file: str) -> None:
    assert check_source(file, settings()) == []
    few = table(tmp_path / "few.csv", reviews(2))
    assert [found.severity for found in check_source(few, settings())][:1] == ["error"]
    assert "too few to split" in check_source(few, settings())[0].what
    (finding,) = check_source(file, settings(unlabelled=str(tmp_path / "no.csv")))
    assert finding.severity == "error" and "no.csv: no such file" in finding.what
    (finding,) = check_source("rotten-tomatos", settings())
    assert finding.what.endswith("Did you mean rotten-tomatoes?")


def test_a_file_that_cannot_be_read_is_one_finding_and_its_place_said_once(tmp_path: Path) -> None:
    (tmp_path / "latin.csv").write_bytes(b"text,label\ncaf\xe9,good\n")
    (finding,) = check_source(str(tmp_path / "latin.csv"), settings())
    assert finding.where == "latin.csv, row 2" and finding.what.startswith("byte 0xe9")
    assert finding.fix == "The rest is checked once the file can be read."


def test_classes_stand_in_alphabetical_order_and_numbers_by_value() -> None:
    assert label_order(["good", "bad", "good"]) == ["bad", "good"]
    assert label_order(["10", "9", "-1"]) == ["-1", "9", "10"]
    assert label_order(["10", "9", "n/a"]) == ["10", "9", "n/a"]
    assert label_order(["1", "01", "001"]) == ["001", "01", "1"]  # in whatever order the set gives them
    for odd in ("²", "--1", "-", "1.5", ""):
        assert label_order(["1", "0", odd]) == sorted(["1", "0", odd])


def test_what_is_derived_has_a_reason(file: str) -> None:
    given = settings(model="lstm", dropout=0.1)
    prepared = prepare(read_data(file, settings()), given)
    before, flat = given.to_flat(), prepared.settings.to_flat()
    assert flat["tokens"] == "words" and flat["pooling"] == "max" and flat["dropout"] == 0.1
    assert set(prepared.reasons) == {name for name, value in flat.items() if value != before[name]}
    assert {"tokens", "embedding_dim", "epochs", "learning_rate", "batch_size", "pooling"} <= set(prepared.reasons)
    assert prepared.preprocessing["labels"] == ["bad", "good"]
    assert prepared.preprocessing["vocabulary"]["tokens"][2:4] == [
        "number",
        "review",
    ]  # the most frequent, in alphabetical order


def test_korean_texts_become_syllables(tmp_path: Path) -> None:
    rows = [(f"정말 {word} 영화 {n}", word) for n in range(100) for word in ("좋은", "나쁜")]
    prepared = prepare(read_data(table(tmp_path / "films.csv", rows), settings()), settings())
    assert prepared.preprocessing["vocabulary"]["kind"] == "syllables"
    assert "Hangul" in prepared.reasons["tokens"]


def test_a_named_set_of_running_text_has_no_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    file = SourceFile("all", "play.txt", "0" * 64, 5)
    play = NamedData(
        "play", {"all": PlainTexts(["to be"], [1], "play.txt")}, "", Source("mirror", "plain-text", (file,)), "", ()
    )
    monkeypatch.setattr(text_data, "open_source", lambda source, skip: play)
    with pytest.raises(DataError, match="data set play is running text without labels; labelled are imdb, "):
        read_data("play", settings())
