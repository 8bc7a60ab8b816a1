"""Named data sets: where they are looked for, what is checked, and what the real ones hold."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections import Counter
from pathlib import Path

import pytest

from seodang.core.errors import DataError, MachineError
from seodang.data import named, sources
from seodang.data.cache import home_folder
from seodang.data.named import NamedData, TableParts, describe, load_named, names, open_source
from seodang.data.named_readers import read_imdb_tar, read_nsmc, read_orange_tab
from seodang.data.sources import Fetched, Source, SourceFile, locate
from seodang.data.tables import LabelledTexts
from seodang.data.wheels import Wheel

ROWS = b"id\tdocument\tlabel\n1\tgood\t1\n2\tbad\t0\n3\t\t1\n"
CHECKSUM = hashlib.sha256(ROWS).hexdigest()


def mirror_source(checksum: str = CHECKSUM) -> Source:
    return Source("mirror", "nsmc-tsv", (SourceFile("train", "toy/train.txt", checksum, len(ROWS)),))


def wheel_source() -> Source:
    return Source(
        "wheel", "nsmc-tsv", (SourceFile("train", "toy/data/train.txt", CHECKSUM, len(ROWS)),), Wheel("toy==1", "0" * 64)
    )


def original_source() -> Source:
    return Source("original", "nsmc-tsv", (SourceFile("train", "https://example.invalid/train.txt", None, None),), tried=False)


@pytest.fixture
def toy_mirror(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "mirror"
    (folder / "toy").mkdir(parents=True)
    (folder / "toy" / "train.txt").write_bytes(ROWS)
    monkeypatch.setenv("SEODANG_MIRROR", str(folder))
    return folder


def fake_fetch(monkeypatch: pytest.MonkeyPatch, calls: list[str], content: bytes = ROWS, fails: tuple[str, ...] = ()) -> None:
    """Replace the wheel and the network by functions that write `content`."""

    def member(wheel: Wheel, address: str, checksum: str, path: Path) -> Path:
        calls.append("wheel")
        if "wheel" in fails:
            raise MachineError("no index")
        path.write_bytes(content)
        return path

    def fetch(address: str, path: Path, **options: object) -> Path:
        calls.append("original")
        if "original" in fails:
            raise MachineError("no network")
        path.write_bytes(content)
        return path

    monkeypatch.setattr(sources, "fetch_member", member)
    monkeypatch.setattr(sources, "download", fetch)


def test_mirror_comes_before_the_wheel_and_is_read_in_place(
    toy_mirror: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    fake_fetch(monkeypatch, calls)
    found = locate("toy", (original_source(), wheel_source(), mirror_source()))
    assert (found.source.kind, found.paths["train"], calls) == ("mirror", toy_mirror / "toy" / "train.txt", [])
    assert not home.exists()


def test_wheel_comes_before_the_original_and_is_cached(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    fake_fetch(monkeypatch, calls)
    for _ in range(2):
        found = locate("toy", (original_source(), wheel_source(), mirror_source()))
        assert found.paths["train"] == home / "data" / "toy" / "train.txt"
    assert calls == ["wheel"]


def test_cache_comes_before_the_mirror(toy_mirror: Path, home: Path) -> None:
    cached = home / "data" / "toy" / "train.txt"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(ROWS)
    assert locate("toy", (mirror_source(), wheel_source())).paths["train"] == cached


def test_damaged_cache_is_fetched_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    fake_fetch(monkeypatch, calls)
    cached = home / "data" / "toy" / "train.txt"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"half")
    assert locate("toy", (wheel_source(),)).paths["train"].read_bytes() == ROWS
    assert calls == ["wheel"]


def test_unpublished_checksum_is_recorded_and_held_to(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    fake_fetch(monkeypatch, calls)
    found = locate("toy", (original_source(),))
    assert found.notes == (f"train.txt: its checksum is not published; trusted as first downloaded, sha256 {CHECKSUM}",)
    record = json.loads((home / "data" / "toy" / "train.txt.first-seen.json").read_text())
    assert record == {"address": "https://example.invalid/train.txt", "sha256": CHECKSUM, "size": len(ROWS)}
    asked: dict[str, object] = {}
    found.paths["train"].write_bytes(b"changed")
    monkeypatch.setattr(sources, "download", lambda address, path, **options: asked.update(options) or path.write_bytes(ROWS))
    locate("toy", (original_source(),))
    assert asked["checksum"] == CHECKSUM


def test_next_source_is_tried_and_all_reasons_are_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    fake_fetch(monkeypatch, calls, fails=("wheel",))
    assert locate("toy", (wheel_source(), original_source())).source.kind == "original"
    fake_fetch(monkeypatch, calls, fails=("wheel", "original"))
    with pytest.raises(MachineError, match=r"data set other cannot be fetched\. wheel: no index \| original: no network"):
        locate("other", (wheel_source(), original_source()))


def test_mirror_file_that_differs_is_refused(toy_mirror: Path) -> None:
    with pytest.raises(DataError, match=r"toy.train\.txt: expected sha256 0{64}, got [0-9a-f]{64}; copy it again"):
        locate("toy", (mirror_source("0" * 64),))


def test_set_that_stands_only_in_a_mirror(home: Path) -> None:
    with pytest.raises(DataError, match=r"stands only in a mirror: set SEODANG_MIRROR to a folder that holds toy/"):
        locate("toy", (mirror_source(),))


def test_mirror_that_is_no_folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEODANG_MIRROR", "/nowhere/at/all")
    with pytest.raises(DataError, match="SEODANG_MIRROR is /nowhere/at/all, which is not a folder"):
        locate("toy", (mirror_source(),))


def test_cache_folder_without_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEODANG_HOME", raising=False)
    assert home_folder().name == "seodang"


def test_registry_is_sorted_and_whole() -> None:
    assert names("text") == ("imdb", "newsgroups", "nsmc", "nsmc-rebuilt", "reuters-r52", "rotten-tomatoes")
    assert names("corpus") == ("tiny-shakespeare", "wikipedia-sample")
    assert names("word-test") == ("google-analogies", "men", "simlex-999", "wordsim-353")
    assert names("segmentation") == ("drawn-cells", "dsb2018")
    assert names("translation") == ("facades",)
    tasks = ("text", "corpus", "word-test", "segmentation", "translation", "images")
    assert names() == tuple(sorted(name for task in tasks for name in names(task)))
    for name in names():
        entry = describe(name)
        assert entry.licence
        assert entry.citation
        for source in entry.sources:
            unknown = [file for file in source.files if file.sha256 is None or file.size is None]
            assert not unknown if source.tried else source.kind == "original"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("imbd", r"imbd: no such file, and no data set has this name\. Did you mean imdb\?"),
        ("zzz", r"There are drawn-cells, dsb2018, facades, google-analogies, imdb, "),
    ],
)
def test_unknown_name(name: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_named(name)


@pytest.mark.parametrize("source", ["reviews.csv", "data/imdb", "imdb.jsonl.xz"])
def test_source_that_looks_like_a_file_is_called_missing(source: str) -> None:
    with pytest.raises(DataError, match=f"{source}: no such file or folder"):
        open_source(source)


def test_path_wins_over_a_name_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("pos", "neg"):
        (tmp_path / "imdb" / name).mkdir(parents=True)
        (tmp_path / "imdb" / name / "0.txt").write_text(name)
    opened = open_source("imdb")
    assert isinstance(opened, TableParts)
    assert list(opened.parts) == ["all"]
    assert opened.notes == ("imdb is also the name of a data set; the file or folder here was taken",)


def test_nsmc_reader_counts_rows_without_a_document(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_bytes(ROWS)
    part = read_nsmc(Fetched(mirror_source(), {"train": tmp_path / "train.txt"}))["train"]
    assert isinstance(part, LabelledTexts)
    assert (part.texts, part.labels, part.skipped) == (["good", "bad"], ["positive", "negative"], 1)
    assert part.notes == ("train: 1 row without a document left out",)


def test_orange_reader(tmp_path: Path) -> None:
    path = tmp_path / "a.tab"
    path.write_text("Category\tText\nd\tstring\nclass\t\n\nsci.space\tthe moon\n\t\nrec.autos\ta car\n")
    part = read_orange_tab(Fetched(mirror_source(), {"train": path}))["train"]
    assert isinstance(part, LabelledTexts)
    assert (part.texts, part.labels, part.row_numbers, part.skipped) == (
        ["the moon", "a car"],
        ["sci.space", "rec.autos"],
        [5, 7],
        1,
    )
    path.write_text("Category\tText\na\tb\n")
    with pytest.raises(DataError, match="expected Orange's three header lines"):
        read_orange_tab(Fetched(mirror_source(), {"train": path}))


def imdb_archive(path: Path, leave_out: str = "") -> Path:
    """A small archive in the form of aclImdb_v1.tar.gz: two texts of every kind, members out of order."""
    members: dict[str, str] = {"aclImdb/README": "x"}
    for part, label in (("train", "unsup"), ("train", "neg"), ("train", "pos"), ("test", "neg"), ("test", "pos")):
        rating = {"pos": 9, "neg": 2, "unsup": 0}[label]
        for number in (10, 2):
            members[f"aclImdb/{part}/{label}/{number}_{rating}.txt"] = f"{part} {label} {number}<br />"
        films = [f"http://www.imdb.com/title/tt{number:07}/usercomments" for number in range(11)]
        members[f"aclImdb/{part}/urls_{label}.txt"] = "\n".join(films) + "\n"
    with tarfile.open(path, "w:gz") as archive:
        for name, text in members.items():
            if name != leave_out:
                info = tarfile.TarInfo(name)
                info.size = len(text.encode())
                archive.addfile(info, io.BytesIO(text.encode()))
    return path


def test_imdb_archive_gives_labels_from_folders_and_films_from_urls(tmp_path: Path) -> None:
    parts = read_imdb_tar(Fetched(original_source(), {"all": imdb_archive(tmp_path / "aclImdb_v1.tar.gz")}))
    train = parts["train"]
    assert isinstance(train, LabelledTexts)
    assert train.texts == ["train pos 2<br />", "train pos 10<br />", "train neg 2<br />", "train neg 10<br />"]
    assert train.labels == ["positive", "positive", "negative", "negative"]
    assert train.groups == ["tt0000002", "tt0000010"] * 2
    assert train.extra["rating"] == ["9", "9", "2", "2"]
    assert train.where(0) == "aclImdb/train/pos/2_9.txt"
    assert parts["unlabelled"].texts == ["train unsup 2<br />", "train unsup 10<br />"]


def test_imdb_archive_that_is_incomplete_or_cut(tmp_path: Path) -> None:
    path = imdb_archive(tmp_path / "a.tar.gz", leave_out="aclImdb/test/urls_neg.txt")
    with pytest.raises(DataError, match="aclImdb/test/neg and its urls file do not fit"):
        read_imdb_tar(Fetched(original_source(), {"all": path}))
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match=r"a\.tar\.gz is damaged or not a tar\.gz archive"):
        read_imdb_tar(Fetched(original_source(), {"all": path}))


def test_other_content_under_the_same_name_gets_a_name_of_its_own(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = home / "data" / "imdb"
    folder.mkdir(parents=True)
    path = imdb_archive(folder / "aclImdb_v1.tar.gz")
    record = {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    (folder / "aclImdb_v1.tar.gz.first-seen.json").write_text(json.dumps(record))
    data = load_named("imdb")
    assert data.source.kind == "original"
    assert data.name.startswith("imdb-")
    assert f"so it is named {data.name}" in data.notes[-1]


def test_imdb_from_the_mirror(mirror: Path) -> None:
    data = load_named("imdb", parts=["train"])
    train = data.labelled("train")
    assert (data.name, len(train), Counter(train.labels)) == ("imdb", 25_000, {"positive": 12_500, "negative": 12_500})
    assert train.groups is not None
    assert len(set(train.groups)) == 3_456
    assert train.groups[0] == "tt0453418"
    assert data.unlabelled is None
    with pytest.raises(DataError, match="no labelled part 'test'; it has train"):
        data.labelled("test")


def test_nsmc_rebuilt_from_the_mirror(mirror: Path) -> None:
    data = open_source("nsmc-rebuilt")
    assert isinstance(data, NamedData)
    assert {name: len(part) for name, part in data.parts.items()} == {"train": 150_000, "test": 50_000}
    assert len(set(data.labelled("train").texts) & set(data.labelled("test").texts)) > 0


@pytest.mark.parametrize(
    ("name", "sizes", "classes"),
    [
        ("rotten-tomatoes", {"all": 12_808}, 2),
        ("newsgroups", {"train": 11_293, "test": 7_528}, 20),
        ("reuters-r52", {"train": 6_532, "test": 2_568}, 52),
    ],
)
def test_sets_from_wheels(home: Path, name: str, sizes: dict[str, int], classes: int) -> None:
    try:
        data = load_named(name)
    except MachineError as error:
        pytest.skip(f"no package index: {error}")
    assert {part: len(content) for part, content in data.parts.items()} == sizes
    assert len(data.labelled(next(iter(sizes))).classes) == classes
    assert data.name == name
    if name == "rotten-tomatoes":
        assert Counter(data.labelled("all").labels) == {"fresh": 7_403, "rotten": 5_405}
        assert data.notes == ("1,097 plot rows dropped: they retell the film and judge nothing",)


def test_unknown_part(mirror: Path) -> None:
    with pytest.raises(DataError, match="data set nsmc-rebuilt has no part 'validation'"):
        named.load_named("nsmc-rebuilt", parts=["validation"])
