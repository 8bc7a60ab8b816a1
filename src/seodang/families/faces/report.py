"""The report of a run on people: how good it is, both stages at work, whom it takes for whom, how it was trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seodang.core.family import Trained
from seodang.core.values import Image
from seodang.draw.charts import confusion_matrix, reliability_diagram, training_curves
from seodang.draw.network import network_picture, trace
from seodang.draw.panels import panels
from seodang.draw.report import Report
from seodang.draw.run_page import RunPage
from seodang.draw.style import plain
from seodang.draw.table import Cell, Table
from seodang.families.faces.data import FacesData, Part
from seodang.families.faces.embedding import embedded
from seodang.families.faces.engine.boxes import Floats
from seodang.families.faces.engine.embedders import EMBEDDERS
from seodang.families.faces.engine.engine import of_length_one
from seodang.families.faces.engine.weights import fetch
from seodang.families.faces.first_stage import chip_side, main_face
from seodang.families.faces.head import CosineHead, Recogniser
from seodang.families.faces.photos import read_photo
from seodang.families.faces.predictor import FacesPredictor
from seodang.families.faces.report_pictures import chain, embedding_map
from seodang.families.faces.settings import FacesSettings
from seodang.families.faces.yardstick import small_pixels

MEASURES = {"accuracy": "accuracy", "macro_f1": "macro F1", "calibration_error": "calibration error (less is better)"}
MOST_PEOPLE = 50  # of a confusion matrix that can still be read; of more, those with mistakes
MOST_MISTAKEN = 30
OTHERS = "all others"
MISTAKES, RIGHT, COLUMNS = 5, 10, 5  # faces that are shown, and how many in a row
NAME_COLUMNS = 18


@dataclass(frozen=True)
class Page(RunPage[FacesSettings, FacesPredictor, FacesData]):
    """A report on its way to a folder, and what several sections need."""

    @property
    def people(self) -> tuple[str, ...]:
        """Names, in the order of their numbers."""
        return self.predictor.people

    @cached_property
    def probabilities(self) -> Floats:
        """Of each person for each test face, (faces, people)."""
        assert self.data is not None
        return self.predictor.probabilities(self.data.parts["test"])

    def near(self, part: Part) -> Floats:
        """What tells how alike faces of a part look, (faces, numbers), of length 1: embeddings, or pixels without them."""
        if self.trained.settings.model.model == "head":
            return embedded(part, self.trained.settings.model.embedder)
        return of_length_one(small_pixels(part.chips).astype(np.float32))


def write_report(trained: Trained[FacesSettings], predictor: FacesPredictor, data: FacesData | None, folder: Path) -> Path:
    """Write index.html, which needs nothing else, and each of its pictures as PNG beside it.

    Args:
        trained: The finished run.
        predictor: Its model.
        data: The faces it was trained on; None when they are gone, and the page then says what it lacks.
        folder: An existing folder.

    Returns: The path of the page.
    """
    record = trained.run.settings()
    report = Report(f"{trained.run.path.name}: faces", f"{_model_words(trained.settings)}, on {Path(record['source']).name}")
    page = Page(report, folder, trained, predictor, data, trained.run.read_json("evaluation.json"))
    _write_result(page, record)
    _write_chain(page)
    _write_confusion(page)
    _write_mistakes(page)
    _write_right(page)
    _write_people(page)
    _write_reliability(page)
    _write_map(page)
    _write_training(page)
    _write_network(page)
    _write_data(page)
    page.settings()
    page.environment()
    _write_next(page)
    return page.save()


def _model_words(settings: FacesSettings) -> str:
    model = settings.model
    return f"a head on {model.embedder}" if model.model == "head" else f"a network of its own, {model.side} x {model.side}"


def _write_result(page: Page, record: Mapping[str, Any]) -> None:
    report, evaluation = page.report, page.evaluation
    model, beside = evaluation["measures"]["accuracy"], evaluation["yardstick"]["accuracy"]
    report.heading("Result")
    report.paragraph(
        f"Of {evaluation['rows']:,} test faces that it never saw, the model gives {model['value']:.1%} their own name (95 % "
        f"interval {model['low']:.1%} to {model['high']:.1%}); the yardstick, {evaluation['yardstick_name']}, "
        f"{beside['value']:.1%} ({beside['low']:.1%} to {beside['high']:.1%})."
    )
    report.facts(
        {
            "accuracy": f"{model['value']:.1%}",
            "yardstick": f"{beside['value']:.1%}",
            "people": len(page.people),
            "test faces": evaluation["rows"],
        }
    )
    report.table(page.measures_table(MEASURES, f"Measured on {evaluation['rows']:,} test faces"))
    report.note(
        "It knows these people alone: a stranger gets the name of one of them. To tell strangers apart, enrol the people in a "
        "gallery and ask `seodang faces identify`."
    )
    if page.data is None:
        report.note(
            f"The photos are no longer at {record['source']}, or have changed. So this page lacks faces, mistakes and the map; "
            f"bring them back and run `seodang explain {page.run}` again."
        )


def _write_chain(page: Page) -> None:
    """The right test face of middling probability, from its photo to its name."""
    if page.data is None:
        return
    test = page.data.parts["test"]
    right = np.flatnonzero(page.probabilities.argmax(1) == test.labels)
    rows = right if len(right) else np.arange(len(test.labels))
    row = int(rows[np.argsort(page.probabilities[rows].max(1), kind="stable")[len(rows) // 2]])
    one = test.portraits[row]
    pixels = read_photo(one.path)
    seen = page.predictor.look(Image(one.path), pixels)
    number = main_face(seen.faces, seen.size)
    if number is None:  # with another least score than in training
        return
    page.report.heading("Two stages")
    page.report.paragraph(
        "First it is found where faces are, and each is cut out; then each is told apart by itself. Either stage may be "
        "another: any detector in front, any classifier of what it cuts out behind."
    )
    drawn = page.predictor.value_of(seen, pixels).pictures["out"]()
    page.picture("stages", chain(drawn, seen.chips[number], seen.answers[number], page.people), f"{one.name}, a test photo.")


def _write_confusion(page: Page) -> None:
    counts = np.array([row[1:] for row in page.measured("confusion")], np.int64)
    page.report.heading("Who is taken for whom")
    names = list(page.people)
    if len(names) > MOST_PEOPLE:
        counts, names = _mistaken_alone(counts, names)
    if len(names) > 1:
        picture = confusion_matrix(counts, names, title="Confusion matrix of the test faces")
        shown = "" if len(names) == len(page.people) else " Only people with a mistake are shown by name."
        page.picture("confusion", picture, f"Each row holds the faces of one person; shades are shares of the row.{shown}")
    else:
        page.report.paragraph("Nobody: every test face gets its own name.")
    if page.measured("confusions"):
        page.report.table(page.measured_table("confusions", "Mistakes, the most frequent first"))


def _mistaken_alone(counts: NDArray[np.int64], names: list[str]) -> tuple[NDArray[np.int64], list[str]]:
    """A confusion matrix of the people in the most mistakes, all others together behind them."""
    wrong = counts - np.diag(np.diagonal(counts))
    mistakes = wrong.sum(0) + wrong.sum(1)
    chosen = np.sort(np.argsort(-mistakes, kind="stable")[: min(MOST_MISTAKEN, int((mistakes > 0).sum()))])
    group = np.full(len(names), len(chosen))
    group[chosen] = np.arange(len(chosen))
    joined = np.zeros((len(chosen) + 1, len(chosen) + 1), np.int64)
    np.add.at(joined, (group[:, None], group[None, :]), counts)
    return joined, [*(names[number] for number in chosen), OTHERS]


def _write_mistakes(page: Page) -> None:
    """The surest mistakes: the face, the nearest learned face of whom it was taken for, and that of whom it is."""
    if page.data is None:
        return
    test, train = page.data.parts["test"], page.data.parts["train"]
    predicted = page.probabilities.argmax(1)
    wrong = np.flatnonzero(predicted != test.labels)
    wrong = wrong[np.argsort(-page.probabilities[wrong].max(1), kind="stable")][:MISTAKES]
    page.report.heading("Most confident mistakes", level=3)
    if not len(wrong):
        page.report.paragraph("There is none: every test face gets its own name.")
        return
    known, asked = page.near(train), page.near(test)
    rows = []
    for row in wrong:
        taken, true = int(predicted[row]), int(test.labels[row])
        cells = [(f"is {_short(page.people[true])}", test.portraits[row].chip)]
        for number, words in ((taken, f"taken for, {page.probabilities[row, taken]:.0%}"), (true, "its own person")):
            theirs = np.flatnonzero(train.labels == number)
            likeness = known[theirs] @ asked[row]
            nearest = train.portraits[theirs[int(likeness.argmax())]]
            cells.append((f"{_short(page.people[number])}: {words}", nearest.chip))
        rows.append(cells)
    alt = "Test faces that got another's name, beside the nearest learned faces of that person and of their own."
    caption = "Left a test face; in the middle the most similar face learned of the person it was taken for; right of its own. "
    caption += "Where left and middle are one person, the photo may lie in a wrong folder."
    page.picture("mistakes", panels(rows, title="Most confident mistakes", alt=alt), caption)
    names: list[list[Cell]] = [
        [test.portraits[row].name, page.people[int(predicted[row])], float(page.probabilities[row].max())] for row in wrong
    ]
    page.report.table(Table(["photo", "taken for", "probability"], names))


def _write_right(page: Page) -> None:
    """The surest right answers, one of each person."""
    if page.data is None:
        return
    test = page.data.parts["test"]
    rows = np.flatnonzero(page.probabilities.argmax(1) == test.labels)
    rows = rows[np.argsort(-page.probabilities[rows].max(1), kind="stable")]
    _, first = np.unique(test.labels[rows], return_index=True)
    chosen = rows[np.sort(first)][:RIGHT]
    if not len(chosen):
        return
    page.report.heading("Most confident right answers", level=3)
    cells = [
        (f"{_short(page.people[int(test.labels[row])])} {page.probabilities[row].max():.1%}", test.portraits[row].chip)
        for row in chosen
    ]
    lines = [cells[start : start + COLUMNS] for start in range(0, len(cells), COLUMNS)]
    alt = "Test faces of as many people that got their own name with the highest probabilities."
    page.picture("right", panels(lines, title="Most confident right answers", alt=alt), "One of each person at most.")


def _short(name: str) -> str:
    return plain(name, NAME_COLUMNS).replace(r"\$", "$")


def _write_people(page: Page) -> None:
    page.report.heading("Each person", level=3)
    page.report.paragraph(
        "Precision: how many of the faces that got the name are of the person. Recall: how many of the person's faces got the "
        "name. F1: their harmonic mean."
    )
    page.report.table(page.measured_table("people", "People, the hardest first"))


def _write_reliability(page: Page) -> None:
    page.report.heading("Can its probabilities be believed?", level=3)
    _, _, counts, stated, right = zip(*page.measured("reliability"), strict=True)
    page.picture(
        "reliability",
        reliability_diagram(stated, right, counts, title="Stated probability and share right"),
        f"Logits were divided by {page.predictor.temperature:.3g}, the temperature that suits the validation faces best.",
        page.measured_table("reliability"),
    )


def _write_map(page: Page) -> None:
    """Where embeddings lie; of a head alone."""
    if page.data is None or page.trained.settings.model.model != "head":
        return
    train, test = page.data.parts["train"], page.data.parts["test"]
    page.report.heading("Where faces lie")
    picture = embedding_map(page.near(train), train.labels, page.near(test), test.labels, page.people)
    caption = f"Dots were learned from, rings are test faces. {picture.alt} What touches here may lie apart in the others."
    page.picture("map", picture, caption)


def _write_training(page: Page) -> None:
    page.report.heading("Training")
    rows = [row for row in page.trained.run.rows("metrics.jsonl") if row["stage"] == "train"]
    timings = page.trained.run.rows("timings.jsonl")
    lines: dict[str, tuple[list[float], list[float]]] = {}
    for row in rows:
        for name, words in (("loss", "training loss"), ("validation_loss", "validation loss"), ("accuracy", "accuracy")):
            if name in row:
                x, y = lines.setdefault(words, ([], []))
                x.append(row["epoch"])
                y.append(row[name])
    kept = [row["epoch"] for row in rows if row.get("is_best")]
    accuracy = {"validation accuracy": lines.pop("accuracy")} if "accuracy" in lines else {}
    picture = training_curves(lines, accuracy, measure_label="accuracy", best=kept[-1] if kept else None)
    page.picture("training", picture, words)
    seconds = sum(row.get("seconds", 0.0) for row in timings)
    page.report.facts(
        {
            "steps": max((row["step"] for row in rows), default=0),
            "epoch kept": kept[-1] if kept else None,
            "seconds of updates": round(seconds, 1),
        }
    )


def _write_network(page: Page) -> None:
    """The second stage as a picture; an embedder that is not trained is one box."""
    network: torch.nn.Module | None = page.predictor.network
    if network is None:
        return
    settings, place = page.trained.settings, page.trained.device.torch
    if isinstance(network, CosineHead):
        embedder = EMBEDDERS[settings.model.embedder]
        module = embedder.module(fetch(embedder.weights)).to(place)
        module.drawn_as = f"{settings.model.embedder}, as it was published"  # type: ignore[assignment]
        network = Recogniser(module, network)
    page.report.heading("The network")
    side = chip_side(settings)
    drawn = trace(network, (torch.zeros(2, 3, side, side, device=place),))
    page.report.paragraph(drawn.line())
    page.picture("network", network_picture(drawn, "From a face to people"), table=drawn.table())


def _write_data(page: Page) -> None:
    page.report.heading("Data")
    facts = page.trained.run.read_json("environment.json")["data"]
    page.report.facts({f"faces, {part}": count for part, count in facts["faces"].items()})
    page.data_notes(facts)


def _write_next(page: Page) -> None:
    report, run = page.report, page.run
    report.heading("Use it")
    report.code(
        f"seodang predict {run} photo.jpg --out named.png\n"
        f"seodang predict {run} album/ --out named/\n"
        f"seodang evaluate {run} more-people/\n"
        f"seodang export {run}"
    )
    report.paragraph("The same in Python:")
    report.code(
        f'import seodang\n\nrun = seodang.load("{run}")\n'
        'for face in run.predict("photo.jpg").found:\n    print(face.label, face.probability, face.box)'
    )
