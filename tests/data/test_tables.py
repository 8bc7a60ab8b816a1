"""Reading a user's own table: every format, every compression, and every kind of bad input with its message."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import sys
from pathlib import Path

import pytest

from seodang.core.errors import DataError, MissingExtraError
from seodang.data.tables import check_classes, labelled_texts, plain_texts, read_parts, read_table

CSV = 'text,label\nA quiet film,pos\n"Loud, long",neg\n'


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


CONTENTS = {
    "reviews.csv": CSV,
    "reviews.tsv": "text\tlabel\nA quiet film\tpos\nLoud, long\tneg\n",
    "reviews.txt": "text\tlabel\nA quiet film\tpos\nLoud, long\tneg",
    "reviews.jsonl": '{"text": "A quiet film", "label": "pos"}\n{"label": "neg", "text": "Loud, long"}\n',
    "reviews.ndjson": '{"text": "A quiet film", "label": "pos"}\n{"text": "Loud, long", "label": "neg"}',
    "reviews.json": '[{"text": "A quiet film", "label": "pos"},\n {"text": "Loud, long", "label": "neg"}]',
}
COMPRESS = {"": bytes, ".gz": gzip.compress, ".xz": lzma.compress, ".bz2": bz2.compress}


@pytest.mark.parametrize("suffix", COMPRESS)
@pytest.mark.parametrize("name", CONTENTS)
def test_every_format_and_compression_reads_the_same(tmp_path: Path, name: str, suffix: str) -> None:
    path = write(tmp_path, name + suffix, COMPRESS[suffix](CONTENTS[name].encode()))
    read = labelled_texts(read_table(path))
    assert read.texts == ["A quiet film", "Loud, long"]
    assert read.labels == ["pos", "neg"]
    assert read.classes == ("neg", "pos")


@pytest.mark.parametrize("suffix", COMPRESS)
def test_parquet(tmp_path: Path, suffix: str) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.table({"text": ["a", "b", None], "label": [1.0, 0.0, 1.0]}), tmp_path / "plain.parquet")
    path = write(tmp_path, "reviews.parquet" + suffix, COMPRESS[suffix]((tmp_path / "plain.parquet").read_bytes()))
    read = labelled_texts(read_table(path), skip_bad_rows=True)
    assert (read.texts, read.labels, read.skipped) == (["a", "b"], ["1", "0"], 1)


def test_parquet_without_pyarrow_names_the_pip_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    path = write(tmp_path, "reviews.parquet", b"PAR1 and more")
    with pytest.raises(MissingExtraError, match=r"pip install 'seodang\[parquet\]'"):
        read_table(path)


def test_parquet_that_is_damaged(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    with pytest.raises(DataError, match=r"reviews\.parquet is not a readable Parquet file"):
        read_table(write(tmp_path, "reviews.parquet", b"PAR1 and nothing more"))


def test_row_numbers_are_those_of_an_editor(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, "a.csv", 'text,label\n"two\nlines",x\n\nlast,y\n'))
    assert table.row_numbers == [2, 5]
    assert table.blank_lines == 1
    assert table.column("text") == ["two\nlines", "last"]


def test_byte_order_mark_and_windows_line_ends_are_accepted(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, "a.csv", b"\xef\xbb\xbftext,label\r\nx,1\r\ny,0\r\n"))
    assert table.columns == ("text", "label")
    assert table.column("label") == ["1", "0"]


def test_line_separator_inside_a_text_is_no_new_row(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, "a.csv", "text,label\none\u2028two\x85three,1\ny,0\n"))
    assert table.row_numbers == [2, 3]
    assert table.column("text")[0] == "one\u2028two\x85three"


def test_long_text_is_read_whole(tmp_path: Path) -> None:
    text = "word " * 100_000
    table = read_table(write(tmp_path, "a.csv", f"text,label\n{text},1\n"))
    assert table.column("text") == [text]


@pytest.mark.parametrize(("mark", "name"), [(";", "semicolons"), ("\t", "tabs"), ("|", "vertical bars")])
def test_other_separator_in_a_csv_is_recognised_and_noted(tmp_path: Path, mark: str, name: str) -> None:
    table = read_table(write(tmp_path, "a.csv", f"text{mark}label\na, b{mark}1\n"))
    assert table.column("text") == ["a, b"]
    assert table.notes == (f"a.csv is separated by {name}",)


def test_tsv_keeps_quotes_as_letters(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, "a.tsv", 'document\tlabel\n"so so" she said\t1\nhe said "no\t0\n'))
    assert table.column("document") == ['"so so" she said', 'he said "no']
    assert table.notes == ()


def test_tsv_that_was_written_with_quotes_is_recognised(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, "a.tsv", 'text\tlabel\n"she said ""no"""\t1\nplain\t0\n'))
    assert table.column("text") == ['she said "no"', "plain"]
    assert table.notes == ("a.tsv: quotes around 1 fields taken off",)


def test_checksum_is_of_the_bytes(tmp_path: Path) -> None:
    one = read_table(write(tmp_path, "a.csv", CSV)).checksum
    same = read_table(write(tmp_path, "b.csv", CSV)).checksum
    other = read_table(write(tmp_path, "c.csv", CSV + "x,pos\n")).checksum
    assert one == same != other


def test_json_values_become_the_text_a_user_would_write(tmp_path: Path) -> None:
    rows = [{"text": "a", "label": 1}, {"text": "b", "label": 0.0}, {"text": "c", "label": True}, {"text": "d", "label": "x"}]
    read = labelled_texts(read_table(write(tmp_path, "a.jsonl", "\n".join(map(json.dumps, rows)))))
    assert read.labels == ["1", "0", "true", "x"]


def test_json_lines_under_the_suffix_json_are_read_and_noted(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, "a.json", '{"text": "a", "label": 1}\n{"text": "b", "label": 0}\n'))
    assert table.column("text") == ["a", "b"]
    assert table.notes == ("a.json holds an object a line and was read as JSON lines",)


BAD_FILES = {
    "empty": ("a.csv", b"", r"a\.csv is empty: .* got 0 bytes"),
    "empty inside": ("a.csv.gz", gzip.compress(b""), r"a\.csv\.gz is empty: .* after decompression"),
    "header only": ("a.csv", b"text,label\n", r"a\.csv holds no rows: .* only the header \(text, label\)"),
    "blank lines only": ("a.jsonl", b"\n\n", r"a\.jsonl holds no rows: .* got nothing"),
    "no header": ("a.csv", b"\na,b\n", r"a\.csv, row 1: expected a header with column names, got an empty line"),
    "ragged": ("a.csv", b"text,label\na,1\nb,c,1\n", r"row 3: expected 2 columns \(text, label\), got 3; put double quotes"),
    "ragged after line breaks": ("a.csv", b'text,label\n"a\nb",1\nc\n', r"row 4: expected 2 columns \(text, label\), got 1"),
    "ragged tsv": ("a.tsv", b"text\tlabel\na\tb\t1\n", r"row 2: expected 2 columns \(text, label\), got 3; remove tabs"),
    "unclosed quote": ("a.csv", b'text,label\na,1\n"b,1\nc,0\n', r"a\.csv, row 3: a double quote opens here and never closes"),
    "stray quote": ("a.csv", b'text,label\n"a" b,1\n', r"a\.csv, row 2: a quoted text goes on after its closing quote"),
    "same name twice": (
        "a.csv",
        b"text,label,text\na,1,b\n",
        r"row 1: 3 columns, and two or more are named 'text'; rename one",
    ),
    "latin-1": (
        "a.csv",
        "text,label\nok,1\ncafé au lait,1\n".encode("latin-1"),
        r"row 3: byte 0xe9 at position 19 is not UTF-8",
    ),
    "which encoding": (
        "a.csv",
        "text,label\ncafé,1\n".encode("latin-1"),
        r"looks like CP1252; convert it: iconv -f CP1252 -t UTF-8 a\.csv",
    ),
    "cp949": (
        "a.csv.xz",
        lzma.compress("text,label\n정말 재미있다,1\n".encode("cp949")),
        r"looks like CP949; .* a\.csv > a-utf8\.csv",
    ),
    "utf-16": ("a.csv", "text,label\na,1\n".encode("utf-16"), r"row 1: byte 0xff at position 0 .* looks like UTF-16"),
    "utf-16 without mark": (
        "a.csv",
        "text,label\na,1\n".encode("utf-16-le"),
        r"row 1: full of NUL bytes, so it looks like UTF-16",
    ),
    "NUL": ("a.csv", b"text,label\nab\0c,1\n", r"a\.csv, row 2: holds a NUL byte at character 3"),
    "gzip inside csv": ("a.csv", gzip.compress(b"text,label\n"), r"a\.csv is gzip data, .*; rename it to a\.csv\.gz"),
    "workbook": ("a.csv", b"PK\x03\x04 and more", r"a zip archive or an Excel workbook.* save the sheet as CSV UTF-8"),
    "web page": ("a.csv", b"<!DOCTYPE html><html>", r"a\.csv is a web page"),
    "not gzip": ("a.csv.gz", CSV.encode(), r"a\.csv\.gz is not gzip data although its name ends in \.gz"),
    "cut xz": ("a.csv.xz", lzma.compress(CSV.encode() * 999)[:90], r"a\.csv\.xz is damaged or cut short: its xz data"),
    "cut gz": ("a.csv.gz", gzip.compress(CSV.encode() * 999)[:60], r"a\.csv\.gz is damaged or cut short: its gzip data"),
    "cut bz2": ("a.csv.bz2", bz2.compress(CSV.encode() * 999)[:60], r"a\.csv\.bz2 is damaged or cut short: its bzip2 data"),
    "JSON in csv": ("a.csv", b'{"text": "a"}\n', r"a\.csv looks like JSON"),
    "not JSON": (
        "a.jsonl",
        b'{"text": "a", "label": 1}\n{"text": b}\n',
        r"a\.jsonl, row 2: not valid JSON \(Expecting value at column 10\)",
    ),
    "not an object": ("a.jsonl", b'["a", 1]\n', r"a\.jsonl, row 1: expected a JSON object, got a list"),
    "lone surrogate": ("a.jsonl", b'{"text": "\\ud800", "label": 1}\n', r"a\.jsonl, row 1: holds half a surrogate pair"),
    "escaped NUL": ("a.jsonl", b'{"text": "a\\u0000", "label": 1}\n', r"a\.jsonl, row 1: holds a NUL character"),
    "broken list": (
        "a.json",
        b'[{"text": "a"},\n {"text": }]',
        r"a\.json, row 2: not valid JSON .* expected a list of objects",
    ),
    "one object": ("a.json", b'{"rows": 3}', r"a\.json: expected a list of objects, got one object"),
    "list of numbers": ("a.json", b"[1, 2]", r"a\.json, row 1: expected a JSON object, got a number"),
    "unknown suffix": ("a.xls", b"x", r"a\.xls: expected a file named \.csv, .*; give the file the suffix of what it holds"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_file_is_one_clear_line(tmp_path: Path, case: str) -> None:
    name, content, message = BAD_FILES[case]
    with pytest.raises(DataError, match=message) as caught:
        read_table(write(tmp_path, name, content))
    assert "\n" not in str(caught.value)


def test_missing_file_names_a_near_one(tmp_path: Path) -> None:
    write(tmp_path, "reviews.csv", CSV)
    with pytest.raises(DataError, match=r"review\.csv: no such file or folder\. Did you mean '.*reviews\.csv'"):
        read_table(tmp_path / "review.csv")


def test_broken_rows_can_be_skipped_and_are_counted(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, "a.csv", "text,label\na,1\nb,c,1\nd,0\n,1\n"), skip_bad_rows=True)
    assert [(bad.row, bad.what) for bad in table.skipped] == [(3, "expected 2 columns (text, label), got 3")]
    read = labelled_texts(table, skip_bad_rows=True)
    assert (read.texts, read.skipped, read.row_numbers) == (["a", "d"], 2, [2, 4])


@pytest.mark.parametrize(
    ("header", "text", "label"),
    [
        ("Review,Sentiment", "Review", "Sentiment"),
        ("id,DOCUMENT,class", "DOCUMENT", "class"),
        ("sentence,category", "sentence", "category"),
    ],
)
def test_usual_column_names_are_found_in_any_case(tmp_path: Path, header: str, text: str, label: str) -> None:
    width = header.count(",") + 1
    rows = "\n".join(",".join([value] * width) for value in "ab")
    read = labelled_texts(read_table(write(tmp_path, "a.csv", f"{header}\n{rows}\n")))
    assert (read.text_column, read.label_column) == (text, label)


def test_columns_named_by_the_user_and_extra_columns(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, "a.csv", "Body,stars,film\na,1,x\nb,2,y\n"))
    read = labelled_texts(table, "body", "stars", "film")
    assert (read.texts, read.labels, read.groups) == (["a", "b"], ["1", "2"], ["x", "y"])
    assert read.extra == {"film": ["x", "y"]}


@pytest.mark.parametrize(
    ("content", "columns", "message"),
    [
        (
            "body,label\na,1\n",
            {},
            r"no column is named text, review, document or sentence; .* --text-column\. Columns: body, label",
        ),
        ("text,stars\na,1\n", {}, r"no column is named label, .* --label-column\. Columns: text, stars"),
        ("text,review,label\na,b,1\n", {}, r"columns text, review could each be the text; choose one with --text-column text"),
        (
            "text,label,class\na,b,1\n",
            {},
            r"columns label, class could each be the label; choose one with --label-column label",
        ),
        ("text,label\na,1\n", {"text_column": "body"}, r"--text-column body: no such column\. Columns: text, label"),
        ("text,label\na,1\n", {"group_by": "film"}, r"--group-by film: no such column"),
        ("text,label\na,1\n", {"label_column": "text"}, r"--text-column and --label-column both name text"),
        ("A film that I would see again,1\nb,0\n", {}, r"does the file lack a header row"),
        (
            "text,label\na,1\nb,\n ,0\n",
            {},
            r"a\.csv, row 3: label is empty; remove the row or pass --skip-bad-rows \(2 such rows: 3, 4\)",
        ),
        ("text,label\na,1\n  ,0\n", {}, r"a\.csv, row 3: text is empty; .* \(the only such row\)"),
        ("text,label,film\na,1,\nb,0,x\n", {"group_by": "film"}, r"a\.csv, row 2: group is empty"),
    ],
)
def test_bad_columns_and_rows(tmp_path: Path, content: str, columns: dict[str, str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        labelled_texts(read_table(write(tmp_path, "a.csv", content)), **columns)


def test_labels_of_one_class_are_read_and_refused_where_something_is_to_be_learned(tmp_path: Path) -> None:
    read = labelled_texts(read_table(write(tmp_path, "a.csv", "text,label\na,1\nb,1\n")))
    assert read.classes == ("1",)
    with pytest.raises(DataError, match=r"a\.csv: every label in column label is '1'; expected at least two classes"):
        check_classes(read.source, read.label_column, read.labels)


def test_missing_key_is_not_called_empty(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, "a.jsonl", '{"text": "a", "label": 1}\n{"text": "b"}\n{"text": "c", "label": null}\n'))
    with pytest.raises(DataError, match=r"a\.jsonl, row 2: key 'label' is missing; .* \(2 such rows: 2, 3\)"):
        labelled_texts(table)


def test_key_that_appears_late_is_missing_before(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, "a.jsonl", '{"text": "a"}\n{"text": "b", "label": 1}\n'))
    with pytest.raises(DataError, match=r"a\.jsonl, row 1: key 'label' is missing"):
        labelled_texts(table)


def test_nothing_left_after_skipping(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none of its 2 rows can be used"):
        labelled_texts(read_table(write(tmp_path, "a.csv", "text,label\na,\nb,\n")), skip_bad_rows=True)


def test_plain_texts_need_no_label_and_a_single_column_no_name(tmp_path: Path) -> None:
    assert plain_texts(read_table(write(tmp_path, "a.csv", "opinion\ngood\nbad\n"))).texts == ["good", "bad"]
    assert plain_texts(read_table(write(tmp_path, "b.csv", "id,text\n1,good\n"))).texts == ["good"]


def test_class_folder(tmp_path: Path) -> None:
    for name in ("pos/10_8.txt", "pos/2_9.txt", "neg/0_1.txt", "unsup/0_0.txt", "pos/notes.md", ".git/x.txt"):
        write(tmp_path / "films", name, name)
    table = read_table(tmp_path / "films")
    read = labelled_texts(table)
    assert read.texts == ["neg/0_1.txt", "pos/2_9.txt", "pos/10_8.txt"]
    assert read.labels == ["neg", "pos", "pos"]
    assert table.notes == ("unsup/: 1 unlabelled text left out", "1 file without the suffix .txt left out")
    assert read.where(1).endswith("films/pos/2_9.txt")


def test_folder_checksum_sees_names_and_contents(tmp_path: Path) -> None:
    write(tmp_path / "a", "pos/1.txt", "x")
    first = read_table(tmp_path / "a").checksum
    write(tmp_path / "b", "pos/2.txt", "x")
    write(tmp_path / "c", "pos/1.txt", "y")
    assert len({first, read_table(tmp_path / "b").checksum, read_table(tmp_path / "c").checksum}) == 3


def test_folder_in_parts(tmp_path: Path) -> None:
    for name in ("train/pos/0.txt", "train/neg/0.txt", "test/pos/0.txt", "test/neg/0.txt"):
        write(tmp_path / "aclImdb", name, name)
    write(tmp_path / "aclImdb", "README", "x")
    parts = read_parts(tmp_path / "aclImdb")
    assert {name: table.column("text") for name, table in parts.items()} == {
        "train": ["train/neg/0.txt", "train/pos/0.txt"],
        "test": ["test/neg/0.txt", "test/pos/0.txt"],
    }
    with pytest.raises(DataError, match=r"holds the parts train, test; name one of them, for example .*train"):
        read_table(tmp_path / "aclImdb")


def test_file_is_one_part(tmp_path: Path) -> None:
    assert list(read_parts(write(tmp_path, "a.csv", CSV))) == ["all"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], r"expected one sub-folder a class .* got an empty folder"),
        (["reviews.csv"], r"got files \(reviews\.csv\); name one of them"),
        (["pos/a.png"], r"got sub-folders without any \(pos\)"),
    ],
)
def test_folder_without_classes(tmp_path: Path, files: list[str], message: str) -> None:
    (tmp_path / "data").mkdir()
    for name in files:
        write(tmp_path / "data", name, "x")
    with pytest.raises(DataError, match=message):
        read_table(tmp_path / "data")


def test_folder_with_an_empty_or_undecodable_file(tmp_path: Path) -> None:
    write(tmp_path / "a", "pos/1.txt", "x")
    write(tmp_path / "a", "neg/1.txt", "")
    with pytest.raises(DataError, match=r"neg.1\.txt: text is empty; .* \(the only such row\)"):
        labelled_texts(read_table(tmp_path / "a"))
    write(tmp_path / "a", "neg/1.txt", "정말 재미있다".encode("cp949"))
    with pytest.raises(DataError, match=r"neg.1\.txt: byte 0x.. at position 0 is not UTF-8; the file looks like CP949"):
        read_table(tmp_path / "a")
