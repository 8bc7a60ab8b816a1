"""Word vectors beside gensim: the same corpus, the same settings, one run; nothing else running on the machine.

    make benchmark-words                                  # about half an hour on two cores
    python benchmarks/words.py --characters 2000000 --seeds 1 --epochs 1      # a quick try

Each side trains in a process of its own and is timed without reading the corpus; both sets of vectors are then scored by the
same code. Prints a table and writes benchmarks/results/words.json with the machine it was measured on. Needs the data sets
`wikipedia-sample`, `google-analogies`, `wordsim-353`, `simlex-999` and `men` (SEODANG_MIRROR), and for gensim the environment
of benchmarks/requirements.txt.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from figures import save
from seodang.core.device import choose_device
from seodang.core.family import StageContext
from seodang.core.run import RunFolder
from seodang.core.trainer import fit
from seodang.data.corpus import read_corpus
from seodang.data.word_vector_files import read_word_vectors
from seodang.data.word_vectors import WordVectors
from seodang.families.words.data import read_data
from seodang.families.words.evaluation import ANALOGIES, SIMILARITIES, answer, questions
from seodang.families.words.family import FAMILY
from seodang.families.words.settings import SETTINGS

HERE = Path(__file__).parent
GENSIM = HERE / ".env-keras" / "bin" / "python"
SCORES = {"analogies": ANALOGIES, **SIMILARITIES}
LINE_WORDS = 1000  # gensim wants sentences; both sides read lines of so many words


def main() -> None:
    """Train both sides on 1 and 2 threads with several seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--characters", type=int, default=60_000_000)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--method", choices=["skip-gram", "cbow"], default="skip-gram")
    parser.add_argument("--gensim", default=str(GENSIM), help="python of the environment with gensim")
    parser.add_argument("--ours", help=argparse.SUPPRESS)  # a process of its own for one training
    options = parser.parse_args()
    if options.ours:
        print(json.dumps(train_ours(**json.loads(options.ours))))
        return
    with tempfile.TemporaryDirectory() as folder:
        corpus = write_corpus(Path(folder), options.characters)
        rows = [
            measure(side, threads, seed, corpus, options)
            for threads in options.threads
            for seed in range(1, options.seeds + 1)
            for side in ("gensim", "seodang")
        ]
    print_table(rows, options)
    settings = {name: value for name, value in vars(options).items() if name not in ("gensim", "ours")}
    save("words", {"settings": settings, "rows": rows})


def write_corpus(folder: Path, characters: int) -> Path:
    """The beginning of the sample of Wikipedia, in lines."""
    words = read_corpus("wikipedia-sample").text[:characters].split()
    path = folder / "corpus.txt"
    lines = (" ".join(words[start : start + LINE_WORDS]) for start in range(0, len(words), LINE_WORDS))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def measure(side: str, threads: int, seed: int, corpus: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Train one side once: words a second, and scores."""
    out = corpus.with_name(f"{side}-{threads}-{seed}.bin")
    job = json.dumps(
        {
            "corpus": str(corpus),
            "out": str(out),
            "threads": threads,
            "seed": seed,
            "epochs": options.epochs,
            "method": options.method,
        }
    )
    if side == "gensim":
        command = [options.gensim, str(HERE / "gensim_words.py"), job]
    else:
        command = [sys.executable, __file__, "--ours", job]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    result = json.loads(done.stdout.strip().splitlines()[-1])
    row = {"side": side, "threads": threads, "seed": seed, **result, **scores(read_word_vectors(out))}
    print(json.dumps(row), flush=True)
    return row


def scores(vectors: WordVectors) -> dict[str, float | None]:
    """What vectors reach on each test."""
    return {name: answer(vectors, questions(source)).score for name, source in SCORES.items()}


def train_ours(corpus: str, out: str, threads: int, seed: int, epochs: int, method: str) -> dict[str, Any]:
    """Train and write the vectors; the time is that of all steps, snapshots and rows of metrics."""
    from seodang.data.word_vector_files import write_word_vectors
    from seodang.families.words.predictor import make_predictor
    from seodang.families.words.vocabulary import WordVocabulary

    given = SETTINGS.from_flat({"epochs": epochs, "seed": seed, "method": method})
    data = read_data(corpus, given)
    prepared = FAMILY.prepare(data, given)
    device = choose_device("cpu", "f32", threads)
    torch.manual_seed(seed)
    work = FAMILY.stages(prepared.settings)[0].build(StageContext(prepared.settings, prepared.preprocessing, data, device, {}))
    with tempfile.TemporaryDirectory() as folder:
        run = RunFolder.create(Path(folder), "words")
        started = time.perf_counter()
        for _ in fit("train", work, run, checkpoint_seconds=1e9):
            pass
        seconds = time.perf_counter() - started
        weights = run.stage_weights("train")
    vocabulary = WordVocabulary.from_json(prepared.preprocessing["vocabulary"])
    write_word_vectors(Path(out), make_predictor(vocabulary, prepared.settings, weights).vectors)
    words = int(data.encoded.counts().sum()) * epochs
    return {"seconds": seconds, "words": words, "words_per_second": words / seconds}


def print_table(rows: list[dict[str, Any]], options: argparse.Namespace) -> None:
    """Means over the seeds, with the least and the greatest; and how many times faster."""
    names = ["words_per_second", *SCORES]
    print("| side | threads | " + " | ".join(names) + " |\n|" + "---|" * (len(names) + 2))
    speeds = {}
    for threads in options.threads:
        for side in ("gensim", "seodang"):
            chosen = [row for row in rows if (row["side"], row["threads"]) == (side, threads)]
            speeds[side, threads] = statistics.mean(row["words_per_second"] for row in chosen)
            cells = [spread([row[name] for row in chosen], name) for name in names]
            print(f"| {side} | {threads} | " + " | ".join(cells) + " |")
        print(f"{threads} threads: {speeds['seodang', threads] / speeds['gensim', threads]:.2f} times gensim's words a second")


def spread(values: list[float | None], name: str) -> str:
    """Mean, least and greatest."""
    found = [value for value in values if value is not None]
    if not found:
        return "-"
    form = "{:,.0f}" if name == "words_per_second" else "{:.4f}"
    return f"{form.format(statistics.mean(found))} ({form.format(min(found))}-{form.format(max(found))})"


if __name__ == "__main__":
    main()
