"""Language models beside their peers, on tiny Shakespeare, two cores, nothing else running.

    make benchmark-language                              # everything, an hour and more
    python benchmarks/language.py quality --seeds 3      # nats on nanoGPT's split after 3 and 12 minutes, n-grams, dynamic
    python benchmarks/language.py sampling               # characters a second of one stream, beside stepping nn.LSTM
    python benchmarks/language.py speed                  # characters trained a second, beside the same model in Keras

Every part prints a table and writes its figures to benchmarks/results/language-<part>.json with the machine they were measured
on. Needs the data set `tiny-shakespeare` (SEODANG_MIRROR or a download) and, for Keras, the environment of
benchmarks/requirements.txt.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import seodang
from figures import save, spread, table
from seodang.core.device import choose_device
from seodang.families.language.data import read_data
from seodang.families.language.dynamic import adapting
from seodang.families.language.generation import Generator
from seodang.families.language.kneser_ney import KneserNey
from seodang.families.language.learner import LanguageLearner
from seodang.families.language.model import LanguageNetwork
from seodang.families.language.ngram_rows import NgramRows
from seodang.families.language.sampling import Sampling
from seodang.families.language.settings import LanguageSettings
from seodang.families.language.stepping import StepNetwork
from seodang.families.language.streams import StreamSource
from seodang.families.language.tokens import Vocabulary

HERE = Path(__file__).parent
KERAS = HERE / ".env-keras" / "bin" / "python"
SOURCE = "tiny-shakespeare"
RECIPES: dict[str, dict[str, Any]] = {
    "3 minutes": {"minutes": 3.0, "hidden_size": 512, "batch_size": 32, "chunk_length": 100, "dropout": 0.3},
    "12 minutes": {
        "minutes": 12.0,
        "epochs": 10,  # more of them overfit, whatever the dropout: see the family's README
        "hidden_size": 512,
        "batch_size": 32,
        "chunk_length": 100,
        "dropout": 0.5,
    },
}
TARGETS = {"3 minutes": 1.50, "12 minutes": 1.40}
ORDER = 7  # which tiny Shakespeare likes best
SAMPLED_SIZES = {512: 4000, 1024: 1500, 2048: 400}
"""Hidden size -> characters to write."""
PEERS_SHARE = 10  # of them, so that all take about as long
SPEED_SHAPE = {"streams": 64, "length": 100, "hidden_size": 512, "dropout": 0.2}


def main() -> None:
    """Run one part, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["quality", "sampling", "speed", "all"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", choices=list(RECIPES), help="one recipe of `quality`; written to a file of its own")
    parser.add_argument("--minutes", type=float, help="of every recipe, to try the script out")
    parser.add_argument(
        "--dynamic-tokens", type=int, help="of the held-out text that dynamic evaluation reads; all when left out"
    )
    parser.add_argument("--updates", type=int, default=20, help="of `speed`")
    parser.add_argument("--keras", default=str(KERAS), help="python of the environment with Keras")
    options = parser.parse_args()
    parts = {"quality": quality, "sampling": sampling, "speed": speed}
    for name, part in parts.items():
        if options.part in (name, "all"):
            save(result_name(name, options), part(options))


def quality(options: argparse.Namespace) -> dict[str, Any]:
    """Nats a character on the last tenth of the text, whole, with carried state; dynamic evaluation in a table of its own."""
    result: dict[str, Any] = {}
    for name, recipe in RECIPES.items():
        if options.only not in (None, name):
            continue
        found: dict[str, list[float]] = {"nats": [], "yardstick": [], "dynamic": [], "steps": [], "seconds": []}
        for seed in range(options.seeds):
            for key, value in quality_of_one(recipe, seed, options).items():
                found[key].append(value)
            print(f"{name}, seed {seed}: " + ", ".join(f"{key} {values[-1]:.4f}" for key, values in found.items()), flush=True)
            result[name] = found
            save(result_name("quality", options), result)
    table(
        ["training", "nats a character", "asked for", "n-grams", "steps", "training took"],
        [
            [
                name,
                spread(one["nats"]),
                f"{TARGETS[name]:.2f}",
                f"{one['yardstick'][0]:.4f}",
                f"{one['steps'][0]:,.0f}",
                seconds(one),
            ]
            for name, one in result.items()
        ],
    )
    print("\nDynamic evaluation, a measure of its own: the model goes on learning from what it was scored on.\n")
    table(["training", "nats a character while adapting"], [[name, spread(one["dynamic"])] for name, one in result.items()])
    return result


def quality_of_one(recipe: dict[str, Any], seed: int, options: argparse.Namespace) -> dict[str, float]:
    """One training, measured."""
    minutes = options.minutes or recipe["minutes"]
    with tempfile.TemporaryDirectory() as folder:
        run = seodang.train("language", SOURCE, runs=folder, seed=seed, **{**recipe, "minutes": minutes})
        rows, evaluation = run.folder.rows("timings.jsonl"), run.evaluation
        data, vocabulary = read_data(SOURCE, LanguageSettings()), run.predictor.vocabulary
        train, watched, text = (vocabulary.encode(data.parts[name]) for name in ("train", "validation", "test"))
        order = run.settings.model.ngrams
        unwatched = NgramRows.of(data.counts(vocabulary, order).model(order)) if order else None
        known = data.known(vocabulary, order) if order else None
        adapts = adapting(run.predictor.network, train, watched, run.device, unwatched, known)
        dynamic = adapts.nats(text[: options.dynamic_tokens], np.concatenate([train, watched]))
        return {
            "nats": evaluation["measures"]["nats"]["value"],
            "yardstick": evaluation["yardstick"]["nats"]["value"],
            "dynamic": float(dynamic.mean()),
            "steps": float(max(row["step"] for row in rows if "step" in row)),
            "seconds": sum(row.get("seconds", 0.0) + row.get("evaluation_seconds", 0.0) for row in rows),
        }


def sampling(options: argparse.Namespace) -> dict[str, Any]:
    """Characters a second that one stream of one LSTM layer writes on one thread: drawn with temperature, top-k and top-p.

    Ours looks up what n-grams expect besides, as a trained model does; its peers have none.
    """
    choose_device("cpu", "f32", threads=1)
    text = read_data(SOURCE, LanguageSettings()).parts["train"]
    vocabulary = Vocabulary.fit(text, "characters", None)
    ngrams = NgramRows.of(KneserNey.fit(vocabulary.encode(text), vocabulary.size, ORDER))
    result: dict[str, Any] = {}
    for size, characters in SAMPLED_SIZES.items():
        torch.manual_seed(0)
        network = LanguageNetwork(vocabulary.size, "lstm", size, size, ngrams=ngrams).eval()
        writers: dict[str, Callable[[int], None]] = {
            "seodang": write_with_steps(network, vocabulary),
            "nn.LSTM": write_with_layer(network, nn.LSTM(size, size)),
            "nn.LSTMCell": write_with_layer(network, nn.LSTMCell(size, size)),
        }
        asked = {name: characters if name == "seodang" else max(characters // PEERS_SHARE, 20) for name in writers}
        result[str(size)] = {name: characters_per_second(write, asked[name]) for name, write in writers.items()}
    names = list(next(iter(result.values())))
    rows = [
        [size, *(f"{one[name]:,.0f}" for name in names), f"{one['seodang'] / one['nn.LSTM']:.1f} x"]
        for size, one in result.items()
    ]
    table(["hidden size", *(f"{name}, characters/s" for name in names), "seodang / nn.LSTM"], rows)
    return result


def write_with_steps(network: LanguageNetwork, vocabulary: Vocabulary) -> Callable[[int], None]:
    """Ours, as `seodang generate` writes."""
    drawing = Sampling(temperature=0.8, top_k=40, top_p=0.95)
    steps = StepNetwork(network)

    def write(characters: int) -> None:
        for _ in Generator(steps, vocabulary, "a", drawing, seed=0).tokens(characters):
            pass

    return write


def write_with_layer(network: LanguageNetwork, layer: nn.LSTM | nn.LSTMCell) -> Callable[[int], None]:
    """The usual loop: embedding, one step of PyTorch's layer, scores, a draw; top-k and top-p would only slow it."""

    def write(characters: int) -> None:
        token = torch.ones(1, dtype=torch.int64)
        state: Any = None
        with torch.inference_mode():
            for _ in range(characters):
                embedded = network.embedding(token)
                if isinstance(layer, nn.LSTM):
                    hidden, state = layer(embedded.unsqueeze(0), state)
                    hidden = hidden[0]
                else:
                    state = layer(embedded, state)
                    hidden = state[0]
                token = torch.multinomial(torch.softmax(network.output(hidden) / 0.8, 1), 1)[0]

    return write


def characters_per_second(write: Callable[[int], None], characters: int) -> float:
    """The best of three after a warm-up: what else the machine does only slows."""
    write(characters // 10)
    times = []
    for _ in range(3):
        started = time.perf_counter()
        write(characters)
        times.append(time.perf_counter() - started)
    return characters / min(times)


def speed(options: argparse.Namespace) -> dict[str, Any]:
    """Characters trained a second: the same model, streams and chunks in Keras and here, in f32 and as shipped."""
    with tempfile.TemporaryDirectory() as folder:
        data = chunks_file(Path(folder), options.updates)
        keras = ask_keras(options, data)
    result: dict[str, Any] = {"keras": keras["characters_per_second"], "keras details": keras, "shape": SPEED_SHAPE}
    for precision in ("f32", "auto"):
        result[f"seodang {precision}"] = trained_per_second(precision, options.updates)
    rows = [
        [name, f"{result[name]:,.0f}", f"{result[name] / result['keras']:.2f} x"]
        for name in ("keras", "seodang f32", "seodang auto")
    ]
    table(["", "characters/s", "beside Keras"], rows)
    return result


def stream_source() -> tuple[StreamSource, int]:
    """Our streams of the training text, and the size of the vocabulary."""
    text = read_data(SOURCE, LanguageSettings()).parts["train"]
    vocabulary = Vocabulary.fit(text, "characters", None)
    numbers = vocabulary.encode(text)
    return StreamSource(numbers, int(SPEED_SHAPE["streams"]), int(SPEED_SHAPE["length"]), torch.device("cpu")), vocabulary.size


def chunks_file(folder: Path, updates: int) -> Path:
    """The very chunks that we train on, for Keras."""
    source, num_tokens = stream_source()
    chunks = [source.batch(work) for work in source.plan(0, 0)[:updates]]
    arrays = {
        "tokens": np.stack([chunk.tokens.numpy() for chunk in chunks]).astype(np.int32),
        "targets": np.stack([chunk.targets.numpy() for chunk in chunks]).astype(np.int32),
    }
    path = folder / "chunks.npz"
    np.savez(path, num_tokens=num_tokens, **arrays)
    return path


def trained_per_second(precision: str, updates: int) -> float:
    """The best of two rounds over the same chunks, after one that warms up."""
    device = choose_device("cpu", precision)
    source, num_tokens = stream_source()
    size = int(SPEED_SHAPE["hidden_size"])
    torch.manual_seed(0)
    network = LanguageNetwork(num_tokens, "lstm", size, size, dropout=float(SPEED_SHAPE["dropout"]))
    learner = LanguageLearner(network, source.streams, 4e-3, 0.0, device, 1.0)
    pieces = source.plan(0, 0)[:updates]
    times = []
    for _ in range(3):
        started = time.perf_counter()
        for piece in pieces:
            learner.update(source.batch(piece))
        times.append(time.perf_counter() - started)
    return sum(source.rows(piece) for piece in pieces) / min(times[1:])


def ask_keras(options: argparse.Namespace, data: Path) -> dict[str, Any]:
    """Run the Keras script in its own environment."""
    shape = ["--hidden-size", str(SPEED_SHAPE["hidden_size"]), "--dropout", str(SPEED_SHAPE["dropout"])]
    command = [options.keras, str(HERE / "keras_language.py"), "train", str(data), *shape, "--updates", str(options.updates)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    result: dict[str, Any] = json.loads(answer.strip().splitlines()[-1])
    return result


def seconds(one: dict[str, list[float]]) -> str:
    """How long training took, in seconds."""
    return f"{statistics.mean(one['seconds']):.0f} s"


def result_name(part: str, options: argparse.Namespace) -> str:
    """Of the file that keeps the figures of a part."""
    only = options.only.replace(" ", "-") if options.only and part == "quality" else ""
    return f"language-{part}" + (f"-{only}" if only else "")


if __name__ == "__main__":
    main()
