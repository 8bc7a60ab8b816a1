"""The report is one file without addresses, scripts or holes through which data could become HTML."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from seodang.core.errors import MachineError
from seodang.draw import charts
from seodang.draw.report import Report
from seodang.draw.table import Table

EVIL = '<script>alert("1")</script>&'


class Page(HTMLParser):
    """Tags, ids, links and text of a page; every opened element must be closed."""

    VOID = frozenset({"meta", "img", "path", "use", "rect", "image"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def full_report(word: str) -> Report:
    report = Report(word, word)
    report.heading("Summary")
    report.heading(word, level=3)
    report.paragraph(word)
    report.note(word)
    report.code(word)
    report.facts({word: word, "parameters": 12345, "nothing": None})
    report.table(Table([word, "n"], [[word, 1]], word))
    bars = charts.bars({word: 1.0, "b": 2.0}, title=word, value_label=word)
    report.picture(bars, word)
    report.picture(bars)
    report.highlighted_text([word, "bad"], [0.5, -0.25], caption=word, raises=word, lowers=word)
    return report


def test_data_stays_text() -> None:
    html = full_report(EVIL).html()
    page = Page(html)
    assert "script" not in page.tags and "<script" not in html
    assert page.text.count(EVIL) >= 10
    assert {value for name, value in page.attributes if name == "aria-label"} >= {f"{EVIL}: {EVIL} of 2 groups, from 1 to 2."}


def test_nothing_is_fetched_and_nothing_runs() -> None:
    html = full_report("긍정").html()
    page = Page(html)
    assert not re.search(r"https?:|//[a-z]|@import|url\((?!#)|javascript:", html)
    outside = [
        value for name, value in page.attributes if name in ("src", "href") and not value.startswith(("#", "data:image/png"))
    ]
    assert outside == []
    assert not [name for name, _ in page.attributes if name.startswith("on")]


def test_korean_is_kept_and_declared() -> None:
    html = full_report("재미있는 영화").html()
    assert '<meta charset="utf-8">' in html and "재미있는 영화" in Page(html).text


def test_contents_link_to_headings_that_exist_once() -> None:
    report = Report("Run")
    for heading in ("Words", "Words", "혼동 행렬", "!?"):
        report.heading(heading)
    page = Page(report.html())
    links = [value.removeprefix("#") for name, value in page.attributes if name == "href"]
    assert links == ["words", "words-2", "혼동-행렬", "section"] == page.ids


def test_pictures_carry_their_numbers() -> None:
    page = Page(full_report("a").html())
    assert page.tags.count("details") == 2 and "The numbers" in page.text


def test_a_heavy_picture_goes_in_as_pixels_with_its_description(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seodang.draw.report._LARGEST_SVG", 1000)
    report = Report("Run")
    report.picture(charts.confusion_matrix([[3, 1], [0, 4]], ["a", "b"]))
    page = Page(report.html())
    assert "img" in page.tags and "svg" not in page.tags
    assert ("alt", "Confusion matrix: 2 classes, 87.5% of 8 on the diagonal.") in page.attributes


def test_highlighted_words_show_side_strength_and_number() -> None:
    report = Report("Run")
    report.highlighted_text(["good", "but", "dull"], [0.5, 0.001, -0.25])
    html = report.html()
    assert '<span class="for strong" style="--w:100%" title="+0.5">good</span>' in html
    assert '<span title="+0.001">but</span>' in html
    assert '<span class="against strong" style="--w:50%" title="-0.25">dull</span>' in html


def test_highlighted_words_need_a_weight_each() -> None:
    with pytest.raises(ValueError, match="shorter"):
        Report("Run").highlighted_text(["a", "b"], [1.0])


def test_long_tables_fold_away_and_numbers_stand_right() -> None:
    report = Report("Run")
    report.table(Table(["word", "count"], [["a", number] for number in range(41)], "Vocabulary"))
    html = report.html()
    assert "<summary>Vocabulary: 41 rows</summary>" in html
    assert '<th scope="col" class="number">count</th>' in html and '<th scope="col">word</th>' in html


def test_saving_leaves_one_whole_file(tmp_path: Path) -> None:
    report = full_report("a")
    report.save(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == report.html()
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    with pytest.raises(MachineError, match="there is no such folder"):
        report.save(tmp_path / "missing" / "report.html")
