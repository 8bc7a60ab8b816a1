"""The Keras side of the text benchmark; runs in its own environment and answers with one line of JSON.

    python benchmarks/keras_text.py train data.npz lstm --epochs 1 --seed 0
    python benchmarks/keras_text.py outputs data.npz lstm weights.npz    # writes weights and outputs for the parity check

The models are those of the tutorials: embedding 64, dropout 0.2, then a bidirectional LSTM(64) or Conv1D(250, 3) with global
maximum, dense 250, dropout 0.2, dense 1; Adam, binary cross-entropy, batches of 32, padding read without a mask.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import layers


def build(name: str, vocabulary_size: int, length: int) -> Any:
    """A compiled model."""
    middle = {
        "lstm": [layers.Bidirectional(layers.LSTM(64))],
        "cnn": [layers.Conv1D(250, 3, activation="relu"), layers.GlobalMaxPooling1D()],
    }[name]
    model = keras.Sequential(
        [
            keras.Input((length,), dtype="int32"),
            layers.Embedding(vocabulary_size, 64),
            layers.Dropout(0.2),
            *middle,
            layers.Dense(250),
            layers.Dropout(0.2),
            layers.Activation("relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    return model


def train(data: Any, name: str, epochs: int, seed: int) -> dict[str, Any]:
    """Train and score after every epoch; the first epoch's time holds the compilation, so callers leave it out."""
    keras.utils.set_random_seed(seed)
    model = build(name, int(data["vocabulary_size"]), data["train_tokens"].shape[1])
    rows = []
    for _ in range(epochs):
        started = time.perf_counter()
        model.fit(data["train_tokens"], data["train_labels"], batch_size=32, epochs=1, verbose=0)
        seconds = time.perf_counter() - started
        scores = {
            part: model.evaluate(data[f"{part}_tokens"], data[f"{part}_labels"], batch_size=128, verbose=0)[1]
            for part in ("validation", "test")
        }
        rows.append({"seconds": seconds, **scores})
    return {"keras": keras.__version__, "backend": keras.backend.backend(), "parameters": model.count_params(), "epochs": rows}


def outputs(data: Any, name: str, path: str) -> dict[str, Any]:
    """Random weights and the model's logits on the first 64 test texts."""
    keras.utils.set_random_seed(1)
    model = build(name, int(data["vocabulary_size"]), data["train_tokens"].shape[1])
    weights = [np.random.default_rng(2).normal(0, 0.1, value.shape).astype(np.float32) for value in model.get_weights()]
    model.set_weights(weights)
    tokens = data["test_tokens"][:64]
    probabilities = model.predict(tokens, verbose=0)[:, 0]
    np.savez(path, *weights, tokens=tokens, probabilities=probabilities, names=[weight.path for weight in model.weights])
    return {"texts": len(tokens)}


def predict(data: Any, name: str) -> dict[str, Any]:
    """Texts a second on all test texts, milliseconds for one."""
    model = build(name, int(data["vocabulary_size"]), data["train_tokens"].shape[1])
    tokens = data["test_tokens"]
    model.predict(tokens[:256], batch_size=128, verbose=0)
    started = time.perf_counter()
    model.predict(tokens, batch_size=128, verbose=0)
    many = len(tokens) / (time.perf_counter() - started)
    times = []
    for row in range(50):
        started = time.perf_counter()
        model(tokens[row : row + 1])
        times.append(time.perf_counter() - started)
    return {"texts_per_second": many, "one_text_ms": 1000 * float(np.median(times))}


def main() -> None:
    """Parse, run, print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=["train", "outputs", "predict"])
    parser.add_argument("data")
    parser.add_argument("model", choices=["lstm", "cnn"])
    parser.add_argument("weights", nargs="?")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    data = np.load(options.data)
    if options.task == "train":
        answer = train(data, options.model, options.epochs, options.seed)
    elif options.task == "outputs":
        answer = outputs(data, options.model, options.weights)
    else:
        answer = predict(data, options.model)
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
