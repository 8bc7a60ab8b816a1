"""Memory measured: the pictures that show why the LSTM was invented."""

from __future__ import annotations

import json

from seodang.core.files import write_json
from seodang.draw.charts import lines
from seodang.families.language.memory import COMPARED, GUESSING, LENGTH, TASKS, Reach, Task, measure_memory, protocol
from seodang.families.language.report_page import Page

MEASURED = "memory.json"
ABOUT: dict[Task, str] = {
    "copying": "Of many letters one is marked, and at the end the network must tell which. It is one of eight, so guessing is "
    "right one time in eight.",
    "adding": "Of many numbers two are marked, one far back and one at the end, and the network must tell their sum "
    "(Hochreiter & Schmidhuber 1997).",
}
LEAST_GRADIENT = 1e-9  # drawn; smaller ones are as good as nothing


def write_memory(page: Page) -> None:
    """Gradient and right answers against distance, for rnn, gru and lstm side by side."""
    page.report.heading("How far memory reaches")
    page.report.paragraph(
        f"Networks of one layer, trained for this page alone on sequences of {LENGTH} steps, on two tasks that ask for nothing "
        "but memory. A plain rnn multiplies its state by the same weights at every step, so that the gradient, by which it "
        "would learn to remember, shrinks with every step back (Bengio, Simard & Frasconi 1994). The cells of lstm and gru "
        "hand their state on by addition, and keep it."
    )
    for task, reaches in _measured(page).items():
        page.report.heading(f"The {task} task", level=3)
        page.report.paragraph(ABOUT[task])
        _write_task(page, task, reaches)


def _write_task(page: Page, task: Task, reaches: dict[str, Reach]) -> None:
    right = {cell: (reach.distances, reach.right) for cell, reach in reaches.items()}
    guessing = {"guessing": (reaches[COMPARED[0]].distances, [GUESSING[task]] * len(reaches[COMPARED[0]].distances))}
    page.picture(
        f"{task}-right",
        lines({**right, **guessing}, title=f"{task.capitalize()}: right answers", x_label="steps back", y_label="share right"),
        "How often the answer is right, by the distance back to what must be remembered.",
    )
    gradients = {
        cell: (reach.distances, [max(one, LEAST_GRADIENT) for one in reach.gradients]) for cell, reach in reaches.items()
    }
    page.picture(
        f"{task}-gradient",
        lines(
            gradients,
            title=f"{task.capitalize()}: gradient",
            x_label="steps back",
            y_label="gradient, part of the largest",
            log_y=True,
        ),
        "How much the answer still depends on what stood there, after training; on a logarithmic scale.",
    )


def _measured(page: Page) -> dict[Task, dict[str, Reach]]:
    """Measured once for a run, and read again afterwards."""
    path = page.folder / MEASURED
    wanted = protocol()
    if path.is_file():
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            if found["protocol"] == wanted:
                return {task: {cell: Reach.from_json(found["reach"][task][cell]) for cell in COMPARED} for task in TASKS}
        except (ValueError, KeyError, TypeError):  # cut short or edited: measured again
            pass
    measured = measure_memory()
    kept = {task: {cell: vars(reach) for cell, reach in cells.items()} for task, cells in measured.items()}
    write_json(path, {"protocol": wanted, "reach": kept})
    return measured
