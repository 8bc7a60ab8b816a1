"""The page about a gallery: whole, self-contained, escaped, and honest about what it cannot measure."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from seodang.core.errors import DataError, ShapeError
from seodang.families.faces.scores.calibration import shipped_calibration
from seodang.families.faces.scores.gallery_report import people_similarity, write_gallery_report
from seodang.families.faces.scores.measures import best_by_person

Rows = NDArray[np.float32]


def album(sizes: list[int], spread: float = 0.07, dimensions: int = 128) -> tuple[Rows, NDArray[np.int64], NDArray[np.uint8]]:
    """Faces of people of given counts, their places in the list of people, and grey squares for crops."""
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    centres = random.normal(size=(len(sizes), dimensions))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    rows = centres[labels] + spread * random.normal(size=(len(labels), dimensions))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    crops = np.broadcast_to((labels % 200 + 20).astype(np.uint8)[:, None, None, None], (len(labels), 20, 20, 3)).copy()
    return rows.astype(np.float32), labels, crops


def written(sizes: list[int], folder: Path, names: list[str] | None = None) -> str:
    rows, labels, crops = album(sizes)
    people = names or [f"Person {number}" for number in range(len(sizes))]
    page = write_gallery_report(people, rows, labels, crops, shipped_calibration("sface"), folder)
    assert page == folder / "index.html"
    return page.read_text("utf-8")


def test_a_gallery_gets_every_section_and_picture(tmp_path: Path) -> None:
    html = written([6] * 14 + [1], tmp_path)
    for heading in ("Result", "Scores", "Verification", "Identification", "Who is like whom", "Worst confusions", "Thresholds"):
        assert f">{heading}" in html
    pictures = {path.stem for path in tmp_path.glob("*.png")}
    assert pictures >= {"scores", "roc", "cmc", "open-set", "similarity", "most-alike", "least-alike", "reliability"}
    assert "equal error rate" in html
    assert "1 person has a single face" in html
    assert "85 (this gallery)" in html
    assert not re.search(r'(src|href)="(?!data:|#)', html)  # needs nothing else


def test_faces_that_overlap_get_a_det_curve(tmp_path: Path) -> None:
    rows, labels, crops = album([6] * 12, spread=0.2)
    write_gallery_report([f"P{n}" for n in range(12)], rows, labels, crops, shipped_calibration("sface"), tmp_path)
    assert (tmp_path / "det.png").stat().st_size > 10_000


def test_two_people_of_one_face_each_are_told_what_is_missing(tmp_path: Path) -> None:
    html = written([1, 1], tmp_path)
    assert "Nobody has two faces" in html
    assert "This needs two people" in html
    assert {path.stem for path in tmp_path.glob("*.png")} == {"scores", "similarity", "most-alike"}


@pytest.mark.parametrize("sizes", [[1], [3], [3, 1], [2, 2]])
def test_the_smallest_galleries_have_a_page(sizes: list[int], tmp_path: Path) -> None:
    html = written(sizes, tmp_path)
    assert "Score from which a match is believed" in html
    assert ("nobody to confuse them with" in html) == (len(sizes) == 1)


def test_of_many_people_the_most_alike_are_drawn(tmp_path: Path) -> None:
    html = written([2] * 55, tmp_path)
    assert "Of 55 people the 50 are drawn who are most like somebody else" in html


def test_names_are_escaped(tmp_path: Path) -> None:
    names = ["<script>alert(1)</script>", 'Ann "A" & $x_1$', "서당 훈장"]
    html = written([4, 4, 4], tmp_path, names)
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "Ann &quot;A&quot; &amp; $x_1$" in html
    assert "서당 훈장" in html


def test_similarity_of_people_by_hand() -> None:
    # ann at 0 and 60, bob at 90: ann's faces score 0 and cos 30 with bob, bob's best with ann is cos 30.
    angles = np.deg2rad([0, 60, 90])
    rows, codes = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32), np.array([0, 0, 1])
    similarity = people_similarity(best_by_person(rows, rows, codes, leave_out=True), codes)
    near = np.cos(np.pi / 6)
    assert similarity[0, 1] == similarity[1, 0] == pytest.approx((0 + near + near) / 3, abs=1e-6)
    assert similarity[0, 0] == pytest.approx(0.5, abs=1e-6)
    assert np.isnan(similarity[1, 1])


def test_what_does_not_belong_together_is_refused(tmp_path: Path) -> None:
    rows, labels, crops = album([2, 2])
    calibration = shipped_calibration("sface")
    with pytest.raises(DataError, match="places in a list of 1 people, from 0; got 0 to 1"):
        write_gallery_report(["Ann"], rows, labels, crops, calibration, tmp_path)
    with pytest.raises(ShapeError, match="One crop a face expected, got 3 for 4"):
        write_gallery_report(["Ann", "Bob"], rows, labels, crops[:3], calibration, tmp_path)
