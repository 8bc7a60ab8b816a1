"""How the model was trained and what it looks like inside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from seodang.draw.charts import Series, training_curves
from seodang.draw.network import network_picture, trace
from seodang.draw.table import Cell, Table
from seodang.families.text.best import BestPredictor, member_settings
from seodang.families.text.head import TextNetwork
from seodang.families.text.predictor import NetworkPredictor
from seodang.families.text.report_page import Page

ROW_FACTS = ("kind", "stage", "step", "epoch", "rate", "is_best")


def write_training(page: Page) -> None:
    """Curves and length of each stage."""
    page.report.heading("Training")
    rows = page.trained.run.rows("metrics.jsonl")
    timings = page.trained.run.rows("timings.jsonl")
    stages = list(dict.fromkeys(row["stage"] for row in rows))
    facts: list[list[Cell]] = []
    for stage in stages:
        own = [row for row in rows if row["stage"] == stage]
        seconds = sum(row.get("seconds", 0) for row in timings if row["stage"] == stage)
        kept = [row["epoch"] for row in own if row.get("is_best")]
        facts.append(
            [stage, max(row["step"] for row in own), _epochs(own), kept[-1] if kept else None, round(float(seconds), 1)]
        )
        if any(row["kind"] == "evaluation" for row in own):
            _write_curves(page, stage, own, len(stages) > 1)
    page.report.table(Table(["stage", "steps", "epochs", "epoch kept", "seconds of updates"], facts))
    for row in (row for row in rows if row["kind"] == "retry"):
        page.report.note(
            f"Step {row['step']}: {row['cause']} was not finite; went back, learning rate x {row['rate_scale']:g}."
        )


def curves(rows: Sequence[Mapping[str, Any]]) -> tuple[Series, Series]:
    """Losses and measures over epochs, from the rows of one stage in metrics.jsonl."""
    losses: dict[str, tuple[list[float], list[float]]] = {}
    measures: dict[str, tuple[list[float], list[float]]] = {}
    for row in rows:
        for name in (name for name in row if name not in ROW_FACTS and row["kind"] in ("step", "evaluation")):
            side = losses if "loss" in name else measures
            words = name.replace("_", " ") if row["kind"] == "evaluation" else f"training {name.replace('_', ' ')}"
            x, y = side.setdefault(words, ([], []))
            x.append(row["epoch"])
            y.append(row[name])
    return losses, measures


def _epochs(rows: Sequence[Mapping[str, Any]]) -> int:
    return int(max(row["epoch"] for row in rows if "epoch" in row))


def _write_curves(page: Page, stage: str, rows: Sequence[Mapping[str, Any]], named: bool) -> None:
    losses, measures = curves(rows)
    best = [row["epoch"] for row in rows if row.get("is_best")]
    title = f"Training of {stage}" if named else "Training"
    picture = training_curves(losses, measures, title=title, best=best[-1] if best else None)
    caption = "Loss on training and validation texts; below, the measure on the validation texts that chose the epoch to keep."
    page.picture(f"training-{stage}" if named else "training", picture, caption)


def write_network(page: Page) -> None:
    """Each network as a picture, a line and a table."""
    page.report.heading("The network")
    if isinstance(page.predictor, BestPredictor):
        _write_mixture(page, page.predictor)
    for name, network, length in _networks(page):
        device = network.embedding.weight.device
        tokens = torch.ones(2, length, dtype=torch.int64, device=device)
        drawn = trace(network, (tokens, torch.tensor([length, length - 1], device=device)))
        page.report.paragraph(drawn.line())
        page.picture(f"network-{name}", network_picture(drawn, f"The network: {name}"), table=drawn.table())


def _networks(page: Page) -> Iterator[tuple[str, TextNetwork, int]]:
    """Name, network and the length that it reads at most."""
    predictor, settings = page.predictor, page.trained.settings
    if isinstance(predictor, NetworkPredictor):
        yield settings.model.model, predictor.network, settings.tokens.max_length
    elif isinstance(predictor, BestPredictor):
        for name, network in predictor.networks.items():
            yield name, network, member_settings(settings).tokens.max_length


def _write_mixture(page: Page, predictor: BestPredictor) -> None:
    names = ("n-grams", *predictor.networks)
    count = len(predictor.networks)
    networks = "a network that also knows" if count == 1 else f"{count} networks that also know"
    page.report.paragraph(
        f"Several members vote: a linear model of {predictor.features.size:,} n-grams, and {networks} "
        "what usually stands around each region of words. Their logits are added, each with a weight found on the validation "
        "texts."
    )
    weights = [round(weight, 4) for weight in predictor.weights.tolist()]
    page.report.table(Table(["member", "weight"], [list(row) for row in zip(names, weights, strict=True)]))
