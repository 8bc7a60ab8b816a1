"""The map of words: where each stands in two and three dimensions, and the page's own script that shows it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from seodang.data.word_vectors import WordVectors

Layout = NDArray[np.float64]
MAP_WORDS = 10_000
TSNE_STEPS = 500
NEAR = 8
PERPLEXITY = 30.0
LEAST_WORDS = 5
SCRIPT = Path(__file__).with_name("map.js")


def layouts(vectors: WordVectors, seed: int) -> Mapping[str, Layout]:
    """Places of the most frequent words by name of the layout, (words, 2 or 3), -1 to 1; none for a handful of words."""
    directions = vectors.directions[:MAP_WORDS]
    if len(directions) < LEAST_WORDS or vectors.dimensions < 3:
        return {}
    # Bounded by a third of the words, as its authors advise.
    perplexity = min(PERPLEXITY, (len(directions) - 1) / 3)
    found: dict[str, Layout] = {}
    for axes in (2, 3):
        flat = PCA(axes, random_state=seed, svd_solver="full").fit_transform(directions.astype(np.float64))
        start = flat / flat[:, 0].std() * 1e-4  # as small as scikit-learn's own start from PCA
        tsne = TSNE(axes, perplexity=perplexity, init=start, random_state=seed, n_jobs=1, max_iter=TSNE_STEPS)
        found |= {f"PCA, {axes}-D": flat, f"t-SNE, {axes}-D": tsne.fit_transform(directions)}
    return {name: _within_one(found[name]) for name in ("t-SNE, 2-D", "PCA, 2-D", "t-SNE, 3-D", "PCA, 3-D")}


def nearest(vectors: WordVectors) -> list[list[int]]:
    """Numbers of the words nearest to each word on the map, on the map themselves."""
    directions = vectors.directions[:MAP_WORDS]
    near = []
    for start in range(0, len(directions), 1000):
        scores = directions[start : start + 1000] @ directions.T
        scores[np.arange(len(scores)), np.arange(start, start + len(scores))] = -np.inf
        near += np.argsort(-scores, axis=1, kind="stable")[:, : min(NEAR, len(directions) - 1)].tolist()
    return near


def map_html(vectors: WordVectors, places: Mapping[str, Layout]) -> str:
    """The map with its search box, as a piece of a page that needs nothing else."""
    data = {
        "words": list(vectors.words[:MAP_WORDS]),
        "near": nearest(vectors),
        "layouts": {name: np.round(layout, 3).tolist() for name, layout in places.items()},
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return (
        '<p><select id="map-kind" aria-label="layout"></select> <input id="map-search" type="search" placeholder="find a word"'
        ' aria-label="find a word"> <span id="map-found" role="status"></span></p>'
        '<canvas id="word-map" style="width:100%;height:600px;touch-action:none" role="img" aria-label="map of words"></canvas>'
        f'<script type="application/json" id="map-data">{text}</script><script>{SCRIPT.read_text(encoding="utf-8")}</script>'
    )


def _within_one(layout: Layout) -> Layout:
    centered = layout - layout.mean(0)
    return np.asarray(centered / max(float(np.abs(centered).max()), 1e-12), np.float64)
