"""Charts show the numbers they were given, say them in their table, and refuse what cannot be drawn."""

from __future__ import annotations

import math
import re
import threading
from itertools import pairwise
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from seodang.core.errors import DataError, MachineError, SettingsError, ShapeError
from seodang.draw import charts
from seodang.draw.style import KOREAN_FONT, Picture, font, plain, width_in_columns
from seodang.draw.table import Table, format_cell


def words_of(picture: Picture) -> list[str]:
    """All text that the picture draws."""
    figure = picture._figure
    figure.draw_without_rendering()
    return [text.get_text() for text in figure.findobj(matplotlib.text.Text) if text.get_text()]


def curves(name: str = "학습 손실") -> Picture:
    return charts.training_curves({name: ([1, 2, 3], [0.9, 0.5, 0.4])}, {"accuracy": ([1, 2, 3], [0.6, 0.7, 0.8])}, best=2)


def test_the_same_picture_gives_the_same_bytes() -> None:
    assert curves().png(dpi=50) == curves().png(dpi=50)
    assert curves().svg() == curves().svg()


def test_names_in_an_svg_are_its_own() -> None:
    one, other = (set(re.findall(r'id="([^"]+)"', curves(name).svg())) for name in ("loss", "perplexity"))
    assert one and not one & other


def test_drawing_in_threads_changes_no_setting_and_no_byte() -> None:
    settings = dict(matplotlib.rcParams)
    expected, results = curves().png(dpi=40), []
    threads = [threading.Thread(target=lambda: results.append(curves().png(dpi=40))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * 4
    assert dict(matplotlib.rcParams) == settings


def test_korean_is_drawn_from_the_bundled_font() -> None:
    assert KOREAN_FONT.stat().st_size < 2_500_000
    assert (KOREAN_FONT.parent / "OFL.txt").read_text(encoding="utf-8").count("SIL OPEN FONT LICENSE") >= 1

    def ink(text: str) -> bytes:
        figure = Figure(figsize=(2, 0.5))
        figure.text(0.1, 0.3, plain(text), fontproperties=font(14))
        return Picture(figure, text).png(dpi=60)

    assert len({ink("긍정"), ink("부정"), ink("□□")}) == 3


def test_letters_of_users_are_drawn_as_they_are() -> None:
    assert plain("costs $5 to $10") == r"costs \$5 to \$10"
    assert plain("a\nb\t c") == "a b c"
    assert plain("좋아요 🫠") == "좋아요 □"
    assert plain("아주 긴 이름", 7) == "아주 …" and width_in_columns("아주 …") == 6
    picture = charts.bars({"$x^2$": 1.0, "🫠": 2.0}, title="$a$", value_label="n")
    assert picture.png(dpi=40)


def test_training_curves_hold_both_kinds_and_the_kept_checkpoint() -> None:
    picture = curves()
    assert {"학습 손실", "accuracy", "kept: epoch 2"} <= set(words_of(picture))
    assert picture.table == Table(
        ["epoch", "학습 손실", "accuracy"], [[1.0, 0.9, 0.6], [2.0, 0.5, 0.7], [3.0, 0.4, 0.8]], "Values drawn"
    )


def test_a_long_line_keeps_every_evaluation_in_its_table() -> None:
    steps = np.arange(10_000)
    table = charts.lines(
        {"loss": (steps, steps / 1e4), "accuracy": ([777], [0.5])}, title="t", x_label="step", y_label=""
    ).table
    assert table is not None and len(table.rows) < 250
    assert [777.0, 0.0777, 0.5] in [list(row) for row in table.rows]


def test_lines_of_unequal_length_are_refused() -> None:
    with pytest.raises(ShapeError, match="'loss': as many x as y values expected, got 2 and 3"):
        charts.lines({"loss": ([1, 2], [1, 2, 3])}, title="t", x_label="step", y_label="loss")


def test_histogram_counts_every_value_and_shares_the_last_bar() -> None:
    values = [*range(1, 101)] * 20 + [5000, 6000]
    picture = charts.histogram(values, title="Length", x_label="tokens", markers={"cut at": 400})
    assert picture.table is not None
    assert sum(int(str(row[1])) for row in picture.table.rows) == len(values)
    assert picture.table.rows[-1] == ["410 to 6,000", 2] or str(picture.table.rows[-1][0]).endswith("to 6,000")
    assert "cut at: 400" in words_of(picture)


def test_histogram_shows_a_marker_beyond_the_longest_value() -> None:
    picture = charts.histogram([3, 5, 8], title="Length", x_label="tokens", markers={"cut at": 400})
    assert picture._figure.axes[0].get_xlim()[1] >= 400


def test_histogram_refuses_nan() -> None:
    with pytest.raises(DataError, match="finite numbers expected, got NaN or infinity"):
        charts.histogram([1.0, math.nan], title="Scores", x_label="score")


def test_confusion_matrix_writes_counts_and_honest_row_shares() -> None:
    words = words_of(charts.confusion_matrix([[998, 2], [0, 10]], ["긍정", "부정"]))
    assert {"998", ">99%", "2", "<1%", "0", "10", "100%", "긍정"} <= set(words)


@pytest.mark.parametrize("size", [2, 13, 50])
def test_confusion_matrix_labels_do_not_overlap(size: int) -> None:
    picture = charts.confusion_matrix(
        np.eye(size, dtype=int) * 1234, [f"a rather long 이름 {number}" for number in range(size)]
    )
    axes = picture._figure.axes[0]
    picture._figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in axes.get_yticklabels()]
    assert all(upper.y0 >= lower.y1 for upper, lower in pairwise(boxes))
    cell = axes.transData.transform([[0, 0], [1, 1]])
    width = abs(cell[1, 0] - cell[0, 0])
    assert all(text.get_window_extent().width <= width for text in axes.texts)


def test_confusion_matrix_must_be_square() -> None:
    with pytest.raises(ShapeError, match=r"counts of shape \(2, 2\) expected for 2 labels, got \(2, 3\)"):
        charts.confusion_matrix([[1, 2, 3], [4, 5, 6]], ["a", "b"])


def test_calibration_error_is_the_mean_gap_weighted_by_counts() -> None:
    picture = charts.reliability_diagram([0.6, 0.9, math.nan], [0.5, 1.0, math.nan], [30, 10, 0])
    assert "calibration error 0.100" in words_of(picture)  # (30 * 0.1 + 10 * 0.1) / 40
    assert picture.table is not None and len(picture.table.rows) == 2


def test_bars_with_intervals_counts_and_a_gap() -> None:
    picture = charts.bars(
        {"short": 0.8, "long": math.nan},
        title="Accuracy by length",
        value_label="accuracy",
        intervals={"short": (0.7, 0.9)},
        counts={"short": 1200, "long": 0},
        reference=("all", 0.85),
    )
    assert {"short  (1,200)", "long  (0)", "0.8", "–", "all 0.85"} <= set(words_of(picture))
    assert picture.table is not None and list(picture.table.rows[0]) == ["short", 0.8, 0.7, 0.9, 1200]


def test_saving_by_suffix(tmp_path: Path) -> None:
    picture = curves()
    picture.save(tmp_path / "curves.png")
    picture.save(tmp_path / "curves.svg")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "curves.svg").read_text(encoding="utf-8") == picture.svg()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["curves.png", "curves.svg"]
    with pytest.raises(SettingsError, match=r"saved as \.png or \.svg, got 'curves.gif'"):
        picture.save("curves.gif")
    with pytest.raises(MachineError, match=r"curves\.png: there is no such folder"):
        picture.save(tmp_path / "missing" / "curves.png")


def test_cells_are_written_for_readers() -> None:
    cells = [None, 12345, 0.88123456, 1_234_567.0, math.nan, "text", True, -math.inf]
    assert [format_cell(cell) for cell in cells] == ["–", "12,345", "0.8812", "1,234,567", "–", "text", "True", "-inf"]


def test_a_table_with_a_ragged_row_is_refused() -> None:
    with pytest.raises(ShapeError, match="row 2: 2 cells expected, one for each header, got 1"):
        Table(["a", "b"], [[1, 2], [3]])
