"""The Keras side of the language benchmark; runs in its own environment and answers with one line of JSON.

    python benchmarks/keras_language.py train data.npz --hidden-size 512 --updates 20

The model is the one of the benchmark: an embedding, one stateful LSTM over parallel streams, a score for each character; Adam,
cross-entropy, gradients clipped to length 1, dropout on the outputs. The state is carried from chunk to chunk, as ours is.
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


def build(num_tokens: int, streams: int, length: int, hidden_size: int, dropout: float) -> Any:
    """A compiled model."""
    model = keras.Sequential(
        [
            keras.Input(batch_shape=(streams, length), dtype="int32"),
            layers.Embedding(num_tokens, hidden_size),
            layers.LSTM(hidden_size, return_sequences=True, stateful=True),
            layers.Dropout(dropout),
            layers.Dense(num_tokens),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(4e-3, global_clipnorm=1.0), loss=loss)
    return model


def train(data: Any, hidden_size: int, dropout: float, updates: int) -> dict[str, Any]:
    """Characters a second over some updates, the better of two rounds after one that compiles and warms up."""
    keras.utils.set_random_seed(0)
    tokens, targets = data["tokens"], data["targets"]  # (chunks, streams, length), in the order of each stream
    chunks, streams, length = tokens.shape
    model = build(int(data["num_tokens"]), streams, length, hidden_size, dropout)
    used = min(updates, chunks)
    x, y = (part[:used].reshape(used * streams, length) for part in (tokens, targets))
    losses, seconds = [], []
    for _ in range(3):
        started = time.perf_counter()
        history = model.fit(x, y, batch_size=streams, epochs=1, shuffle=False, verbose=0)
        seconds.append(time.perf_counter() - started)
        losses.append(float(history.history["loss"][0]))
    return {
        "keras": keras.__version__,
        "backend": keras.backend.backend(),
        "parameters": model.count_params(),
        "losses": losses,
        "characters_per_second": used * streams * length / min(seconds[1:]),
    }


def main() -> None:
    """Parse, run, print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=["train"])
    parser.add_argument("data")
    parser.add_argument("--hidden-size", type=int, default=512)
    parser.add_argument("--dropout", type=float, default=0.2)
    parser.add_argument("--updates", type=int, default=20)
    options = parser.parse_args()
    print(json.dumps(train(np.load(options.data), options.hidden_size, options.dropout, options.updates)))


if __name__ == "__main__":
    main()
