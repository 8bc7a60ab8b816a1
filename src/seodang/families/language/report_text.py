"""The model on real text: step by step, the chance of every character along a line, and where it is most surprised."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from seodang.draw.style import BLUE, MUTED, Picture, font, new_figure, plain, style_axes, title_above
from seodang.draw.table import Cell, Table
from seodang.families.language.report_page import Page, visible
from seodang.families.language.scoring import WARM_UP, Nats, Tokens
from seodang.families.language.stepping import read_prompt
from seodang.families.language.unrolled import steps_of, unrolled_picture

LINE = 60  # tokens along which chances are drawn
UNROLLED = 8
PLACES = 12  # of the greatest surprise
CONTEXT = 30  # tokens shown before each
APART = 50  # tokens between two places, so that one odd name does not fill the table
INSTEAD = 3


def write_steps(page: Page) -> None:
    """The unrolled network on the beginning of a text."""
    page.report.heading("Step by step")
    page.report.paragraph(
        "The same network in every column: it reads a token, mixes it into what it remembers, and says what it expects next. "
        "Blue numbers of the state are positive, orange ones negative."
    )
    order = page.trained.settings.model.ngrams
    if order:
        page.report.paragraph(
            f"Beside it stand n-grams of up to {order} tokens: their log-probabilities, times a trust that the state decides, "
            "are added to its own scores. It has learned what they do not know."
        )
    text = _first_line(page)
    steps = steps_of(page.predictor, text, UNROLLED)
    if steps:
        cell = page.trained.settings.model.model
        page.picture("unrolled", unrolled_picture(steps, cell), f"From nothing, over {''.join(one.token for one in steps)!r}.")


def write_line(page: Page) -> None:
    """How likely the model held each token of a line before it came."""
    if not len(page.tokens):
        return
    page.report.heading("Chance of every token along a line")
    start = _line_start(page.tokens, page.predictor.vocabulary.unknown("\n") == (), page)
    tokens = [page.predictor.vocabulary.tokens[number] for number in page.tokens[start : start + LINE].tolist()]
    nats = page.nats[start : start + LINE]
    page.report.paragraph(
        "A stretch of the held-out text as the model read it. Orange: unexpected, the stronger the more; hover for the nats."
    )
    shown = [visible(token) + (token if token == "\n" else "") for token in tokens]
    page.report.highlighted_text(shown, (-nats).tolist(), raises="expected", lowers="unexpected", separator="")
    page.picture(
        "chances", chance_picture(tokens, nats), "What the model gave each token before it came, everything before it read."
    )


def chance_picture(tokens: list[str], nats: Nats) -> Picture:
    """A bar a token, as high as its chance."""
    chances = np.exp(-nats)
    figure = new_figure(max(4.0, 1.2 + 0.145 * len(tokens)), 2.6)
    axes = figure.subplots()
    title_above(figure, "Chance of each token")
    style_axes(axes, y_label="chance")
    places = np.arange(len(tokens))
    axes.bar(places, chances, width=0.8, color=BLUE)
    axes.set_xticks(places, [plain(visible(token), 4) for token in tokens])
    for label in axes.get_xticklabels():
        label.set_fontproperties(font(9))
        label.set_color(MUTED)
    axes.set(ylim=(0, 1), xlim=(-0.7, len(tokens) - 0.3))
    rows: list[list[Cell]] = [
        [visible(token), float(chance), float(nat)] for token, chance, nat in zip(tokens, chances, nats, strict=True)
    ]
    alt = f"Chance of each of {len(tokens)} tokens: mean surprise {float(nats.mean()):.2f} nats."
    return Picture(figure, alt, Table(["token", "chance", "nats"], rows, "Chance of each token"))


def write_surprises(page: Page) -> None:
    """The places of the held-out text that the model foresaw least."""
    if not len(page.tokens):
        return
    page.report.heading("Most surprising places")
    rows: list[list[Cell]] = []
    vocabulary = page.predictor.vocabulary
    for place in surprising_places(page.nats):
        before = page.tokens[max(0, place - CONTEXT) : place]
        expected = page.predictor.likeliest(_logits_at(page, place), INSTEAD)
        instead = ", ".join(f"{visible(token)} {chance:.2f}" for token, chance in expected)
        came = visible(vocabulary.tokens[page.tokens[place]])
        rows.append([place + 1, visible(vocabulary.decode(before)), came, instead, round(float(page.nats[place]), 2)])
    page.report.table(Table(["token", "after", "came", "expected instead", "nats"], rows))


def surprising_places(nats: Nats, most: int = PLACES) -> list[int]:
    """The places of the greatest surprise, greatest first, none near to one before it."""
    found: list[int] = []
    for place in np.argsort(-nats, kind="stable").tolist():
        if all(abs(place - other) >= APART for other in found):
            found.append(place)
        if len(found) == most or not math.isfinite(nats[place]):
            break
    return found


def _logits_at(page: Page, place: int) -> NDArray[np.float32]:
    """What the model expected at a place, everything that it can remember before it read."""
    assert page.data is not None
    read = page.tokens[max(0, place - WARM_UP) : place]
    if place < WARM_UP:
        before = page.predictor.vocabulary.encode((page.data.parts["train"] + page.data.parts["validation"])[-WARM_UP:])
        read = np.concatenate([before[len(read) :], read])
    logits, _ = read_prompt(page.predictor.steps, read.astype(np.int64))
    expected: NDArray[np.float32] = logits[0]
    return expected


def _line_start(tokens: Tokens, has_lines: bool, page: Page) -> int:
    """Where the first whole line of the held-out text begins, if there is one early."""
    ends = page.predictor.vocabulary.encode("\n") if has_lines else np.empty(0, np.int32)
    if len(ends) != 1:
        return 0
    found = np.flatnonzero(tokens[:-LINE] == ends[0])
    found = found[tokens[found + 1] != ends[0]]  # an empty line says nothing
    return int(found[0]) + 1 if len(found) else 0


def _first_line(page: Page) -> str:
    if page.data is None:
        vocabulary = page.predictor.vocabulary
        return vocabulary.decode(list(range(1, min(UNROLLED, vocabulary.size - 1) + 1)))
    if page.data.by_heart:
        return page.data.by_heart
    lines = [line for line in page.data.parts["test"].splitlines()[1:] if len(line) >= UNROLLED]
    return lines[0] if lines else page.data.parts["test"]
