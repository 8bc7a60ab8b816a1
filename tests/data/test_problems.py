"""The data doctor: all findings at once, each with its place."""

from __future__ import annotations

from pathlib import Path

from seodang.core.values import Finding
from seodang.data.problems import check_source


def check(folder: Path, content: str, name: str = "a.csv", **columns: str) -> list[Finding]:
    (folder / name).write_text(content, encoding="utf-8")
    return check_source(folder / name, **columns)


def balanced(rows: int = 12) -> str:
    words = ["amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heath", "inlet", "jetty", "knoll", "larch"]
    return "".join(f"{words[row % 12]} {side},{side}\n" for row in range(rows) for side in ("pos", "neg"))


def test_clean_table_has_no_findings(tmp_path: Path) -> None:
    assert check(tmp_path, "text,label\n" + balanced()) == []


def test_all_errors_are_listed_at_once(tmp_path: Path) -> None:
    bad = "one,two,pos\nlonely\n,pos\nno label,\n"
    found = check(tmp_path, "text,label\n" + balanced() + bad)
    assert [(finding.severity, finding.where) for finding in found] == [
        ("error", "a.csv, rows 26, 27"),
        ("error", "a.csv, row 28"),
        ("error", "a.csv, row 29"),
    ]
    assert found[0].what == "expected 2 columns (text, label), got 3 (and 1 more)"
    assert found[1].what == "text is empty (1 row)"
    assert found[2].what == "label is empty (1 row)"


def test_warnings(tmp_path: Path) -> None:
    extra = "amber pos,pos\nAmber  POS,neg\n<br />what a film,Pos\n!!,neg \nonce,rare\n"
    found = check(tmp_path, "text,label\n" + balanced() + extra)
    whats = {finding.what: finding for finding in found}
    assert {finding.severity for finding in found} == {"warning", "note"}
    assert whats["HTML left in the text (1 text)"].severity == "note"  # it is stripped, so nothing is to be done
    assert "one label in several spellings: 'Pos', 'pos'" in whats
    assert "one label in several spellings: 'neg', 'neg '" in whats
    assert "classes with fewer than 10 rows: Pos, rare" in whats
    assert whats["equal texts with different labels (1 text): 'amber pos'"].where == "a.csv, rows 2, 26, 27"
    assert "texts that repeat an earlier one (2 rows): 'amber pos'" in whats
    assert whats["HTML left in the text (1 text)"].where == "a.csv, row 28"
    assert whats["fewer than 2 letters (1 text)"].where == "a.csv, row 29"


def test_imbalance_names_both_ends(tmp_path: Path) -> None:
    rows = "".join(f"text number {row} of many,{'a' if row < 150 else 'b'}\n" for row in range(160))
    found = check(tmp_path, "text,label\n" + rows)
    assert [finding.what for finding in found] == ["classes are unbalanced: 'a' has 150 rows, 'b' 10"]


def test_label_column_full_of_different_values_is_doubted(tmp_path: Path) -> None:
    rows = "".join(f"text number {row},id-{row}\n" for row in range(30))
    assert [finding.what for finding in check(tmp_path, "text,label\n" + rows)] == ["30 classes in 30 rows"]


def test_columns_not_found_and_one_class(tmp_path: Path) -> None:
    found = check(tmp_path, "body,mark\na,1\n")
    assert [finding.fix for finding in found] == ["pass --text-column", "pass --label-column"]
    (only,) = (finding for finding in check(tmp_path, "text,label\naa,1\nbb,1\n") if finding.severity == "error")
    assert "expected at least two classes" in only.what


def test_unreadable_file_is_one_finding(tmp_path: Path) -> None:
    (found,) = check(tmp_path, "")
    assert found.severity == "error"
    assert "a.csv is empty" in found.what
