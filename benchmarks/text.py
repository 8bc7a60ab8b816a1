"""Text classification beside its peers, on the real IMDB reviews, two cores, nothing else running.

    make benchmark-text                                   # everything, hours
    python benchmarks/text.py speed                       # seconds an epoch: Keras, ours as in the tutorial, ours as shipped
    python benchmarks/text.py parity                      # the same weights give the same outputs as Keras
    python benchmarks/text.py accuracy --seeds 5          # cnn and lstm, beside Keras with the same model
    python benchmarks/text.py best --seeds 5              # the default model, beside the n-gram yardstick
    python benchmarks/text.py predict                     # texts a second, milliseconds for one text

Every part prints a table and writes its figures to benchmarks/results/<part>.json with the machine they were measured on.
Needs the data set `imdb` (SEODANG_MIRROR or a download) and, for Keras, the environment of benchmarks/requirements.txt.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

import seodang
from figures import save, spread, table
from seodang.core.device import choose_device
from seodang.core.family import StageContext, Trained
from seodang.core.run import RunFolder
from seodang.core.seeds import mix
from seodang.core.trainer import fit
from seodang.families.text.data import TextData, class_numbers, read_data
from seodang.families.text.family import FAMILY
from seodang.families.text.head import TextNetwork
from seodang.families.text.model import build_network
from seodang.families.text.settings import TextSettings, classic

HERE = Path(__file__).parent
KERAS = HERE / ".env-keras" / "bin" / "python"
MODELS = ("lstm", "cnn")


def main() -> None:
    """Run one part, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["speed", "parity", "accuracy", "best", "predict", "all"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=10, help="epochs of the tutorial's models in `accuracy`")
    parser.add_argument(
        "--only", help="one side of `accuracy` (shipped, classic, keras), one data set of `best`; written to a file of its own"
    )
    parser.add_argument("--keras", default=str(KERAS), help="python of the environment with Keras")
    options = parser.parse_args()
    parts = {"speed": speed, "parity": parity, "accuracy": accuracy, "best": best, "predict": predict}
    for name, part in parts.items():
        if options.part in (name, "all"):
            save(result_name(name, options), part(options))


def speed(options: argparse.Namespace) -> dict[str, Any]:
    """Seconds of one epoch over the same rows; the second epoch, because Keras compiles in the first."""
    with tempfile.TemporaryDirectory() as folder:
        data, rows = keras_data(Path(folder))
        result: dict[str, Any] = {"rows": rows}
        for model in MODELS:
            keras = ask_keras(options, "train", data, model, "--epochs", "2")
            result[model] = {
                "keras": keras["epochs"][1]["seconds"],
                "classic f32": epoch_seconds({**classic(), "model": model, "epochs": 2}, "f32", folder),
                "classic bf16": epoch_seconds({**classic(), "model": model, "epochs": 2}, "bf16", folder),
                "shipped f32": epoch_seconds({"model": model, **same_size()}, "f32", folder),
                "shipped": epoch_seconds({"model": model, **same_size()}, "auto", folder),
            }
    table(
        ["model", *result["lstm"], "classic f32 / keras", "shipped / keras"],
        [
            [
                model,
                *(f"{s:.1f} s" for s in result[model].values()),
                f"{result[model]['classic f32'] / result[model]['keras']:.2f}",
                f"{result[model]['shipped'] / result[model]['keras']:.2f}",
            ]
            for model in MODELS
        ],
    )
    for kind in ("classic f32", "classic bf16", "shipped f32", "shipped"):
        print(f"lstm / cnn, {kind}: {result['lstm'][kind] / result['cnn'][kind]:.2f}")
    return result


def same_size() -> dict[str, Any]:
    """Our own reading, batches and precision on a network of the tutorial's size, so that only the work differs."""
    return {"vocabulary_size": 4000, "max_length": 400, "embedding_dim": 64, "batch_size": 32, "epochs": 2, "patience": None}


def epoch_seconds(settings: dict[str, Any], precision: str, folder: str) -> float:
    """Training time of the second epoch, without reading, evaluation and checkpoints."""
    rows = [row for row in fitted(settings, precision, folder).run.rows("timings.jsonl") if "rows" in row]
    half = max(row["step"] for row in rows) // 2
    return float(sum(row["seconds"] for row in rows if row["step"] > half))


def fitted(settings: dict[str, Any], precision: str, folder: str) -> Trained[TextSettings]:
    """A single network trained on IMDB as `seodang train` does it, but without the yardstick, which is the same every time."""
    given = FAMILY.settings_type.from_flat(settings)
    prepared = FAMILY.prepare(imdb(), given)
    device = choose_device("cpu", precision)
    torch.manual_seed(mix(prepared.settings.training.seed, "train"))
    context = StageContext(prepared.settings, prepared.preprocessing, imdb(), device, {})
    work = FAMILY.stages(prepared.settings)[0].build(context)
    run = RunFolder.create(Path(folder) / "fitted", "text")
    for _ in fit("train", work, run, checkpoint_seconds=1e9):
        pass
    weights = {"train": run.stage_weights("train")}
    return Trained(run, prepared.settings, prepared.preprocessing, weights, device.exact())


@cache
def imdb() -> TextData:
    """The reviews, read once; validation films are held out of the training part."""
    return read_data("imdb", TextSettings())


def parity(options: argparse.Namespace) -> dict[str, Any]:
    """Keras's weights in our `classic` networks: largest difference of the probabilities over 64 reviews."""
    choose_device("cpu", "f32")
    result = {}
    with tempfile.TemporaryDirectory() as folder:
        data, _ = keras_data(Path(folder))
        for model in MODELS:
            path = Path(folder) / f"{model}.npz"
            ask_keras(options, "outputs", data, model, str(path))
            saved = np.load(path)
            pooling = {"pooling": "last"} if model == "lstm" else {}
            settings = TextSettings.from_flat({**classic(), "model": model, **pooling})
            network = build_network(settings, 4000, 2).eval()
            load_keras_weights(network, [saved[f"arr_{index}"] for index in range(len(saved["names"]))])
            tokens = torch.from_numpy(saved["tokens"]).long()
            with torch.inference_mode():
                ours = torch.sigmoid(network(tokens, torch.full((len(tokens),), tokens.shape[1]))).squeeze(1).numpy()
            result[model] = float(np.abs(ours - saved["probabilities"]).max())
    table(["model", "largest difference of a probability"], [[model, f"{gap:.1e}"] for model, gap in result.items()])
    return result


def load_keras_weights(network: TextNetwork, weights: list[np.ndarray[Any, Any]]) -> None:
    """Copy Keras's arrays, in the order of its layers, into our network; PyTorch's second bias of a gate becomes zero."""
    embedding, *middle, dense, dense_bias, output, output_bias = (torch.from_numpy(array) for array in weights)
    state = {
        "embedding.weight": embedding,
        "dense.weight": dense.T,
        "dense.bias": dense_bias,
        "output.weight": output.T,
        "output.bias": output_bias,
    }
    if len(middle) == 2:  # convolution: (width, in, out) in Keras, (out, in, width) in PyTorch
        state |= {"convolution.weight": middle[0].permute(2, 1, 0), "convolution.bias": middle[1]}
    else:  # kernel, recurrent kernel and bias of each direction; gates i, f, g, o in both libraries
        for name, (kernel, recurrent, bias) in {"forwards": middle[:3], "backwards": middle[3:]}.items():
            state |= {f"{name}.weight_ih_l0": kernel.T, f"{name}.weight_hh_l0": recurrent.T}
            state |= {f"{name}.bias_ih_l0": bias, f"{name}.bias_hh_l0": torch.zeros_like(bias)}
    network.load_state_dict(state)


def accuracy(options: argparse.Namespace) -> dict[str, Any]:
    """Test accuracy at the epoch that is best on held-out films; saved after every seed, since all of them take hours."""
    result: dict[str, Any] = {"tutorial_epochs": options.epochs, **{model: {} for model in MODELS}}
    with tempfile.TemporaryDirectory() as folder:
        data, _ = keras_data(Path(folder))

        def keras(model: str, seed: int) -> float:
            found = ask_keras(options, "train", data, model, "--epochs", str(options.epochs), "--seed", str(seed))
            return float(max(found["epochs"], key=lambda row: row["validation"])["test"])

        def classic_network(model: str, seed: int) -> float:
            return test_accuracy({**classic(), "epochs": options.epochs, "model": model, "seed": seed}, folder)

        def shipped(model: str, seed: int) -> float:
            return test_accuracy({"model": model, "seed": seed}, folder)

        sides = {"shipped": shipped, "classic": classic_network, "keras": keras}
        chosen = [side for side in sides if options.only in (None, side)]
        for side, model in itertools.product(chosen, reversed(MODELS)):
            result[model][side] = []
            for seed in range(options.seeds):
                result[model][side].append(sides[side](model, seed))
                print(f"{side} {model}, seed {seed}: {result[model][side][-1]:.4f}", flush=True)
                save(result_name("accuracy", options), result)
    table(["model", *chosen], [[model, *(spread(result[model][side]) for side in chosen)] for model in MODELS])
    return result


def best(options: argparse.Namespace) -> dict[str, Any]:
    """The default model on three data sets, with its wall-clock time and the yardstick."""
    result: dict[str, Any] = {}
    rows = []
    for name, source, extra in (
        ("imdb", "imdb", {}),
        ("imdb-unlabelled", "imdb", {"unlabelled": "own"}),
        ("nsmc-rebuilt", "nsmc-rebuilt", {}),
    ):
        if options.only not in (None, name):
            continue
        found: dict[str, list[float]] = {"accuracy": [], "minutes": [], "yardstick": [], "without_repeats": []}
        for seed in range(options.seeds):
            with tempfile.TemporaryDirectory() as folder:
                started = time.monotonic()
                run = seodang.train("text", source, runs=folder, seed=seed, **extra)
                found["minutes"].append((time.monotonic() - started) / 60)
                evaluation = run.evaluation
            found["accuracy"].append(evaluation["measures"]["accuracy"]["value"])
            found["yardstick"].append(evaluation["yardstick"]["accuracy"]["value"])
            found["without_repeats"].append(accuracy_without_repeats(evaluation))
            print(f"{name}, seed {seed}: " + ", ".join(f"{k} {v[-1]:.4f}" for k, v in found.items() if v), flush=True)
            result[name] = found
            save(result_name("best", options), result)
        minutes = statistics.mean(found["minutes"])
        apart = spread(found["without_repeats"])
        rows.append([name, spread(found["accuracy"]), f"{found['yardstick'][0]:.4f}", apart, f"{minutes:.1f} min"])
    table(["data", "best", "yardstick", "best, rows that repeat a training text left out", "all told"], rows)
    return result


def accuracy_without_repeats(evaluation: dict[str, Any]) -> float:
    """Accuracy on the test rows that repeat no training text; on all of them where none does."""
    repeats = evaluation["tables"].get("repeats")
    if repeats is None:
        return float(evaluation["measures"]["accuracy"]["value"])
    column = repeats["headers"].index("accuracy")
    return float(next(row[column] for row in repeats["rows"] if row[0] == "do not"))


def predict(options: argparse.Namespace) -> dict[str, Any]:
    """Texts a second for the 25,000 test reviews, from raw text; milliseconds for one."""
    result: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        data, _ = keras_data(Path(folder))
        texts = imdb().parts["test"].texts
        for model in (*MODELS, "best"):
            run = seodang.train("text", "imdb", runs=folder, model=model, **({} if model == "best" else {"epochs": 1}))
            engines = {"torch": seodang.load(run.path).predictor}
            run.export()
            engines["onnx"] = seodang.load(run.path, engine="onnx").predictor
            result[model] = {}
            for engine, predictor in engines.items():
                many, one = time_prediction(predictor, texts)
                result[model] |= {f"{engine} texts/s": many, f"{engine} ms": one}
            if model in MODELS:
                keras = ask_keras(options, "predict", data, model)
                result[model] |= {"keras texts/s": keras["texts_per_second"], "keras ms": keras["one_text_ms"]}
    names = list(dict.fromkeys(name for row in result.values() for name in row))
    table(["model", *names], [[m, *(f"{row[n]:,.1f}" if n in row else "-" for n in names)] for m, row in result.items()])
    return result


def time_prediction(predictor: Any, texts: list[str]) -> tuple[float, float]:
    """Texts a second for all, median milliseconds for one."""
    predictor.probabilities(texts[:256])
    started = time.perf_counter()
    predictor.probabilities(texts)
    many = len(texts) / (time.perf_counter() - started)
    times = []
    for text in texts[:50]:
        started = time.perf_counter()
        predictor.probabilities([text])
        times.append(time.perf_counter() - started)
    return many, 1000 * statistics.median(times)


def keras_data(folder: Path) -> tuple[Path, int]:
    """The very numbers that `classic` trains on, for Keras: texts of each part padded to 400."""
    data = imdb()
    vocabulary = data.tokenised("train", "words").vocabulary(4000)
    arrays: dict[str, Any] = {"vocabulary_size": len(vocabulary)}
    labels = sorted(set(data.parts["train"].labels))
    for name, part in data.parts.items():
        texts = data.encode(name, vocabulary, 400)
        arrays[f"{name}_tokens"] = texts.padded(np.arange(len(texts)), 400).astype(np.int32)
        arrays[f"{name}_labels"] = class_numbers(part.labels, labels)
    path = folder / "imdb.npz"
    np.savez(path, **arrays)
    return path, len(data.parts["train"].texts)


def ask_keras(options: argparse.Namespace, task: str, data: Path, model: str, *more: str) -> dict[str, Any]:
    """Run the Keras script in its own environment."""
    command = [options.keras, str(HERE / "keras_text.py"), task, str(data), model, *more]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    result: dict[str, Any] = json.loads(answer.strip().splitlines()[-1])
    return result


def test_accuracy(settings: dict[str, Any], folder: str) -> float:
    """Accuracy on the test part of IMDB at the epoch that is best on the validation films."""
    predictor, test = FAMILY.predictor(fitted(settings, "auto", folder)), imdb().parts["test"]
    right = predictor.probabilities(test.texts).argmax(1) == class_numbers(test.labels, predictor.labels)
    return float(right.mean())


def result_name(part: str, options: argparse.Namespace) -> str:
    """Of the file that keeps the figures of a part."""
    return f"text-{part}" + (f"-{options.only}" if options.only else "")


if __name__ == "__main__":
    main()
